/*
 * semail - the administrator's command.
 *
 * start, stop, status, reload and check are here; every other word is the
 * program semail-WORD beside semaild (queue, admin ...), run with the same
 * configuration file.
 */
#include "config.h"
#include "libcommon/conf.h"
#include "libcommon/io.h"
#include "libcommon/ipc.h"
#include "libcommon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL_MS 15000
#define START_MS 90000
#define STOP_MS 90000

static const char *conf_path = SYSCONFDIR "/semail/semail.conf";
static char libexec[4096];

static void
usage(void)
{
	fputs(
	    "usage: semail [-f file] command [argument ...]\n"
	    "  start            start everything\n"
	    "  stop             stop everything\n"
	    "  status [--json]  what runs, and its counters\n"
	    "  reload           take the changed configuration\n"
	    "  check            look for errors in the configuration\n"
	    "  queue ...        the mail queue: semail-queue(8)\n"
	    "  admin ...        domains and mailboxes: semail-admin(8)\n"
	    "  audit ...        what was changed: semail-admin(8)\n"
	    "  purge ...        delete what is older than its domain's days\n",
	    stderr);
	exit(64);
}

static void
complain(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

/* The folder of our daemons: beside us when we were moved as a whole. */
static void
find_libexec(void)
{
	char self[4000];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct stat st;
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
		snprintf(libexec, sizeof(libexec), "%s/../libexec/semail",
		    self);
		if (stat(libexec, &st) == 0)
			return;
	}
	snprintf(libexec, sizeof(libexec), "%s", ROLEDIR);
}

static struct conf *
read_conf(void)
{
	struct conf *conf = conf_read(conf_path, complain, NULL);

	if (conf == NULL)
		exit(78);
	return conf;
}

static void
socket_path(const struct conf *conf, char *path, size_t size)
{
	snprintf(path, size, "%s/ctl/semaild", conf_get(conf, "run-dir"));
}

/* Ask semaild; the type of its answer, or -1 with errno. */
static int
ask(const struct conf *conf, enum msg_type type, struct buf *answer)
{
	char path[4096];

	socket_path(conf, path, sizeof(path));
	return ipc_call(path, ROLE_MASTER, type, NULL, CALL_MS, answer, NULL);
}

static int
say_why(const char *what, int type, const struct buf *answer)
{
	char reason[201];
	enum fail why;

	if (type == MSG_FAIL &&
	    msg_fail_get(buf_span(answer), &why, reason) == 0) {
		fprintf(stderr, "semail: %s: %s\n", what, reason);
		return 1;
	}
	if (errno == ENOENT || errno == ECONNREFUSED) {
		fprintf(stderr, "semail: %s: semaild is not running\n", what);
		return 3;
	}
	fprintf(stderr, "semail: %s: %s\n", what, strerror(errno));
	return errno == EACCES ? 77 : 1;
}

/* ---- status --------------------------------------------------------------- */

struct row {
	char role[32], state[32];
	uint32_t instance, pid, restarts;
	uint64_t uptime_s;
	struct span stats;
};

static void
row_get(struct wire *w, struct row *r)
{
	wire_cstr(w, r->role, sizeof(r->role));
	r->instance = wire_u32(w);
	r->pid = wire_u32(w);
	wire_cstr(w, r->state, sizeof(r->state));
	r->restarts = wire_u32(w);
	r->uptime_s = wire_u64(w);
	r->stats = wire_bytes(w, IPC_MAX);
}

/* Names a daemon gave for its counters: no more than a name is printed. */
static void
print_stats(struct span stats, bool json)
{
	struct wire w;
	uint32_t n;

	wire_init(&w, stats);
	n = wire_u32(&w);
	for (uint32_t i = 0; i < n; i++) {
		char name[65];
		uint64_t v;

		wire_cstr(&w, name, sizeof(name));
		v = wire_u64(&w);
		if (w.bad)
			return;
		for (char *p = name; *p != '\0'; p++)
			if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-",
			        *p))
				*p = '_';
		if (json)
			printf("%s\"%s\":%llu", i > 0 ? "," : "", name,
			    (unsigned long long)v);
		else if (v != 0)
			printf(" %s=%llu", name, (unsigned long long)v);
	}
}

static int
cmd_status(bool json)
{
	struct conf *conf = read_conf();
	char version[64];
	struct buf answer;
	struct wire w;
	uint32_t n;
	int type, r = 0;

	buf_init(&answer, 2 * IPC_MAX);
	type = ask(conf, MSG_MASTER_STATUS, &answer);
	if (type != MSG_MASTER_STATUS_IS)
		return say_why("status", type, &answer);
	wire_init(&w, buf_span(&answer));
	wire_cstr(&w, version, sizeof(version));
	n = wire_u32(&w);
	if (json)
		printf("{\"version\":\"%s\",\"roles\":[", version);
	for (uint32_t i = 0; i < n && !w.bad; i++) {
		struct row row;

		row_get(&w, &row);
		if (w.bad)
			break;
		if (strcmp(row.state, "ready") != 0)
			r = 3;
		if (json) {
			printf("%s{\"role\":\"%s\",\"instance\":%u,\"pid\":%u,"
			       "\"state\":\"%s\",\"restarts\":%u,"
			       "\"uptime_s\":%llu,\"stats\":{",
			    i > 0 ? "," : "", row.role, row.instance, row.pid,
			    row.state, row.restarts,
			    (unsigned long long)row.uptime_s);
			print_stats(row.stats, true);
			printf("}}");
		} else {
			printf("%-10s %-8s pid=%-7u up=%llus restarts=%u",
			    row.role, row.state, row.pid,
			    (unsigned long long)row.uptime_s, row.restarts);
			print_stats(row.stats, false);
			printf("\n");
		}
	}
	if (json)
		printf("]}\n");
	buf_clear(&answer);
	conf_free(&conf);
	return r;
}

/* ---- start and stop ---------------------------------------------------------- */

static void
nap(void)
{
	struct timespec ts = { 0, 50 * 1000 * 1000 };

	nanosleep(&ts, NULL);
}

/* 1: all are ready; 0: not yet, waiting for not_ready; -1: no answer. */
static int
all_ready(const struct conf *conf, char not_ready[32])
{
	struct buf answer;
	char version[64];
	struct wire w;
	uint32_t n;
	int r = 1;

	buf_init(&answer, 2 * IPC_MAX);
	if (ask(conf, MSG_MASTER_STATUS, &answer) != MSG_MASTER_STATUS_IS) {
		buf_clear(&answer);
		return -1;
	}
	wire_init(&w, buf_span(&answer));
	wire_cstr(&w, version, sizeof(version));
	n = wire_u32(&w);
	for (uint32_t i = 0; i < n && !w.bad; i++) {
		struct row row;

		row_get(&w, &row);
		if (strcmp(row.state, "ready") != 0) {
			memcpy(not_ready, row.role, 32);
			r = 0;
		}
	}
	buf_clear(&answer);
	return r;
}

static int
cmd_start(void)
{
	struct conf *conf = read_conf();
	uint64_t until = io_now_ms() + START_MS;
	char path[4200], waits[32] = "semaild", before[32] = "";
	int status, r;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/semaild", libexec);
	if ((pid = fork()) == -1)
		fatal("fork");
	if (pid == 0) {
		execl(path, "semaild", "-f", conf_path, (char *)NULL);
		fatal("exec path=%s", path);
	}
	if (waitpid(pid, &status, 0) == -1 || !WIFEXITED(status))
		return 1;
	if (WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	while ((r = all_ready(conf, waits)) != 1) {
		if (r == -1 || io_now_ms() > until) {
			fprintf(stderr,
			    "semail: start: %s is not ready; see %s\n", waits,
			    conf_get(conf, "log-file"));
			return 1;
		}
		if (isatty(STDERR_FILENO) && strcmp(waits, before) != 0) {
			fprintf(stderr, "waiting for %s\n", waits);
			memcpy(before, waits, sizeof(before));
		}
		nap();
	}
	conf_free(&conf);
	return 0;
}

static int
cmd_stop(void)
{
	struct conf *conf = read_conf();
	uint64_t until = io_now_ms() + STOP_MS;
	char path[4096];
	struct buf answer;
	int type, fd;

	buf_init(&answer, 2 * IPC_MAX);
	type = ask(conf, MSG_MASTER_STOP, &answer);
	if (type != MSG_MASTER_OK) {
		int r = say_why("stop", type, &answer);

		return r == 3 ? 0 : r; /* not running is stopped */
	}
	buf_clear(&answer);
	snprintf(path, sizeof(path), "%s/semaild.pid",
	    conf_get(conf, "run-dir"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1) {
		if (io_now_ms() > until) {
			fprintf(stderr, "semail: stop: semaild still runs\n");
			return 1;
		}
		nap();
	}
	conf_free(&conf);
	return 0;
}

static int
cmd_reload(void)
{
	struct conf *conf = read_conf();
	struct buf answer;
	int type;

	buf_init(&answer, 2 * IPC_MAX);
	type = ask(conf, MSG_MASTER_RELOAD, &answer);
	conf_free(&conf);
	if (type != MSG_MASTER_OK)
		return say_why("reload", type, &answer);
	buf_clear(&answer);
	return 0;
}

/* Become another of our programs. */
static int
run_program(const char *name, int argc, char *argv[], bool own_flag)
{
	char path[4200];
	const char **args = calloc((size_t)argc + 4, sizeof(char *));
	int n = 0;

	snprintf(path, sizeof(path), "%s/%s", libexec, name);
	if (access(path, X_OK) == -1) {
		fprintf(stderr, "semail: there is no command %s\n", argv[0]);
		usage();
	}
	if (args == NULL)
		fatal("memory");
	args[n++] = path;
	args[n++] = "-f";
	args[n++] = conf_path;
	if (own_flag)
		args[n++] = "-n";
	for (int i = 1; i < argc; i++)
		args[n++] = argv[i];
	io_exec(path, args, NULL);
	fatal("exec path=%s", path);
}

/* Commands of semail-admin that people look for here. */
static const struct {
	const char *word;
	char *admin_word;
} of_admin[] = {
	{ "audit", (char[]){ "audit" } },
	{ "purge", (char[]){ "purge-all" } },
};

int
main(int argc, char *argv[])
{
	char name[128];
	int c;

	log_init("semail");
	find_libexec();
	while ((c = getopt(argc, argv, "+f:V")) != -1) {
		switch (c) {
		case 'f':
			conf_path = optarg;
			break;
		case 'V':
			printf("semail %s\n", PACKAGE_VERSION);
			return 0;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		usage();
	if (strcmp(argv[0], "start") == 0 && argc == 1)
		return cmd_start();
	if (strcmp(argv[0], "stop") == 0 && argc == 1)
		return cmd_stop();
	if (strcmp(argv[0], "reload") == 0 && argc == 1)
		return cmd_reload();
	if (strcmp(argv[0], "check") == 0 && argc == 1)
		return run_program("semaild", argc, argv, true);
	if (strcmp(argv[0], "status") == 0)
		return cmd_status(argc == 2 && strcmp(argv[1], "--json") == 0);
	if (strchr(argv[0], '/') != NULL || strlen(argv[0]) > 64)
		usage();
	for (size_t i = 0; i < nitems(of_admin); i++) {
		if (strcmp(argv[0], of_admin[i].word) != 0)
			continue;
		argv[0] = of_admin[i].admin_word;
		/* What stands before it is the program's name or an option. */
		return run_program("semail-admin", argc + 1, argv - 1, false);
	}
	snprintf(name, sizeof(name), "semail-%s", argv[0]);
	return run_program(name, argc, argv, false);
}
