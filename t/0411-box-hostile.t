#!/bin/sh
# The owner of a home does what he likes in it: nothing is followed out of it,
# nobody else's mail waits, and his own is kept until the folder is right.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "queue-retry-min 100ms" "queue-retry-max 300ms"
semail_start
newdom here.test
newbal eve@here.test secret-1 >/dev/null || exit 1
newbal ann@here.test secret-2 >/dev/null || exit 1
home=$T/state/mail/here.test/eve
uid=$(stat -c %u "$home")
as_eve() {
	if is_root; then
		setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@"
	else
		"$@"
	fi
}
mail_to() {
	curl -sS --crlf --mail-from a@b.test --mail-rcpt "$1@here.test" \
	    -T "$top_srcdir/t/data/one-message.txt" "smtp://127.0.0.1:$smtp_port"
}
mkdir "$T/target"
chmod 777 "$T/target"

as_eve ln -s "$T/target" "$home/Maildir"
ok "Maildir is a link: mail for eve" mail_to eve
waits() { semail queue list | grep -q eve@here.test; }
ok "it waits" wait_for 10 waits
ok "mail for ann" mail_to ann
ok "is not kept waiting" wait_for 10 has_mail ann@here.test 1
is "nothing went through the link" "$(ls "$T/target")" ""
as_eve rm "$home/Maildir"
ok "set right, it is delivered" wait_for 20 has_mail eve@here.test 1

as_eve sh -c "cd $home/Maildir && mv new was && ln -s $T/target new"
ok "new/ is a link: mail for eve" mail_to eve
ok "waits" wait_for 10 waits
is "nothing went through the link" "$(ls "$T/target")" ""
as_eve sh -c "cd $home/Maildir && rm new && mv was new"
ok "set right, it is delivered" wait_for 20 has_mail eve@here.test 2

as_eve sh -c "cd $home/Maildir/new && mkfifo 1.fifo.x && ln -s $T/semail.conf 2.link.x && mkdir 3.dir.x"
as_eve sh -c "cd $home && echo secret >s && ln s Maildir/cur/4.hard.x"
if is_root; then
	mknod "$home/Maildir/new/5.dev.x" c 1 5
fi
is "POP3 shows the two messages and nothing else" \
    "$(curl -sS --max-time 10 "pop3://127.0.0.1:$pop3_port/" -u eve@here.test:secret-1 | wc -l)" 2
ok "and more can be delivered" mail_to eve
ok "beside all that" wait_for 20 has_mail eve@here.test 3
as_eve sh -c "cd $home/Maildir && rm maildirsize && ln -s $T/target/x maildirsize"
ok "maildirsize is a link: mail for eve" mail_to eve
ok "is delivered" wait_for 20 has_mail eve@here.test 4
ok "and the link not followed" test ! -e "$T/target/x"
done_testing
