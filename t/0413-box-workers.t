#!/bin/sh
# Few workers for many mailboxes: who is idle makes room; they end when they
# are not needed; a password that no longer holds ends the session.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "worker-limit 4" "worker-linger 500ms" \
    "queue-retry-min 100ms" "queue-retry-max 300ms"
semail_start
newdom here.test
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	newbal "u$i@here.test" "secret-$i" >/dev/null || exit 1
done
workers() { ps -o comm= --ppid "$(semail_pid spawnd)" | grep -c semail-box; }
none() { [ "$(workers)" = 0 ]; }
most=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	curl -sS --crlf --mail-from a@b.test --mail-rcpt "u$i@here.test" \
	    -T "$top_srcdir/t/data/one-message.txt" "smtp://127.0.0.1:$smtp_port" &
done
wait_all() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		has_mail "u$i@here.test" 1 || return 1
	done
}
many=0
while [ "$most" -lt 100 ] && ! wait_all; do
	n=$(workers)
	[ "$n" -le "$many" ] || many=$n
	most=$((most + 1))
done
wait_for 20 wait_all && all=yes || all=no
wait_for 10 none &&
    went=yes || went=no
started=$(semail status | sed -n 's/^spawnd.*workers-started=//p')
perl - "$top_srcdir" "$T" "$pop3_port" "$semail_bin" "$conf" "$all" "$many" "$went" "$started" <<'P'
use strict;
use warnings;
my ($top, $T, $pop3, $bin, $conf, $all, $many, $went, $started) = @ARGV;
require "$top/t/pop3.pl";
use Time::HiRes qw(time);
is("all twelve mailboxes got their mail", $all, "yes");
ok($many <= 4, "never more workers than may be", $many);
is("the workers go when they have lingered", $went, "yes");
ok($started >= 12, "as many as were needed were started", $started);
my @c;
for my $i (1 .. 3) {
	$c[$i] = POP3->connect($pop3);
	$c[$i]->line;
	like("session $i", $c[$i]->login("u$i\@here.test", "secret-$i"), qr/^\+OK 1 messages/);
}
# Three sessions are what they may have of four; the fourth place is kept.
my $d = POP3->connect($pop3);
$d->line;
my $r = $d->login('u4@here.test', 'secret-4');
like("no place for a fourth", $r, qr/^-ERR \[SYS\/TEMP\]/);
like("while the others go on", $c[1]->cmd("STAT"), qr/^\+OK 1 /);
my $t = time;
ok(system("'$bin' -f '$conf' admin delbal u1\@here.test >/dev/null") == 0, "delbal");
my $l = $c[1]->line(5);
like("a deleted mailbox's session ends", $l, qr/^EOF|^-ERR/);
ok(time - $t < 3, "soon", time - $t);
like("another's does not", $c[2]->cmd("NOOP"), qr/^\+OK/);
done();
P
