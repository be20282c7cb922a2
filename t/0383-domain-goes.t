#!/bin/sh
# A domain is deleted with all that hangs on it, also when admind is killed in
# the middle: nothing of it is left, others' things are as they were, and the
# panel's retry gets the right answer.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start

code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
request() { printf '%s' "$1" | semail admin --json request 2>&1; }
rcpt() { # the reply to RCPT TO:<ADDRESS>
	swaks --server "127.0.0.1:$smtp_port" --from a@else.test --to "$1" \
	    --quit-after RCPT 2>&1 | sed -n '/RCPT TO/{n;s/^[< *-]*\([0-9]* [0-9.]*\).*/\1/p;}'
}
ok "newdom, as soon as the database is there" newdom y.test
is "a mailbox that stays" "$(request 'NEWBAL|||y.test|eve|pw' | code)" 0

# fill DOMAIN: mailboxes, aliases, virtual users, and what leads to them.
boxes=6
fill() {
	is "NEWDOM $1" "$(request "NEWDOM|||$1|" | code)" 0
	for i in $(seq $boxes); do
		request "NEWBAL|||$1|m$i|pw" >/dev/null
		request "NEWALIAS|||$1|al$i|m$i" >/dev/null
		request "NEWVIRT|||$1|v$i||m$i" >/dev/null
	done
	request "NEWVIRT|||$1|||m1" >/dev/null
	request 'NEWVIRT|||y.test|toalias||al1' >/dev/null
	request 'NEWVIRT|||y.test|tobox||m2' >/dev/null
	request "NEWVIRT|||y.test|toaddress||m3|$1" >/dev/null
	is "what hangs on it" "$(sql 'SELECT (SELECT COUNT(*) FROM BAL), (SELECT COUNT(*) FROM Alias), (SELECT COUNT(*) FROM VirtualUser)')" \
	    "$(printf '%s\t%s\t%s' $((boxes + 1)) $boxes $((boxes + 4)))"
}
gone() { [ "$(sql "SELECT COUNT(*) FROM Domaine WHERE Do_NomDomaine = '$1'")" = 0 ]; }
marked() { gone "$1" || [ "$(sql "SELECT Do_Etat FROM Domaine WHERE Do_NomDomaine = '$1'")" = SUPPRESSION ]; }
left() { # DOMAIN: so many mailboxes at most
	[ "$(sql "SELECT COUNT(*) FROM BAL JOIN Domaine ON Do_IdDomaine = Ba_IdDomaine WHERE Do_NomDomaine = '$1'")" -le "$2" ]
}
check_gone() {
	is "nothing of $1 is left" "$(sql 'SELECT (SELECT COUNT(*) FROM BAL), (SELECT COUNT(*) FROM Identifiant), (SELECT COUNT(*) FROM Alias), (SELECT COUNT(*) FROM VirtualUser)')" "$(printf '1\t1\t0\t1')"
	is "homes" "$(ls "$T/state/mail/$1" 2>/dev/null)" ""
	is "and what is being removed" "$(find "$T/state/mail/.removed" -mindepth 1 2>/dev/null | wc -l)" 0
	is "aliases" "$(grep -vc '^#' "$T/state/exports/aliases")" 0
	is "virtual" "$(grep -v '^#' "$T/state/exports/virtual")" "toaddress@y.test  m3@$1"
	is "passwd" "$(cut -d: -f1 "$T/state/exports/passwd")" eve@y.test
	like "mail for it is for elsewhere" "$(rcpt "m1@$1")" '^55[0-9] 5\.7'
	like "what led to it is not there" "$(rcpt toalias@y.test)" '^550'
	like "others are" "$(rcpt eve@y.test)" '^250'
	sql "DELETE FROM VirtualUser"
	is "the journal has no gap" "$(sql "SELECT COUNT(*) - MAX(Jo_Numero), MIN(Jo_Numero) FROM Journal")" "$(printf '0\t1')"
}

fill a.test
is "with mailboxes it stays" "$(request 'DELDOM|||a.test|' | code)" -12
is "unless forced" "$(request 'DELDOM|||a.test||force=yes' | code)" 0
check_gone a.test
is "again" "$(request 'DELDOM|||a.test||force=yes' | code)" 0
is "audit: each of them" "$(sql "SELECT COUNT(*) FROM Audit WHERE Au_Type LIKE 'DEL%'")" $((boxes * 3 + 4))

# Killed as soon as it is marked, and with some of it gone.
back() { p=$(semail_pid admind) && [ -n "$p" ] && [ "$p" != "$pid" ] && [ "$(request 'STAT|||' | code)" = 0 ]; }
finished() { gone "$1" && [ "$(request 'SYNC|||' | code)" = 0 ]; }
for n in 1 2 3; do
	fill k$n.test
	pid=$(semail_pid admind)
	request "DELDOM|||k$n.test||force=yes" >/dev/null &
	ok "it is marked" wait_for 10 marked k$n.test
	ok "and has $((boxes - 2 * n + 2)) mailboxes at most" wait_for 10 left k$n.test $((boxes - 2 * n + 2))
	kill -9 "$pid"
	wait $! 2>/dev/null
	ok "admind is started again" wait_for 20 back
	answer=$(request "NEWALIAS|||k$n.test|late|eve" | code)
	ok "nothing new comes to it" test "$answer" = -2 -o "$answer" = -4
	ok "it goes by itself" wait_for 40 finished k$n.test
	check_gone k$n.test
	is "the panel asks again" "$(request "DELDOM|||k$n.test||force=yes" | code)" 0
done
is "made anew" "$(request 'NEWDOM|||k1.test|' | code)" 0
is "and empty" "$(request 'STATDOM|||k1.test' | sed -n 's/.*"mailboxes":"\([0-9]*\)".*/\1/p')" 0
done_testing
