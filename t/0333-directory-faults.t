#!/bin/sh
# A database that does not answer, and one without room: changes are refused for
# now, admind is not held up for long, mail and logins go on, and all comes back
# by itself.
. "${top_srcdir:-.}/t/lib.sh"
is_root || { echo "1..0 # SKIP mounting a small file system needs root"; exit 0; }
mkdir -p "$T/state/db"
chmod 711 "$T/state"
"$top_srcdir/contrib/make-users" >/dev/null || exit 1
mount -t tmpfs -o "size=250M,mode=700,uid=$(id -u semail-db),gid=$(id -g semail-db)" \
    semail-test "$T/state/db" 2>/dev/null ||
    { echo "1..0 # SKIP no file system can be mounted here"; exit 0; }
trap 'semail stop >/dev/null 2>&1; umount -l "$T/state/db"; cleanup' EXIT
semail_conf "plaintext-login loopback"
semail_start
code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
newdom_code() { semail admin --json newdom "$1" 2>/dev/null | code; }
login() { curl -s -S --max-time 20 -u bob@x.test:secret "pop3://127.0.0.1:$pop3_port/"; }
mail_is() { # REPLY ADDRESS
	swaks --server "127.0.0.1:$smtp_port" --from a@else.test --to "$2" \
	    --quit-after RCPT 2>&1 | grep -q "^<.*$1"
}
now_ms() { date +%s%3N; }
ok "newdom" newdom x.test
ok "newbal" newbal bob@x.test secret

# ---- silent ---------------------------------------------------------------------
# Requests come all the time; how long is the longest that admind keeps anybody
# waiting whose request needs no database?
ask_all_the_time() {
	while [ -f "$T/silent" ]; do newdom_code y.test >>"$T/codes"; done
}
touch "$T/silent"
db=$(semail_pid mariadbd)
kill -STOP "$db"
ask_all_the_time &
asker=$!
remember $!
longest=0
until_ms=$(($(now_ms) + 12000)) # the time under test, not a wait
while [ "$(now_ms)" -lt $until_ms ]; do
	begun=$(now_ms)
	[ "$(printf 'NEWFOO|||x.test' | semail admin --json request 2>&1 | code)" = -10 ] || longest=99999
	took=$(($(now_ms) - begun))
	[ $took -le $longest ] || longest=$took
done
ok "logins go on" login
ok "mail goes on" mail_is 250 bob@x.test
ok "and is refused for nobody" mail_is 550 nobody@x.test
rm "$T/silent"
wait $asker
is "changes are refused for now" "$(sort -u "$T/codes")" -2
diag "$(wc -l <"$T/codes") requests were refused, admind kept others waiting for $longest ms"
ok "nobody waits long" test "$longest" -lt 11000
kill -CONT "$db"
ok "it answers again: changes are done" wait_for 20 newdom y.test

# ---- full ------------------------------------------------------------------------
cat /dev/zero >"$T/state/db/filler" 2>/dev/null # to the last byte
i=0
while [ $i -lt 2000 ] && c=$(newdom_code "d$i.test") && [ "$c" = 0 ]; do i=$((i + 1)); done
is "without room changes are refused for now" "$c" -2
diag "after $i domains"
ok "logins go on" login
ok "mail goes on" mail_is 250 bob@x.test
is "the refused one is not there" "$(sql "SELECT COUNT(*) FROM Domaine WHERE Do_NomDomaine = 'd$i.test'")" 0
is "all before it are" "$(sql "SELECT COUNT(*) FROM Domaine")" $((i + 2))
rm "$T/state/db/filler"
ok "with room it is made" wait_for 20 newdom "d$i.test"
is "the journal has no gap" "$(sql "SELECT COUNT(*) - MAX(Jo_Numero), MIN(Jo_Numero) FROM Journal")" "$(printf '0\t1')"
is "the database has not been started again" "$(semail_pid mariadbd)" "$db"
ok "newbal" newbal "eve@d$i.test" secret
ok "mail for it" mail_is 250 "eve@d$i.test"
done_testing
