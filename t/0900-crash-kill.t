#!/usr/bin/perl
# kill -9 at the n-th write-like system call of each role, under load: what was
# acknowledged is delivered whole, whatever died. strace kills the process just
# as it enters the call.
#
# A seeded sample here; SEMAIL_CRASH=full goes through every call and n up to
# SEMAIL_CRASH_N (make check-crash).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Mail;
use POSIX ":sys_wait_h";
use Time::HiRes qw(sleep time);

# The shell library starts the system; this half is told the ports.
unless ($ENV{SEMAIL_CRASH_INNER}) {
	$ENV{top_srcdir} //= "$FindBin::Bin/..";
	exec "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
is_root || { echo "1..0 # SKIP tracing other users' processes needs root"; exit 0; }
[ -n "$(command -v strace)" ] || { echo "1..0 # SKIP strace is not installed"; exit 0; }
[ -z "${SEMAIL_SANITIZED-}" ] || { echo "1..0 # SKIP strace and the leak checker exclude each other"; exit 0; }
semail_conf "queue-retry-min 200ms" "queue-retry-max 1s" "smtp-processes 1"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal two@here.test secret-2 || exit 1
# What deliveries cause is cut as well: three's mail goes to four, five's goes
# there, too.
for u in three four five; do newbal $u@here.test secret-3 || exit 1; done
home_put three@here.test .forward four@here.test
home_put five@here.test .forward 'four@here.test, \five'
export SEMAIL_CRASH_INNER=1 T conf semail_bin smtp_port
perl "$1"
X
}

my ($T, $conf, $bin, $port) = @ENV{qw(T conf semail_bin smtp_port)};
my @calls = (
	[ "queued", qw(pwritev pwritev2 pwrite64 fdatasync fsync linkat renameat renameat2 unlinkat sendmsg openat splice) ],
	[ "smtpd", qw(sendmsg write sendto writev) ],
	[ "local", qw(syncfs sendmsg) ],
	[ "spawnd", qw(recvmsg openat memfd_create write socketpair clone sendmsg) ],
	[ "box-worker", qw(write writev openat renameat2 unlinkat sendmsg) ],
);
my (@points, %acked, $naks, $losts, $killed);
my $n = 0;

sub ok { my ($good, $name) = @_; $n++; print $good ? "" : "not ", "ok $n - $name\n"; return $good }

sub status { return scalar `'$bin' -f '$conf' status --json 2>/dev/null` }

sub workers {
	my $spawnd = pid_of("spawnd") or return;
	return `ps -o pid=,comm= --ppid $spawnd` =~ /(\d+) semail-box/g;
}

sub pid_of {
	my ($role) = @_;
	if ($role eq "box-worker") {
		my @w = workers();
		return $w[rand @w];
	}
	return status() =~ /"role":"$role","instance":0,"pid":(\d+),"state":"ready"/ ? $1 : undef;
}

sub wait_for {
	my ($seconds, $what) = @_;
	my $until = time + $seconds;
	while (time < $until) { my $r = $what->(); return $r if $r; sleep 0.02 }
	return;
}

my @sizes = (200, 4000, 300_000, 4000, 200);
my @rcpts = map { [ map { "$_\@here.test" } @$_ ] }
    ([ "one", "two" ], [ "three" ], [ "one" ], [ "five" ], [ "three", "two" ], [ "one", "five" ], [ "two" ]);
my $turn = 0;
# Where mail for a mailbox is in the end.
my %ends = map { $_ => [$_] } "one", "two";
$ends{three} = ["four"];
$ends{five} = [ "four", "five" ];
sub load { # some messages, each on what connection there is
	my ($count) = @_;
	my $s;
	for my $i (1 .. $count) {
		$s ||= wait_for(10, sub { Mail::connect_smtp($port) }) or next;
		my ($token, $text) = Mail::make($sizes[$i % @sizes]);
		my @rcpts = @{ $rcpts[$turn++ % @rcpts] };
		my $r = Mail::send_on($s, 'sender@elsewhere.test', \@rcpts, $text);
		if ($r eq "ack") { $acked{$token} = [@rcpts] }
		elsif ($r eq "lost") { $losts++; undef $s }
		else { $naks++ }
	}
}

sub queue_empty { return `'$bin' -f '$conf' queue list 2>/dev/null` !~ /\@/ && $? == 0 }

# One point: true if the process was killed there.
sub point {
	my ($role, $call, $when) = @_;
	load(1) if $role eq "box-worker"; # there must be one
	my $pid = wait_for(15, sub { pid_of($role) }) or return;
	my $strace = fork;
	if (!$strace) {
		open STDERR, ">", "$T/strace.log";
		exec "strace", "-qq", "-p", $pid, "-e", "trace=$call", "-e",
		    "inject=$call:signal=KILL:when=$when", "-o", "/dev/null";
	}
	wait_for(5, sub { `grep TracerPid /proc/$pid/status 2>/dev/null` =~ /:\t[1-9]/ });
	kill 'KILL', workers() if $role eq "spawnd"; # it is to start others
	load(7);
	# Deliveries come after the answers: give the point its chance.
	my $dead = wait_for(0.3, sub { !-d "/proc/$pid" || waitpid($strace, WNOHANG) == $strace });
	kill 'TERM', $strace;
	waitpid $strace, 0;
	return $dead && !-d "/proc/$pid";
}

srand(20261121);
my $full = ($ENV{SEMAIL_CRASH} // "") eq "full";
my $most = $ENV{SEMAIL_CRASH_N} // 12;
for my $row (@calls) {
	my ($role, @names) = @$row;
	for my $call (@names) {
		push @points, [ $role, $call, $_ ] for 1 .. ($full ? $most : 6);
	}
}
unless ($full) { # a shuffled sample, always the same one
	my @all = @points;
	@points = ();
	push @points, splice @all, int(rand @all), 1 while @all && @points < 130;
}
my ($reached, %by_role) = (0);
my $started = time;
for my $p (@points) {
	if (point(@$p)) { $reached++; $by_role{ $p->[0] }++ }
}
ok($reached >= ($full ? 100 : 60), "killed at $reached points in " . int(time - $started) . " s: "
    . join(", ", map { "$_ $by_role{$_}" } sort keys %by_role));
ok(!grep({ !$by_role{ $_->[0] } } @calls), "at some of each");
ok(scalar(wait_for(60, \&queue_empty)), "the queue is empty in the end")
    or print map { "# $_" } `'$bin' -f '$conf' queue list`;
my ($copies, $missing, $astray) = (0, 0, 0);
for my $user ("one", "two", "three", "four", "five") {
	my ($seen, $wrong) = Mail::account("$T/state/mail/here.test/$user/Maildir");
	ok(!@$wrong, "$user: every file is whole") or print map { "# $_\n" } @$wrong;
	for my $token (sort keys %acked) {
		my @ends = map { @{ $ends{ s/@.*//r } } } @{ $acked{$token} };
		if (!grep { $_ eq $user } @ends) {
			$astray++ if $seen->{$token};
			next;
		}
		if (!$seen->{$token}) { $missing++; print "# $user lacks $token\n" }
		elsif ($seen->{$token} > 1) { $copies += $seen->{$token} - 1 }
	}
}
my $acks = keys %acked;
ok($missing == 0, "all $acks acknowledged messages are there");
# A message may be there twice only when its sender was not answered and sent
# again; these senders do not, and delivery recognises what it did.
ok($copies == 0, "none of them twice");
ok($astray == 0, "nor anywhere else");
printf "# %d refused for now, %d connections lost before an answer\n", $naks // 0, $losts // 0;
ok(status() !~ /"state":"(?!ready)/, "everything runs again");
print "1..$n\n";
exit !($missing == 0 && $copies == 0);
