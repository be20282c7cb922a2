#include "config.h"
#include "daemon.h"
#include "tmpdir.h"
#include "libcommon/io.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 5 /* after the control channel and the handover */
#define ASIDE 200  /* descriptors are out of the way from here on */

struct event_base *daemon_base;
struct ipc *daemon_control;
char daemon_dir[64], daemon_programs[4096];
int daemon_log_fd = STDERR_FILENO;
pid_t daemon_pid;

static bool is_ready;
static enum role daemon_role;
static int given[HO_FDS_MAX];
static unsigned ngiven;

static void
bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

void
daemon_init(const char *argv0, enum role role)
{
	char path[4096];

	daemon_role = role;
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "%s", argv0);
	if (realpath(dirname(path), daemon_programs) == NULL)
		bail(argv0);
	snprintf(daemon_dir, sizeof(daemon_dir), "%s", tmpdir_make());
	if ((daemon_base = event_base_new()) == NULL)
		bail("event base");
}

void
daemon_end(void)
{
	if (daemon_pid != 0)
		daemon_stop(SIGKILL);
	tmpdir_remove();
}

/* ---- the loop ----------------------------------------------------------- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

bool
daemon_until(bool (*what)(void *), void *arg, uint64_t ms)
{
	uint64_t until = io_now_ms() + ms;
	struct timeval tick = { 0, 5000 };
	struct event *ev = event_new(daemon_base, -1, EV_PERSIST, on_tick,
	    NULL);
	bool so;

	/* Not asked once more at the end: what is so for a moment only might
	 * be over. */
	event_add(ev, &tick);
	while (!(so = what(arg)) && io_now_ms() < until)
		event_base_loop(daemon_base, EVLOOP_ONCE);
	event_free(ev);
	return so;
}

static bool
ask(void *arg)
{
	return (*(bool (**)(void))arg)();
}

bool
daemon_wait(bool (*what)(void))
{
	return daemon_until(ask, &what, DAEMON_WAIT_MS);
}

bool
daemon_is_ready(void)
{
	return is_ready;
}

bool
daemon_is_gone(void)
{
	return daemon_control == NULL;
}

/* ---- sockets -------------------------------------------------------------- */

int
daemon_listen(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%.30s", daemon_dir,
	    name);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		bail(sun.sun_path);
	return fd;
}

void
daemon_serve(enum role as, const struct ipc_ops *ops)
{
	ipc_listen(daemon_base, daemon_listen(role_name(as)), as, daemon_role,
	    geteuid(), true, ops, NULL);
}

struct ipc *
daemon_call(enum role as, const struct ipc_ops *ops)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", daemon_dir, role_name(as));
	return ipc_connect(daemon_base, path, as, daemon_role, ops, NULL);
}

/* ---- semaild's work ------------------------------------------------------- */

static int
control_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)ipc;
	(void)arg;
	is_ready |= m->type == MSG_CTL_READY;
	return 0;
}

static void
control_gone(struct ipc *ipc, void *arg)
{
	(void)arg;
	if (daemon_control == ipc) /* else of the daemon before, late */
		daemon_control = NULL;
}

static const struct ipc_ops control_ops = { .msg = control_msg,
	.gone = control_gone };

struct handover *
daemon_handover(void)
{
	struct handover *ho = ho_new();

	ho->role = daemon_role;
	ho->instances = 1;
	ho->uid = geteuid();
	ho->gid = getegid();
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		ho->role_uid[i] = geteuid();
	snprintf(ho->dir, sizeof(ho->dir), "%s", daemon_dir);
	ngiven = 0;
	return ho;
}

void
daemon_give(struct handover *ho, enum ho_fd_kind kind, const char *name, int fd)
{
	ho_add_fd(ho, kind, name, FIRST_FD + (int)ngiven);
	given[ngiven++] = fd;
}

/* In the child: control, handover and what was given, from 3 on; no other. */
static void
run(int control, int handover)
{
	char path[4200], name[64];
	int from[HO_FDS_MAX + 2] = { control, handover };
	unsigned n = 2 + ngiven;

	for (unsigned i = 0; i < ngiven; i++)
		from[2 + i] = given[i];
	for (unsigned i = 0; i < n; i++)
		if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, ASIDE)) == -1)
			_exit(126);
	for (unsigned i = 0; i < n; i++)
		dup2(from[i], 3 + (int)i);
	dup2(daemon_log_fd, STDERR_FILENO);
	close_range(3 + n, ~0u, 0);
	/* Not dumpable, it cannot be searched for leaks. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	snprintf(name, sizeof(name), "semail-%s", role_name(daemon_role));
	snprintf(path, sizeof(path), "%s/%s", daemon_programs, name);
	execl(path, name, (char *)NULL);
	_exit(127);
}

void
daemon_start(struct handover **ho)
{
	int pair[2], memfd;
	struct buf b;

	buf_init(&b, HO_MAX);
	ho_put(&b, *ho);
	ho_free(ho);
	memfd = io_sealed_memfd("handover", buf_span(&b));
	buf_clear(&b);
	if (memfd == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		bail("handover");
	is_ready = false;
	if ((daemon_pid = fork()) == -1)
		bail("fork");
	if (daemon_pid == 0)
		run(pair[1], memfd);
	close(pair[1]);
	close(memfd);
	daemon_control = ipc_attach(daemon_base, pair[0], ROLE_MASTER,
	    daemon_role, &control_ops, NULL);
}

int
daemon_join(void)
{
	int status = -1;

	waitpid(daemon_pid, &status, 0);
	daemon_pid = 0;
	return status;
}

int
daemon_stop(int sig)
{
	kill(daemon_pid, sig);
	return daemon_join();
}
