/*
 * A mailbox while something is delivered to it: the channel spawnd made to its
 * worker, and who waits for it.  Channels nobody uses are closed after a
 * while, the longest unused first when there are many, so that workers can go.
 *
 * Deliveries to a mailbox that is slow, or that waits for a worker's place,
 * would hold all of queued's credit after a while.  So their credit is given
 * back early, and beyond SLOW_MAX they are sent away to come later.
 */
#include "config.h"
#include "local/local.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SPAWN_MS 25000 /* spawnd waits up to 20 s for a worker's place */
#define HOLD_MS \
	30000 /* for spawnd to come back: semaild starts it again within
                       * seconds, a delivery given up waits for a retry */
#define BOX_MS 30000
#define UNUSED_MS 2000
#define TICK_MS 500
#define SLOW_MS 1000 /* nothing came back from it for that long */
#define SLOW_MAX 50  /* what a slow mailbox may hold and still get more */

struct mailbox {
	TAILQ_ENTRY(mailbox) entry; /* of used or unused, oldest first */
	uint32_t number;
	struct ipc *ipc; /* NULL while spawnd is asked, or away */
	bool away;       /* spawnd is: it is asked when it is back */
	bool used;
	uint64_t opened_ms;
	unsigned n; /* deliveries that are here */
	bool slow;
	bool shut;         /* the channel, by us: there is a reason
	                             * not to come back at once */
	uint64_t since_ms; /* unused; or when a delivery left it */
	struct deliveries waiting;
};

TAILQ_HEAD(mailboxes, mailbox);

static struct proc *proc;
static struct ipc *spawnd;
static struct event *tick;
static struct mailboxes used = TAILQ_HEAD_INITIALIZER(used);
static struct mailboxes unused = TAILQ_HEAD_INITIALIZER(unused);
static unsigned nmailboxes, nunused;

unsigned
mailbox_count(void)
{
	return nmailboxes;
}

static struct mailbox *
mailbox_find(uint32_t number)
{
	struct mailbox *b;

	TAILQ_FOREACH(b, &used, entry)
		if (b->number == number)
			return b;
	TAILQ_FOREACH(b, &unused, entry)
		if (b->number == number)
			return b;
	return NULL;
}

static void
mailbox_set_used(struct mailbox *b, bool is_used)
{
	if (b->used == is_used)
		return;
	TAILQ_REMOVE(b->used ? &used : &unused, b, entry);
	TAILQ_INSERT_TAIL(is_used ? &used : &unused, b, entry);
	nunused += is_used ? -1u : 1u;
	b->used = is_used;
	b->since_ms = io_now_ms();
}

static void
tick_arm(void)
{
	struct timeval tv = { 0, TICK_MS * 1000 };

	if (!event_pending(tick, EV_TIMEOUT, NULL))
		event_add(tick, &tv);
}

/* One of its deliveries has left it. */
static void
mailbox_leave(struct mailbox *b)
{
	struct mailbox *oldest;

	b->slow = false;
	b->since_ms = io_now_ms();
	if (--b->n > 0)
		return;
	if (b->ipc == NULL)
		return; /* spawnd's answer decides */
	mailbox_set_used(b, false);
	tick_arm();
	if (nunused > conf_num("worker-limit") / 2 &&
	    (oldest = TAILQ_FIRST(&unused)) != b)
		ipc_close(oldest->ipc);
}

/* The delivery is on no list. */
static void
fail(struct delivery *d, enum deliver_result r, const char *status)
{
	struct mailbox *b = d->mailbox;

	delivery_answer(d, r, status);
	mailbox_leave(b);
}

static void
fail_later(struct delivery *d, const char *why)
{
	struct mailbox *b = d->mailbox;

	delivery_later(d, why);
	mailbox_leave(b);
}

/* Its channel has gone.  A worker that died is soon replaced. */
static void
fail_gone(struct delivery *d, const char *why)
{
	struct mailbox *b = d->mailbox;

	if (b->shut)
		delivery_later(d, why);
	else
		delivery_again(d, why);
	mailbox_leave(b);
}

/* Close the channel, with all that is under way there. */
static void
mailbox_shut(struct mailbox *b)
{
	b->shut = true;
	ipc_close(b->ipc);
}

/* What a FAIL of spawnd or the worker means to queued. */
static void
fail_by(struct delivery *d, enum fail why, const char *reason)
{
	char status[STATUS_MAX];
	const char *code = "4.3.0";

	switch (why) {
	case FAIL_NONE:
		fail(d, DELIVER_PERM, "5.1.1 no such mailbox");
		return;
	case FAIL_DENIED:
		code = "4.2.1";
		break;
	case FAIL_FULL:
		code = "4.3.1";
		break;
	default:
		break;
	}
	snprintf(status, sizeof(status), "%s %s", code, reason);
	fail(d, DELIVER_TEMP, status);
}

/* ---- the worker -------------------------------------------------------- */

static int
on_written(struct ipc_msg *m, void *arg)
{
	struct delivery *d = arg;
	struct ipc *ipc = d->mailbox->ipc;
	struct mailbox *b = d->mailbox;
	struct msg_written in;
	char reason[201];
	enum fail why;

	if (m == NULL) {
		/* After a deadline it is still there, and may write late:
		 * closed, it throws that away. */
		bool late = ipc_is_up(ipc);

		b->shut |= late;
		fail_gone(d, "the mailbox does not answer");
		if (late)
			mailbox_shut(b);
		return 0;
	}
	if (m->type == MSG_FAIL) {
		if (msg_fail_get(m->payload, &why, reason) == -1) {
			fail_later(d, "the mailbox's answer is malformed");
			return -1;
		}
		/* A worker may report trouble, not that it does not exist. */
		fail_by(d, why == FAIL_FULL ? FAIL_FULL : FAIL_TEMP, reason);
		return 0;
	}
	if (m->type != MSG_BOX_WRITTEN ||
	    msg_written_get(m->payload, &in) == -1) {
		fail_later(d, "the mailbox's answer is malformed");
		return -1;
	}
	if (msg_has_actions(&in.actions)) {
		msg_actions_put(&d->actions, &in.actions);
		if (buf_error(&d->actions) != 0) {
			fail_later(d, "no memory");
			return 0;
		}
	}
	switch (in.how) {
	case WRITTEN_DRAFT:
		batch_written(d);
		break;
	case WRITTEN_ALREADY: /* perhaps not synced */
		batch_published(d);
		mailbox_leave(b);
		break;
	default: /* nothing of ours that a sync would keep */
		delivery_answer(d, DELIVER_OK, "2.0.0 forwarded");
		mailbox_leave(b);
		break;
	}
	return 0;
}

/* Send it if the channel takes it now: 0, or -1 to let it wait. */
static int
send_write(struct mailbox *b, struct delivery *d, const struct buf *payload,
    int fd)
{
	if (ipc_request(b->ipc, MSG_BOX_WRITE, payload, fd, BOX_MS, on_written,
	        d) == -1)
		return -1;
	d->state = WRITING;
	return 0;
}

static void
send_waiting(struct mailbox *b)
{
	struct delivery *d;

	while (!ipc_is_full(b->ipc) && (d = TAILQ_FIRST(&b->waiting)) != NULL) {
		int fd = d->fd;

		TAILQ_REMOVE(&b->waiting, d, entry);
		d->fd = -1;
		if (send_write(b, d, &d->payload, fd) == -1)
			fail_later(d, "the mailbox takes no more now");
		else
			buf_clear(&d->payload);
	}
}

struct publishing {
	struct mailbox *mailbox;
	struct deliveries list;
};

static bool
is_among(const struct msg_publish *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (msg_publish_id(m, i) == id)
			return true;
	return false;
}

static int
on_published(struct ipc_msg *m, void *arg)
{
	struct publishing *p = arg;
	struct mailbox *b = p->mailbox;
	struct msg_publish in = { 0 };
	struct ipc *ipc = b->ipc;
	struct delivery *d;
	bool late = m == NULL && ipc_is_up(ipc);
	bool good = m != NULL && m->type == MSG_BOX_PUBLISHED &&
	    msg_publish_get(m->payload, &in) == 0;

	b->shut |= late;
	while ((d = TAILQ_FIRST(&p->list)) != NULL) {
		TAILQ_REMOVE(&p->list, d, entry);
		if (m == NULL) {
			fail_gone(d, "the mailbox does not answer");
		} else if (good && is_among(&in, d->queue_id)) {
			batch_published(d);
			mailbox_leave(b);
		} else {
			fail_later(d, "the mailbox could not publish it");
		}
	}
	free(p);
	if (late)
		mailbox_shut(b);
	return m != NULL && !good ? -1 : 0;
}

void
mailbox_publish(struct mailbox *b, struct deliveries *list)
{
	struct publishing *p = malloc(sizeof(*p));
	uint64_t ids[DELIVERIES_MAX];
	struct delivery *d;
	uint32_t n = 0;
	struct buf m;

	if (p == NULL)
		fatal("publish");
	p->mailbox = b;
	TAILQ_INIT(&p->list);
	while ((d = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, d, entry);
		TAILQ_INSERT_TAIL(&p->list, d, entry);
		d->state = PUBLISHING;
		ids[n++] = d->queue_id;
	}
	buf_init(&m, 16 + 8 * nitems(ids));
	msg_publish_put(&m, ids, n);
	if (ipc_request(b->ipc, MSG_BOX_PUBLISH, &m, -1, BOX_MS, on_published,
	        p) == -1)
		on_published(NULL, p); /* closes the channel, frees b */
	buf_clear(&m);
}

void
mailbox_lost(struct mailbox *b)
{
	mailbox_shut(b);
}

static int
box_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "not for local");
}

static void
mailbox_free(struct mailbox *b)
{
	TAILQ_REMOVE(b->used ? &used : &unused, b, entry);
	if (!b->used)
		nunused--;
	nmailboxes--;
	free(b);
}

static void
written_gone(struct mailbox *b)
{
	struct delivery *d, *next;

	for (d = TAILQ_FIRST(&all_deliveries); d != NULL; d = next) {
		next = TAILQ_NEXT(d, all);
		if (d->mailbox != b || d->state != WRITTEN)
			continue;
		batch_forget(d);
		fail_gone(d, "the mailbox's worker has ended");
	}
}

/* Open requests have been answered with NULL before: what is left waits, or
 * was written and not yet published. */
static void
box_gone(struct ipc *ipc, void *arg)
{
	struct mailbox *b = arg;
	struct delivery *d;

	(void)ipc;
	b->ipc = NULL; /* nothing below closes it again */
	while ((d = TAILQ_FIRST(&b->waiting)) != NULL) {
		TAILQ_REMOVE(&b->waiting, d, entry);
		fail_gone(d, "the mailbox's worker has ended");
	}
	written_gone(b);
	mailbox_free(b);
}

static void
box_drained(struct ipc *ipc, void *arg)
{
	(void)ipc;
	send_waiting(arg);
}

static const struct ipc_ops box_ops = {
	.msg = box_msg, .gone = box_gone, .drained = box_drained
};

/* ---- spawnd ------------------------------------------------------------ */

static void
no_channel(struct mailbox *b, enum fail why, const char *reason)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&b->waiting)) != NULL) {
		TAILQ_REMOVE(&b->waiting, d, entry);
		fail_by(d, why, reason);
	}
	mailbox_free(b);
}

/* spawnd is away: b waits for spawnd_up(), on_tick() looks how long. */
static void
hold(struct mailbox *b)
{
	b->away = true;
	tick_arm();
}

static int
on_channel(struct ipc_msg *m, void *arg)
{
	struct mailbox *b = arg;
	char reason[201] = "no worker can be had now";
	enum fail why = FAIL_TEMP;
	int r = 0;

	if (m == NULL && !ipc_is_up(spawnd)) {
		hold(b);
		return 0;
	}
	if (m != NULL && m->type == MSG_SPAWN_CHANNEL && m->fd != -1) {
		b->ipc = ipc_attach(proc->base, ipc_take_fd(m), ROLE_LOCAL,
		    ROLE_BOX, &box_ops, b);
		if (b->ipc != NULL) {
			send_waiting(b);
			return 0;
		}
	} else if (m != NULL &&
	    (m->type != MSG_FAIL ||
	        msg_fail_get(m->payload, &why, reason) == -1)) {
		why = FAIL_TEMP;
		r = -1;
	}
	no_channel(b, why, reason);
	return r;
}

static int
spawnd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "not for local");
}

static void
ask(struct mailbox *b)
{
	struct buf m;

	buf_init(&m, 8);
	wire_put_u32(&m, b->number);
	b->away = false;
	b->since_ms = io_now_ms();
	if (ipc_request(spawnd, MSG_SPAWN_DELIVER, &m, -1, SPAWN_MS, on_channel,
	        b) == -1)
		hold(b);
	buf_clear(&m);
}

static void
spawnd_up(struct ipc *ipc, void *arg)
{
	struct mailbox *b;

	(void)ipc;
	(void)arg;
	TAILQ_FOREACH(b, &used, entry)
		if (b->away)
			ask(b);
}

static const struct ipc_ops spawnd_ops = { .msg = spawnd_msg, .up = spawnd_up };

/* ---- deliveries come in ------------------------------------------------ */

static struct mailbox *
mailbox_open(uint32_t number)
{
	struct mailbox *b = calloc(1, sizeof(*b));

	if (b == NULL)
		fatal("mailbox");
	b->number = number;
	b->used = true;
	b->opened_ms = io_now_ms();
	TAILQ_INIT(&b->waiting);
	TAILQ_INSERT_TAIL(&used, b, entry);
	nmailboxes++;
	ask(b);
	return b;
}

void
mailbox_deliver(struct delivery *d, struct ipc_msg *m)
{
	struct mailbox *b = mailbox_find(d->number);
	struct buf borrowed = { .len = m->payload.len, .max = IPC_MAX };
	int fd = ipc_take_fd(m);

	if (b == NULL)
		b = mailbox_open(d->number);
	if (b->slow && b->n >= SLOW_MAX) {
		if (fd != -1)
			close(fd);
		delivery_later(d, "the mailbox is slow");
		return;
	}
	mailbox_set_used(b, true);
	d->mailbox = b;
	b->n++;
	tick_arm();
	d->state = WAITING;
	if (b->ipc != NULL && TAILQ_EMPTY(&b->waiting) &&
	    !ipc_is_full(b->ipc)) {
		/* The same structure goes on: not decoded, not copied. */
		memcpy(&borrowed.data, &m->payload.data, sizeof(borrowed.data));
		if (send_write(b, d, &borrowed, fd) == -1)
			fail_later(d, "the mailbox takes no more now");
		return;
	}
	buf_put_span(&d->payload, m->payload);
	d->fd = fd;
	if (buf_error(&d->payload) != 0) {
		fail_later(d, "no memory");
		return;
	}
	TAILQ_INSERT_TAIL(&b->waiting, d, entry);
}

static void
lend_all(struct mailbox *b)
{
	struct delivery *d;

	TAILQ_FOREACH(d, &all_deliveries, all)
		if (d->mailbox == b)
			delivery_lend(d);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = io_now_ms();
	struct mailbox *b, *next;

	(void)fd;
	(void)what;
	(void)arg;
	while ((b = TAILQ_FIRST(&unused)) != NULL &&
	    now - b->since_ms >= UNUSED_MS)
		ipc_close(b->ipc); /* box_gone() frees it */
	for (b = TAILQ_FIRST(&used); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (b->away && now - b->opened_ms >= HOLD_MS)
			no_channel(b, FAIL_TEMP, "no worker can be had now");
		else if (!b->away && b->n > 0 && now - b->since_ms >= SLOW_MS) {
			b->slow = true;
			lend_all(b);
		}
	}
	if (!TAILQ_EMPTY(&unused) || !TAILQ_EMPTY(&used))
		tick_arm();
}

void
mailbox_init(struct proc *p)
{
	proc = p;
	if ((tick = evtimer_new(p->base, on_tick, NULL)) == NULL)
		fatalx("event");
	spawnd = proc_connect(p, ROLE_SPAWND, &spawnd_ops, NULL);
}
