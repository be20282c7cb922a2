#!/bin/sh
# Mail is delivered whole into Maildirs, small, large and for several at once,
# each under its mailbox's own uid, and comes out of POP3 as it went in.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "queue-retry-min 200ms" "queue-retry-max 1s"
semail_start
newdom here.test
newbal one@here.test secret-1 >/dev/null || exit 1
newbal two@here.test secret-2 >/dev/null || exit 1
perl - "$top_srcdir" "$T" "$smtp_port" "$pop3_port" <<'P'
use strict;
use warnings;
my ($top, $T, $smtp, $pop3) = @ARGV;
require "$top/t/pop3.pl";
require "$top/t/Mail.pm";
use Time::HiRes qw(sleep time);

my %text;
my @both = ('one@here.test', 'two@here.test');
my $s = Mail::connect_smtp($smtp) or die;
for my $size (0, 100, 4000, 70_000, 255_000, 300_000, 3_000_000) {
	my ($token, $text) = Mail::make($size);
	is("$size bytes are accepted", Mail::send_on($s, 'a@b.test', \@both, $text), "ack");
	$text{$token} = $text;
}
my $until = time + 20;
my ($seen, $wrong);
for my $user ('one', 'two') {
	do {
		sleep 0.05;
		($seen, $wrong) = Mail::account("$T/state/mail/here.test/$user/Maildir");
	} while (time < $until && keys %$seen < keys %text);
	is("$user: all are delivered", scalar(keys %$seen), scalar(keys %text));
	is("$user: each once", join(" ", grep { $_ != 1 } values %$seen), "");
	is("$user: each whole", join(" ", @$wrong), "");
	my $dir = "$T/state/mail/here.test/$user/Maildir";
	is("$user: nothing is left in tmp", join(" ", glob "$dir/tmp/*"), "");
	my $uid = (stat "$T/state/mail/here.test/$user")[4];
	my @files = glob "$dir/new/*";
	is("$user: the files are the mailbox's", join(" ", grep { (stat $_)[4] != $uid } @files), "");
	ok($> != 0 || $uid >= 1_900_000_000, "$user: a uid of its own", $uid);
	is("$user: named by time, queue id, host and sizes", join(" ", grep {
		!m{/\d{10}\.Q[0-9a-z]{13}\.mail\.test,S=(\d+),W=\d+$} || -s $_ != $1 } @files), "");
	open my $f, "<", $files[0] or die;
	is("$user: Return-Path", scalar <$f>, "Return-Path: <a\@b.test>\n");
	is("$user: Delivered-To", scalar <$f>, "Delivered-To: $user\@here.test\n");
	my $sum = 0;
	$sum += -s $_ for @files;
	my @size;
	do { # counted within a moment
		sleep 0.05;
		open my $m, "<", "$dir/maildirsize" or die;
		@size = <$m>;
	} while (time < $until && eval { my $n = 0; $n += (split)[0] for @size[1 .. $#size]; $n } != $sum);
	my ($bytes, $count) = (0, 0);
	for (@size[1 .. $#size]) { my ($b, $c) = split; $bytes += $b; $count += $c }
	is("$user: maildirsize counts the bytes", $bytes, $sum);
	is("$user: and the messages", $count, scalar @files);
}

my $c = POP3->connect($pop3);
like("greeting", $c->line, qr/^\+OK/);
like("login", $c->login('one@here.test', 'secret-1'), qr/^\+OK 7 messages/);
my $stat = $c->cmd("STAT");
like("STAT", $stat, qr/^\+OK 7 \d+$/);
$c->cmd("LIST");
my %octets = map { split } $c->lines;
$c->cmd("UIDL");
my %uid = map { split } $c->lines;
my $total = 0;
for my $n (1 .. 7) {
	$total += $octets{$n};
	$c->cmd("RETR $n");
	my @l = $c->lines;
	my $got = join("", map { "$_\r\n" } @l);
	is("message $n has the octets that were announced", length $got, $octets{$n});
	my ($token) = $got =~ /^X-Token: (\S+)/m;
	$got =~ s/\A.*?(?=^From: <sender)//ms;
	ok($got eq $text{$token}, "message $n came through unchanged");
}
is("STAT is the sum", $stat, "+OK 7 $total");
is("DELE", $c->cmd("DELE 2"), "+OK deleted");
my $d = POP3->connect($pop3);
$d->line;
like("a second session is told that the mailbox is in use",
    $d->login('one@here.test', 'secret-1'), qr/^-ERR \[IN-USE\]/);
like("QUIT", $c->cmd("QUIT"), qr/^\+OK/);
$c = POP3->connect($pop3);
$c->line;
like("the next session has one less", $c->login('one@here.test', 'secret-1'), qr/^\+OK 6 messages/);
$c->cmd("UIDL");
my %then = map { split } $c->lines;
is("and the same unique ids", join(" ", map { $then{$_} } 1 .. 6), join(" ", @uid{1, 3 .. 7}));
$c->cmd("DELE 1");
$c->close;
my ($left, @l);
do { # the front tells the worker that the client has gone
	$c = POP3->connect($pop3);
	$c->line;
	$left = $c->login('one@here.test', 'secret-1');
} while ($left =~ /IN-USE/ && time < $until + 10);
like("without QUIT nothing is deleted", $left, qr/^\+OK 6 messages/);
done();
P
