#!/bin/sh
# A MariaDB server reached by TLS: its certificate is checked against the
# authority and the address, and one that does not fit is told in plain words.
. "${top_srcdir:-.}/t/lib.sh"
PATH=$PATH:/usr/sbin
command -v mariadbd >/dev/null || { echo "1..0 # SKIP mariadb-server is not installed"; exit 0; }
me=$(id -un)
db_port=$(free_ports 1)
mkdir "$T/pki"
authority() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/pki/$1.key" \
	    -out "$T/pki/$1.pem" -days 30 -subj "/CN=$1" >/dev/null 2>&1
}
certificate() { # NAME AUTHORITY SUBJECTALTNAME
	openssl req -newkey rsa:2048 -nodes -keyout "$T/pki/$1.key" \
	    -out "$T/pki/$1.csr" -subj "/CN=$1" >/dev/null 2>&1
	echo "subjectAltName=$3" >"$T/pki/$1.ext"
	openssl x509 -req -in "$T/pki/$1.csr" -CA "$T/pki/$2.pem" \
	    -CAkey "$T/pki/$2.key" -CAcreateserial -days 30 \
	    -extfile "$T/pki/$1.ext" -out "$T/pki/$1.pem" >/dev/null 2>&1
}
authority ours
authority theirs
certificate fits ours IP:127.0.0.1
certificate misfits ours IP:192.0.2.7,DNS:db.test
certificate stranger theirs IP:127.0.0.1

mariadb-install-db --no-defaults --datadir="$T/ext" --user="$me" \
    --auth-root-authentication-method=socket --auth-root-socket-user="$me" \
    --skip-test-db >/dev/null 2>&1 || { fail "mariadb-install-db"; exit 1; }
ext() { mariadb --no-defaults -N -B -S "$T/ext.sock" -u "$me" -e "$1"; }
ext_start() { # CERTIFICATE, or nothing: no TLS
	set -- ${1:+--ssl-cert="$T/pki/$1.pem" --ssl-key="$T/pki/$1.key"} \
	    --port="$db_port"
	TMPDIR=$T mariadbd --no-defaults --user="$me" --datadir="$T/ext" \
	    --socket="$T/ext.sock" --bind-address=127.0.0.1 \
	    --skip-name-resolve --innodb-buffer-pool-size=8M \
	    --innodb-log-file-size=4M --performance-schema=OFF --skip-log-bin \
	    "$@" >"$T/ext.log" 2>&1 &
	ext_pid=$!
	remember $ext_pid
	wait_for 30 ext "SELECT 1"
}
ext_restart() {
	kill "$ext_pid"
	wait "$ext_pid" 2>/dev/null
	ext_start "$@"
}
code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
logged() { grep -q "$1" "$T/semail.log"; }
ext_start fits
ok "a server" ext "SELECT 1"
ext "CREATE DATABASE mail; CREATE USER 'semail'@'127.0.0.1' IDENTIFIED BY 'db pass' REQUIRE SSL;
    GRANT ALL ON mail.* TO 'semail'@'127.0.0.1'"
echo 'db pass' >"$T/dbpass"
chmod 600 "$T/dbpass"
conf_with() { # LINE...
	semail_conf "plaintext-login loopback" "database-password-file $T/dbpass" "$@"
}

# ---- what check says -----------------------------------------------------------
conf_with "database semail@192.0.2.1:3306/mail"
like "elsewhere needs an authority" "$(semail check 2>&1)" 'semail.conf:[0-9]*: .*database-ca-file'
conf_with "database semail@192.0.2.1:3306/mail" "database-ca-file $T/dbpass"
like "a file without a certificate" "$(semail check 2>&1)" 'holds no PEM certificate'
conf_with "database semail@192.0.2.1:3306,192.0.2.2:3306/mail" "database-ca-file $T/pki/ours.pem"
ok "with one it is good" semail check
conf_with "database semail@192.0.2.1:3306/mail" "database-tls no"
ok "or without TLS" semail check
conf_with "database semail@db.test:3306/mail" "database-tls no"
like "a name is no address" "$(semail check 2>&1)" 'numeric address'
conf_with "database semail@127.0.0.1:$db_port/mail" "database-tls maybe"
like "another word" "$(semail check 2>&1)" 'database-tls'

# ---- a certificate that fits ---------------------------------------------------
conf_with "database semail@127.0.0.1:$db_port/mail" "database-tls verify" \
    "database-ca-file $T/pki/ours.pem"
semail_start
ok "newdom" newdom a.test
ok "newbal" newbal bob@a.test secret
is "it is there" "$(ext "SELECT Ba_Login, Ba_Etat FROM mail.BAL")" "$(printf 'bob\tACTIVE')"
login() { curl -s -S --max-time 20 -u bob@a.test:secret "pop3://127.0.0.1:$pop3_port/"; }
ok "login" login

# A new password is taken by a reload, and used at the next connect.
ext "ALTER USER 'semail'@'127.0.0.1' IDENTIFIED BY 'new pass'"
echo 'new pass' >"$T/dbpass"
ok "reload" semail reload
for id in $(ext "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'semail'"); do
	ext "KILL $id"
done
ok "the new password" wait_for 10 semail admin newdom b.test
cp "$T/pki/theirs.pem" "$T/pki/changed.pem"
sed -i "s|^database-ca-file.*|database-ca-file $T/pki/theirs.pem|" "$conf"
like "another authority needs a restart" "$(semail reload 2>&1)" 'restart'

# ---- those that do not ------------------------------------------------------------
ext_restart misfits
is "another address in it: refused" "$(semail admin --json newdom c.test | code)" -2
ok "the log says why" wait_for 10 logged "certificate of the database server 127.0.0.1 port $db_port is not for this address"
ext_restart stranger
refused_for() { # DOMAIN WHY: refused, and the log says why
	[ "$(semail admin --json newdom "$1" | code)" = -2 ] && logged "$2"
}
ok "of another authority: refused, the log says why" wait_for 10 refused_for c.test "TLS with the database server 127.0.0.1 port $db_port: .*certificate"
ext_restart
is "without TLS: refused" "$(semail admin --json newdom c.test | code)" -2
ok "mail and logins go on" login
is "nothing of it was done" "$(ext "SELECT COUNT(*) FROM mail.Domaine")" 2
ext_restart fits
ok "the right one again" wait_for 15 semail admin newdom c.test

ext_restart misfits
conf_with "database semail@127.0.0.1:$db_port/mail" "database-tls verify-ca" \
    "database-ca-file $T/pki/ours.pem"
semail stop
semail_start
ok "verify-ca looks at the authority only" newdom d.test
ext_restart stranger
semail stop
semail_start
refused() { [ "$(semail admin --json newdom e.test | code)" = -2 ]; }
ok "but at that" refused
ok "the log says why from the start, too" wait_for 15 logged "warn database error=.*TLS with the database"
semail stop
conf_with "database semail@127.0.0.1:$db_port/mail" "database-tls encrypt"
semail_start
ok "encrypt looks at nothing" newdom e.test
is "no password in the log" "$(grep -cE 'db pass|new pass' "$T/semail.log")" 0
done_testing
