#!/bin/sh
# Domains and mailboxes by semail admin: what it says, what stands afterwards in
# the database, in authd and on disk, and what happens when one of them is away.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start

login() { # ADDRESS PASSWORD
	curl -s -S --max-time 20 -u "$1:$2" "pop3://127.0.0.1:$pop3_port/"
}
rcpt() { # the reply to RCPT TO:<ADDRESS>
	swaks --server "127.0.0.1:$smtp_port" --from a@else.test --to "$1" \
	    --quit-after RCPT 2>&1 | sed -n '/RCPT TO/{n;s/^[< *-]*\([0-9]* [0-9.]*\).*/\1/p;}'
}
code() { # the code of an answer in JSON
	sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'
}
add() { # ADDRESS PASSWORD OPTION...: the code
	add_address=$1
	add_password=$2
	shift 2
	printf '%s' "$add_password" |
	    semail admin --json newbal "$add_address" --password - "$@" | code
}
request() { printf '%s' "$1" | semail admin --json request 2>&1 | code; }

# ---- making ------------------------------------------------------------------
ok "newdom, as soon as the database is there" newdom x.test
is "newdom again" "$(semail admin --json newdom x.test | code)" 0
is "in other letters it is the same" "$(semail admin --json newdom X.Test | code)" 0
is "newbal" "$(add bob@x.test secret1 --quota 1000 --comment 'Bob, the "first"')" 0
is "the panel asks again" "$(add bob@x.test secret1 --quota 1000 --comment 'Bob, the "first"')" 0
is "another password: it exists" "$(add bob@x.test secret2 --quota 1000 --comment 'Bob, the "first"')" -6
is "another quota: it exists" "$(add bob@x.test secret1)" -6
ok "the home is there" test -d "$T/state/mail/x.test/bob"
is "in the database" "$(sql "SELECT Ba_Etat, Ba_Quota, Ba_Commentaire, Ba_Password FROM BAL")" \
    "$(printf 'ACTIVE\t1000\tBob, the "first"\t')"
like "its verifier is Argon2id" "$(sql "SELECT Id_Verificateur FROM Identifiant")" '^\$argon2id\$v=19\$m=65536,t=2,p=1\$'
ok "login" login bob@x.test secret1
ok "login in capitals" login BOB@X.TEST secret1
not() { ! "$@"; }
ok "not with another password" not login bob@x.test secret2
ok "not as a detail of it" not login bob+x@x.test secret1
ok "not as nobody" not login nobody@x.test secret1
like "mail for it" "$(rcpt bob@x.test)" '^250'
like "mail for its detail" "$(rcpt bob+list@x.test)" '^250'
like "mail for nobody" "$(rcpt nobody@x.test)" '^550 5.1.1'
like "mail for elsewhere" "$(rcpt bob@else.test)" '^55[0-9] 5.7'
is "no clear password on disk" "$(grep -rl secret1 "$T/state" "$T/semail.log" 2>/dev/null)" ""
if is_root; then
	uid=$(sql "SELECT Ba_Uid FROM BAL")
	is "the home is the mailbox's own" "$(stat -c %u:%a "$T/state/mail/x.test/bob")" "$uid:700"
fi

# ---- refusals -------------------------------------------------------------------
is "no such domain" "$(add bob@y.test secret1)" -4
for name in a/b .. .bob 'a b' 'a|b' "a'b" 'a..b' 'a;b' bob+x "$(printf %065d 1)"; do
	is "login $name" "$(add "$name@x.test" secret1)" -7
done
is "login with a line end" "$(add 'a
b@x.test' secret1)" -7
for name in x..test 'x test' .x.test x_.test/ "$(printf %0260d 1).test" localhost '-x.test'; do
	is "domain $name" "$(semail admin --json newdom "$name" | code)" -7
done
is "QUOTA is a number" "$(add q@x.test secret1 --quota 12k)" -7
is "COMMENT is a line" "$(add q@x.test secret1 --comment 'a
b')" -7
is "COMMENT is UTF-8" "$(add q@x.test secret1 --comment "$(printf 'a\377')")" -7
is "a long password" "$(add q@x.test "$(printf %0257d 1)")" -7
is "unknown TYPE" "$(request 'NEWFOO|||x.test|a')" -10
is "too few fields" "$(request 'NEWBAL')" -1
is "unknown escape" "$(request 'NEWDOM|||a\x|')" -1
is "too many fields" "$(request 'NEWDOM|||a.test|a.test|b')" -1
is "two domains" "$(request 'NEWDOM|||a.test|b.test')" -1
is "a FORWARD that is a program" "$(request 'NEWBAL|||x.test|v|pw||||\p/bin/sh|||||||')" -7
is "a client with a wrong password" "$(request 'NEWDOM|admin|pw|a.test|a.test')" -3
is "none of it is there" "$(sql 'SELECT COUNT(*) FROM BAL')" 1
# A line of 64 KiB and more: the connection is closed, admind lives.
ok "too long" not sh -c "head -c 70000 /dev/zero | tr '\\0' x |
    '$semail_bin' -f '$conf' admin request"
is "and the next is answered" "$(semail admin --json newdom x.test | code)" 0
if is_root; then
	asuser() { setpriv --reuid 65534 --regid 65534 "$@" "$semail_bin" -f "$conf" admin newdom x.test; }
	chmod 755 "$T"
	ok "a stranger may not" not asuser --clear-groups
	ok "group semail-admin may" asuser --groups "$(id -g semail-admin)"
	chmod 711 "$T"
fi

# ---- away -----------------------------------------------------------------------
pid=$(semail_pid mariadbd)
kill -STOP "$pid"
started=$(date +%s)
is "no database: not now" "$(add eve@x.test secret1)" -2
ok "within its time" test $(($(date +%s) - started)) -lt 25
ok "mail and logins go on" login bob@x.test secret1
like "mail for nobody is refused still" "$(rcpt nobody@x.test)" '^550'
kill -CONT "$pid"
try_eve() { [ "$(add eve@x.test secret1)" = 0 ]; }
ok "the same request later" wait_for 30 try_eve
kill -9 "$pid"
try_fred() { [ "$(add fred@x.test secret1)" = 0 ]; }
ok "after the database was killed" wait_for 30 try_fred
is "once each" "$(sql "SELECT GROUP_CONCAT(Ba_Login ORDER BY 1) FROM BAL")" bob,eve,fred

# authd without a directory: nobody is told that an address does not exist.
admind=$(semail_pid admind)
kill -STOP "$admind"
pid=$(semail_pid authd)
rm "$T/state/auth/data.mdb"
kill -9 "$pid"
authd_back() { p=$(semail_pid authd) && [ -n "$p" ] && [ "$p" != "$pid" ] && [ -f "$T/state/auth/data.mdb" ]; }
ok "authd is started again" wait_for 20 authd_back
empty() { rcpt bob@x.test | grep -q '^451'; }
ok "bob: 451" wait_for 20 empty
like "nobody: 451 as well" "$(rcpt nobody@x.test)" '^451'
like "and elsewhere" "$(rcpt bob@else.test)" '^451'
like "logins: later" "$(curl -s -v --max-time 20 -u bob@x.test:secret1 "pop3://127.0.0.1:$pop3_port/" 2>&1)" 'SYS/TEMP'
kill -CONT "$admind"
full() { rcpt bob@x.test | grep -q '^250'; }
ok "loaded by itself" wait_for 30 full
like "nobody: 550" "$(rcpt nobody@x.test)" '^550'
ok "login" login eve@x.test secret1

# A damaged one.
pid=$(semail_pid authd)
dd if=/dev/urandom of="$T/state/auth/data.mdb" bs=4096 count=2 conv=notrunc 2>/dev/null
kill -9 "$pid"
ok "authd is started again" wait_for 20 authd_back
ok "loaded by itself" wait_for 30 full

# ---- deleting ----------------------------------------------------------------------
is "delbal" "$(semail admin --json delbal bob@x.test | code)" 0
is "again" "$(semail admin --json delbal bob@x.test | code)" 0
is "what never was" "$(semail admin --json delbal bo@x.test | code)" -5
ok "no login" not login bob@x.test secret1
like "no mail" "$(rcpt bob@x.test)" '^550 5.1.1'
ok "no home" test ! -e "$T/state/mail/x.test/bob"
is "no rows" "$(sql "SELECT COUNT(*) FROM BAL JOIN Identifiant ON Id_IdBAL = Ba_IdBAL WHERE Ba_Login = 'bob'")" 0
is "made anew" "$(add bob@x.test secret9)" 0
ok "login" login bob@x.test secret9
ok "not with the old password" not login bob@x.test secret1
is "uids are not used again" "$(sql "SELECT COUNT(DISTINCT Ba_Uid), MAX(Ba_Uid) - MIN(Ba_Uid) FROM BAL")" "$(printf '3\t2')"
is "the journal has no gap" "$(sql "SELECT COUNT(*) - MAX(Jo_Numero), MIN(Jo_Numero) FROM Journal")" "$(printf '0\t1')"
is "audit" "$(sql "SELECT GROUP_CONCAT(Au_Type ORDER BY Au_Id) FROM Audit WHERE Au_Objet = 'bob@x.test'")" NEWBAL,DELBAL,NEWBAL

# ---- all of it started again --------------------------------------------------------
ok "stop" semail stop
ok "start" semail start
again() { login bob@x.test secret9; }
ok "login" wait_for 20 again
is "newdom" "$(wait_for 30 semail admin newdom x.test && echo 0)" 0
done_testing
