#!/usr/bin/perl
# SMTP smuggling over the wire: every pair of line ends around a dot, whole and
# in two writes, in DATA and in BDAT. One reply a message; only CRLF.CRLF ends
# it; what is bad is refused as a whole; nothing smuggled arrives.
# also sanitized
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Smtp;

unless ($ENV{SEMAIL_INNER}) {
	exec "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
semail_conf "smtp-processes 1" "address-session-limit 500" "session-limit 500"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal evil@here.test secret-1 || exit 1
export SEMAIL_INNER=1 T conf semail_bin smtp_port
perl "$1"
X
}
my $port = $ENV{smtp_port};
my %ends = (LF => "\n", CR => "\r", CRLF => "\r\n", CRCRLF => "\r\r\n", LFCR => "\n\r",
    NULCRLF => "\0\r\n", CRNULLF => "\r\0\n", NEL => "\x85", NELUTF8 => "\xc2\x85",
    VT => "\x0b", FF => "\x0c", LSEP => "\xe2\x80\xa8");
my $evil = "MAIL FROM:<evil\@x.test>\r\nRCPT TO:<evil\@here.test>\r\nDATA\r\nsmuggled\r\n.\r\n";
my $good = 0;

# What the server should say to "text A . B evil": 250 or 554 at the first true
# end, and then what follows it are commands, as the protocol says.
sub expected {
	my ($text) = @_;
	$text =~ /\A(.*?\r\n)\.\r\n/s or return;
	my $body = $1;
	my $bad = $body =~ /\0|\r(?!\n)|(?<!\r)\n/;
	$good++ unless $bad;
	return $bad ? "554" : "250";
}

for my $a (sort keys %ends) {
	for my $b (sort keys %ends) {
		my $text = "Subject: s\r\n\r\nline$ends{$a}.$ends{$b}";
		next if $text =~ /\r\n\.\r\n\z/; # a true end: what follows are commands
		$text .= "${evil}";
		my $want = expected($text);
		my @got;
		for my $cut (0, length("Subject: s\r\n\r\nline$ends{$a}.")) {
			my $c = Smtp->hello($port);
			$c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>", "DATA");
			$good++ if $cut && $want eq "250";
			if ($cut) {
				$c->put(substr $text, 0, $cut);
				select undef, undef, undef, 0.01;
			}
			$c->put(substr($text, $cut) . "NOOP\r\nQUIT\r\n");
			push @got, $c->all_codes;
			$c->close;
		}
		is(join("|", @got), join("|", ("$want 250 221") x 2), "$a . $b");
	}
}

# BDAT: the same bytes are text, and commands in them are none.
for my $e (sort keys %ends) {
	my $text = "Subject: b\r\n\r\nx$ends{$e}.$ends{$e}$evil";
	my $bad = $text =~ /\0|\r(?!\n)|(?<!\r)\n/;
	$good++ unless $bad;
	my $c = Smtp->hello($port);
	$c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>");
	$c->put("BDAT " . length($text) . " LAST\r\n${text}NOOP\r\n");
	is(Smtp::code($c->reply) . " " . Smtp::code($c->reply), $bad ? "554 250" : "250 250",
	    "BDAT with $e");
	$c->close;
}
# An end across chunks is no end; DATA and BDAT do not mix.
my $c = Smtp->hello($port);
$c->codes("MAIL FROM:<a\@x.test>", "RCPT TO:<one\@here.test>");
$c->put("BDAT 3\r\nx\r\nBDAT 3\r\n.\r\nDATA\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
$good++;
is(join(" ", map { Smtp::code($c->reply) } 1 .. 5), "250 250 503 250 250",
    "chunks, and DATA between them");

ok(wait_for(60, sub { mails('one@here.test') == $good }), "$good good messages arrived");
is(mails('evil@here.test'), 0, "none was smuggled");
my @texts = mail_texts('one@here.test');
is(scalar(grep { /\0|\r(?!\n)/ } @texts), 0, "no NUL and no bare CR went in");
done_testing();
