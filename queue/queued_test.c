/*
 * queued_test - the daemon itself, over its real sockets: mail comes in, is
 * handed out, tried again, and survives kill -9.
 */
#include "config.h"
#include "queue/queued_peers.h"
#include "tap.h"

#include <signal.h>
#include <sys/wait.h>

static void
simple(void)
{
	submit_hello();
	want_accepted = want_delivered = 1;
	ok(daemon_wait(all_there), "a message is accepted and handed out");
	is_int((int64_t)last.queue_id, (int64_t)last_id, "under its id");
	is_int(last.mailbox, 4, "for its mailbox");
	is_int(last.again, 0, "for the first time");
	is_str(last_rcpt, "b@x.test", "with its recipient");
	ok(memcmp(last_body, "hello\r\n", 7) == 0, "and its body");

	submit("b@x.test", 4, "also-b@x.test", 4, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered++;
	ok(daemon_wait(all_there), "two addresses of one mailbox");
	syncs(); /* a turn of the daemon */
	is_int(ndelivered, want_delivered, "are one delivery");

	submit("c@x.test", 0, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered++;
	ok(daemon_wait(all_there), "without a grant");
	is_int(nasked, 1, "authd is asked");
	is_int(last.mailbox, 9, "and believed");
}

static void
group(void)
{
	uint64_t before = syncs();

	for (int i = 0; i < 50; i++)
		submit_hello();
	want_accepted += 50;
	want_delivered += 50;
	ok(daemon_wait(all_there), "fifty at once");
	ok(syncs() - before < 20, "share their syncs");
}

static bool
remote_is_listed(void)
{
	return is_listed("4.4.0 remote delivery is not there yet");
}

static bool
tried_twice(void)
{
	return ndelivered >= want_delivered + 2;
}

static bool
delivered_again(void)
{
	return ndelivered > want_delivered && local_says == SAY_OK &&
	    last.again == 1;
}

static void
retry(void)
{
	unsigned before;

	local_says = SAY_TEMP;
	submit("b@x.test", 4, NULL, 0, "later\r\n", 0, 7);
	want_accepted++;
	ok(daemon_wait(full_is_listed), "a failed one is deferred and listed");
	ok(daemon_wait(tried_twice), "and tried again");
	before = want_delivered = ndelivered;
	local_says = SAY_OK;
	ok(daemon_wait(delivered_again), "until it is delivered");
	ok(memcmp(last_body, "later\r\n", 7) == 0, "whole");
	syncs();
	is_int(ndelivered, before + 1, "once");
	ok(!full_is_listed(), "and gone from the list");
	want_delivered = ndelivered;

	submit("far@else.test", 0, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	ok(daemon_wait(remote_is_listed), "mail for elsewhere stays, with why");
}

/* Whoever had it went away: given again at once, but not for ever. */
static void
again(void)
{
	unsigned before = ndelivered;

	local_says = SAY_AGAIN;
	submit("b@x.test", 4, NULL, 0, "again\r\n", 0, 7);
	want_accepted++;
	ok(daemon_wait(full_is_listed), "lost every time, it is deferred");
	ok(ndelivered >= before + 3 && last.again == 1,
	    "after three attempts without a pause");
	want_delivered = ndelivered;
	local_says = SAY_OK;
	ok(daemon_wait(delivered_again), "and delivered later");
	syncs();
	want_delivered = ndelivered;
}

static void
killed(void)
{
	local_says = SAY_NOTHING;
	submit("b@x.test", 4, NULL, 0, "kill me\r\n", 0, 9);
	want_accepted++;
	want_delivered++;
	ok(daemon_wait(all_there), "handed out, not answered");
	daemon_stop(SIGKILL);
	local_says = SAY_OK;
	queued_start();
	ok(daemon_wait(delivered_again), "after kill -9 it comes again");
	ok(memcmp(last_body, "kill me\r\n", 9) == 0, "whole");
	ok(remote_is_listed(), "the deferred one is there");
	want_delivered = ndelivered;
}

static bool
smtpd_was_cut(void)
{
	return nsmtpd_gone > 0 && ipc_is_up(smtpd);
}

static void
nonsense(void)
{
	nsmtpd_gone = 0;
	submit_nonsense();
	ok(daemon_wait(smtpd_was_cut), "nonsense costs the channel");
	submit_hello();
	want_accepted++;
	want_delivered++;
	ok(daemon_wait(all_there), "and not the daemon");
}

int
main(int argc, char *argv[])
{
	int status;

	(void)argc;
	peers_start(argv[0]);
	simple();
	group();
	retry();
	again();
	killed();
	nonsense();
	status = queued_stop();
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a clean stop");
	daemon_end();
	return done_testing();
}
