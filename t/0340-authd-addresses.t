#!/bin/sh
# Mail to each kind of address arrives where it should, and in nobody else's
# mailbox; what leads nowhere is refused at RCPT; who may write as what.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start

if is_root; then db_user=semail-admin; else db_user=$(id -un); fi
sql() {
	set -- mariadb --no-defaults -N -B -S "$T/run/admind/db/sock" -u "$db_user" semail
	if is_root; then
		setpriv --reuid "$db_user" --regid "$db_user" --clear-groups "$@"
	else
		"$@"
	fi
}
# row TABLE KEY COLUMN=VALUE,...: a row, and its line in the journal.
row() {
	case $1 in
	Alias) row_number=4 ;;
	VirtualUser) row_number=5 ;;
	esac
	cat <<X
BEGIN;
INSERT INTO $1 SET $2;
SET @id = LAST_INSERT_ID();
UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, $row_number, @id
    FROM Compteur WHERE Co_Nom = 'journal';
COMMIT;
X
}
alias() { # NAME LIST DOMAIN: of a domain, or of the administrator
	row Alias "Al_IdServeur = 1, Al_IdClient = 1, Al_Nom = '$1', Al_ListeEmail = '$2',
	    Al_IdDomaine = (SELECT Do_IdDomaine FROM Domaine WHERE Do_NomDomaine = '${3-}')"
}
virtual() { # USER DOMAIN REAL-USER REAL-DOMAIN [COLUMN=VALUE]
	row VirtualUser "Vi_UtilisateurVirtuel = '$1', Vi_UtilisateurReel = '$3',
	    Vi_DomaineReel = '$4', Vi_IdDomaine = (SELECT Do_IdDomaine FROM Domaine
	    WHERE Do_NomDomaine = '$2')${5+, $5}"
}
rcpt() { # the reply to RCPT TO:<ADDRESS>
	swaks --server "127.0.0.1:$smtp_port" --from a@else.test --to "$1" \
	    --quit-after RCPT 2>&1 | sed -n '/RCPT TO/{n;s/^[< *-]*\([0-9]* [0-9.]*\).*/\1/p;}'
}
from() { # LOGIN SENDER: the reply to MAIL FROM
	swaks --server "127.0.0.1:$submission_port" --auth PLAIN --auth-user "$1" \
	    --auth-password secret --from "$2" --to "$1" --quit-after MAIL 2>&1 |
	    sed -n '/MAIL FROM/{n;s/^[< *-]*\([0-9]* [0-9.]*\).*/\1/p;}'
}

newdom x.test
newdom y.test
for m in ann bob postmaster; do newbal $m@x.test secret || fail "newbal $m"; done
for m in cat dan; do newbal $m@y.test secret || fail "newbal $m"; done
many=$(i=1; while [ $i -le 600 ]; do printf ',a.member.of.the.list.%04d@elsewhere.test' $i; i=$((i + 1)); done)
toomany=$(i=1; while [ $i -le 1001 ]; do printf ',member%04d@elsewhere.test' $i; i=$((i + 1)); done)
{
	alias sales 'bob,cat@y.test,sales' x.test
	alias nested 'sales,ann' x.test
	alias two 'two2,dan@y.test' y.test
	alias two2 'two' y.test
	alias yonly 'dan' y.test
	alias abuse 'ann@x.test' ''
	alias operators 'bob@x.test,abuse' ''
	alias onlyloop 'onlyloop2@x.test' x.test
	alias onlyloop2 'onlyloop@x.test' x.test
	alias gone 'nobody,ann@x.test,nobody@x.test' x.test
	alias many "bob$many" x.test
	alias toomany "bob$toomany" x.test
	virtual info x.test bob '' "Vi_IdBAL = (SELECT Ba_IdBAL FROM BAL WHERE Ba_Login = 'bob')"
	virtual team x.test sales '' "Vi_IdAlias = (SELECT Al_IdAlias FROM Alias WHERE Al_Nom = 'sales')"
	virtual over x.test dan y.test
	virtual '' y.test cat ''
} | sql || fail "rows"
# Any request brings the journal to authd.
ok "the rows are fed" semail admin newdom x.test
fed() { rcpt info@x.test | grep -q ^250; }
ok "and known" wait_for 20 fed

# ---- where mail goes ------------------------------------------------------------
# Each mail has a subject of its own: whose mailboxes have it?
got() {
	for m in ann@x.test bob@x.test postmaster@x.test cat@y.test dan@y.test; do
		! grep -qr "^Subject: $1-end" "$(maildir $m)/new" 2>/dev/null || echo "${m%@*}"
	done | tr '\n' ' '
}
has() { [ "$(got "$1")" = "$2" ]; }
n=0
goes() { # ADDRESS MAILBOXES
	n=$((n + 1))
	swaks --server "127.0.0.1:$smtp_port" --from a@else.test --to "$1" \
	    --header "Subject: mail-$n-end" >"$T/swaks" 2>&1 || diag "$(tail -5 "$T/swaks")"
	wait_for 20 has "mail-$n" "$2"
	is "$1" "$(got "mail-$n")" "$2"
}
goes bob@x.test "bob "
goes Bob+list@X.test "bob "
goes info@x.test "bob "
goes info+list@x.test "bob "
goes sales@x.test "bob cat "
goes team+x@x.test "bob cat "
goes nested@x.test "ann bob cat "
goes over@x.test "dan "
goes two@y.test "dan "
goes yonly@y.test "dan "
goes whoever@y.test "cat "
goes sales@y.test "cat "
goes abuse@x.test "ann "
goes abuse@y.test "ann "
goes operators@mail.test "ann bob "
goes postmaster@mail.test "postmaster "
goes gone@x.test "ann "
goes many@x.test "bob "
like "one address is one copy" "$(grep -rl "^Subject: mail-7-end" "$(maildir bob@x.test)/new" | wc -l)" '^1$'
waits() { semail queue list --json | grep -q 'a.member.of.the.list.0600@elsewhere.test'; }
ok "what is elsewhere waits in the queue" wait_for 20 waits
like "with a reason" "$(semail queue list --json)" 'remote delivery is not there yet'
is "for 600" "$(semail queue list --json | grep -o 'a.member.of.the.list.[0-9]*@' | sort -u | wc -l)" 600
is "nothing else waits" "$(semail queue list --json | grep -o '"id"' | wc -l)" 1

# ---- what leads nowhere ------------------------------------------------------------
like "yonly is no alias of x.test" "$(rcpt yonly@x.test)" '^550 5.1.1'
like "nor is the administrator's" "$(rcpt operators@x.test)" '^550 5.1.1'
like "a domain's alias is none of the server" "$(rcpt sales@mail.test)" '^550 5.1.1'
like "a loop and nothing else" "$(rcpt onlyloop@x.test)" '^550 5.1.1'
like "more than there may be" "$(rcpt toomany@x.test)" '^451 4.3.5'
like "elsewhere" "$(rcpt a.member.of.the.list.0001@elsewhere.test)" '^550 5.7.1'
like "the log names the loop" "$(cat "$T/semail.log")" 'alias-loop alias=[0-9]+'
like "and the member that is gone" "$(cat "$T/semail.log")" 'alias-member .*name="gone" member="nobody"'

# ---- a list of more than one transaction's worth --------------------------------------
# Each many+N brings 600 targets of 40 octets: smtpd says "later" at its limit.
perl -I"$top_srcdir/t" -MSmtp -e '
	my $c = Smtp->hello($ENV{smtp_port});
	$c->codes("MAIL FROM:<a\@else.test>");
	my %n;
	$n{$c->codes("RCPT TO:<many+$_\@x.test>")}++ for 1 .. 60;
	print join(" ", map { "$_:$n{$_}" } sort keys %n), "\n";
	print $c->codes("DATA"), "\n";
	$c->put("Subject: at-the-limit-end\r\n\r\n.\r\n");
	print $c->reply' >"$T/limit" 2>&1
like "so many, then 452" "$(sed -n 1p "$T/limit")" '^250:2[0-9] 452:3[0-9]$'
like "those are taken" "$(sed -n 3p "$T/limit")" '^250 2'
ok "and bob has one" wait_for 20 has "at-the-limit" "bob "

# ---- changes ----------------------------------------------------------------------------
sql <<X
BEGIN;
UPDATE Alias SET Al_ListeEmail = 'ann@x.test' WHERE Al_Nom = 'sales';
UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, 4, Al_IdAlias
    FROM Compteur, Alias WHERE Co_Nom = 'journal' AND Al_Nom = 'sales';
DELETE FROM VirtualUser WHERE Vi_UtilisateurVirtuel = 'info';
UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur,  5, 1
    FROM Compteur WHERE Co_Nom = 'journal';
COMMIT;
X
semail admin newdom x.test
goes team@x.test "ann "
like "a virtual user that went" "$(rcpt info@x.test)" '^550 5.1.1'

# ---- senders ------------------------------------------------------------------------------
like "dan as himself" "$(from dan@y.test dan+x@y.test)" '^250'
like "as a virtual user of another domain that is his" "$(from dan@y.test over@x.test)" '^250'
like "as an alias of his domain that lists him" "$(from dan@y.test two@y.test)" '^250'
like "not as what the catch-all gives another" "$(from dan@y.test whoever@y.test)" '^553'
like "cat may" "$(from cat@y.test whoever@y.test)" '^250'
like "not as a list of another domain" "$(from cat@y.test nested@x.test)" '^553'
like "ann as abuse, which is hers alone" "$(from ann@x.test abuse@y.test)" '^250'
like "not as operators, which is not" "$(from ann@x.test operators@mail.test)" '^553'

# ---- a long list outlives a restart of the queue -----------------------------------------------
members() { semail queue list --json | grep -o 'a.member.of.the.list.[0-9]*@' | sort | uniq -c | sed 's/ *\([0-9]*\) .*/\1/' | sort | uniq -c | tr -s ' '; }
deferred() { [ "$(semail queue list --json | grep -o '"deferred":true' | wc -l)" = 2 ]; }
ok "two mails for it wait in files" wait_for 20 deferred
before=$(members)
is "each of 600 in both" "$before" " 600 2"
pid=$(semail_pid queued)
kill -9 "$pid"
back() { p=$(semail_pid queued) && [ -n "$p" ] && [ "$p" != "$pid" ] && deferred; }
ok "queued is killed, and back" wait_for 20 back
is "with all of them" "$(members)" "$before"

# ---- authd loses its copy --------------------------------------------------------------------
pid=$(semail_pid authd)
rm "$T/state/auth/data.mdb"
kill -9 "$pid"
again() { rcpt nested@x.test | grep -q ^250; }
ok "loaded again" wait_for 30 again
goes nested@x.test "ann "
done_testing
