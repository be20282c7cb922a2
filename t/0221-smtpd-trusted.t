#!/usr/bin/perl
# Submission without a login, from trusted networks; whose sender address it may
# be; and a CR or LF alone in what is submitted, normalised where that is set.
# also sanitized
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64;
use Smtp;

unless ($ENV{SEMAIL_INNER}) {
	exec "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
semail_conf "smtp-processes 1" "plaintext-login yes" \
    "trusted-networks 127.0.0.4/30 2001:db8::/32" \
    "submission-bare-newline normalise"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal two@here.test secret-2 || exit 1
export SEMAIL_INNER=1 T conf semail_bin smtp_port submission_port
perl "$1"
X
}
my ($port, $sub) = @ENV{qw(smtp_port submission_port)};
my @trusted = (from => "127.0.0.5");
my $login = encode_base64("\0one\@here.test\0secret-1", "");
sub semail { return `'$ENV{semail_bin}' -f '$ENV{conf}' @_ 2>&1` }
sub set { # SETTING LINE: another value, and a reload
	my ($setting, $line) = @_;
	system "sed", "-i", "s|^$setting .*|$line|", $ENV{conf};
	return semail("reload");
}

# ---- who --------------------------------------------------------------------------
for ([$port, "550"], [$sub, "530 503"]) {
	my ($p, $want) = @$_;
	for my $from ("127.0.0.3", "127.0.0.8", "127.0.0.1") {
		my $c = Smtp->hello($p, from => $from);
		is($c->codes("MAIL FROM:<a\@else.test>", "RCPT TO:<u\@elsewhere.test>"),
		    $p == $port ? "250 $want" : $want, "$from is a stranger");
		$c->close;
	}
	my $c = Smtp->hello($p, @trusted);
	is($c->codes("MAIL FROM:<printer\@else.test>", "RCPT TO:<u\@elsewhere.test>",
	    "RCPT TO:<two\@here.test>", "RCPT TO:<nobody\@here.test>", "DATA"),
	    "250 250 250 550 354", "127.0.0.5 is trusted");
	$c->put("Subject: to $p\r\n\r\ntext\r\n.\r\n");
	like($c->reply, qr/^250/, "its message is taken");
	$c->close;
}
ok(wait_for(20, sub { mails('two@here.test') == 2 }), "it arrives");
for (mail_texts('two@here.test')) {
	like($_, qr/^Date: .*^Message-ID: <[^>]+\@mail\.test>\r$/ms, "with Date and Message-ID");
	like($_, qr/with ESMTP id/, "but not as one who logged in");
}
ok(wait_for(20, sub { semail("queue list") =~ /elsewhere\.test/ }),
    "what goes elsewhere waits in the queue");
like(scalar(`grep -h 'accepted queue' '$ENV{T}/semail.log'`), qr/client=127\.0\.0\.5 .*auth=trusted/,
    "the log says why");

my $c = Smtp->hello($sub, @trusted);
is($c->codes("AUTH PLAIN $login", "MAIL FROM:<two\@here.test>", "MAIL FROM:<one\@here.test>"),
    "235 553 250", "who logs in there has his own address");
$c->close;

# ---- a CR or LF alone ---------------------------------------------------------------
my $body = "Subject: bare\n\nfirst\n.\n..dots\rlast\n.\r\n\r\r\n";
my $want = "first\r\n.\r\n..dots\r\nlast\r\n.\r\n\r\n\r\n";
my $evil = "MAIL FROM:<evil\@x.test>\nRCPT TO:<one\@here.test>\nDATA\nsmuggled\n.\n";
$c = Smtp->hello($sub, @trusted);
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA"), "250 250 354", "DATA");
$c->put("$body$evil\r\n.\r\n");
like($c->reply, qr/^250/, "normalised: taken");
is($c->codes("NOOP"), "250", "as one message");
ok(wait_for(20, sub { mails('one@here.test') == 1 }), "it arrives");
my ($text) = mail_texts('one@here.test');
(my $rest = $evil) =~ s/\n/\r\n/g;
is((split /\r\n\r\n/, $text, 2)[1], "$want$rest\r\n", "with CRLF in their place, and its dots");
ok($text !~ /\r(?!\n)|(?<!\r)\n/, "and nowhere else");
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA"), "250 250 354", "DATA");
$c->put("Subject: x\n\n\0\r\n.\r\n");
like($c->reply, qr/^554 5\.6\.0 NUL/, "NUL is none of it");
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>"), "250 250", "BDAT");
$c->put("BDAT 4 LAST\r\na\nb\n");
like($c->reply, qr/^554 5\.6\.0 Bare/, "knows no lines: refused");
$c->close;
$c = Smtp->hello($port, @trusted);
is($c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA"), "250 250 354",
    "on port 25");
$c->put("Subject: x\n\nx\r\n.\r\n");
like($c->reply, qr/^554 5\.6\.0 Bare/, "it is refused, from whomever");
$c->close;

# ---- settings ---------------------------------------------------------------------------
my $before = Smtp->hello($sub, @trusted);
set("trusted-networks", "trusted-networks 127.0.0.9");
is($before->codes("MAIL FROM:<a\@x.test>"), "250", "a session goes on as it began");
$before->close;
$c = Smtp->hello($sub, @trusted);
is($c->codes("MAIL FROM:<a\@x.test>"), "530", "after a reload it is a stranger");
$c->close;
system "sh", "-c", "echo 'sender-must-be-own no' >>'$ENV{conf}'";
semail("reload");
$c = Smtp->hello($sub);
is($c->codes("AUTH PLAIN $login", "MAIL FROM:<any\@else.test>"), "235 250",
    "any sender, where that is set");
$c->close;
for (["127.0.0.1/33", 'no prefix from 0 to 32'], ["127.0.0.1/8", 'bits behind its prefix'],
    ["0.0.0.0/0", 'is everybody, an open relay'], ["::/0", 'an open relay'],
    ["10.0.0.0/8 0.0.0.0/1 128.0.0.0/1", 'an open relay'],
    ["localhost", 'is no network; write 192\.0\.2\.0/24']) {
	my ($value, $why) = @$_;
	like(set("trusted-networks", "trusted-networks $value"),
	    qr/semail\.conf:\d+: trusted-networks: .*$why/, "$value is refused");
}
done_testing();
