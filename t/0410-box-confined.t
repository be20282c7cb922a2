#!/bin/sh
# A mailbox's worker runs as that mailbox's uid with nothing but its home, and
# spawnd, which starts it, keeps only what that takes.
. "${top_srcdir:-.}/t/lib.sh"
is_root || { echo "1..0 # SKIP users and walls need root"; exit 0; }
semail_conf "plaintext-login loopback" "worker-linger 60s" \
    "queue-retry-min 100ms" "queue-retry-max 300ms"
semail_start
newdom here.test
newbal one@here.test secret-1 >/dev/null || exit 1
newbal two@here.test secret-2 >/dev/null || exit 1
for user in one two; do
	ok "mail for $user" curl -sS --crlf --mail-from a@b.test \
	    --mail-rcpt "$user@here.test" -T "$top_srcdir/t/data/one-message.txt" \
	    "smtp://127.0.0.1:$smtp_port"
	ok "is delivered" wait_for 10 has_mail "$user@here.test" 1
done
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
spawnd=$(semail_pid spawnd)
is "spawnd: only CHOWN, KILL, SETGID and SETUID" "$(field "$spawnd" CapPrm)" \
    00000000000000e1
is "spawnd: nothing else to be had" "$(field "$spawnd" CapBnd)" \
    00000000000000e1
for user in one two; do
	uid=$(stat -c %u "$T/state/mail/here.test/$user")
	pid=$(for p in $(ps -o pid= --ppid "$spawnd"); do
		[ "$(stat -c %u "/proc/$p")" = 0 ] || echo "$p"; done |
	    while read -r p; do
		[ "$(field "$p" Uid | cut -f1)" != "$uid" ] || echo "$p"; done)
	is "$user: one worker" "$(echo "$pid" | grep -c .)" 1
	is "$user: all its uids are the mailbox's" "$(field "$pid" Uid)" \
	    "$(printf '%s\t%s\t%s\t%s' "$uid" "$uid" "$uid" "$uid")"
	is "$user: all its gids too" "$(field "$pid" Gid)" \
	    "$(printf '%s\t%s\t%s\t%s' "$uid" "$uid" "$uid" "$uid")"
	is "$user: no other group" "$(field "$pid" Groups | tr -d ' ')" "$uid"
	is "$user: no capabilities" "$(field "$pid" CapPrm)" 0000000000000000
	is "$user: no new privileges" "$(field "$pid" NoNewPrivs)" 1
	is "$user: seccomp filters" "$(field "$pid" Seccomp)" 2
	links=$(ls -l "/proc/$pid/fd" | sed -n 's/.* -> //p')
	is "$user: no folder or file but its home" "$(echo "$links" |
	    grep '^/' | grep -v "^/dev/null$\|^$T/state/mail/here.test/$user\|^$T/semail.log" )" ""
	eval "pid_$user=$pid uid_$user=$uid"
done
ok "two uids" test "$uid_one" != "$uid_two"
as() {
	as_uid=$1
	shift
	setpriv --reuid="$as_uid" --regid="$as_uid" --clear-groups "$@"
}
ok "the uid of one reads its mail" as "$uid_one" ls "$T/state/mail/here.test/one/Maildir/new"
for what in "ls $T/state/mail/here.test/two" "cat /proc/$pid_two/mem" \
    "ls /proc/$pid_two/fd" "kill -0 $pid_two" "touch $T/state/mail/here.test/x" \
    "ls $T/state/mail/here.test" "ls $T/state/mail/.removed"; do
	# shellcheck disable=SC2086
	if as "$uid_one" $what >/dev/null 2>&1; then
		fail "the uid of one cannot $what"
	else
		pass "the uid of one cannot $what"
	fi
done

# spawnd ends: so do its workers, at once.
kill -9 "$spawnd"
ok "no worker outlives spawnd" wait_for 5 sh -c "! kill -0 $pid_one 2>/dev/null && ! kill -0 $pid_two 2>/dev/null || [ ! -e /proc/$pid_one/exe -a ! -e /proc/$pid_two/exe ]"
ok "mail after that" curl -sS --crlf --mail-from a@b.test --mail-rcpt one@here.test \
    -T "$top_srcdir/t/data/one-message.txt" "smtp://127.0.0.1:$smtp_port"
ok "is delivered" wait_for 20 has_mail one@here.test 2

# A mailbox that is deleted leaves nothing, whatever is in it.
home=$T/state/mail/here.test/one
as "$uid_one" sh -c "cd $home && mkdir -p deep/er && chmod 0 deep/er && ln -s /etc/passwd link && mkfifo fifo"
ok "delbal" semail admin delbal one@here.test
ok "the home is gone" test ! -e "$home"
is "nothing is kept aside" "$(ls "$T/state/mail/.removed")" ""
ok "what a link led to is still there" test -s /etc/passwd
done_testing
