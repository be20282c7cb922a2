#include "config.h"
#include "queue/queued.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <stdlib.h>

#define DELIVER_MS (5 * 60 * 1000)
#define LOST_MAX 3 /* times local or a worker may go away with a message */
#define LOCAL_LOST "4.3.2 local went away"
#define TURN_MAX 16 /* targets of one message before another's turn */

struct flight {
	struct queued *q;
	struct qmsg *m; /* stays while a target is flying */
	uint64_t channel;
	uint32_t mailbox;
};

static void
tried(struct queued *q, struct qmsg *m, struct qtarget *t, struct span status)
{
	m->nflying--;
	t->state = T_TRIED;
	t->again = true;
	qtarget_set_status(t, status);
	sched_settle(q, m);
}

/* local or a worker went away with it: perhaps delivered, perhaps not. */
static void
lost(struct queued *q, struct qmsg *m, struct qtarget *t, struct span status)
{
	if (++t->lost >= LOST_MAX) {
		tried(q, m, t, status);
		return;
	}
	m->nflying--;
	t->again = true;
	t->state = T_WAITING;
	sched_ready(q, m);
}

static void
log_delivery(const struct qmsg *m, const struct qtarget *t, const char *word,
    struct span status)
{
	char id[QUEUE_ID_TEXT];

	queue_id_text(m->id, id);
	log_info("%s id=%s mailbox=%u to=%s status=%s", word, id, t->mailbox,
	    log_quote(t->address), log_quote(status));
}

static void
delivered(struct queued *q, struct qmsg *m, struct qtarget *t,
    const struct msg_delivered *d)
{
	const char *why = NULL;
	int more;

	log_delivery(m, t, "delivered", d->status);
	q->delivered_ms = io_now_ms();
	more = msg_has_actions(&d->actions)
	    ? children_act(q, m, t, d, &why)
	    : spool_done(q->spool, m, t, d->status);
	if (more == -1) {
		log_delivery(m, t, "not-delivered", span_of(why));
		tried(q, m, t, span_of(why));
		return;
	}
	q->delivered++;
	if (more)
		sched_settle(q, m);
}

static int
on_delivered(struct ipc_msg *answer, void *arg)
{
	struct flight *f = arg;
	struct queued *q = f->q;
	struct qmsg *m = f->m;
	struct qtarget *t = qmsg_find(m, TARGET_MAILBOX, f->mailbox,
	    span_of(""));
	struct msg_delivered d;
	struct ipc *channel = ipc_by_token(f->channel);
	char reason[201];
	enum fail why;

	free(f);
	queued_turn(q);
	if (t == NULL || t->state != T_FLYING)
		fatalx("bug an answer for nothing");
	if (answer == NULL) {
		if (channel == NULL || !ipc_is_up(channel))
			lost(q, m, t, span_of(LOCAL_LOST));
		else
			tried(q, m, t, span_of("4.4.7 no answer in time"));
		return 0;
	}
	if (answer->type == MSG_FAIL) {
		if (msg_fail_get(answer->payload, &why, reason) == -1) {
			lost(q, m, t, span_of(LOCAL_LOST));
			return -1;
		}
		log_delivery(m, t, "not-delivered", span_of(reason));
		tried(q, m, t, span_of(reason));
		return 0;
	}
	if (answer->type != MSG_DELIVERED ||
	    msg_delivered_get(answer->payload, &d) == -1) {
		lost(q, m, t, span_of(LOCAL_LOST));
		return -1;
	}
	if (d.result == DELIVER_OK) {
		delivered(q, m, t, &d);
		return 0;
	}
	log_delivery(m, t, "not-delivered", d.status);
	if (d.result == DELIVER_AGAIN)
		lost(q, m, t, d.status);
	else
		tried(q, m, t, d.status);
	return 0;
}

/* The body goes last into the payload: straight from the disk. */
static int
put_body(struct queued *q, const struct qmsg *m, struct buf *b)
{
	void *p;

	buf_truncate(b, b->len - 4);
	wire_put_u32(b, (uint32_t)m->body_bytes);
	if ((p = buf_reserve(b, m->body_bytes + 1)) == NULL)
		return -1;
	if (spool_body_read(q->spool, m, p) == -1)
		return -1;
	buf_commit(b, m->body_bytes);
	return 0;
}

enum sent { SENT, NOT_NOW, UNREADABLE };

static enum sent
hand_out(struct queued *q, struct qmsg *m, struct qtarget *t)
{
	struct msg_deliver d = { .queue_id = m->id,
		.mailbox = t->mailbox,
		.again = t->again,
		.may_act = qmsg_depth(m->flags) < QMSG_DEPTH_MAX,
		.arrived_s = m->arrived_s,
		.reverse_path = m->reverse_path,
		.recipient = t->address,
		.original = t->original,
		.prefix = m->prefix,
		.body_bytes = m->body_bytes,
		.body_file = m->body_file };
	struct buf *b = &q->out;
	struct flight *f;
	int fd = -1, r;

	buf_reset(b);
	msg_deliver_put(b, &d);
	if (m->body_file)
		r = (fd = spool_body_fd(q->spool, m)) == -1 ? -1 : 0;
	else
		r = put_body(q, m, b);
	if (r == -1)
		return errno == EMFILE || errno == ENOMEM ? NOT_NOW
		                                          : UNREADABLE;
	if ((f = malloc(sizeof(*f))) == NULL)
		fatal("delivery");
	*f = (struct flight){ q, m, ipc_token(q->local), t->mailbox };
	r = ipc_request(q->local, MSG_DELIVER, b, fd, DELIVER_MS, on_delivered,
	    f);
	if (r == -1) {
		free(f);
		return NOT_NOW;
	}
	t->state = T_FLYING;
	m->nflying++;
	q->credit--;
	return SENT;
}

static struct qtarget *
next_target(struct qmsg *m)
{
	for (; m->cursor < m->ntargets; m->cursor++) {
		struct qtarget *t = &m->targets[m->cursor];

		if (t->kind == TARGET_MAILBOX && t->state == T_WAITING)
			return t;
	}
	return NULL;
}

static void
unreadable(struct queued *q, struct qmsg *m)
{
	char id[QUEUE_ID_TEXT];

	queue_id_text(m->id, id);
	log_warn("body-unreadable id=%s", id);
	for (unsigned i = 0; i < m->ntargets; i++) {
		struct qtarget *t = &m->targets[i];

		if (t->state != T_WAITING || t->kind != TARGET_MAILBOX)
			continue;
		t->state = T_TRIED;
		qtarget_set_status(t,
		    span_of("4.3.0 the body on disk is "
		            "damaged or cannot be read"));
	}
	sched_settle(q, m);
}

/* In turn; a message for many leaves the others their chance. */
void
deliver_dispatch(struct queued *q)
{
	struct qtarget *t;
	struct qmsg *m;
	unsigned n;

	while (q->local != NULL && q->credit > 0 && !ipc_is_full(q->local) &&
	    (m = TAILQ_FIRST(&q->ready)) != NULL) {
		for (n = 0, t = next_target(m);
		     t != NULL && n < TURN_MAX && q->credit > 0;
		     t = next_target(m), n++) {
			enum sent sent = hand_out(q, m, t);

			if (sent == NOT_NOW)
				return;
			if (sent == UNREADABLE) {
				TAILQ_REMOVE(&q->ready, m, ready);
				m->is_ready = false;
				unreadable(q, m);
				m = NULL;
				break;
			}
		}
		if (m == NULL)
			continue;
		TAILQ_REMOVE(&q->ready, m, ready);
		if (t != NULL)
			TAILQ_INSERT_TAIL(&q->ready, m, ready);
		else
			m->is_ready = false;
	}
}

static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct queued *q = arg;
	struct wire w;
	uint32_t more;

	if (m->type != MSG_LOCAL_CREDIT)
		return ipc_refuse(ipc, m, "not for queued");
	wire_init(&w, m->payload);
	more = wire_u32(&w);
	if (wire_done(&w) == -1 || more > IPC_WINDOW)
		return ipc_refuse(ipc, m, "form");
	if (q->local != ipc) {
		/* A new local; of the one before nothing will come. */
		struct ipc *old = q->local;

		q->local = ipc;
		q->credit = 0;
		if (old != NULL)
			ipc_close(old);
	}
	q->credit += more;
	if (q->credit > IPC_WINDOW)
		q->credit = IPC_WINDOW;
	queued_turn(q);
	return 0;
}

static void
on_gone(struct ipc *ipc, void *arg)
{
	struct queued *q = arg;

	if (q->local != ipc)
		return;
	log_info("local-gone");
	q->local = NULL;
	q->credit = 0;
}

static void
on_drained(struct ipc *ipc, void *arg)
{
	(void)ipc;
	queued_turn(arg);
}

const struct ipc_ops deliver_ops = {
	.msg = on_msg, .gone = on_gone, .drained = on_drained
};
