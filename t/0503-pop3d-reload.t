#!/bin/sh
# A renewed certificate is served after a reload, sessions go on; a broken one
# changes nothing. pop3-timeout is for who says nothing.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login no" "pop3-timeout 2s"
semail_start
newdom pop.test
newbal ann@pop.test geheim >/dev/null
fingerprint() {
	openssl s_client -connect "127.0.0.1:$pop3s_port" </dev/null 2>/dev/null |
	    openssl x509 -noout -fingerprint -sha256
}
of_file() { openssl x509 -noout -fingerprint -sha256 -in "$1"; }
is "the certificate is served" "$(fingerprint)" "$(of_file "$T/tls/cert.pem")"

# A session that talks all the time, beside what follows.
perl - "$top_srcdir" "$pop3s_port" "$T" >"$T/session" <<'P' &
my ($top, $port, $dir) = @ARGV;
require "$top/t/pop3.pl";
my $c = POP3->connect($port, tls => 1);
$c->line;
like("login", $c->login("ann\@pop.test", "geheim"), qr/^\+OK/);
open my $f, '>', "$dir/in"; close $f;
my ($good, $n) = (0, 0);
while (!-e "$dir/enough" && $n < 300) {
	$n++;
	$good++ if $c->cmd("NOOP") =~ /^\+OK/;
	select undef, undef, undef, 0.1;
}
is("every NOOP is answered", $good, $n);
like("STAT", $c->cmd("STAT"), qr/^\+OK 0 0/);
like("QUIT", $c->cmd("QUIT"), qr/^\+OK/);
done();
P
session=$!
ok "a session is open" wait_for 20 test -e "$T/in"

cp "$T/tls/cert.pem" "$T/old.pem"
rm "$T/tls/cert.pem" "$T/tls/key.pem"
semail_cert
ok "reload" semail reload
new_is_served() { [ "$(fingerprint)" = "$(of_file "$T/tls/cert.pem")" ]; }
ok "the new certificate is served" wait_for 5 new_is_served
ok "which is another" test "$(of_file "$T/old.pem")" != "$(of_file "$T/tls/cert.pem")"

now_served=$(fingerprint)
cp "$T/tls/cert.pem" "$T/good.pem"
echo "-----BEGIN CERTIFICATE-----" >"$T/tls/cert.pem"
ok "a reload with a broken one fails" sh -c "! '$semail_bin' -f '$conf' reload"
is "and changes nothing" "$(fingerprint)" "$now_served"
cp "$T/good.pem" "$T/tls/cert.pem"

: >"$T/enough"
wait "$session"
is "the session saw nothing of it" "$(grep -c '^not ok' "$T/session")" 0
diag "$(cat "$T/session")"

# Silence: before login and after it.
perl - "$top_srcdir" "$pop3s_port" >"$T/silent" <<'P'
use Time::HiRes qw(time);
my ($top, $port) = @ARGV;
require "$top/t/pop3.pl";
for my $login (0, 1) {
	my $c = POP3->connect($port, tls => 1);
	$c->line;
	$c->login("ann\@pop.test", "geheim") if $login;
	my $t = time;
	my $l = $c->line(10);
	$l = $c->line(10) if $l =~ /^-ERR/;
	is($login ? "after login" : "before", $l, "EOF");
	ok(time - $t > 1.5 && time - $t < 6, "in its time", time - $t);
}
done();
P
is "a silent client is sent away" "$?" 0
diag "$(cat "$T/silent")"
done_testing
