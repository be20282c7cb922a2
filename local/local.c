/*
 * local - take deliveries for mailboxes from queued, have their workers carry
 * them out, and sync for a whole batch at once.
 *
 * Runs as   semail-local, in a folder that holds only its peers' sockets.
 * Talks to  queued, which gives it deliveries within the credit it has; spawnd,
 *           which makes a channel to a mailbox's worker; and these workers.
 * Holds     a descriptor of the folder of all homes, to sync by.
 * Never     opens a file or looks at a message; says "delivered" before the
 *           message and its name are on stable storage.
 */
#include "config.h"
#include "local/local.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of events; what comes in goes before a sync, so that one sync serves all
 * that is ready. */
enum { PRIO_CONTROL, PRIO_IPC, PRIO_SYNC, PRIO_COUNT };

struct deliveries all_deliveries = TAILQ_HEAD_INITIALIZER(all_deliveries);

static struct proc proc;
static struct ipc *queued;
static struct event *sync_event, *credit_event;
static uint32_t credit; /* to be given back to queued */
static unsigned ndeliveries;
static uint64_t nlater;
static int mail;

/* ---- answers ----------------------------------------------------------- */

static void
credit_back(evutil_socket_t fd, short what, void *arg)
{
	struct buf b;

	(void)fd;
	(void)what;
	(void)arg;
	if (credit == 0)
		return; /* the channel is a new one */
	buf_init(&b, 8);
	wire_put_u32(&b, credit);
	if (ipc_note(queued, MSG_LOCAL_CREDIT, &b, -1) == 0)
		credit = 0;
	buf_clear(&b);
}

/* All of a turn in one note. */
static void
credit_more(void)
{
	if (credit++ == 0)
		event_active(credit_event, EV_TIMEOUT, 0);
}

void
delivery_lend(struct delivery *d)
{
	if (d->lent || ndeliveries >= DELIVERIES_MAX / 2 ||
	    ipc_by_token(d->peer) == NULL)
		return;
	d->lent = true;
	credit_more();
}

/* What its worker asked for; on_written() has looked at it. */
static void
actions_of(const struct delivery *d, struct msg_actions *out)
{
	struct wire w;

	if (d->actions.len == 0)
		return;
	wire_init(&w, buf_span(&d->actions));
	msg_actions_get(&w, out);
	if (wire_done(&w) == -1)
		fatalx("bug actions that were good are bad");
}

void
delivery_answer(struct delivery *d, enum deliver_result r, const char *status)
{
	static const char *const words[] = { [DELIVER_TEMP] = "later",
		[DELIVER_PERM] = "failed",
		[DELIVER_AGAIN] = "again" };
	struct msg_delivered m = { .result = (uint8_t)r,
		.status = span_of(status) };
	struct ipc *ipc = ipc_by_token(d->peer);
	struct buf b;

	if (r != DELIVER_OK) {
		char id[QUEUE_ID_TEXT];

		queue_id_text(d->queue_id, id);
		log_info("%s id=%s mailbox=%u status=%s", words[r], id,
		    d->number, log_quote_str(status));
		nlater++;
	}
	if (ipc != NULL) {
		buf_init(&b, IPC_MAX);
		if (r == DELIVER_OK)
			actions_of(d, &m.actions);
		msg_delivered_put(&b, &m);
		ipc_reply(ipc, d->id, MSG_DELIVERED, &b, -1);
		buf_clear(&b);
		if (!d->lent)
			credit_more();
	}
	TAILQ_REMOVE(&all_deliveries, d, all);
	ndeliveries--;
	buf_clear(&d->payload);
	buf_clear(&d->actions);
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

static void
answer_430(struct delivery *d, enum deliver_result r, const char *why)
{
	char status[STATUS_MAX];

	snprintf(status, sizeof(status), "4.3.0 %s", why);
	delivery_answer(d, r, status);
}

void
delivery_later(struct delivery *d, const char *why)
{
	answer_430(d, DELIVER_TEMP, why);
}

void
delivery_again(struct delivery *d, const char *why)
{
	answer_430(d, DELIVER_AGAIN, why);
}

/* ---- queued ------------------------------------------------------------ */

static struct delivery *
delivery_new(struct ipc *ipc, const struct ipc_msg *m,
    const struct msg_deliver *in)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (d == NULL)
		fatal("delivery");
	d->number = in->mailbox;
	d->queue_id = in->queue_id;
	d->peer = ipc_token(ipc);
	d->id = m->id;
	d->fd = -1;
	buf_init(&d->payload, IPC_MAX);
	buf_init(&d->actions, IPC_MAX);
	TAILQ_INSERT_TAIL(&all_deliveries, d, all);
	ndeliveries++;
	return d;
}

static struct delivery *
delivery_find(const struct msg_deliver *in)
{
	struct delivery *d;

	TAILQ_FOREACH(d, &all_deliveries, all)
		if (d->queue_id == in->queue_id && d->number == in->mailbox)
			return d;
	return NULL;
}

static int
on_deliver(struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_deliver in;
	struct delivery *d;

	if (msg_deliver_get(m->payload, &in) == -1 || in.mailbox == 0 ||
	    (in.body_file != 0) != (m->fd != -1))
		return ipc_refuse(ipc, m, "form");
	d = delivery_find(&in);
	if (d != NULL && d->peer != ipc_token(ipc)) {
		/* queued has come back and asks for what is still under
		 * way: that one's answer serves. */
		d->peer = ipc_token(ipc);
		d->id = m->id;
		d->lent = false; /* this one was given for a new credit */
		return 0;
	}
	if (d != NULL) {
		delivery_later(delivery_new(ipc, m, &in),
		    "the same delivery is under way");
		return 0;
	}
	d = delivery_new(ipc, m, &in);
	if (ndeliveries > DELIVERIES_MAX)
		delivery_later(d, "too many deliveries at once");
	else
		mailbox_deliver(d, m);
	return 0;
}

static int
queued_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	switch (m->type) {
	case MSG_DELIVER:
		return on_deliver(ipc, m);
	default:
		return ipc_refuse(ipc, m, "not for local");
	}
}

/* A new channel begins without credit. */
static void
queued_up(struct ipc *ipc, void *arg)
{
	struct buf b;

	(void)arg;
	credit = 0;
	buf_init(&b, 8);
	wire_put_u32(&b, CREDIT);
	ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
	buf_clear(&b);
}

static const struct ipc_ops queued_ops = { .msg = queued_msg, .up = queued_up };

/* ---- syncs ------------------------------------------------------------- */

/* The whole file system: measured, one syncfs() for 100 files in 20 folders
 * is many times quicker than their fdatasync()s and the folders' fsync()s.
 * An error since the last call, of any file, is told here once. */
static int
sync_all(void)
{
	return syncfs(mail);
}

static void
sync_wake(void)
{
	event_active(sync_event, EV_TIMEOUT, 0);
}

static void
on_sync(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	batch_run();
}

static const struct batch_ops batch_ops = { .sync = sync_all,
	.publish = mailbox_publish,
	.lost = mailbox_lost,
	.wake = sync_wake };

/* ---- life -------------------------------------------------------------- */

static void
local_stats(struct proc *p, void (*add)(void *, const char *, uint64_t),
    void *arg)
{
	(void)p;
	add(arg, "delivered", batch_stats.delivered);
	add(arg, "syncs", batch_stats.syncs);
	add(arg, "not-delivered", nlater);
	add(arg, "mailboxes", mailbox_count());
}

int
main(int argc, char *argv[])
{
	static const struct proc_ops ops = { .stats = local_stats };

	proc_init(&proc, ROLE_LOCAL, &ops, argc, argv);
	mail = proc_dir(&proc, "mail");
	if (event_base_priority_init(proc.base, PRIO_COUNT) == -1)
		fatalx("event priorities");
	sync_event = event_new(proc.base, -1, 0, on_sync, NULL);
	credit_event = event_new(proc.base, -1, 0, credit_back, NULL);
	if (sync_event == NULL || credit_event == NULL ||
	    event_priority_set(sync_event, PRIO_SYNC) == -1)
		fatalx("events");
	proc_drop(&proc);

	batch_init(&batch_ops);
	mailbox_init(&proc);
	queued = proc_connect(&proc, ROLE_QUEUED, &queued_ops, NULL);
	proc_confine(&proc, CONFINE_CONNECT);
	return proc_loop(&proc);
}
