#!/usr/bin/perl
# Bodies: SIZE, CHUNKING with a large one, limits, loops, memory while large
# ones come in, and clients that are slow or greedy beside one that is not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Digest::SHA qw(sha256_hex);
use Smtp;
use Time::HiRes qw(time sleep);

unless ($ENV{SEMAIL_INNER}) {
	exec "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
semail_conf "smtp-processes 1" "message-size-limit 24M" "received-limit 10" \
    "address-session-limit 200"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal big@here.test secret-1 || exit 1
export SEMAIL_INNER=1 T conf semail_bin smtp_port
perl "$1"
X
}
my $port = $ENV{smtp_port};
my $limit = 24 * 1024 * 1024;
my $line = ("0123456789" x 7) . "\r\n";

sub begin { # a transaction, up to 354
	my ($c, $rcpt, $params) = @_;
	return $c->codes("MAIL FROM:<a\@x.test>" . ($params || ""), "RCPT TO:<$rcpt>", "DATA");
}

# ---- SIZE -------------------------------------------------------------------------
my $c = Smtp->hello($port);
is($c->codes("MAIL FROM:<a\@x.test> SIZE=" . ($limit + 1), "MAIL FROM:<a\@x.test> SIZE=$limit", "RSET"),
    "552 250 250", "SIZE= is judged at once");
is(begin($c, 'big@here.test'), "250 250 354", "a message over the limit, unannounced");
for (1 .. 26) { $c->put($line x (1024 * 1024 / length $line)) }
$c->put("\r\n.\r\n");
is(Smtp::code($c->reply(30)), "552", "is read to its end and refused");
is($c->codes("NOOP"), "250", "and the session goes on");

# Exactly the limit, and one octet more.
for my $more (0, 1) {
	my $text = "Subject: e\r\n\r\n";
	my $fill = $limit + $more - length($text);
	$text .= $line x int($fill / length $line);
	my $rest = $limit + $more - length $text;
	$text .= ("y" x ($rest - 2)) . "\r\n" if $rest >= 2;
	$text = substr($text, 0, $limit + $more - 3) . "z\r\n" if length($text) != $limit + $more;
	is(begin($c, 'big@here.test'), "250 250 354", "limit + $more");
	$c->put($text . ".\r\n");
	is(Smtp::code($c->reply(30)), $more ? "552" : "250", "of " . length($text) . " octets");
}
$c->close;

# ---- loops ------------------------------------------------------------------------
$c = Smtp->hello($port);
for my $n (10, 11) {
	begin($c, 'one@here.test');
	$c->put(("Received: from x by y;\r\n\tReceived: folded\r\n" x $n) . "Subject: l\r\n\r\n"
	    . ("Received: in the body\r\n" x 50) . ".\r\n");
	like($c->reply, $n > 10 ? qr/^554 5\.4\.6/ : qr/^250/, "$n Received lines");
}

# ---- CHUNKING ----------------------------------------------------------------------
my $text = "Subject: chunks\r\n\r\n" . join("", map { sprintf ".%07d %s\r\n", $_, "c" x 60 } 1 .. 70_000);
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>"), "250 250", "BDAT");
my ($at, $replies, @sizes) = (0, "", 1, 100, 70_000, 262_144, 1, 1_000_000);
for my $size (@sizes) {
	$c->put("BDAT $size\r\n" . substr $text, $at, $size);
	$at += $size;
	$replies .= Smtp::code($c->reply(20)) . " ";
}
$c->put("BDAT " . (length($text) - $at) . " LAST\r\n" . substr $text, $at);
$replies .= Smtp::code($c->reply(30));
is($replies, "250 " x @sizes . "250", "a body of " . length($text) . " octets in chunks");
$c->put("MAIL FROM:<a\@x.test>\r\nRCPT TO:<one\@here.test>\r\nBDAT 18\r\nSubject: piped\r\n\r\n"
    . "BDAT 4\r\n.\r\n." . "BDAT 0 LAST\r\nNOOP\r\n");
is(join(" ", map { Smtp::code($c->reply) } 1 .. 6), "250 250 250 250 250 250", "chunks, pipelined");
is($c->codes("BDAT 0 LAST", "BDAT"), "503 421", "BDAT out of order, and of no size");
ok(wait_for(30, sub { mails('one@here.test') == 3 }), "arrived");
my ($chunks) = grep { /Subject: chunks/ } mail_texts('one@here.test');
is(sha256_hex(substr $chunks, -length $text), sha256_hex($text), "every octet of it");
my ($piped) = grep { /Subject: piped/ } mail_texts('one@here.test');
like($piped, qr/\r\n\r\n\.\r\n\.\r\n\z/, "dots in chunks are text; the last line got its end");

# ---- memory: eight sessions with 20 MB each, half in -------------------------------
my $pid = pid_of("smtpd");
my $before = rss_kb($pid);
my @big = map { Smtp->hello($port) } 1 .. 8;
for my $b (@big) { begin($b, 'big@here.test', " SIZE=20000000"); }
my $piece = $line x 10_000;
for my $part (1 .. 14) { for my $b (@big) { $b->put($piece) } }
my $grown = (rss_kb($pid) - $before) / @big;
ok($grown < 2048, sprintf "smtpd grows by %d KB a session of 20 MB", $grown);
# Beside them a small one is served at once, and beside slow ones too.
my @slow = map { Smtp->hello($port) } 1 .. 60;
for my $s (@slow) { begin($s, 'one@here.test'); $s->put("x") }
my $start = time;
for my $part (15 .. 20) { for my $b (@big) { $b->put($piece) } }
$c = Smtp->hello($port);
is(begin($c, 'one@here.test'), "250 250 354", "a small one beside them");
$c->put("Subject: small\r\n\r\nx\r\n.\r\n");
is(Smtp::code($c->reply), "250", "is taken");
ok(time - $start < 5, sprintf "in %.2f s", time - $start);
for my $b (@big) {
	$b->put(($line x int(5_600_000 / length $line)) . ".\r\n");
}
is(join(" ", map { Smtp::code($_->reply(60)) } @big), join(" ", ("250") x 8), "the large ones are taken");
$_->close for @big, @slow;

# A client that does not read its replies is not read from either.
my $deaf = Smtp->hello($port);
$deaf->{s}->blocking(0);
my $sent = 0;
for (1 .. 20_000) {
	my $w = syswrite $deaf->{s}, "NOOP\r\n" x 100;
	last unless defined $w;
	$sent += $w;
}
ok(rss_kb($pid) < 200_000, "a client that only talks costs no memory ($sent octets)");
$deaf->close;
ok(wait_for(60, sub { mails('big@here.test') == 9 }), "all large ones arrived");
done_testing();
