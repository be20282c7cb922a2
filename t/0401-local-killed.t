#!/bin/sh
# kill -9 of the worker, of local, spawnd and queued while mail comes in: what was
# accepted is delivered, whole, and none of it twice: the queue id in the name
# is found again.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "queue-retry-min 100ms" "queue-retry-max 300ms"
semail_start
newdom here.test
newbal one@here.test secret-1 >/dev/null || exit 1
newbal two@here.test secret-2 >/dev/null || exit 1
export semail_bin conf
perl - "$top_srcdir" "$T" "$smtp_port" <<'P'
use strict;
use warnings;
my ($top, $T, $smtp) = @ARGV;
require "$top/t/pop3.pl"; # for ok()
require "$top/t/Mail.pm";
use Time::HiRes qw(sleep time);

sub pid_of {
	my ($role) = @_;
	my $json = `'$ENV{semail_bin}' -f '$ENV{conf}' status --json`;
	return $json =~ /"role":"$role","instance":0,"pid":(\d+)/ ? $1 : undef;
}
sub worker {
	my $spawnd = pid_of("spawnd") or return;
	return (`ps -o pid=,comm= --ppid $spawnd` =~ /(\d+) semail-box/)[0];
}
my (%acked, %killed);
my @users = ('one@here.test', 'two@here.test');
# A sender that never stops, and here the killer.
pipe my $r, my $w or die;
my $sender = fork;
if (!$sender) {
	close $r;
	$w->autoflush(1);
	my $s;
	my $until = time + 8;
	while (time < $until) {
		$s ||= Mail::connect_smtp($smtp) or do { sleep 0.05; next };
		my ($token, $text) = Mail::make(rand() < 0.05 ? 300_000 : 3000);
		my $got = Mail::send_on($s, 'a@b.test', \@users, $text);
		print $w "$token\n" if $got eq "ack";
		undef $s if $got eq "lost";
	}
	exit 0;
}
close $w;
srand(4);
my $until = time + 7;
while (time < $until) {
	my $what = ("worker", "worker", "local", "spawnd", "queued")[rand 5];
	my $pid = $what eq "worker" ? worker() : pid_of($what);
	$killed{$what} += kill 'KILL', $pid if $pid;
	sleep 0.02 + rand 0.3;
}
while (<$r>) { chomp; $acked{$_} = 1 }
waitpid $sender, 0;
ok(keys %acked > 20, "messages were accepted meanwhile", scalar keys %acked);
ok($killed{worker} && $killed{local} && $killed{spawnd} && $killed{queued}, "each was killed",
    join " ", %killed);
print "# accepted ", scalar(keys %acked), ", killed ", join(" ", %killed), "\n";
for my $user ('one', 'two') {
	my $dir = "$T/state/mail/here.test/$user/Maildir";
	my ($seen, $wrong);
	$until = time + 40;
	do {
		sleep 0.1;
		($seen, $wrong) = Mail::account($dir);
	} while (time < $until && grep { !$seen->{$_} } keys %acked);
	is("$user: nothing is lost", join(" ", grep { !$seen->{$_} } keys %acked), "");
	is("$user: nothing came twice", join(" ", grep { $seen->{$_} > 1 } keys %$seen), "");
	is("$user: all are whole", join(" ", @$wrong), "");
}
my $queue;
do { sleep 0.1; $queue = `'$ENV{semail_bin}' -f '$ENV{conf}' queue list` }
    while (time < $until && $queue =~ /\@/);
ok($queue !~ /\@/, "the queue is empty", $queue);
done();
P
