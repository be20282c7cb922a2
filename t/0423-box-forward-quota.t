#!/bin/sh
# Forwarding and quotas: what goes on to a mailbox that is full waits until there
# is room, is lost by nobody and sent back to nobody; a mailbox that only sends
# on never becomes full.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "queue-retry-min 100ms" "queue-retry-max 300ms"
semail_start
newdom here.test
newbal ann@here.test secret-1 --quota 20 >/dev/null || exit 1
newbal bob@here.test secret-2 --quota 20 >/dev/null || exit 1
home_put ann@here.test .forward bob@here.test
home_put ann@here.test .vacation.msg away
export semail_bin conf
perl - "$top_srcdir" "$T" "$smtp_port" "$pop3_port" <<'P'
use strict;
use warnings;
my ($top, $T, $smtp, $pop3) = @ARGV;
require "$top/t/pop3.pl";
require "$top/t/Mail.pm";
use Time::HiRes qw(sleep time);
my $s = Mail::connect_smtp($smtp) or die;
my %acked;
sub mail { my ($to) = @_; my ($token, $text) = Mail::make(9000);
	my $r = Mail::send_on($s, 'a@b.test', [$to], $text);
	$acked{$token} = 1 if $r eq "ack";
	return $r }
sub in_box { my ($seen, $wrong) = Mail::account("$T/state/mail/here.test/$_[0]/Maildir"); return $seen }
sub until_ { my ($what) = @_; my $end = time + 20; while (time < $end) { return 1 if $what->(); sleep 0.05 } 0 }
sub queue { scalar `'$ENV{semail_bin}' -f '$ENV{conf}' queue list` }

ok(until_(sub { mail('bob@here.test') =~ /^nak 452/ }), "bob is full");
ok(until_(sub { keys %{ in_box('bob') } == keys %acked }), "of what was accepted");
my $before = keys %acked;
is("mail for ann, who forwards to bob, is accepted", mail('ann@here.test'), "ack") for 1 .. 5;
ok(until_(sub { queue() =~ /4\.2\.2 the mailbox is full/ }), "it waits, with why");
ok(until_(sub { my @n = queue() =~ /4\.2\.2 the mailbox is full/g; @n >= 5 }), "each of them");
is("bob gets none", scalar keys %{ in_box('bob') }, $before);
is("ann keeps none", scalar keys %{ in_box('ann') }, 0);
my $end = time + 60;
while (keys %{ in_box('bob') } < 5 || queue() !~ /^0 messages/m) {
	last if time > $end;
	my $c = POP3->connect($pop3);
	$c->line;
	# What he reads he deletes.
	if ($c->login('bob@here.test', 'secret-2') =~ /^\+OK ([1-9]\d*) messages/) {
		for my $n (1 .. $1) {
			$c->cmd("RETR $n");
			my ($token) = join("\n", $c->lines) =~ /^X-Token: (\S+)/m;
			$acked{$token}++ if $token;
			$c->cmd("DELE $n");
		}
		$c->cmd("QUIT");
	}
	$c->close;
	last if queue() =~ /^0 messages/m;
	sleep 0.2;
}
ok(until_(sub { queue() =~ /^0 messages/m }), "bob makes room: the queue is empty", queue());
my $rest = in_box('bob');
$acked{$_}++ for keys %$rest;
is("all of it came, once", join(" ", grep { $_ != 2 } values %acked), "");
done();
P
