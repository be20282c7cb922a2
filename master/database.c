/*
 * The private MariaDB: a server of our own on a Unix socket in admind's
 * folder, with a data folder under state-dir, run as semail-db.
 *
 * The data folder is made in db/new and renamed to db/data when it is whole,
 * so that a start that was cut short begins again.
 */
#include "config.h"
#include "libcommon/db.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool
database_is_private(const struct conf *conf)
{
	return strcmp(conf_get(conf, "database"), "private") == 0;
}

int
database_check(const struct conf *conf, const struct handover *ho,
    void (*complain)(void *, const char *), void *arg)
{
	static char text[512];
	struct db_where w;
	const char *why;

	if (database_is_private(conf))
		return 0;
	if (db_where_parse(ho_str(ho, "database"), &w) == -1) {
		snprintf(text, sizeof(text),
		    "%s: database is neither "
		    "\"private\" nor USER@HOST:PORT/NAME, where HOST is a "
		    "numeric address ([ ] around IPv6), more of them "
		    "follow as ,HOST:PORT, and NAME has letters, digits, _",
		    conf_where(conf, "database"));
		complain(arg, text);
		return -1;
	}
	if (db_where_tls(&w, ho_str(ho, "database-tls"),
	        ho_blob(ho, "database-ca-file"), &why) == -1) {
		snprintf(text, sizeof(text), "%s: %s",
		    conf_where(conf, "database"), why);
		complain(arg, text);
		return -1;
	}
	return 0;
}

static void
database_become(const struct master *m)
{
	gid_t groups[2] = { m->db_gid, m->admin_gid };

	if (!m->privileged)
		return;
	/* admind's group, to reach the folder its socket is made in. */
	if (setgroups(2, groups) == -1 ||
	    setresgid(m->db_gid, m->db_gid, m->db_gid) == -1 ||
	    setresuid(m->db_uid, m->db_uid, m->db_uid) == -1)
		fatal("database user");
}

static int
database_run(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == -1)
		return -1;
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO); /* why, if it fails */
		io_exec(argv[0], argv, NULL);
		fatal("exec path=%s", argv[0]);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return status == 0 ? 0 : -1;
}

static void
database_install(const struct master *m, const char *data, const char *fresh)
{
	char datadir[4200], authuser[64];
	const char *install[] = { "mariadb-install-db", "--no-defaults",
		datadir, "--auth-root-authentication-method=socket", authuser,
		"--skip-test-db",
		/* No look-up of the host's name: there may be no hosts file,
		 * and nobody comes by name. */
		"--force", NULL };
	char fresh_arg[4200];
	const char *wipe[] = { "rm", "-rf", "--", fresh_arg, NULL };
	const struct passwd *pw;
	const char *user = role_info(ROLE_ADMIND)->user;

	if (!m->privileged) {
		if ((pw = getpwuid(geteuid())) == NULL)
			fatalx("who runs this has no name uid=%ld",
			    (long)geteuid());
		user = pw->pw_name;
	}
	log_info("database first start, making path=%s", data);
	snprintf(datadir, sizeof(datadir), "--datadir=%s", fresh);
	snprintf(authuser, sizeof(authuser), "--auth-root-socket-user=%s",
	    user);
	snprintf(fresh_arg, sizeof(fresh_arg), "%s", fresh);
	if (database_run(wipe) == -1 || mkdir(fresh, 0700) == -1 ||
	    database_run(install) == -1)
		fatalx("database could not be made path=%s; is "
		       "mariadb-server installed?",
		    fresh);
	sync();
	if (rename(fresh, data) == -1)
		fatal("rename path=%s", data);
}

void
database_exec(const struct master *m)
{
	char data[4096], fresh[4096], sock[4096], tmp[4096];
	char datadir[4200], socket_arg[4200], pid_arg[4200];
	const char *argv[] = { "mariadbd", "--no-defaults", datadir, socket_arg,
		pid_arg, "--skip-networking", "--innodb-buffer-pool-size=16M",
		"--innodb-log-file-size=8M", "--innodb-log-buffer-size=1M",
		"--key-buffer-size=64K", "--performance-schema=OFF",
		"--max-connections=40", "--skip-log-bin",
		"--character-set-server=utf8mb4", "--skip-name-resolve", NULL };
	struct stat st;
	int null;

	if (master_path(m, "state-dir", "db/data", data, sizeof(data)) == -1 ||
	    master_path(m, "state-dir", "db/new", fresh, sizeof(fresh)) == -1 ||
	    master_path(m, "run-dir", "admind/db/sock", sock, sizeof(sock)) ==
	        -1)
		fatal("database path");
	if (strlen(sock) > 107)
		fatalx("run-dir is too long for a socket: path=%s", sock);
	database_become(m);
	/* It has no control channel that would tell it semaild is gone; and
	 * it forgets SIGTERM while it starts.  Its tables survive a kill. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal("prctl");
	/* Its messages go to our log, its output nowhere. */
	if ((null = open("/dev/null", O_RDWR)) == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1)
		fatal("/dev/null");
	setenv("PATH",
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	/* Not the TMPDIR of who started us, which may be closed to this user. */
	if (master_path(m, "state-dir", "db", tmp, sizeof(tmp)) == -1 ||
	    setenv("TMPDIR", tmp, 1) == -1)
		fatal("database path");
	umask(077);
	if (stat(data, &st) == -1)
		database_install(m, data, fresh);
	umask(022); /* who reaches the socket's folder may try */
	snprintf(datadir, sizeof(datadir), "--datadir=%s", data);
	snprintf(socket_arg, sizeof(socket_arg), "--socket=%s", sock);
	snprintf(pid_arg, sizeof(pid_arg), "--pid-file=%s/pid", data);
	io_exec(argv[0], argv, NULL);
	fatal("exec path=mariadbd; is mariadb-server installed?");
}
