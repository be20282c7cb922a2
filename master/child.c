#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "master/master.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FD_CONTROL 3
#define FD_CONF 4
#define FD_FIRST 5
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define STEADY_MS 1000 /* ran this long: the next restart is quick again */
#define STOP_GRACE_MS 10000

const char *
child_name(const struct child *c)
{
	return c->info == NULL ? "mariadbd" : role_name(c->info->role);
}

const char *
child_state_name(enum child_state s)
{
	static const char *const names[] = { "down", "starting", "ready",
		"stopping", "ended" };

	return names[s];
}

/* ---- what a role is given ------------------------------------------------ */

/* The descriptors of a role, in the order they are numbered from FD_FIRST. */
static unsigned
child_fds(const struct child *c, struct handover *ho, int *fds)
{
	const struct master *m = c->master;
	enum role role = c->info->role;
	unsigned n = 0;

	for (unsigned i = 0; i < m->nlisteners; i++) {
		if (m->listeners[i].info->role != role)
			continue;
		ho_add_fd(ho, HO_LISTENER, m->listeners[i].info->service,
		    FD_FIRST + (int)n);
		fds[n++] = m->listeners[i].fd[c->instance];
	}
	for (size_t i = 0; i < nedges; i++) {
		if (edges[i].server != role)
			continue;
		ho_add_fd(ho, HO_EDGE, role_name(edges[i].client),
		    FD_FIRST + (int)n);
		fds[n++] = m->edge_fd[i];
	}
	if (m->ctl_fd[role] != -1) {
		ho_add_fd(ho, HO_EDGE, role_name(ROLE_CLI), FD_FIRST + (int)n);
		fds[n++] = m->ctl_fd[role];
	}
	if (c->info->dir != NULL) {
		ho_add_fd(ho, HO_DIR, c->info->dir_name, FD_FIRST + (int)n);
		fds[n++] = m->dir_fd[role];
	}
	return n;
}

/* admind sees no files: it is told what hooks there are. */
static int
child_hooks(const struct master *m, const struct conf *conf,
    struct handover *ho, void (*complain)(void *, const char *), void *arg)
{
	struct buf names;
	int r;

	buf_init(&names, 4096);
	r = hooks_find(m, conf, &names, complain, arg);
	ho_set(ho, "hooks", buf_span(&names));
	buf_clear(&names);
	return r;
}

/* As lines, instead of the names in the configuration. */
static int
child_accounts(const struct master *m, const struct conf *conf,
    struct handover *ho, void (*complain)(void *, const char *), void *arg)
{
	struct buf lines;
	int r;

	buf_init(&lines, HO_MAX / 2);
	r = accounts_find(m, conf, &lines, complain, arg);
	ho_set(ho, "unix-accounts", buf_span(&lines));
	buf_clear(&lines);
	return r;
}

static struct handover *
child_describe(const struct child *c, const struct conf *conf,
    const struct certs *certs, int *fds, unsigned *nfds,
    void (*complain)(void *, const char *), void *arg)
{
	const struct master *m = c->master;
	struct handover *ho = ho_new();
	char path[4096];

	ho->role = c->info->role;
	ho->instance = c->instance;
	ho->instances = c->instances;
	ho->privileged = m->privileged;
	ho->uid = m->uid[ho->role];
	ho->gid = m->gid[ho->role];
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		ho->role_uid[i] = m->uid[i];
	if (master_path(m, "run-dir", role_name(ho->role), ho->dir,
	        sizeof(ho->dir)) == -1) {
		complain(arg, "run-dir is too long");
		ho_free(&ho);
		return NULL;
	}
	*nfds = child_fds(c, ho, fds);
	if (m->debug)
		ho_set(ho, "debug", span_of("yes"));
	if (ho->role == ROLE_AUTHD || ho->role == ROLE_QUEUED)
		ho_set(ho, "grant-key",
		    span_from(m->grant_key, sizeof(m->grant_key)));
	if (ho->role == ROLE_ADMIND)
		ho_set(ho, "admin-key",
		    span_from(m->admin_key, sizeof(m->admin_key)));
	if (ho->role == ROLE_SPAWND) {
		snprintf(path, sizeof(path), "%s/semail-box-worker",
		    m->libexec);
		ho_set(ho, "worker-program", span_of(path));
	}
	certs_hand_over(certs, ho);
	if (conf_hand_over(conf, ho, complain, arg) == -1 ||
	    ((ho->role == ROLE_SPAWND || ho->role == ROLE_ADMIND) &&
	        child_accounts(m, conf, ho, complain, arg) == -1) ||
	    (ho->role == ROLE_ADMIND &&
	        (database_check(conf, ho, complain, arg) == -1 ||
	            child_hooks(m, conf, ho, complain, arg) == -1)))
		ho_free(&ho);
	return ho;
}

struct handover *
child_handover(struct child *c, const struct conf *conf,
    const struct certs *certs, void (*complain)(void *, const char *),
    void *arg)
{
	int fds[HO_FDS_MAX];
	unsigned n;

	return child_describe(c, conf, certs, fds, &n, complain, arg);
}

static void
log_complaint(void *arg, const char *why)
{
	(void)arg;
	log_warnx("configuration %s", why);
}

/* ---- control channel -------------------------------------------------------- */

static int
child_msg(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct child *c = arg;

	if (msg->type != MSG_CTL_READY)
		return ipc_refuse(ipc, msg, "not for semaild");
	if (c->state == CHILD_STARTING) {
		c->state = CHILD_READY;
		log_info("ready role=%s instance=%u pid=%ld", child_name(c),
		    c->instance, (long)c->pid);
	}
	return 0;
}

static void
child_channel_gone(struct ipc *ipc, void *arg)
{
	struct child *c = arg;

	if (c->control == ipc)
		c->control = NULL;
}

static const struct ipc_ops child_ops = { .msg = child_msg,
	.gone = child_channel_gone };

/* ---- starting ------------------------------------------------------------------ */

/* In the child: the descriptors in their places, nothing else open. */
static void
child_exec_role(const struct child *c, int control, int conf, const int *fds,
    unsigned nfds)
{
	const struct master *m = c->master;
	char path[2048], name[64];
	const char *asan = getenv("ASAN_OPTIONS"), *tz = getenv("TZ");
	char asan_env[1024], tz_env[256];
	const char *argv[] = { name, NULL };
	const char *envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL, NULL,
		NULL };
	int high[HO_FDS_MAX + 2];
	unsigned nenv = 1;

	/* First all above the places, so that none overwrites another. */
	for (unsigned i = 0; i < nfds + 2; i++) {
		int fd = i == 0 ? control : i == 1 ? conf : fds[i - 2];

		if ((high[i] = fcntl(fd, F_DUPFD,
		         FD_CONTROL + (int)nfds + 2)) == -1)
			fatal("dup");
	}
	for (unsigned i = 0; i < nfds + 2; i++)
		if (dup2(high[i], FD_CONTROL + (int)i) == -1)
			fatal("dup2");
	if (close_range(FD_CONTROL + nfds + 2, ~0u, 0) == -1)
		fatal("close_range");
	snprintf(name, sizeof(name), "semail-%s", child_name(c));
	snprintf(path, sizeof(path), "%s/%s", m->libexec, name);
	if (asan != NULL) {
		snprintf(asan_env, sizeof(asan_env), "ASAN_OPTIONS=%s", asan);
		envp[nenv++] = asan_env;
	}
	if (tz != NULL) {
		snprintf(tz_env, sizeof(tz_env), "TZ=%s", tz);
		envp[nenv++] = tz_env;
	}
	io_exec(path, argv, envp);
	fatal("exec path=%s", path);
}

static void
child_clean(const struct master *m)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	if (m->log_fd != -1 && dup2(m->log_fd, STDERR_FILENO) == -1)
		_exit(1);
	if (!m->debug) {
		int null = open("/dev/null", O_RDWR);

		if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
		    dup2(null, STDOUT_FILENO) == -1)
			_exit(1);
	}
}

static void
child_spawn(struct child *c, struct handover *ho, const int *fds, unsigned nfds)
{
	struct master *m = c->master;
	struct buf part;
	int sv[2], conf;

	buf_init(&part, HO_MAX);
	ho_put(&part, ho);
	if (buf_error(&part) != 0 ||
	    (conf = io_sealed_memfd("semail-conf", buf_span(&part))) == -1)
		fatalx("handover role=%s", child_name(c));
	buf_clear(&part);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	c->pid = fork();
	if (c->pid == -1) {
		log_warn("fork role=%s", child_name(c));
		close(sv[0]);
		close(sv[1]);
		close(conf);
		return;
	}
	if (c->pid == 0) {
		child_clean(m);
		child_exec_role(c, sv[1], conf, fds, nfds);
	}
	close(sv[1]);
	close(conf);
	c->control = ipc_attach(m->base, sv[0], ROLE_MASTER, c->info->role,
	    &child_ops, c);
	if (c->control == NULL)
		fatal("control channel role=%s", child_name(c));
}

static void
child_retry(struct child *c)
{
	struct timeval tv;

	if (c->backoff_ms == 0)
		c->backoff_ms = BACKOFF_MIN_MS;
	tv.tv_sec = c->backoff_ms / 1000;
	tv.tv_usec = (suseconds_t)(c->backoff_ms % 1000) * 1000;
	event_add(c->timer, &tv);
	c->backoff_ms = c->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
	                                                   : c->backoff_ms * 2;
}

void
child_start(struct child *c)
{
	struct master *m = c->master;
	struct handover *ho;
	int fds[HO_FDS_MAX];
	unsigned nfds;

	c->started_ms = io_now_ms();
	c->pid = -1;
	if (c->info == NULL) {
		if ((c->pid = fork()) == 0) {
			child_clean(m);
			close_range(3, ~0u, 0);
			log_init("mariadbd");
			database_exec(m);
		}
		/* It has no control channel; admind waits for it by itself. */
		c->state = CHILD_READY;
	} else {
		ho = child_describe(c, m->conf, m->certs, fds, &nfds,
		    log_complaint, NULL);
		if (ho != NULL)
			child_spawn(c, ho, fds, nfds);
		ho_free(&ho);
		c->state = CHILD_STARTING;
	}
	if (c->pid == -1) {
		c->pid = 0;
		c->state = CHILD_DOWN;
		child_retry(c);
		return;
	}
	log_info("started role=%s instance=%u pid=%ld", child_name(c),
	    c->instance, (long)c->pid);
}

static void
child_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (!c->master->stopping && c->state == CHILD_DOWN)
		child_start(c);
}

void
child_ended(struct child *c, int status)
{
	struct master *m = c->master;
	bool wanted = c->state == CHILD_STOPPING || m->stopping;

	if (c->control != NULL)
		ipc_close(c->control);
	c->control = NULL;
	if (WIFSIGNALED(status))
		log_warnx("ended role=%s instance=%u pid=%ld signal=%d",
		    child_name(c), c->instance, (long)c->pid, WTERMSIG(status));
	else if (!wanted || status != 0)
		log_warnx("ended role=%s instance=%u pid=%ld status=%d",
		    child_name(c), c->instance, (long)c->pid,
		    WEXITSTATUS(status));
	c->pid = 0;
	if (m->stopping) {
		c->state = CHILD_ENDED;
		master_stop_next(m);
		return;
	}
	if (io_now_ms() - c->started_ms > STEADY_MS)
		c->backoff_ms = 0;
	c->state = CHILD_DOWN;
	c->restarts++;
	child_retry(c);
}

/* ---- all of them ---------------------------------------------------------------- */

static void
add_child(struct master *m, const struct role_info *ri, unsigned i, unsigned n)
{
	struct child *c = &m->children[m->nchildren++];

	c->master = m;
	c->info = ri;
	c->instance = i;
	c->instances = n;
	buf_init(&c->stats, 64 * 1024);
	if ((c->timer = evtimer_new(m->base, child_on_timer, c)) == NULL)
		fatalx("timer");
}

void
master_add_children(struct master *m)
{
	if (database_is_private(m->conf) &&
	    (m->only == 0 || (m->only & R(ADMIND))))
		add_child(m, NULL, 0, 1);
	for (size_t i = 0; i < nrole_infos; i++) {
		const struct role_info *ri = &role_infos[i];
		unsigned n = ri->role == ROLE_SMTPD ? smtp_processes(m->conf)
		                                    : 1;

		if (m->only != 0 && !(m->only & 1u << ri->role))
			continue;
		for (unsigned k = 0; k < n; k++)
			add_child(m, ri, k, n);
	}
}

/* ---- stopping ------------------------------------------------------------------- */

static unsigned
stop_order(const struct child *c)
{
	return c->info == NULL ? 5 : c->info->stop_order;
}

static void
stop_on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval tick = { 1, 0 };
	struct master *m = arg;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < m->nchildren; i++) {
		struct child *c = &m->children[i];

		if (c->state != CHILD_STOPPING || c->pid <= 0)
			continue;
		if (io_now_ms() < m->stop_until_ms) {
			/* mariadbd forgets it while it starts. */
			if (c->info == NULL)
				kill(c->pid, SIGTERM);
			continue;
		}
		log_warnx("killed role=%s pid=%ld (did not stop)",
		    child_name(c), (long)c->pid);
		kill(c->pid, SIGKILL);
	}
	event_add(m->stop_timer, &tick);
}

/* Stop the next stage once the one before has ended. */
void
master_stop_next(struct master *m)
{
	static const struct timeval tick = { 1, 0 };

	for (; m->stop_stage <= 5; m->stop_stage++) {
		unsigned running = 0, asked = 0;

		for (unsigned i = 0; i < m->nchildren; i++) {
			struct child *c = &m->children[i];

			if (stop_order(c) != m->stop_stage)
				continue;
			if (c->pid <= 0) {
				c->state = CHILD_ENDED;
				continue;
			}
			running++;
			if (c->state == CHILD_STOPPING)
				continue;
			c->state = CHILD_STOPPING;
			asked++;
			if (c->control == NULL ||
			    ipc_note(c->control, MSG_CTL_STOP, NULL, -1) == -1)
				kill(c->pid, SIGTERM);
		}
		if (asked > 0) {
			m->stop_until_ms = io_now_ms() + STOP_GRACE_MS;
			event_add(m->stop_timer, &tick);
		}
		if (running > 0)
			return;
	}
	event_base_loopbreak(m->base);
}

void
master_stop(struct master *m)
{
	if (m->stopping)
		return;
	log_info("stopping");
	m->stopping = true;
	m->stop_timer = evtimer_new(m->base, stop_on_timer, m);
	if (m->stop_timer == NULL)
		fatalx("timer");
	master_stop_next(m);
}
