/*
 * The runner: spawnd's child that runs the administrator's hooks.
 *
 * Runs as   root with spawnd's few capabilities; a hook as hook-user with
 *           none.  It has no seccomp filter, as a filter stays with what is
 *           executed and a hook may be any program: so it is forked before
 *           spawnd confines itself.
 * Reads     orders of spawnd, the end of what hooks print.
 * Never     runs anything but a file of hook-dir with a name of hook_names.
 *
 * One hook at a time.  When it has ended, or its time is over, everything it
 * started is killed with it: its process group, then whoever left that group,
 * who are our children then (PR_SET_CHILD_SUBREAPER).
 */
#include "config.h"
#include "master/hook_runner.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_hook.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FD_ORDERS 3
#define ORDER_MAX 32768
#define OUTPUT_MAX 8192 /* of what it prints is looked at */
#define LINES_MAX 40    /* logged */
#define GROUPS_MAX 64
#define HOOK_FILES 256
#define HOOK_PROCESSES 256 /* of hook-user, all together */
#define REAP_MS 2000

struct order {
	char dir[1024], user[64], audit[24];
	unsigned hook, nenv;
	uint32_t timeout_ms;
	bool change_user;
	char *env[HOOK_ENV_MAX + 1];
};

struct user {
	uid_t uid;
	gid_t gid, groups[GROUPS_MAX];
	int ngroups;
};

struct run {
	const struct order *order;
	pid_t pid;
	int pidfd, out;
	struct buf said;
	uint32_t status;
	char why[HOOK_SAID_MAX + 1];
};

/* ---- orders ------------------------------------------------------------------- */

void
hook_order_put(struct buf *b, const struct hook_order *o)
{
	wire_put_u32(b, o->timeout_ms);
	wire_put_str(b, o->dir);
	wire_put_str(b, o->user);
	wire_put_u8(b, o->change_user);
	wire_put_u32(b, o->hook);
	wire_put_str(b, o->audit);
	wire_put_u32(b, o->nenv);
	for (unsigned i = 0; i < o->nenv; i++)
		wire_put_str(b, o->env[i]);
}

/* From spawnd: what is wrong with it is our own mistake. */
static void
order_get(struct span in, struct order *o)
{
	struct wire w;

	wire_init(&w, in);
	o->timeout_ms = wire_u32(&w);
	wire_cstr(&w, o->dir, sizeof(o->dir));
	wire_cstr(&w, o->user, sizeof(o->user));
	o->change_user = wire_u8(&w);
	o->hook = wire_u32(&w);
	wire_cstr(&w, o->audit, sizeof(o->audit));
	o->nenv = wire_u32(&w);
	if (o->nenv > HOOK_ENV_MAX || o->hook >= nhook_names)
		fatalx("hook order");
	for (unsigned i = 0; i < o->nenv; i++)
		if ((o->env[i] = span_strdup(wire_text(&w, ORDER_MAX))) == NULL)
			fatal("hook order");
	if (wire_done(&w) == -1)
		fatalx("hook order");
}

static void
order_clear(struct order *o)
{
	for (unsigned i = 0; i < o->nenv; i++)
		free(o->env[i]);
}

/* ---- may it be run --------------------------------------------------------------- */

static int
unfit(struct run *r, const char *why)
{
	r->status = HOOK_UNFIT;
	snprintf(r->why, sizeof(r->why), "%s", why);
	return -1;
}

/* Only who started SEMail may have put it there. */
static bool
is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
	    (st->st_mode & 022) == 0;
}

/* The file's descriptor is not what is executed: a script is opened by its
 * interpreter, by name.  Nobody else can change the name, as we see here. */
static int
check_file(struct run *r)
{
	struct stat st;
	int dir, e;

	dir = open(r->order->dir,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1 && errno == ENOENT) {
		r->status = HOOK_MISSING;
		return -1;
	}
	if (dir == -1)
		return unfit(r, "hook-dir cannot be opened");
	if (fstat(dir, &st) == -1 || !is_ours(&st)) {
		close(dir);
		return unfit(r,
		    "hook-dir must be root's and writable by "
		    "nobody else");
	}
	e = fstatat(dir, hook_names[r->order->hook], &st, AT_SYMLINK_NOFOLLOW);
	close(dir);
	if (e == -1 && errno == ENOENT) {
		r->status = HOOK_MISSING;
		return -1;
	}
	if (e == -1 || !S_ISREG(st.st_mode))
		return unfit(r, "it is no plain file");
	if (!is_ours(&st))
		return unfit(r,
		    "it must be root's and writable by nobody else");
	if ((st.st_mode & 0111) == 0) { /* switched off */
		r->status = HOOK_MISSING;
		return -1;
	}
	return 0;
}

static int
find_user(struct run *r, struct user *u)
{
	struct passwd *pw = getpwnam(r->order->user);

	if (pw == NULL)
		return unfit(r, "hook-user does not exist");
	if (pw->pw_uid == 0)
		return unfit(r, "hook-user must not be root");
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->ngroups = GROUPS_MAX;
	if (getgrouplist(pw->pw_name, pw->pw_gid, u->groups, &u->ngroups) == -1)
		return unfit(r, "hook-user is in too many groups");
	return 0;
}

/* ---- in the child ------------------------------------------------------------------- */

static void
limit(int what, rlim_t n)
{
	struct rlimit rl = { n, n };

	if (setrlimit(what, &rl) == -1)
		_exit(126);
}

static void
child_say(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(126);
}

static void
child(const struct order *o, const struct user *u, int out, pid_t parent)
{
	char path[1200], name[64];
	char *argv[] = { path, NULL };
	sigset_t none;
	int null;

	if ((null = open("/dev/null", O_RDWR)) == -1 || dup2(null, 0) == -1 ||
	    dup2(out, 1) == -1 || dup2(out, 2) == -1 ||
	    close_range(3, ~0u, 0) == -1)
		_exit(126);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	if (setsid() == -1)
		child_say("setsid");
	if (o->change_user) {
		if (setgroups((size_t)u->ngroups, u->groups) == -1 ||
		    setresgid(u->gid, u->gid, u->gid) == -1 ||
		    setresuid(u->uid, u->uid, u->uid) == -1)
			child_say("hook-user");
		if (setuid(0) != -1 || geteuid() != u->uid)
			_exit(126);
		limit(RLIMIT_NPROC, HOOK_PROCESSES);
	}
	/* After the change of user, which forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    getppid() != parent)
		_exit(126);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, HOOK_FILES);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || chdir("/") == -1)
		child_say("hook");
	umask(022);
	snprintf(name, sizeof(name), "%s", hook_names[o->hook]);
	snprintf(path, sizeof(path), "%s/%s", o->dir, name);
	execve(path, argv, o->env);
	child_say("it cannot be executed");
}

/* ---- its end -------------------------------------------------------------------------- */

/* Whoever is our child now was the hook's. */
static void
kill_children(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	long pid;

	if (f == NULL)
		return;
	while (fscanf(f, "%ld", &pid) == 1)
		kill((pid_t)pid, SIGKILL);
	fclose(f);
}

static void
reap_all(struct run *r, bool *have_status)
{
	struct timespec nap = { 0, 1000 * 1000 };
	uint64_t until = io_now_ms() + REAP_MS;
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) != -1 || errno == EINTR) {
		if (pid == r->pid && !*have_status) {
			*have_status = true;
			r->status = WIFSIGNALED(st)
			    ? HOOK_SIGNAL + (uint32_t)WTERMSIG(st)
			    : (uint32_t)WEXITSTATUS(st);
		} else if (pid == 0) {
			if (io_now_ms() > until) {
				log_warnx("hook=%s left processes behind",
				    hook_names[r->order->hook]);
				return;
			}
			kill_children();
			nanosleep(&nap, NULL);
		}
	}
}

/* What is there now; false at its end. */
static bool
read_output(struct run *r)
{
	char more[1024];
	ssize_t n = read(r->out, more, sizeof(more));

	if (n > 0 && r->said.len < OUTPUT_MAX)
		buf_put(&r->said, more,
		    (size_t)n < OUTPUT_MAX - r->said.len
		        ? (size_t)n
		        : OUTPUT_MAX - r->said.len);
	return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

/* Until it ends, its time is over, or spawnd is gone. */
static void
wait_for_end(struct run *r)
{
	uint64_t until = io_now_ms() + r->order->timeout_ms, now;
	struct pollfd p[3] = { { .fd = r->pidfd, .events = POLLIN },
		{ .fd = r->out, .events = POLLIN }, { .fd = FD_ORDERS } };
	bool over = false, have_status = false;

	while (!over && (now = io_now_ms()) < until) {
		if (poll(p, nitems(p), (int)(until - now)) == -1)
			continue;
		if (p[1].revents != 0 && !read_output(r))
			p[1].fd = -1;
		over = p[0].revents != 0 || (p[2].revents & POLLHUP);
	}
	if (over && p[0].revents != 0) {
		kill(-r->pid, SIGKILL); /* what it left behind */
		reap_all(r, &have_status);
	} else {
		have_status = true;
		r->status = HOOK_TIMEOUT;
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
		reap_all(r, &have_status);
	}
	/* What it printed last, of what its dead children cannot add to. */
	while (r->said.len < OUTPUT_MAX &&
	    poll(&(struct pollfd){ .fd = r->out, .events = POLLIN }, 1, 0) == 1)
		if (!read_output(r))
			break;
}

static void
run_hook(struct run *r)
{
	const struct order *o = r->order;
	pid_t parent = getpid();
	struct user user = { .uid = geteuid() };
	int pair[2];

	if (check_file(r) == -1 ||
	    (o->change_user && find_user(r, &user) == -1))
		return;
	if (pipe2(pair, O_CLOEXEC) == -1) {
		unfit(r, "no pipe");
		return;
	}
	if ((r->pid = fork()) == 0)
		child(o, &user, pair[1], parent);
	close(pair[1]);
	r->out = pair[0];
	io_nonblock(r->out);
	if (r->pid == -1) {
		unfit(r, "no process");
	} else {
		r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
		if (r->pidfd == -1)
			fatal("pidfd_open");
		wait_for_end(r);
		close(r->pidfd);
	}
	close(r->out);
}

/* ---- what is told of it ------------------------------------------------------------------ */

/* Each line of its output is an event; the last one is its reason. */
static void
log_output(struct run *r)
{
	struct span rest = buf_span(&r->said), line;
	unsigned n = 0;
	ptrdiff_t nl;
	size_t len;

	while (rest.len > 0) {
		nl = span_chr(rest, '\n');
		line = span_trim(nl == -1 ? rest
		                          : span_sub(rest, 0, (size_t)nl));
		rest = nl == -1 ? span_from("", 0)
		                : span_sub(rest, (size_t)nl + 1, rest.len);
		if (line.len == 0)
			continue;
		if (n++ < LINES_MAX)
			log_info("hook-output hook=%s audit=%s line=%s",
			    hook_names[r->order->hook], r->order->audit,
			    log_quote(line));
		if (r->status == HOOK_UNFIT)
			continue;
		len = line.len < HOOK_SAID_MAX ? line.len : HOOK_SAID_MAX;
		/* Not in the middle of a character. */
		while (len < line.len && len > 0 &&
		    (line.data[len] & 0xc0) == 0x80)
			len--;
		memcpy(r->why, line.data, len);
		r->why[len] = '\0';
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)r->why[i] < ' ' || r->why[i] == 0x7f)
				r->why[i] = '?';
	}
}

static void
serve(void)
{
	static unsigned char in[ORDER_MAX];
	struct buf out;
	ssize_t n;

	buf_init(&out, 1024);
	while ((n = recv(FD_ORDERS, in, sizeof(in), 0)) > 0 ||
	    (n == -1 && errno == EINTR)) {
		struct order o = { .nenv = 0 };
		struct run r = { .order = &o };
		struct msg_hooked m;

		if (n == -1)
			continue;
		order_get(span_from(in, (size_t)n), &o);
		buf_init(&r.said, OUTPUT_MAX);
		run_hook(&r);
		log_output(&r);
		m.status = r.status;
		m.said = span_of(r.why);
		buf_reset(&out);
		msg_hooked_put(&out, &m);
		if (send(FD_ORDERS, out.data, out.len, MSG_NOSIGNAL) == -1)
			break;
		buf_clear(&r.said);
		order_clear(&o);
	}
}

int
hook_runner_start(void)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1 ||
	    (pid = fork()) == -1)
		fatal("hook runner");
	if (pid > 0) {
		close(pair[1]);
		return pair[0];
	}
	if (pair[1] != FD_ORDERS && dup2(pair[1], FD_ORDERS) == -1)
		fatal("hook runner");
	if (close_range(FD_ORDERS + 1, ~0u, 0) == -1 ||
	    fcntl(FD_ORDERS, F_SETFD, FD_CLOEXEC) == -1 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NAME, "semail-hooks") == -1)
		fatal("hook runner");
	signal(SIGTERM, SIG_IGN); /* spawnd's end is ours */
	signal(SIGCHLD, SIG_DFL);
	serve();
	_exit(0);
}
