/*
 * local's channel: BOX_WRITE puts a message into tmp/, BOX_PUBLISH makes it
 * visible once local has synced it.  What was written and not published when
 * the channel closes is thrown away: local has answered "later" for it.
 */
#include "config.h"
#include "box/act.h"
#include "box/box.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"
#include "libcommon/msg_queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define PENDING_MAX 4096

struct pending {
	TAILQ_ENTRY(pending) entry;
	struct ipc *ipc; /* the channel it was written on */
	struct store_draft draft;
};

TAILQ_HEAD(pendings, pending);

static struct pendings pendings = TAILQ_HEAD_INITIALIZER(pendings);
static unsigned npending;

static struct pending *
pending_find(uint64_t queue_id)
{
	struct pending *p;

	TAILQ_FOREACH(p, &pendings, entry)
		if (p->draft.queue_id == queue_id)
			return p;
	return NULL;
}

static void
pending_free(struct pending *p)
{
	TAILQ_REMOVE(&pendings, p, entry);
	npending--;
	free(p);
}

static int
fail_write(struct ipc *ipc, struct ipc_msg *m)
{
	char why[200];

	log_warn("delivery");
	snprintf(why, sizeof(why), "mailbox storage: %s", strerror(errno));
	ipc_fail(ipc, m->id,
	    errno == ENOSPC || errno == EDQUOT ? FAIL_FULL : FAIL_TEMP, why);
	return 0;
}

static void
answer_written(struct ipc *ipc, struct ipc_msg *m, enum written how,
    const struct act *act)
{
	struct msg_written w = { (uint8_t)how, act->actions };
	struct buf b;

	buf_init(&b, IPC_MAX);
	msg_written_put(&b, &w);
	ipc_reply(ipc, m->id, MSG_BOX_WRITTEN, &b, -1);
	buf_clear(&b);
}

/* A copy into tmp/.  0, or -1 with errno. */
static int
write_draft(struct folder *f, struct ipc *ipc, const struct msg_deliver *d,
    int fd)
{
	struct store_incoming in = { .queue_id = d->queue_id,
		.arrived_s = d->arrived_s,
		.reverse_path = d->reverse_path,
		.recipient = d->recipient,
		.prefix = d->prefix,
		.body_bytes = d->body_bytes,
		.body_fd = fd,
		.body = d->body };
	struct pending *p;

	/* An earlier attempt, on a channel local has given up: its file in
	 * tmp/ is replaced. */
	if ((p = pending_find(d->queue_id)) != NULL)
		pending_free(p);
	if (npending >= PENDING_MAX || (p = malloc(sizeof(*p))) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if (folder_write(f, &in, &p->draft) == -1) {
		int saved = errno;

		free(p);
		errno = saved;
		return -1;
	}
	p->ipc = ipc;
	TAILQ_INSERT_TAIL(&pendings, p, entry);
	npending++;
	return 0;
}

/* What is kept here is kept before it is sent on: the actions go to queued
 * only when the copy is durable. */
static int
deliver(struct box *box, struct ipc *ipc, struct ipc_msg *m,
    const struct msg_deliver *d)
{
	const struct act_box who = { box->home, &box->setup };
	struct folder *f;
	struct act act;
	int r = 0;

	act_decide(&who, d, m->fd, &act);
	if (!act.keep)
		answer_written(ipc, m, WRITTEN_NOT, &act);
	else if ((f = box_folder(box)) == NULL)
		fail_write(ipc, m);
	else if (d->again && (r = folder_has(f, d->queue_id)) == 1)
		answer_written(ipc, m, WRITTEN_ALREADY, &act);
	else if (r == -1 || write_draft(f, ipc, d, m->fd) == -1)
		fail_write(ipc, m);
	else
		answer_written(ipc, m, WRITTEN_DRAFT, &act);
	act_clear(&act);
	return 0;
}

static int
on_write(struct box *box, struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_deliver d;

	if (msg_deliver_get(m->payload, &d) == -1 ||
	    d.mailbox != box->setup.box.mailbox ||
	    (d.body_file != 0) != (m->fd != -1))
		return ipc_refuse(ipc, m, "form");
	return deliver(box, ipc, m, &d);
}

static int
on_publish(struct box *box, struct ipc *ipc, struct ipc_msg *m)
{
	static uint64_t done[BOX_PUBLISH_MAX];
	int64_t bytes = 0, count = 0;
	struct msg_publish in;
	struct buf b;
	uint32_t n = 0;

	if (msg_publish_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	if (box->folder != NULL)
		folder_look(box->folder);
	for (uint32_t i = 0; i < in.n; i++) {
		uint64_t id = msg_publish_id(&in, i);
		struct pending *p = pending_find(id);

		if (p == NULL || p->ipc != ipc)
			continue; /* replaced by a later attempt */
		if (folder_publish(box->folder, &p->draft) == 0) {
			bytes += (int64_t)p->draft.bytes;
			count++;
			done[n++] = id;
		} else if (errno == EEXIST) {
			done[n++] = id;
		} else {
			log_warn("publish");
			folder_discard(box->folder, &p->draft);
		}
		pending_free(p);
	}
	buf_init(&b, 16 + 8 * BOX_PUBLISH_MAX);
	msg_publish_put(&b, done, n);
	ipc_reply(ipc, m->id, MSG_BOX_PUBLISHED, &b, -1);
	buf_clear(&b);
	if (count > 0)
		box_used(box, bytes, count);
	return 0;
}

static int
deliver_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	switch (m->type) {
	case MSG_BOX_WRITE:
		return on_write(arg, ipc, m);
	case MSG_BOX_PUBLISH:
		return on_publish(arg, ipc, m);
	default:
		return ipc_refuse(ipc, m, "not for a worker");
	}
}

static void
deliver_gone(struct ipc *ipc, void *arg)
{
	struct box *box = arg;
	struct pending *p, *next;

	for (p = TAILQ_FIRST(&pendings); p != NULL; p = next) {
		next = TAILQ_NEXT(p, entry);
		if (p->ipc != ipc)
			continue;
		folder_discard(box->folder, &p->draft);
		pending_free(p);
	}
	box_session_end(box);
}

static const struct ipc_ops deliver_ops = { .msg = deliver_msg,
	.gone = deliver_gone };

void
deliver_take(struct box *box, int fd)
{
	if (ipc_attach(box->base, fd, ROLE_BOX, ROLE_LOCAL, &deliver_ops,
	        box) == NULL) {
		log_warn("channel");
		box_session_end(box);
	}
}
