#!/bin/sh
# The directory in a MariaDB server that is not ours, reached by TCP.
. "${top_srcdir:-.}/t/lib.sh"
PATH=$PATH:/usr/sbin
command -v mariadbd >/dev/null || { echo "1..0 # SKIP mariadb-server is not installed"; exit 0; }
me=$(id -un)
db_port=$(free_ports 1)
mariadb-install-db --no-defaults --datadir="$T/ext" --user="$me" \
    --auth-root-authentication-method=socket --auth-root-socket-user="$me" \
    --skip-test-db >/dev/null 2>&1 || { fail "mariadb-install-db"; exit 1; }
ext_start() {
	TMPDIR=$T mariadbd --no-defaults --user="$me" --datadir="$T/ext" \
	    --socket="$T/ext.sock" --bind-address=127.0.0.1 --port="$db_port" \
	    --skip-name-resolve --innodb-buffer-pool-size=8M \
	    --innodb-log-file-size=4M --performance-schema=OFF --skip-log-bin \
	    >"$T/ext.log" 2>&1 &
	ext_pid=$!
	remember $ext_pid
}
ext() { mariadb --no-defaults -N -B -S "$T/ext.sock" -u "$me" -e "$1"; }
code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
ext_start
ok "a server" wait_for 30 ext "SELECT 1"
ext "CREATE DATABASE mail; CREATE USER 'semail'@'127.0.0.1' IDENTIFIED BY 'db pass';
    GRANT ALL ON mail.* TO 'semail'@'127.0.0.1'"
echo 'db pass' >"$T/dbpass"
chmod 600 "$T/dbpass"
semail_conf "plaintext-login loopback" "database semail@127.0.0.1:$db_port/mail" \
    "database-password-file $T/dbpass"
semail_start
ok "newdom" newdom x.test
ok "newbal" newbal bob@x.test secret
is "it is there" "$(ext "SELECT Ba_Login, Ba_Etat FROM mail.BAL")" "$(printf 'bob\tACTIVE')"
is "there is no private server" "$(semail_pid mariadbd)" ""
login() { curl -s -S --max-time 20 -u bob@x.test:secret "pop3://127.0.0.1:$pop3_port/"; }
ok "login" login
kill -9 "$ext_pid"
wait "$ext_pid" 2>/dev/null
is "the server is gone: not now" "$(semail admin --json newdom y.test | code)" -2
ok "logins go on" login
ext_start
ok "the server is back" wait_for 30 ext "SELECT 1"
ok "and so are changes" wait_for 10 semail admin newdom y.test
sed -i 's|/mail$|/other|' "$conf"
like "another database needs a restart" "$(semail reload 2>&1)" 'restart'
is "no password in the log" "$(grep -c 'db pass' "$T/semail.log")" 0
done_testing
