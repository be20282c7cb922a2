# Smtp.pm - for tests that speak SMTP octet by octet: a socket, whole replies,
# TLS, and TAP.
package Smtp;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use Time::HiRes qw(time sleep);
use Exporter "import";
our @EXPORT = qw(ok is like done_testing wait_for mails mail_texts pid_of
    status_of rss_kb maildir);

my ($n, $failed) = (0, 0);
$| = 1;
$SIG{PIPE} = "IGNORE";

sub ok {
	my ($good, $name) = @_;
	$n++;
	$failed++ unless $good;
	print $good ? "" : "not ", "ok $n - $name\n";
	return $good;
}

sub printable {
	my ($s) = @_;
	return "(nothing)" unless defined $s;
	$s =~ s/([^\x20-\x7e])/sprintf "\\x%02x", ord $1/ge;
	return $s;
}

sub is {
	my ($got, $want, $name) = @_;
	my $good = defined $got && $got eq $want;
	ok($good, $name);
	print "#  got ", printable($got), "\n# want ", printable($want), "\n"
	    unless $good;
	return $good;
}

sub like {
	my ($got, $re, $name) = @_;
	my $good = defined $got && $got =~ $re;
	ok($good, $name);
	print "#  got ", printable($got), "\n# want $re\n" unless $good;
	return $good;
}

sub done_testing { print "1..$n\n"; exit($failed > 0) }

sub wait_for {
	my ($seconds, $what) = @_;
	my $until = time + $seconds;
	while (time < $until) { my $r = $what->(); return $r if $r; sleep 0.02 }
	return;
}

# ---- a connection -----------------------------------------------------------

sub new { # PORT [, tls => 1] [, from => ADDRESS]: without reading the greeting
	my ($class, $port, %o) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port,
	    Timeout => 10, $o{from} ? (LocalAddr => $o{from}) : ()) or return;
	$s->autoflush(1);
	my $self = bless { s => $s, in => "" }, $class;
	$self->tls if $o{tls};
	return $self;
}

sub hello { # greeted, and EHLO said
	my ($class, $port, %o) = @_;
	my $self = $class->new($port, %o) or return;
	$self->reply;
	$self->say("EHLO client.test");
	return $self;
}

sub tls {
	my ($self) = @_;
	$self->{in} = "";
	IO::Socket::SSL->start_SSL($self->{s}, SSL_verify_mode => 0, Timeout => 10)
	    or return;
	return 1;
}

sub put { # octets as they are
	my ($self, $octets) = @_;
	my $s = $self->{s};
	return print {$s} $octets;
}

# One whole reply: its lines without CRLF joined by "\n"; undef at the end, ""
# when nothing comes for that long.
sub reply {
	my ($self, $seconds) = @_;
	my $until = time + ($seconds || 15);
	my $s = $self->{s};
	for (;;) {
		if ($self->{in} =~ s/\A((?:\d\d\d-[^\r\n]*\r\n)*\d\d\d(?: [^\r\n]*)?)\r\n//) {
			(my $r = $1) =~ s/\r\n/\n/g;
			return $r;
		}
		return "BROKEN " . $self->{in} if $self->{in} =~ /\r\n/
		    && $self->{in} !~ /\A\d\d\d-/;
		my $left = $until - time;
		return "" if $left <= 0;
		my $pending = ref $s eq "IO::Socket::SSL" && $s->pending;
		next unless $pending || IO::Select->new($s)->can_read($left);
		my $r = sysread $s, my $piece, 65536;
		next if !defined $r && ($!{EAGAIN} || $!{EINTR});
		return unless $r;
		$self->{in} .= $piece;
	}
}

sub say { # a command and its reply
	my ($self, $line) = @_;
	$self->put("$line\r\n") or return;
	return $self->reply;
}

sub code { return substr(defined $_[0] ? $_[0] : "end", 0, 3) }

sub codes { # of each of these commands
	my ($self, @lines) = @_;
	return join " ", map { code($self->say($_)) } @lines;
}

# Everything that comes until the end or until nothing does: codes.
sub all_codes {
	my ($self, $seconds) = @_;
	my @c;
	for (;;) {
		my $r = $self->reply($seconds || 15);
		last unless defined $r && length $r;
		push @c, code($r);
	}
	return join " ", @c;
}

sub close { my ($self) = @_; CORE::close($self->{s}) }

# ---- the system beside it -----------------------------------------------------

sub maildir {
	my ($address) = @_;
	my ($login, $domain) = split /\@/, $address;
	my $home = "$ENV{T}/state/mail/$domain/$login";
	return -d "$home/Maildir" ? "$home/Maildir" : $home;
}

sub mail_files {
	my $dir = maildir(@_);
	return map { grep { -f } glob "$dir/$_/*" } "new", "cur";
}

sub mails { my @f = mail_files(@_); return scalar @f }

sub mail_texts {
	return map {
		open my $f, "<:raw", $_ or die "$_: $!";
		local $/;
		my $text = <$f>;
		$text =~ s/\r?\n/\r\n/g;
		$text;
	} mail_files(@_);
}

sub status_of { return scalar `'$ENV{semail_bin}' -f '$ENV{conf}' status --json 2>/dev/null` }

sub pid_of {
	my ($role) = @_;
	return status_of() =~ /"role":"$role","instance":0,"pid":(\d+),"state":"ready"/ ? $1 : undef;
}

sub rss_kb {
	my ($pid) = @_;
	open my $f, "<", "/proc/$pid/status" or return;
	local $/;
	return <$f> =~ /VmRSS:\s+(\d+)/ ? $1 : undef;
}

1;
