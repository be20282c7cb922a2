#include "config.h"
#include "admind/dir_test.h"

#include "libcommon/io.h"

#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], sock[80], data[80], me[64];
static pid_t server;

const struct dir_who testdb_admin = { .name = "test", .origin = "unix" };

static pid_t
run(const char *const argv[])
{
	pid_t pid = fork();
	char said[80];
	int null, out;

	if (pid != 0)
		return pid;
	setenv("PATH",
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin",
	    1);
	snprintf(said, sizeof(said), "%s/said", dir);
	out = open(said, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if ((null = open("/dev/null", O_RDWR)) != -1 && out != -1) {
		dup2(null, 0);
		dup2(out, 1);
		dup2(out, 2);
	}
	io_exec(argv[0], argv, NULL);
	_exit(127);
}

/* What MariaDB said, for who reads why a test failed. */
static void
tell(void)
{
	char said[80], line[400];
	FILE *f;

	snprintf(said, sizeof(said), "%s/said", dir);
	if ((f = fopen(said, "r")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		fprintf(stderr, "# %s", line);
	fclose(f);
}

static int
server_install(void)
{
	char datadir[100], user[80], socket_user[100];
	const char *argv[] = { "mariadb-install-db", "--no-defaults", datadir,
		user, "--auth-root-authentication-method=socket", socket_user,
		"--skip-test-db", NULL };
	int status;

	snprintf(datadir, sizeof(datadir), "--datadir=%s", data);
	snprintf(user, sizeof(user), "--user=%s", me);
	snprintf(socket_user, sizeof(socket_user), "--auth-root-socket-user=%s",
	    me);
	waitpid(run(argv), &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void
server_start(void)
{
	char datadir[100], user[80], socket_arg[100];
	const char *argv[] = { "mariadbd", "--no-defaults", user, datadir,
		socket_arg, "--skip-networking", "--innodb-buffer-pool-size=8M",
		"--innodb-log-file-size=4M", "--key-buffer-size=64K",
		"--performance-schema=OFF", "--max-connections=20",
		"--skip-log-bin", "--character-set-server=utf8mb4", NULL };

	snprintf(user, sizeof(user), "--user=%s", me);
	snprintf(datadir, sizeof(datadir), "--datadir=%s", data);
	snprintf(socket_arg, sizeof(socket_arg), "--socket=%s", sock);
	server = run(argv);
}

static void
server_stop(int sig)
{
	kill(server, sig);
	waitpid(server, NULL, 0);
}

void
testdb_kill(void)
{
	server_stop(SIGKILL);
}

void
testdb_again(void)
{
	server_start();
}

bool
testdb_is_there(void)
{
	return access(sock, F_OK) == 0;
}

int
testdb_start(const char *name)
{
	const struct passwd *pw = getpwuid(geteuid());
	int status;

	snprintf(dir, sizeof(dir), "/tmp/semail-%s.XXXXXX", name);
	if (pw == NULL || mkdtemp(dir) == NULL)
		return -1;
	snprintf(me, sizeof(me), "%s", pw->pw_name);
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(data, sizeof(data), "%s/data", dir);
	if ((status = server_install()) != 0 && status != 127) {
		tell(); /* seen on a machine with much else to do */
		snprintf(data, sizeof(data), "%s/data.2", dir);
		status = server_install();
	}
	if (status != 0) {
		tell();
		testdb_end();
		return status == 127 ? 0 : -1;
	}
	server_start();
	return 1;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
testdb_end(void)
{
	if (server > 0)
		server_stop(SIGTERM);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct db *
testdb_client_at(const char *socket_path)
{
	struct db_where w = { .name = "semail" };

	snprintf(w.user, sizeof(w.user), "%s", me);
	snprintf(w.socket, sizeof(w.socket), "%s", socket_path);
	return db_new(&w);
}

struct db *
testdb_client(void)
{
	return testdb_client_at(sock);
}

const char *
testdb_socket(void)
{
	return sock;
}

bool
testdb_wait(struct db *db)
{
	for (int i = 0; i < 600; i++) {
		if (db_ready(db) == 0)
			return true;
		if (waitpid(server, NULL, WNOHANG) == server)
			server_start(); /* it could not; once more */
		usleep(50000);          /* until the server listens */
	}
	tell();
	return false;
}

uint64_t
testdb_number(struct db *db, const char *sql)
{
	struct db_rows r;
	uint64_t n = ~0ull;

	if (db_query(db, &r, sql, NULL, 0) == 0 && db_next(&r))
		n = db_column_u64(&r, 0);
	db_rows_clear(&r);
	return n;
}

const char *
testdb_text(struct db *db, const char *sql)
{
	static char text[4096];
	struct db_rows r;

	snprintf(text, sizeof(text), "(none)");
	if (db_query(db, &r, sql, NULL, 0) == 0 && db_next(&r) &&
	    span_copy(r.column[0], text, sizeof(text)) == -1)
		snprintf(text, sizeof(text), "(too long)");
	db_rows_clear(&r);
	return text;
}

bool
testdb_journal_is_whole(struct db *db)
{
	return testdb_number(db,
	           "SELECT COUNT(*) = MAX(Jo_Numero) AND "
	           "MAX(Jo_Numero) = (SELECT Co_Valeur FROM Compteur WHERE Co_Nom = "
	           "'journal') FROM Journal") == 1;
}
