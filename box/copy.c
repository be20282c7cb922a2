/*
 * BOX_BACKUP and BOX_RESTORE: the mailbox is copied out as an archive, or an
 * archive into it, piece by piece, beside everything else.
 *
 * There is one session of each at a time; who begins a new one ends the one
 * before, so that nobody is locked out by one that was given up.  A session
 * nobody asks for is forgotten.  Its last piece is kept until the next: an
 * answer may have been lost on its way.
 */
#include "config.h"
#include "box/box.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_copy.h"
#include "libcommon/secret.h"
#include "libstore/backup.h"
#include "libstore/restore.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 25       /* messages before others have their turn */
#define LIST_SLICE 500 /* names, which are only read */
#define PIECE_MS 500   /* then a piece is answered as far as it is */
#define IDLE_S 300     /* whoever reads or writes the archive may be slow */
#define OVER_S 20      /* only in case the last answer was lost */

/* What both have. */
struct session {
	struct box *box;
	void **place; /* where box has it */
	uint64_t number;
	uint64_t at; /* bytes of the archive before the piece */
	uint64_t piece_bytes;
	bool busy;   /* the piece is under way */
	uint32_t id; /* of the request for it */
	uint64_t since_ms;
	struct msg_copied said; /* the answer to it, but for texts */
	char why[COPY_WHY_MAX + 1];
	struct event *again, *idle;
	void (*end)(struct session *); /* what it has beside this */
};

struct backing {
	struct session s;
	struct backup backup;
	struct buf piece;
};

struct restoring {
	struct session s;
	struct restore restore;
	struct buf piece;
	struct span left; /* of the piece */
	bool last;
	uint64_t messages, bytes; /* told to box_used() */
};

/* ---- sessions ------------------------------------------------------------------ */

static void
session_end(struct session *s)
{
	struct box *b = s->box;

	if (s->busy && b->control != NULL)
		ipc_fail(b->control, s->id, FAIL_BUSY,
		    "another backup or restore has taken its place");
	*s->place = NULL;
	s->end(s);
	event_free(s->again);
	event_free(s->idle);
	free(s);
	box_session_end(b);
}

static void
on_idle(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_end(arg);
}

/* s is the first member of size bytes.  NULL without memory. */
static void *
session_new(struct box *b, void **place, size_t size,
    void (*again)(int, short, void *), void (*end)(struct session *))
{
	struct session *s = calloc(1, size);

	if (s == NULL)
		return NULL;
	s->again = event_new(b->base, -1, 0, again, s);
	s->idle = evtimer_new(b->base, on_idle, s);
	if (s->again == NULL || s->idle == NULL) {
		if (s->again != NULL)
			event_free(s->again);
		free(s);
		return NULL;
	}
	s->box = b;
	s->place = place;
	s->end = end;
	while (s->number == 0)
		secret_random(&s->number, sizeof(s->number));
	*place = s;
	b->sessions++; /* of our own: spawnd does not count it */
	return s;
}

static void
answer(struct box *b, uint32_t id, const struct msg_copied *m)
{
	struct buf out;

	if (b->control == NULL)
		return;
	buf_init(&out, IPC_MAX);
	msg_copied_put(&out, m);
	ipc_reply(b->control, id, MSG_BOX_COPIED, &out, -1);
	buf_clear(&out);
}

/* The piece is done: say so, and wait for the next. */
static void
session_answer(struct session *s, struct span data)
{
	bool more = s->said.how == COPIED_MORE;
	struct timeval tv = { more ? IDLE_S : OVER_S, 0 };

	s->busy = false;
	s->said.cursor.session = more ? s->number : 0;
	s->said.cursor.at = more ? s->at + s->piece_bytes : 0;
	s->said.why = span_of(s->why);
	s->said.data = data;
	answer(s->box, s->id, &s->said);
	event_add(s->idle, &tv);
}

static void
session_fail(struct session *s, const char *what)
{
	char why[200];
	int err = errno;

	log_warn("%s mailbox=%u", what, s->box->setup.box.mailbox);
	snprintf(why, sizeof(why), "%s: %s", what,
	    err == EBADMSG ? "a message was changed while it was read"
	                   : strerror(err));
	s->busy = false;
	if (s->box->control != NULL)
		ipc_fail(s->box->control, s->id, FAIL_TEMP, why);
	session_end(s);
}

static void
session_start(struct session *s, uint32_t id)
{
	s->id = id;
	s->busy = true;
	s->since_ms = io_now_ms();
	event_del(s->idle);
	event_active(s->again, EV_TIMEOUT, 0);
}

enum place { NEXT, SAME, LOST };

/* Which piece is asked for? */
static enum place
session_place(const struct session *s, const struct copy_cursor *c)
{
	if (s == NULL || c->session != s->number)
		return LOST;
	if (s->said.how == COPIED_MORE && c->at == s->at + s->piece_bytes)
		return NEXT;
	return c->at == s->at ? SAME : LOST;
}

/* A piece is asked for.  True: it is the next one; otherwise it has been
 * answered. */
static bool
session_take(struct box *b, struct session *s, uint32_t id,
    const struct copy_cursor *c)
{
	static const struct msg_copied lost = { .how = COPIED_LOST };
	enum place place = session_place(s, c);

	if (place == LOST) {
		answer(b, id, &lost);
	} else if (s->busy) {
		ipc_fail(b->control, id, FAIL_BUSY,
		    "the piece before is under way");
	} else if (place == SAME) {
		answer(b, id, &s->said); /* its data is still there */
	} else {
		s->at += s->piece_bytes;
		s->piece_bytes = 0;
		return true;
	}
	return false;
}

static bool
is_late(const struct session *s)
{
	return io_now_ms() - s->since_ms >= PIECE_MS;
}

/* ---- backup ---------------------------------------------------------------------- */

static void
backing_end(struct session *s)
{
	struct backing *k = (struct backing *)s;

	backup_end(&k->backup);
	buf_clear(&k->piece);
}

static void
backing_done(struct backing *k, enum copied how)
{
	struct session *s = &k->s;

	s->piece_bytes = k->piece.len;
	s->said.how = (uint8_t)how;
	s->said.messages = k->backup.messages;
	s->said.bytes = k->backup.bytes;
	if (how == COPIED_OVER)
		log_info("backup mailbox=%u messages=%llu bytes=%llu",
		    s->box->setup.box.mailbox,
		    (unsigned long long)k->backup.messages,
		    (unsigned long long)k->backup.bytes);
	session_answer(s, buf_span(&k->piece));
}

static void
backing_again(int fd, short what, void *arg)
{
	struct backing *k = arg;

	(void)fd;
	(void)what;
	switch (backup_step(&k->backup, &k->piece, COPY_PIECE,
	    k->backup.listing ? LIST_SLICE : SLICE)) {
	case BACKUP_AGAIN:
		if (!is_late(&k->s)) {
			event_active(k->s.again, EV_TIMEOUT, 0);
			break;
		}
		/* FALLTHROUGH */
	case BACKUP_FULL:
		backing_done(k, COPIED_MORE);
		break;
	case BACKUP_OVER:
		backing_done(k, COPIED_OVER);
		break;
	case BACKUP_FAILED:
		session_fail(&k->s, "backup");
		break;
	}
}

/* The end of the session before must not be the end of us. */
static struct backing *
backing_new(struct box *b)
{
	struct backing *k;

	if (b->backup != NULL)
		session_end(b->backup);
	k = session_new(b, &b->backup, sizeof(*k), backing_again, backing_end);
	if (k == NULL)
		return NULL;
	buf_init(&k->piece, COPY_PIECE);
	backup_begin(&k->backup, b->home);
	return k;
}

int
copy_backup(struct box *b, struct ipc *ipc, struct ipc_msg *m)
{
	struct backing *k = b->backup;
	struct copy_cursor c;

	if (msg_backup_get(m->payload, &c) == -1)
		return ipc_refuse(ipc, m, "form");
	box_session_begin(b);
	if (c.session == 0) {
		if ((k = backing_new(b)) == NULL)
			ipc_fail(ipc, m->id, FAIL_TEMP, "no memory");
		else
			session_start(&k->s, m->id);
	} else if (session_take(b, b->backup, m->id, &c)) {
		buf_reset(&k->piece);
		session_start(&k->s, m->id);
	}
	box_session_end(b);
	return 0;
}

/* ---- restore --------------------------------------------------------------------- */

static void
restoring_end(struct session *s)
{
	struct restoring *k = (struct restoring *)s;

	restore_end(&k->restore);
	buf_clear(&k->piece);
}

/* What the mailbox may still take. */
static void
restoring_room(struct restoring *k)
{
	struct box *b = k->s.box;
	int64_t used = (int64_t)b->usage.bytes + b->used_bytes;
	int64_t quota = (int64_t)b->usage.quota;

	k->restore.room = quota == 0 || !b->usage.known ? UINT64_MAX
	    : used >= quota                             ? 0
	                    : (uint64_t)(quota - used);
}

static void
restoring_count(struct restoring *k)
{
	struct restore *r = &k->restore;

	if (r->messages > k->messages)
		box_used(k->s.box, (int64_t)(r->bytes - k->bytes),
		    (int64_t)(r->messages - k->messages));
	k->messages = r->messages;
	k->bytes = r->bytes;
}

static void
restoring_done(struct restoring *k, enum copied how, const char *why)
{
	struct restore *r = &k->restore;
	struct session *s = &k->s;

	s->said.how = (uint8_t)how;
	s->said.messages = r->messages;
	s->said.bytes = r->bytes;
	s->said.already = r->already;
	s->said.skipped = r->skipped;
	snprintf(s->why, sizeof(s->why), "%s", why);
	if (how != COPIED_MORE)
		log_info("restore mailbox=%u messages=%llu bytes=%llu "
		         "already=%llu skipped=%llu end=%s",
		    s->box->setup.box.mailbox, (unsigned long long)r->messages,
		    (unsigned long long)r->bytes,
		    (unsigned long long)r->already,
		    (unsigned long long)r->skipped,
		    how == COPIED_OVER ? "good" : log_quote_str(why));
	session_answer(s, span_from("", 0));
}

static void
restoring_failed(struct restoring *k)
{
	if (errno == ENOSPC || errno == EDQUOT)
		restoring_done(k, COPIED_FULL, "the disk is full");
	else
		session_fail(&k->s, "restore");
}

static void
restoring_again(int fd, short what, void *arg)
{
	struct restoring *k = arg;
	struct restore *r = &k->restore;
	enum restore_step step;
	int saved;

	(void)fd;
	(void)what;
	restoring_room(k);
	step = restore_step(r, &k->left, k->last,
	    r->listing ? LIST_SLICE : SLICE);
	saved = errno;
	restoring_count(k);
	errno = saved;
	switch (step) {
	case RESTORE_AGAIN:
		event_active(k->s.again, EV_TIMEOUT, 0);
		break;
	case RESTORE_MORE:
		restoring_done(k, COPIED_MORE, "");
		break;
	case RESTORE_OVER:
		restoring_done(k, COPIED_OVER, r->first);
		break;
	case RESTORE_BAD:
		restoring_done(k, COPIED_BAD, r->why);
		break;
	case RESTORE_FULL:
		restoring_done(k, COPIED_FULL, "its quota is used up");
		break;
	case RESTORE_FAILED:
		restoring_failed(k);
		break;
	}
}

static struct restoring *
restoring_new(struct box *b)
{
	struct restoring *k;

	if (b->restore != NULL)
		session_end(b->restore);
	/* Opened first: it counts what is there, and then what comes. */
	if (box_folder(b) == NULL)
		return NULL;
	k = session_new(b, &b->restore, sizeof(*k), restoring_again,
	    restoring_end);
	if (k == NULL)
		return NULL;
	buf_init(&k->piece, COPY_PIECE);
	restore_begin(&k->restore, b->home);
	return k;
}

static void
restoring_start(struct restoring *k, uint32_t id, const struct msg_restore *m)
{
	buf_reset(&k->piece);
	buf_put_span(&k->piece, m->data);
	k->left = buf_span(&k->piece);
	k->last = m->last;
	k->s.piece_bytes = m->data.len;
	session_start(&k->s, id);
	if (buf_error(&k->piece) != 0) {
		event_del(k->s.again);
		errno = ENOMEM;
		session_fail(&k->s, "restore");
	}
}

int
copy_restore(struct box *b, struct ipc *ipc, struct ipc_msg *m)
{
	struct restoring *k = b->restore;
	struct msg_restore in;

	if (msg_restore_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	box_session_begin(b);
	if (in.cursor.session == 0) {
		if ((k = restoring_new(b)) == NULL)
			ipc_fail(ipc, m->id, FAIL_TEMP,
			    "the mailbox cannot be opened now");
		else
			restoring_start(k, m->id, &in);
	} else if (session_take(b, b->restore, m->id, &in.cursor)) {
		restoring_start(k, m->id, &in);
	}
	box_session_end(b);
	return 0;
}
