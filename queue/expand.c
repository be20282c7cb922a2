#include "config.h"
#include "queue/queued.h"
#include "libcommon/log.h"

#include <errno.h>
#include <stdlib.h>

/* A question to authd.  The message may be gone when the answer comes, so it
 * goes by its id. */
struct question {
	struct queued *q;
	uint64_t id;
	size_t len;
	unsigned char address[];
};

static void
fail(struct queued *q, struct qmsg *m, struct qtarget *t, const char *why)
{
	t->state = T_TRIED;
	m->nflying--;
	qtarget_set_status(t, span_of(why));
	sched_settle(q, m);
}

static void
targets_known(struct queued *q, struct qmsg *m, struct qtarget *t,
    struct span address, const struct target *targets, unsigned n)
{
	/* Long lists fill a batch as bodies do. */
	if (qlog_batch(q->spool->log)->len + EXPAND_MAX > QLOG_BATCH_MAX)
		spool_flush(q->spool, false);
	if (spool_expand(q->spool, m, address, targets, n) == -1)
		fail(q, m, t, "4.3.0 trouble with the recipient's targets");
	queued_turn(q);
}

static int
on_answer(struct ipc_msg *m, void *arg)
{
	struct question *qu = arg;
	struct queued *q = qu->q;
	struct span address = span_from(qu->address, qu->len), grant;
	struct qmsg *msg = spool_find(q->spool, qu->id);
	struct qtarget *t = msg == NULL
	    ? NULL
	    : qmsg_find(msg, TARGET_UNKNOWN, 0, address);
	struct target remote = { TARGET_REMOTE, 0, address };
	uint8_t verdict = RCPT_TEMP;
	struct grant g;
	struct wire w;
	int r = 0;

	if (t == NULL || t->state != T_FLYING)
		goto out;
	if (m != NULL && m->type == MSG_AUTH_RCPT_IS) {
		wire_init(&w, m->payload);
		verdict = wire_u8(&w);
		grant = wire_bytes(&w, GRANT_MAX);
		if (wire_done(&w) == -1) {
			verdict = RCPT_TEMP;
			r = -1;
		}
	}
	switch (verdict) {
	case RCPT_OK:
	case RCPT_FULL:
		if (q->grant_key != NULL && grant.len > 0 &&
		    grant_get(grant, q->grant_key, address, &g) == 0 && g.n > 0)
			targets_known(q, msg, t, address, g.targets, g.n);
		else
			fail(q, msg, t,
			    verdict == RCPT_FULL
			        ? "4.2.2 the mailbox is full"
			        : "4.3.0 authd's grant is not valid");
		break;
	case RCPT_NOT_OURS:
		targets_known(q, msg, t, address, &remote, 1);
		break;
	case RCPT_NO_USER:
		fail(q, msg, t, "5.1.1 there is no such recipient");
		break;
	case RCPT_TOO_MANY:
		fail(q, msg, t, "4.3.5 the recipient stands for too many");
		break;
	default:
		fail(q, msg, t, "4.3.0 the directory does not answer now");
		break;
	}
out:
	free(qu);
	return r;
}

/* False: not now (the channel is down or full). */
static bool
ask(struct queued *q, struct qmsg *m, struct qtarget *t)
{
	struct question *qu = malloc(sizeof(*qu) + t->address.len);
	struct buf b;
	int r;

	if (qu == NULL)
		return false;
	*qu = (struct question){ q, m->id, t->address.len };
	memcpy(qu->address, t->address.data, t->address.len);
	buf_init(&b, 1024);
	wire_put_bytes(&b, t->address);
	r = ipc_request(q->authd, MSG_AUTH_RCPT, &b, -1, IPC_DEADLINE_MS,
	    on_answer, qu);
	buf_clear(&b);
	if (r == -1) {
		free(qu);
		return false;
	}
	t->state = T_FLYING;
	m->nflying++;
	return true;
}

void
expand_ask(struct queued *q)
{
	struct qmsg *m;

	while (ipc_is_up(q->authd) && (m = TAILQ_FIRST(&q->asking)) != NULL) {
		for (unsigned i = 0; i < m->ntargets; i++) {
			struct qtarget *t = &m->targets[i];

			if (t->kind == TARGET_UNKNOWN &&
			    t->state == T_WAITING && !ask(q, m, t))
				return;
		}
		TAILQ_REMOVE(&q->asking, m, asking);
		m->is_asking = false;
	}
}

static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "authd asks nothing of queued");
}

static void
on_up(struct ipc *ipc, void *arg)
{
	struct queued *q = arg;

	(void)ipc;
	if (q->authd != NULL)
		expand_ask(q);
}

static const struct ipc_ops ops = { .msg = on_msg, .up = on_up };

void
expand_start(struct queued *q)
{
	q->authd = proc_connect(q->proc, ROLE_AUTHD, &ops, q);
}
