#!/bin/sh
# The clock jumps: ten years on, back, five years before. What was accepted is
# delivered once, and soon; nothing waits for a year that has not come (SE-3).
. "${top_srcdir:-$(dirname "$0")/..}/t/lib.sh"
faketime=$(dpkg -L libfaketime 2>/dev/null | grep '/libfaketime\.so' | head -1)
if [ -z "$faketime" ]; then
	echo "1..0 # SKIP libfaketime is not there"
	exit 0
fi
if [ -n "${SEMAIL_SANITIZED-}" ]; then
	echo "1..0 # SKIP the sanitizers want to be loaded first"
	exit 0
fi
if ! is_root; then
	echo "1..0 # SKIP only root can make a mount namespace"
	exit 0
fi
semail_conf "smtp-processes 1" "queue-retry-min 200ms" "queue-retry-max 1s"
maildir=$T/state/mail/x.test/bob/Maildir
# Daemons get a clean environment: in a mount namespace of their own every
# program finds the library and the offset below /etc.
mkdir "$T/etc"
cp -a /etc/. "$T/etc/"
echo "$faketime" >"$T/etc/ld.so.preload"
start_at() { # OFFSET of the clock, as faketime(1) has it
	echo "$1" >"$T/etc/faketimerc"
	unshare --mount sh -c 'mount --bind "$1/etc" /etc && exec "$2" -f "$3" start' \
	    sh "$T" "$semail_bin" "$conf" >"$T/start.out" 2>&1 || {
		fail "semail start at $1"
		diag "$(cat "$T/start.out")"
		exit 1
	}
}
mail() { # NAME
	swaks --silent 3 --server 127.0.0.1 --port "$smtp_port" --from a@elsewhere.test \
	    --to bob@x.test --header "Subject: $1" --body "$1" >"$T/swaks.out" 2>&1
}
copies() { grep -lE "^Subject: $1\$" "$maildir"/new/* 2>/dev/null | wc -l; }
has() { [ "$(copies "$1")" = 1 ]; }
waits() { semail queue list | grep -q bob@x.test; }
empty() { ! waits; }

semail_start
newdom x.test
newbal bob@x.test secret
ok "mail today" mail today
ok "is delivered" wait_for 10 has today
semail stop >/dev/null

start_at +10y
then=$(date -d "+10 years" +%Y)
ok "ten years on, mail" mail later
ok "is delivered" wait_for 10 has later
like "by the clock of then" "$(cat "$maildir"/new/*)" " $then [0-9:]+ [+]0000"
# Its home cannot be used: the mail is to be tried again, by that clock.
mv "$maildir" "$maildir.away"
: >"$maildir"
ok "mail that cannot be delivered now" mail stuck
ok "waits" wait_for 10 waits
due() { semail queue list | grep -q " $then-"; }
ok "for a time of ten years on" wait_for 10 due
semail stop >/dev/null
rm "$maildir"
mv "$maildir.away" "$maildir"

semail_start
ok "the clock is right again: it is delivered at once" wait_for 10 has stuck
ok "mail" mail again
ok "is delivered" wait_for 10 has again
semail stop >/dev/null

start_at -5y
ok "five years before, mail" mail before
ok "is delivered" wait_for 10 has before
ok "nothing waits" wait_for 10 empty
for name in today later stuck again before; do
	is "once: $name" "$(copies $name)" 1
done
is "no queue id was used twice" "$(ls "$maildir/new" | sed 's/,.*//' | sort | uniq -d | wc -l)" 0
done_testing
