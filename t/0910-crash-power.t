#!/usr/bin/perl
# Power cuts under load: the queue and the mailboxes live on an ext4 of their
# own on a loop device; the shutdown ioctl drops all that was not synced, as a
# power cut does; after the next start every acknowledged message is there.
use strict;
use warnings;
use Fcntl;
use FindBin;
use lib $FindBin::Bin;
use Mail;
use POSIX ();
use Time::HiRes qw(sleep time);

unless ($ENV{SEMAIL_CRASH_INNER}) {
	$ENV{top_srcdir} //= "$FindBin::Bin/..";
	# In a mount namespace of its own: another test that makes one meanwhile
	# would have a copy of our mounts, and the disk would stay cut off.
	my @own = $> == 0 ? ("unshare", "--mount") : ();
	exec @own, "/bin/sh", "-c", <<'X', "sh", $0;
. "$(dirname "$1")/lib.sh"
is_root || { echo "1..0 # SKIP mounting needs root"; exit 0; }
semail_conf "queue-retry-min 200ms" "queue-retry-max 1s"
truncate -s 400M "$T/disk"
mkfs.ext4 -q -F "$T/disk" || { echo "1..0 # SKIP mkfs.ext4 failed"; exit 0; }
mkdir "$T/img" "$T/state" "$T/state/queue" "$T/state/mail"
mount_it() {
	mount -o loop,noauto_da_alloc,commit=300 "$T/disk" "$T/img" &&
	    mkdir -p "$T/img/queue" "$T/img/mail" &&
	    mount --bind "$T/img/queue" "$T/state/queue" &&
	    mount --bind "$T/img/mail" "$T/state/mail"
}
umount_it() {
	for d in state/queue state/mail img; do
		! mountpoint -q "$T/$d" || umount "$T/$d" || return 1
	done
}
if ! mount_it 2>"$T/mount.err"; then
	echo "1..0 # SKIP no loop device: $(head -1 "$T/mount.err")"
	umount_it
	exit 0
fi
trap 'semail stop >/dev/null 2>&1; umount_it; cleanup' EXIT
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal two@here.test secret-2 || exit 1
cuts=${SEMAIL_CUTS:-20}
export SEMAIL_CRASH_INNER=1 T conf semail_bin smtp_port
i=0
while [ "$i" -lt "$cuts" ]; do
	i=$((i + 1))
	perl "$1" cut "$i" || { fail "cut $i"; break; }
	wait_for 20 umount_it || { fail "umount after cut $i"; break; }
	mount_it || { fail "mount after cut $i"; break; }
	semail_start
	perl "$1" check || { fail "after cut $i"; break; }
done
is "power cuts survived" "$i" "$cuts"
diag "$(perl "$1" sum)"
done_testing
X
}

my ($T, $conf, $bin, $port) = @ENV{qw(T conf semail_bin smtp_port)};
my @users = ("one", "two");

sub wait_for {
	my ($seconds, $what) = @_;
	my $until = time + $seconds;
	while (time < $until) { my $r = $what->(); return $r if $r; sleep 0.02 }
	return;
}

sub children { # of a process, and theirs
	my ($pid) = @_;
	return map { ($_, children($_)) } split ' ', `ps -o pid= --ppid $pid`;
}

# Load from four clients, then the power goes.
sub cut {
	my ($i) = @_;
	my @clients;
	for my $client (1 .. 4) {
		my $pid = fork;
		if (!$pid) {
			open my $log, ">>", "$T/acked.$i.$client";
			$log->autoflush(1);
			my $s;
			my @sizes = (200, 4000, 300_000, 20_000);
			for my $k (1 .. 100_000) {
				$s ||= Mail::connect_smtp($port) or POSIX::_exit(0);
				my ($token, $text) = Mail::make($sizes[($k + $client) % @sizes]);
				my $user = $users[$k % 2];
				my $r = Mail::send_on($s, 'sender@elsewhere.test', ["$user\@here.test"], $text);
				print $log "$user $token\n" if $r eq "ack";
				POSIX::_exit(0) if $r ne "ack";
			}
			POSIX::_exit(0);
		}
		push @clients, $pid;
	}
	sleep 0.1 + ($i * 37 % 100) / 100;
	sysopen my $dir, "$T/img", O_RDONLY or die "open: $!";
	# EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	my $how = pack "L", 2;
	defined ioctl($dir, 0x8004587d, $how) or die "ioctl: $!";
	close $dir;
	my $master = `cat '$T/run/semaild.pid'`;
	chomp $master;
	my @all = ($master, children($master));
	kill 'KILL', @all;
	kill 'KILL', @clients;
	waitpid $_, 0 for @clients;
	wait_for(20, sub { !grep { -d "/proc/$_" && `cat /proc/$_/stat 2>/dev/null` !~ /\) Z/ } @all })
	    or die "processes stay";
	return 0;
}

sub acked {
	my %acked;
	for my $file (glob "$T/acked.*") {
		open my $f, "<", $file or next;
		while (<$f>) { $acked{$2} = $1 if /^(\S+) (\S+)$/ }
	}
	return %acked;
}

sub check {
	my %acked = acked();
	wait_for(60, sub { `'$bin' -f '$conf' queue list 2>/dev/null` !~ /\@/ && $? == 0 })
	    or do { print "# the queue does not empty\n"; return 1 };
	my $bad = 0;
	for my $user (@users) {
		my ($seen, $wrong) = Mail::account("$T/state/mail/here.test/$user/Maildir");
		print "# $_\n" for @$wrong;
		$bad += @$wrong;
		for my $token (grep { $acked{$_} eq $user } keys %acked) {
			next if $seen->{$token};
			print "# $user lacks $token\n";
			$bad++;
		}
	}
	return $bad > 0;
}

sub sum {
	my %acked = acked();
	my ($copies, $there) = (0, 0);
	for my $user (@users) {
		my ($seen) = Mail::account("$T/state/mail/here.test/$user/Maildir");
		for (values %$seen) { $there++; $copies += $_ - 1 }
	}
	print scalar(keys %acked), " acknowledged, $there delivered, $copies twice\n";
	return 0;
}

exit(shift @ARGV eq "cut" ? cut(@ARGV) : 0) if @ARGV && $ARGV[0] eq "cut";
exit check() if @ARGV && $ARGV[0] eq "check";
exit sum();
