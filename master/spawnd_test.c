/*
 * spawnd_test - the daemon itself with real workers, over its real sockets:
 * homes are made and removed, of whom authd says so.
 */
#include "config.h"
#include "master/spawnd_peers.h"
#include "tap.h"

#include <unistd.h>

static void
homes(void)
{
	static const struct {
		const char *name;
		uint32_t uid;
		const char *domain, *login;
	} rows[] = {
		{ "a uid below the range", 1899999999, "x.test", "eve" },
		{ "a uid above it", 2000000000, "x.test", "eve" },
		{ "a system user's uid", 1000, "x.test", "eve" },
		{ "a domain that is a path", UID, "../x", "eve" },
		{ "a domain with a dot first", UID, ".removed", "eve" },
		{ "a login that is a path", UID, "x.test", "a/b" },
		{ "an empty login", UID, "x.test", "" },
	};
	struct msg_box good = box;
	char path[256];

	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK,
	    "a home is made");
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK, "again");
	snprintf(path, sizeof(path), "%s/x.test/ann", daemon_dir);
	is_int(access(path, X_OK), 0, "it is there");
	for (size_t i = 0; i < nitems(rows); i++) {
		box.uid = rows[i].uid;
		snprintf(box.domain, sizeof(box.domain), "%s", rows[i].domain);
		snprintf(box.login, sizeof(box.login), "%s", rows[i].login);
		daemon_wait(all_up);
		is_int(ask_number(admind, MSG_SPAWN_HOME, 6), MSG_FAIL,
		    "%s is refused", rows[i].name);
	}
	box = good;
	daemon_wait(all_up);
	authd_says = SAY_OTHER;
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_FAIL,
	    "an answer about another mailbox is refused");
	authd_says = SAY_BOX;
	box.state = BOX_DELETING;
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_FAIL,
	    "no home for a mailbox that is being deleted");
	box.state = BOX_ACTIVE;
	is_int(ask_number(admind, MSG_SPAWN_REMOVE, 5), MSG_FAIL,
	    "an active mailbox's home is not removed");
	is_int(access(path, X_OK), 0, "it is still there");
}

static void
removal(void)
{
	char path[256];

	box.state = BOX_DELETING;
	is_int(ask_number(admind, MSG_SPAWN_REMOVE, 5), MSG_SPAWN_OK,
	    "the home is removed");
	snprintf(path, sizeof(path), "%s/x.test/ann", daemon_dir);
	is_int(access(path, F_OK), -1, "it is gone");
	is_int(ask_number(admind, MSG_SPAWN_REMOVE, 5), MSG_SPAWN_OK, "again");
	box.state = BOX_ACTIVE;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_FAIL,
	    "without a home there is no worker");
}

/* Nonsense costs the caller its channel, and only that. */
static bool
pop3d_refused(void)
{
	return npop3d_gone > 0;
}

static void
nonsense(void)
{
	struct buf b;

	buf_init(&b, 64);
	buf_puts(&b, "too short");
	ask_only(pop3d, MSG_SPAWN_ATTACH, &b, dup(STDERR_FILENO));
	buf_clear(&b);
	ok(daemon_wait(pop3d_refused),
	    "a malformed request closes the channel");
	ok(daemon_wait(all_up), "which may be opened again");
}

int
main(int argc, char *argv[])
{
	(void)argc;
	peers_start(argv[0]);
	ok(all_up(), "spawnd serves");
	homes();
	removal();
	nonsense();
	ok(peers_stop(), "it stops when told to");
	return done_testing();
}
