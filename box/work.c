/*
 * What spawnd brings from admind: settings are written at once, a purge goes
 * on beside everything else.
 */
#include "config.h"
#include "box/box.h"
#include "libcommon/log.h"
#include "libstore/purge.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names looked at before others have their turn: on a busy disk a removal takes
 * a quarter of a millisecond. */
#define SLICE 25

static enum fail
kind_of(int err)
{
	if (err == EINVAL)
		return FAIL_BAD;
	return err == ENOSPC || err == EDQUOT ? FAIL_FULL : FAIL_TEMP;
}

int
work_settings(struct box *b, struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_settings in;
	char why[200];

	if (msg_settings_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	box_session_begin(b);
	if (settings_write(b->home, b->setup.box.address, &in, why) == -1) {
		enum fail kind = kind_of(errno);

		log_warn("settings mailbox=%u", b->setup.box.mailbox);
		ipc_fail(ipc, m->id, kind, why);
	} else {
		ipc_reply(ipc, m->id, MSG_BOX_DONE, NULL, -1);
	}
	box_session_end(b);
	return 0;
}

/* ---- purge ------------------------------------------------------------- */

struct purging {
	struct box *box;
	struct purge purge;
	struct event *again;
	uint32_t id;              /* of the request */
	uint64_t messages, bytes; /* told to box_used() */
};

static void
purging_end(struct purging *p, int r)
{
	struct box *b = p->box;
	struct msg_purged m = { p->purge.messages, p->purge.bytes };
	struct buf out;
	char why[200];

	if (r == -1) {
		snprintf(why, sizeof(why), "not all could be purged: %s",
		    strerror(errno));
		log_warn("purge mailbox=%u", b->setup.box.mailbox);
	}
	log_info("purged mailbox=%u messages=%llu bytes=%llu%s",
	    b->setup.box.mailbox, (unsigned long long)m.messages,
	    (unsigned long long)m.bytes,
	    p->purge.dry_run ? " dry-run=yes" : "");
	if (b->control != NULL && r == -1) {
		ipc_fail(b->control, p->id, FAIL_TEMP, why);
	} else if (b->control != NULL) {
		buf_init(&out, 32);
		msg_purged_put(&out, &m);
		ipc_reply(b->control, p->id, MSG_BOX_PURGED, &out, -1);
		buf_clear(&out);
	}
	event_free(p->again);
	purge_end(&p->purge);
	free(p);
	b->purging = NULL;
	box_session_end(b);
}

static void
on_again(int fd, short what, void *arg)
{
	struct purging *p = arg;
	int r = purge_step(&p->purge, SLICE), saved = errno;

	(void)fd;
	(void)what;
	if (!p->purge.dry_run && p->purge.messages > p->messages) {
		box_used(p->box, -(int64_t)(p->purge.bytes - p->bytes),
		    -(int64_t)(p->purge.messages - p->messages));
		p->messages = p->purge.messages;
		p->bytes = p->purge.bytes;
	}
	errno = saved;
	if (r == 1)
		event_active(p->again, EV_TIMEOUT, 0);
	else
		purging_end(p, r);
}

int
work_purge(struct box *b, struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_purge in;
	struct purging *p;

	if (msg_purge_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	box_session_begin(b);
	if (b->purging != NULL) {
		ipc_fail(ipc, m->id, FAIL_BUSY, "a purge is under way");
		box_session_end(b);
		return 0;
	}
	/* Opened first: it counts what is there, and then what goes. */
	if (box_folder(b) == NULL || (p = calloc(1, sizeof(*p))) == NULL ||
	    (p->again = event_new(b->base, -1, 0, on_again, p)) == NULL) {
		ipc_fail(ipc, m->id, FAIL_TEMP,
		    "the mailbox cannot be opened now");
		box_session_end(b);
		return 0;
	}
	p->box = b;
	p->id = m->id;
	b->purging = p;
	purge_begin(&p->purge, b->home, in.before_s, in.dry_run);
	event_active(p->again, EV_TIMEOUT, 0);
	return 0;
}
