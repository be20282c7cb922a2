#!/bin/sh
# LDAP servers that are names: a real resolver (unbound), names that move, have
# many addresses or none, a resolver that is silent, and one among liars.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
. "$top_srcdir/t/slapd.sh"
command -v unbound >/dev/null || { echo "1..0 # SKIP unbound is missing"; exit 0; }

# ---- two slapds, which know different passwords -----------------------------------
ports=$(free_ports 3)
ldap_port=$(echo "$ports" | sed -n 1p)
ldaps_port=$(echo "$ports" | sed -n 2p)
dns_port=$(echo "$ports" | sed -n 3p)
semail_cert # for mail.test, localhost and 127.0.0.1
cp "$T/tls/cert.pem" "$T/ca.pem"
person uid=alice alice alice@l.test 'first secret' | slapd_init first || exit 1
person uid=alice alice alice@l.test 'second secret' | slapd_init second || exit 1
slapd_start first "ldap://127.0.0.1:$ldap_port/" "ldaps://127.0.0.1:$ldaps_port/" || exit 1
slapd_start second "ldap://127.0.0.2:$ldap_port/" "ldaps://127.0.0.2:$ldaps_port/" || exit 1

# ---- a resolver ---------------------------------------------------------------------
# Zones are answered from a file, with the TTL that stands there.
mkdir "$T/dns"
cat >"$T/dns/unbound.conf" <<X
server:
  interface: 127.0.0.1@$dns_port
  port: $dns_port
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "$T/dns"
  pidfile: "$T/dns/pid"
  use-syslog: no
  logfile: "$T/dns/log"
  log-queries: yes
  num-threads: 1
  rrset-roundrobin: no
  local-zone: "test." static
  include: "$T/dns/names"
remote-control:
  control-enable: no
X
names() { # the address of mail.test
	cat <<X
local-data: "mail.test. 1 A $1"
local-data: "kept.test. 3600 A $1"
local-data: "two.test. 60 AAAA ::1"
local-data: "two.test. 60 A 127.0.0.1"
local-data: 'none.test. 60 TXT "x"'
X
	for i in $(seq 1 60); do
		if [ "$i" = 32 ]; then a=127.0.0.1; else a=127.0.1.$i; fi
		echo "local-data: \"many.test. 60 A $a\""
	done
}
names 127.0.0.1 >"$T/dns/names"
unbound -c "$T/dns/unbound.conf" >"$T/dns/out" 2>&1 &
unbound=$!
remember $unbound
ask_dns() { # NAME: the address the resolver gives it
	perl -MIO::Socket::INET -e '
	    my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1:$ARGV[0]") or die;
	    $s->send(pack("n6", 7, 256, 1, 0, 0, 0) .
	        join("", map { pack "C/a", $_ } split /\./, $ARGV[1]) . pack("Cnn", 0, 1, 1));
	    alarm 2; $s->recv(my $a, 512); print inet_ntoa(substr $a, -4)' "$dns_port" "$1"
}
dns_says() { [ "$(ask_dns mail.test)" = "$1" ]; }
wait_for 20 dns_says 127.0.0.1 || { cat "$T/dns/log" "$T/dns/out"; exit 1; }
move() { # to this address
	names "$1" >"$T/dns/names"
	kill -HUP $unbound
	wait_for 20 dns_says "$1"
}
asked() { # NAME: how often the daemons asked for its IPv4 address
	grep -c " $1\. A IN" "$T/dns/log"
}

# ---- the configuration ----------------------------------------------------------------
dn=uid=%u,ou=people,dc=test
semail_conf "plaintext-login loopback" "auth-cache-time 0" "ldap-timeout 4s" \
    "ldap-ca-file $T/ca.pem" "ldap-starttls remote" \
    "resolver 127.0.0.1:$dns_port" \
    "ldap name ldaps://mail.test:$ldaps_port $dn" \
    "ldap starttls ldap://MAIL.test:$ldap_port $dn" \
    "ldap badname ldaps://kept.test:$ldaps_port $dn" \
    "ldap kept ldaps://kept.test:$ldaps_port#mail.test $dn" \
    "ldap two ldaps://two.test:$ldaps_port#mail.test $dn" \
    "ldap many ldaps://many.test:$ldaps_port#mail.test $dn" \
    "ldap none ldaps://none.test:$ldaps_port#mail.test $dn" \
    "ldap nx ldaps://nosuch.test:$ldaps_port#mail.test $dn" \
    "ldap second ldaps://nosuch.test:$ldaps_port,ldaps://mail.test:$ldaps_port $dn" \
    "ldap localhost ldap://localhost:$ldap_port $dn" \
    "ldap hosts ldaps://inhosts.test:$ldaps_port#mail.test $dn" \
    "ldap number ldaps://127.0.0.1:$ldaps_port $dn"
# With another hosts file, where that can be had.
cp /etc/hosts "$T/hosts"
printf '%s\n' '# 127.0.0.2 inhosts.test' '127.0.0.9 localhost' \
    '127.0.0.1 x InHosts.test # inhosts.test' >>"$T/hosts"
chmod 644 "$T/hosts"
has_hosts=false
if is_root && unshare -m mount --bind "$T/hosts" /etc/hosts 2>/dev/null; then
	has_hosts=true
	# shellcheck disable=SC2016
	ok "semail start" unshare -m sh -c 'mount --bind "$1" /etc/hosts &&
	    exec "$2" -f "$3" start' sh "$T/hosts" "$semail_bin" "$conf"
else
	semail_start
fi
newdom l.test >/dev/null || exit 1
newdom x.test >/dev/null
newbal alice@l.test 'local secret' >/dev/null
newbal bob@x.test 'local secret' >/dev/null
authd=$(semail_pid authd)
if [ -e "/proc/$$/task/$$/children" ]; then
	children() { # of authd's nursery
		nursery=$(awk '{ print $1 }' "/proc/$authd/task/$authd/children")
		wc -w <"/proc/$nursery/task/$nursery/children"
	}
else
	children() { echo unknown; }
fi
is_children() { # NAME N
	case $(children) in
	unknown | "$2") pass "$1" ;;
	*) is "$1" "$(children)" "$2" ;;
	esac
}

# ---- a name ----------------------------------------------------------------------------
is_children "two hashers, until a login needs more" 2
source_of l.test name
is "by its name: right" "$(try alice@l.test 'first secret')" +OK
is_children "then binder, connector and resolver" 5
is "wrong" "$(try alice@l.test 'second secret')" "$AUTH"
source_of l.test starttls
is "STARTTLS, the name in capitals" "$(try alice@l.test 'first secret')" +OK
source_of l.test badname
is "the certificate is for another name" "$(try alice@l.test 'first secret')" "$TEMP"
like "which the log says" "$(grep 'ldap trouble source=badname' "$T/semail.log")" \
    'server=kept.test reason=.*hostname mismatch'
for s in kept two many number; do
	source_of l.test $s
	is "$s" "$(try alice@l.test 'first secret')" +OK
done
ok "many addresses came by TCP" test "$(asked many.test)" -ge 2
is "one that answers was looked for once" "$(grep -c 'ldap trouble source=many' "$T/semail.log")" 1
is "and again" "$(try alice@l.test 'first secret')" +OK

# ---- names without an address -------------------------------------------------------------
source_of l.test none
is "a name without an address: not now" "$(try alice@l.test 'first secret')" "$TEMP"
like "the log says so" "$(grep 'ldap trouble source=none' "$T/semail.log")" \
    'server=mail.test reason="the name has no address"'
source_of l.test nx
is "no such name: not now" "$(try alice@l.test 'first secret')" "$TEMP"
is "nor later" "$(try alice@l.test 'first secret')" "$TEMP"
like "the log says so" "$(grep 'ldap trouble source=nx' "$T/semail.log")" 'reason="no such name"'
is "once" "$(grep -c 'ldap trouble source=nx' "$T/semail.log")" 1
is "and that it is down" "$(grep -c 'ldap down source=nx' "$T/semail.log")" 1
source_of l.test second
is "the next server is asked" "$(try alice@l.test 'first secret')" +OK

# ---- names that need no resolver ------------------------------------------------------------
n=$(grep -c localhost "$T/dns/log")
source_of l.test localhost
is "localhost, in the clear" "$(try alice@l.test 'first secret')" +OK
is "is asked of nobody" "$(grep -c localhost "$T/dns/log")" "$n"
if $has_hosts; then
	source_of l.test hosts
	is "a name in hosts(5)" "$(try alice@l.test 'first secret')" +OK
	is "is asked of nobody" "$(asked inhosts.test)" 0
fi

# ---- a name moves ---------------------------------------------------------------------------
source_of l.test kept
n=$(asked kept.test)
is "a long TTL" "$(try alice@l.test 'first secret')" +OK
is "is not asked for again" "$(asked kept.test)" "$n"
ok "the names move" move 127.0.0.2
is "that of a long TTL stays" "$(try alice@l.test 'first secret')" +OK
source_of l.test name
moved() { [ "$(try alice@l.test 'second secret')" = +OK ]; }
ok "the other one is followed" wait_for 20 moved
is "wholly" "$(try alice@l.test 'first secret')" "$AUTH"
kill $unbound
wait $unbound 2>/dev/null
source_of l.test kept
is "without a resolver: what is known" "$(try alice@l.test 'first secret')" +OK
source_of l.test starttls
fails() { [ "$(try alice@l.test 'second secret')" = "$TEMP" ]; }
ok "what was known a second is not now" wait_for 20 fails
like "the log says why" "$(grep 'ldap trouble source=starttls' "$T/semail.log")" \
    'reason="the resolvers fail or cannot be reached"'

# ---- a resolver that is silent ---------------------------------------------------------------
perl -MIO::Socket::INET -e '
    $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die;
    open F, ">", $ARGV[1]; close F; sleep 600' "$dns_port" "$T/silent" &
silent=$!
remember $silent
wait_for 20 test -e "$T/silent" || exit 1
started=$(date +%s%N)
try alice@l.test 'second secret' >"$T/silent.out" &
waiting=$!
is "a silent resolver keeps nobody else" "$(try bob@x.test 'local secret')" +OK
wait $waiting
is "the login that needs it is not now" "$(cat "$T/silent.out")" "$TEMP"
ok "in time" test $((($(date +%s%N) - started) / 1000000)) -lt 8000
source_of l.test number
is "servers that are numbers need none" "$(try alice@l.test 'first secret')" +OK
kill $silent
wait $silent 2>/dev/null
unbound -c "$T/dns/unbound.conf" >"$T/dns/out" 2>&1 &
unbound=$!
remember $unbound
wait_for 20 dns_says 127.0.0.2 || exit 1
source_of l.test starttls
is "a resolver again" "$(try alice@l.test 'second secret')" +OK
like "the log says that it is up" "$(cat "$T/semail.log")" 'ldap up source=starttls'

# ---- a resolver among liars, by a reload --------------------------------------------------------
perl "$top_srcdir/t/dns_liar.pl" 127.0.0.1 127.0.0.2 "$T/liar" &
remember $!
wait_for 20 test -s "$T/liar" || exit 1
sed -i "s/^resolver .*/resolver 127.0.0.1:$(cat "$T/liar")/" "$conf"
ok "a reload" semail reload
source_of l.test name
is "lies are not believed" "$(try alice@l.test 'first secret')" +OK
is "any of them" "$(try alice@l.test 'second secret')" "$AUTH"
source_of l.test nx
is "a name it knows" "$(try alice@l.test 'first secret')" +OK

# ---- the resolver dies ------------------------------------------------------------------------
source_of l.test starttls
is "asked for now" "$(try alice@l.test 'first secret')" +OK
if [ "$(children)" = 5 ]; then # hashers, binder, resolver, connector
	nursery=$(awk '{ print $1 }' "/proc/$authd/task/$authd/children")
	kill -9 "$(awk '{ print $4 }' "/proc/$nursery/task/$nursery/children")"
	logged() { grep -q "$1" "$T/semail.log"; }
	ok "that it is gone is noticed" wait_for 20 logged 'the resolver is gone'
	again() { [ "$(try alice@l.test 'first secret')" = +OK ]; }
	ok "another one takes its place" wait_for 20 again
	is_children "with the others" 5
fi
not() { ! "$@"; }
sed -i "s/^resolver .*/resolver 127.0.0.1 ns.test/" "$conf"
ok "a resolver that is a name is refused" not semail reload
like "with its line" "$(semail check 2>&1)" 'semail.conf:[0-9]+: resolver: "127.0.0.1 ns.test" is not one to 4 numeric addresses'
sed -i "/^resolver /d" "$conf"
ok "none: as the system has it" semail reload
is "authd is the one that was started" "$(semail_pid authd)" "$authd"
is "no password in the log" "$(grep -cE 'first secret|second secret|finderpw|local secret' "$T/semail.log")" 0
done_testing
