# pop3.pl - a small POP3 client for tests: require "$top/t/pop3.pl".
# Every wait has an end: a reply that does not come is "TIMEOUT".
package POP3;
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::SSL qw(SSL_VERIFY_NONE);
use IO::Select;

sub connect {
	my ($class, $port, %o) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $port, Timeout => 10,
	    ($o{from} ? (LocalAddr => $o{from}) : ())) or return;
	my $self = bless { sock => $s, buf => '' }, $class;
	$self->tls(%o) if $o{tls};
	return $self;
}

sub tls {
	my ($self, %o) = @_;
	$self->{secure} = IO::Socket::SSL->start_SSL($self->{sock},
	    SSL_verify_mode => SSL_VERIFY_NONE, Timeout => 10,
	    ($o{version} ? (SSL_version => $o{version}) : ())) ? 1 : 0;
	return $self->{secure};
}

sub send {
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	return $self->{sock}->syswrite($bytes);
}

# One line without its CRLF, "EOF" or "TIMEOUT".
sub line {
	my ($self, $seconds) = @_;
	my $end = time + ($seconds // 10);
	while ($self->{buf} !~ /\n/) {
		my $pending = $self->{secure} && $self->{sock}->pending;
		if (!$pending) {
			my $left = $end - time;
			return 'TIMEOUT' if $left <= 0 ||
			    !IO::Select->new($self->{sock})->can_read($left);
		}
		my $n = $self->{sock}->sysread(my $b, 65536);
		if (!defined $n) {
			next if $!{EAGAIN} || $!{EINTR};
			return 'EOF';
		}
		return 'EOF' if $n == 0;
		$self->{buf} .= $b;
	}
	$self->{buf} =~ s/^([^\n]*)\n//;
	my $l = $1;
	$l =~ s/\r$// or return "NOCR $l";
	return $l;
}

sub cmd {
	my ($self, $c, $seconds) = @_;
	$self->send("$c\r\n");
	return $self->line($seconds);
}

# The lines of a multi-line reply, after its +OK, dots unstuffed.
sub lines {
	my ($self) = @_;
	my @l;
	while (1) {
		my $l = $self->line;
		return @l if $l eq '.' || $l eq 'EOF' || $l eq 'TIMEOUT';
		$l =~ s/^\.//;
		push @l, $l;
	}
}

sub login {
	my ($self, $user, $pass) = @_;
	my $r = $self->cmd("USER $user");
	return $r if $r !~ /^\+OK/;
	return $self->cmd("PASS $pass", 30);
}
sub close { my ($self) = @_; close $self->{sock} }

package main;
my $n = 0;
my $failed = 0;
sub ok {
	my ($good, $name, $got) = @_;
	print $good ? "ok " : "not ok ", ++$n, " - $name\n";
	$failed++ if !$good;
	print "# got: $_\n" for $good || !defined $got ? () : split /\n/, $got;
	return $good;
}
sub is { ok($_[1] eq $_[2], $_[0], "$_[1]\nwant: $_[2]") }
sub like { ok($_[1] =~ $_[2], $_[0], "$_[1]\nwant: $_[2]") }
sub done { print "1..$n\n"; exit($failed > 0) }
1;
