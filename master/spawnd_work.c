/*
 * Work inside a home that admind asks for: its settings are written, its mail
 * is purged.  The mailbox's own worker does it, under the mailbox's uid; here
 * the request is passed on to it and its answer back.
 *
 * A worker may be killed over it (its mailbox's password is changed at the same
 * moment): the next one does it again.  Both are done as well twice as once.
 */
#include "config.h"
#include "master/spawnd.h"
#include "libcommon/msg_box.h"

#include <stdlib.h>

#define SETTINGS_MS 30000
#define PURGE_MS (10 * 60 * 1000) /* a hundred thousand files */
#define TRIES_MAX 3

bool
job_is_work(const struct job *j)
{
	return j->type == MSG_SPAWN_SETTINGS || j->type == MSG_SPAWN_PURGE;
}

int
work_take(struct ipc *ipc, struct ipc_msg *m)
{
	struct span rest = span_sub(m->payload, 4, m->payload.len);
	struct msg_settings settings;
	struct msg_purge purge;
	uint32_t mailbox;
	struct job *j;
	int r;

	r = m->type == MSG_SPAWN_PURGE ? msg_purge_get(rest, &purge)
	                               : msg_settings_get(rest, &settings);
	mailbox = m->payload.len < 4 ? 0 : le32_get(m->payload.data);
	if (r == -1 || mailbox == 0)
		return ipc_refuse(ipc, m, "form");
	if ((j = job_new(ipc, m)) == NULL)
		return 0;
	buf_put_span(&j->work, rest);
	if (buf_error(&j->work) != 0)
		job_fail(j, FAIL_TEMP, "no memory");
	else
		job_ask_box(j, mailbox);
	return 0;
}

void
work_known(struct job *j)
{
	bool good = j->box.state == BOX_ACTIVE ||
	    j->box.state == BOX_DISABLED ||
	    (j->box.state == BOX_CREATING && j->type == MSG_SPAWN_SETTINGS);

	if (!good)
		job_fail(j, FAIL_BAD,
		    j->box.state == BOX_DELETING ?
		        "the mailbox is being deleted" :
		        "the mailbox is not there yet");
	else
		worker_attach(j);
}

/* A worker speaks for its own mailbox, so its reason goes to admind; whether
 * there is such a mailbox is not for it to say. */
static void
refused(struct job *j, struct span payload)
{
	char reason[201];
	enum fail why;

	if (msg_fail_get(payload, &why, reason) == -1) {
		job_fail(j, FAIL_TEMP, "the worker's answer is malformed");
		return;
	}
	if (why != FAIL_BAD && why != FAIL_FULL && why != FAIL_BUSY)
		why = FAIL_TEMP;
	job_fail(j, why, reason);
}

static int
purged(struct job *j, struct span payload)
{
	struct msg_purged m;
	struct buf b;

	if (msg_purged_get(payload, &m) == -1) {
		job_fail(j, FAIL_TEMP, "the worker's answer is malformed");
		return -1;
	}
	buf_init(&b, 32);
	msg_purged_put(&b, &m);
	job_answer(j, MSG_SPAWN_PURGED, &b);
	buf_clear(&b);
	return 0;
}

/* The channel's token, so that an answer which is none can be told from a
 * worker that is only slow. */
struct given {
	struct job *job;
	uint64_t channel;
};

static int
on_worked(struct ipc_msg *m, void *arg)
{
	struct given g = *(struct given *)arg;
	struct ipc *control = ipc_by_token(g.channel);
	struct job *j = g.job;

	free(arg);
	if (m == NULL) {
		if (control != NULL && ipc_is_up(control))
			job_fail(j, FAIL_TEMP, "the worker is too slow");
		else if (++j->tries >= TRIES_MAX)
			job_fail(j, FAIL_TEMP, "the worker has ended");
		else
			worker_attach_again(j);
		return 0;
	}
	if (m->type == MSG_FAIL) {
		refused(j, m->payload);
		return 0;
	}
	if (m->type == MSG_BOX_PURGED && j->type == MSG_SPAWN_PURGE)
		return purged(j, m->payload);
	if (m->type == MSG_BOX_DONE && j->type == MSG_SPAWN_SETTINGS &&
	    m->payload.len == 0) {
		job_done(j, MSG_SPAWN_OK, -1);
		return 0;
	}
	job_fail(j, FAIL_TEMP, "the worker's answer is malformed");
	return -1;
}

bool
work_give(struct job *j, struct ipc *control)
{
	bool purge = j->type == MSG_SPAWN_PURGE;
	struct given *g = malloc(sizeof(*g));

	if (g != NULL) {
		*g = (struct given){ j, ipc_token(control) };
		if (ipc_request(control,
		        purge ? MSG_BOX_PURGE : MSG_BOX_SETTINGS, &j->work, -1,
		        purge ? PURGE_MS : SETTINGS_MS, on_worked, g) == 0)
			return true;
		free(g);
	}
	job_fail(j, FAIL_TEMP, "the mailbox does not answer");
	return false;
}
