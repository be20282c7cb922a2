#!/bin/sh
# A file of rows becomes requests, all or none when a row is bad; refused rows
# stop no other; the same file again is harmless; what admind cannot do now, or
# dies over, is done in the end; lists become files that are taken back.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start
umask 077
mkdir "$T/f"
hash='$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/' # password
import() { semail admin import "$@" >"$T/out" 2>"$T/err"; status=$?; }
out() { cat "$T/out"; }
newdom x.test >/dev/null
newdom y.test >/dev/null

# ---- a file that is not good --------------------------------------------------
printf 'address,password,quota\r\na@x.test,one,5\r\nb@x.test,two,many\r\nc,three,\r\nd@x.test,"fo\r\nur"\r\n' >"$T/f/bad.csv"
import "$T/f/bad.csv"
is "a file with bad rows" "$status" 65
is "each of them is told" "$(out | sed "s:$T/f/::")" "$(cat <<'X'
bad.csv:3: b@x.test: quota: is no number (code -7)
bad.csv:4: c: address: there is no domain (code -7)
bad.csv:5: there are 2 cells, and 3 in the header (code -7)
4 rows: 0 done, 0 refused, 3 bad, 1 not sent
X
)"
like "and that nothing was sent" "$(cat "$T/err")" 'nothing was sent'
there() { grep -c "^$1:x:" "$T/state/exports/passwd"; }
is "nothing was" "$(there a@x.test)" 0
import --json "$T/f/bad.csv"
is "as JSON" "$(python3 -c 'import json, sys; j = json.load(sys.stdin); print([(r["line"], r["code"]) for r in j["rows"]], j["bad"], j["unsent"])' <"$T/out")" \
    "[(3, -7), (4, -7), (5, -7)] 3 1"
import --continue "$T/f/bad.csv"
is "but the good ones" "$status $(tail -1 "$T/out")" "65 4 rows: 1 done, 0 refused, 3 bad"
printf 'address,password,colour,state\n' >"$T/f/unknown.csv"
import "$T/f/unknown.csv"
like "an unknown column" "$status $(cat "$T/err")" '^65 .*unknown.csv:1: there is no column colour; IMPORTBAL knows: address domain mailbox password hash'
import --ignore colour,state "$T/f/unknown.csv"
is "passed over" "$status $(out)" "0 0 rows: 0 done, 0 refused"
printf 'address,password\na@x.test,"pass\n' >"$T/f/quote.csv"
import "$T/f/quote.csv"
like "an open quote" "$status $(cat "$T/err")" '^65 .*quote.csv:2: cell 2 .password.: a quote that is never closed'
import listbal "$T/f/bad.csv"
is "lists are nothing to import" "$status" 64
import newapp "$T/f/bad.csv"
is "nor is what answers a secret" "$status" 64
import nonsense "$T/f/bad.csv"
is "nor what there is not" "$status" 64
import "$T/f/nowhere.csv"
is "a file that is not there" "$status" 65
like "no password is shown" "$(cat "$T/semail.log"; semail admin import --json "$T/f/quote.csv" 2>&1)" 'never closed'
is "not one" "$(grep -c 'three\|pass$' "$T/semail.log" "$T/out" "$T/err" | grep -vc ':0$')" 0

# ---- mailboxes -------------------------------------------------------------------
printf 'address,hash,password,quota,comment,vacation\r\n' >"$T/f/m.csv"
for i in 1 2 3 4 5 6 7 8 9; do
	printf 'm%s@x.test,%s,,%s,"M ""%s"", the | first","I am\naway"\r\n' $i "$hash" $((i * 1000)) $i
done >>"$T/f/m.csv"
printf 'p@y.test,,"pass|word",,,\r\nq@nowhere.test,,secret,,,\r\npostmaster@x.test,,secret,,,\r\nR@Y.test,,secret,,,\r\n' >>"$T/f/m.csv"
import --dry-run "$T/f/m.csv"
is "a dry run" "$status $(tail -1 "$T/out")" "1 13 rows: 12 good, 1 refused"
like "says what would be" "$(out)" 'm.csv:(21|20|29): q@nowhere.test: .*code -4'
is "and changes nothing" "$(there m1@x.test)" 0
chmod 644 "$T/f/m.csv"
import "$T/f/m.csv"
is "the mailboxes" "$status $(tail -1 "$T/out")" "1 13 rows: 12 done, 1 refused"
is "only what was refused is told" "$(wc -l <"$T/out")" 2
like "everybody may read the passwords" "$(cat "$T/err")" 'warning: everybody'
login() { # ADDRESS PASSWORD
	printf 'user = "%s:%s"\n' "$1" "$2" | curl -sS --max-time 20 --ssl-reqd \
	    --cacert "$T/tls/cert.pem" -K - "pop3://localhost:$pop3_port/"
}
like "with their names" "$(cat "$T/state/exports/passwd")" '^m3@x.test:x:[0-9]+:[0-9]+:M "3", the . first:'
import --json "$T/f/m.csv"
is "again it is harmless" "$status $(grep -c '"code":0' "$T/out")" "1 12"
ok "an imported hash logs in" login m3@x.test password
ok "a password, too" login p@y.test 'pass|word'
ok "made small" login r@y.test secret
# A hash is replaced at the first login.
better() { ! semail admin import --dry-run "$T/f/m.csv" >"$T/out" && [ "$(wc -l <"$T/out")" = 3 ]; }
ok "and is another then" wait_for 20 better
like "which is told" "$(out)" 'm3@x.test: .*code -6'
printf 'address,hash\nm1@x.test,%s\nm2@x.test,%s\nM1@X.test,%s\n' "$hash" "$hash" "$hash" >"$T/f/twice.csv"
import --dry-run "$T/f/twice.csv"
like "twice in a file" "$status $(out)" '^65 .*twice.csv:4: M1@X.test: it is in line 2 already .code -6.'
printf 'address,hash,quota\nm1@x.test,%s,77\n' "$hash" | semail admin import - >"$T/out" 2>&1
like "with other values it is refused" "$(out)" '^-:2: m1@x.test: .*exists.*code -6'
printf 'address,forward,quota\nm1@x.test,m2@x.test,1500\nm2,,2500\n' | semail admin import --domain x.test setbal - >"$T/out" 2>&1
is "changes" "$(out)" "2 rows: 2 done, 0 refused"
is "are made" "$(cat "$(home m1@x.test)/.forward")" "$(printf 'm2@x.test')"
printf 'address\nm9@x.test\nm9@x.test\n' | semail admin import delbal - >"$T/out" 2>&1
is "and deletions, also twice" "$(out)" "2 rows: 2 done, 0 refused"

# ---- as somebody ---------------------------------------------------------------------
printf 'toto pw\n' | semail admin newclient toto --password - >/dev/null
printf 'name\ntoto.test\nx.test\n' >"$T/f/d.csv"
printf 'toto pw\n' >"$T/f/pw"
import --login toto --login-password-file "$T/f/pw" newdom "$T/f/d.csv"
is "a client imports what is his" "$status $(tail -1 "$T/out")" "1 2 rows: 1 done, 1 refused"
echo wrong >"$T/f/wrong"
import --login toto --login-password-file "$T/f/wrong" newdom "$T/f/d.csv"
like "a wrong password is tried once" "$status $(cat "$T/out" "$T/err")" '^1 2 rows: 0 done, 0 refused, 2 not sent'
is "only once" "$(grep -c 'login-denied' "$T/semail.log")" 1

# ---- out and in again --------------------------------------------------------------------
semail admin newalias staff --list m1@x.test,m2@x.test --domain x.test >/dev/null
semail admin newalias all --list staff,p@y.test --domain x.test >/dev/null
semail admin newvirt @y.test staff >/dev/null
semail admin newvirt sales@x.test p@y.test >/dev/null
semail admin moddom x.test --comment '=1+1, "so"' >/dev/null
semail admin export aliases >"$T/f/aliases.csv"
is "aliases" "$(cat "$T/f/aliases.csv")" "$(printf 'alias,domain,list\nstaff,x.test,"m1@x.test,m2@x.test"\nall,x.test,"staff,p@y.test"')"
semail admin export virtuals >"$T/f/virtuals.csv"
is "virtual users" "$(cat "$T/f/virtuals.csv")" "$(printf 'virtual,virtual-domain,real,real-domain\n"",y.test,staff,\nsales,x.test,p,y.test')"
is "domains" "$(semail admin export domains | tr '\n' ' ')" "name,client toto.test,toto x.test,local y.test,local "
like "all of them" "$(semail admin export domains --all)" '^x.test,local,.*,"=1\+1, ""so"""$'
like "clients" "$(semail admin export clients)" '^client,name,'
for a in staff all; do semail admin delalias $a >/dev/null; done
for v in @y.test sales@x.test; do semail admin delvirt $v >/dev/null; done
import newalias "$T/f/aliases.csv"
is "aliases are taken back" "$status $(out)" "0 2 rows: 2 done, 0 refused"
import newvirt "$T/f/virtuals.csv"
is "and virtual users" "$status" 0
semail admin export aliases >"$T/f/again.csv"
ok "as they were" cmp "$T/f/aliases.csv" "$T/f/again.csv"
semail admin export virtuals | sort >"$T/f/again.csv"
is "and those" "$(cat "$T/f/again.csv")" "$(sort "$T/f/virtuals.csv")"
# Mailboxes as they are, with the hashes they have by now.
semail admin setbal m2@x.test --sms-tel 0612 --antivirus yes --short deux >/dev/null
(umask 077 && semail admin export mailboxes --hashes >"$T/f/boxes.csv")
is "mailboxes" "$(head -1 "$T/f/boxes.csv")" \
    mailbox,domain,comment,quota,antivirus,forward,sms-tel,sms-filter,sms-email,sms-login,vacation,short,hash,account
is "without hashes unless asked" "$(semail admin export mailboxes | grep -c 'hash\|[$]')" 0
like "all that is known" "$(semail admin export mailboxes --all | head -1)" 'state,.*,uid,made,account$'
import "$T/f/boxes.csv"
is "all are there with these values" "$status $(out)" "0 12 rows: 12 done, 0 refused"
semail admin --json listbal | sed 's/"uid.*//' | sort >"$T/before"
for m in m2@x.test m3@x.test p@y.test; do semail admin delbal $m >/dev/null; done
import "$T/f/boxes.csv"
is "those that are not are made" "$status $(out)" "0 12 rows: 12 done, 0 refused"
semail admin --json listbal | sed 's/"uid.*//' | sort >"$T/after"
ok "as they were" cmp "$T/before" "$T/after"
ok "with the passwords they had" login m3@x.test password
ok "all of them" login p@y.test 'pass|word'
semail admin newuser --client toto --name Jones --first-name 'Jo, "J"' --mobile 061 >/dev/null
semail admin export users >"$T/f/users.csv"
is "users" "$(cat "$T/f/users.csv")" "$(printf 'client,name,first-name,mobile,phone,address,comment\ntoto,Jones,"Jo, ""J""",061,,,')"
import newuser "$T/f/users.csv"
is "are taken back" "$status" 0
printf 'toto pw\n' | semail admin --login toto --login-password - export mailboxes --hashes >"$T/out" 2>"$T/err"
like "hashes are not for everybody" "$? $(cat "$T/out" "$T/err")" '^1 .*code -3'

semail admin export aliases >/dev/full 2>"$T/err"
is "a full disk is told" "$?" 74
semail admin export nonsense >/dev/null 2>&1
is "what cannot be exported" "$?" 64

# ---- not now -----------------------------------------------------------------------------
rows() { # FROM TO
	echo alias,list,domain
	awk -v a="$1" -v b="$2" 'BEGIN { for (i = a; i <= b; i++) print "bulk" i ",m1@x.test,x.test" }'
}
done_rows() { [ "$(grep -c 'type="\?NEWALIAS' "$T/semail.log")" -ge "$1" ]; }
rows 1 400 >"$T/f/bulk.csv"
before=$(grep -c 'type="\?NEWALIAS' "$T/semail.log")
semail admin import newalias "$T/f/bulk.csv" >"$T/out" 2>"$T/err" &
importing=$!
remember $importing
ok "it is under way" wait_for 30 done_rows $((before + 60))
kill -9 "$(semail_pid admind)"
wait $importing
is "admind dies and it goes on" "$? $(cat "$T/out" "$T/err")" "0 400 rows: 400 done, 0 refused"
rows 401 800 >"$T/f/bulk.csv"
before=$(grep -c 'type="\?NEWALIAS' "$T/semail.log")
semail admin import newalias "$T/f/bulk.csv" >"$T/out" 2>"$T/err" &
importing=$!
remember $importing
ok "another" wait_for 30 done_rows $((before + 30))
db=$(semail_pid mariadbd)
kill -STOP "$db"
not_now() { grep -q 'type="\?NEWALIAS.*code=-2' "$T/semail.log"; }
ok "the database is silent" wait_for 30 not_now
kill -CONT "$db"
wait $importing
is "it waits for it" "$? $(cat "$T/out" "$T/err")" "0 400 rows: 400 done, 0 refused"
is "each is there once" "$(semail admin --json listalias --match bulk | grep -c '"alias":"bulk')" 800

# ---- large -------------------------------------------------------------------------------
rows 1 100000 >"$T/f/large.csv"
ok "100,000 rows are looked at" sh -c "'$semail_bin' -f '$conf' admin import newalias --dry-run '$T/f/large.csv' 2>&1 | grep -x '100000 rows: 100000 good, 0 refused'"
done_testing
