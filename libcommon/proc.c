#include "config.h"
#include "libcommon/proc.h"
#include "libcommon/confine.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FD_CONTROL 3
#define FD_CONF 4

static struct handover *current;

/*
 * Address space each role may use, self-imposed so that a bug or an attack
 * that eats memory ends one process and not the machine.  authd maps its
 * store (up to 16 GiB of file, not memory) and lifts its own limit for it.
 */
static const uint64_t as_limit[ROLE__COUNT] = {
	[ROLE_SMTPD] = 1ull << 30,
	[ROLE_POP3D] = 1ull << 30,
	[ROLE_LOCAL] = 1ull << 30,
	[ROLE_QUEUED] = 4ull << 30,
	[ROLE_ADMIND] = 1ull << 30,
	[ROLE_AUTHD] = 24ull << 30,
	[ROLE_SPAWND] = 1ull << 30,
};

const char *
conf_str(const char *name)
{
	return ho_str(current, name);
}

uint64_t
conf_num(const char *name)
{
	return ho_num(current, name);
}

bool
conf_flag(const char *name)
{
	return ho_flag(current, name);
}

struct span
conf_blob(const char *name)
{
	return ho_blob(current, name);
}

/* -d: let semaild prepare our handover and run us alone. */
static void
proc_run_alone(enum role role, const char *conf_path)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	char *slash;

	if (n == -1)
		fatal("/proc/self/exe");
	path[n] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash + 1, "semaild", sizeof("semaild"));
	if (conf_path != NULL)
		execl(path, "semaild", "-d", "-o", role_name(role), "-f",
		    conf_path, (char *)NULL);
	else
		execl(path, "semaild", "-d", "-o", role_name(role),
		    (char *)NULL);
	fatal("exec path=%s", path);
}

static struct handover *
proc_read_handover(int fd)
{
	struct handover *ho = NULL;
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (st.st_size <= 0 || st.st_size > HO_MAX) {
		errno = EBADMSG;
		return NULL;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	ho = ho_get(span_from(p, (size_t)st.st_size));
	munmap(p, (size_t)st.st_size);
	return ho;
}

static void
proc_usage(enum role role)
{
	fprintf(stderr,
	    "usage: semail-%s [-dV] [-f file]\n"
	    "semaild starts this program; -d runs it alone in the "
	    "foreground.\n",
	    role_name(role));
	exit(64);
}

/* ---- semaild talks to us ------------------------------------------- */

static void
proc_stop(struct proc *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	if (p->ops != NULL && p->ops->stop != NULL)
		p->ops->stop(p);
	else
		proc_exit(p, 0);
}

void
proc_exit(struct proc *p, int status)
{
	p->status = status;
	event_base_loopbreak(p->base);
}

static void
ctl_reload(struct proc *p, struct ipc *ipc, struct ipc_msg *m)
{
	char why[201] = "";
	struct handover *ho = proc_read_handover(m->fd);

	if (ho == NULL || ho->role != p->role) {
		ho_free(&ho);
		ipc_fail(ipc, m->id, FAIL_BAD, "unreadable handover");
		return;
	}
	ho_free(&p->candidate);
	if (p->ops != NULL && p->ops->check != NULL &&
	    p->ops->check(p, ho, why) == -1) {
		ho_free(&ho);
		ipc_fail(ipc, m->id, FAIL_BAD, why);
		return;
	}
	p->candidate = ho;
	ipc_reply(ipc, m->id, MSG_CTL_GOOD, NULL, -1);
}

static void
ctl_switch(struct proc *p, bool use_it)
{
	if (!use_it || p->candidate == NULL) {
		ho_free(&p->candidate);
		return;
	}
	ho_free(&current);
	current = p->ho = p->candidate;
	p->candidate = NULL;
	if (p->ops != NULL && p->ops->reload != NULL)
		p->ops->reload(p);
	log_info("reloaded");
}

struct stats {
	struct buf rows;
	uint32_t n;
};

static void
stats_add(void *arg, const char *name, uint64_t value)
{
	struct stats *s = arg;

	wire_put_str(&s->rows, name);
	wire_put_u64(&s->rows, value);
	s->n++;
}

static void
ctl_stats(struct proc *p, struct ipc *ipc, uint32_t id)
{
	struct stats s = { .n = 0 };
	struct buf b;

	buf_init(&s.rows, 64 * 1024);
	buf_init(&b, 65 * 1024);
	if (p->ops != NULL && p->ops->stats != NULL)
		p->ops->stats(p, stats_add, &s);
	stats_add(&s, "log-lines-dropped", log_dropped());
	wire_put_u32(&b, s.n);
	buf_put_span(&b, buf_span(&s.rows));
	ipc_reply(ipc, id, MSG_CTL_STATS_IS, &b, -1);
	buf_clear(&s.rows);
	buf_clear(&b);
}

static int
ctl_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct proc *p = arg;
	struct wire w;
	uint8_t use_it;

	wire_init(&w, m->payload);
	switch (m->type) {
	case MSG_CTL_RELOAD:
		ctl_reload(p, ipc, m);
		return wire_done(&w);
	case MSG_CTL_SWITCH:
		use_it = wire_u8(&w);
		if (wire_done(&w) == -1)
			return ipc_refuse(ipc, m, "form");
		ctl_switch(p, use_it != 0);
		return 0;
	case MSG_CTL_STATS:
		ctl_stats(p, ipc, m->id);
		return 0;
	case MSG_CTL_STOP:
		proc_stop(p);
		return 0;
	default:
		return ipc_refuse(ipc, m, "not for a daemon");
	}
}

/* Without semaild nobody would restart or stop us: end. */
static void
ctl_gone(struct ipc *ipc, void *arg)
{
	struct proc *p = arg;

	(void)ipc;
	p->control = NULL;
	if (!p->stopping)
		log_warnx("semaild is gone, stopping");
	proc_stop(p);
}

static const struct ipc_ops ctl_ops = { .msg = ctl_msg, .gone = ctl_gone };

static void
proc_on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	proc_stop(arg);
}

/* ---- life ------------------------------------------------------------ */

void
proc_init(struct proc *p, enum role role, const struct proc_ops *ops, int argc,
    char *argv[])
{
	const char *conf_path = NULL;
	struct event *ev;
	bool alone = false;
	int c;

	memset(p, 0, sizeof(*p));
	p->role = role;
	p->ops = ops;
	log_init(role_name(role));
	/* One large buffer freed makes glibc keep up to twice as much for
	 * ever: what a start or a burst needed is to be given back. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
	while ((c = getopt(argc, argv, "df:V")) != -1) {
		switch (c) {
		case 'd':
			alone = true;
			break;
		case 'f':
			conf_path = optarg;
			break;
		case 'V':
			printf("semail-%s %s\n", role_name(role),
			    PACKAGE_VERSION);
			exit(0);
		default:
			proc_usage(role);
		}
	}
	if (argc != optind)
		proc_usage(role);
	if (alone)
		proc_run_alone(role, conf_path);
	if ((p->ho = proc_read_handover(FD_CONF)) == NULL ||
	    p->ho->role != role || fcntl(FD_CONTROL, F_GETFD) == -1)
		proc_usage(role);
	close(FD_CONF);
	for (unsigned i = 0; i < p->ho->nfds; i++)
		fcntl(p->ho->fds[i].fd, F_SETFD, FD_CLOEXEC);
	fcntl(FD_CONTROL, F_SETFD, FD_CLOEXEC);
	current = p->ho;
	p->instance = p->ho->instance;
	p->instances = p->ho->instances;
	p->privileged = p->ho->privileged;
	log_set_debug(ho_has(p->ho, "debug"));
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if ((p->base = event_base_new()) == NULL)
		fatalx("event base");
	ev = evsignal_new(p->base, SIGTERM, proc_on_signal, p);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("event signal");
	p->control = ipc_attach(p->base, FD_CONTROL, role, ROLE_MASTER,
	    &ctl_ops, p);
	if (p->control == NULL)
		fatal("control channel");
}

static void
proc_limit(int what, rlim_t n)
{
	struct rlimit rl = { n, n };

	if (setrlimit(what, &rl) == -1)
		fatal("setrlimit");
}

void
proc_drop(struct proc *p)
{
	const struct handover *ho = p->ho;

	proc_limit(RLIMIT_CORE, 0);
#ifndef SANITIZED
	if (as_limit[p->role] != 0)
		proc_limit(RLIMIT_AS, as_limit[p->role]);
#else
	log_info("sanitized build: no address space limit, wider filter");
	(void)as_limit;
#endif
	if (chdir(ho->dir) == -1)
		fatal("chdir path=%s", ho->dir);
	if (p->privileged && ho->uid != 0) {
		gid_t gid = ho->gid;

		if (chroot(".") == -1 || chdir("/") == -1)
			fatal("chroot path=%s", ho->dir);
		if (setgroups(1, &gid) == -1 ||
		    setresgid(ho->gid, ho->gid, ho->gid) == -1 ||
		    setresuid(ho->uid, ho->uid, ho->uid) == -1)
			fatal("drop uid=%u", ho->uid);
		if (setuid(0) != -1 || geteuid() != ho->uid ||
		    getegid() != ho->gid)
			fatalx("root could be had back");
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("prctl");
}

void
proc_confine(struct proc *p, unsigned rights)
{
	int dirs[HO_FDS_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < p->ho->nfds; i++)
		if (p->ho->fds[i].kind == HO_DIR)
			dirs[n++] = p->ho->fds[i].fd;
	confine(rights, dirs, n);
}

void
proc_forget(struct proc *p)
{
	ho_free(&p->ho);
	current = p->ho = ho_new(); /* empty: asking it is a bug that says so */
}

int
proc_loop(struct proc *p)
{
	int r = 0;

	if (p->control != NULL)
		ipc_note(p->control, MSG_CTL_READY, NULL, -1);
	/* The lines of a turn are written together. */
	log_hold(true);
	while (!event_base_got_break(p->base) &&
	    (r = event_base_loop(p->base, EVLOOP_ONCE)) == 0)
		log_flush();
	log_hold(false);
	if (r == -1)
		fatalx("event loop");
	return p->status;
}

/* ---- what was handed over --------------------------------------------- */

int
proc_listener(struct proc *p, unsigned n, const char **service_out)
{
	for (unsigned i = 0; i < p->ho->nfds; i++) {
		if (p->ho->fds[i].kind == HO_LISTENER && n-- == 0) {
			*service_out = p->ho->fds[i].name;
			return p->ho->fds[i].fd;
		}
	}
	return -1;
}

static int
proc_find_fd(struct proc *p, enum ho_fd_kind kind, const char *name)
{
	for (unsigned i = 0; i < p->ho->nfds; i++)
		if (p->ho->fds[i].kind == kind &&
		    strcmp(p->ho->fds[i].name, name) == 0)
			return p->ho->fds[i].fd;
	fatalx("bug %s was handed no %s", role_name(p->role), name);
}

int
proc_dir(struct proc *p, const char *name)
{
	return proc_find_fd(p, HO_DIR, name);
}

int
proc_edge_fd(struct proc *p, enum role peer)
{
	return proc_find_fd(p, HO_EDGE, role_name(peer));
}

void
proc_listen(struct proc *p, enum role peer, const struct ipc_ops *ops,
    void *arg)
{
	ipc_listen(p->base, proc_edge_fd(p, peer), p->role, peer,
	    proc_role_uid(p, peer), peer == ROLE_CLI, ops, arg);
}

struct ipc *
proc_connect(struct proc *p, enum role peer, const struct ipc_ops *ops,
    void *arg)
{
	return ipc_connect(p->base, role_name(peer), p->role, peer, ops, arg);
}

uid_t
proc_role_uid(struct proc *p, enum role role)
{
	return p->ho->role_uid[role];
}
