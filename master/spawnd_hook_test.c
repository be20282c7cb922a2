/*
 * spawnd_hook_test - the whole spawnd: it runs hooks for admind.
 */
#include "config.h"
#include "master/spawnd_peers.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

/* A request for a hook; as bytes, so that they may be wrong. */
static int
ask_hook(const char *hook, const char *name, const char *value, bool wait)
{
	struct buf b;
	int r = 0;

	buf_init(&b, 4096);
	wire_put_str(&b, hook);
	wire_put_u32(&b, 3);
	wire_put_str(&b, "SEMAIL_DOMAIN");
	wire_put_str(&b, "x.test");
	wire_put_str(&b, "SEMAIL_AUDIT_ID");
	wire_put_str(&b, "12");
	wire_put_str(&b, name);
	wire_put_str(&b, value);
	if (wait)
		r = ask(admind, MSG_SPAWN_HOOK, &b, -1);
	else
		ask_only(admind, MSG_SPAWN_HOOK, &b, -1);
	buf_clear(&b);
	return r;
}

static void
put_hook(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/hooks/%s", daemon_dir, name);
	if ((f = fopen(path, "w")) == NULL || fputs(text, f) == EOF ||
	    fclose(f) == EOF || chmod(path, 0755) == -1)
		abort();
}

static void
hooks(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/hooks", daemon_dir);
	if (chmod(daemon_dir, 0711) == -1 || mkdir(path, 0755) == -1 ||
	    chmod(path, 0755) == -1)
		abort();
	put_hook("mailbox-new",
	    "#!/bin/sh\necho \"$SEMAIL_HOOK $SEMAIL_HOME "
	    "$SEMAIL_MAILBOX $SEMAIL_WHO $HOME $LANG\"; exit 5\n");
	put_hook("mailbox-mod", "#!/bin/sh\nsleep 1\n");
	is_int(ask_hook("mailbox-new", "SEMAIL_MAILBOX", "ann", true),
	    MSG_SPAWN_HOOKED, "a hook");
	is_int((int)hooked, 5, "its exit status");
	is_str(said, "mailbox-new /state/mail/x.test/ann ann  / C.UTF-8",
	    "what it was told");
	ask_hook("mailbox-new", "SEMAIL_WHO", "$(id) `id` ;", true);
	is_str(said, "mailbox-new   $(id) `id` ; / C.UTF-8",
	    "values are values; no mailbox, no home");
	ask_hook("mailbox-new", "SEMAIL_MAILBOX", "../../etc", true);
	is_str(said, "mailbox-new  ../../etc  / C.UTF-8",
	    "a name that makes no path makes no home");
	is_int(ask_hook("mailbox-del", "SEMAIL_MAILBOX", "ann", true),
	    MSG_SPAWN_HOOKED, "one that is not there");
	is_int((int)hooked, HOOK_MISSING, "says so");
	ask_hook("mailbox-mod", "SEMAIL_MAILBOX", "ann", false);
	is_int(ask_hook("mailbox-new", "SEMAIL_MAILBOX", "ann", true), MSG_FAIL,
	    "one at a time");
	is_int(answer_fail, FAIL_BUSY, "later");
	answer = -1;
	daemon_wait(is_answered);
	is_int(answer, MSG_SPAWN_HOOKED, "the first goes on");

	is_int(ask_hook("../mailbox-new", "SEMAIL_MAILBOX", "ann", true),
	    MSG__COUNT, "a path is no name: the channel is closed");
	daemon_wait(all_up);
	is_int(ask_hook("mailbox-new", "LD_PRELOAD", "/tmp/x", true),
	    MSG__COUNT, "nor is any variable");
	daemon_wait(all_up);
	is_int(ask_hook("mailbox-new", "SEMAIL_MAILBOX", "a\nb", true),
	    MSG__COUNT, "nor any value");
	ok(daemon_wait(all_up), "and spawnd lives");
}

int
main(int argc, char *argv[])
{
	(void)argc;
	peers_start(argv[0]);
	ok(all_up(), "spawnd serves");
	hooks();
	ok(peers_stop(), "it stops when told to");
	return done_testing();
}
