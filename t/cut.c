/*
 * cut - for tests: kill -9 a running process at its nth system call that does
 * something others can see.
 *
 *	cut PID N	N 0: never, only count
 *
 * Counted are, from the line "ready" on and over all of its threads, calls that
 * send, write (but to standard error, the log), sync, make, rename, remove, give
 * away, signal and fork.  The process dies as it enters the call: what the call
 * would have done is not done.  "killed NAME" is said then.  Ended by SIGTERM
 * before that, it lets the process go and says "reached COUNT".
 *
 * Needs the right to trace the process, and says "ready" only when it does.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE)
#define CALL(name) \
	{ \
		SYS_##name, #name \
	}

static const struct {
	long number;
	const char *name;
} calls[] = {
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(pwritev2),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	CALL(splice),
	CALL(fsync),
	CALL(fdatasync),
	CALL(sync_file_range),
	CALL(syncfs),
	CALL(msync),
	CALL(openat),
	CALL(renameat2),
	CALL(linkat),
	CALL(symlinkat),
	CALL(unlinkat),
	CALL(mkdirat),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fchmod),
	CALL(fchmodat),
	CALL(fchown),
	CALL(fchownat),
	CALL(kill),
	CALL(clone),
	CALL(clone3),
	CALL(pidfd_send_signal),
	CALL(io_submit),
	CALL(io_uring_enter),
#ifdef SYS_open /* the old ones, where there are such */
	CALL(open),
	CALL(rename),
	CALL(link),
	CALL(symlink),
	CALL(unlink),
	CALL(mkdir),
	CALL(rmdir),
	CALL(chmod),
	CALL(chown),
	CALL(fork),
	CALL(vfork),
#endif
#ifdef SYS_renameat
	CALL(renameat),
#endif
};

static unsigned long count, at;

/* The name of a call that counts, or NULL. */
static const char *
counted(const struct ptrace_syscall_info *s)
{
	long number = (long)s->entry.nr;

	for (size_t i = 0; i < nitems(calls); i++) {
		if (calls[i].number != number)
			continue;
		if ((number == SYS_write || number == SYS_writev) &&
		    s->entry.args[0] == STDERR_FILENO)
			return NULL;
		if (number == SYS_openat && !(s->entry.args[2] & O_CREAT))
			return NULL;
#ifdef SYS_open
		if (number == SYS_open && !(s->entry.args[1] & O_CREAT))
			return NULL;
#endif
		return calls[i].name;
	}
	return NULL;
}

/* All threads of it there are now; those to come are traced by themselves.
 * How many were new. */
static int
seize(pid_t pid)
{
	char path[64];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	if ((d = opendir(path)) == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		pid_t thread = (pid_t)strtol(e->d_name, NULL, 10);

		/* EPERM: it is traced already. */
		if (thread <= 0 ||
		    ptrace(PTRACE_SEIZE, thread, NULL, (void *)(long)OPTIONS) ==
		        -1)
			continue;
		ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
		n++;
	}
	closedir(d);
	return n;
}

/* A thread has stopped: for one of its calls, or for another reason. */
static void
stopped(pid_t pid, pid_t thread, int status)
{
	struct ptrace_syscall_info s;
	const char *name;
	long deliver = 0;

	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(s), &s) >
		        0 &&
		    s.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    (name = counted(&s)) != NULL && ++count == at) {
			kill(pid, SIGKILL);
			printf("killed %s\n", name);
			exit(0);
		}
	} else if (status >> 16 == PTRACE_EVENT_STOP) {
		/* Seized, new, or stopped by a signal, which then goes on
		 * waiting for SIGCONT. */
		if (WSTOPSIG(status) != SIGTRAP) {
			ptrace(PTRACE_LISTEN, thread, NULL, NULL);
			return;
		}
	} else if (status >> 16 == 0) {
		deliver = WSTOPSIG(status);
	}
	ptrace(PTRACE_SYSCALL, thread, NULL, (void *)deliver);
}

int
main(int argc, char *argv[])
{
	sigset_t set;
	pid_t pid, thread;
	int status;

	if (argc != 3 || (pid = (pid_t)strtol(argv[1], NULL, 10)) <= 0) {
		fprintf(stderr, "usage: cut PID N\n");
		return 64;
	}
	at = strtoul(argv[2], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (seize(pid) == 0) {
		fprintf(stderr, "cannot trace %ld: %s\n", (long)pid,
		    strerror(errno));
		return 1;
	}
	while (seize(pid) > 0)
		; /* threads made meanwhile by one not yet seized */
	printf("ready\n");
	do {
		while ((thread = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
			if (WIFSTOPPED(status))
				stopped(pid, thread, status);
			else if (thread == pid) {
				printf("ended %lu\n", count);
				return 0;
			}
		}
	} while (sigwaitinfo(&set, NULL) != SIGTERM);
	/* What is traced goes on by itself when we are gone. */
	printf("reached %lu\n", count);
	return 0;
}
