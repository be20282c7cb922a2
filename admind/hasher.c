#include "config.h"
#include "admind/hasher.h"
#include "admind/nursery.h"
#include "admind/scheme.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHILDREN_MAX 8
#define WAITING_MAX 256 /* ten seconds of work for two children */
#define JOB_MAX 16384
#define ANSWER_MAX 256
/* Of processor time, for all verifiers of a login: scheme.c lets none in that
 * takes longer than a second or two, so this ends only what is broken. */
#define CHECK_S 15

/* A job for a child: what to do, the password; to check it, how many verifiers
 * and these. */
enum { DO_CHECK, DO_HASH };

struct job {
	STAILQ_ENTRY(job) next;
	struct buf bytes;     /* for the child; wiped when it has them */
	struct buf verifiers; /* to say which it was */
	hasher_done done;
	void *arg;
};

static struct child {
	int fd;          /* -1: there is none */
	struct job *job; /* at work on it */
	struct event *ev;
} children[CHILDREN_MAX];
static struct event_base *base;
static unsigned nchildren, nwaiting;
static STAILQ_HEAD(, job) waiting = STAILQ_HEAD_INITIALIZER(waiting);

/* ---- the child ----------------------------------------------------------- */

/* The processor time used so far, and some seconds more, or die. */
static void
child_limit(void)
{
	struct rusage ru;
	struct rlimit rl;

	if (getrusage(RUSAGE_SELF, &ru) == -1 ||
	    getrlimit(RLIMIT_CPU, &rl) == -1)
		fatal("hasher limit");
	rl.rlim_cur = (rlim_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    CHECK_S;
	if (setrlimit(RLIMIT_CPU, &rl) == -1)
		fatal("hasher limit");
}

/* One verifier: 1, 0, -1. */
static int
child_try(struct span password, struct span verifier, bool *paid, bool *weak)
{
	char text[VERIFIER_MAX + 1];
	int r = -1;

	if (span_copy(verifier, text, sizeof(text)) == 0)
		r = scheme_verify(password, text);
	*weak = scheme_is_weak(verifier);
	if (!*weak && r != -1)
		*paid = true;
	return r;
}

static int
child_check(struct wire *w, struct span password,
    char better[static SECRET_HASH_MAX])
{
	bool paid = false, weak = false;
	int r, which = HASHER_NONE_FITS;
	unsigned n = wire_u8(w);
	struct span verifier;

	for (unsigned i = 0; i < n && !w->bad; i++) {
		verifier = wire_bytes(w, VERIFIER_MAX);
		if (w->bad || which >= 0)
			continue;
		r = child_try(password, verifier, &paid, &weak);
		if (r == 1) {
			which = (int)i;
			/* bcrypt does not look at more than 72 bytes: what was
			 * typed beyond them may not be the password. */
			if (weak && password.len <= 72 &&
			    secret_hash(password, better) == -1)
				better[0] = '\0';
		} else if (r == -1 && which == HASHER_NONE_FITS) {
			log_warnx("hasher verifier=%u cannot be checked", i);
			which = HASHER_TROUBLE;
		}
	}
	/* A quick scheme must not tell by its speed that there is one. */
	if (which < 0 && !paid)
		(void)secret_verify(password, secret_dummy_verifier());
	return wire_done(w) == -1 ? HASHER_TROUBLE : which;
}

static int
child_do(struct span in, char better[static SECRET_HASH_MAX])
{
	struct span password;
	struct wire w;
	unsigned verb;

	better[0] = '\0';
	wire_init(&w, in);
	verb = wire_u8(&w);
	password = wire_bytes(&w, PASSWORD_MAX);
	if (verb == DO_CHECK)
		return child_check(&w, password, better);
	if (wire_done(&w) == -1 || verb != DO_HASH)
		return HASHER_TROUBLE;
	if (secret_hash(password, better) == -1)
		better[0] = '\0';
	return HASHER_NONE_FITS;
}

void
hasher_child(void)
{
	static unsigned char in[JOB_MAX];
	char better[SECRET_HASH_MAX];
	struct buf out;
	ssize_t n;
	int which;

	buf_init(&out, ANSWER_MAX);
	while ((n = read(3, in, sizeof(in))) > 0) {
		child_limit();
		which = child_do(span_from(in, (size_t)n), better);
		explicit_bzero(in, (size_t)n);
		buf_reset(&out);
		wire_put_u32(&out, (uint32_t)which);
		wire_put_str(&out, better);
		if (buf_error(&out) != 0 ||
		    write(3, out.data, out.len) != (ssize_t)out.len)
			break;
	}
	_exit(0);
}

/* ---- the parent ----------------------------------------------------------- */

static void child_answer(evutil_socket_t, short, void *);

static void
child_new(struct child *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		fatal("hasher");
	nursery_child(CHILD_HASHER, &pair[1], 1);
	c->fd = pair[0];
	if ((c->ev = event_new(base, c->fd, EV_READ | EV_PERSIST, child_answer,
	         c)) == NULL ||
	    event_add(c->ev, NULL) == -1)
		fatalx("hasher event");
}

static void
child_lost(struct child *c)
{
	log_warnx("hasher died");
	event_free(c->ev);
	close(c->fd);
	c->fd = -1;
	c->ev = NULL;
}

void
hasher_start(struct event_base *b, unsigned n)
{
	base = b;
	nchildren = n < CHILDREN_MAX ? n : CHILDREN_MAX;
	for (unsigned i = 0; i < nchildren; i++)
		child_new(&children[i]);
}

static void
job_free(struct job *j)
{
	buf_clear(&j->bytes);
	buf_clear(&j->verifiers);
	free(j);
}

static void
child_feed(struct child *c)
{
	struct job *j = STAILQ_FIRST(&waiting);

	if (j == NULL || c->job != NULL)
		return;
	/* Only now: one that cannot live must not be made again and again. */
	if (c->fd == -1)
		child_new(c);
	STAILQ_REMOVE_HEAD(&waiting, next);
	nwaiting--;
	c->job = j;
	/* If it has died just now its end is read next, as any other. */
	if (send(c->fd, j->bytes.data, j->bytes.len, MSG_NOSIGNAL) !=
	    (ssize_t)j->bytes.len)
		log_warn("hasher");
	buf_clear(&j->bytes); /* it holds the password */
}

static struct span
job_verifier(const struct job *j, int which)
{
	struct span v = { NULL, 0 };
	struct wire w;

	wire_init(&w, buf_span(&j->verifiers));
	for (int i = 0; i <= which; i++)
		v = wire_bytes(&w, VERIFIER_MAX);
	return w.bad ? span_from(NULL, 0) : v;
}

static void
child_answer(evutil_socket_t fd, short what, void *arg)
{
	struct hasher_result r = { .which = HASHER_TROUBLE };
	unsigned char in[ANSWER_MAX];
	struct child *c = arg;
	struct job *j = c->job;
	struct wire w;
	ssize_t n;

	(void)what;
	n = read(fd, in, sizeof(in));
	c->job = NULL;
	if (n <= 0 || j == NULL) {
		child_lost(c);
	} else {
		wire_init(&w, span_from(in, (size_t)n));
		r.which = (int32_t)wire_u32(&w);
		r.better = wire_text(&w, SECRET_HASH_MAX);
		if (r.which >= 0)
			r.verifier = job_verifier(j, r.which);
		if (wire_done(&w) == -1 ||
		    (r.which >= 0 && r.verifier.len == 0))
			r = (struct hasher_result){ .which = HASHER_TROUBLE };
		if (!scheme_is_known(r.better) || scheme_is_weak(r.better))
			r.better.len = 0;
	}
	child_feed(c);
	if (j != NULL) {
		j->done(j->arg, &r);
		job_free(j);
	}
	explicit_bzero(in, sizeof(in));
}

/* NULL: too many wait. */
static struct job *
job_new(unsigned verb, struct span password, hasher_done done, void *arg)
{
	struct job *j;

	if (nwaiting >= WAITING_MAX || (j = calloc(1, sizeof(*j))) == NULL) {
		errno = EAGAIN;
		return NULL;
	}
	j->done = done;
	j->arg = arg;
	buf_init(&j->bytes, JOB_MAX);
	buf_init(&j->verifiers, JOB_MAX);
	wire_put_u8(&j->bytes, (uint8_t)verb);
	wire_put_bytes(&j->bytes, password);
	return j;
}

static int
job_wait(struct job *j)
{
	if (buf_error(&j->bytes) != 0 || buf_error(&j->verifiers) != 0) {
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

int
hasher_check(struct span password, const struct span *verifiers, unsigned n,
    hasher_done done, void *arg)
{
	struct job *j = job_new(DO_CHECK, password, done, arg);

	if (j == NULL)
		return -1;
	wire_put_u8(&j->bytes, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_bytes(&j->verifiers, verifiers[i]);
	buf_put_span(&j->bytes, buf_span(&j->verifiers));
	return job_wait(j);
}

int
hasher_hash(struct span password, hasher_done done, void *arg)
{
	struct job *j = job_new(DO_HASH, password, done, arg);

	return j == NULL ? -1 : job_wait(j);
}

unsigned
hasher_waiting(void)
{
	return nwaiting;
}
