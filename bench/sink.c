/*
 * sink - takes semail-local's place and says "delivered" to everything at once,
 * so that intake can be measured without what Maildirs cost.  Never installed:
 * bench/run puts it into a copy of the tree.  It loses mail by design.
 */
#include "config.h"
#include "libcommon/log.h"
#include "libcommon/msg_queue.h"
#include "libcommon/proc.h"

#define CREDIT 2000 /* messages queued may have with us at once */

static uint64_t taken;
static unsigned spent; /* credit not yet given back */

static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct msg_delivered done = { .result = DELIVER_OK,
		.status = span_of("2.0.0 dropped") };
	struct msg_deliver d;
	struct buf b;

	(void)arg;
	if (m->type != MSG_DELIVER || msg_deliver_get(m->payload, &d) == -1)
		return ipc_refuse(ipc, m, "form");
	buf_init(&b, 1024);
	msg_delivered_put(&b, &done);
	ipc_reply(ipc, m->id, MSG_DELIVERED, &b, -1);
	taken++;
	if (++spent >= CREDIT / 2) {
		buf_reset(&b);
		wire_put_u32(&b, spent);
		ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
		spent = 0;
	}
	buf_clear(&b);
	return 0;
}

static void
on_up(struct ipc *ipc, void *arg)
{
	struct buf b;

	(void)arg;
	spent = 0;
	buf_init(&b, 16);
	wire_put_u32(&b, CREDIT);
	ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
	buf_clear(&b);
}

static void
on_stats(struct proc *p, void (*add)(void *, const char *, uint64_t), void *arg)
{
	(void)p;
	add(arg, "dropped", taken);
}

int
main(int argc, char *argv[])
{
	static const struct ipc_ops ops = { .msg = on_msg, .up = on_up };
	static const struct proc_ops proc_ops = { .stats = on_stats };
	static struct proc proc;

	proc_init(&proc, ROLE_LOCAL, &proc_ops, argc, argv);
	proc_drop(&proc);
	log_warnx("bench sink: all mail is dropped");
	proc_connect(&proc, ROLE_QUEUED, &ops, NULL);
	proc_confine(&proc, CONFINE_CONNECT);
	return proc_loop(&proc);
}
