/*
 * Work inside a home that admind asks for: its settings are written, its mail
 * is purged, copied out or in.  The mailbox's own worker does it, under the
 * mailbox's uid; here the request is passed on to it and its answer back.
 *
 * A worker may be killed over it (its mailbox's password is changed at the same
 * moment): the next one does it again.  All of it is done as well twice as
 * once, or the next one says that it knows nothing of what was begun.
 */
#include "config.h"
#include "master/spawnd.h"
#include "libcommon/msg_box.h"
#include "libcommon/msg_copy.h"

#include <stdlib.h>

#define SETTINGS_MS 30000
#define PURGE_MS (10 * 60 * 1000) /* a hundred thousand files */
#define COPY_MS 30000
#define TRIES_MAX 3

/* ---- the kinds of it ------------------------------------------------------ */

static bool
good_settings(struct span in)
{
	struct msg_settings m;

	return msg_settings_get(in, &m) == 0;
}

static bool
good_purge(struct span in)
{
	struct msg_purge m;

	return msg_purge_get(in, &m) == 0;
}

static bool
good_purged(struct span in)
{
	struct msg_purged m;

	return msg_purged_get(in, &m) == 0;
}

static bool
good_backup(struct span in)
{
	struct copy_cursor c;

	return msg_backup_get(in, &c) == 0;
}

static bool
good_restore(struct span in)
{
	struct msg_restore m;

	return msg_restore_get(in, &m) == 0;
}

static bool
good_copied(struct span in)
{
	struct msg_copied m;

	return msg_copied_get(in, &m) == 0;
}

static bool
good_done(struct span in)
{
	return in.len == 0;
}

/* admind's request, what the worker is asked, its answer, the one to admind:
 * what is in them is passed on as it is. */
static const struct work {
	enum msg_type asked, to_worker, from_worker, answer;
	bool (*good)(struct span); /* after the mailbox's number */
	bool (*good_answer)(struct span);
	unsigned deadline_ms;
} works[] = {
	{ MSG_SPAWN_SETTINGS, MSG_BOX_SETTINGS, MSG_BOX_DONE, MSG_SPAWN_OK,
	    good_settings, good_done, SETTINGS_MS },
	{ MSG_SPAWN_PURGE, MSG_BOX_PURGE, MSG_BOX_PURGED, MSG_SPAWN_PURGED,
	    good_purge, good_purged, PURGE_MS },
	{ MSG_SPAWN_BACKUP, MSG_BOX_BACKUP, MSG_BOX_COPIED, MSG_SPAWN_COPIED,
	    good_backup, good_copied, COPY_MS },
	{ MSG_SPAWN_RESTORE, MSG_BOX_RESTORE, MSG_BOX_COPIED, MSG_SPAWN_COPIED,
	    good_restore, good_copied, COPY_MS },
};

static const struct work *
work_of(enum msg_type asked)
{
	for (size_t i = 0; i < nitems(works); i++)
		if (works[i].asked == asked)
			return &works[i];
	return NULL;
}

bool
job_is_work(const struct job *j)
{
	return work_of(j->type) != NULL;
}

/* ---- a request ------------------------------------------------------------- */

int
work_take(struct ipc *ipc, struct ipc_msg *m)
{
	struct span rest = span_sub(m->payload, 4, m->payload.len);
	uint32_t mailbox;
	struct job *j;

	mailbox = m->payload.len < 4 ? 0 : le32_get(m->payload.data);
	if (mailbox == 0 || !work_of(m->type)->good(rest))
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
		    j->box.state == BOX_DELETING
		        ? "the mailbox is being deleted"
		        : "the mailbox is not there yet");
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
	const struct work *work = work_of(g.job->type);
	struct job *j = g.job;
	struct buf b;

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
	if (m->type != work->from_worker || !work->good_answer(m->payload)) {
		job_fail(j, FAIL_TEMP, "the worker's answer is malformed");
		return -1;
	}
	buf_init(&b, IPC_MAX);
	buf_put_span(&b, m->payload);
	job_answer(j, work->answer, &b);
	buf_clear(&b);
	return 0;
}

bool
work_give(struct job *j, struct ipc *control)
{
	const struct work *work = work_of(j->type);
	struct given *g = malloc(sizeof(*g));

	if (g != NULL) {
		*g = (struct given){ j, ipc_token(control) };
		if (ipc_request(control, work->to_worker, &j->work, -1,
		        work->deadline_ms, on_worked, g) == 0)
			return true;
		free(g);
	}
	job_fail(j, FAIL_TEMP, "the mailbox does not answer");
	return false;
}
