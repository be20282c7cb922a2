# Mail.pm - for tests that count mail: send messages that can be told apart,
# and account for every one of them.
#
# A message carries a token, its body's length and SHA-256 in its header, so
# that a file in a Maildir proves by itself that it is whole.
package Mail;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use File::Find;
use IO::Socket::INET;

my $serial = 0;

# A message of about $size bytes with a token of its own: (token, text).
sub make {
	my ($size) = @_;
	my $token = sprintf "%d-%d-%06d", $$, time, ++$serial;
	my $line = "$token " . ("x" x 60) . "\r\n";
	my $body = $line x (1 + int($size / length $line));
	$body .= ".leading dot\r\n..two\r\n"; # must come through unstuffed
	my $text = "From: <sender\@elsewhere.test>\r\nTo: <someone\@here.test>\r\n"
	    . "Subject: test $token\r\nX-Token: $token\r\n"
	    . "X-Length: " . length($body) . "\r\nX-Sum: " . sha256_hex($body)
	    . "\r\n\r\n$body";
	return ($token, $text);
}

sub reply { # the last line of a reply, or undef when the connection is gone
	my ($s) = @_;
	my $line;
	do { $line = <$s> } while (defined $line && $line =~ /^\d\d\d-/);
	return $line;
}

sub connect_smtp {
	my ($port) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port,
	    Timeout => 10) or return;
	$s->autoflush(1);
	my $r = reply($s);
	return unless defined $r && $r =~ /^220/;
	print $s "EHLO client.test\r\n";
	$r = reply($s);
	return unless defined $r && $r =~ /^250/;
	return $s;
}

# Send one message on an open connection: "ack", "nak CODE" or "lost".
sub send_on {
	my ($s, $from, $rcpts, $text) = @_;
	local $SIG{PIPE} = 'IGNORE';
	(my $stuffed = $text) =~ s/^\./../mg;
	for my $command ("MAIL FROM:<$from>", (map { "RCPT TO:<$_>" } @$rcpts), "DATA") {
		print $s "$command\r\n" or return "lost";
		my $r = reply($s);
		return "lost" unless defined $r;
		if ($r !~ /^[23]/) {
			print $s "RSET\r\n";
			reply($s);
			return "nak " . substr($r, 0, 3);
		}
	}
	print $s $stuffed, ".\r\n" or return "lost";
	my $r = reply($s);
	return "lost" unless defined $r;
	return $r =~ /^250/ ? "ack" : "nak " . substr($r, 0, 3);
}

# What stands in a mailbox: token => how often, and a list of what is wrong.
sub account {
	my ($maildir) = @_;
	my (%seen, @wrong);
	for my $sub ("new", "cur") {
		next unless -d "$maildir/$sub";
		opendir my $d, "$maildir/$sub" or next;
		for my $name (sort grep { !/^\./ } readdir $d) {
			my $file = "$maildir/$sub/$name";
			open my $f, "<:raw", $file or next;
			local $/;
			my $text = <$f>;
			$text =~ s/\r?\n/\r\n/g;
			my ($head, $body) = split /\r\n\r\n/, $text, 2;
			my ($token) = $head =~ /^X-Token: (\S+)/m;
			my ($length) = $head =~ /^X-Length: (\d+)/m;
			my ($sum) = $head =~ /^X-Sum: (\S+)/m;
			if (!defined $token || !defined $body || length($body) != $length
			    || sha256_hex($body) ne $sum) {
				push @wrong, "$file is not whole";
				next;
			}
			$seen{$token}++;
		}
		closedir $d;
	}
	return (\%seen, \@wrong);
}

1;
