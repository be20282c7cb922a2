#!/bin/sh
# .forward in a home: mail goes on to other addresses, with or without a copy,
# whole, once, in chains but never in circles; what cannot be understood keeps
# the message here.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "queue-retry-min 200ms" "queue-retry-max 1s"
semail_start
newdom here.test
newdom other.test
for a in a b c eve; do newbal $a@here.test secret-1 >/dev/null || exit 1; done
newbal d@other.test secret-1 >/dev/null || exit 1
: >"$T/empty"

send() { # FROM TO [FILE]
	curl -sS --crlf --mail-from "$1" --mail-rcpt "$2" \
	    -T "${3:-$top_srcdir/t/data/one-message.txt}" \
	    "smtp://127.0.0.1:$smtp_port"
}
newest() { # the file that came last to an address
	find "$(maildir "$1")/new" -type f -printf '%T@ %p\n' | sort -n |
	    sed -n '$s/^[^ ]* //p'
}
headers() { sed '/^$/q' "$(newest "$1")"; }
queue_is_empty() { semail queue list | grep -q '^0 messages'; }
logged() { grep -q "$1" "$T/semail.log"; }
clean() { # all mail and every .forward
	wait_for 20 queue_is_empty
	for x in a@here.test b@here.test c@here.test eve@here.test d@other.test; do
		as_owner $x sh -c 'rm -rf .forward* Maildir/new/* Maildir/cur/*'
	done
}

# ---- a chain, over two domains
home_put a@here.test .forward "b@here.test
"
home_put b@here.test .forward "# to my other mailbox
d@other.test # there
"
ok "a message for a, who forwards to b, who forwards to d" send s@x.test a@here.test
ok "arrives at d" wait_for 20 has_mail d@other.test 1
wait_for 20 queue_is_empty
is "once" "$(maildir_count d@other.test)" 1
is "a keeps no copy" "$(maildir_count a@here.test)" 0
is "nor does b" "$(maildir_count b@here.test)" 0
is "d's says through whom it came" \
    "$(headers d@other.test | sed -n 's/^Delivered-To: //p' | tr '\n' ' ')" \
    "d@other.test b@here.test a@here.test "
is "with a Received line of each of us" \
    "$(headers d@other.test | grep -c '^Received: ')" 3
like "like this" "$(headers d@other.test)" \
    '^Received: by mail.test \(SEMail forward\) id [0-9a-z]{13};$'
like "the sender is the same" "$(headers d@other.test)" '^Return-Path: <s@x.test>$'
is "the body is untouched" "$(sed '1,/^$/d' "$(newest d@other.test)")" "One line."
clean

# ---- copies
home_put a@here.test .forward 'b@here.test, A@here.test, c@here.test'
send s@x.test a@here.test
ok "with its own address in the list" wait_for 20 has_mail c@here.test 1
ok "a keeps a copy" wait_for 20 has_mail a@here.test 1
ok "and the others have theirs" wait_for 20 has_mail b@here.test 1
clean
home_put a@here.test .forward '\a, b@here.test, b@here.test'
send s@x.test a+list@here.test
ok "\\login keeps a copy too" wait_for 20 has_mail a@here.test 1
ok "of what comes for a detail" wait_for 20 has_mail b@here.test 1
wait_for 20 queue_is_empty
is "an address that stands there twice gets one" "$(maildir_count b@here.test)" 1
clean

# ---- circles
home_put a@here.test .forward "b@here.test"
home_put b@here.test .forward "a@here.test"
send s@x.test a@here.test
ok "a forwards to b forwards to a: kept by a" wait_for 20 has_mail a@here.test 1
wait_for 20 queue_is_empty
is "once" "$(maildir_count a@here.test)/$(maildir_count b@here.test)" 1/0
ok "and logged" logged 'forward-loop id=.* by=delivered-to kept=yes'
clean
home_put a@here.test .forward "a+x@here.test, b@here.test"
home_put b@here.test .forward "a@here.test, b@here.test, c@here.test"
send s@x.test a@here.test
ok "many ways round" wait_for 20 has_mail c@here.test 1
wait_for 20 queue_is_empty
is "end with a copy for each" \
    "$(maildir_count a@here.test)/$(maildir_count b@here.test)/$(maildir_count c@here.test)" 2/1/1
clean
home_put a@here.test .forward "b@here.test"
{ i=0; while [ $i -lt 49 ]; do echo "Received: from x by y; now"; i=$((i + 1)); done
  cat "$top_srcdir/t/data/one-message.txt"; } >"$T/old"
send s@x.test a@here.test "$T/old"
ok "one with fifty Received lines" wait_for 20 has_mail a@here.test 1
ok "goes no further" logged 'forward-loop id=.* by=received-limit kept=yes'
clean

# ---- senders, bodies, elsewhere
home_put a@here.test .forward "d@other.test"
send "" a@here.test
ok "without a sender" wait_for 20 has_mail d@other.test 1
like "it stays so" "$(headers d@other.test)" '^Return-Path: <>$'
clean
home_put a@here.test .forward "b@here.test, c@here.test, a@here.test"
{ cat "$top_srcdir/t/data/one-message.txt"; base64 -w 76 /dev/urandom | head -c 3000000; echo; } >"$T/large"
send s@x.test a@here.test "$T/large"
want=$(sed '1,/^$/d' "$T/large" | sha256sum)
for x in a b c; do
	ok "three megabytes come to $x" wait_for 30 has_mail $x@here.test 1
	is "whole" "$(sed '1,/^$/d' "$(newest $x@here.test)" | sha256sum)" "$want"
done
ok "the queue is empty" wait_for 20 queue_is_empty
bodies_gone() { [ "$(find "$T/state/queue/body" -type f | wc -l)" = 0 ]; }
ok "and no body is left in it" wait_for 10 bodies_gone
clean
home_put a@here.test .forward "someone@elsewhere.test"
send s@x.test a@here.test "$T/large"
waits() { semail queue list | grep -q "$1"; }
ok "for another server: it waits" wait_for 20 waits someone@elsewhere.test
like "as all mail does that goes there" "$(semail queue list)" 'remote delivery is not there yet'
id=$(semail queue list | sed -n 's/^\([0-9a-z]\{13\}\).*/\1/p' | head -1)
is "shown with the lines it will have" "$(semail queue show "$id" | tr -d '\r' |
    grep -c '^Delivered-To: a@here.test\|^Received: by mail.test (SEMail forward)')" 2
is "and its body" "$(semail queue show "$id" | tr -d '\r' | sed '1,/^Subject:/d;1,/^$/d' | sha256sum)" "$want"
semail stop >/dev/null && semail_start
ok "also after a restart" wait_for 20 waits someone@elsewhere.test
is "the same" "$(semail queue show "$id" | tr -d '\r' | grep -c '^Delivered-To: a@here.test')" 1
as_owner a@here.test rm .forward
home_put a@here.test .forward "nobody@here.test"
send s@x.test a@here.test
ok "for nobody: it stays, with why" wait_for 20 waits 'there is no such recipient'
as_owner a@here.test rm .forward

# ---- what its owner may have there
n=0
kept() { # WHAT: mail for eve stays in her mailbox
	n=$((n + 1))
	send s@x.test eve@here.test
	ok "$1: kept" wait_for 20 has_mail eve@here.test $n
}
as_owner eve@here.test sh -c 'echo b@here.test >x; ln -s x .forward'
kept "a link"
as_owner eve@here.test sh -c 'rm .forward; mkfifo .forward'
kept "a FIFO"
as_owner eve@here.test sh -c 'rm .forward; mkdir .forward'
kept "a folder"
as_owner eve@here.test sh -c 'rmdir .forward; ln x .forward'
kept "a file with two names"
as_owner eve@here.test sh -c 'rm .forward; ln -s /etc/shadow .forward'
kept "a link to a secret"
as_owner eve@here.test sh -c 'rm .forward; : >.forward'
kept "an empty file"
as_owner eve@here.test sh -c 'echo "# nobody" >.forward'
kept "a comment"
as_owner eve@here.test sh -c "echo '|touch $T/pwned' >.forward"
kept "a program"
as_owner eve@here.test sh -c "echo '$T/pwned' >.forward"
kept "a file"
as_owner eve@here.test sh -c 'head -c 100000 /dev/zero | tr "\0" , >.forward'
kept "too large"
# No letters of either case: a line of chance may well be a login, and "A" is "a".
as_owner eve@here.test sh -c 'head -c 60000 /dev/urandom | tr "a-zA-Z" "@" >.forward'
kept "rubbish"
is "nobody got any of it" \
    "$(maildir_count a@here.test)/$(maildir_count b@here.test)/$(maildir_count c@here.test)" 0/0/0
ok "no program was run and no file written" test ! -e "$T/pwned"
as_owner eve@here.test sh -c "printf '\"|touch $T/pwned\"\n/x\nb@here.test\n' >.forward"
send s@x.test eve@here.test
ok "a program, a file and an address: the address has it" wait_for 20 has_mail b@here.test 1
is "and eve has not" "$(maildir_count eve@here.test)" $n
as_owner eve@here.test sh -c "printf 'b@here.test, b@@, c@here.test' >.forward"
send s@x.test eve@here.test
ok "nonsense among addresses: they have it" wait_for 20 has_mail c@here.test 1
n=$((n + 1))
ok "and eve, too" wait_for 20 has_mail eve@here.test $n
as_owner eve@here.test sh -c 'i=0; while [ $i -lt 60 ]; do echo u$i@elsewhere.test; i=$((i + 1)); done >.forward'
n=$((n + 1))
send s@x.test eve@here.test
ok "sixty addresses: kept" wait_for 20 has_mail eve@here.test $n
ok "and sent to fifty of them" wait_for 20 waits u49@elsewhere.test
is "not more" "$(semail queue list | grep -c 'u[0-9]*@elsewhere.test')" 50
done_testing
