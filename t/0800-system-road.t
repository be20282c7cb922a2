#!/bin/sh
# The whole road: mail over SMTP, STARTTLS and TLS with real clients, into the
# Maildir under the mailbox's own uid, out by POP3, byte for byte.
# also sanitized
. "$(dirname "$0")/lib.sh"
semail_conf
semail_start
newdom here.test
newbal one@here.test secret-1 || exit 1
newbal two@here.test secret-2 || exit 1
ca="--cacert $T/tls/cert.pem"

# A message that an MTA must not change: dots, long lines, 8-bit, blank lines.
perl -e 'print "From: <a\@elsewhere.test>\r\nTo: <one\@here.test>\r\nSubject: road\r\n",
    "X-Mark: $ARGV[0]\r\n\r\n", ".dot\r\n..dots\r\n. \r\n",
    "\r\n", "x" x 900, "\r\n", "caf\xc3\xa9\r\n", "end\r\n"' one >"$T/mail"
# shellcheck disable=SC2086
ok "curl sends on port 25" curl -sS --max-time 20 $ca "smtp://localhost:$smtp_port" \
    --mail-from a@elsewhere.test --mail-rcpt one@here.test --upload-file "$T/mail"
ok "it arrives" wait_for 20 has_mail one@here.test 1
file=$(find "$(maildir one@here.test)/new" "$(maildir one@here.test)/cur" -type f)
if is_root; then
	uid=$(stat -c %u "$file")
	ok "the file has a uid of its own" test "$uid" -ge 1900000000
fi
is "the file's mode lets nobody else in" "$(stat -c %a "$file")" 600
like "its name has the queue id and the size" "$(basename "$file")" \
    '^[0-9]+\.Q[0-9a-z]+\.[^,:]*,S=[0-9]+'
is "the size in the name is true" "$(basename "$file" | sed 's/.*,S=\([0-9]*\).*/\1/')" \
    "$(stat -c %s "$file")"
like "Return-Path" "$(head -1 "$file")" '^Return-Path: <a@elsewhere.test>'
like "Delivered-To" "$(sed -n 2p "$file")" '^Delivered-To: one@here.test'
like "Received by us" "$(sed -n 3,4p "$file")" 'by mail.test with ESMTP id'

pop() { # PATH...
	# shellcheck disable=SC2086
	curl -sS --max-time 20 $ca --user "$pop_user" "$@"
}
pop_user=one@here.test:secret-1
ok "POP3 with STLS" pop --ssl-reqd -o "$T/got" "pop3://localhost:$pop3_port/1"
tail -c "$(wc -c <"$T/mail")" "$T/got" >"$T/got.end"
ok "every byte came back" cmp "$T/mail" "$T/got.end"
ok "POP3 over TLS" pop -o "$T/got2" "pop3s://localhost:$pop3s_port/1"
ok "is the same" cmp "$T/got" "$T/got2"
pop_user=one@here.test:wrong
if pop --ssl-reqd "pop3://localhost:$pop3_port/" >/dev/null 2>&1; then
	fail "a wrong password"
else
	pass "a wrong password"
fi
pop_user=one@here.test:secret-1
if pop "pop3://localhost:$pop3_port/" >/dev/null 2>&1; then
	fail "no password without TLS"
else
	pass "no password without TLS"
fi

# Submission, by swaks and curl.
for how in "--tls --port $submission_port" "--tls-on-connect --port $submissions_port"; do
	# shellcheck disable=SC2086
	ok "swaks submits: $how" swaks --server 127.0.0.1 $how --auth PLAIN \
	    --auth-user one@here.test --auth-password secret-1 \
	    --from one@here.test --to two@here.test --body "hello"
done
ok "both arrive" wait_for 20 has_mail two@here.test 2
# shellcheck disable=SC2046
like "the trace tells TLS and AUTH" \
    "$(cat $(find "$(maildir two@here.test)" -type f -name '*,S=*'))" "with ESMTPSA id"
if swaks --server 127.0.0.1 --tls --port "$submission_port" --auth PLAIN \
    --auth-user one@here.test --auth-password secret-1 \
    --from two@here.test --to two@here.test >/dev/null 2>&1; then
	fail "nobody sends as somebody else"
else
	pass "nobody sends as somebody else"
fi
swaks --server 127.0.0.1 --port "$smtp_port" --from a@b.test \
    --to nobody@here.test >"$T/out" 2>&1
like "an unknown user is refused at RCPT" "$(cat "$T/out")" "550 5.1.1"
swaks --server 127.0.0.1 --port "$smtp_port" --from a@b.test \
    --to x@elsewhere.test >"$T/out" 2>&1
like "no open relay" "$(cat "$T/out")" "550 5.7.1"

# A large message goes through the pipe and a file of its own.
perl -e 'print "Subject: big\r\n\r\n"; print "y" x 76, "\r\n" for 1..40000' >"$T/big"
# shellcheck disable=SC2086
ok "a 3 MB message" curl -sS --max-time 60 $ca "smtp://localhost:$smtp_port" \
    --mail-from a@elsewhere.test --mail-rcpt one@here.test --upload-file "$T/big"
ok "arrives" wait_for 30 has_mail one@here.test 2
ok "and is fetched" pop --ssl-reqd -o "$T/got" "pop3://localhost:$pop3_port/2"
tail -c "$(wc -c <"$T/big")" "$T/got" >"$T/got.end"
ok "whole" cmp "$T/big" "$T/got.end"

# Mail for elsewhere waits and says why.
ok "submitted for elsewhere" swaks --server 127.0.0.1 --tls --port "$submission_port" \
    --auth PLAIN --auth-user one@here.test --auth-password secret-1 \
    --from one@here.test --to friend@elsewhere.test --body "later"
waits() { semail queue list | grep -q "friend@elsewhere.test"; }
ok "it is in the queue" wait_for 20 waits
says_why() { semail queue list | grep -q "remote delivery"; }
ok "with a plain reason" wait_for 20 says_why
queue_id=$(sed -n 's/.*accepted queue=\([0-9a-z]*\) .*/\1/p' "$T/semail.log" | tail -1)
like "semail queue show shows it" "$(semail queue show "$queue_id")" "later"
ok "and it is there after a restart" sh -c "'$semail_bin' -f '$conf' stop && '$semail_bin' -f '$conf' start"
ok "the queue kept it" waits
done_testing
