#!/bin/sh
# A mailbox that is being deleted: new mail for it is asked to wait, then
# refused; mail that was accepted before stays in the queue, with a plain reason.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "queue-retry-min 200ms" "queue-retry-max 1s"
semail_start
newdom here.test
newbal ann@here.test secret-1 >/dev/null || exit 1
newbal bob@here.test secret-2 >/dev/null || exit 1
rcpt() { # the reply to RCPT TO:<ann@here.test>
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die;
		<$s>;
		for my $c ("HELO x", "MAIL FROM:<s\@x.test>", "RCPT TO:<ann\@here.test>") {
			print $s "$c\r\n";
			$r = <$s>;
		}
		print $r' "$smtp_port"
}
says() { rcpt | grep -q "^$1"; }
ok "mail for ann is taken" says 250
# Nothing can be delivered to her now.
as_owner ann@here.test sh -c 'rm -rf Maildir; ln -s was Maildir'
curl -sS --crlf --mail-from s@x.test --mail-rcpt ann@here.test \
    -T "$top_srcdir/t/data/one-message.txt" "smtp://127.0.0.1:$smtp_port"
waits() { semail queue list | grep -q "$1"; }
ok "and waits" wait_for 20 waits ann@here.test
# The home goes only when spawnd can be had again.
spawnd=$(semail_pid spawnd)
kill -STOP "$spawnd"
semail admin delbal ann@here.test >"$T/delbal" 2>&1 &
delbal=$!
remember "$delbal"
ok "while she is being deleted, mail for her is asked to wait" wait_for 20 says 451
ok "hers in the queue waits, too" waits ann@here.test
kill -CONT "$spawnd"
wait "$delbal"
ok "gone: mail for her is refused" wait_for 20 says 550
gone() { test ! -e "$(home ann@here.test)"; }
ok "with her home" wait_for 20 gone
ok "what was accepted stays, with why" wait_for 20 waits '5.1.1 no such mailbox'
curl -sS --crlf --mail-from s@x.test --mail-rcpt bob@here.test \
    -T "$top_srcdir/t/data/one-message.txt" "smtp://127.0.0.1:$smtp_port"
ok "others have their mail" wait_for 20 has_mail bob@here.test 1
done_testing
