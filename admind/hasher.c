#include "config.h"
#include "admind/hasher.h"

#include "libcommon/confine.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHILDREN_MAX 8
#define WAITING_MAX 256 /* ten seconds of work for two children */
#define JOB_MAX 16384
/* Argon2id's 64 MiB, the program and its libraries. */
#define CHILD_AS_BYTES (256ull << 20)

struct job {
	STAILQ_ENTRY(job) next;
	struct buf bytes;
	void (*done)(void *, int);
	void *arg;
};

static struct child {
	int fd;
	struct job *job; /* at work on it */
	struct event *ev;
} children[CHILDREN_MAX];
static unsigned nchildren, nwaiting;
static STAILQ_HEAD(, job) waiting = STAILQ_HEAD_INITIALIZER(waiting);

/* ---- the child ----------------------------------------------------------- */

static int
child_check(struct span in)
{
	struct span password, verifier;
	char text[SECRET_HASH_MAX];
	int r, which = HASHER_NONE_FITS;
	struct wire w;
	unsigned n;

	wire_init(&w, in);
	password = wire_bytes(&w, PASSWORD_MAX);
	n = wire_u8(&w);
	for (unsigned i = 0; i < n && !w.bad; i++) {
		verifier = wire_bytes(&w, VERIFIER_MAX);
		if (w.bad || which >= 0)
			continue;
		r = span_copy(verifier, text, sizeof(text)) == -1 ? -1 :
		    secret_verify(password, text);
		if (r == 1) {
			which = (int)i;
		} else if (r == -1 && which == HASHER_NONE_FITS) {
			log_warnx("hasher verifier=%u cannot be checked", i);
			which = HASHER_TROUBLE;
		}
	}
	return wire_done(&w) == -1 ? HASHER_TROUBLE : which;
}

static void __attribute__((noreturn))
child_run(int fd)
{
	static unsigned char in[JOB_MAX];
	int32_t which;
	ssize_t n;
#ifndef SANITIZED
	struct rlimit as = { CHILD_AS_BYTES, CHILD_AS_BYTES };

	if (setrlimit(RLIMIT_AS, &as) == -1)
		fatal("hasher limit");
#endif
	signal(SIGTERM, SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || dup2(fd, 3) == -1)
		fatal("hasher");
	close_range(4, ~0u, 0);
	confine(0, NULL, 0);
	while ((n = read(3, in, sizeof(in))) > 0) {
		which = child_check(span_from(in, (size_t)n));
		explicit_bzero(in, (size_t)n);
		if (write(3, &which, sizeof(which)) != sizeof(which))
			break;
	}
	_exit(0);
}

/* ---- the parent ----------------------------------------------------------- */

void
hasher_start(unsigned n)
{
	int pair[2];
	pid_t pid;

	for (unsigned i = 0; i < n && i < CHILDREN_MAX; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		    pair) == -1 || (pid = fork()) == -1)
			fatal("hasher");
		if (pid == 0)
			child_run(pair[1]);
		close(pair[1]);
		children[nchildren++].fd = pair[0];
	}
}

static void
job_free(struct job *j)
{
	buf_clear(&j->bytes);
	free(j);
}

static void
child_feed(struct child *c)
{
	struct job *j = STAILQ_FIRST(&waiting);

	if (j == NULL || c->job != NULL)
		return;
	STAILQ_REMOVE_HEAD(&waiting, next);
	nwaiting--;
	c->job = j;
	if (write(c->fd, j->bytes.data, j->bytes.len) !=
	    (ssize_t)j->bytes.len)
		fatal("hasher is gone");
	buf_clear(&j->bytes); /* it holds the password */
}

static void
child_answer(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;
	struct job *j = c->job;
	int32_t which;

	(void)what;
	/* Without it nobody can log in: a fresh authd has fresh children. */
	if (read(fd, &which, sizeof(which)) != sizeof(which) || j == NULL)
		fatalx("hasher is gone");
	c->job = NULL;
	child_feed(c);
	j->done(j->arg, which);
	job_free(j);
}

void
hasher_attach(struct event_base *base)
{
	for (unsigned i = 0; i < nchildren; i++) {
		struct child *c = &children[i];

		c->ev = event_new(base, c->fd, EV_READ | EV_PERSIST,
		    child_answer, c);
		if (c->ev == NULL || event_add(c->ev, NULL) == -1)
			fatalx("hasher event");
	}
}

int
hasher_check(struct span password, const struct span *verifiers, unsigned n,
    void (*done)(void *arg, int which), void *arg)
{
	struct job *j;

	if (nwaiting >= WAITING_MAX || (j = calloc(1, sizeof(*j))) == NULL) {
		errno = EAGAIN;
		return -1;
	}
	j->done = done;
	j->arg = arg;
	buf_init(&j->bytes, JOB_MAX);
	wire_put_bytes(&j->bytes, password);
	wire_put_u8(&j->bytes, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_bytes(&j->bytes, verifiers[i]);
	if (buf_error(&j->bytes) != 0) {
		job_free(j);
		errno = EAGAIN;
		return -1;
	}
	STAILQ_INSERT_TAIL(&waiting, j, next);
	nwaiting++;
	for (unsigned i = 0; i < nchildren; i++)
		child_feed(&children[i]);
	return 0;
}

unsigned
hasher_waiting(void)
{
	return nwaiting;
}
