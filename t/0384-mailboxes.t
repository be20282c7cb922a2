#!/bin/sh
# What is told of mailboxes, how full they are, and passwords of single devices.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback"
semail_start

code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
request() { printf '%s' "$1" | semail admin --json request 2>&1; }
root() { # REQUEST: it must be done
	root_answer=$(request "$1")
	[ "$(echo "$root_answer" | code)" = 0 ] || fail "$1: $root_answer"
}
not() { ! "$@"; }
# cell NAME COMMAND...: of the first row
cell() {
	cell_name=$1
	shift
	semail admin --json "$@" | perl -MJSON::PP -e '
	    local $/; $a = decode_json(<STDIN>);
	    $r = ref $a eq "ARRAY" ? $a->[0] : $a->{rows}[0];
	    print $r->{$ARGV[0]} // "(none)"' "$cell_name"
}
n=1
pop3() { # NAME PASSWORD; each from elsewhere, so that failures do not slow it
	n=$((n + 1))
	curl -s -S --max-time 20 --interface "127.0.0.$n" -u "$1:$2" \
	    "pop3://127.0.0.1:$pop3_port/"
}
smtp() {
	n=$((n + 1))
	curl -s -S --max-time 20 --interface "127.0.0.$n" -u "$1:$2" \
	    --mail-from "$1" --mail-rcpt bob@x.test --upload-file "$T/mail" \
	    "smtp://127.0.0.1:$submission_port/"
}
printf 'From: a\r\nSubject: t\r\n\r\n%2000s\r\n' x >"$T/mail"

newdom x.test
root "NEWDOM||||y.test"
for k in 1 2; do
	root "NEWCLIENT||||c$k|password=pc$k"
done
root "MODDOM||||x.test|client=c1"
root "MODDOM||||y.test|client=c2"
root "NEWBAL|||x.test|bob|pb|Bob|1000|yes|a@b.test,bob@x.test|+33612345678|urgent|sms@x.test|acc|sec|Away\nnow|bobby"
for l in carl alf; do root "NEWBAL|||x.test|$l|p"; done
root "NEWBAL|||y.test|eve|pe"

# ---- SHOWBAL, LISTBAL --------------------------------------------------------------
for pair in mailbox=bob domain=x.test state=active comment=Bob quota=1000 \
    antivirus=yes forward=a@b.test,bob@x.test sms-tel=+33612345678 \
    sms-filter=urgent sms-email=sms@x.test sms-login=acc short=bobby user=; do
	is "SHOWBAL ${pair%%=*}" "$(cell "${pair%%=*}" showbal bob@x.test)" "${pair#*=}"
done
is "SHOWBAL vacation, lines and all" "$(cell vacation showbal bob@x.test)" "$(printf 'Away\nnow')"
like "SHOWBAL made" "$(cell made showbal bob@x.test)" '^20[0-9-]* [0-9:]*$'
like "SHOWBAL uid" "$(cell uid showbal bob@x.test)" '^19[0-9]{8}$'
not_there() { ! semail admin --json showbal bob@x.test | grep -q -e sec -e argon2; }
ok "no password and no hash is told" not_there
root "DISABLEBAL|||x.test|carl"
is "SHOWBAL state" "$(cell state showbal carl@x.test)" disabled
listed() { # REQUEST: the mailboxes of a page, and NEXT
	request "$1" | perl -MJSON::PP -e 'local $/; $a = decode_json(<STDIN>);
	    print join(" ", map("$_->{mailbox}\@$_->{domain}", @{$a->{rows} // []}), $a->{next} ? "more" : ()), "\n"'
}
is "LISTBAL: all" "$(listed 'LISTBAL|||')" "alf@x.test bob@x.test carl@x.test eve@y.test"
is "of a domain" "$(listed 'LISTBAL|||y.test')" "eve@y.test"
is "with a text in it" "$(listed 'LISTBAL||||match=b@x')" "bob@x.test"
is "a client's own" "$(listed 'LISTBAL|c1|pc1|')" "alf@x.test bob@x.test carl@x.test"
is "another's domain" "$(request 'LISTBAL|c1|pc1|y.test' | code)" -4
is "two, and more" "$(listed 'LISTBAL||||max=2')" "alf@x.test bob@x.test more"
is "and the rest" "$(listed 'LISTBAL||||after=1/bob|max=3')" "carl@x.test eve@y.test"
is "a client's, with a text in them" "$(listed 'LISTBAL|c1|pc1||match=l|max=1')" "alf@x.test more"
is "AFTER that is none" "$(request 'LISTBAL||||after=x' | code)" -7
is "the command reads all pages" "$(semail admin listbal --json | grep -o '"mailbox":"[a-z]*"' | wc -l)" 4
is "another client's mailbox" "$(request 'SHOWBAL|c1|pc1|y.test|eve' | code)" -4
is "a mailbox itself" "$(request 'SHOWBAL|bob@x.test|pb|x.test|bob' | code)" 0
is "but not another" "$(request 'SHOWBAL|bob@x.test|pb|x.test|alf' | code)" -5
like "hashes, for root" "$(cell hash listbal --hashes=yes --domain y.test)" '^\$argon2id\$'
is "for nobody else" "$(request 'LISTBAL|c1|pc1||hashes=yes' | code)" -3
hash=$(cell hash listbal --hashes=yes --domain y.test)
printf '%s' "$hash" >"$T/hash"
ok "which IMPORTBAL takes" semail admin importbal again@y.test --hash-file "$T/hash"
ok "with the same password" pop3 again@y.test pe

# ---- STATBAL, STATDOM --------------------------------------------------------------
is "STATBAL: nothing yet" "$(cell used statbal alf@x.test)" 0
ok "mail comes" swaks --server "127.0.0.1:$smtp_port" --from s@e.test --to alf@x.test --body "$(head -c 3000 /dev/zero | tr '\0' x)"
used() { [ "$(cell used statbal alf@x.test)" -ge 3 ]; }
ok "STATBAL: Kbytes used" wait_for 20 used
is "STATBAL quota" "$(cell quota statbal bob@x.test)" 1000
dom_used() { [ "$(cell used statdom x.test)" -ge 3 ]; }
ok "STATDOM: Kbytes used" dom_used
is "STATDOM mailboxes" "$(cell mailboxes statdom x.test)" 3
is "STATDOM given" "$(cell given statdom x.test)" 1000
is "STATBAL of another" "$(request 'STATBAL|c2|pc2|x.test|bob' | code)" -4

# ---- DNS records ---------------------------------------------------------------------
dns() { semail admin --json dnsdom "$1" | grep -o "\"name\":\"$2\",\"type\":\"[A-Z]*\",\"value\":[^}]*" | sed 's/.*"value"://'; }
is "MX" "$(dns x.test x.test. | head -1)" '"10 mail.test."'
is "SPF" "$(dns x.test x.test. | sed -n 2p)" '"\"v=spf1 mx -all\""'
is "SRV, with the port" "$(dns x.test _submissions._tcp.x.test.)" "\"0 1 $submissions_port mail.test.\""
is "what there is not" "$(dns x.test _imaps._tcp.x.test.)" '"0 0 0 ."'
is "of another" "$(request 'DNSDOM|c2|pc2||x.test' | code)" -4

# ---- passwords of devices ----------------------------------------------------------
app() { semail admin newapp "$@" | grep -oE '^([a-z2-9]{4}-){3}[a-z2-9]{4}$'; }
phone=$(app bob@x.test phone --services pop3)
printer=$(app bob@x.test printer --services smtp)
any=$(app bob@x.test any)
like "a password" "$phone" '^....-....-....-....$'
ok "it logs in" pop3 bob@x.test "$phone"
ok "not where it may not" not smtp bob@x.test "$phone"
ok "another one there" smtp bob@x.test "$printer"
ok "and not here" not pop3 bob@x.test "$printer"
ok "one for everything" smtp bob@x.test "$any"
ok "here, too" pop3 bob@x.test "$any"
ok "the mailbox's own is as it was" pop3 bob@x.test pb
ok "of another mailbox it opens nothing" not pop3 alf@x.test "$any"
is "it sends no requests" "$(request "SHOWBAL|bob@x.test|$any|x.test|bob" | code)" -3
is "LISTAPP" "$(semail admin --json listapp bob@x.test | grep -o '"device":"[a-z]*","services":"[a-z0-9,]*"' | tr '\n' ' ')" \
    '"device":"phone","services":"pop3" "device":"printer","services":"smtp" "device":"any","services":"" '
is "a device has one" "$(request 'NEWAPP|||x.test|bob|Phone' | code)" -6
is "services that are none" "$(request 'NEWAPP|||x.test|bob|tv|services=pop3,ftp' | code)" -7
is "the mailbox makes one itself" "$(request 'NEWAPP|bob@x.test|pb|x.test|bob|own' | code)" 0
is "not for another" "$(request 'NEWAPP|bob@x.test|pb|x.test|alf|own' | code)" -5
is "a client" "$(request 'NEWAPP|c1|pc1|x.test|alf|own' | code)" 0
is "not another's" "$(request 'NEWAPP|c2|pc2|x.test|alf|own2' | code)" -4
for i in 1 2 3 4 5 6 7 8 9 10 11; do request "NEWAPP|||x.test|bob|more$i" >/dev/null; done
is "fifteen" "$(semail admin --json listapp bob@x.test | grep -o '"device"' | wc -l)" 15
is "and no more" "$(request 'NEWAPP|||x.test|bob|more12' | code)" -8
ok "the mailbox's own still opens it" pop3 bob@x.test pb

# Revoking ends sessions and logins.
# An open session.
printf 'USER bob@x.test\r\nPASS %s\r\n' "$phone" >"$T/login"
mkfifo "$T/in"
(cat "$T/login"; cat "$T/in") | perl -MIO::Socket::INET -e '
    $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die; $| = 1;
    if (fork) { print while <$s>; print "closed\n"; exit }
    while (<STDIN>) { print $s $_; $s->flush } sleep 60' "$pop3_port" >"$T/session" 2>&1 &
remember $!
exec 9>"$T/in"
in_it() { [ "$(grep -c '^+OK' "$T/session")" -ge 3 ]; }
ok "a session" wait_for 20 in_it
ok "DELAPP" semail admin delapp bob@x.test phone
closed() { grep -q '^closed' "$T/session"; }
ok "ends it" wait_for 10 closed
exec 9>&-
ok "no login with it" not pop3 bob@x.test "$phone"
ok "with others as before" pop3 bob@x.test "$any"
is "again: it is deleted" "$(request 'DELAPP|||x.test|bob|phone' | code)" 0
is "one that never was" "$(request 'DELAPP|||x.test|bob|never' | code)" -11
is "the audit log knows the device" "$(semail admin --json audit --what DELAPP | grep -o '"object":"[^"]*","code":"[^"]*","comment":"[^"]*"')" \
    '"object":"bob@x.test","code":"0","comment":"phone"'
is "no password in the log" "$(grep -cF -e "$any" -e "$printer" "$T/semail.log")" 0
root "DELBAL|||x.test|bob"
ok "a deleted mailbox takes them along" not pop3 bob@x.test "$any"
done_testing
