/*
 * What a mailbox's row asks for is carried out: a home is made or removed, told
 * of its settings, purged.
 *
 *	creating   home made -> settings written -> active
 *	deleting   home removed -> rows gone
 *	otherwise  settings written, mail purged
 *
 * Each step looks at the row anew and may be done twice, so it does not matter
 * where the one before was cut short, or by whom this is called: by a request,
 * by its retry, or by job_recover().
 */
#include "config.h"
#include "admind/job.h"

#include "libcommon/log.h"
#include "libcommon/msg_box.h"

#include <stdio.h>

static int home_done(struct job *, struct ipc_msg *);

static void
ask_settings(struct job *j, const struct dir_todo *t, struct buf *b)
{
	struct msg_settings m = { buf_span(&t->forward),
		buf_span(&t->vacation) };

	j->doing.effect = EFFECT_SETTINGS;
	msg_settings_put(b, &m);
	job_home(j, MSG_SPAWN_SETTINGS, b, home_done);
}

/* Now that it is asked for all mail goes; when it is done later, what has come
 * since then stays. */
static void
ask_purge(struct job *j, const struct dir_todo *t, struct buf *b)
{
	struct msg_purge m = { .before_s = j->doing.purge && !j->doing.again
		    ? 0
		    : t->purge_before };

	j->doing.effect = EFFECT_PURGE;
	msg_purge_put(b, &m);
	job_home(j, MSG_SPAWN_PURGE, b, home_done);
}

/* The next step, or the end. */
static void
next_step(struct job *j, const struct dir_todo *t)
{
	struct buf b;
	int code;

	buf_init(&b, IPC_MAX);
	wire_put_u32(&b, j->box.id);
	j->box = t->box;
	j->doing.effect = 0;
	j->doing.number = t->number;
	if (t->box.state == BOX_DELETING) {
		job_home(j, MSG_SPAWN_REMOVE, &b, home_done);
	} else if (t->box.state == BOX_CREATING && !j->doing.home) {
		job_home(j, MSG_SPAWN_HOME, &b, home_done);
	} else if (t->effects & EFFECT_SETTINGS) {
		ask_settings(j, t, &b);
	} else if (t->box.state == BOX_CREATING) {
		buf_clear(&b);
		code = dir_activate(admind.db, j->box.id, j->comment);
		if (code != CODE_OK)
			job_finish(j, code);
		else
			box_finish(j);
	} else if (t->effects & EFFECT_PURGE) {
		ask_purge(j, t, &b);
	} else {
		buf_clear(&b);
		job_settle(j);
	}
}

void
box_finish(struct job *j)
{
	struct dir_todo todo;
	int r = dir_todo(admind.db, j->box.id, &todo, j->comment);

	if (r < 0)
		job_finish(j, r);
	else if (r == 0)
		job_settle(j); /* gone: by another's request */
	else
		next_step(j, &todo);
	dir_todo_clear(&todo);
}

static int
purged(struct job *j, struct span payload)
{
	struct msg_purged m;
	char number[24];

	if (msg_purged_get(payload, &m) == -1)
		return -1;
	if (!j->doing.purge)
		return 0;
	dir_say(j->comment, "%llu messages have been deleted",
	    (unsigned long long)m.messages);
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)m.messages);
	job_put(j, span_of(number));
	snprintf(number, sizeof(number), "%llu", (unsigned long long)m.bytes);
	job_put(j, span_of(number));
	return 0;
}

static int
home_done(struct job *j, struct ipc_msg *m)
{
	struct dir_todo done = { .box = j->box, .number = j->doing.number };
	int code = CODE_OK;

	if (m->type == MSG_SPAWN_PURGED && purged(j, m->payload) == -1)
		return -1;
	if (j->doing.effect != 0) {
		code = dir_done(admind.db, &done, j->doing.effect, j->comment);
	} else if (j->box.state == BOX_DELETING) {
		code = dir_remove(admind.db, &j->who, &j->box, j->comment);
	} else {
		j->doing.home = true;
	}
	if (code != CODE_OK)
		job_finish(j, code);
	else
		box_finish(j);
	return 0;
}
