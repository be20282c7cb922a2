#!/bin/sh
# While a password is checked or hashed admind carries out the requests of others;
# what they change is seen afterwards; a hasher that dies costs its request one
# retry.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
[ -e "/proc/$$/task/$$/children" ] || {
	echo "1..0 # SKIP this kernel does not say whose children are whose"
	exit 0
}
semail_conf "plaintext-login loopback"
semail_start

not() { ! "$@"; }
children() { cat "/proc/$1/task/$1/children"; } # of a process
# admind's child is the nursery, whose children are all hashers.
nursery=$(children "$(semail_pid admind)" | awk '{ print $1 }')
hashers() { children "$nursery"; }
there() { # as many as this
	# shellcheck disable=SC2046
	set -- "$1" $(hashers)
	[ $# -gt "$1" ]
}
all() { # SIGNAL to all of them
	for p in $(hashers); do kill "-$1" "$p"; done
}
waiting() { # this many requests wait
	semail status --json | grep -q "\"requests-waiting\":$1[,}]"
}
began() { # NAME COMMAND...: in the background, its exit status to a file
	began_name=$1
	shift
	({ "$@"; echo $? >"$T/$began_name.status"; } >"$T/$began_name.out" 2>&1) &
	remember $!
}
ended() { # NAME: its exit status
	wait_for 60 test -s "$T/$1.status"
	cat "$T/$1.status"
}
login() { # ADDRESS PASSWORD
	curl -s -S --max-time 25 -u "$1:$2" "pop3://127.0.0.1:$pop3_port/" \
	    >/dev/null 2>&1
}
printf '%s' '{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M=' >"$T/hash"

ok "a domain" newdom x.test
ok "a mailbox" newbal old@x.test before
ok "another" newbal two@x.test secret0
ok "two hashers" wait_for 10 there 2

# ---- others are served ---------------------------------------------------------
all STOP
began new newbal bob@x.test secret1
began app semail admin newapp old@x.test phone
newclient() { printf '%s' "$2" | semail admin newclient "$1" --password -; }
passwd() { printf '%s' "$2" | semail admin passwd "$1" --password -; }
began client newclient c1 secret2
began passwd passwd two@x.test secret5
ok "four wait for their passwords" wait_for 30 waiting 4
ok "a list is told" semail admin listdom
ok "an alias is made" semail admin newalias info --list old --domain x.test
ok "a mailbox that brings its hash, too" \
    semail admin importbal eve@x.test --hash-file "$T/hash"
ok "which can be used" login eve@x.test 's3cret pass'
ok "the four still wait" waiting 4
ok "and nothing is there of them" not semail admin showbal bob@x.test
all CONT
is "the mailbox is made" "$(ended new)" 0
is "the device's password" "$(ended app)" 0
is "the client" "$(ended client)" 0
is "the other password" "$(ended passwd)" 0
ok "which is good" login two@x.test secret5
ok "the mailbox can be used" login bob@x.test secret1
app=$(grep -Eo '([a-z2-9]{4}-){3}[a-z2-9]{4}' "$T/app.out")
ok "so can the device's password" login old@x.test "$app"
ok "nobody waits" wait_for 10 waiting 0

# ---- what they changed is seen ----------------------------------------------------
all STOP
began late newbal zoe@x.test secret3
ok "one waits" wait_for 30 waiting 1
ok "another makes the mailbox" semail admin importbal zoe@x.test --hash-file "$T/hash"
all CONT
is "the first is told that it exists" "$(ended late)" 1
like "with another password" "$(cat "$T/late.out")" 'exists with other values'
ok "which stays" login zoe@x.test 's3cret pass'
all STOP
began same passwd two@x.test secret5
ok "the password that it has: is it the same?" wait_for 30 waiting 1
ok "it has another now" sql "START TRANSACTION;
    UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
    SELECT Id_Verificateur INTO @bob FROM Identifiant JOIN BAL ON
        Ba_IdBAL = Id_IdBAL WHERE Ba_Login = 'bob';
    UPDATE Identifiant JOIN BAL ON Ba_IdBAL = Id_IdBAL
        SET Id_Verificateur = @bob WHERE Ba_Login = 'two';
    INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, 3,
        (SELECT Id_IdIdentifiant FROM Identifiant JOIN BAL ON
        Ba_IdBAL = Id_IdBAL WHERE Ba_Login = 'two') FROM Compteur
        WHERE Co_Nom = 'journal'; COMMIT"
all CONT
is "it is changed all the same" "$(ended same)" 0
ok "to what was asked for" login two@x.test secret5
is "the same client again" "$(newclient c1 secret2 >/dev/null; echo $?)" 0
like "with another password" "$(newclient c1 secret6 2>&1)" 'exists with another password'

# ---- a hasher dies ------------------------------------------------------------------
all STOP
began dies newbal kim@x.test secret4
ok "one waits for a hash" wait_for 30 waiting 1
all KILL
is "it is to try again" "$(ended dies)" 75
like "and told why" "$(cat "$T/dies.out")" 'cannot be hashed now'
ok "nothing of it is there" not semail admin showbal kim@x.test
again() { newbal kim@x.test secret4; }
ok "it tries again" wait_for 30 again
ok "and the mailbox can be used" login kim@x.test secret4
is "no password in the log" "$(grep -c 'secret[0-6]' "$T/semail.log")" 0
done_testing
