/*
 * spawnd_work_test - the whole spawnd: what admind has a mailbox's worker do,
 * settings and purges.
 */
#include "config.h"
#include "master/spawnd_peers.h"
#include "tap.h"

#include <event2/event.h>
#include <unistd.h>

static int
settings(uint32_t mailbox, const char *forward, const char *vacation)
{
	struct msg_settings m = { span_of(forward), span_of(vacation) };
	struct buf b;
	int r;

	buf_init(&b, 1 << 20);
	wire_put_u32(&b, mailbox);
	msg_settings_put(&b, &m);
	r = ask(admind, MSG_SPAWN_SETTINGS, &b, -1);
	buf_clear(&b);
	return r;
}

static bool
quota_is_shown(void)
{
	return strncmp(home_file("Maildir/maildirsize"), "7168S\n", 6) == 0;
}

static void
written(void)
{
	is_int(settings(5, "b@c.test,\\ann", "away"), MSG_SPAWN_OK,
	    "settings are written");
	is_str(home_file(".forward"), "b@c.test\n\\ann\n", "the forward");
	is_str(home_file(".vacation.msg"), "away", "the vacation text");
	is_int(settings(5, "|/bin/sh", ""), MSG_FAIL, "a program is refused");
	is_int(answer_fail, FAIL_BAD, "as bad");
	is_int(settings(5, "", ""), MSG_SPAWN_OK, "and erased");
	is_str(home_file(".forward"), "", "the forward");
	is_str(home_file(".vacation.msg"), "", "the vacation text");
	box.state = BOX_CREATING;
	is_int(settings(5, "b@c.test", ""), MSG_SPAWN_OK,
	    "also of a mailbox that is being created");
	is_int(purge(5, 0, false), MSG_FAIL, "which is not purged");
	box.state = BOX_DELETING;
	is_int(settings(5, "", ""), MSG_FAIL, "not of one that goes");
	is_int(answer_fail, FAIL_BAD, "which makes no sense");
	is_int(purge(5, 0, false), MSG_FAIL, "nor is that purged");
	box.state = BOX_ACTIVE;
}

/* A session has the worker: the same one does the work. */
static void
with_a_session(void)
{
	int one;

	put_message(1);
	put_message(2);
	is_int(attach(&one), MSG_SPAWN_OK, "a session");
	is_str(hear(one), "+OK 2 messages (40 octets)", "sees two messages");
	box.quota_kb = 7;
	is_int(settings(5, "b@c.test", ""), MSG_SPAWN_OK,
	    "settings with another quota");
	ok(daemon_wait(quota_is_shown), "the running worker learns of that");
	box.quota_kb = 0;
	put_message(3);
	is_int(purge(5, 0, true), MSG_SPAWN_PURGED, "a dry run");
	is_int((int)purged.messages, 3, "counts three");
	is_int((int)purged.bytes, 51, "and their bytes");
	is_int(purge(5, 1000000, false), MSG_SPAWN_PURGED,
	    "a purge of what is very old");
	is_int((int)purged.messages, 0, "finds nothing");
	is_int(purge(5, 0, false), MSG_SPAWN_PURGED, "one of all");
	is_int((int)purged.messages, 3, "finds three");
	if (write(one, "RETR 1\r\n", 8) != 8)
		abort();
	is_str(hear(one), "-ERR message is gone",
	    "the session is told that its message is gone");
	if (write(one, "QUIT\r\n", 6) != 6)
		abort();
	is_str(hear(one), "+OK bye", "and goes on");
	close(one);
}

/* A worker that is killed over it. */
static void
while_killed(void)
{
	for (unsigned n = 0; n < 8; n++) {
		struct msg_settings m = { span_of("b@c.test"),
			span_of(n % 2 ? "one" : "two") };
		struct buf b;

		buf_init(&b, 256);
		wire_put_u32(&b, 5);
		msg_settings_put(&b, &m);
		ask_only(admind, MSG_SPAWN_SETTINGS, &b, -1);
		buf_clear(&b);
		event_base_loop(daemon_base, EVLOOP_ONCE);
		say_revoked(5);
		daemon_wait(is_answered);
		if (answer != MSG_SPAWN_OK ||
		    strcmp(home_file(".vacation.msg"), n % 2 ? "one" : "two"))
			ok(false, "killed over settings, try %u: %d", n,
			    answer);
	}
	is_str(home_file(".vacation.msg"), "one",
	    "revoked meanwhile, settings are written all the same");
	is_int(settings(5, "", ""), MSG_SPAWN_OK, "erased");
}

int
main(int argc, char *argv[])
{
	(void)argc;
	peers_start(argv[0]);
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK,
	    "a mailbox has a home");
	written();
	with_a_session();
	while_killed();
	ok(peers_stop(), "it stops when told to");
	return done_testing();
}
