#!/bin/sh
# A full disk: mail is answered 4xx, nothing that was acknowledged is lost, and
# the service comes back by itself when there is room. The queue and then the
# mailboxes are on a small file system of their own.
. "$(dirname "$0")/lib.sh"
is_root || { echo "1..0 # SKIP mounting needs root"; exit 0; }
semail_conf "queue-log-size 8M" "queue-segment-size 2M" "queue-min-free 0" \
    "queue-retry-min 200ms" "queue-retry-max 500ms"
mkdir -p "$T/state/queue" "$T/state/mail"
if ! mount -t tmpfs -o size=12m tmpfs "$T/state/queue" 2>"$T/err" ||
    ! mount -t tmpfs -o size=1m,nr_inodes=200 tmpfs "$T/state/mail" 2>"$T/err"; then
	umount "$T/state/queue" 2>/dev/null
	echo "1..0 # SKIP no tmpfs: $(head -1 "$T/err")"
	exit 0
fi
trap 'semail stop >/dev/null 2>&1; umount "$T/state/queue" "$T/state/mail"; cleanup' EXIT
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
code() { # FILE: the reply to the message
	curl -sv --max-time 60 "smtp://127.0.0.1:$smtp_port" --mail-from a@b.test \
	    --mail-rcpt one@here.test --upload-file "$1" 2>&1 |
	    sed -n 's/^< \([245][0-9][0-9]\).*/\1/p' | tail -1
}
perl -e 'print "Subject: small\r\n\r\nhi\r\n"' >"$T/small"
perl -e 'print "Subject: big\r\n\r\n"; print "y" x 76, "\r\n" for 1..80000' >"$T/big"
perl -e 'print "Subject: middle\r\n\r\n"; print "z" x 76, "\r\n" for 1..8000' >"$T/middle"

is "a small message is taken" "$(code "$T/small")" 250
ok "and delivered" wait_for 20 has_mail one@here.test 1
is "a body that does not fit the queue's disk is refused for now" "$(code "$T/big" | cut -c1)" 4
is "the next small one is taken" "$(code "$T/small")" 250
ok "and delivered" wait_for 20 has_mail one@here.test 2
no_bodies() { [ -z "$(find "$T/state/queue/body" -type f 2>/dev/null)" ]; }
ok "nothing of the refused body is left" wait_for 10 no_bodies

# The mailboxes' disk: accepted mail waits in the queue until there is room.
dd if=/dev/zero of="$T/state/mail/filler" bs=64k 2>/dev/null
is "mail for a mailbox whose disk is full is accepted" "$(code "$T/middle")" 250
is "and more of it" "$(code "$T/small")" 250
waits() { semail queue list | grep -q "one@here.test"; }
ok "it waits" wait_for 20 waits
no_tmp() { [ -z "$(find "$(maildir one@here.test)/tmp" -type f)" ]; }
ok "no half file stands in the mailbox" wait_for 10 no_tmp
rm "$T/state/mail/filler"
ok "with room it arrives by itself" wait_for 30 has_mail one@here.test 4
empty() { ! semail queue list | grep -q "@"; }
ok "and the queue is empty" wait_for 20 empty
big_file=$(find "$(maildir one@here.test)" -type f -size +400k)
is "whole" "$(grep -c '^z\{76\}$' "$big_file")" 8000

# No inodes: the same.
i=0
while [ $i -lt 400 ] && touch "$T/state/mail/f$i"; do i=$((i + 1)); done 2>/dev/null
is "without inodes it is accepted too" "$(code "$T/small")" 250
ok "and waits" wait_for 20 waits
rm -f "$T"/state/mail/f[0-9]*
ok "and arrives" wait_for 30 has_mail one@here.test 5
ok "all daemons run, none has died of it" sh -c "'$semail_bin' -f '$conf' status | grep -v mariadbd | grep -v 'restarts=0' | grep -c . | grep -qx 0"
done_testing
