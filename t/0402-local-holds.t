#!/bin/sh
# A worker dies with mail in hand, spawnd with local's questions, authd with
# spawnd's, and they are away for a while: mail for mailboxes goes to the next one, and does not wait in the queue
# for a retry; and a stop does not wait for it.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start
newdom here.test
newbal one@here.test secret >/dev/null || exit 1
newbal two@here.test secret >/dev/null || exit 1
newbal three@here.test secret >/dev/null || exit 1
newbal four@here.test secret >/dev/null || exit 1
send() { # ADDRESS
	swaks --server "127.0.0.1:$smtp_port" --from a@b.test --to "$1" >/dev/null 2>&1
}
queued() { # this many messages wait
	[ "$(semail queue list 2>/dev/null | grep -c here.test)" = "$1" ]
}
arrived() { [ "$(maildir_count "$1")" = "$2" ]; }
# semaild is stopped, so that nobody starts another one meanwhile.
semaild=$(cat "$T/run/semaild.pid")
away() {
	kill -STOP "$semaild"
	kill -9 "$1"
}
back() { kill -CONT "$semaild"; }

ok "a mail" send one@here.test
ok "arrives" wait_for 20 arrived one@here.test 1
spawnd=$(semail_pid spawnd)
worker=$(pgrep -P "$spawnd" semail-box)
kill -STOP "$worker"
ok "a mail for a worker that does not answer" send one@here.test
ok "and another" send one@here.test
ok "they wait" queued 2
kill -9 "$worker"
ok "the next worker has them" wait_for 20 arrived one@here.test 3
ok "at once" wait_for 20 queued 0
kill -STOP "$spawnd"
ok "mail is taken while spawnd does not answer" send two@here.test
ok "and again" send two@here.test
ok "it waits" queued 2
away "$spawnd"
ok "and when spawnd is away" send two@here.test
ok "that waits, too" queued 3
back
ok "it arrives when spawnd is back" wait_for 20 arrived two@here.test 3
is "none was put off" "$(grep -c 'local.*info later' "$T/semail.log")" 0
ok "the queue is empty" wait_for 20 queued 0

authd=$(semail_pid authd)
local=$(semail_pid local)
kill -STOP "$local"
ok "mail that local is to have" send three@here.test
ok "and more" send four@here.test
away "$authd"
kill -CONT "$local"
ok "waits while authd is away" queued 2
back
ok "and arrives when it is back" wait_for 20 arrived three@here.test 1
ok "all" wait_for 20 arrived four@here.test 1
is "none was put off" "$(grep -c 'local.*info later' "$T/semail.log")" 0
ok "the queue is empty" wait_for 20 queued 0

away "$(semail_pid spawnd)"
ok "more" send two@here.test
ok "waits" queued 1
back
since=$(date +%s)
ok "a stop" semail stop
ok "does not wait for it" test $(($(date +%s) - since)) -lt 20
ok "a start" semail start
ok "delivers it" wait_for 30 arrived two@here.test 4
ok "once" wait_for 20 queued 0
done_testing
