#!/bin/sh
# The walls, as root: each role runs as its own user, and that user can reach
# nothing of the others, even with a shell.
. "$(dirname "$0")/lib.sh"
is_root || { echo "1..0 # SKIP users and walls need root"; exit 0; }
semail_conf "plaintext-login loopback"
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal two@here.test secret-2 || exit 1
as() { # USER COMMAND...: as that user, with no other group
	as_user=$1
	shift
	setpriv --reuid="$as_user" --regid="$(id -g "$as_user" 2>/dev/null || echo "$as_user")" \
	    --clear-groups "$@" 2>/dev/null
}
no() { # NAME USER COMMAND...: it must fail
	no_name=$1
	shift
	if as "$@" >/dev/null; then fail "$no_name"; else pass "$no_name"; fi
}

for pair in smtpd:semail-smtp queued:semail-queue local:semail-local \
    authd:semail-auth admind:semail-admin pop3d:semail-pop3 spawnd:root; do
	role=${pair%%:*}
	pid=$(semail_pid "$role")
	is "$role runs as ${pair#*:}" "$(stat -c %U "/proc/$pid")" "${pair#*:}"
	is "$role: no new privileges" \
	    "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status")" 1
	is "$role: seccomp filter" \
	    "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")" 2
done
for role in smtpd queued local authd pop3d admind; do
	pid=$(semail_pid "$role")
	is "$role: no capabilities" \
	    "$(sed -n 's/^CapPrm:\t//p' "/proc/$pid/status")" 0000000000000000
	is "$role: in its own root" "$(readlink "/proc/$pid/root")" "$T/run/$role"
done

for user in semail-smtp semail-pop3 semail-local; do
	no "$user cannot list the queue" $user ls "$T/state/queue"
	no "$user cannot list the snapshot with the verifiers" $user ls "$T/state/auth"
	no "$user cannot list the database" $user ls "$T/state/db"
	no "$user cannot list a mailbox" $user ls "$T/state/mail/here.test/one"
	no "$user cannot list the mailboxes" $user ls "$T/state/mail/here.test"
	no "$user cannot read the key" $user cat "$T/tls/key.pem"
	no "$user cannot read the log" $user cat "$T/semail.log"
	no "$user cannot reach admind's sockets" $user ls "$T/run/admind"
	no "$user cannot reach the control sockets" $user ls "$T/run/ctl"
done
no "semail-queue cannot list the snapshot" semail-queue ls "$T/state/auth"
no "semail-queue cannot list a mailbox" semail-queue ls "$T/state/mail/here.test/one"
no "semail-auth cannot list the queue" semail-auth ls "$T/state/queue"

one=$(stat -c %u "$T/state/mail/here.test/one")
two=$(stat -c %u "$T/state/mail/here.test/two")
ok "each mailbox has a uid of its own" test "$one" -ge 1900000000 -a "$two" -ge 1900000000 -a "$one" != "$two"
as "$one" ls "$T/state/mail/here.test/one" >/dev/null && pass "a mailbox's uid reads its own" || fail "a mailbox's uid reads its own"
no "and not another's" "$one" ls "$T/state/mail/here.test/two"
no "nor the queue" "$one" ls "$T/state/queue"

# A connection to an edge by the wrong user: the socket's mode refuses it.
no "another user cannot connect to an edge" semail-pop3 perl -MIO::Socket::UNIX -e \
    'IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1' "$T/run/smtpd/queued"
ok "all still runs" semail status
done_testing
