/*
 * admind - change the directory.
 *
 * Runs as   semail-admin in a chroot with the sockets of authd, spawnd and
 *           the private database.
 * Listens   to the semail command on a Unix socket: root and the group
 *           semail-admin only; to panels over TCP, on descriptors it was
 *           handed.
 * Talks to  MariaDB, of which it is the only writer; authd, which it feeds and
 *           asks about logins; spawnd, for homes; children that check
 *           and hash passwords.
 * Writes    the text files aliases, virtual and passwd, in a folder of its own.
 * Never     serves mail, and never touches a home itself.
 *
 * Calls to MariaDB block, with time-outs of some seconds: every request needs
 * the database, and mail and logins do not wait for this process.
 */
#include "config.h"
#include "admind/admind.h"
#include "admind/key.h"

#include "libcommon/accounts.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MS 250
#define LOOK_S 5
#define CA_FILE "database-ca.pem"

struct admind admind;
static struct event *opening, *looking;

static int
spawnd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "not for admind");
}

static const struct ipc_ops spawnd_ops = { .msg = spawnd_msg };

/* A change whose request did not wait to its end, a file that could not be
 * written, a change by another host's admind or by hand. */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	feeder_look();
	(void)exports_now();
}

/* The database may come up after us, and need its schema. */
static void
on_opening(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { 0, OPEN_MS * 1000 };
	static unsigned tries;
	static char told[400];

	(void)fd;
	(void)what;
	(void)arg;
	if (db_ready(admind.db) == -1 || dir_open(admind.db) == -1) {
		/* Ours is just starting; another reason is told, once. */
		if (++tries >= 4000 / OPEN_MS &&
		    strcmp(told, db_reason(admind.db)) != 0) {
			snprintf(told, sizeof(told), "%s",
			    db_reason(admind.db));
			log_warnx("database error=\"%s\"", told);
		}
		event_add(opening, &tv);
		return;
	}
	log_info("database open");
	admind.open = true;
	feeder_open();
	exports_open();
	job_recover();
	event_add(looking, &(struct timeval){ LOOK_S, 0 });
	hooks_kick();
}

/* The file's first line, without its end. */
static struct span
database_password(const struct handover *ho)
{
	struct span s = ho_blob(ho, "database-password-file");

	while (s.len > 0 &&
	    (s.data[s.len - 1] == '\n' || s.data[s.len - 1] == '\r'))
		s.len--;
	return s;
}

/* MariaDB's library takes the authority's certificate by path only, at each
 * connect: it goes into our folder, which root alone can change. */
static void
priv_put_ca(const struct proc *p, struct span pem)
{
	int dir = open(p->ho->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir == -1 || (unlinkat(dir, CA_FILE, 0) == -1 && errno != ENOENT) ||
	    (fd = openat(dir, CA_FILE,
	         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)) ==
	        -1 ||
	    io_write_all(fd, pem.data, pem.len) == -1 || fchmod(fd, 0644) == -1)
		fatal("path=%s/%s", p->ho->dir, CA_FILE);
	close(fd);
	close(dir);
}

/* As whom and where to call, found out while names can still be looked up. */
static void
where_is(struct proc *p, struct db_where *out)
{
	const char *setting = conf_str("database");
	struct span ca = conf_blob("database-ca-file");
	const struct passwd *pw;
	const char *why;

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
		fatalx("database is neither \"private\" nor "
		       "USER@HOST:PORT,.../NAME with numeric HOSTs");
	if (db_where_tls(out, conf_str("database-tls"), ca, &why) == -1)
		fatalx("%s", why);
	if (out->tls >= DB_TLS_VERIFY_CA)
		priv_put_ca(p, ca);
	snprintf(out->ca_file, sizeof(out->ca_file), CA_FILE);
}

static void
where_password(const struct proc *p, struct db_where *out)
{
	if (out->nhosts > 0 &&
	    span_copy(database_password(p->ho), out->password,
	        sizeof(out->password)) == -1)
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
	add(arg, "panels-refused", admind.panels_refused);
}

/* Where it is has been found out before our rights were given up. */
static int
admind_check(struct proc *p, struct handover *ho, char why[static 201])
{
	struct accounts *t;

	(void)p;
	if (!span_eq(ho_blob(ho, "database-ca-file"),
	        conf_blob("database-ca-file"))) {
		snprintf(why, 201, "another database-ca-file needs a restart");
		return -1;
	}
	if (database_password(ho).len >= DB_PASSWORD_MAX) {
		snprintf(why, 201, "database-password-file is too long");
		return -1;
	}
	if ((t = accounts_new(ho_blob(ho, "unix-accounts"))) == NULL) {
		snprintf(why, 201, "unix-accounts cannot be taken");
		return -1;
	}
	accounts_free(&t);
	return 0;
}

static void
take_accounts(void)
{
	accounts_free(&admind.accounts);
	admind.accounts = accounts_new(conf_blob("unix-accounts"));
	if (admind.accounts == NULL)
		fatal("unix-accounts");
}

static void
admind_reload(struct proc *p)
{
	take_accounts();
	exports_accounts();
	db_password(admind.db, database_password(p->ho));
	hooks_reload();
}

static const struct proc_ops ops = {
	.check = admind_check, .reload = admind_reload, .stats = admind_stats
};

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
	who_nursery(p); /* before there is anything a child should not see */
	key_start(conf_blob("admin-key"));
	where_password(p, &where);
	take_accounts();
	if ((admind.db = db_new(&where)) == NULL)
		fatalx("memory");
	feeder_start();
	exports_start();
	admind.spawnd = proc_connect(p, ROLE_SPAWND, &spawnd_ops, NULL);
	hooks_start();
	prune_start();
	who_start(p);
	panel_start();
	proc_confine(p,
	    CONFINE_ACCEPT | CONFINE_CONNECT | CONFINE_FILES |
	        (where.nhosts > 0 ? CONFINE_INET : 0) |
	        (where.tls >= DB_TLS_VERIFY_CA ? CONFINE_READ : 0));
	explicit_bzero(&where, sizeof(where));

	if ((opening = event_new(p->base, -1, 0, on_opening, NULL)) == NULL ||
	    (looking = event_new(p->base, -1, EV_PERSIST, on_look, NULL)) ==
	        NULL ||
	    event_add(opening, &now) == -1)
		fatalx("memory");
	return proc_loop(p);
}
