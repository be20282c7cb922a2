#include "config.h"
#include "libcommon/msg_copy.h"
#include "libcommon/wire.h"

#include <inttypes.h>
#include <stdio.h>

#define SESSION_DIGITS 16

void
copy_cursor_text(const struct copy_cursor *c, char out[static COPY_CURSOR_MAX])
{
	out[0] = '\0';
	if (c->session != 0)
		snprintf(out, COPY_CURSOR_MAX, "%016" PRIx64 ".%" PRIu64,
		    c->session, c->at);
}

/* Exactly what the above writes. */
int
copy_cursor_parse(struct span in, struct copy_cursor *out)
{
	char again[COPY_CURSOR_MAX];

	*out = (struct copy_cursor){ .session = 0 };
	for (size_t i = 0; i < in.len && i < SESSION_DIGITS; i++) {
		unsigned char c = in.data[i];
		unsigned v = c >= '0' && c <= '9' ? c - 48u
		    : c >= 'a' && c <= 'f'        ? c - 97u + 10
		                                  : 16;

		if (v > 15)
			return -1;
		out->session = out->session << 4 | v;
	}
	if (in.len > 0 &&
	    span_u64(span_sub(in, SESSION_DIGITS + 1, in.len), INT64_MAX,
	        &out->at) == -1)
		return -1;
	copy_cursor_text(out, again);
	return span_is(in, again) ? 0 : -1;
}

static void
put_cursor(struct buf *b, const struct copy_cursor *c)
{
	wire_put_u64(b, c->session);
	wire_put_u64(b, c->at);
}

/* Whose numbers can be told from one another and written as a text. */
static void
get_cursor(struct wire *w, struct copy_cursor *out)
{
	out->session = wire_u64(w);
	out->at = wire_u64(w);
	if (out->at > INT64_MAX || (out->session == 0 && out->at != 0))
		w->bad = true;
}

void
msg_backup_put(struct buf *b, const struct copy_cursor *c)
{
	put_cursor(b, c);
}

int
msg_backup_get(struct span in, struct copy_cursor *out)
{
	struct wire w;

	wire_init(&w, in);
	get_cursor(&w, out);
	return wire_done(&w);
}

void
msg_restore_put(struct buf *b, const struct msg_restore *m)
{
	put_cursor(b, &m->cursor);
	wire_put_u8(b, m->last);
	wire_put_bytes(b, m->data);
}

int
msg_restore_get(struct span in, struct msg_restore *out)
{
	struct wire w;

	wire_init(&w, in);
	get_cursor(&w, &out->cursor);
	out->last = wire_u8(&w);
	out->data = wire_bytes(&w, COPY_PIECE);
	if (out->last > 1)
		w.bad = true;
	return wire_done(&w);
}

void
msg_copied_put(struct buf *b, const struct msg_copied *m)
{
	wire_put_u8(b, m->how);
	put_cursor(b, &m->cursor);
	wire_put_u64(b, m->messages);
	wire_put_u64(b, m->bytes);
	wire_put_u64(b, m->already);
	wire_put_u64(b, m->skipped);
	wire_put_bytes(b, m->why);
	wire_put_bytes(b, m->data);
}

int
msg_copied_get(struct span in, struct msg_copied *out)
{
	struct wire w;

	wire_init(&w, in);
	out->how = wire_u8(&w);
	get_cursor(&w, &out->cursor);
	out->messages = wire_u64(&w);
	out->bytes = wire_u64(&w);
	out->already = wire_u64(&w);
	out->skipped = wire_u64(&w);
	out->why = wire_text(&w, COPY_WHY_MAX);
	out->data = wire_bytes(&w, COPY_PIECE);
	if (out->how > COPIED_FULL)
		w.bad = true;
	return wire_done(&w);
}
