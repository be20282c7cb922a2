/*
 * test_queue - messages with known contents for the tests of the spool.
 *
 * Message N comes from mN@t, has mailboxes 1 .. targets, and a body that
 * follows from N and its length alone.
 */
#ifndef QUEUE_TEST_QUEUE_H
#define QUEUE_TEST_QUEUE_H

#include "queue/body.h"
#include "queue/deferred.h"
#include "queue/disk.h"
#include "queue/spool.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define TQ_MESSAGES 512

/* The log of the tests: four segments, soon full. */
static const struct qlog_conf tq_conf = { 256 * 1024, 64 * 1024 };

static struct {
	uint64_t id;
	bool acked, refused;
} tq[TQ_MESSAGES];
static void (*tq_on_ack)(unsigned n); /* for a test that wants to know */

/* Message N came of the delivery of another to a mailbox; 0: it did not. */
static unsigned tq_parent[TQ_MESSAGES], tq_parent_mailbox[TQ_MESSAGES];
#define TQ_PREFIX "Delivered-To: a@t\r\n"

/* Whose body it has. */
static unsigned
tq_body_of(unsigned n)
{
	while (tq_parent[n] != 0)
		n = tq_parent[n];
	return n;
}

static unsigned
tq_number(const struct qmsg *m)
{
	unsigned n = 0;

	for (size_t i = 1;
	     i < m->reverse_path.len && m->reverse_path.data[i] != '@'; i++)
		n = n * 10 + (m->reverse_path.data[i] - '0');
	return n;
}

static void
tq_committed(void *arg, struct qmsg *m, bool good)
{
	unsigned n = tq_number(m);

	(void)arg;
	tq[n].acked = good;
	tq[n].refused = !good;
	if (good && tq_on_ack != NULL)
		tq_on_ack(n);
}

static void
tq_nothing(void *arg, struct qmsg *m)
{
	(void)arg;
	(void)m;
}

static const struct spool_ops tq_ops = { tq_committed, tq_nothing, tq_nothing };

static void
tq_body(unsigned n, unsigned char *p, size_t len)
{
	uint32_t x = n * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (unsigned char)(x >> 24);
	}
}

static int
tq_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct spool *
tq_open(int dirfd)
{
	return spool_open(dirfd, &tq_conf, 3600000, &tq_ops, NULL);
}

/* targets 0: one recipient that is not known yet. */
__attribute__((unused)) static struct qmsg *
tq_add(struct spool *s, unsigned n, unsigned targets, size_t len, bool as_file)
{
	static unsigned char body[1024 * 1024];
	struct envelope e = { .arrived_s = 1700000000 + n,
		.body_bytes = len,
		.body_file = as_file };
	struct target t = { TARGET_MAILBOX, 0, span_of("b@t") };
	char from[32], to[32];
	struct buf rcpts;
	struct qmsg *m;
	uint64_t id = spool_new_id(s);

	snprintf(from, sizeof(from), "m%u@t", n);
	e.reverse_path = span_of(from);
	e.client = e.auth = span_of("");
	buf_init(&rcpts, 1 << 20);
	for (unsigned i = 1; i <= targets; i++) {
		snprintf(to, sizeof(to), "r%u@t", i);
		t.mailbox = i;
		envelope_rcpt_put(&rcpts, span_of(to), &t, 1);
	}
	if (targets == 0)
		envelope_rcpt_put(&rcpts, span_of("unknown@t"), NULL, 0);
	e.nrcpts = targets == 0 ? 1 : targets;
	e.rcpts = buf_span(&rcpts);
	tq_body(n, body, len);
	if (as_file) {
		int fd = body_create(s->dirfd, 1000 + n);

		if (fd == -1 || disk_pwrite_all(fd, body, len, 0) == -1 ||
		    body_keep(s->dirfd, fd, 1000 + n, id) == -1) {
			buf_clear(&rcpts);
			return NULL;
		}
		disk->close(fd);
	} else {
		e.body_crc = io_crc32c(0, body, len);
	}
	tq[n].id = id;
	m = spool_add(s, id, &e, span_from(body, as_file ? 0 : len));
	buf_clear(&rcpts);
	return m;
}

/* The delivery of message p to a mailbox makes message n, for mailbox 1, with
 * the same body.  As spool_act(). */
__attribute__((unused)) static int
tq_act(struct spool *s, unsigned p, unsigned mailbox, unsigned n)
{
	static unsigned char body[1024 * 1024];
	struct target to = { TARGET_MAILBOX, 1, span_of("next@t") };
	struct qmsg *m = spool_find(s, tq[p].id);
	struct qtarget *t = m == NULL
	    ? NULL
	    : qmsg_find(m, TARGET_MAILBOX, mailbox, span_of(""));
	struct child c = { .id = spool_new_id(s) };
	char from[32];
	struct buf rcpts;
	int r = 0;

	if (t == NULL || t->state == T_DONE)
		return -1;
	if (t->state == T_WAITING) {
		t->state = T_FLYING; /* as deliver.c has it */
		m->nflying++;
	}
	snprintf(from, sizeof(from), "m%u@t", n);
	c.envelope = (struct envelope){ .arrived_s = 1700000000 + n,
		.reverse_path = span_of(from),
		.client = span_of(""),
		.auth = span_of(""),
		.prefix = span_of(TQ_PREFIX),
		.nrcpts = 1,
		.body_file = m->body_file,
		.body_bytes = m->body_bytes,
		.body_crc = m->body_crc };
	buf_init(&rcpts, 4096);
	envelope_rcpt_put(&rcpts, span_of("next@t"), &to, 1);
	c.envelope.rcpts = buf_span(&rcpts);
	if (m->body_file)
		r = body_share(s->dirfd, m->id, c.id);
	else
		r = spool_body_read(s, m, body);
	if (r == 0) {
		c.body = span_from(body, m->body_file ? 0 : m->body_bytes);
		tq[n].id = c.id;
		tq_parent[n] = p;
		tq_parent_mailbox[n] = mailbox;
		r = spool_act(s, m, t, span_of("2.0.0 forwarded"), &c, 1);
	}
	if (r == -1) {
		tq[n].id = 0;
		tq_parent[n] = 0;
		m->nflying--;
		t->state = T_TRIED;
	}
	buf_clear(&rcpts);
	return r;
}

/* Is its body what it was? */
__attribute__((unused)) static bool
tq_body_good(struct spool *s, const struct qmsg *m)
{
	static unsigned char got[1024 * 1024], want[1024 * 1024];
	int fd;
	bool good;

	if (m->body_bytes > sizeof(got))
		return false;
	if (m->prefix.len !=
	    (tq_parent[tq_number(m)] == 0 ? 0 : strlen(TQ_PREFIX)))
		return false;
	tq_body(tq_body_of(tq_number(m)), want, m->body_bytes);
	if (m->body_file) {
		if ((fd = spool_body_fd(s, m)) == -1)
			return false;
		good = io_pread_all(fd, got, m->body_bytes, 0) == 0;
		close(fd);
	} else {
		good = spool_body_read(s, m, got) == 0;
	}
	return good && memcmp(got, want, m->body_bytes) == 0;
}

__attribute__((unused)) static struct qtarget *
tq_target(struct qmsg *m, unsigned mailbox)
{
	return qmsg_find(m, TARGET_MAILBOX, mailbox, span_of(""));
}

/* All targets of message n are done. */
__attribute__((unused)) static void
tq_finish(struct spool *s, unsigned n)
{
	struct qmsg *m = spool_find(s, tq[n].id);

	for (unsigned i = 0; m != NULL && i < m->ntargets; i++)
		if (m->targets[i].state != T_DONE &&
		    !spool_done(s, m, &m->targets[i], span_of("2.0.0 ok")))
			return;
}

/* ---- is all there that must be, and nothing else? ---- */

/* What has been said and done of a message. */
struct fate {
	bool acked;
	uint32_t done, durable; /* by mailbox, from bit 1 */
};

static struct fate tq_fates[TQ_MESSAGES];
static unsigned tq_targets[TQ_MESSAGES];

static char tq_why[200];
#define TQ_WRONG(...) (snprintf(tq_why, sizeof(tq_why), __VA_ARGS__), false)

/* Of message p, is the delivery to a mailbox still to be made? */
__attribute__((unused)) static bool
tq_is_open(struct spool *s, unsigned p, unsigned mailbox)
{
	struct qmsg *m = spool_find(s, tq[p].id), *peeked = NULL;
	struct qtarget *t;
	bool open;

	if (m == NULL && waiting_has(&s->waiting, tq[p].id))
		m = peeked = spool_peek(s, tq[p].id);
	t = m == NULL ? NULL
	              : qmsg_find(m, TARGET_MAILBOX, mailbox, span_of(""));
	open = t != NULL && t->state != T_DONE;
	qmsg_free(&peeked);
	return open;
}

/* A delivery and the message it makes: both have happened, or neither. */
__attribute__((unused)) static bool
tq_is_one(struct spool *s, unsigned n, const struct qmsg *m)
{
	bool born = m != NULL || tq_fates[n].done != 0;

	if (tq_parent[n] == 0 || (!born && !tq_fates[tq_parent[n]].acked))
		return true;
	if (tq_is_open(s, tq_parent[n], tq_parent_mailbox[n]) != born)
		return true;
	return TQ_WRONG("message %u, of %u: %s", n, tq_parent[n],
	    born ? "it would be made again" : "it is lost");
}

/* Does what is there of message n agree with its fate? */
__attribute__((unused)) static bool
tq_agrees(struct spool *s, unsigned n, struct qmsg *m)
{
	uint32_t all = (2u << tq_targets[n]) - 2;

	if (!tq_is_one(s, n, m))
		return false;
	if (m == NULL) {
		if (tq_fates[n].acked && (tq_fates[n].done & all) != all)
			return TQ_WRONG("message %u is lost", n);
		return true;
	}
	if (!tq_body_good(s, m))
		return TQ_WRONG("message %u is not whole", n);
	if ((tq_fates[n].durable & all) == all && m->nopen > 0)
		return TQ_WRONG("message %u came back", n);
	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];

		if (t->twin || t->kind != TARGET_MAILBOX)
			continue;
		if (t->state == T_DONE &&
		    !(tq_fates[n].done & 1u << t->mailbox))
			return TQ_WRONG("message %u target %u is lost", n,
			    t->mailbox);
		if (t->state != T_DONE &&
		    (tq_fates[n].durable & 1u << t->mailbox))
			return TQ_WRONG("message %u target %u came back", n,
			    t->mailbox);
		if (t->state != T_DONE && !t->again)
			return TQ_WRONG("message %u not marked as again", n);
	}
	return true;
}

/* A start finished it: only the time it was due is left. */
__attribute__((unused)) static bool
tq_is_stale(struct spool *s, uint64_t id)
{
	int fd = deferred_open(s->dirfd, id);

	if (fd == -1)
		return errno == ENOENT;
	disk->close(fd);
	return false;
}

__attribute__((unused)) static bool
tq_check(struct spool *s)
{
	for (unsigned n = 0; n < TQ_MESSAGES; n++) {
		struct qmsg *m;
		bool in_log, waits, good;

		if (tq[n].id == 0)
			continue;
		m = spool_find(s, tq[n].id);
		in_log = m != NULL;
		waits = waiting_has(&s->waiting, tq[n].id);
		if (waits && tq_is_stale(s, tq[n].id))
			waits = false;
		if (in_log && waits)
			return TQ_WRONG("message %u is there twice", n);
		if (waits && (m = spool_peek(s, tq[n].id)) == NULL)
			return TQ_WRONG("message %u cannot be read", n);
		good = tq_agrees(s, n, m);
		if (waits)
			qmsg_free(&m);
		if (!good)
			return false;
	}
	return true;
}

#endif
