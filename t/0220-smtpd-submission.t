#!/usr/bin/perl
# Submission: AUTH only under TLS and never on port 25, STARTTLS without
# injection, one's own addresses only, what is added to a message; and no open
# relay on any port.
# also sanitized
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64;
use Smtp;
use Time::HiRes qw(time);

unless ($ENV{SEMAIL_INNER}) {
	exec "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
semail_conf "smtp-processes 1" "vrfy no"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal two@here.test secret-2 || exit 1
export SEMAIL_INNER=1 T conf semail_bin smtp_port submission_port submissions_port
perl "$1"
X
}
my ($port, $sub, $subs) = @ENV{qw(smtp_port submission_port submissions_port)};
my $login = encode_base64("\0one\@here.test\0secret-1", "");
my $wrong = encode_base64("\0one\@here.test\0secret-2", "");

# ---- where AUTH is, and is not -------------------------------------------------
my $c = Smtp->hello($port);
is($c->codes("AUTH PLAIN $login"), "502", "no AUTH on port 25");
is($c->codes("VRFY one", "STARTTLS"), "502 220", "VRFY can be turned off; STARTTLS");
ok($c->tls, "TLS");
is($c->codes("MAIL FROM:<a\@x.test>"), "503", "EHLO is to be said again");
my $ehlo = $c->say("EHLO c");
ok($ehlo !~ /STARTTLS|AUTH/, "under TLS neither STARTTLS nor, on port 25, AUTH");
is($c->codes("AUTH PLAIN $login", "STARTTLS"), "502 503", "and none is taken");
$c->close;

$c = Smtp->new($sub);
$c->reply;
ok($c->say("EHLO c") !~ /AUTH/, "no AUTH in the clear");
is($c->codes("AUTH PLAIN $login", "MAIL FROM:<one\@here.test>"), "538 530",
    "no password in the clear, no mail without");
is($c->codes("STARTTLS"), "220", "STARTTLS");
ok($c->tls, "TLS");
like($c->say("EHLO c"), qr/^250-AUTH PLAIN LOGIN$/m, "AUTH under TLS");
is($c->codes("MAIL FROM:<one\@here.test>", "AUTH FOO", "AUTH PLAIN !", "AUTH PLAIN $login",
    "AUTH PLAIN $login"), "530 504 501 235 503", "AUTH PLAIN");
is($c->codes("MAIL FROM:<two\@here.test>"), "553", "not another's address");
is($c->codes("MAIL FROM:<stranger\@elsewhere.test>"), "553", "nor a stranger's");
is($c->codes("MAIL FROM:<one\@here.test>", "AUTH PLAIN $login",
    "RCPT TO:<two\@here.test>", "RCPT TO:<nobody\@here.test>"), "250 503 250 550",
    "one's own; an address that is not here");
is($c->codes("DATA"), "354", "DATA");
$c->put("From: <one\@here.test>\r\nSubject: added\r\n\r\ntext\r\n.\r\n");
like($c->reply, qr/^250 2\.0\.0/, "accepted");
is($c->codes("MAIL FROM:<one\@here.test>", "RCPT TO:<two\@here.test>", "DATA"), "250 250 354",
    "the next");
$c->put("Date: Sat, 21 Nov 2026 07:00:00 +0000\r\nMESSAGE-ID: <mine\@here.test>\r\n"
    . "Subject: whole\r\n\r\ntext\r\n.\r\n");
like($c->reply, qr/^250/, "accepted");
is($c->codes("EHLO again", "MAIL FROM:<one\@here.test>"), "250 250",
    "a second EHLO keeps the login");
$c->close;

ok(wait_for(20, sub { mails('two@here.test') == 2 }), "both arrived");
my ($added) = grep { /Subject: added/ } mail_texts('two@here.test');
my ($whole) = grep { /Subject: whole/ } mail_texts('two@here.test');
like($added, qr/\r\nSubject: added\r\n(?:Date|Message-ID): /, "fields are added behind the others");
is(scalar(() = $added =~ /^Date: \w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r$/mg), 1, "a Date");
is(scalar(() = $added =~ /^Message-ID: <[^<>\s]+\@mail\.test>\r$/mg), 1, "a Message-ID");
is(scalar(() = $whole =~ /^(?:Date|Message-ID):/mig), 2, "none where they were");
like($added, qr/^Received: from c \(\[127\.0\.0\.1\]\)\r\n\tby mail\.test with ESMTPSA id \w+\r\n\t\(TLSv1\.[23] \w+\)/m,
    "Received: TLS and AUTH");
my ($trace) = $added =~ /^(Received:.*?\r\n(?=\S))/ms;
ok($trace !~ /one\@here/, "but not who");

$c = Smtp->new($subs, tls => 1);
like($c->reply, qr/^220/, "implicit TLS greets under TLS");
like($c->say("EHLO c"), qr/^250-AUTH PLAIN LOGIN$/m, "AUTH on 465");
is($c->codes("AUTH LOGIN", encode_base64('two@here.test', ""), encode_base64("secret-2", "")),
    "334 334 235", "AUTH LOGIN");
is($c->codes("MAIL FROM:<two\@here.test>", "RCPT TO:<somebody\@elsewhere.test>"), "250 250",
    "who has logged in may write to anybody");
$c->close;

# ---- guessing ---------------------------------------------------------------------
my $start = time;
$c = Smtp->new($subs, tls => 1);
$c->reply;
$c->say("EHLO c");
my @r = map { Smtp::code($c->say("AUTH PLAIN $wrong")) } 1 .. 5;
like("@r", qr/^(?:535 )+(?:535|421|454|end)( (?:421|454|end))*$/, "five wrong passwords: @r");
ok(!grep({ $_ eq "235" } @r), "none is right");
$c->close;
ok(time - $start > 0.5, "and they took their time");

# ---- STARTTLS injection -----------------------------------------------------------
for my $tail ("MAIL FROM:<evil\@x.test>\r\n", "EHLO evil\r\nMAIL FROM:<evil\@x.test>\r\n",
    "NOO", "\r\n", "RSET\r\nNOOP\r\nNOOP\r\n") {
	$c = Smtp->hello($port);
	$c->put("STARTTLS\r\n$tail");
	is(Smtp::code($c->reply), "220", "STARTTLS with a tail");
	if ($c->tls) {
		# Nothing of the tail may be answered or remembered.
		is($c->codes("NOOP", "RCPT TO:<one\@here.test>", "EHLO c", "RCPT TO:<one\@here.test>"),
		    "250 503 250 503", "the tail is gone");
	} else {
		ok(1, "the connection ended");
	}
	$c->close;
}

# ---- open relay: sixteen forms, on each port ---------------------------------------
my @forms = ('<u@elsewhere.test>', '<u%elsewhere.test@here.test>', '<u%elsewhere.test@mail.test>',
    '<u%elsewhere.test@[127.0.0.1]>', '<"u@elsewhere.test">', '<"u%elsewhere.test">',
    '<u@elsewhere.test@here.test>', '<"u@elsewhere.test"@here.test>', '<"u@elsewhere.test"@[127.0.0.1]>',
    '<@here.test:u@elsewhere.test>', '<@[127.0.0.1]:u@elsewhere.test>', '<elsewhere.test!u>',
    '<elsewhere.test!u@here.test>', '<elsewhere.test!u@[127.0.0.1]>', '<u@[127.0.0.1]>',
    '<@elsewhere.test,@here.test:u@elsewhere.test>');
for my $from ('<a@elsewhere.test>', '<>', '<one@here.test>') {
	$c = Smtp->hello($port);
	is($c->codes("MAIL FROM:$from"), "250", "from $from");
	for my $form (@forms) {
		like($c->say("RCPT TO:$form"), qr/^5\d\d 5\./, "no relay to $form");
	}
	is($c->codes("DATA"), "554", "and no message");
	$c->close;
}
$c = Smtp->hello($sub);
is($c->codes("MAIL FROM:<one\@here.test>", "RCPT TO:<u\@elsewhere.test>"), "530 503",
    "nothing on 587 without a login");
$c->close;

# ---- SMTPUTF8 -----------------------------------------------------------------------
$c = Smtp->hello($port);
is($c->codes("MAIL FROM:<j\xc3\xbcrgen\@elsewhere.test>", "MAIL FROM:<j\xc3\xbcrgen\@elsewhere.test> SMTPUTF8",
    "RCPT TO:<\xff\@here.test>", "RCPT TO:<one\@here.test>", "DATA"), "553 250 553 250 354",
    "SMTPUTF8 where it is said, and only UTF-8");
$c->put("Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n\xc3\xa9\r\n.\r\n");
like($c->reply, qr/^250/, "accepted");
ok(wait_for(20, sub { mails('one@here.test') == 1 }), "arrived");
my ($utf8) = mail_texts('one@here.test');
like($utf8, qr/with UTF8SMTP id/, "Received says so");
like($utf8, qr/gr\xc3\xbc\xc3\x9fe\r\n\r\n\xc3\xa9\r\n\z/, "as it was sent");

# ---- a real program ------------------------------------------------------------------
for my $how ("--tls --port $sub", "--tls-on-connect --port $subs") {
	for my $auth ("PLAIN", "LOGIN") {
		my $out = `swaks --server 127.0.0.1 $how --auth $auth --auth-user one\@here.test --auth-password secret-1 --from one\@here.test --to two\@here.test --timeout 15 2>&1`;
		ok($? == 0, "swaks $how --auth $auth") or print map { "# $_\n" } split /\n/, $out;
	}
}
done_testing();
