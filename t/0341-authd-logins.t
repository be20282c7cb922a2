#!/bin/sh
# Login by the whole address, by its flat form and by a short login, as the
# server's settings say.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start

changed() { # SQL TABLE-NUMBER ID: and its line in the journal
	sql "BEGIN; $1;
	    UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
	    INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, $2, ($3)
	    FROM Compteur WHERE Co_Nom = 'journal'; COMMIT"
	semail admin newdom dom.test >/dev/null # feeds authd
}
short() { # LOGIN SHORT
	changed "UPDATE BAL SET Ba_LoginCourt = '$2' WHERE Ba_Login = '$1'" 2 \
	    "SELECT Ba_IdBAL FROM BAL WHERE Ba_Login = '$1'"
}
n=1
login() { # NAME PASSWORD; each from elsewhere, so that failures do not slow it
	n=$((n + 1))
	curl -s -S --max-time 20 --interface "127.0.0.$n" -u "$1:$2" \
	    "pop3://127.0.0.1:$pop3_port/"
}
not() { ! "$@"; }

newdom dom.test
newdom b.dom.test
newbal toto@dom.test secret-toto || fail "newbal"
newbal a.b@dom.test secret-long || fail "newbal"
refused() { printf x | semail admin --json newbal "$1" --password - 2>&1 | grep -q '"code":-6'; }
ok "a second mailbox of one flat form is refused" refused a@b.dom.test
newbal ab@b.dom.test secret-short || fail "newbal"
newbal other@dom.test secret-other || fail "newbal"
short toto jean

ok "the whole address" login toto@dom.test secret-toto
ok "the flat form" login toto.dom.test secret-toto
ok "in capitals" login TOTO.DOM.TEST secret-toto
ok "of two domains that fit, the one with such a mailbox" login a.b.dom.test secret-long
ok "the longer domain, too" login ab.b.dom.test secret-short
ok "not with the other's password" not login ab.b.dom.test secret-long
ok "no short login on this server" not login jean secret-toto
ok "and a name alone is none" not login toto secret-toto
ok "the same names for submission" swaks --server "127.0.0.1:$submission_port" --auth PLAIN \
    --auth-user toto.dom.test --auth-password secret-toto --from toto@dom.test --to other@dom.test

changed "UPDATE ServeurMail SET Se_StructLogin = 'SANSDOMAINE' WHERE Se_IdServeur = 1" 6 1
ok "SANSDOMAINE: the short login" login jean secret-toto
ok "in capitals" login Jean secret-toto
ok "the whole address still" login toto@dom.test secret-toto
ok "the flat form still" login toto.dom.test secret-toto
ok "only the short login that was given" not login toto secret-toto
short other jean
ok "of two mailboxes it is neither's" not login jean secret-toto
ok "nor the other's" not login jean secret-other
short other autre
ok "until one has another" login jean secret-toto
ok "and so has he" login autre secret-other
changed "UPDATE ServeurMail SET Se_StructLogin = 'AVECDOMAINE' WHERE Se_IdServeur = 1" 6 1
ok "AVECDOMAINE: no longer" not login jean secret-toto
is "nobody's session ended by that" "$(grep -c 'revoked' "$T/semail.log")" 0
done_testing
