#!/bin/sh
# authd dies and comes back: sessions go on, but not those whose password was
# changed or whose mailbox was disabled while it was away.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start
newdom here.test
for u in ann bob carl dan; do newbal $u@here.test secret >/dev/null || exit 1; done

# Sessions that are held open; what they are told comes by a FIFO each.
mkfifo "$T/ask" "$T/say"
perl - "$top_srcdir" "$pop3_port" "$T" <<'P' &
use strict;
use warnings;
my ($top, $port, $T) = @ARGV;
require "$top/t/pop3.pl";
my %c;
for my $u ('ann', 'bob', 'carl') {
	my $c = $c{$u} = POP3->connect($port) or die;
	$c->line;
	$c->login("$u\@here.test", 'secret') =~ /^\+OK/ or die "login $u";
}
$| = 1;
open my $say, '>', "$T/say" or die;
open my $ask, '<', "$T/ask" or die;
select((select($say), $| = 1)[0]);
while (<$ask>) {
	chomp;
	my ($u, $what) = split;
	print $say $what eq 'NOOP' ? $c{$u}->cmd('NOOP') : $c{$u}->line(20), "\n";
}
P
remember $!
exec 3<"$T/say" 4>"$T/ask"
said() { # WHO WHAT
	echo "$1 $2" >&4
	read -r said_line <&3
	echo "$said_line"
}
changed() { [ "$(sql "SELECT COUNT(*) FROM Journal")" -gt "$1" ]; }
# away COMMAND...: a change that is in the database when authd dies; it is
# answered when the next one has it.
away() {
	journal=$(sql "SELECT COUNT(*) FROM Journal")
	authd=$(semail_pid authd)
	semaild=$(cat "$T/run/semaild.pid")
	kill -STOP "$authd"
	"$@" >"$T/out" 2>&1 &
	away_pid=$!
	wait_for 20 changed "$journal" || diag "no change"
	kill -STOP "$semaild"
	kill -9 "$authd"
	sleep 6 # longer than spawnd waits for an answer
	kill -CONT "$semaild"
	wait "$away_pid"
}
authd_back() { p=$(semail_pid authd) && [ -n "$p" ] && [ "$p" != "$authd" ]; }

is "ann" "$(said ann NOOP)" "+OK"
authd=$(semail_pid authd)
kill -9 "$authd"
ok "authd comes back" wait_for 20 authd_back
ok "and takes logins" wait_for 20 curl -s -u dan@here.test:secret "pop3://127.0.0.1:$pop3_port/"
for u in ann bob carl; do is "$u's session goes on" "$(said $u NOOP)" "+OK"; done

change() { printf other | semail admin passwd bob@here.test --password -; }
away change
like "bob's password was changed" "$(cat "$T/out")" "changed"
is "bob's session ends" "$(said bob EOF)" "EOF"
ok "he logs in with the new one" curl -s -u bob@here.test:other "pop3://127.0.0.1:$pop3_port/"
is "ann's goes on" "$(said ann NOOP)" "+OK"
away semail admin disablebal carl@here.test
is "carl's mailbox was disabled: his session ends" "$(said carl EOF)" "EOF"
is "ann's goes on" "$(said ann NOOP)" "+OK"
exec 3<&- 4>&-
done_testing
