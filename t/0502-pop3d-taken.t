#!/bin/sh
# A pop3d that was taken over gets no worker without a good ticket: this test
# speaks with authd and spawnd as pop3d would, from its user and its sockets.
. "${top_srcdir:-.}/t/lib.sh"
case $(uname -m) in x86_64 | aarch64) ;; *) echo "1..0 # SKIP no sendmsg number"; exit 0 ;; esac
semail_conf
semail_start
newdom pop.test
newbal ann@pop.test geheim >/dev/null
perl - "$top_srcdir" "$T/run/pop3d" <<'P'
use strict;
use warnings;
use Socket;
use IO::Socket::UNIX;
use IO::Select;
my ($top, $run) = @ARGV;
require "$top/t/pop3.pl";

# Message numbers, from the table itself.
my (%type, $n);
open my $h, '<', "$top/libcommon/msg.h" or die;
while (<$h>) { $type{$1} = $n++ if /^\tX\((\w+),/ and ($n //= 0, 1) }
my %name = reverse %type;
my $sendmsg = `uname -m` =~ /x86_64/ ? 46 : 211;

if ($> == 0) { # the user whose sockets these are
	my ($uid, $gid) = (getpwnam 'semail-pop3')[2, 3];
	$) = "$gid $gid";
	$( = $gid;
	$< = $> = $uid;
	$> == $uid or die;
}

sub channel {
	my $s = IO::Socket::UNIX->new(Peer => "$run/$_[0]") or die "$run/$_[0]: $!";
	return $s;
}
my $id = 0;
sub ask { # channel, message, payload, descriptor: type and payload of the answer
	my ($s, $msg, $payload, $fd) = @_;
	my $bytes = pack('v C C v v V V', 0x534d, 1, defined $fd ? 1 : 0,
	    $type{$msg}, 0, length $payload, ++$id) . $payload;
	if (defined $fd) {
		my $iov = pack 'P Q', $bytes, length $bytes;
		my $control = pack 'Q l l l x4', 20, SOL_SOCKET, 1, $fd;
		my $hdr = pack 'Q L x4 P Q P Q l x4', 0, 0, $iov, 1, $control,
		    length $control, 0;
		syscall($sendmsg, fileno $s, $hdr, 0) == length $bytes or die "$!";
	} else {
		$s->syswrite($bytes) == length $bytes or die;
	}
	my $got = '';
	while (length $got < 16 || length $got < 16 + unpack 'V', substr $got, 8, 4) {
		IO::Select->new($s)->can_read(10) or return ('TIMEOUT', '');
		my $r = $s->sysread($got, 65536, length $got);
		return ('CLOSED', '') if !$r;
	}
	return ($name{unpack 'v', substr $got, 4, 2}, substr $got, 16);
}
sub text { pack 'V/a', $_[0] }
sub ticket { # of a login with the right password
	my ($t, $p) = ask($_[0], 'AUTH_LOGIN', text('ann@pop.test') .
	    text($_[1] // 'geheim') . pack('C', 2) . text('127.0.0.1'));
	return $t eq 'AUTH_LOGIN_IS' ? substr $p, -16 : $t;
}
sub attach { # ticket, service: the answer, and what the worker says first
	my ($ticket, $service) = @_;
	socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0 or die;
	my ($t, $p) = ask(channel('spawnd'), 'SPAWN_ATTACH',
	    $ticket . pack('C', $service // 2) . text('127.0.0.1'), fileno $theirs);
	close $theirs;
	$t .= ' ' . unpack 'v', $p if $t eq 'FAIL';
	my $said = '';
	sysread $ours, $said, 4096 if IO::Select->new($ours)->can_read(10);
	return ($t, $said);
}

my $authd = channel('authd');
like("a wrong password gives no ticket", ticket($authd, 'wrong'), qr/^FAIL/);
my $good = ticket($authd);
is("a right one gives 16 bytes", length $good, 16);
my ($t, $said) = attach($good);
is("with it there is a worker", $t, 'SPAWN_OK');
like("that speaks POP3", $said, qr/^\+OK/);
($t, $said) = attach($good);
is("a used ticket is worth nothing", $t, 'FAIL 1');
is("and no worker has the descriptor", $said, '');
for my $made ("\0" x 16, "\xff" x 16, join '', map { chr int rand 256 } 1 .. 16) {
	($t, $said) = attach($made);
	is("nor a made-up one", $t, 'FAIL 1');
	is("no worker", $said, '');
}
my $other = ticket($authd);
($t, $said) = attach($other, 3);
like("a ticket for POP3 opens no IMAP", $t, qr/^(FAIL|CLOSED)/);
($t, $said) = attach(substr($other, 0, 15));
is("a short one costs the channel", $t, 'CLOSED');
# What pop3d has no business with is refused, and the daemons live on.
for my $m (qw(SPAWN_DELIVER SPAWN_HOME SPAWN_REMOVE)) {
	($t) = ask(channel('spawnd'), $m, pack 'V', 1);
	is("$m is refused", $t, 'CLOSED');
}
for my $m (qw(AUTH_RCPT AUTH_REDEEM AUTH_BOX FEED_STATE)) {
	($t) = ask(channel('authd'), $m, text('ann@pop.test'));
	is("$m is refused", $t, 'CLOSED');
}
($t) = attach(ticket($authd));
is("and an honest login still works", $t, 'SPAWN_OK');
done();
P
tap_failed=$?
exit $tap_failed
