/*
 * semaild - bring SEMail up, keep it up, take it down.
 *
 * Runs as   root (or as whoever started it: then everything does, on loopback
 *           only).
 * Listens   on run-dir/ctl/semaild for the semail command.  All other sockets,
 *           Internet and internal, it only binds and hands over; it keeps them
 *           open, so that a daemon's death loses no connection in the queue.
 * Talks to  its children on their control sockets.
 * Never     reads a byte from the network, or a log line.
 */
#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"
#include "master/master.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct master master;
static int report_fd = -1; /* to the command that started us */

static void
usage(void)
{
	fputs("usage: semaild [-dnV] [-f file] [-o role[,role...]]\n", stderr);
	exit(64);
}

static void
complain(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

/* A setting may go to several roles: what is wrong with it is told once. */
static void
complain_once(void *arg, const char *text)
{
	struct buf *told = arg;
	size_t n = strlen(text) + 1;

	if (told->len > 0 && memmem(told->data, told->len, text, n) != NULL)
		return;
	buf_put(told, text, n);
	complain(NULL, text);
}

static void
find_libexec(struct master *m)
{
	ssize_t n = readlink("/proc/self/exe", m->libexec,
	    sizeof(m->libexec) - 1);
	char *slash;

	if (n <= 0)
		fatal("/proc/self/exe");
	m->libexec[n] = '\0';
	if ((slash = strrchr(m->libexec, '/')) != NULL)
		*slash = '\0';
}

static uint32_t
parse_roles(char *list)
{
	uint32_t set = 0;
	char *name;
	enum role r;

	while ((name = strsep(&list, ",")) != NULL) {
		if (role_by_name(name, &r) == -1 || role_info(r) == NULL) {
			fprintf(stderr, "semaild: there is no role %s\n", name);
			exit(64);
		}
		set |= 1u << r;
	}
	return set;
}

/* One semaild a run-dir; its pid for who asks. */
static int
lock_pid(struct master *m)
{
	char path[4096], pid[32];
	int fd, n;

	if (master_path(m, "run-dir", "semaild.pid", path, sizeof(path)) == -1)
		fatal("run-dir");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		fatal("open path=%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		fprintf(stderr, "semaild is running already (%s is locked)\n",
		    path);
		exit(75);
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == -1 || pwrite(fd, pid, (size_t)n, 0) != n)
		fatal("write path=%s", path);
	return fd;
}

static void
open_log(struct master *m)
{
	const char *path = conf_get(m->conf, "log-file");

	if (m->debug) {
		m->log_fd = -1;
		return;
	}
	m->log_fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (m->log_fd == -1)
		fatal("log-file path=%s", path);
}

/* The parent waits for one byte: all is bound and started. */
static void
daemonize(void)
{
	int p[2], status;
	char byte;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		fatal("start");
	if (pid > 0) {
		close(p[1]);
		if (read(p[0], &byte, 1) == 1)
			_exit(0);
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
			_exit(WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
		_exit(1);
	}
	close(p[0]);
	report_fd = p[1];
	if (setsid() == -1 || chdir("/") == -1)
		fatal("start");
}

static void
daemonized(struct master *m)
{
	int null;

	if (m->log_fd != -1 && dup2(m->log_fd, STDERR_FILENO) == -1)
		fatal("log");
	if (report_fd == -1)
		return;
	if ((null = open("/dev/null", O_RDWR)) == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1)
		fatal("/dev/null");
	if (null > 2)
		close(null);
	if (write(report_fd, "1", 1) != 1)
		log_warn("report");
	close(report_fd);
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct master *m = arg;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < m->nchildren; i++)
			if (m->children[i].pid == pid)
				child_ended(&m->children[i], status);
}

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	master_stop(arg);
}

static void
reload_logged(void *arg, const char *why)
{
	(void)arg; /* master_reload() has logged it */
	(void)why;
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	master_reload(arg, reload_logged, NULL);
}

static void
add_signal(struct master *m, int sig, event_callback_fn fn)
{
	struct event *ev = evsignal_new(m->base, sig, fn, m);

	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("signal");
}

/* Each role's part is made once, as its start would: then a missing key file
 * is found by check and not by the daemon. */
static int
check_parts(struct master *m)
{
	static struct child c;
	struct buf told;
	int r = 0;

	buf_init(&told, 1024 * 1024);

	for (size_t i = 0; i < nrole_infos; i++) {
		struct handover *ho;

		c.master = m;
		c.info = &role_infos[i];
		c.instances = 1;
		for (unsigned k = 0; k < ROLE__COUNT; k++)
			m->ctl_fd[k] = -1;
		ho = child_handover(&c, m->conf, m->certs, complain_once,
		    &told);
		if (ho == NULL)
			r = -1;
		ho_free(&ho);
	}
	buf_clear(&told);
	return r;
}

static void
raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max > 65536 ? 65536 : rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

int
main(int argc, char *argv[])
{
	struct master *m = &master;
	bool check = false;
	int c, lock;

	log_init("semaild");
	m->conf_path = SYSCONFDIR "/semail/semail.conf";
	m->log_fd = -1;
	while ((c = getopt(argc, argv, "df:no:V")) != -1) {
		switch (c) {
		case 'd':
			m->debug = true;
			break;
		case 'f':
			m->conf_path = optarg;
			break;
		case 'n':
			check = true;
			break;
		case 'o':
			m->only = parse_roles(optarg);
			break;
		case 'V':
			printf("semaild %s\n", PACKAGE_VERSION);
			return 0;
		default:
			usage();
		}
	}
	if (argc != optind)
		usage();
	umask(022);
	find_libexec(m);
	m->privileged = geteuid() == 0;
	/* It is read again at a reload, from another folder. */
	if ((m->conf = conf_read(m->conf_path, complain, NULL)) == NULL)
		return 78;
	if ((m->conf_path = realpath(m->conf_path, NULL)) == NULL)
		fatal("configuration");
	secret_init();
	m->certs = certs_read(m->conf, complain, complain, NULL);
	if (m->certs == NULL)
		return 78;
	if (master_users(m, complain, NULL) == -1 ||
	    master_key_read(m, complain, NULL) == -1 || check_parts(m) == -1)
		return 78;
	if (check) {
		printf("%s: good\n", m->conf_path);
		return 0;
	}
	if (getrandom(m->grant_key, sizeof(m->grant_key), 0) !=
	    sizeof(m->grant_key))
		fatal("getrandom");
	log_set_debug(m->debug);
	raise_files();
	if (!m->debug)
		daemonize();
	if (!m->privileged)
		log_info("without root: everything runs as uid=%ld, on "
		         "loopback only",
		    (long)geteuid());
	if (master_folders(m) == -1)
		return 73;
	lock = lock_pid(m);
	if (master_key_make(m) == -1)
		return 73;
	if (master_listen(m) == -1 || master_edges(m) == -1 ||
	    master_key_publish(m) == -1)
		return 71;
	open_log(m);
	signal(SIGPIPE, SIG_IGN);
	if ((m->base = event_base_new()) == NULL)
		fatalx("event base");
	add_signal(m, SIGCHLD, on_child);
	add_signal(m, SIGTERM, on_stop);
	add_signal(m, SIGINT, on_stop);
	add_signal(m, SIGHUP, on_hup);
	master_ctl_listen(m);
	master_add_children(m);
	certs_watch(m);
	daemonized(m);
	log_info("starting version=%s", PACKAGE_VERSION);
	for (unsigned i = 0; i < m->nchildren; i++)
		child_start(&m->children[i]);
	event_base_dispatch(m->base);
	log_info("stopped");
	close(lock);
	return 0;
}
