#!/bin/sh
# The disk of the mailboxes is full: mail waits in the queue and leaves no part
# of itself behind; when there is room it is delivered, each message once.
. "${top_srcdir:-.}/t/lib.sh"
is_root || { echo "1..0 # SKIP mounting a small file system needs root"; exit 0; }
semail_conf "plaintext-login loopback" "queue-retry-min 100ms" "queue-retry-max 300ms"
mkdir -p "$T/state/mail"
chmod 711 "$T/state" "$T/state/mail"
mount -t tmpfs -o size=1m,mode=0711 none "$T/state/mail" 2>/dev/null ||
    { echo "1..0 # SKIP no file system can be mounted here"; exit 0; }
trap 'umount -l "$T/state/mail"; cleanup' EXIT
semail_start
newdom here.test
newbal one@here.test secret-1 >/dev/null || exit 1
newbal two@here.test secret-2 >/dev/null || exit 1
export semail_bin conf
perl - "$top_srcdir" "$T" "$smtp_port" "$pop3_port" <<'P'
use strict;
use warnings;
my ($top, $T, $smtp, $pop3) = @ARGV;
require "$top/t/pop3.pl";
require "$top/t/Mail.pm";
use Time::HiRes qw(sleep time);
my $dir = "$T/state/mail/here.test/one/Maildir";
my %acked;
sub until_ { my ($what) = @_; my $end = time + 20; while (time < $end) { return 1 if $what->(); sleep 0.05 } 0 }
sub queued { `'$ENV{semail_bin}' -f '$ENV{conf}' queue list` }
sub count { (Mail::account($dir))[0] }
my $s = Mail::connect_smtp($smtp) or die;
for my $size ((60_000) x 12, 400_000, 300_000, (60_000) x 6) {
	my ($token, $text) = Mail::make($size);
	$acked{$token} = $text if Mail::send_on($s, 'a@b.test', ['one@here.test'], $text) eq "ack";
}
is("all twenty are accepted", scalar(keys %acked), 20);
ok(until_(sub { queued() =~ /full|No space/ }), "some wait, with the reason", queued());
my ($seen, $wrong) = Mail::account($dir);
ok(keys %$seen > 3, "some are delivered", scalar keys %$seen);
is("no part of a message is to be seen", join(" ", @$wrong), "");
is("nor kept", join(" ", grep { time - (stat $_)[9] > 2 } glob "$dir/tmp/*"), "");
# Room comes back by POP3, as much as it takes.
my %got;
ok(until_(sub {
	my $c = POP3->connect($pop3) or return;
	$c->line;
	my ($n) = $c->login('one@here.test', 'secret-1') =~ /^\+OK (\d+)/ or return;
	for my $i (1 .. $n) {
		$c->cmd("RETR $i");
		my $text = join "", map { "$_\r\n" } $c->lines;
		my ($token) = $text =~ /^X-Token: (\S+)/m;
		$text =~ s/\A.*?(?=^From: <sender)//ms;
		$got{$token}++ if $text eq ($acked{$token} // "");
		$c->cmd("DELE $i");
	}
	$c->cmd("QUIT");
	return keys %got == 20;
}), "all twenty come out whole in the end", scalar keys %got);
is("each once", join(" ", grep { $_ != 1 } values %got), "");
ok(until_(sub { queued() !~ /\@/ }), "the queue is empty", queued());
my ($token, $text) = Mail::make(1000);
is("the other mailbox", Mail::send_on($s, 'a@b.test', ['two@here.test'], $text), "ack");
ok(until_(sub { -d "$T/state/mail/here.test/two/Maildir" && (Mail::account("$T/state/mail/here.test/two/Maildir"))[0]->{$token} }), "gets its mail");
done();
P
