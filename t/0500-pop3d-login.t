#!/bin/sh
# One mail, fetched by real clients over each kind of connection.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start
newdom pop.test
ok "a mailbox" newbal ann@pop.test ge-heim
cat >"$T/mail" <<X
From: <bob@elsewhere.test>
To: <ann@pop.test>
Subject: fetched
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <1@elsewhere.test>

.a line with a dot
one-of-a-kind-body
X
sed -i 's/$/\r/' "$T/mail"
ok "mail is taken" curl -sS --url "smtp://127.0.0.1:$smtp_port" \
    --mail-from bob@elsewhere.test --mail-rcpt ann@pop.test -T "$T/mail"
ok "and delivered" wait_for 20 has_mail ann@pop.test 1

fetch() { # NAME CURL-OPTION...
	fetch_name=$1
	shift
	fetched=$(curl -sS -k --max-time 20 -u "ann@pop.test:ge-heim" "$@" 2>&1)
	like "$fetch_name" "$fetched" "one-of-a-kind-body"
	like "$fetch_name: dots" "$fetched" "^\.a line with a dot"
}
fetch "curl, in the clear" "pop3://127.0.0.1:$pop3_port/1"
fetch "curl, STLS" --ssl-reqd "pop3://127.0.0.1:$pop3_port/1"
fetch "curl, TLS at once" "pop3s://127.0.0.1:$pop3s_port/1"
fetch "curl, AUTH PLAIN" --login-options AUTH=PLAIN "pop3s://127.0.0.1:$pop3s_port/1"
fetch "curl, AUTH LOGIN" --login-options AUTH=LOGIN "pop3s://127.0.0.1:$pop3s_port/1"
fetch "curl, TLS 1.2" --tls-max 1.2 "pop3s://127.0.0.1:$pop3s_port/1"
ok "TLS 1.1 is refused" sh -c "! curl -sS -k --tls-max 1.1 --tlsv1.1 --ciphers DEFAULT@SECLEVEL=0 \
    -u ann@pop.test:ge-heim 'pop3s://127.0.0.1:$pop3s_port/1'"

if command -v getmail >/dev/null; then
	mkdir -p "$T/getmail" "$T/got/new" "$T/got/cur" "$T/got/tmp"
	cat >"$T/getmail/rc" <<X
[retriever]
type = SimplePOP3SSLRetriever
server = 127.0.0.1
port = $pop3s_port
username = ann@pop.test
password = ge-heim
[destination]
type = Maildir
path = $T/got/
[options]
delete = true
verbose = 0
X
	as="" # getmail delivers nothing as root
	if is_root; then
		chown -R nobody "$T/getmail" "$T/got"
		as="setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=$T/getmail"
	fi
	getmail_out=$($as getmail -g "$T/getmail" -r rc 2>&1) || diag "$getmail_out"
	is "getmail fetches it" \
	    "$(cat "$T/got/new"/* 2>/dev/null | grep -c one-of-a-kind-body)" 1
	ok "and deletes it" wait_for 10 sh -c \
	    "[ -z \"\$(find '$(maildir ann@pop.test)' -type f -path '*/new/*' -o -type f -path '*/cur/*')\" ]"
else
	pass "# SKIP getmail is not there"
	pass "# SKIP getmail is not there"
fi

ok "logins are logged" grep -Eq \
    'pop3d.*login client=127.0.0.1 .*login="ann@pop.test" method=PLAIN tls=no result=ok' "$T/semail.log"
ok "with their TLS" grep -Eq \
    'method=PASS tls="TLSv1.3 [A-Z0-9_]*" result=ok' "$T/semail.log"
is "passwords are not" "$(grep -c ge-heim "$T/semail.log")" 0
done_testing
