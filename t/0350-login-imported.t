#!/bin/sh
# Logins with verifiers that other systems made; verifiers that are none or
# cost too much; and authd goes on when one of its children dies.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start

login() { # ADDRESS PASSWORD
	curl -s -S --max-time 25 -u "$1:$2" "pop3://127.0.0.1:$pop3_port/" 2>/dev/null
}
not() { ! "$@"; }
# verifier VERIFIER: bob's from now on, as an import leaves it.
n=0
verifier() {
	sql "START TRANSACTION;
	    UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
	    UPDATE Identifiant SET Id_Type = 3, Id_Verificateur = '$1';
	    INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, 3,
	        (SELECT MAX(Id_IdIdentifiant) FROM Identifiant) FROM Compteur
	        WHERE Co_Nom = 'journal'; COMMIT" || return 1
	n=$((n + 1))
	newdom "feed$n.test" >/dev/null # and authd has it
}

ok "a domain" newdom x.test
ok "a mailbox" newbal bob@x.test first
authd=$(semail_pid authd)
while read -r name text; do
	verifier "$text"
	ok "$name: right" login bob@x.test 's3cret pass'
	# Each failure slows the next: only some of them here.
	case $name in
	'{SHA}' | '$2y$') ok "$name: wrong" not login bob@x.test 's3cret pasS' ;;
	esac
done <<'V'
{SHA} {SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M=
{SSHA} {SSHA}LlQ3338eAacfLIZPe0PaCVcjW7dzYWx0c2FsdA==
{SHA256} {SHA256}CZp1TIJR+4oAG2ZCr7Ulm9LttwVne5OfbvTADKseY4k=
{SSHA512} {SSHA512}0RFWIUC1/H2dvbx15A7qjmuAuMMcOblOFtnrUDCZLXdwTBDYSxLAjkJkf0dbAssNnt3wpviF3YCU8nSTvYd713NhbHRzYWx0
{PBKDF2} {PBKDF2}$1$saltsaltsaltsalt$1000$501acad337bb967d16190a9376ea9b79025260f5
$1$ $1$ab/c.D12$6E1.U/Bky5ZUq8.OZ9X2I0
$2y$ $2y$05$abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW
$5$ $5$saltsalt$PSOaQ1.uAjoqVUkrZPH7nqXa/TZbB4/.vAbfkDlIjN2
{CRYPT}$6$ {CRYPT}$6$saltsalt$osX/3U830g/zrFjlLO4TCL7anTNnqPEtGZkQlCTVqQ4pIrvUWJgcB5qXW3Wio7X4AzYGVHZaxr6U8FI7Xf77C/
$y$ $y$j9T$F5Jx5fExrKuPp53xLKQ..1$9D5RovS/HuknGI0.ktF/JBj1lhaH1xkbCFp3CJ3OVL/
$argon2i$ $argon2i$v=19$m=64,t=3,p=1$c2FsdHNhbHQ$qTQs8VvCk1WFYrgjFdVhzgtylaRFEWMytbe25ZoNFnE
{ARGON2ID} {ARGON2ID}$argon2id$v=19$m=128,t=1,p=4$c2FsdHNhbHQ$7d564wjyXzC9kjAK/eJgsqNxuJq5tKgKU2v8hqR0X8Q
V

# ---- hostile ones, which came past admind's check -------------------------------
while read -r name text; do
	verifier "$text"
	started=$(date +%s)
	ok "$name: nobody gets in" not login bob@x.test 's3cret pass'
	ok "$name: soon" test $(($(date +%s) - started)) -lt 5
done <<'V'
endless_rounds $6$rounds=999999999$saltsalt$osX/3U830g/zrFjlLO4TCL7anTNnqPEtGZkQlCTVqQ4pIrvUWJgcB5qXW3Wio7X4AzYGVHZaxr6U8FI7Xf77C/
all_memory $argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E
bcrypt_31 $2b$31$abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW
clear {PLAIN}s3cret
DES {CRYPT}abJnggxhB/yWI
nonsense x
V
verifier '{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M='
ok "a good one again" login bob@x.test 's3cret pass'

# ---- a child that dies ------------------------------------------------------------
# authd's children are the nursery's; the nursery has no other kind at work now.
children() { # of a process
	cat "/proc/$1/task/$1/children"
}
if [ -e "/proc/$$/task/$$/children" ]; then
	nursery=$(children "$authd" | awk '{ print $1 }')
	before=$(children "$nursery")
	ok "it has children" test -n "$before"
	for p in $before; do kill -9 "$p"; done
	gone() { for p in $before; do [ ! -d "/proc/$p" ] || return 1; done; }
	ok "and now has not" wait_for 10 gone
	try() { login bob@x.test "$1"; }
	ok "a login makes another" wait_for 10 try 's3cret pass'
	ok "which checks, too" not login bob@x.test 's3cret pasS'
fi
is "authd is the one that was started" "$(semail_pid authd)" "$authd"
is "no password in the log" "$(grep -c 's3cret' "$T/semail.log")" 0
done_testing
