#!/bin/sh
# An old verifier is replaced by Argon2id when its password is seen: once, with
# an audit row, without ending sessions, and never over a password that was
# changed meanwhile.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "auth-cache-time 0"
semail_start

login() { # ADDRESS PASSWORD
	curl -s -S --max-time 25 -u "$1:$2" "pop3://127.0.0.1:$pop3_port/" 2>/dev/null
}
not() { ! "$@"; }
# verifier KIND VERIFIER: bob's from now on.
set_verifier() {
	sql "START TRANSACTION;
	    UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
	    UPDATE Identifiant SET Id_Type = $1, Id_Verificateur = '$2';
	    INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, 3,
	        (SELECT MAX(Id_IdIdentifiant) FROM Identifiant) FROM Compteur
	        WHERE Co_Nom = 'journal'; COMMIT"
}
n=0
verifier() {
	set_verifier "$@"
	n=$((n + 1))
	newdom "feed$n.test" >/dev/null # and authd has it
}
stored() { sql "SELECT Id_Type, Id_Verificateur FROM Identifiant"; }
audited() { sql "SELECT COUNT(*) FROM Audit WHERE Au_Type = 'REHASH'"; }
is_better() { stored | grep -q '^[12]	\$argon2id\$v=19\$m=65536,t=2,p=1\$'; }
fed() { # authd has all of the journal
	[ "$(semail status --json | sed 's/.*"authd-journal":\([0-9]*\).*/\1/')" = \
	    "$(sql "SELECT Co_Valeur FROM Compteur WHERE Co_Nom = 'journal'")" ]
}
sha='{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M='
password='s3cret pass'

ok "a domain" newdom x.test
ok "a mailbox" newbal bob@x.test first
is "nothing to do for our own" "$(login bob@x.test first >/dev/null && audited)" 0

# ---- once, and as it was asked --------------------------------------------------
verifier 3 "$sha"
ok "a wrong password makes nothing better" not login bob@x.test 's3cret pasS'
is "it is still" "$(stored)" "3	$sha"
ok "an imported one: login" login bob@x.test "$password"
ok "is Argon2id soon" wait_for 10 is_better
like "and the password" "$(stored)" '^1'
is "one audit row" "$(audited)" 1
is "which says whose" "$(sql "SELECT Au_Qui, Au_Origine, Au_Objet, Au_Code FROM Audit WHERE Au_Type = 'REHASH'")" \
    "authd	login	bob@x.test	0"
ok "authd has it" wait_for 10 fed
ok "login with it" login bob@x.test "$password"
ok "not with another" not login bob@x.test 's3cret pasS'
ok "and login again" login bob@x.test "$password"
is "that was all" "$(audited)" 1

verifier 2 '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E'
ok "an app password of little cost" login bob@x.test "$password"
ok "is better soon" wait_for 10 is_better
like "and still an app password" "$(stored)" '^2'
is "audited" "$(audited)" 2

strong='$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$1TkDA1/1FmtAGvhZiprxPmPW75TCPaEIKEjl5IX8IRc'
verifier 3 "$strong"
ok "one that is strong enough" login bob@x.test "$password"
login bob@x.test "$password" >/dev/null
is "stays" "$(stored) $(audited)" "3	$strong 2"

# ---- sessions --------------------------------------------------------------------
verifier 3 "$sha"
perl -MIO::Socket::INET -e '
	my ($port, $password, $go) = @ARGV;
	$| = 1;
	my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 30) or die;
	$c->autoflush(1); <$c>;
	print $c "USER bob\@x.test\r\n"; <$c>; print $c "PASS $password\r\n";
	print "PASS ", (<$c> // "") =~ /^\+OK/ ? "OK" : "no", "\n";
	select undef, undef, undef, 0.05 until -e $go;
	print $c "NOOP\r\n";
	print "NOOP ", (<$c> // "closed") =~ /^\+OK/ ? "OK" : "no", "\n";' \
	"$pop3_port" "$password" "$T/go" >"$T/session" &
session=$!
remember $session
ok "a session" wait_for 20 grep -q 'PASS OK' "$T/session"
ok "makes it better" wait_for 10 is_better
ok "authd has that" wait_for 10 fed
: >"$T/go"
wait $session
is "the session goes on" "$(cat "$T/session")" "$(printf 'PASS OK\nNOOP OK')"

# ---- compare and set ----------------------------------------------------------------
verifier 3 "$sha"
before=$(audited)
admind=$(semail_pid admind)
kill -STOP "$admind"
ok "admind is busy: a login" login bob@x.test "$password"
# The password is changed before admind hears of the better one.
other='{SHA}LlQ3338eAacfLIZPe0PaCVcjW7c='
set_verifier 3 "$other"
kill -CONT "$admind"
ok "admind goes on" newdom later.test
ok "authd has it" wait_for 10 fed
is "the changed one stays" "$(stored) $(audited)" "3	$other $before"
ok "the old password is none" not login bob@x.test "$password"

# ---- without a database -----------------------------------------------------------
verifier 3 "$sha"
mariadbd=$(semail_pid mariadbd)
kill -STOP "$mariadbd"
ok "no database: a login" login bob@x.test "$password"
ok "and another, at once" login bob@x.test "$password"
kill -CONT "$mariadbd"
try() { login bob@x.test "$password"; is_better; }
ok "later it is better" wait_for 60 try
is "no password in the log" "$(grep -c 's3cret' "$T/semail.log")" 0
done_testing
