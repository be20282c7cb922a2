/*
 * What a delivery causes: new messages (children), in one batch with the
 * completion that makes their parent need nothing more.
 *
 * Whoever sent the parent was answered long ago, so unlike new mail children
 * are never refused once they are in a batch: when its segment fails they go to
 * the next one, under the same ids, together with the completion.  If the first
 * copy has reached the disk after all a start finds the same message twice, and
 * takes the first.
 *
 * A parent in deferred/ keeps its own record of what is done, in its file, which
 * cannot be in the batch.  The batch says it first (REC_ACTED), then the file
 * does; a start that finds the one without the other writes the other.
 */
#include "config.h"
#include "queue/spool_start.h"
#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdlib.h>

/* A target that is done as soon as the batch is durable. */
struct acted {
	TAILQ_ENTRY(acted) entry;
	struct qmsg *m;  /* stays: the target is flying */
	struct buf done; /* done_put() of the target */
	char status[STATUS_MAX + 1];
};

static size_t
size_of(const struct child *c)
{
	return c->envelope.rcpts.len + c->envelope.prefix.len + c->body.len +
	    2048;
}

/* Room in one batch and in the log for all of it. */
static int
make_room(struct spool *s, const struct child *c, unsigned n)
{
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += size_of(&c[i]);
	if (qlog_batch(s->log)->len + sum > QLOG_BATCH_MAX)
		spool_flush(s, false);
	/* While the log cannot be synced it is still there, and all of it must
	 * fit the batch that is written again. */
	if (qlog_batch(s->log)->len + sum <= QLOG_BATCH_MAX &&
	    s->unsynced.len <= 2 * QLOG_BATCH_MAX && qlog_has_room(s->log, sum))
		return 0;
	errno = ENOSPC;
	return -1;
}

static int
put_children(struct spool *s, uint64_t parent, const struct child *c,
    unsigned n)
{
	size_t batch = qlog_batch(s->log)->len, unsynced = s->unsynced.len;
	struct qmsg *m[CHILDREN_MAX];
	struct span payload;
	unsigned i;
	int saved;

	for (i = 0; i < n; i++) {
		m[i] = spool_put(s, c[i].id, &c[i].envelope, c[i].body,
		    &payload);
		if (m[i] == NULL)
			goto fail;
		m[i]->parent = parent;
		wire_put_u8(&s->unsynced, REC_MESSAGE);
		wire_put_u64(&s->unsynced, c[i].id);
		wire_put_bytes(&s->unsynced, payload);
		if (buf_error(&s->unsynced) != 0) {
			errno = ENOMEM;
			i++;
			goto fail;
		}
	}
	for (i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&s->born, m[i], sync);
	return 0;
fail:
	saved = errno;
	while (i-- > 0)
		spool_unput(s, m[i], batch);
	s->unsynced.err = 0;
	buf_truncate(&s->unsynced, unsynced);
	errno = saved;
	return -1;
}

int
spool_act(struct spool *s, struct qmsg *m, struct qtarget *t,
    struct span status, const struct child *children, unsigned n)
{
	struct acted *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -1;
	if (n > CHILDREN_MAX)
		fatalx("bug too many children");
	if (make_room(s, children, n) == -1 ||
	    put_children(s, m->id, children, n) == -1) {
		free(a);
		return -1;
	}
	if (m->where != Q_DEFERRED) {
		free(a);
		return spool_done(s, m, t, status);
	}
	a->m = m;
	buf_init(&a->done, 1024);
	done_put(&a->done, t);
	span_copy(span_sub(status, 0, STATUS_MAX), a->status,
	    sizeof(a->status));
	spool_state(s, REC_ACTED, m->id, buf_span(&a->done));
	TAILQ_INSERT_TAIL(&s->acted, a, entry);
	return 0;
}

/* ---- the batch ------------------------------------------------------------ */

void
spool_act_written(struct spool *s, struct seg *seg, uint64_t off)
{
	struct qmsg *m;

	TAILQ_FOREACH(m, &s->born, sync) {
		m->seg = seg;
		m->body_at += off;
		qlog_hold(seg);
	}
}

void
spool_act_unwritten(struct spool *s)
{
	struct qmsg *m;

	TAILQ_FOREACH(m, &s->born, sync) {
		if (m->seg != NULL)
			qlog_release(s->log, m->seg);
		m->seg = NULL;
	}
}

void
spool_act_again(struct spool *s, uint64_t id, size_t payload_end)
{
	struct qmsg *m = spool_find(s, id);

	if (m == NULL)
		fatalx("bug a child is gone");
	m->body_at = payload_end - (m->body_file ? 0 : m->body_bytes);
}

void
spool_act_synced(struct spool *s)
{
	struct qmsg_list born = TAILQ_HEAD_INITIALIZER(born);
	struct acted *a;
	struct qmsg *m;

	TAILQ_CONCAT(&born, &s->born, sync);
	while ((a = TAILQ_FIRST(&s->acted)) != NULL) {
		struct qtarget *t;

		TAILQ_REMOVE(&s->acted, a, entry);
		t = qmsg_done_find(a->m, buf_span(&a->done));
		if (t == NULL)
			fatalx("bug a target is gone");
		if (spool_deferred_done(s, a->m, t, span_of(a->status)))
			s->ops->ready(s->arg, a->m);
		buf_clear(&a->done);
		free(a);
	}
	TAILQ_FOREACH(m, &born, sync) {
		m->where = Q_LOG;
		s->born_total++;
		s->ops->committed(s->arg, m, true);
	}
	while ((m = TAILQ_FIRST(&born)) != NULL) {
		TAILQ_REMOVE(&born, m, sync);
		s->ops->ready(s->arg, m);
	}
}

void
spool_act_free(struct spool *s)
{
	struct acted *a;

	while ((a = TAILQ_FIRST(&s->acted)) != NULL) {
		TAILQ_REMOVE(&s->acted, a, entry);
		buf_clear(&a->done);
		free(a);
	}
}
