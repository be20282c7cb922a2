#include "config.h"
#include "master/spawnd.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_CONTROL 3
#define FD_SETUP 4
#define FD_HOME 5
#define FD_FIRST_FREE 16 /* above the three */
#define WORKER_FILES 1024
#define WORKER_AS (512ul << 20)

/*
 * SETUID, SETGID: to become a mailbox.  CHOWN: to give it its home.  KILL: to
 * end its worker.  Not DAC_OVERRIDE: we never look into a home.
 */
static const cap_value_t kept[] = { CAP_SETUID, CAP_SETGID, CAP_CHOWN,
	CAP_KILL };

static bool
is_kept(cap_value_t c)
{
	for (size_t i = 0; i < nitems(kept); i++)
		if (kept[i] == c)
			return true;
	return false;
}

void
priv_keep_few(void)
{
	cap_t caps = cap_init();

	if (caps == NULL)
		fatal("capabilities");
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (!is_kept(c) && cap_drop_bound(c) == -1 && errno != EINVAL)
			fatal("capability bound=%d", (int)c);
	if (cap_set_flag(caps, CAP_PERMITTED, nitems(kept), kept, CAP_SET) ==
	        -1 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, nitems(kept), kept, CAP_SET) ==
	        -1 ||
	    cap_set_proc(caps) == -1)
		fatal("capabilities");
	cap_free(caps);
}

/* ---- in the child, between fork and exec: system calls only ------------ */

static void
limit(int what, rlim_t n)
{
	struct rlimit rl = { n, n };

	if (setrlimit(what, &rl) == -1)
		_exit(71);
}

static void
become(uid_t uid, gid_t gid)
{
	if (setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		_exit(71);
	if (setuid(0) != -1 || geteuid() != uid || getegid() != gid)
		_exit(71);
}

static void
arrange(int control, int setup, int home)
{
	/* First out of the way, so that none overwrites another. */
	control = fcntl(control, F_DUPFD, FD_FIRST_FREE);
	setup = fcntl(setup, F_DUPFD, FD_FIRST_FREE);
	home = fcntl(home, F_DUPFD, FD_FIRST_FREE);
	if (control == -1 || setup == -1 || home == -1 ||
	    dup2(control, FD_CONTROL) == -1 || dup2(setup, FD_SETUP) == -1 ||
	    dup2(home, FD_HOME) == -1 || close_range(FD_HOME + 1, ~0u, 0) == -1)
		_exit(71);
}

static void
child(const char *program, pid_t parent, const struct box_setup *setup,
    int control, int setup_fd, int home, bool change_user, gid_t gid)
{
	char name[] = "semail-box-worker";
	char *argv[] = { name, NULL };
	char *envp[] = { NULL };

	arrange(control, setup_fd, home);
	if (change_user)
		become(setup->box.uid, gid);
	/* Nobody would know of a worker that outlives us.  After the change
	 * of user, which forgets this. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    getppid() != parent)
		_exit(71);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, WORKER_FILES);
#ifndef SANITIZED
	limit(RLIMIT_AS, WORKER_AS);
#endif
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		_exit(71);
	execve(program, argv, envp);
	_exit(72);
}

/* ------------------------------------------------------------------------ */

static int
setup_fd(const struct box_setup *setup)
{
	struct buf b;
	int fd = -1;

	buf_init(&b, 16 * 1024);
	box_setup_put(&b, setup);
	if (buf_error(&b) != 0)
		errno = buf_error(&b);
	else
		fd = io_sealed_memfd("box-setup", buf_span(&b));
	buf_clear(&b);
	return fd;
}

int
priv_start_worker(const char *program, const struct box_setup *setup, int home,
    bool change_user, gid_t gid, pid_t *pid_out, int *control_out)
{
	pid_t parent = getpid(), pid;
	int pair[2], fd, saved;

	if ((fd = setup_fd(setup)) == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	if ((pid = fork()) == 0)
		child(program, parent, setup, pair[1], fd, home, change_user,
		    gid);
	saved = errno;
	close(fd);
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		errno = saved;
		return -1;
	}
	*pid_out = pid;
	*control_out = pair[0];
	return 0;
}
