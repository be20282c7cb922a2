#!/usr/bin/perl
# authd or queued gone, stopped, or dying with a question open: 451, nothing
# lost, and service returns by itself. A reload changes new sessions only.
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
semail_conf "smtp-processes 1" "plaintext-login loopback"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
export SEMAIL_INNER=1 T conf semail_bin smtp_port submission_port
perl "$1"
X
}
my $port = $ENV{smtp_port};
my $accepted = 0;

sub send_one { # replies to MAIL RCPT DATA and the text, as far as they go
	my ($c, $text) = @_;
	my @r = map { Smtp::code($c->say($_)) } "MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>";
	if ($r[1] eq "250") {
		push @r, Smtp::code($c->say("DATA"));
		$c->put("$text\r\n.\r\n");
		push @r, Smtp::code($c->reply(30));
		$accepted++ if $r[-1] eq "250";
	}
	$c->say("RSET");
	return "@r";
}
sub works { my $c = Smtp->hello($port); return $c && send_one($c, "again") eq "250 250 354 250" }
# Stop it, so that a question stays open, put the question, then kill it.
sub die_with_question {
	my ($role, $c, $question) = @_;
	my $pid = pid_of($role);
	kill STOP => $pid;
	$c->put($question);
	my $early = $c->reply(0.5);
	kill KILL => $pid;
	return ($early, Smtp::code($c->reply(20)));
}

my $c = Smtp->hello($port);
is(send_one($c, "first"), "250 250 354 250", "all is well");

$c->say("MAIL FROM:<a\@x.test>");
is(join("|", die_with_question("authd", $c, "RCPT TO:<one\@here.test>\r\n")), "|451",
    "authd dies with the recipient: 451");
ok(wait_for(20, \&works), "and service returns");
is($c->codes("RSET", "NOOP"), "250 250", "the session went on");

my $s = Smtp->hello($ENV{submission_port});
is(join("|", die_with_question("authd", $s, "AUTH PLAIN AG9uZUBoZXJlLnRlc3QAc2VjcmV0LTE=\r\n")),
    "|454", "authd dies with the password: 454");
ok(wait_for(20, sub { my $r = Smtp::code($s->say("AUTH PLAIN AG9uZUBoZXJlLnRlc3QAc2VjcmV0LTE=")); $r eq "235" }),
    "and the login works again");
is(join("|", die_with_question("authd", $s, "MAIL FROM:<one\@here.test>\r\n")), "|451",
    "authd dies with the sender: 451");
$s->close;
ok(wait_for(20, \&works), "and service returns");

is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA"), "250 250 354", "DATA");
is(join("|", die_with_question("queued", $c, "unsure\r\n.\r\n")), "|451",
    "queued dies with the message: 451");
ok(wait_for(20, \&works), "and service returns");

# A large body under way: its pipe breaks.
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA"), "250 250 354", "a large one");
$c->put("x" x 70 . "\r\n") for 1 .. 10_000;
wait_for(5, sub { glob "$ENV{T}/state/queue/body/*" or glob "$ENV{T}/state/queue/body/*/*" });
kill KILL => pid_of("queued");
$c->put("y" x 70 . "\r\n") for 1 .. 10_000;
$c->put(".\r\n");
is(Smtp::code($c->reply(30)), "451", "queued dies in the middle: read to its end, 451");
ok(wait_for(20, \&works), "and service returns");

# The channel is down, nothing can even be asked.
my $authd = pid_of("authd");
kill KILL => $authd;
my $r = send_one($c, "just then");
ok($r =~ /^250 451$/ || $r =~ /^250 250 354 (?:250|451)$/, "right after a kill: $r");
ok(wait_for(20, \&works), "and service returns");

# A client that vanishes while its message is on its way to the disk: whatever
# became of it, nobody else notices, and no session stays.
my $pid = pid_of("queued");
my $gone = Smtp->hello($port);
$gone->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA");
kill STOP => $pid;
$gone->put("vanished\r\n.\r\n");
sleep 0.2;
$gone->close;
kill CONT => $pid;
ok(wait_for(20, \&works), "a client vanished, others are served");
my $half = Smtp->new($port);
$half->put("EHLO c\r\nMAIL FROM:<a\@x.test>\r\nRCPT TO:<one\@here.test>\r\nDATA\r\n");
wait_for(5, sub { $half->reply =~ /^354/ });
$pid = pid_of("queued");
kill STOP => $pid;
$half->put("half-closed\r\n.\r\n");
shutdown $half->{s}, 1;
sleep 0.2; # so that its end is seen while the answer is awaited
kill CONT => $pid;
is(Smtp::code($half->reply), "250", "a half-closed client hears of its message");
ok(!defined $half->reply, "and is let go");
$accepted++;
$c->close;
sub sessions { return status_of() =~ /"role":"smtpd".*?"sessions":(\d+)/s ? $1 : -1 }
$c = Smtp->hello($port);
is(wait_for(5, sub { sessions() == 1 }) ? 1 : sessions(), 1, "no session stays behind, but ours");

# TLS that never comes to be.
for my $tail ("", "garbage\r\n" x 10, "\x16\x03\x01\x00\x05") {
	my $t = Smtp->hello($port);
	is($t->codes("STARTTLS"), "220", "STARTTLS");
	$t->put($tail);
	$t->close;
}
is(wait_for(10, sub { sessions() == 1 }) ? 1 : sessions(), 1, "and no session stays");

# No descriptor for another client: no spinning, and it passes.
$pid = pid_of("smtpd");
my $in_use = () = glob "/proc/$pid/fd/*";
sub ticks { open my $f, "<", "/proc/$pid/stat" or return 0; my @s = split ' ', <$f>; return $s[13] + $s[14] }
# As its own user: other users' limits may be out of reach even for root.
sub files_max {
	my ($max) = @_;
	open my $f, "<", "/proc/$pid/status" or return;
	my $status = join "", <$f>;
	my ($uid) = $status =~ /^Uid:\s+(\d+)/m;
	my ($gid) = $status =~ /^Gid:\s+(\d+)/m;
	my $as = $> == 0 && $uid ? "setpriv --reuid=$uid --regid=$gid --clear-groups" : "";
	return system("$as prlimit --pid $pid --nofile=$max: 2>/dev/null") == 0;
}
SKIP: {
	if (!files_max($in_use + 2)) {
		ok(1, "out of descriptors # SKIP prlimit may not");
		last;
	}
	my @many = grep { defined } map { Smtp->new($port) } 1 .. 6;
	sleep 0.5;
	my $before = ticks();
	sleep 1.5;
	my $spent = ticks() - $before;
	ok($spent < 50, "out of descriptors it waits ($spent ticks in 1.5 s)");
	is($c->codes("NOOP"), "250", "and serves who is there");
	files_max(4096);
	is(scalar(grep { ($_->reply(5) || "") =~ /^220/ } @many), 6, "the others come in later");
	$_->close for @many;
}
my $log = wait_for(10, sub { open my $f, "<", "$ENV{T}/semail.log" or return; local $/; <$f> =~ /accepted queue=\w+/ });
ok($log, "what was accepted is in the log");

# A reload in the middle of a submission.
$s = Smtp->hello($ENV{submission_port});
is($s->codes("AUTH PLAIN AG9uZUBoZXJlLnRlc3QAc2VjcmV0LTE=", "MAIL FROM:<one\@here.test>",
    "RCPT TO:<one\@here.test>", "DATA"), "235 250 250 354", "a submission");
$s->put("Subject: reload\r\n");
system("sed -i 's/^hostname .*/hostname changed.test/' '$ENV{conf}'");
system("echo message-size-limit 64K >>'$ENV{conf}'");
is(system("'$ENV{semail_bin}' -f '$ENV{conf}' reload >/dev/null 2>&1"), 0, "reload");
$s->put("\r\n" . ("text\r\n" x 20_000) . ".\r\n");
is(Smtp::code($s->reply), "250", "goes on over a reload");
$accepted++;
my $new = Smtp->new($port);
like($new->reply, qr/^220 changed\.test/, "new sessions have the new name");
like($new->say("EHLO c"), qr/^250-SIZE 65536$/m, "and the new limit");
is($s->codes("MAIL FROM:<one\@here.test> SIZE=100000"), "250", "an old one keeps what it was told");

ok(wait_for(30, sub { mails('one@here.test') >= $accepted }), "all $accepted accepted messages arrived");
my @texts = mail_texts('one@here.test');
ok(!grep({ /y{70}/ } @texts), "none in part");
done_testing();
