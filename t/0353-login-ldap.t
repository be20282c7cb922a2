#!/bin/sh
# Passwords checked by LDAP servers: a real slapd with and without TLS, one that
# is stopped, one that never answers, ones that answer nonsense; beside a domain
# without LDAP.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
. "$top_srcdir/t/slapd.sh"

# ---- a slapd of our own ---------------------------------------------------------
slapd_ports=$(free_ports 4)
ldap_port=$(echo "$slapd_ports" | sed -n 1p)
ldaps_port=$(echo "$slapd_ports" | sed -n 2p)
silent_port=$(echo "$slapd_ports" | sed -n 3p)
nobody_port=$(echo "$slapd_ports" | sed -n 4p)
semail_cert # for mail.test, localhost and 127.0.0.1
cp "$T/tls/cert.pem" "$T/ca.pem"
mkdir -p "$T/check"
{
	person uid=alice alice alice@l.test 'ldap secret'
	person 'uid=a.b-c=d' a.b-c=d a.b-c=d@l.test 'ldap secret'
	person uid=dave dave dave@l.test 'ldap secret'
	person uid=carol carol carol@s.test 'p(*)\,=#"<>;%u'
	person uid=stranger stranger stranger@l.test 'ldap secret'
	person uid=twin1 twin1 twin@s.test 'ldap secret'
	person uid=twin2 twin2 twin@s.test 'ldap secret'
} | slapd_init ldap || exit 1
ldap_start() {
	slapd_start ldap "ldap://127.0.0.1:$ldap_port/" \
	    "ldaps://127.0.0.1:$ldaps_port/"
}
ldap_start || exit 1

# Accepts, and never says a word.
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 50,
    LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die;
    push @c, $s->accept while 1' "$silent_port" &
remember $!
# Says what its file holds, whatever it is asked.
nonsense() { # NAME
	perl -MIO::Socket::INET -e '
	    $s = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1") or die;
	    $SIG{PIPE} = "IGNORE";
	    open P, ">", "$ARGV[0].port"; print P $s->sockport, "\n"; close P;
	    local $/; open F, $ARGV[0]; $t = <F>;
	    while ($c = $s->accept) { sysread $c, $x, 1; syswrite $c, $t; push @c, $c;
	        shift @c if @c > 5 }' "$T/$1" &
	remember $!
	wait_for 10 test -s "$T/$1.port" || exit 1
}
printf 'HTTP/1.0 400 Bad Request\r\n\r\n' >"$T/http"
# A bind response of four GiB; an add response; a success for another message.
printf '\060\204\377\377\377\377\002\001\001\141' >"$T/long"
printf '\060\014\002\001\001\151\007\012\001\000\004\000\004\000' >"$T/other"
printf '\060\014\002\001\077\141\007\012\001\000\004\000\004\000' >"$T/wrongid"
head -c 300000 /dev/urandom >"$T/noise"
for s in http long other wrongid noise; do nonsense $s; done

# ---- the configuration ------------------------------------------------------------
printf 'finderpw\n' >"$T/finder"
chmod 600 "$T/finder"
dn=uid=%u,ou=people,dc=test
semail_conf "plaintext-login loopback" "ldap-starttls remote" \
    "ldap-timeout 2s" "ldap-ca-file $T/ca.pem" \
    "ldap starttls ldap://127.0.0.1:$ldap_port#mail.test $dn" \
    "ldap tls ldaps://127.0.0.1:$ldaps_port#mail.test $dn" \
    "ldap badname ldaps://127.0.0.1:$ldaps_port#other.test $dn" \
    "ldap second ldap://127.0.0.1:$nobody_port,ldap://127.0.0.1:$ldap_port $dn" \
    "ldap silent ldap://127.0.0.1:$silent_port $dn" \
    "ldap http ldap://127.0.0.1:$(cat "$T/http.port") $dn" \
    "ldap long ldap://127.0.0.1:$(cat "$T/long.port") $dn" \
    "ldap other ldap://127.0.0.1:$(cat "$T/other.port") $dn" \
    "ldap wrongid ldap://127.0.0.1:$(cat "$T/wrongid.port") $dn" \
    "ldap noise ldap://127.0.0.1:$(cat "$T/noise.port") $dn" \
    "ldap-search search ldap://127.0.0.1:$ldap_port dc=test?sub?(&(objectClass=inetOrgPerson)(mail=%m))" \
    "ldap-search-dn uid=finder,dc=test" "ldap-search-password-file $T/finder"
semail_start
newdom l.test >/dev/null || exit 1
newdom s.test >/dev/null
newdom x.test >/dev/null
for a in alice@l.test a.b-c=d@l.test dave@l.test nobody@l.test carol@s.test twin@s.test bob@x.test; do
	newbal "$a" 'local secret' >/dev/null
done
is "without a source: the local password" "$(try alice@l.test 'local secret')" +OK
authd=$(semail_pid authd)

# ---- right and wrong --------------------------------------------------------------
ok "a source for the domain" source_of l.test starttls
is "in the clear, on loopback, as it was set" "$(try alice@l.test 'ldap secret')" +OK
sed -i 's/^ldap-starttls.*//' "$conf"
ok "by default" semail reload
is "STARTTLS: right" "$(try alice@l.test 'ldap secret')" +OK
is "STARTTLS: wrong" "$(try alice@l.test 'ldap secreT')" "$AUTH"
is "the local password is none" "$(try alice@l.test 'local secret')" "$AUTH"
is "a mailbox with odd letters" "$(try a.b-c=d@l.test 'ldap secret')" +OK
is "a mailbox LDAP does not know" "$(try nobody@l.test 'ldap secret')" "$AUTH"
is "a person who has no mailbox" "$(try stranger@l.test 'ldap secret')" "$AUTH"
is "a domain beside it" "$(try bob@x.test 'local secret')" +OK
source_of l.test tls
is "ldaps: right" "$(try alice@l.test 'ldap secret')" +OK
source_of l.test second
is "the first of two servers is not there" "$(try alice@l.test 'ldap secret')" +OK
source_of l.test badname
is "another name in the certificate: not now" "$(try alice@l.test 'ldap secret')" "$TEMP"
like "and the log says why" "$(grep 'ldap trouble source=badname' "$T/semail.log")" 'hostname mismatch'
source_of l.test nosuch
is "a source that is not configured: not now" "$(try alice@l.test 'ldap secret')" "$TEMP"
like "and the log names it" "$(grep 'ldap unknown' "$T/semail.log")" 'source="?nosuch'

# ---- found by a search -------------------------------------------------------------
source_of s.test search
is "search: right, with any characters" "$(try carol@s.test 'p(*)\,=#"<>;%u')" +OK
is "search: wrong" "$(try carol@s.test 'p(*)\,=#"<>;%')" "$AUTH"
is "search: two entries" "$(try twin@s.test 'ldap secret')" "$TEMP"
is "a name that is a filter" "$(try '*@s.test' 'ldap secret')" "$AUTH"

# ---- away ---------------------------------------------------------------------------
source_of l.test starttls
is "once more" "$(try alice@l.test 'ldap secret')" +OK
slapd_stop $slapd_pid
is "slapd stopped: what was right a moment ago" "$(try alice@l.test 'ldap secret')" +OK
is "and what was not is not now" "$(try alice@l.test 'other')" "$TEMP"
is "not even for who has no mailbox" "$(try who@l.test 'other')" "$TEMP"
is "the domain beside it" "$(try bob@x.test 'local secret')" +OK
ldap_start
is "and LDAP is asked again" "$(try dave@l.test 'ldap secret')" +OK
is "it is logged when it goes" "$(grep -c 'ldap down source=starttls' "$T/semail.log")" 1
is "and when it comes" "$(grep -c 'ldap up source=starttls' "$T/semail.log")" 1

source_of l.test silent
started=$(date +%s%N)
try alice@l.test 'ldap secret' >"$T/silent.out" &
waiting=$!
is "a silent server keeps nobody else" "$(try carol@s.test 'p(*)\,=#"<>;%u')" +OK
is "nor local passwords" "$(try bob@x.test 'local secret')" +OK
ok "they are answered before it is given up" test ! -s "$T/silent.out"
wait $waiting
is "which it is" "$(cat "$T/silent.out")" "$TEMP"
ok "in time" test $((($(date +%s%N) - started) / 1000000)) -lt 6000
for s in http long other wrongid noise; do
	source_of l.test $s
	is "an answer that is $s: not now" "$(try alice@l.test 'ldap secret')" "$TEMP"
done

# ---- app passwords -------------------------------------------------------------------
changed "INSERT INTO Identifiant (Id_IdBAL, Id_Type, Id_Verificateur, Id_Appareil)
    SELECT Ba_IdBAL, 2, '{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M=', 'phone' FROM BAL WHERE Ba_Login = 'alice'" \
    3 "LAST_INSERT_ID()"
is "an app password, whatever the server says" "$(try alice@l.test 's3cret pass')" +OK
tablet=$(semail admin newapp alice@l.test tablet | grep -oE '^([a-z2-9]{4}-){3}[a-z2-9]{4}$')
is "one that NEWAPP made, too" "$(try alice@l.test "$tablet")" +OK
source_of l.test tls
is "LDAP's beside it" "$(try alice@l.test 'ldap secret')" +OK

# ---- its children die -----------------------------------------------------------------
if [ -e "/proc/$$/task/$$/children" ]; then
	nursery=$(awk '{ print $1 }' "/proc/$authd/task/$authd/children")
	for p in $(cat "/proc/$nursery/task/$nursery/children"); do kill -9 "$p" 2>/dev/null; done
	again() { [ "$(try dave@l.test 'ldap secret')" = +OK ]; }
	source_of l.test second # not what is remembered
	ok "binder, connector, hashers: others take their place" wait_for 20 again
	like "as the log says" "$(cat "$T/semail.log")" 'binder died'
	source_of l.test tls
fi

# ---- set as administrators do ---------------------------------------------------------
not() { ! "$@"; }
ok "a source that is not configured is refused" not semail admin moddom l.test --ldap nosuch
ok "one that is" semail admin moddom l.test --ldap second
is "stands in the database" "$(sql "SELECT Do_Ldap FROM Domaine WHERE Do_NomDomaine = 'l.test'")" second
ok "and away with it" semail admin moddom l.test --ldap ''
is "the local password" "$(try alice@l.test 'local secret')" +OK

# ---- the whole server, and a reload ---------------------------------------------------
source_of l.test ''
changed "UPDATE ServeurMail SET Se_Ldap = 'tls'" 6 1
is "the server's source" "$(try alice@l.test 'ldap secret')" +OK
changed "UPDATE ServeurMail SET Se_Ldap = ''" 6 1
is "no longer" "$(try alice@l.test 'ldap secret')" "$AUTH"
is "the local one again" "$(try alice@l.test 'local secret')" +OK
sed -i "s/^ldap silent.*/ldap silent ldap:\/\/127.0.0.1:$ldap_port#mail.test $dn/" "$conf"
ok "a reload" semail reload
source_of l.test silent
is "and the source is another" "$(try alice@l.test 'ldap secret')" +OK
is "authd is the one that was started" "$(semail_pid authd)" "$authd"
sed -i 's/^ldap silent /ldap noise /' "$conf"
ok "a name twice is refused" not semail reload
like "with its line" "$(semail check 2>&1)" 'semail.conf:[0-9]+: LDAP source noise is set already in line [0-9]+'
sed -i 's/^ldap noise .*//' "$conf"
echo junk >"$T/ca.pem"
like "a CA that is none is refused" "$(semail reload 2>&1)" 'ldap-ca-file: bad certificates'
sed 's/^ldap-ca-file.*//' "$conf" >"$T/check/semail.conf"
check() { "$semail_bin" -f "$T/check/semail.conf" check 2>&1; }
like "TLS wants a CA" "$(check)" 'semail.conf:[0-9]+: ldap starttls speaks TLS and needs ldap-ca-file'
echo "ldap x ldap://192.0.2.256 uid=%u" >>"$T/check/semail.conf"
like "a server is a name or an address" "$(check)" 'semail.conf:[0-9]+: ldap: the server must be a host name or a numeric address'

is "no password in the log" "$(grep -cE 'ldap secret|finderpw|local secret|s3cret' "$T/semail.log")" 0
done_testing
