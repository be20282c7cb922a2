#!/usr/bin/perl
# Logins: known and unknown names take the same time, guessing gets slower, and
# looking up addresses never waits for passwords.
use strict;
use warnings;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

# The shell's helpers start and stop the system for us.
my $top = $ENV{top_srcdir} // '.';
open my $sh, '-|', 'sh', '-c', <<'X', $top or die;
	cd "$0"; top_srcdir=$PWD; export top_srcdir; . t/lib.sh
	semail_conf "plaintext-login loopback" "pop3-session-limit 500" "auth-cache-time 0"
	semail_start
	newdom x.test >/dev/null || exit 1
	for u in bob eve; do newbal $u@x.test secret >/dev/null || exit 1; done
	echo "ready $T $pop3_port $smtp_port $$"
	while [ -d "$T" ] && [ ! -e "$T/stop" ] && kill -0 $PPID; do sleep 0.1; done
	exec >/dev/null
X
my ($T, $pop3, $smtp, $pid);
while (<$sh>) {
	if (/^ready (\S+) (\d+) (\d+) (\d+)/) {
		($T, $pop3, $smtp, $pid) = ($1, $2, $3, $4);
		last;
	}
	if (/# SKIP (.*)/) { plan skip_all => $1 }
}
BAIL_OUT("the system does not start") unless $T;
END { if ($T) { open my $f, '>', "$T/stop"; close $f; close $sh } }

# ---- logins ---------------------------------------------------------------------
sub pop3 {
	my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$pop3") or die "pop3: $!";
	$c->autoflush(1);
	scalar <$c>;
	return $c;
}
sub login {
	my ($user, $password) = @_;
	my $c = pop3();
	print $c "USER $user\r\n";
	scalar <$c>;
	my $t = time;
	print $c "PASS $password\r\n";
	my $line = <$c> // '';
	$line =~ s/\r\n//;
	return ($line, time - $t);
}
my ($line, $took) = login('bob@x.test', 'secret');
like($line, qr/^\+OK/, 'right');
# The first two failures of an address wait alike; later ones longer each.
my ($known, $tk) = login('bob@x.test', 'wrong');
my ($unknown, $tu) = login('bobby@x.test', 'wrong');
is($known, $unknown, 'a wrong password and an unknown name read alike');
cmp_ok(abs($tk - $tu), '<', 0.5, sprintf 'and take the same time (%.3f %.3f)', $tk, $tu);
cmp_ok($tu, '>', 0.24, 'which is a quarter of a second');
($line, $took) = login('bob@x.test', 'wrong') for 1 .. 4;
cmp_ok($took, '>', 3.9, sprintf 'guessing gets slower (%.3f s)', $took);
($line, $took) = login('bob@x.test', 'secret');
like($line, qr/^\+OK/, 'the right password is still taken');
cmp_ok($took, '<', 2, sprintf 'at once (%.3f s)', $took);

# Thirty logins keep both children busy for a second or more; an address is
# looked up all the same.
my @logins = map { my $c = pop3(); print $c "USER eve\@x.test\r\n"; scalar <$c>; $c } 1 .. 30;
print $_ "PASS secret\r\n" for @logins;
my $m = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$smtp") or die;
$m->autoflush(1);
scalar <$m>;
print $m "HELO a.test\r\nMAIL FROM:<>\r\n";
scalar <$m> for 1 .. 2;
my @lookups;
for my $i (1 .. 20) {
	my $t = time;
	print $m 'RCPT TO:<', $i % 2 ? 'eve' : 'bob', "\@x.test>\r\n";
	like(scalar <$m>, qr/^250/, "recipient $i");
	push @lookups, time - $t;
}
@lookups = sort { $a <=> $b } @lookups;
cmp_ok($lookups[10], '<', 0.1, sprintf 'look-ups do not wait for logins (%.4f s)', $lookups[10]);
# One of them has the mailbox, the others were let in as far as that.
like(scalar <$_>, qr/^(\+OK|-ERR \[IN-USE\])/, 'a login among many') for @logins;
$_->close for @logins;

# A mailbox that is deleted takes its sessions with it.
sub session {
	my $user = shift;
	for (1 .. 100) {
		my $c = pop3();
		print $c "USER $user\r\n";
		scalar <$c>;
		print $c "PASS secret\r\n";
		return $c if (<$c> // '') =~ /^\+OK/;
		select undef, undef, undef, 0.1; # until the others have gone
	}
	return undef;
}
my $open = session('bob@x.test');
ok($open, 'a session');
is(system("$ENV{SEMAIL_PREFIX}/sbin/semail", '-f', "$T/semail.conf", 'admin',
    'delbal', 'bob@x.test'), 0, 'the mailbox is deleted');
my $t = time;
my $end = eval {
	local $SIG{ALRM} = sub { die "open\n" };
	alarm 10;
	1 while defined <$open>;
	alarm 0;
	1;
};
ok($end, 'its session ends');
cmp_ok(time - $t, '<', 1, sprintf 'within a second (%.3f s)', time - $t);
ok(!-e "$T/state/mail/x.test/bob", 'its home is gone');
done_testing();
