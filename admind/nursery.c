#include "config.h"
#include "admind/nursery.h"

#include "libcommon/confine.h"
#include "libcommon/log.h"
#include "libcommon/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FD_FIRST 3
#define FD_ASIDE 64 /* above what a child is given */

union control {
	char bytes[CMSG_SPACE(NURSERY_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static int nursery = -1;
static const struct nursery_info *kinds;

/* ---- the nursery --------------------------------------------------------- */

static void
child_start(unsigned kind, const int *fds, unsigned n)
{
	const struct nursery_info *k = &kinds[kind];
	struct rlimit as = { k->address_space, k->address_space };
	int aside[NURSERY_FDS_MAX];

	signal(SIGCHLD, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal("%s", k->name);
#ifndef SANITIZED
	if (k->address_space != 0 && setrlimit(RLIMIT_AS, &as) == -1)
		fatal("%s limit", k->name);
#else
	(void)as;
#endif
	for (unsigned i = 0; i < n; i++)
		if ((aside[i] = fcntl(fds[i], F_DUPFD, FD_ASIDE)) == -1)
			fatal("%s", k->name);
	for (unsigned i = 0; i < n; i++)
		if (dup2(aside[i], FD_FIRST + (int)i) == -1)
			fatal("%s", k->name);
	close_range(FD_FIRST + n, ~0u, 0);
	confine(k->rights, NULL, 0);
	k->run();
	_exit(0);
}

static void
reap(int sig)
{
	(void)sig; /* only to end a wait */
}

static void
bury(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (WIFSIGNALED(status))
			log_warnx("child died pid=%ld signal=%d", (long)pid,
			    WTERMSIG(status));
}

/* A request: the kind, one byte, and its descriptors. */
static void __attribute__((noreturn)) nursery_run(int fd)
{
	struct sigaction sa = { .sa_handler = reap };
	unsigned rights = CONFINE_FORK | CONFINE_NEST;
	union control control;
	unsigned char kind;
	ssize_t r;
	pid_t pid;

	signal(SIGTERM, SIG_IGN); /* authd's end is ours */
	sigaction(SIGCHLD, &sa, NULL);
	/* A child has none of the rights that we have not. */
	for (unsigned i = 0; i < CHILD__COUNT; i++)
		rights |= kinds[i].rights;
	confine(rights, NULL, 0);
	for (;;) {
		struct iovec iov = { &kind, 1 };
		struct msghdr m = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		int fds[NURSERY_FDS_MAX];
		struct cmsghdr *c;
		unsigned n = 0;

		bury();
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
		if (r == -1 && errno == EINTR)
			continue;
		if (r != 1 || kind >= CHILD__COUNT)
			_exit(0);
		if ((c = CMSG_FIRSTHDR(&m)) != NULL &&
		    c->cmsg_type == SCM_RIGHTS) {
			n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) /
			    sizeof(int));
			memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		}
		if ((pid = fork()) == 0)
			child_start(kind, fds, n);
		if (pid == -1)
			log_warn("child");
		for (unsigned i = 0; i < n; i++)
			close(fds[i]);
	}
}

/* ---- authd --------------------------------------------------------------- */

void
nursery_start(struct proc *p, const struct nursery_info *infos)
{
	int pair[2];
	pid_t pid;

	kinds = infos;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1 ||
	    (pid = fork()) == -1)
		fatal("nursery");
	if (pid > 0) {
		close(pair[1]);
		nursery = pair[0];
		return;
	}
	proc_forget(p);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    dup2(pair[1], FD_FIRST) == -1)
		fatal("nursery");
	close_range(FD_FIRST + 1, ~0u, 0);
	nursery_run(FD_FIRST);
}

void
nursery_child(enum nursery_kind kind, const int *fds, unsigned n)
{
	unsigned char byte = (unsigned char)kind;
	struct iovec iov = { &byte, 1 };
	union control control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (n == 0 || n > NURSERY_FDS_MAX)
		fatalx("bug nursery fds=%u", n);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	/* It answers nothing and forks at once, so this never waits long;
	 * without it no login can be checked: a fresh authd has a fresh one. */
	if (sendmsg(nursery, &m, MSG_NOSIGNAL) != 1)
		fatal("the nursery is gone");
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}
