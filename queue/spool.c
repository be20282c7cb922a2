#include "config.h"
#include "queue/spool.h"
#include "queue/body.h"
#include "queue/deferred.h"
#include "queue/disk.h"
#include "queue/qlog_scan.h"
#include "queue/spool_start.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNSYNCED_MAX (64 * 1024 * 1024)
#define MOVE_RETRY_MS 1000

static const char *
id_text(uint64_t id)
{
	static char text[QUEUE_ID_TEXT];

	queue_id_text(id, text);
	return text;
}

/* ---- state records ------------------------------------------------------ */

/* A copy is kept until it is synced: if its segment fails it goes to the
 * next. */
void
spool_state(struct spool *s, enum rec_type type, uint64_t id,
    struct span payload)
{
	size_t at = qlog_rec_begin(s->log, type, id);

	buf_put_span(qlog_batch(s->log), payload);
	qlog_rec_end(s->log, at);
	wire_put_u8(&s->unsynced, (uint8_t)type);
	wire_put_u64(&s->unsynced, id);
	wire_put_bytes(&s->unsynced, payload);
	if (buf_error(&s->unsynced) != 0 || buf_error(qlog_batch(s->log)) != 0)
		fatalx("queue state records need too much memory");
}

static void
state_again(struct spool *s)
{
	struct wire w;

	qlog_forget_batch(s->log);
	spool_act_unwritten(s);
	wire_init(&w, buf_span(&s->unsynced));
	while (w.left > 0 && !w.bad) {
		uint8_t type = wire_u8(&w);
		uint64_t id = wire_u64(&w);
		struct span payload = wire_bytes(&w, UINT32_MAX);
		size_t at = qlog_rec_begin(s->log, type, id);

		buf_put_span(qlog_batch(s->log), payload);
		if (type == REC_MESSAGE)
			spool_act_again(s, id, qlog_batch(s->log)->len);
		qlog_rec_end(s->log, at);
	}
}

/* ---- a message's end ------------------------------------------------------
 */

static void
leave_log(struct spool *s, struct qmsg *m)
{
	TAILQ_REMOVE(&s->in_log, m, in_log);
	s->nlog--;
}

static void
discard(struct spool *s, struct qmsg *m)
{
	s->ops->gone(s->arg, m);
	idtab_remove(&s->msgs, m->id);
	qmsg_free(&m);
}

void
spool_remove_body(struct spool *s, const struct qmsg *m)
{
	if (m->body_file && body_unlink(s->dirfd, m->id) == -1 &&
	    errno != ENOENT)
		log_warn("body-unlink id=%s", id_text(m->id));
}

/* ---- intake ----------------------------------------------------------------
 */

uint64_t
spool_new_id(struct spool *s)
{
	return s->log->last_id = s->next_id++;
}

struct qmsg *
spool_put(struct spool *s, uint64_t id, const struct envelope *e,
    struct span body, struct span *payload_out)
{
	struct buf *b = qlog_batch(s->log);
	size_t before = b->len, at, payload;
	struct qmsg *m;
	struct span in_batch;

	at = qlog_rec_begin(s->log, REC_MESSAGE, id);
	payload = at + REC_HEADER;
	envelope_put(b, e);
	buf_put_span(b, body);
	m = NULL;
	errno = buf_error(b) != 0 ? ENOMEM : 0;
	if (errno == 0) {
		*payload_out = span_from(b->data + payload, b->len - payload);
		m = qmsg_new(id, *payload_out, &in_batch);
	}
	if (m == NULL) {
		int saved = errno;

		/* Nothing was appended. */
		buf_truncate(b, before);
		b->err = 0;
		errno = saved;
		return NULL;
	}
	m->body_at = (size_t)(in_batch.data - b->data); /* in the batch yet */
	qlog_rec_end(s->log, at);
	m->where = Q_NEW;
	idtab_put(&s->msgs, id, m);
	TAILQ_INSERT_TAIL(&s->in_log, m, in_log);
	s->nlog++;
	s->must_sync = true;
	return m;
}

void
spool_unput(struct spool *s, struct qmsg *m, size_t batch_len)
{
	buf_truncate(qlog_batch(s->log), batch_len);
	leave_log(s, m);
	idtab_remove(&s->msgs, m->id);
	qmsg_free(&m);
}

struct qmsg *
spool_add(struct spool *s, uint64_t id, const struct envelope *e,
    struct span body)
{
	struct span payload;
	struct qmsg *m;

	if (!qlog_has_room(s->log,
	        e->rcpts.len + e->prefix.len + body.len + 2048)) {
		errno = ENOSPC;
		return NULL;
	}
	if ((m = spool_put(s, id, e, body, &payload)) != NULL)
		TAILQ_INSERT_TAIL(&s->fresh, m, sync);
	return m;
}

/* The batch with the new messages did not make it.  If any of it can have
 * reached the disk a record says that it does not count. */
static void
refuse_fresh(struct spool *s, bool written)
{
	struct qmsg *m;

	while ((m = TAILQ_FIRST(&s->fresh)) != NULL) {
		TAILQ_REMOVE(&s->fresh, m, sync);
		leave_log(s, m);
		if (m->seg != NULL)
			qlog_release(s->log, m->seg);
		if (written)
			spool_state(s, REC_VOID, m->id, span_of(""));
		s->refused++;
		s->ops->committed(s->arg, m, false);
		/* A body file becomes an orphan, unless the record counts
		 * after all at the next start. */
		discard(s, m);
	}
}

/* ---- progress
 * ---------------------------------------------------------------- */

/* A line of a deferred message; false if it could not be written. */
static bool
append(struct spool *s, struct qmsg *m, bool sync)
{
	if (buf_error(&s->scratch) == 0 &&
	    deferred_append(s->dirfd, m, buf_span(&s->scratch), sync) == 0)
		return true;
	log_warn("deferred-append id=%s", id_text(m->id));
	return false;
}

/* The final line is durable, or could not be written (a full disk): then
 * removing the file is the next best, for if it comes back after a crash local
 * recognises the mail.  False if it is still there. */
static bool
deferred_finish(struct spool *s, struct qmsg *m)
{
	if (deferred_unlink(s->dirfd, m->id) == -1 && errno != ENOENT) {
		log_warn("deferred-unlink id=%s", id_text(m->id));
		return false;
	}
	spool_remove_body(s, m);
	return true;
}

bool
spool_deferred_done(struct spool *s, struct qmsg *m, struct qtarget *t,
    struct span status)
{
	bool kept;

	buf_reset(&s->scratch);
	deferred_put_target(&s->scratch, io_wall_s(), t, true, status);
	kept = append(s, m, true);
	qtarget_set_done(m, t);
	t->changed = !kept; /* written again with the next attempt's line */
	if (m->nopen > 0)
		return true;
	if (!deferred_finish(s, m) && !kept) {
		/* Neither worked: keep it and try again. */
		t->state = T_TRIED;
		t->again = true;
		m->nopen++;
		return true;
	}
	s->finished_total++;
	discard(s, m);
	return false;
}

static void
finish(struct spool *s, struct qmsg *m)
{
	leave_log(s, m);
	m->where = Q_FINISHED;
	s->finished_total++;
	s->ops->gone(s->arg, m);
	idtab_remove(&s->msgs, m->id);
	TAILQ_INSERT_TAIL(&s->finished, m, sync);
}

bool
spool_done(struct spool *s, struct qmsg *m, struct qtarget *t,
    struct span status)
{
	struct buf b;

	if (m->where == Q_DEFERRED)
		return spool_deferred_done(s, m, t, status);
	buf_init(&b, 1024);
	done_put(&b, t);
	spool_state(s, REC_DONE, m->id, buf_span(&b));
	buf_clear(&b);
	if (t->kind != TARGET_MAILBOX &&
	    ++s->unsynced_remote >= REMOTE_UNSYNCED_MAX)
		s->must_sync = true;
	qtarget_set_done(m, t);
	if (m->nopen > 0)
		return true;
	finish(s, m);
	return false;
}

int
spool_expand(struct spool *s, struct qmsg *m, struct span rcpt,
    const struct target *targets, unsigned n)
{
	struct buf b;
	int r;

	/* Long lists, while the log cannot be synced: they must all fit the
	 * batch that is written again. */
	if (s->unsynced.len > 2 * QLOG_BATCH_MAX) {
		errno = ENOMEM;
		return -1;
	}
	buf_init(&b, EXPAND_MAX);
	expand_put(&b, rcpt, targets, n);
	r = buf_error(&b) == 0 ? qmsg_expand(m, buf_span(&b)) : -1;
	if (r == -1) {
		buf_clear(&b);
		return -1;
	}
	if (m->where == Q_DEFERRED) {
		buf_reset(&s->scratch);
		deferred_put_expand(&s->scratch, io_wall_s(), rcpt, targets, n);
		/* Unrecorded it is asked again after a crash; the targets
		 * that are done then are so by name. */
		append(s, m, true);
		for (unsigned i = 0; i < m->ntargets; i++)
			m->targets[i].again = true;
		if (m->nopen > 0) {
			s->ops->ready(s->arg, m);
		} else {
			/* All of them were done under other names. */
			deferred_finish(s, m);
			s->finished_total++;
			discard(s, m);
		}
	} else {
		spool_state(s, REC_EXPAND, m->id, buf_span(&b));
		s->must_sync = true;
		if (!m->is_expanding)
			TAILQ_INSERT_TAIL(&s->expanded, m, sync);
		m->is_expanding = true;
	}
	buf_clear(&b);
	return 0;
}

/* ---- putting off
 * --------------------------------------------------------------- */

static void
put_away(struct spool *s, struct qmsg *m)
{
	waiting_add(&s->waiting, m->id, m->due_s, m->attempts);
	discard(s, m);
}

/* Reasons that differ each time, for a thousand targets, make a file grow:
 * from some size on only attempts and what is done are written. */
static bool
lines_are_long(const struct qmsg *m)
{
	uint64_t before = m->body_file ? 0 : m->body_at + m->body_bytes;

	return m->file_end - before > DEFERRED_LINES_MAX / 4;
}

static void
defer_again(struct spool *s, struct qmsg *m)
{
	uint64_t now = io_wall_s();

	buf_reset(&s->scratch);
	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];

		if (!t->changed)
			continue;
		if (t->state == T_DONE)
			deferred_put_target(&s->scratch, now, t, true,
			    span_of(""));
		else if (t->status != NULL && !lines_are_long(m))
			deferred_put_target(&s->scratch, now, t, false,
			    span_of(t->status));
	}
	deferred_put_attempt(&s->scratch, now, m);
	append(s, m, false);
	put_away(s, m);
}

void
spool_defer(struct spool *s, struct qmsg *m)
{
	if (m->nflying > 0 || m->is_expanding ||
	    (m->where != Q_LOG && m->where != Q_DEFERRED))
		fatalx("bug deferring id=%s", id_text(m->id));
	if (m->where == Q_DEFERRED) {
		defer_again(s, m);
		return;
	}
	m->where = Q_MOVING;
	leave_log(s, m);
	TAILQ_INSERT_TAIL(&s->to_move, m, sync);
	s->nto_move++;
}

static int
write_deferred(struct spool *s, struct qmsg *m, uint64_t now_s)
{
	struct span body = span_from("", 0);

	if (!m->body_file) {
		buf_reset(&s->scratch);
		if (buf_reserve(&s->scratch, m->body_bytes + 1) == NULL)
			return -1;
		if (spool_body_read(s, m, s->scratch.data) == -1 &&
		    errno != EBADMSG)
			return -1;
		/* A damaged body is kept as it is: its checksum in the
		 * header goes on saying so. */
		body = span_from(s->scratch.data, m->body_bytes);
	}
	return deferred_write(s->dirfd, m, body, now_s);
}

/* Files first, all durable; then the records that say so. */
static int
move_some(struct spool *s)
{
	struct qmsg *batch[MOVE_BATCH], *m;
	uint64_t now_s = io_wall_s();
	size_t n = 0;

	if (s->nto_move == 0 || io_now_ms() < s->move_retry_ms)
		return 0;
	TAILQ_FOREACH(m, &s->to_move, sync) {
		if (n == MOVE_BATCH)
			break;
		if (write_deferred(s, m, now_s) == -1)
			goto fail;
		batch[n++] = m;
	}
	if (deferred_sync(s->dirfd, batch, n) == -1)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		m = batch[i];
		TAILQ_REMOVE(&s->to_move, m, sync);
		s->nto_move--;
		TAILQ_INSERT_TAIL(&s->moving, m, sync);
		spool_state(s, REC_MOVED, m->id, span_of(""));
	}
	s->must_sync = true;
	return 0;
fail:
	log_warn("deferred-write messages=%zu (stay in the log)", n + 1);
	for (size_t i = 0; i < n; i++)
		deferred_unlink(s->dirfd, batch[i]->id);
	if (m != NULL) {
		/* If it is this one alone, the others shall not wait. */
		TAILQ_REMOVE(&s->to_move, m, sync);
		TAILQ_INSERT_TAIL(&s->to_move, m, sync);
	}
	s->move_retry_ms = io_now_ms() + MOVE_RETRY_MS;
	return -1;
}

/* ---- flush
 * ------------------------------------------------------------------------ */

/* What was written is durable: everything that waited for that. */
static void
synced(struct spool *s)
{
	struct qmsg_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
	struct qmsg *m;

	buf_reset(&s->unsynced);
	if (s->unsynced.cap > 1 << 20)
		buf_clear(&s->unsynced);
	s->unsynced_remote = 0;
	s->must_sync = false;
	TAILQ_CONCAT(&fresh, &s->fresh, sync);
	TAILQ_FOREACH(m, &fresh, sync) {
		m->where = Q_LOG;
		s->accepted++;
		s->ops->committed(s->arg, m, true);
	}
	spool_act_synced(s);
	while ((m = TAILQ_FIRST(&fresh)) != NULL) {
		TAILQ_REMOVE(&fresh, m, sync);
		s->ops->ready(s->arg, m);
	}
	while ((m = TAILQ_FIRST(&s->moving)) != NULL) {
		TAILQ_REMOVE(&s->moving, m, sync);
		qlog_release(s->log, m->seg);
		s->moved++;
		put_away(s, m);
	}
	while ((m = TAILQ_FIRST(&s->finished)) != NULL) {
		TAILQ_REMOVE(&s->finished, m, sync);
		qlog_release(s->log, m->seg);
		spool_remove_body(s, m);
		qmsg_free(&m);
	}
	while ((m = TAILQ_FIRST(&s->expanded)) != NULL) {
		TAILQ_REMOVE(&s->expanded, m, sync);
		m->is_expanding = false;
		if (m->nopen == 0)
			finish(s, m); /* all of them were known already */
		else
			s->ops->ready(s->arg, m);
	}
}

static int
write_batch(struct spool *s)
{
	struct seg *seg;
	struct qmsg *m;
	uint64_t off;

	if (qlog_is_empty(s->log))
		return 0;
	if (qlog_write(s->log, &seg, &off) == -1) {
		bool written = errno != ENOSPC;

		log_warn("log-write records-kept=%zu", s->unsynced.len);
		refuse_fresh(s, written);
		state_again(s);
		return -1;
	}
	TAILQ_FOREACH(m, &s->fresh, sync) {
		m->seg = seg;
		m->body_at += off;
		qlog_hold(seg);
	}
	spool_act_written(s, seg, off);
	return 0;
}

int
spool_flush(struct spool *s, bool force)
{
	int r = move_some(s);

	if (write_batch(s) == -1)
		return -1;
	if (!s->must_sync && !force)
		return r;
	if (qlog_sync(s->log) == -1) {
		log_warn("log-sync");
		refuse_fresh(s, true);
		state_again(s);
		return -1;
	}
	synced(s);
	return r;
}

bool
spool_is_dirty(const struct spool *s)
{
	return s->unsynced.len > 0 || s->nto_move > 0 ||
	    !qlog_is_empty(s->log) || !TAILQ_EMPTY(&s->finished);
}

/* ---- life
 * -------------------------------------------------------------------------------
 */

static void
free_list(struct qmsg_list *list)
{
	struct qmsg *m;

	while ((m = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, m, sync);
		qmsg_free(&m);
	}
}

void
spool_close(struct spool **sp)
{
	struct spool *s = *sp;
	struct qmsg *m;
	uint64_t id;
	size_t at = 0;

	if (s == NULL)
		return;
	free_list(&s->finished);
	spool_act_free(s);
	while ((m = idtab_next(&s->msgs, &at, &id)) != NULL)
		qmsg_free(&m);
	idtab_clear(&s->msgs);
	waiting_clear(&s->waiting);
	qlog_close(&s->log);
	buf_clear(&s->unsynced);
	buf_clear(&s->scratch);
	free(s);
	*sp = NULL;
}

struct spool *
spool_open(int dirfd, const struct qlog_conf *conf, uint64_t retry_max_ms,
    const struct spool_ops *ops, void *arg)
{
	struct spool *s = calloc(1, sizeof(*s));
	int saved;

	if (s == NULL)
		return NULL;
	s->dirfd = dirfd;
	s->ops = ops;
	s->arg = arg;
	TAILQ_INIT(&s->in_log);
	TAILQ_INIT(&s->fresh);
	TAILQ_INIT(&s->expanded);
	TAILQ_INIT(&s->moving);
	TAILQ_INIT(&s->finished);
	TAILQ_INIT(&s->born);
	TAILQ_INIT(&s->acted);
	TAILQ_INIT(&s->to_move);
	idtab_init(&s->msgs);
	waiting_init(&s->waiting, retry_max_ms);
	buf_init(&s->unsynced, UNSYNCED_MAX);
	buf_init(&s->scratch, DEFERRED_HEAD_MAX);
	if (spool_recover(s, conf) == -1) {
		saved = errno;
		spool_close(&s);
		errno = saved;
	}
	return s;
}
