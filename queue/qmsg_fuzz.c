/* Payloads of records without the checksum in the way: u16 length of a
 * REC_MESSAGE's, then a list of u8 type, u16 length, bytes. */
#include "config.h"
#include "queue/qmsg.h"
#include "queue/record.h"
#include "queue/waiting.h"
#include "libcommon/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
consistent(const struct qmsg *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->ntargets; i++)
		n += m->targets[i].state != T_DONE;
	if (n != m->nopen)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wait_hint *hints;
	struct span body, in;
	struct qmsg *m;
	struct wire w;
	uint8_t type;
	size_t n;

	if (waiting_index_get(span_from(data, size), &hints, &n) == 0)
		free(hints);
	if (size < 2)
		return 0;
	n = le16_get(data);
	in = span_sub(span_from(data, size), 2, size);
	if ((m = qmsg_new(1, span_sub(in, 0, n), &body)) == NULL)
		return 0;
	consistent(m);
	wire_init(&w, span_sub(in, n, size));
	while (w.left > 3 && !w.bad) {
		type = wire_u8(&w);
		n = wire_u16(&w);
		in = span_from(w.next, n < w.left ? n : w.left);
		w.next += in.len;
		w.left -= in.len;
		if (type == REC_EXPAND)
			qmsg_expand(m, in);
		else
			qmsg_done(m, in);
		consistent(m);
	}
	qmsg_free(&m);
	return 0;
}
