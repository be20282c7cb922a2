#!/bin/sh
# semail check tells each error with file and line, and what to do; semail
# start refuses a broken configuration and runs nothing.
. "$(dirname "$0")/lib.sh"

semail_conf
ok "a good configuration" semail check
bad() { # NAME PATTERN LINE...
	bad_name=$1
	bad_pattern=$2
	shift 2
	printf '%s\n' "$@" >"$T/bad.conf"
	bad_out=$("$semail_bin" -f "$T/bad.conf" check 2>&1)
	bad_status=$?
	like "$bad_name" "$bad_out" "$bad_pattern"
	is "$bad_name: exit status" "$bad_status" 78
}
bad "an unknown setting" "bad.conf:2: \"hostnam\" is not a setting; did you mean hostname" "" "hostnam x"
bad "no value" "bad.conf:1: hostname has no value" "hostname"
bad "a number that is none" "bad.conf:1: worker-limit: \"many\" is not a number" "worker-limit many"
bad "out of range" "bad.conf:1: worker-limit: 0 is out of range; allowed is 1 to 100000" "worker-limit 0"
bad "a size with a wrong unit" "message-size-limit: \"5T\" is not a size; write bytes" "message-size-limit 5T"
bad "a time out of range" "smtp-timeout: 2h is out of range; allowed is 1s to 1h" "smtp-timeout 2h"
bad "twice" "bad.conf:3: vrfy is set already in line 1" "vrfy yes" "" "vrfy no"
bad "a word not listed" "plaintext-login: \"maybe\" must be one of no.loopback.yes" "plaintext-login maybe"
bad "a flag" "vrfy: \"1\" must be yes or no" "vrfy 1"
bad "an address" "listen-smtp: \"localhost:25\" is not ADDRESS:PORT" "listen-smtp localhost:25"
bad "a certificate without key" "tls-certificate and tls-key go together" "tls-certificate x"
bad "a missing file" "tls-key: cannot read .*/nokey: No such file" "tls-certificate tls/cert.pem" "tls-key nokey"
bad "every error, not only the first" "bad.conf:2: vrfy" "worker-limit x" "vrfy x"
chmod 644 "$T/tls/key.pem"
bad "a key others can read" "bad.conf:2: tls-key: .* can be read or written by others; chmod 600" "tls-certificate tls/cert.pem" "tls-key tls/key.pem"
chmod 600 "$T/tls/key.pem"
bad "TLS listeners without certificate" "listen-submissions and listen-pop3s need" "listen-pop3s 127.0.0.1:995"
# certificates of domains
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls/key2.pem" -out "$T/tls/cert2.pem" -days 30 -subj /CN=a.test -addext "subjectAltName=DNS:a.test,DNS:*.w.test" >/dev/null 2>&1
chmod 600 "$T/tls/key2.pem"
echo junk >"$T/tls/junk.pem"
chmod 600 "$T/tls/junk.pem"
domain="tls/cert2.pem tls/key2.pem"
bad "a word is missing" "bad.conf:1: tls-domain: write NAME.,NAME.... CERTIFICATE-FILE KEY-FILE" "tls-domain a.test tls/cert2.pem"
bad "a name that is none" "bad.conf:2: tls-domain: \"a..test\" is not a host name" "" "tls-domain b.test,a..test $domain"
bad "a file that is missing" "bad.conf:1: tls-domain: cannot read .*/none.pem: No such file" "tls-domain a.test none.pem tls/key2.pem"
bad "no PEM" "bad.conf:1: tls-domain: bad certificate: .*/junk.pem" "tls-domain a.test tls/junk.pem tls/key2.pem"
bad "a key that is none" "bad.conf:1: tls-domain: bad key: .*/junk.pem" "tls-domain a.test tls/cert2.pem tls/junk.pem"
bad "another's key" "bad.conf:2: tls-domain: bad key: key values mismatch .*cert2.pem with the key .*/tls/key.pem" "" "tls-domain a.test tls/cert2.pem tls/key.pem"
bad "another's key for the default" "bad.conf:2: tls-key: bad key: key values mismatch" "tls-certificate tls/cert2.pem" "tls-key tls/key.pem"
bad "a name twice" "bad.conf:3: tls-domain: a.test is set already at .*bad.conf:1" "tls-domain a.test $domain" "" "tls-domain *.w.test,A.test $domain"
bad "every certificate, not only the first" "bad.conf:2: tls-domain: cannot read" "tls-domain a.test x y" "tls-domain b.test x y"
chmod 644 "$T/tls/key2.pem"
bad "a domain's key others can read" "bad.conf:1: tls-domain: .*key2.pem can be read or written by others" "tls-domain a.test $domain"
chmod 600 "$T/tls/key2.pem"
{ cat "$conf"; echo "tls-domain a.test,x.w.test $domain"; } >"$T/names.conf"
is "a certificate with its names" "$("$semail_bin" -f "$T/names.conf" check 2>&1 | grep -c warning)" 0
echo "tls-domain x.test,*.w.test,*.a.test $domain" >>"$T/names.conf"
names_out=$("$semail_bin" -f "$T/names.conf" check 2>&1)
is "one without is no error" $? 0
like "but a warning" "$names_out" "names.conf:[0-9]+: warning: the certificate .*/cert2.pem does not hold x.test"
like "for each name" "$names_out" "does not hold [*].a.test"
is "and for none that is there" "$(echo "$names_out" | grep -c "hold [*].w.test")" 0
bad "too small a log" "bad.conf:1: queue-log-size must be at least twice" "queue-log-size 8M" "queue-segment-size 8M"
start_out=$("$semail_bin" -f "$T/bad.conf" start 2>&1)
is "start refuses it" $? 78
status_out=$(semail status 2>&1)
is "status of what does not run" $? 3
like "says so" "$status_out" "semaild is not running"
ok "stopping what does not run is fine" semail stop
ok "no such file" sh -c "! '$semail_bin' -f '$T/none.conf' check"
done_testing
