#!/bin/sh
# A password that was right a moment ago is not checked again; a wrong one
# always is, and one that was changed or revoked is refused at once.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "auth-cache-time 1h"
semail_start

n=0
changed() { # SQL TABLE ID: and authd has it
	sql "START TRANSACTION; $1; SET @id = $3;
	    UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
	    INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, $2, @id
	        FROM Compteur WHERE Co_Nom = 'journal'; COMMIT" || return 1
	n=$((n + 1))
	newdom "feed$n.test" >/dev/null
}
login() { # ADDRESS PASSWORD
	curl -s -S --max-time 25 -u "$1:$2" "pop3://127.0.0.1:$pop3_port/" >/dev/null 2>&1
}
submit() { # the same by SMTP
	swaks --server "127.0.0.1:$submission_port" --auth LOGIN --auth-user "$1" \
	    --auth-password "$2" --from "$1" --to "$1" --quit-after AUTH >/dev/null 2>&1
}
not() { ! "$@"; }
cached() { semail status --json | sed 's/.*"logins-cached":\([0-9]*\).*/\1/'; }

# A refusal, in milliseconds: the quickest of four, each from an address that
# nobody slows down, as this machine may have other things to do.
from=1
ms() { # ADDRESS
	ms_least=
	for ms_i in 1 2 3 4; do
		from=$((from + 1))
		ms_since=$(date +%s%N)
		curl -s --max-time 25 --interface "127.0.0.$from" -u "$1:nonsense$ms_i" \
		    "pop3://127.0.0.1:$pop3_port/" >/dev/null 2>&1
		ms_is=$((($(date +%s%N) - ms_since) / 1000000))
		[ -n "$ms_least" ] && [ "$ms_least" -le "$ms_is" ] || ms_least=$ms_is
	done
}

ok "a domain" newdom x.test
ok "a mailbox" newbal bob@x.test secret
ok "another with the same password" newbal eve@x.test secret

# The first failures of an address wait alike.  A verifier that costs nothing
# and a name that is not there look the same.
changed "UPDATE Identifiant SET Id_Type = 3, Id_Verificateur =
    '{SHA}LlQ3338eAacfLIZPe0PaCVcjW7c='" 3 "(SELECT MAX(Id_IdIdentifiant) FROM Identifiant)"
ms eve@x.test
known=$ms_least
ms nobody@x.test
unknown=$ms_least
ok "a cheap verifier takes a quarter of a second ($known ms)" test "$known" -ge 245
ok "and so does an unknown name ($unknown ms)" test "$unknown" -ge 245
# Steps of a quarter of a second: a machine that does other things takes some more.
ok "neither much more" test "$known" -lt 1990 -a "$unknown" -lt 1990
changed "UPDATE Identifiant SET Id_Type = 3, Id_Verificateur =
    '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='" 3 "(SELECT MAX(Id_IdIdentifiant) FROM Identifiant)"

ok "login" login bob@x.test secret
is "was checked" "$(cached)" 0
ok "again" login bob@x.test secret
is "is known" "$(cached)" 1
ok "in capitals" login BOB@X.TEST secret
is "too" "$(cached)" 2
ok "for another service" submit bob@x.test secret
is "too" "$(cached)" 3
ok "a wrong password" not login bob@x.test secreT
ok "the other mailbox" login eve@x.test secret
is "are checked" "$(cached)" 3

# A verifier of the same password that is another one is checked; one of another
# password is refused.
changed "UPDATE Identifiant SET Id_Type = 3, Id_Verificateur = '{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols='" 3 \
    "(SELECT MIN(Id_IdIdentifiant) FROM Identifiant)"
ok "the verifier has changed" login bob@x.test secret
is "is checked" "$(cached)" 3
changed "UPDATE Identifiant SET Id_Type = 3, Id_Verificateur =
    '{SHA}LlQ3338eAacfLIZPe0PaCVcjW7c='" 3 "(SELECT MIN(Id_IdIdentifiant) FROM Identifiant)"
ok "another password: not the old one" not login bob@x.test secret

# Disabled, and back: nobody gets in on what was remembered.
ok "the other one is known" login eve@x.test secret
before=$(cached)
changed "UPDATE BAL SET Ba_Etat = 'DESACTIVEE' WHERE Ba_Login = 'eve'" 2 \
    "(SELECT Ba_IdBAL FROM BAL WHERE Ba_Login = 'eve')"
ok "disabled" not login eve@x.test secret
is "is not asked of the cache" "$(cached)" "$before"

ok "a mailbox" newbal dan@x.test secret
ok "login" login dan@x.test secret
sed -i 's/^auth-cache-time.*/auth-cache-time 0/' "$conf"
ok "no cache: a reload" semail reload
ok "login" login dan@x.test secret
ok "and again" login dan@x.test secret
is "both are checked" "$(cached)" "$before"
is "no password in the log" "$(grep -cE 'secret' "$T/semail.log")" 0
done_testing
