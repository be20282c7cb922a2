/*
 * BACKUPBAL and RESTOREBAL: a mailbox's mail as a tar archive, in pieces, each
 * a request of its own, so that others have their turn between them.
 *
 * All there is to remember is with the mailbox's worker (msg_copy.h); the
 * cursor says which of its sessions is meant, and is looked at there.
 */
#include "config.h"
#include "admind/job.h"

#include "libcommon/msg_copy.h"

#include <stdio.h>

/* Everything twice and the other fields twice must fit into an answer. */
_Static_assert(2 * COPY_PIECE + 8192 < REQUEST_MAX, "a piece fits");

static void
put_number(struct job *j, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	job_put(j, span_of(text));
}

static bool
is_backup(const struct job *j)
{
	return strcmp(j->args.message->type, "BACKUPBAL") == 0;
}

/* ---- the answer ------------------------------------------------------------------ */

static void
say_backup(struct job *j, const struct msg_copied *m)
{
	dir_say(j->comment, "%llu messages of %llu bytes%s",
	    (unsigned long long)m->messages, (unsigned long long)m->bytes,
	    m->how == COPIED_MORE ? " so far" : "");
}

/* The most that says, and of the first that was skipped what fits. */
static void
say_restore(struct job *j, const struct msg_copied *m)
{
	int n = snprintf(j->comment, sizeof(j->comment),
	    "%llu messages restored, %llu were there already",
	    (unsigned long long)m->messages, (unsigned long long)m->already);

	if (m->skipped > 0 && n > 0)
		snprintf(j->comment + n, sizeof(j->comment) - (size_t)n,
		    ", %llu entries skipped%s%.*s",
		    (unsigned long long)m->skipped,
		    m->why.len > 0 ? ", the first: " : "", (int)m->why.len,
		    (const char *)m->why.data);
}

static int
code_of(struct job *j, const struct msg_copied *m)
{
	unsigned long long n = m->messages, already = m->already;

	switch ((enum copied)m->how) {
	case COPIED_MORE:
	case COPIED_OVER:
		if (is_backup(j))
			say_backup(j, m);
		else
			say_restore(j, m);
		return CODE_OK;
	case COPIED_LOST:
		dir_say(j->comment,
		    "this %s was interrupted, or another has "
		    "taken its place: begin anew",
		    is_backup(j) ? "backup" : "restore");
		return CODE_NONE;
	case COPIED_BAD:
		dir_say(j->comment,
		    "the archive is not good: %.*s; %llu "
		    "messages restored, %llu were there already",
		    (int)(m->why.len < 90 ? m->why.len : 90),
		    (const char *)m->why.data, n, already);
		return CODE_VALUE;
	case COPIED_FULL:
		dir_say(j->comment,
		    "the mailbox takes no more: %.*s; %llu "
		    "messages restored, %llu were there already",
		    (int)(m->why.len < 60 ? m->why.len : 60),
		    (const char *)m->why.data, n, already);
		return CODE_LIMIT;
	}
	return CODE_TEMP;
}

static int
copied(struct job *j, struct ipc_msg *in)
{
	char next[COPY_CURSOR_MAX];
	struct msg_copied m;
	int code;

	if (in->type != MSG_SPAWN_COPIED ||
	    msg_copied_get(in->payload, &m) == -1)
		return -1;
	code = code_of(j, &m);
	if (code == CODE_OK) {
		copy_cursor_text(&m.cursor, next);
		job_put(j, span_of(next));
		if (is_backup(j))
			job_put(j, m.data);
		put_number(j, m.messages);
		put_number(j, m.bytes);
	}
	if (code == CODE_OK && !is_backup(j)) {
		put_number(j, m.already);
		put_number(j, m.skipped);
	}
	j->quiet = m.how == COPIED_MORE && j->quiet;
	job_finish(j, code);
	return 0;
}

/* ---- the request ------------------------------------------------------------------- */

/* The mailbox may be copied by this one, and the audit log says so once. */
static int
find(struct job *j, const struct copy_cursor *c)
{
	struct dir_mailbox is;
	int code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);

	if (code != CODE_OK)
		return code;
	if (is.state != BOX_ACTIVE && is.state != BOX_DISABLED) {
		dir_say(j->comment, "the mailbox is being %s",
		    is.state == BOX_CREATING ? "made" : "deleted");
		return CODE_TEMP;
	}
	if (c->session == 0)
		code = dir_copy(admind.db, &j->who, &j->box,
		    j->args.message->type, j->comment);
	j->box = is;
	return code;
}

static void
ask(struct job *j, const struct copy_cursor *c)
{
	struct msg_restore restore = { .cursor = *c };
	struct buf b;

	buf_init(&b, IPC_MAX);
	wire_put_u32(&b, j->box.id);
	if (is_backup(j)) {
		msg_backup_put(&b, c);
	} else {
		restore.last = span_is(job_arg(j, "end"), "yes");
		restore.data = job_arg(j, "data");
		msg_restore_put(&b, &restore);
	}
	job_home(j, is_backup(j) ? MSG_SPAWN_BACKUP : MSG_SPAWN_RESTORE, &b,
	    copied);
}

static void
copy(struct job *j)
{
	struct copy_cursor c;
	int code;

	if (copy_cursor_parse(job_arg(j, "after"), &c) == -1) {
		job_finish_with(j, CODE_VALUE,
		    "AFTER is not NEXT of an answer");
		return;
	}
	j->quiet = c.session != 0; /* one of many pieces */
	if ((code = find(j, &c)) != CODE_OK)
		job_finish(j, code);
	else
		ask(j, &c);
}

const struct request copy_requests[] = {
	{ "BACKUPBAL", copy },
	{ "RESTOREBAL", copy },
	{ NULL, NULL },
};
