#!/bin/sh
# The queue as an administrator sees it: what waits and why, what it holds, and
# that it goes on by itself.
# also sanitized
. "$(dirname "$0")/lib.sh"
semail_conf "queue-retry-min 200ms" "queue-retry-max 1s"
semail_start
newdom here.test
newbal one@here.test secret-1 >/dev/null || exit 1
ca="--cacert $T/tls/cert.pem"

like "an empty queue" "$(semail queue list)" '^0 messages$'
is "as JSON too" "$(semail queue list --json)" '{"messages":[]}'

# A local that hangs: the mail is safe and waits.
local_pid=$(semail_pid local)
kill -STOP "$local_pid"
printf 'Subject: waits\r\n\r\nthe text of it\r\n' >"$T/mail"
# shellcheck disable=SC2086
ok "mail is accepted while local hangs" curl -sS --max-time 20 $ca \
    "smtp://localhost:$smtp_port" --mail-from a@elsewhere.test \
    --mail-rcpt one@here.test --upload-file "$T/mail"
list=$(semail queue list)
like "it is listed" "$list" '^[0-9a-z]{13}  .* <a@elsewhere.test>$'
like "with its recipient and why it waits" "$list" \
    'to <one@here.test>  (being|waiting to be) delivered'
id=$(echo "$list" | sed -n '1s/ .*//p')
show=$(semail queue show "$id" | tr -d '\r')
like "show has the message" "$show" '^the text of it$'
like "with our Received line" "$show" '^Received: '
semail queue show 0000000000000 >/dev/null 2>"$T/err"
is "another id: exit status" $? 1
like "and says so" "$(cat "$T/err")" 'no such message'
semail queue show nonsense >/dev/null 2>&1
is "no id at all: usage" $? 64
kill -CONT "$local_pid"
ok "local goes on, the mail arrives" wait_for 20 has_mail one@here.test 1
queue_is_empty() { semail queue list | grep -q '^0 messages$'; }
ok "and leaves the queue" wait_for 20 queue_is_empty

# Mail for elsewhere stays, with its reason, in a file one can read.
# shellcheck disable=SC2086
ok "a user sends to somebody elsewhere" curl -sS --max-time 20 $ca --ssl-reqd \
    --user one@here.test:secret-1 "smtp://localhost:$submission_port" \
    --mail-from one@here.test --mail-rcpt far@else.test --upload-file "$T/mail"
is_deferred() { semail queue list | grep -q '4.4.0 remote delivery is not there yet'; }
ok "it is deferred with a plain reason" wait_for 20 is_deferred
like "JSON says the same" "$(semail queue list --json)" \
    '"deferred":true,.*"address":"far@else.test","done":false,"status":"4.4.0'
id=$(semail queue list | sed -n '1s/ .*//p')
file=$(find "$T/state/queue/deferred" -name "$id")
like "its file can be read" "$(tr -d '\r' <"$file")" '^the text of it$'
like "and names the target" "$(cat "$file")" '^target remote 0 far@else.test$'

# It is there after everything was killed.
queued_pid=$(semail_pid queued)
kill -9 "$queued_pid"
queued_is_new() { p=$(semail_pid queued) && [ -n "$p" ] && [ "$p" != "$queued_pid" ]; }
ok "queued is started again after kill -9" wait_for 20 queued_is_new
ok "the deferred message is still there" wait_for 20 is_deferred
done_testing
