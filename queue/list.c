#include "config.h"
#include "queue/queued.h"
#include "queue/deferred.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS_MAX 200 /* in one answer: files are read for them */
#define ANSWER_MAX (IPC_MAX / 2)
#define SNAPSHOT_MS 60000

/* The ids a listing walks through, in order: taken at its first page, and
 * shared by listings that run at the same time. */
static uint64_t *snapshot;
static size_t snapshot_n;
static uint64_t snapshot_ms;

static int
by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
snapshot_drop(void)
{
	free(snapshot);
	snapshot = NULL;
	snapshot_n = 0;
}

static int
snapshot_take(struct queued *q)
{
	const struct spool *s = q->spool;
	size_t at = 0, n = 0;
	uint64_t id;

	snapshot_drop();
	snapshot = malloc((s->msgs.used + s->waiting.n + 1) * sizeof(id));
	if (snapshot == NULL)
		return -1;
	while (idtab_next(&s->msgs, &at, &id) != NULL)
		snapshot[n++] = id;
	for (size_t i = 0; i < s->waiting.n; i++)
		snapshot[n++] = s->waiting.heap[i]->id;
	qsort(snapshot, n, sizeof(snapshot[0]), by_id);
	snapshot_n = n;
	return 0;
}

void
list_tick(struct queued *q)
{
	(void)q;
	if (snapshot != NULL && io_now_ms() - snapshot_ms > SNAPSHOT_MS)
		snapshot_drop();
}

static const char *
target_says(const struct qtarget *t)
{
	if (t->state == T_DONE)
		return "done";
	if (t->state == T_FLYING)
		return t->kind == TARGET_UNKNOWN
		    ? "the directory is being asked"
		    : "being delivered";
	if (t->status != NULL)
		return t->status;
	return t->kind == TARGET_UNKNOWN ? "waiting for the directory"
	                                 : "waiting to be delivered";
}

static const char *
message_says(const struct qmsg *m)
{
	for (unsigned i = 0; i < m->ntargets; i++)
		if (m->targets[i].state != T_DONE)
			return target_says(&m->targets[i]);
	return "done";
}

static void
row_put(struct buf *out, const struct qmsg *m)
{
	struct msg_queue_row row = { .queue_id = m->id,
		.arrived_s = m->arrived_s,
		.body_bytes = m->body_bytes,
		.deferred = m->where == Q_DEFERRED || m->where == Q_MOVING,
		.attempts = m->attempts,
		.due_s = m->due_s,
		.reverse_path = m->reverse_path,
		.reason = span_of(message_says(m)) };
	struct buf rcpts;

	buf_init(&rcpts, IPC_MAX);
	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];
		struct msg_row_rcpt r = { t->address, t->state == T_DONE,
			span_of(target_says(t)) };

		if (t->twin)
			continue;
		/* A thousand recipients with long reasons: say less. */
		if (rcpts.len > ANSWER_MAX)
			r.status = span_of("");
		msg_row_rcpt_put(&rcpts, &r);
		row.nrcpts++;
	}
	row.rcpts = buf_span(&rcpts);
	msg_queue_row_put(out, &row);
	buf_clear(&rcpts);
}

/* In memory, or read to be looked at: *owned says who frees it. */
static struct qmsg *
look_up(struct queued *q, uint64_t id, bool *owned)
{
	struct qmsg *m = spool_find(q->spool, id);

	*owned = m == NULL;
	if (m == NULL && waiting_has(&q->spool->waiting, id))
		m = spool_peek(q->spool, id);
	return m;
}

static size_t
first_after(uint64_t id)
{
	size_t lo = 0, hi = snapshot_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (snapshot[mid] <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
on_list(struct queued *q, struct ipc *ipc, struct ipc_msg *msg)
{
	struct buf rows, out;
	uint64_t after;
	uint32_t max, n = 0;
	struct wire w;

	wire_init(&w, msg->payload);
	after = wire_u64(&w);
	max = wire_u32(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, msg, "form");
	if (max == 0 || max > ROWS_MAX)
		max = ROWS_MAX;
	if ((after == 0 || snapshot == NULL) && snapshot_take(q) == -1) {
		ipc_fail(ipc, msg->id, FAIL_TEMP, "no memory");
		return 0;
	}
	snapshot_ms = io_now_ms();
	buf_init(&rows, 2 * IPC_MAX);
	for (size_t i = first_after(after);
	     i < snapshot_n && n < max && rows.len < ANSWER_MAX / 2; i++) {
		bool owned;
		struct qmsg *m = look_up(q, snapshot[i], &owned);
		size_t before = rows.len;

		if (m == NULL)
			continue;
		row_put(&rows, m);
		if (owned)
			qmsg_free(&m);
		if (n > 0 && rows.len > IPC_MAX - 16) {
			buf_truncate(&rows, before);
			break;
		}
		n++;
	}
	buf_init(&out, IPC_MAX);
	wire_put_u32(&out, n);
	buf_put_span(&out, buf_span(&rows));
	ipc_reply(ipc, msg->id, MSG_QUEUE_LIST_IS, &out, -1);
	buf_clear(&rows);
	buf_clear(&out);
	return 0;
}

static int
put_body(struct queued *q, const struct qmsg *m, struct buf *out)
{
	void *p;

	wire_put_u32(out, (uint32_t)(m->prefix.len + m->body_bytes));
	buf_put_span(out, m->prefix);
	if ((p = buf_reserve(out, m->body_bytes + 1)) == NULL)
		return -1;
	/* A damaged one is shown as it is. */
	if (spool_body_read(q->spool, m, p) == -1 && errno != EBADMSG)
		return -1;
	buf_commit(out, m->body_bytes);
	return 0;
}

static int
on_show(struct queued *q, struct ipc *ipc, struct ipc_msg *msg)
{
	bool owned;
	struct qmsg *m;
	struct buf out;
	struct wire w;
	int fd = -1, r = 0;
	uint64_t id;

	wire_init(&w, msg->payload);
	id = wire_u64(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, msg, "form");
	if ((m = look_up(q, id, &owned)) == NULL || m->where == Q_NEW) {
		ipc_fail(ipc, msg->id, FAIL_NONE, "no such message");
		return 0;
	}
	buf_init(&out, IPC_MAX);
	row_put(&out, m);
	if (m->body_file) {
		wire_put_bytes(&out, m->prefix);
		r = fd = spool_body_fd(q->spool, m);
	} else {
		r = put_body(q, m, &out);
	}
	if (r == -1) {
		log_warn("show");
		ipc_fail(ipc, msg->id, FAIL_TEMP, "the body cannot be read");
	} else {
		ipc_reply(ipc, msg->id, MSG_QUEUE_SHOW_IS, &out, fd);
	}
	buf_clear(&out);
	if (owned)
		qmsg_free(&m);
	return 0;
}

static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	switch (m->type) {
	case MSG_QUEUE_LIST:
		return on_list(arg, ipc, m);
	case MSG_QUEUE_SHOW:
		return on_show(arg, ipc, m);
	default:
		return ipc_refuse(ipc, m, "not for queued");
	}
}

const struct ipc_ops list_ops = { .msg = on_msg };
