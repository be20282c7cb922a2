/* The payloads queued, local and the queue command read: the first byte of
 * the input says which decoder. */
#include "config.h"
#include "libcommon/msg_queue.h"
#include "libcommon/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What was decoded must encode to the same bytes. */
static void
same(const struct buf *b, struct span in)
{
	if (b->err == 0 && !span_eq(buf_span(b), in))
		abort();
}

static void
submit(struct buf *b, struct span in)
{
	struct msg_submit m;
	struct msg_rcpt rcpt;
	uint32_t n = 0;

	if (msg_submit_get(in, &m) == -1)
		return;
	msg_submit_put(b, &m);
	same(b, in);
	while (msg_rcpt_next(&m.rcpts, &rcpt) == 1)
		n++;
	if (n != m.nrcpts)
		abort();
}

static void
actions(const struct msg_actions *m)
{
	struct span list = m->forward, address;
	uint32_t n = 0;

	while (msg_actions_next(&list, &address) == 1)
		n++;
	if (n != m->nforward)
		abort();
}

static void
rows(struct span in)
{
	struct msg_queue_row row;
	struct msg_row_rcpt rcpt;
	struct wire w;
	uint32_t n;

	for (wire_init(&w, in); w.left > 0;) {
		msg_queue_row_get(&w, &row);
		if (w.bad)
			return;
		for (n = 0; msg_row_rcpt_next(&row.rcpts, &rcpt) == 1;)
			n++;
		if (n != row.nrcpts)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(data, size);
	struct msg_deliver deliver;
	struct msg_delivered delivered;
	char text[64];
	uint64_t id;
	struct buf b;

	if (size == 0)
		return 0;
	in = span_sub(in, 1, in.len);
	buf_init(&b, 4 << 20);
	switch (data[0]) {
	case 'S':
		submit(&b, in);
		break;
	case 'D':
		if (msg_deliver_get(in, &deliver) == 0) {
			msg_deliver_put(&b, &deliver);
			same(&b, in);
		}
		break;
	case 'd':
		if (msg_delivered_get(in, &delivered) == 0) {
			msg_delivered_put(&b, &delivered);
			same(&b, in);
			actions(&delivered.actions);
		}
		break;
	case 'R':
		rows(in);
		break;
	case 'I':
		if (span_copy(in, text, sizeof(text)) == 0 &&
		    queue_id_parse(text, &id) == 0) {
			char again[QUEUE_ID_TEXT];

			queue_id_text(id, again);
			if (strcmp(text, again) != 0)
				abort();
		}
		break;
	}
	buf_clear(&b);
	return 0;
}
