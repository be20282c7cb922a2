#!/bin/sh
# A vacation message answers those who write to the mailbox, once in a period,
# and nobody else: no lists, no programs, no circles of two who are both away.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "queue-retry-min 200ms" "queue-retry-max 1s" "vacation-period 15s" \
    "worker-linger 60s"
semail_start
newdom here.test
for a in ann bob eve; do newbal $a@here.test secret-1 >/dev/null || exit 1; done

send() { # FROM TO [HEADER LINE...]
	send_from=$1
	send_to=$2
	shift 2
	{ for line in "$@"; do echo "$line"; done; echo; echo "Hello."; } >"$T/mail"
	curl -sS --crlf --mail-from "$send_from" --mail-rcpt "$send_to" \
	    -T "$T/mail" "smtp://127.0.0.1:$smtp_port"
}
newest() {
	find "$(maildir "$1")/new" -type f -printf '%T@ %p\n' | sort -n |
	    sed -n '$s/^[^ ]* //p'
}
queue_is_empty() { semail queue list | grep -q '^0 messages'; }
settled() { wait_for 20 queue_is_empty; }
clean() {
	settled
	for x in ann bob eve; do
		as_owner $x@here.test sh -c 'rm -f Maildir/new/* .vacation.db'
	done
}

home_put ann@here.test .vacation.msg "Je suis en congé.

From Monday on I am back = really.
"
send bob@here.test ann@here.test 'To: "Ann" <ann@here.test>' 'Subject: Lunch?' \
    'Message-ID: <1@bob.test>' 'References: <0@bob.test>'
ok "bob writes to ann: he is answered" wait_for 20 has_mail bob@here.test 1
ok "and ann has his mail" wait_for 20 has_mail ann@here.test 1
cp "$(newest bob@here.test)" "$T/answer"
headers=$(sed '/^$/q' "$T/answer")
like "from nobody" "$headers" '^Return-Path: <>$'
like "by ann" "$headers" '^From: <ann@here.test>$'
like "to bob" "$headers" '^To: <bob@here.test>$'
like "about his mail" "$headers" '^Subject: Auto: Lunch\?$'
like "in reply to it" "$headers" '^In-Reply-To: <1@bob.test>$'
like "in its thread" "$headers" '^References: <0@bob.test>$'
like "automatically" "$headers" '^Auto-Submitted: auto-replied$'
like "with our trace" "$headers" '^Received: by mail.test \(SEMail answer\) id'
is "one Message-ID" "$(echo "$headers" | grep -c '^Message-ID: <[^ ]*@mail.test>$')" 1
like "dated" "$headers" "^Date: [A-Z][a-z][a-z], [0-9]+ [A-Z][a-z][a-z] 20[0-9][0-9] "
is "with the text" "$(perl -MMIME::QuotedPrint -0777 -e '
	$_ = <>; s/.*?\n\n//s; print decode_qp($_)' "$T/answer")" "Je suis en congé.

From Monday on I am back = really."

# ---- once in a period
send bob@here.test ann@here.test 'To: ann@here.test' 'Subject: again'
ok "bob writes again" wait_for 20 has_mail ann@here.test 2
settled
is "and is not answered again" "$(maildir_count bob@here.test)" 1
like "whom ann has answered" "$(as_owner ann@here.test cat .vacation.db)" \
    '^[0-9]+ bob@here.test$'
old=$(($(date +%s) - 16))
home_put ann@here.test .vacation.db "$old bob@here.test
"
send bob@here.test ann@here.test 'To: ann@here.test' 'Subject: later'
ok "after a while he is" wait_for 20 has_mail bob@here.test 2
clean

# ---- whom not
n=0
not_answered() { # WHAT FROM HEADER LINE...
	n=$((n + 1))
	not_name=$1
	shift
	send "$1" ann@here.test "$@"
	wait_for 20 has_mail ann@here.test $n
	settled
	is "not answered: $not_name" "$(maildir_count bob@here.test)/$(maildir_count ann@here.test)" "0/$n"
}
to='To: ann@here.test'
send_not() { what=$1; shift; not_answered "$what" bob@here.test "$to" "$@"; }
n=$((n + 1)); send "" ann@here.test "$to"; wait_for 20 has_mail ann@here.test $n; settled
is "nobody" "$(maildir_count bob@here.test)/$(maildir_count ann@here.test)" "0/$n"
send_not "an automatic message" 'Auto-Submitted: auto-generated'
send_not "a list" 'List-Id: <list.here.test>'
send_not "bulk" 'Precedence: bulk'
send_not "who asks for none" 'X-Auto-Response-Suppress: DR, AutoReply'
send_not "spam" 'X-Spam-Flag: YES'
not_answered "who wrote to others" bob@here.test 'To: eve@here.test'
ok "it was not noted either" as_owner ann@here.test test ! -e .vacation.db
send bob@here.test ann@here.test "$to" 'Auto-Submitted: no'
ok "a person is" wait_for 20 has_mail bob@here.test 1
clean

# ---- two who are both away
home_put bob@here.test .vacation.msg "Subject: bob is away

too
"
send bob@here.test ann@here.test "$to" 'Subject: x'
ok "ann answers bob, who is away" wait_for 20 has_mail bob@here.test 1
settled
is "and does not answer her" "$(maildir_count ann@here.test)/$(maildir_count bob@here.test)" 1/1
send ann@here.test bob@here.test 'To: bob@here.test' 'Subject: y'
ok "bob answers ann" wait_for 20 has_mail ann@here.test 2
settled
like "with the subject he gave" "$(cat "$(newest ann@here.test)")" '^Subject: bob is away$'
send ann@here.test ann@here.test "$to" 'Subject: to me'
ok "ann writes to herself" wait_for 20 has_mail ann@here.test 3
settled
is "and is not answered" "$(maildir_count ann@here.test)" 3
as_owner bob@here.test rm .vacation.msg
clean

# ---- answered and forwarded
home_put ann@here.test .forward eve@here.test
send bob@here.test ann@here.test "$to" 'Subject: both'
ok "forwarded" wait_for 20 has_mail eve@here.test 1
ok "and answered" wait_for 20 has_mail bob@here.test 1
is "and not kept" "$(maildir_count ann@here.test)" 0
as_owner ann@here.test rm .forward
clean

# ---- nothing can be injected
send bob@here.test ann@here.test "$to" \
    "$(printf 'Subject: =?utf-8?Q?a=0D=0ABcc:_eve@here.test?=\n x\t\033[1m')" \
    "$(printf 'Message-ID: <a@b>\n Bcc: eve@here.test')"
ok "a strange subject" wait_for 20 has_mail bob@here.test 1
cp "$(newest bob@here.test)" "$T/answer"
is "adds no field" "$(sed '/^$/q' "$T/answer" | grep -ci '^bcc')" 0
settled
is "and no recipient" "$(maildir_count eve@here.test)" 0
clean

# ---- a home that is not as it should be
for what in 'ln -s /etc/passwd .vacation.msg' 'mkfifo .vacation.msg' \
    'mkdir .vacation.msg' ': >.vacation.msg' 'head -c 100000 /dev/zero >.vacation.msg'; do
	n=$(($(maildir_count ann@here.test) + 1))
	as_owner ann@here.test sh -c "rm -rf .vacation.msg; $what"
	send bob@here.test ann@here.test "$to"
	ok "$what: delivered" wait_for 20 has_mail ann@here.test $n
done
settled
is "nobody is answered" "$(maildir_count bob@here.test)" 0
as_owner ann@here.test sh -c 'rm -rf .vacation.msg; echo away >.vacation.msg; mkfifo .vacation.db'
send bob@here.test ann@here.test "$to"
ok "the list of the answered is a FIFO: it is replaced" wait_for 20 has_mail bob@here.test 1
done_testing
