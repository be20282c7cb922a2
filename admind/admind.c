/*
 * admind - change the directory.
 *
 * Runs as   semail-admin in a chroot with the sockets of authd, spawnd and
 *           the private database.
 * Listens   to the semail command on a Unix socket: root and the group
 *           semail-admin only.
 * Talks to  MariaDB, of which it is the only writer; authd, which it feeds;
 *           spawnd, for homes.
 * Never     serves mail, and never touches a home itself.
 *
 * Calls to MariaDB block, with time-outs of some seconds: every request needs
 * the database, and mail and logins do not wait for this process.
 */
#include "config.h"
#include "admind/admind.h"
#include "admind/key.h"

#include "libcommon/handover.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <event2/event.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OPEN_MS 250

struct admind admind;
static struct event *opening;

static int
spawnd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "not for admind");
}

static const struct ipc_ops spawnd_ops = { .msg = spawnd_msg };

/* The database may come up after us, and need its schema. */
static void
on_opening(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { 0, OPEN_MS * 1000 };

	(void)fd;
	(void)what;
	(void)arg;
	if (db_ready(admind.db) == -1 || dir_open(admind.db) == -1) {
		log_debug("database error=\"%s\"", db_reason(admind.db));
		event_add(opening, &tv);
		return;
	}
	log_info("database open");
	admind.open = true;
	feeder_open();
	job_recover();
}

/* As whom and where to call, found out while names can still be looked up. */
static void
where_is(struct proc *p, struct db_where *out)
{
	const char *setting = conf_str("database");
	struct span secret = conf_blob("database-password-file");
	const struct passwd *pw;

	if (strcmp(setting, "private") == 0) {
		memset(out, 0, sizeof(*out));
		pw = getpwuid(p->privileged ? p->ho->uid : geteuid());
		if (pw == NULL)
			fatalx("who runs this has no name");
		snprintf(out->user, sizeof(out->user), "%s", pw->pw_name);
		snprintf(out->name, sizeof(out->name), "semail");
		snprintf(out->socket, sizeof(out->socket), "db/sock");
		return;
	}
	if (db_where_parse(setting, out) == -1)
		fatalx("database is neither \"private\" nor USER@HOST:PORT/NAME "
		    "with a numeric HOST");
	while (secret.len > 0 && (secret.data[secret.len - 1] == '\n' ||
	    secret.data[secret.len - 1] == '\r'))
		secret.len--;
	if (span_copy(secret, out->password, sizeof(out->password)) == -1)
		fatalx("database-password-file is too long");
}

static void
admind_stats(struct proc *p, void (*add)(void *, const char *, uint64_t),
    void *arg)
{
	(void)p;
	add(arg, "database-open", admind.open);
	add(arg, "authd-journal", feeder_journal());
	add(arg, "requests", admind.requests);
	add(arg, "requests-refused", admind.refused);
	add(arg, "requests-waiting", job_waiting());
}

/* The database is called before we give up our rights. */
static int
admind_check(struct proc *p, struct handover *ho, char why[static 201])
{
	(void)p;
	if (strcmp(ho_str(ho, "database"), conf_str("database")) == 0)
		return 0;
	snprintf(why, 201, "another database needs a restart");
	return -1;
}

static const struct proc_ops ops = { .check = admind_check,
	.stats = admind_stats };

int
main(int argc, char *argv[])
{
	struct proc *p = &admind.proc;
	struct db_where where;
	struct timeval now = { 0, 0 };

	proc_init(p, ROLE_ADMIND, &ops, argc, argv);
	where_is(p, &where);
	proc_drop(p);
	secret_init();
	key_start(conf_blob("admin-key"));
	if ((admind.db = db_new(&where)) == NULL)
		fatalx("memory");
	feeder_start(&where);
	admind.spawnd = proc_connect(p, ROLE_SPAWND, &spawnd_ops, NULL);
	panel_start();
	proc_confine(p, CONFINE_ACCEPT | CONFINE_CONNECT |
	    (where.host[0] != '\0' ? CONFINE_INET : 0));
	explicit_bzero(&where, sizeof(where));

	if ((opening = event_new(p->base, -1, 0, on_opening, NULL)) == NULL ||
	    event_add(opening, &now) == -1)
		fatalx("memory");
	return proc_loop(p);
}
