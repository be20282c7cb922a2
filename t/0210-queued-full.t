#!/bin/sh
# A full disk: mail is answered 4xx, nothing accepted is lost, and service comes
# back by itself when there is room again.
. "$(dirname "$0")/lib.sh"
is_root || { echo "1..0 # SKIP mounting a small file system needs root"; exit 0; }
semail_conf "queue-log-size 8M" "queue-segment-size 2M" "queue-min-free 4M" \
    "queue-retry-min 200ms" "queue-retry-max 1s"
mkdir -p "$T/state/queue"
if ! mount -t tmpfs -o size=24m,mode=700 semail-test "$T/state/queue" 2>/dev/null; then
	echo "1..0 # SKIP no file system can be mounted here"
	exit 0
fi
chown semail-queue: "$T/state/queue"
trap 'semail stop >/dev/null 2>&1; umount "$T/state/queue"; cleanup' EXIT
semail_start
newdom here.test
newbal one@here.test secret-1 >/dev/null || exit 1

send() { # SIZE
	printf 'Subject: %s\r\n\r\n' "$1" >"$T/mail"
	perl -e 'print "x" x 68, "\r\n" for 1 .. $ARGV[0] / 70' "$1" >>"$T/mail"
	curl -sS -v --max-time 30 --cacert "$T/tls/cert.pem" "smtp://localhost:$smtp_port" \
	    --mail-from a@elsewhere.test --mail-rcpt one@here.test \
	    --upload-file "$T/mail" >"$T/reply" 2>&1
}
replies() { sed -n 's/^< \([45][0-9][0-9]\).*/\1/p' "$T/reply" | tr '\n' ' '; }
ok "with room, mail is taken" send 1000
ok "a large one too" send 600000
ok "both arrive" wait_for 20 has_mail one@here.test 2

free=$(df -k --output=avail "$T/state/queue" | tail -1)
head -c $(((free - 2048) * 1024)) /dev/zero >"$T/state/queue/filler"
refused() { send "$1"; [ "$(replies)" = "452 " ]; }
ok "less than queue-min-free is left: 452" wait_for 20 refused 1000
send 600000
like "for a large one as well" "$(replies)" '^45[12] $'

rm "$T/state/queue/filler"
ok "with room again mail is taken without a restart" wait_for 20 send 1000
ok "and arrives" wait_for 20 has_mail one@here.test 3

# No margin at all: the disk fills while bodies come in.
sed -i 's/^queue-min-free.*/queue-min-free 0/' "$conf"
ok "reload" semail reload
free=$(df -k --output=avail "$T/state/queue" | tail -1)
head -c $(((free - 256) * 1024)) /dev/zero >"$T/state/queue/filler"
send 600000
like "a body that does not fit: 4xx" "$(replies)" '^4[0-9][0-9] $'
ok "a small one has its place in the log" send 1000
ok "and arrives" wait_for 20 has_mail one@here.test 4
rm "$T/state/queue/filler"
ok "then a large one again" wait_for 20 send 600000
ok "and arrives" wait_for 20 has_mail one@here.test 5
# Completions are durable, and their files gone, within 100 ms.
empty() { semail queue list | grep -q '^0 messages$'; }
no_bodies() { [ -z "$(find "$T/state/queue/body" -type f)" ]; }
ok "nothing is left in the queue" wait_for 10 empty
ok "no unfinished body either" wait_for 10 no_bodies
done_testing
