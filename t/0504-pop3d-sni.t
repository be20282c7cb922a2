#!/bin/sh
# The certificate of the domain a client asks for (SNI) on all ports with TLS.
# One that is renewed is served without a word of the administrator, sessions
# go on; a renewal that went wrong keeps the old one and is told once.
. "${top_srcdir:-.}/t/lib.sh"
make_cert() { # FOLDER NAMES: an EC one, where lib.sh's is RSA
	mkdir -p "$1"
	openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
	    -keyout "$1/key.pem" -out "$1/cert.pem" -days 30 \
	    -subj /CN=test -addext "subjectAltName=$2" >/dev/null 2>&1
	chmod 600 "$1/key.pem"
}
# As certbot has it: links from live/ to the last of several in archive/.
make_cert "$T/tls/archive/1" "DNS:one.test,DNS:uno.test"
mkdir "$T/tls/live"
ln -s ../archive/1/cert.pem "$T/tls/live/cert.pem"
ln -s ../archive/1/key.pem "$T/tls/live/key.pem"
make_cert "$T/tls/wild" "DNS:*.wild.test"
semail_conf "tls-domain one.test,UNO.test tls/live/cert.pem tls/live/key.pem" \
    "tls-domain *.wild.test $T/tls/wild/cert.pem $T/tls/wild/key.pem"
semail_start
newdom one.test
newbal ann@one.test geheim >/dev/null

of_file() { openssl x509 -noout -fingerprint -sha256 -in "$1"; }
# served PORT [OPTION...]
served() {
	served_port=$1
	shift
	timeout 20 openssl s_client -connect "127.0.0.1:$served_port" "$@" \
	    </dev/null 2>/dev/null |
	    openssl x509 -noout -fingerprint -sha256 2>/dev/null
}
default=$(of_file "$T/tls/cert.pem")
one=$(of_file "$T/tls/live/cert.pem")
wild=$(of_file "$T/tls/wild/cert.pem")
for where in "$pop3s_port" "$pop3_port -starttls pop3" \
    "$smtp_port -starttls smtp" "$submission_port -starttls smtp" \
    "$submissions_port"; do
	for version in -tls1_2 -tls1_3; do
		# shellcheck disable=SC2086
		{
			is "$where $version: a name" \
			    "$(served $where $version -servername one.test)" "$one"
			is "a wildcard" \
			    "$(served $where $version -servername x.wild.test)" "$wild"
			is "no name" "$(served $where $version -noservername)" \
			    "$default"
		}
	done
done
is "in any case" "$(served "$pop3s_port" -servername uNo.TEST)" "$one"
is "unknown" "$(served "$pop3s_port" -servername x.test)" "$default"
is "a star is one label" \
    "$(served "$pop3s_port" -servername a.b.wild.test)" "$default"

# ---- renewed ------------------------------------------------------------------
# A session that talks all the time, beside what follows.
perl - "$top_srcdir" "$pop3s_port" "$T" >"$T/session" <<'P' &
my ($top, $port, $dir) = @ARGV;
require "$top/t/pop3.pl";
my $c = POP3->connect($port, tls => 1);
$c->line;
like("login", $c->login("ann\@one.test", "geheim"), qr/^\+OK/);
open my $f, '>', "$dir/in"; close $f;
my ($good, $n) = (0, 0);
while (!-e "$dir/enough" && $n < 1200) {
	$n++;
	$good++ if $c->cmd("NOOP") =~ /^\+OK/;
	select undef, undef, undef, 0.1;
}
is("every NOOP is answered", $good, $n);
like("QUIT", $c->cmd("QUIT"), qr/^\+OK/);
done();
P
session=$!
remember "$session"
ok "a session is open" wait_for 20 test -e "$T/in"

cp "$conf" "$T/good.conf"
echo "a line that is none" >>"$conf"
make_cert "$T/tls/archive/2" "DNS:one.test,DNS:uno.test"
ln -sf ../archive/2/cert.pem "$T/tls/live/cert.pem"
ln -sf ../archive/2/key.pem "$T/tls/live/key.pem"
new=$(of_file "$T/tls/archive/2/cert.pem")
serves() { # WANT PORT [OPTION...]
	serves_want=$1
	shift
	[ "$(served "$@")" = "$serves_want" ]
}
ok "a renewed one is served" wait_for 40 serves "$new" "$pop3s_port" \
    -servername one.test
ok "by smtpd, too" wait_for 20 serves "$new" "$submissions_port" \
    -servername one.test
is "and the others are as they were" \
    "$(served "$pop3s_port" -servername x.wild.test)" "$wild"
ok "a changed configuration was left alone" \
    grep -q "reloaded certificates only" "$T/semail.log"
cp "$T/good.conf" "$conf"

# A key that does not fit, for longer than it may take to write it.
told() { grep -c "certificate not renewed" "$T/semail.log"; }
told_once() { [ "$(told)" = 1 ]; }
make_cert "$T/tls/archive/3" "DNS:one.test,DNS:uno.test"
ln -sf ../archive/3/key.pem "$T/tls/live/key.pem"
ok "a broken renewal is told" wait_for 40 told_once
like "with place and reason" "$(grep "certificate not renewed" "$T/semail.log")" \
    "semail.conf:[0-9]+: tls-domain: bad key: .*live/cert.pem"
is "and the old one served" "$(served "$pop3s_port" -servername one.test)" "$new"
# The default is renewed meanwhile.
rm "$T/tls/cert.pem" "$T/tls/key.pem"
semail_cert
default2=$(of_file "$T/tls/cert.pem")
ok "the default is renewed beside it" wait_for 40 serves "$default2" \
    "$submissions_port" -servername x.test
: >"$T/enough"
wait "$session"
is "the session saw nothing of it" "$(grep -c '^not ok' "$T/session")" 0
ok "and ended as it should" grep -q "QUIT" "$T/session"

# Who starts anew gets the last good ones.
kill -9 "$(semail_pid pop3d)"
ok "a daemon that starts again" wait_for 40 serves "$new" "$pop3s_port" \
    -servername one.test
is "the broken one was told once" "$(told)" 1
ln -sf ../archive/3/cert.pem "$T/tls/live/cert.pem"
ok "the other half comes" wait_for 40 serves \
    "$(of_file "$T/tls/archive/3/cert.pem")" "$pop3s_port" -servername one.test

# ---- no default ----------------------------------------------------------------
semail stop
grep -v "^tls-certificate\|^tls-key" "$conf" >"$T/new.conf"
cat "$T/new.conf" >"$conf"
semail_start
first=$(of_file "$T/tls/live/cert.pem")
ok "without a default the first is it" wait_for 20 serves "$first" \
    "$pop3s_port" -servername x.test
is "also for who names nobody" "$(served "$submissions_port" -noservername)" \
    "$first"
is "and the others have theirs" \
    "$(served "$pop3s_port" -servername x.wild.test)" "$wild"
done_testing
