#!/bin/sh
# semaild keeps the whole up: what dies comes back and its peers find it again;
# a reload is whole or not at all; a second start is refused; stop leaves
# nothing behind.
# also sanitized
. "$(dirname "$0")/lib.sh"
semail_conf "plaintext-login loopback" "message-size-limit 1M"
semail_start
ok "status: all are ready" semail status
second_out=$(semail start 2>&1)
is "a second start is refused" $? 75
like "and says why" "$second_out" "semaild is running already"

size_of() { # what EHLO says
	perl -MIO::Socket::INET -e '
		$s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or exit 1;
		$s->autoflush(1); print $s "EHLO x\r\nQUIT\r\n";
		while (<$s>) { print $1 if /SIZE (\d+)/ }' "$smtp_port"
}
is "EHLO says the size" "$(size_of)" 1048576
sed -i 's/message-size-limit 1M/message-size-limit 2M/' "$conf"
ok "reload" semail reload
is "new sessions have the new size" "$(size_of)" 2097152
echo "message-size-limit 3M" >>"$conf"
reload_out=$(semail reload 2>&1)
is "a wrong configuration is refused" $? 78
is "and nothing changes" "$(size_of)" 2097152
sed -i '$d' "$conf"
sed -i 's/message-size-limit 2M/message-size-limit 4M/' "$conf"
cp "$T/tls/key.pem" "$T/tls/good.pem"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/tls/key.pem" 2>/dev/null
reload_out=$(semail reload 2>&1)
is "a key that does not fit is refused" $? 1
like "with place and reason" "$reload_out" "semail.conf:[0-9]+: tls-key: bad key"
is "and nobody has switched" "$(size_of)" 2097152
mv "$T/tls/good.pem" "$T/tls/key.pem"
chmod 600 "$T/tls/key.pem"
cp "$conf" "$T/good.conf"
echo junk >"$T/tls/junk.pem"
echo "ldap-ca-file tls/junk.pem" >>"$conf"
echo "ldap one ldaps://127.0.0.1:1 uid=%u" >>"$conf"
reload_out=$(semail reload 2>&1)
is "what one daemon refuses" $? 1
like "it gives its reason for" "$reload_out" "authd: ldap-ca-file: bad cert"
is "and none has switched" "$(size_of)" 2097152
cp "$T/good.conf" "$conf"
sed -i "s/listen-smtp .*/listen-smtp 127.0.0.1:1/" "$conf"
reload_out=$(semail reload 2>&1)
is "listeners do not change at a reload" $? 1
like "and it says so" "$reload_out" "listen-smtp cannot change while running"
sed -i "s/listen-smtp .*/listen-smtp 127.0.0.1:$smtp_port/" "$conf"

for role in authd queued local spawnd admind pop3d smtpd; do
	pid=$(semail_pid $role)
	kill -9 "$pid"
	back() { [ -n "$(semail_pid $role)" ] && [ "$(semail_pid $role)" != "$pid" ] && semail status; }
	ok "$role comes back after kill -9" wait_for 20 back
done
newdom here.test
newbal one@here.test secret-1 || exit 1
mail_goes() { # through everything, after all these deaths
	curl -s --crlf --max-time 10 "smtp://127.0.0.1:$smtp_port" --mail-from a@b.test \
	    --mail-rcpt one@here.test --upload-file "$top_srcdir/README"
}
ok "mail is taken again" wait_for 20 mail_goes
ok "and arrives" wait_for 20 has_mail one@here.test 1

all_pids=$(cat "$T/run/semaild.pid"; ps -o pid= --ppid "$(cat "$T/run/semaild.pid")")
ok "stop" semail stop
gone() { for p in $all_pids; do [ ! -d "/proc/$p" ] || return 1; done; }
ok "no process is left" wait_for 5 gone
semail status >/dev/null 2>&1
is "status says so" $? 3
ok "start again" semail start
ok "the mail is still there" has_mail one@here.test 1

# Without semaild nobody would look after them.
master=$(cat "$T/run/semaild.pid")
all_pids=$(ps -o pid= --ppid "$master")
kill -9 "$master"
ok "all end when semaild dies" wait_for 20 gone
ok "and start again" semail start
done_testing
