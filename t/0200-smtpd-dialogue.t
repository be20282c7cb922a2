#!/usr/bin/perl
# The dialogue over a real socket: order of replies, pipelining, line ends,
# overlong lines, errors, time, half-closed clients, limits on sessions.
# also sanitized
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Smtp;
use Time::HiRes qw(time sleep);

unless ($ENV{SEMAIL_INNER}) {
	exec "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
semail_conf "smtp-processes 1" "smtp-timeout 2s" "address-session-limit 8" \
    "recipient-limit 100"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
export SEMAIL_INNER=1 T conf semail_bin smtp_port submission_port
perl "$1"
X
}
my $port = $ENV{smtp_port};
my $txn = "MAIL FROM:<a\@elsewhere.test>\r\nRCPT TO:<one\@here.test>\r\n";

my $c = Smtp->new($port);
like($c->reply, qr/^220 mail\.test ESMTP/, "greeting");
my $ehlo = $c->say("EHLO client.test");
like($ehlo, qr/^250-mail\.test\n/, "EHLO");
for my $word (qw(PIPELINING STARTTLS 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES CHUNKING)) {
	like($ehlo, qr/^250[ -]\Q$word\E$/m, "offers $word");
}
like($ehlo, qr/^250[ -]SIZE \d+$/m, "offers SIZE");
ok($ehlo !~ /AUTH/, "no AUTH on port 25");
is($c->codes("NOOP", "VRFY one", "EXPN list", "HELP", "RSET", "FOO", "QUIT"),
    "250 252 502 214 250 500 221", "simple commands");
ok(!defined $c->reply, "closed after QUIT");

# A whole session in one write, and in single octets.
my $all = "EHLO c\r\n${txn}RCPT TO:<nobody\@here.test>\r\nDATA\r\nSubject: p\r\n\r\n"
    . "x\r\n.\r\nNOOP\r\n${txn}DATA\r\ny\r\n.\r\nQUIT\r\n";
my $want = "220 250 250 250 550 354 250 250 250 250 354 250 221";
$c = Smtp->new($port);
$c->put($all);
is($c->all_codes, $want, "pipelined in one write");
$c = Smtp->new($port);
for my $octet (split //, $all) { $c->put($octet) }
is($c->all_codes, $want, "octet by octet");
ok(wait_for(20, sub { mails('one@here.test') == 4 }), "four messages came");

# Lines that are none.
$c = Smtp->hello($port);
$c->put("NOOP\nMAIL FROM:<a\@x.test>\r\nNOOP\r\n");
is(Smtp::code($c->reply) . " " . Smtp::code($c->reply), "500 250",
    "what stands behind a bare LF is no command");
is($c->codes("NO\0OP", "NO\rOP", "DATA"), "500 500 503", "NUL, bare CR");
for my $length (2047, 2049, 8192, 1 << 20) {
	$c->put("NOOP " . ("x" x ($length - 7)) . "\r\n");
	is(Smtp::code($c->reply), $length < 2049 ? "250" : "500", "a line of $length octets");
	is($c->codes("NOOP"), "250", "and then all is well");
}
$c->close;

$c = Smtp->hello($port);
is(join(" ", map { Smtp::code($c->say("BAD")) } 1 .. 20),
    join(" ", ("500") x 19, "421"), "twenty errors");
ok(!defined $c->reply, "and the end");

# More recipients than fit: the rest is told "later", nobody is thrown out.
$c = Smtp->hello($port);
$c->say("MAIL FROM:<a\@elsewhere.test>");
my %count;
for my $i (1 .. 250) { $count{ Smtp::code($c->say("RCPT TO:<one+$i\@here.test>")) }++ }
ok(($count{250} || 0) == 100 && ($count{452} || 0) == 150,
    "250 recipients: " . join " ", map { "$_:$count{$_}" } sort keys %count);
$c->close;

# Time: an idle client, one that drips a command, one that drips a body.
my $start = time;
$c = Smtp->hello($port);
like($c->reply(10), qr/^421 4\.4\.2/, "an idle client is told why");
ok(!defined $c->reply(5) && time - $start < 8, "and closed in time");
$start = time;
$c = Smtp->hello($port);
while (time - $start < 10) {
	$c->put("N") or last;
	my $r = $c->reply(0.3);
	last if !defined $r || length $r;
}
ok(time - $start < 8, "a dripped command ends");
$start = time;
$c = Smtp->hello($port);
$c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA");
while (time - $start < 30) {
	$c->put("x\r\n") or last;
	my $r = $c->reply(0.3);
	last if !defined $r || length $r;
}
ok(time - $start > 4 && time - $start < 25, "a dripped body ends, later");

# Sessions of one address; they count down again.
wait_for(10, sub { status_of() =~ /"role":"smtpd".*?"sessions":0\b/s });
my @held = map { Smtp->hello($port) } 1 .. 8;
is(scalar(grep { defined } @held), 8, "eight sessions from here");
like(Smtp->new($port)->reply, qr/^421 4\.7\.0/, "not nine");
my $other = Smtp->new($port, from => "127.0.0.2");
like($other->reply, qr/^220/, "another address is served");
$_->close for @held, $other;
ok(wait_for(5, sub { my $x = Smtp->new($port); my $r = $x && $x->reply; $x && $x->close;
	defined $r && $r =~ /^220/ }), "and so are we, after they went");

# A client that closes its side after the dot still hears, and is let go.
$c = Smtp->new($port);
$c->put("EHLO c\r\n${txn}DATA\r\nhalf\r\n.\r\n");
shutdown $c->{s}, 1;
is($c->all_codes, "220 250 250 250 354 250", "half-closed: it hears all of it");
ok(wait_for(5, sub { status_of() =~ /"role":"smtpd".*?"sessions":0\b/s }),
    "no session is left over");
ok(wait_for(20, sub { mails('one@here.test') == 5 }), "and its message came");

# One that vanishes before the dot leaves nothing.
for my $body ("", "Subject: gone\r\n\r\ntext\r\n", "x\r\n.", "x\r\n.\r", "z" x 400_000) {
	$c = Smtp->hello($port);
	$c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA");
	$c->put($body);
	$c->close;
}
$c = Smtp->hello($port);
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA"), "250 250 354", "after them");
$c->put("last\r\n.\r\n");
like($c->reply, qr/^250 2\.0\.0 .* [0-9a-z]{13}$/, "the reply names the queue id");
ok(wait_for(20, sub { mails('one@here.test') >= 6 }), "it came");
is(mails('one@here.test'), 6, "and nothing of those");

# Stopping: who is idle hears it.
$c = Smtp->hello($port);
system("'$ENV{semail_bin}' -f '$ENV{conf}' stop >/dev/null 2>&1 &");
like($c->reply(10), qr/^421 4\.3\.2/, "421 at a stop");
done_testing();
