#!/bin/sh
# A mailbox that is nearly full holds a message that says so; a full one takes no
# more at RCPT, what was accepted is delivered all the same, and deleting makes
# room.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "queue-retry-min 100ms" "queue-retry-max 300ms"
semail_start
newdom here.test
newbal one@here.test secret-1 --quota 20 >/dev/null || exit 1
perl - "$top_srcdir" "$T" "$smtp_port" "$pop3_port" <<'P'
use strict;
use warnings;
my ($top, $T, $smtp, $pop3) = @ARGV;
require "$top/t/pop3.pl";
require "$top/t/Mail.pm";
use Time::HiRes qw(sleep time);
my $dir = "$T/state/mail/here.test/one/Maildir";
my $s = Mail::connect_smtp($smtp) or die;
sub try { my (undef, $text) = Mail::make(9000); Mail::send_on($s, 'a@b.test', ['one@here.test'], $text) }
sub count { my @f = (glob("$dir/new/*"), glob("$dir/cur/*")); scalar @f }
sub until_ { my ($what) = @_; my $end = time + 10; while (time < $end) { return 1 if $what->(); sleep 0.05 } 0 }
my $acked = 0;
ok(until_(sub { my $r = try(); $acked++ if $r eq "ack"; $r =~ /^nak 4?5?2?/ }), "full: refused");
is("with 452", try(), "nak 452");
ok($acked >= 2, "after at least two messages", $acked);
my $all = $acked + 1;
ok(until_(sub { count() == $all }), "all that was accepted is delivered, and one warning", count() . " of $all");
sub warnings { my $n = 0; for (glob("$dir/new/*"), glob("$dir/cur/*")) { open my $f, "<", $_ or next; local $/; $n++ if <$f> =~ /^Subject: Your mailbox is nearly full$/m } $n }
is("the warning", warnings(), 1);
my $note = "$T/state/mail/here.test/one/.quota.warned";
ok(-f $note, "its note");
open my $f, "<", "$dir/maildirsize" or die;
is("maildirsize names the quota", scalar <$f>, "20480S\n");
my $c = POP3->connect($pop3);
$c->line;
like("login", $c->login('one@here.test', 'secret-1'), qr/^\+OK $all messages/);
$c->cmd("DELE $_") for 1 .. $all;
like("QUIT", $c->cmd("QUIT"), qr/^\+OK/);
is("the mailbox is empty", count(), 0);
ok(until_(sub { !-e $note }), "and its warning forgotten");
ok(until_(sub { try() eq "ack" }), "there is room again");
ok(until_(sub { count() >= 1 }), "and it is used");
# One comes and one goes in the same moment, of different sizes.
sub sums { my $n = 0; $n += -s $_ for glob("$dir/new/*"), glob("$dir/cur/*");
	open my $f, "<", "$dir/maildirsize" or return "no file";
	<$f>;
	my $said = 0;
	$said += (split)[0] while <$f>;
	$said - $n }
for my $bytes (500, 3000, 700) {
	my $c = POP3->connect($pop3);
	$c->line;
	$c->login('one@here.test', 'secret-1');
	$c->cmd("DELE 1");
	my $before = count();
	my (undef, $text) = Mail::make($bytes);
	Mail::send_on($s, 'a@b.test', ['one@here.test'], $text);
	my $end = time + 10;
	1 while count() == $before && time < $end;
	$c->cmd("QUIT");
	ok(until_(sub { sums() == 0 }), "maildirsize says what there is", sums());
}
done();
P
