#include "config.h"
#include "queue/queued.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/random.h>

#define LOADED_MAX 1000         /* deferred messages in memory at once */
#define LOAD_TURN 64            /* and read in one turn of the loop */
#define RELIEVE_PERCENT 50      /* of the log, when nobody fetches */
#define RELIEVE_BUSY_PERCENT 80 /* when local is at work */
#define BUSY_MS 2000
#define SLACK_S 1

/* Doubling pauses, each off by up to a fifth, so that what failed together
 * does not come back together. */
static uint64_t
next_wait_ms(const struct queued *q, const struct qmsg *m, bool hopeless)
{
	uint64_t ms = q->retry_min_ms;
	uint32_t chance = 0;

	for (uint32_t i = 1; i < m->attempts && ms < q->retry_max_ms; i++)
		ms *= 2;
	if (ms > q->retry_max_ms || hopeless)
		ms = q->retry_max_ms;
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) == -1)
		chance = UINT32_MAX / 2;
	return ms - ms / 5 +
	    (uint64_t)(2.0 * (double)(ms / 5) *
	        ((double)chance / (double)UINT32_MAX));
}

static void
put_off(struct queued *q, struct qmsg *m)
{
	bool hopeless = true;
	uint64_t ms;

	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];

		if (t->state == T_DONE)
			continue;
		/* A permanent failure is not final until there are
		 * notifications, but it need not be tried often; nor what
		 * has nobody to deliver it. */
		if (t->kind != TARGET_REMOTE &&
		    (t->status == NULL || t->status[0] != '5'))
			hopeless = false;
	}
	m->attempts++;
	ms = next_wait_ms(q, m, hopeless);
	m->due_s = io_wall_s() + (ms + 999) / 1000;
	q->failed++;
	if (log_is_debug()) {
		char id[QUEUE_ID_TEXT];

		queue_id_text(m->id, id);
		log_debug("deferred id=%s attempts=%u wait-ms=%llu", id,
		    m->attempts, (unsigned long long)ms);
	}
	spool_defer(q->spool, m);
	sched_arm(q);
	queued_turn(q);
}

/* What is to be done for m now?  Puts it where that is done. */
void
sched_ready(struct queued *q, struct qmsg *m)
{
	bool for_local = false, for_authd = false;

	for (unsigned i = 0; i < m->ntargets; i++) {
		struct qtarget *t = &m->targets[i];

		if (t->state != T_WAITING)
			continue;
		if (t->kind == TARGET_MAILBOX) {
			for_local = true;
		} else if (t->kind == TARGET_UNKNOWN) {
			for_authd = true;
		} else {
			t->state = T_TRIED;
			qtarget_set_status(t,
			    span_of("4.4.0 remote delivery is not there yet"));
		}
	}
	m->cursor = 0;
	if (for_local && !m->is_ready) {
		TAILQ_INSERT_TAIL(&q->ready, m, ready);
		m->is_ready = true;
	}
	if (for_authd && !m->is_asking) {
		TAILQ_INSERT_TAIL(&q->asking, m, asking);
		m->is_asking = true;
	}
	if (for_authd)
		expand_ask(q);
	else if (!for_local)
		sched_settle(q, m);
	queued_turn(q);
}

void
sched_settle(struct queued *q, struct qmsg *m)
{
	if (m->nflying > 0 || m->nopen == 0 || m->is_expanding)
		return;
	for (unsigned i = 0; i < m->ntargets; i++)
		if (m->targets[i].state == T_WAITING)
			return;
	put_off(q, m);
}

void
sched_forget(struct queued *q, struct qmsg *m)
{
	if (m->is_ready)
		TAILQ_REMOVE(&q->ready, m, ready);
	if (m->is_asking)
		TAILQ_REMOVE(&q->asking, m, asking);
	m->is_ready = m->is_asking = false;
	if (m->where == Q_DEFERRED && q->loaded > 0) {
		q->loaded--;
		sched_arm(q);
	}
}

/*
 * The log runs full of mail that nobody fetches: the oldest goes to files, due
 * at once, so that a local that is away for long does not stop the intake.  One
 * that works, only slower than mail comes in, gets more time: files are dear.
 */
void
sched_relieve(struct queued *q)
{
	struct qmsg *m, *next;
	unsigned n = 0, limit = RELIEVE_PERCENT;

	if (q->local != NULL && io_now_ms() - q->delivered_ms < BUSY_MS)
		limit = RELIEVE_BUSY_PERCENT;
	if (q->spool->nto_move >= MOVE_BATCH ||
	    qlog_percent(q->spool->log) < limit)
		return;
	for (m = TAILQ_FIRST(&q->spool->in_log); m != NULL && n < MOVE_BATCH;
	     m = next) {
		next = TAILQ_NEXT(m, in_log);
		if (m->where != Q_LOG || m->nflying > 0 || m->is_expanding)
			continue;
		m->due_s = io_wall_s();
		if (m->is_ready)
			TAILQ_REMOVE(&q->ready, m, ready);
		if (m->is_asking)
			TAILQ_REMOVE(&q->asking, m, asking);
		m->is_ready = m->is_asking = false;
		spool_defer(q->spool, m);
		n++;
	}
	if (n > 0) {
		sched_arm(q);
		queued_turn(q);
	}
}

/* ---- deferred messages come due --------------------------------------------
 */

void
sched_arm(struct queued *q)
{
	uint64_t ms = waiting_next_ms(&q->spool->waiting, io_now_ms());
	struct timeval tv;

	if (q->loaded >= LOADED_MAX || ms == UINT64_MAX)
		return;
	if (ms < 10)
		ms = 10; /* never in a circle without a pause */
	tv = (struct timeval){ (time_t)(ms / 1000),
		(suseconds_t)(ms % 1000) * 1000 };
	event_add(q->due, &tv);
}

static void
load(struct queued *q, uint64_t id)
{
	struct qmsg *m = spool_load(q->spool, id);
	char text[QUEUE_ID_TEXT];

	if (m == NULL) {
		if (errno != EBADMSG && errno != ENOENT) {
			queue_id_text(id, text);
			log_warn("deferred-read id=%s", text);
			waiting_add(&q->spool->waiting, id, io_wall_s() + 60,
			    0);
		}
		return;
	}
	q->loaded++;
	if (m->due_s > io_wall_s() + SLACK_S &&
	    m->due_s - io_wall_s() < q->retry_max_ms / 1000) {
		/* The index was behind.  Not an attempt. */
		waiting_add(&q->spool->waiting, id, m->due_s, m->attempts);
		idtab_remove(&q->spool->msgs, id);
		q->loaded--;
		qmsg_free(&m);
		return;
	}
	sched_ready(q, m);
}

void
sched_on_due(int fd, short what, void *arg)
{
	struct queued *q = arg;
	unsigned n = 0;
	uint64_t id;

	(void)fd;
	(void)what;
	while (n++ < LOAD_TURN && q->loaded < LOADED_MAX &&
	    waiting_pop(&q->spool->waiting, io_now_ms(), &id))
		load(q, id);
	sched_arm(q);
}
