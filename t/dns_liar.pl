# dns_liar.pl ADDRESS LIE FILE - a resolver among liars: to each question for an
# IPv4 address come, before the true answer ADDRESS, ones that say LIE: from
# another socket, with another id, for another name, without the question.
# Its port is written to FILE.
use strict;
use warnings;
use IO::Socket::INET;

my ($address, $lie, $file) = @ARGV;
my $s = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die;
my $other = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die;
open my $out, '>', $file or die;
print $out $s->sockport, "\n";
close $out;

# An answer to this question section.
sub answer {
	my ($id, $question, $ip) = @_;
	my $n = defined $ip ? 1 : 0;
	my $a = pack('n6', $id, 0x8180, length $question ? 1 : 0, $n, 0, 0) . $question;
	$a .= pack('n3Nn', 0xc00c, 1, 1, 60, 4) . inet_aton($ip) if $n;
	return $a;
}

while (defined(my $from = $s->recv(my $q, 512))) {
	next if length $q < 17;
	my ($id) = unpack 'n', $q;
	my $question = substr $q, 12;
	my $type = unpack 'n', substr $question, -4, 2;
	if ($type != 1) {
		$s->send(answer($id, $question, undef), 0, $from);
		next;
	}
	my $elsewhere = $question;
	substr($elsewhere, 1, 1) ^= "\1";
	$other->send(answer($id, $question, $lie), 0, $from);
	$s->send(answer(($id + 1) & 0xffff, $question, $lie), 0, $from);
	$s->send(answer($id, $elsewhere, $lie), 0, $from);
	$s->send(answer($id, '', $lie), 0, $from);
	$s->send(substr($q, 0, 7), 0, $from);
	$s->send(answer($id, $question, $address), 0, $from);
}
