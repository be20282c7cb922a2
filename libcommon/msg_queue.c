#include "config.h"
#include "libcommon/msg_queue.h"
#include "libcommon/msg_auth.h"
#include "libcommon/wire.h"

#include <errno.h>

#define CLIENT_MAX 128 /* an address literal, with room for a port */

static int
bad(void)
{
	errno = EBADMSG;
	return -1;
}

/*
 * Walk n encoded things with get(), and return the bytes they took.  The span
 * is what the walkers (msg_rcpt_next() ...) take apart again later.
 */
static struct span
walk(struct wire *w, uint32_t n, void (*get)(struct wire *))
{
	const unsigned char *start = w->next;

	for (uint32_t i = 0; i < n && !w->bad; i++)
		get(w);
	if (w->bad)
		return span_from("", 0);
	return span_from(start, (size_t)(w->next - start));
}

static void
rcpt_get(struct wire *w, struct msg_rcpt *out)
{
	out->address = wire_text(w, PATH_MAX_BYTES);
	out->grant = wire_bytes(w, GRANT_MAX);
	if (out->address.len == 0)
		w->bad = true;
}

static void
rcpt_check(struct wire *w)
{
	struct msg_rcpt rcpt;

	rcpt_get(w, &rcpt);
}

void
msg_rcpt_put(struct buf *b, const struct msg_rcpt *rcpt)
{
	wire_put_bytes(b, rcpt->address);
	wire_put_bytes(b, rcpt->grant);
}

int
msg_rcpt_next(struct span *rcpts, struct msg_rcpt *out)
{
	struct wire w;

	if (rcpts->len == 0)
		return 0;
	wire_init(&w, *rcpts);
	rcpt_get(&w, out);
	if (w.bad) {
		*rcpts = span_from("", 0);
		return 0;
	}
	*rcpts = span_from(w.next, w.left);
	return 1;
}

void
msg_submit_put(struct buf *b, const struct msg_submit *m)
{
	wire_put_u32(b, m->flags);
	wire_put_bytes(b, m->reverse_path);
	wire_put_bytes(b, m->client);
	wire_put_bytes(b, m->auth);
	wire_put_u32(b, m->nrcpts);
	buf_put_span(b, m->rcpts);
	wire_put_u64(b, m->body_token);
	wire_put_u64(b, m->body_bytes);
	wire_put_bytes(b, m->body);
}

int
msg_submit_get(struct span in, struct msg_submit *out)
{
	struct wire w;

	wire_init(&w, in);
	out->flags = wire_u32(&w);
	out->reverse_path = wire_text(&w, PATH_MAX_BYTES);
	out->client = wire_text(&w, CLIENT_MAX);
	out->auth = wire_text(&w, PATH_MAX_BYTES);
	out->nrcpts = wire_u32(&w);
	if (out->nrcpts == 0 || out->nrcpts > RCPTS_MAX)
		return bad();
	out->rcpts = walk(&w, out->nrcpts, rcpt_check);
	out->body_token = wire_u64(&w);
	out->body_bytes = wire_u64(&w);
	out->body = wire_bytes(&w, BODY_INLINE_MAX);
	if (wire_done(&w) == -1)
		return -1;
	if ((out->flags & ~(uint32_t)(BODY_8BIT | BODY_UTF8 | BODY_AUTHED)) !=
	    0)
		return bad();
	if (out->body.len != (out->body_token == 0 ? out->body_bytes : 0))
		return bad();
	return 0;
}

void
msg_deliver_put(struct buf *b, const struct msg_deliver *m)
{
	wire_put_u64(b, m->queue_id);
	wire_put_u32(b, m->mailbox);
	wire_put_u8(b, m->again);
	wire_put_u8(b, m->may_act);
	wire_put_u64(b, m->arrived_s);
	wire_put_bytes(b, m->reverse_path);
	wire_put_bytes(b, m->recipient);
	wire_put_bytes(b, m->original);
	wire_put_bytes(b, m->prefix);
	wire_put_u64(b, m->body_bytes);
	wire_put_u8(b, m->body_file);
	wire_put_bytes(b, m->body);
}

int
msg_deliver_get(struct span in, struct msg_deliver *out)
{
	struct wire w;

	wire_init(&w, in);
	out->queue_id = wire_u64(&w);
	out->mailbox = wire_u32(&w);
	out->again = wire_u8(&w);
	out->may_act = wire_u8(&w);
	out->arrived_s = wire_u64(&w);
	out->reverse_path = wire_text(&w, PATH_MAX_BYTES);
	out->recipient = wire_text(&w, PATH_MAX_BYTES);
	out->original = wire_text(&w, PATH_MAX_BYTES);
	out->prefix = wire_bytes(&w, PREFIX_MAX);
	out->body_bytes = wire_u64(&w);
	out->body_file = wire_u8(&w);
	out->body = wire_bytes(&w, BODY_INLINE_MAX);
	if (wire_done(&w) == -1)
		return -1;
	if (out->again > 1 || out->may_act > 1 || out->body_file > 1 ||
	    out->body.len != (out->body_file ? 0 : out->body_bytes))
		return bad();
	return 0;
}

void
msg_delivered_put(struct buf *b, const struct msg_delivered *m)
{
	wire_put_u8(b, m->result);
	wire_put_bytes(b, m->status);
	msg_actions_put(b, &m->actions);
}

int
msg_delivered_get(struct span in, struct msg_delivered *out)
{
	struct wire w;

	wire_init(&w, in);
	out->result = wire_u8(&w);
	out->status = wire_text(&w, STATUS_MAX);
	msg_actions_get(&w, &out->actions);
	if (wire_done(&w) == -1)
		return -1;
	if (out->result > DELIVER_AGAIN ||
	    (out->result != DELIVER_OK && msg_has_actions(&out->actions)))
		return bad();
	return 0;
}

static void
row_rcpt_get(struct wire *w, struct msg_row_rcpt *out)
{
	out->address = wire_text(w, PATH_MAX_BYTES);
	out->done = wire_u8(w);
	out->status = wire_text(w, STATUS_MAX);
	if (out->done > 1)
		w->bad = true;
}

static void
row_rcpt_check(struct wire *w)
{
	struct msg_row_rcpt rcpt;

	row_rcpt_get(w, &rcpt);
}

void
msg_row_rcpt_put(struct buf *b, const struct msg_row_rcpt *rcpt)
{
	wire_put_bytes(b, rcpt->address);
	wire_put_u8(b, rcpt->done);
	wire_put_bytes(b, rcpt->status);
}

int
msg_row_rcpt_next(struct span *rcpts, struct msg_row_rcpt *out)
{
	struct wire w;

	if (rcpts->len == 0)
		return 0;
	wire_init(&w, *rcpts);
	row_rcpt_get(&w, out);
	if (w.bad) {
		*rcpts = span_from("", 0);
		return 0;
	}
	*rcpts = span_from(w.next, w.left);
	return 1;
}

void
msg_queue_row_put(struct buf *b, const struct msg_queue_row *row)
{
	wire_put_u64(b, row->queue_id);
	wire_put_u64(b, row->arrived_s);
	wire_put_u64(b, row->body_bytes);
	wire_put_u8(b, row->deferred);
	wire_put_u32(b, row->attempts);
	wire_put_u64(b, row->due_s);
	wire_put_bytes(b, row->reverse_path);
	wire_put_bytes(b, row->reason);
	wire_put_u32(b, row->nrcpts);
	buf_put_span(b, row->rcpts);
}

void
msg_queue_row_get(struct wire *w, struct msg_queue_row *out)
{
	out->queue_id = wire_u64(w);
	out->arrived_s = wire_u64(w);
	out->body_bytes = wire_u64(w);
	out->deferred = wire_u8(w);
	out->attempts = wire_u32(w);
	out->due_s = wire_u64(w);
	out->reverse_path = wire_text(w, PATH_MAX_BYTES);
	out->reason = wire_text(w, STATUS_MAX);
	out->nrcpts = wire_u32(w);
	/* A recipient may have several targets, each with a status. */
	if (out->deferred > 1 || out->nrcpts > RCPTS_MAX * TARGETS_MAX)
		w->bad = true;
	out->rcpts = walk(w, w->bad ? 0 : out->nrcpts, row_rcpt_check);
}

/*
 * 64 bits in 13 digits of 5 bits, the first of 4.  Lower case, and without
 * i, l, o and u, which people mistake for 1, 0 and v when they read aloud.
 */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void
queue_id_text(uint64_t id, char out[static QUEUE_ID_TEXT])
{
	for (int i = QUEUE_ID_TEXT - 2; i >= 0; i--) {
		out[i] = digits[id & 31];
		id >>= 5;
	}
	out[QUEUE_ID_TEXT - 1] = '\0';
}

int
queue_id_parse(const char *s, uint64_t *out)
{
	uint64_t id = 0;
	const char *p;

	if (strlen(s) != QUEUE_ID_TEXT - 1)
		goto invalid;
	for (unsigned i = 0; s[i] != '\0'; i++) {
		if ((p = strchr(digits, s[i])) == NULL ||
		    (i == 0 && p - digits > 15))
			goto invalid;
		id = id << 5 | (uint64_t)(p - digits);
	}
	*out = id;
	return 0;
invalid:
	errno = EINVAL;
	return -1;
}
