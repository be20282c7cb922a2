/*
 * queued_limits_test - the whole queued with more than it can hold: many
 * thousands of recipients, a log nobody empties.
 */
#include "config.h"
#include "queue/queued_peers.h"
#include "libcommon/msg_auth.h"
#include "tap.h"

#include <event2/event.h>
#include <sys/wait.h>

static bool
too_many_is_listed(void)
{
	return is_listed("4.3.0 trouble with the recipient's targets");
}

/* What 60 lists of a thousand say is more than a batch of the log, and more
 * than one message may hold. */
static void
lists(void)
{
	submit_lists(60);
	want_accepted++;
	want_delivered += TARGETS_MAX;
	ok(daemon_wait(all_there), "each member of many lists has it once");
	ok(daemon_wait(too_many_is_listed), "what is too much waits, with why");
	syncs();
	is_int(ndelivered, want_delivered, "and nobody has it twice");
	submit_hello();
	want_accepted++;
	want_delivered++;
	ok(daemon_wait(all_there), "others are delivered as before");
}

/* Nobody fetches: the log is emptied into files, all comes in the end. */
static void
relief(void)
{
	char body[4000];

	memset(body, 'x', sizeof(body));
	nrefused = 0;
	local_is_away = true;
	ipc_close(local);
	for (int i = 0; i < 3000; i++) {
		submit("b@x.test", 4, NULL, 0, body, 0, sizeof(body));
		want_accepted++;
		/* Fewer at once than a turn moves to files (64): a log that
		 * fills faster refuses mail, rightly. */
		while (naccepted + 40 < want_accepted && nrefused == 0)
			event_base_loop(daemon_base, EVLOOP_ONCE);
		ipc_close(local);
	}
	want_delivered += 3000;
	local_is_away = false;
	ipc_close(local);
	/* Through 3000 files, on a disk that others use: it may take long. */
	ok(daemon_wait(all_there) || daemon_wait(all_there) ||
	        daemon_wait(all_there),
	    "12 MB for a log of 8 while local is away, and then delivered");
	is_int(nrefused, 0, "none refused");
}

int
main(int argc, char *argv[])
{
	int status;

	(void)argc;
	peers_start(argv[0]);
	lists();
	relief();
	status = queued_stop();
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a clean stop");
	daemon_end();
	return done_testing();
}
