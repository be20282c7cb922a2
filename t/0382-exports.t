#!/bin/sh
# The text files aliases, virtual and passwd: their bytes, when they are there,
# what somebody else's rows make of them, and what is finished after a crash.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start
exports=$T/state/exports

code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
request() { printf '%s' "$1" | semail admin --json request 2>&1; }
lines() { grep -v '^# semail journal=' "$exports/$1"; }
journal() { sed -n '1s/^# semail journal=\([0-9]*\) directory=[0-9]*$/\1/p' "$exports/$1"; }
has() { grep -Fxq -- "$2" "$exports/$1"; }

# ---- their bytes --------------------------------------------------------------
ok "newdom" newdom x.test
newdom y.test >/dev/null
for f in aliases virtual passwd; do
	ok "$f is there from the start" test -f "$exports/$f"
done
is "a mailbox" "$(newbal bob@x.test secret --comment 'Bob, "the" first')" "the mailbox has been made"
is "an alias" "$(request 'NEWALIAS|||x.test|Info| Bob ,eve@Y.Test' | code)" 0
is "a virtual user" "$(request 'NEWVIRT|||x.test|sales|x.test|info|' | code)" 0
is "a catch-all" "$(request 'NEWVIRT|||x.test||y.test|bob|x.test' | code)" 0
is "to a mailbox" "$(request 'NEWVIRT|||x.test|robert||bob|' | code)" 0
uid=$(sql "SELECT Ba_Uid FROM BAL")
is "aliases" "$(lines aliases)" "info: bob,eve@y.test"
is "virtual" "$(lines virtual)" "$(printf '%s\n' 'sales@x.test  info' '@y.test  bob@x.test' 'robert@x.test  bob')"
is "passwd" "$(cat "$exports/passwd")" \
    "bob@x.test:x:$uid:$uid:Bob, \"the\" first:$T/state/mail/x.test/bob:/usr/sbin/nologin"
number=$(sql "SELECT Co_Valeur FROM Compteur WHERE Co_Nom = 'journal'")
is "virtual says which change it contains" "$(journal virtual)" "$number"
ok "passwd's is beside it" test "$(journal passwd.journal)" -gt 0
is "for everybody to read" "$(stat -c %a "$exports" "$exports/aliases" "$exports/virtual" "$exports/passwd" | tr '\n' ' ')" "755 644 644 644 "
if is_root; then
	ok "a stranger reads them" setpriv --reuid 65534 --regid 65534 --clear-groups cat "$exports/passwd"
fi
is "the alias goes" "$(request 'DELALIAS|||x.test|info' | code)" 0
is "aliases" "$(lines aliases)" ""
is "and what led to it" "$(lines virtual)" "$(printf '%s\n' '@y.test  bob@x.test' 'robert@x.test  bob')"
is "a disabled mailbox keeps its line" "$(sql "UPDATE BAL SET Ba_Etat = 'DESACTIVEE'"; request 'NEWDOM|||z.test|' | code; wc -l <"$exports/passwd")" "$(printf '0\n1')"
sql "UPDATE BAL SET Ba_Etat = 'ACTIVE'"

# ---- what somebody else has put into the database ---------------------------------
# As another host's admind would: rows, and their numbers in the journal.
change() { # TABLE SQL [NUMBER]
	sql "START TRANSACTION; UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal'; $2; INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, $1, ${3:-1} FROM Compteur WHERE Co_Nom = 'journal'; COMMIT"
}
change 4 "INSERT INTO Alias (Al_IdServeur, Al_IdClient, Al_Nom, Al_ListeEmail) VALUES (1, 1, 'else', 'bob@x.test'), (1, 1, 'evil1', 'bob\nroot: |/bin/sh'), (1, 1, 'evil2', '|/bin/sh'), (1, 1, 'a\nroot', 'bob'), (1, 1, 'a: b', 'bob'), (1, 1, 'include', ':include:/etc/passwd')"
ok "another's change comes by itself" wait_for 15 has aliases "else: bob@x.test"
is "but none of its other rows" "$(lines aliases)" "else: bob@x.test"
like "which is told" "$(cat "$T/semail.log")" 'export file=aliases left out=5'
rcpt() { # the reply to RCPT TO:<ADDRESS>
	swaks --server "127.0.0.1:$smtp_port" --from a@else.test --to "$1" \
	    --quit-after RCPT 2>&1 | sed -n '/RCPT TO/{n;s/^[< *-]*\([0-9]* [0-9.]*\).*/\1/p;}'
}
accepted() { rcpt "$1" | grep -q '^250'; }
like "an address there is not" "$(rcpt byhand@x.test)" '^550'
change 4 "INSERT INTO Alias (Al_IdServeur, Al_IdClient, Al_IdDomaine, Al_Nom, Al_ListeEmail) SELECT 1, 1, Do_IdDomaine, 'byhand', 'bob' FROM Domaine WHERE Do_NomDomaine = 'x.test'" "LAST_INSERT_ID()"
ok "authd hears of it, too" wait_for 15 accepted byhand@x.test
change 2 "UPDATE BAL SET Ba_Commentaire = 'x:0:0:\nroot:x:0:0::/:/bin/sh\n'"
changed() { grep -q 'x?0?0??root' "$exports/passwd"; }
ok "a comment with lines and colons" wait_for 15 changed
is "is one field of one line" "$(awk -F: '{ print NF }' "$exports/passwd")" 7
sql "DELETE FROM Alias; UPDATE BAL SET Ba_Commentaire = 'Bob'"

# ---- a crash between the change and the files ----------------------------------------
back() { p=$(semail_pid admind) && [ -n "$p" ] && [ "$p" != "$pid" ] && [ "$(request 'STAT|||' | code)" = 0 ]; }
pid=$(semail_pid admind)
kill -STOP "$pid"
change 4 "INSERT INTO Alias (Al_IdServeur, Al_IdClient, Al_Nom, Al_ListeEmail) VALUES (1, 1, 'late', 'bob@x.test')"
printf 'half a li' >"$exports/.aliases.new" # and a file begun
rm "$exports/virtual"
echo nonsense >"$exports/passwd.journal"
kill -9 "$pid"
ok "admind is started again" wait_for 20 back
is "aliases" "$(lines aliases)" "late: bob@x.test"
is "virtual" "$(lines virtual)" "$(printf '%s\n' '@y.test  bob@x.test' 'robert@x.test  bob')"
is "passwd" "$(cat "$exports/passwd")" "bob@x.test:x:$uid:$uid:Bob:$T/state/mail/x.test/bob:/usr/sbin/nologin"
ok "with its number" test "$(journal passwd.journal)" -gt 0
is "nothing is left over" "$(ls -A "$exports" | tr '\n' ' ')" "aliases passwd passwd.journal virtual "

# ---- nowhere to write -----------------------------------------------------------------
if is_root; then
	chown root "$exports"
	answer=$(request 'NEWALIAS|||x.test|one|bob')
	is "the files cannot be written" "$(echo "$answer" | code)" -2
	like "which is said" "$answer" 'it is done, but the text files'
	is "it is done" "$(sql "SELECT COUNT(*) FROM Alias WHERE Al_Nom = 'one'")" 1
	chown semail-admin "$exports"
	ok "and comes by itself" wait_for 15 has aliases "one: bob"
	is "the same request later" "$(request 'NEWALIAS|||x.test|one|bob' | code)" 0
fi

# ---- large ones ---------------------------------------------------------------------------
sql "START TRANSACTION; SELECT Co_Valeur FROM Compteur WHERE Co_Nom = 'journal' INTO @n;
INSERT INTO Alias (Al_IdServeur, Al_IdClient, Al_Nom, Al_ListeEmail) SELECT 1, 1, CONCAT('bulk', seq), CONCAT('somebody.with.a.long.name', seq, '@x.test') FROM seq_1_to_30000;
INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT @n + seq, 4, seq FROM seq_1_to_30000;
UPDATE Compteur SET Co_Valeur = @n + 30000 WHERE Co_Nom = 'journal'; COMMIT"
bulk() { [ "$(grep -c '^bulk' "$exports/aliases")" = 30000 ]; }
ok "a large file" wait_for 20 bulk
ok "is larger than 1 MiB" test "$(stat -c %s "$exports/aliases")" -gt 1048576
is "an alias more" "$(request 'NEWALIAS|||x.test|more|bob' | code)" 0
ok "is there within 5 s" wait_for 5 has aliases "more: bob"
is "and another" "$(request 'NEWALIAS|||x.test|most|bob' | code)" 0
is "SYNC" "$(request 'SYNC|||' | code)" 0
ok "waits for it" has aliases "most: bob"
is "with its number" "$(journal aliases)" "$(sql "SELECT MAX(Jo_Numero) FROM Journal")"
is "small files do not wait for large ones" "$(request 'NEWVIRT|||x.test|new|x.test|bob|'| code)" 0
ok "virtual" has virtual "new@x.test  bob"

# A new database is another directory: what the files say of the old one does
# not count.
pid=$(semail_pid admind)
kill -STOP "$pid"
sql "DELETE FROM Alias; UPDATE Annuaire SET An_Id = 12345"
kill -9 "$pid"
ok "admind is started again" wait_for 20 back
is "SYNC" "$(request 'SYNC|||' | code)" 0
is "aliases" "$(lines aliases)" ""
like "of this directory" "$(head -1 "$exports/virtual")" 'directory=12345$'
done_testing
