/* A segment of the log as the disk may hand it back, and what is made of its
 * records. */
#include "config.h"
#include "queue/qmsg.h"
#include "queue/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct qmsg *last;

static void
on_record(void *arg, const struct rec *r)
{
	struct span body;

	(void)arg;
	if (r->type == REC_MESSAGE) {
		qmsg_free(&last);
		last = qmsg_new(r->id, r->payload, &body);
	} else if (last != NULL && r->type == REC_EXPAND) {
		qmsg_expand(last, r->payload);
	} else if (last != NULL && r->type == REC_DONE) {
		qmsg_done(last, r->payload);
	}
}

static void
on_batch(void *arg, size_t off, const struct batch_head *h)
{
	(void)arg;
	if (off % BLOCK != 0 || h->len < BATCH_HEADER)
		abort();
}

static void
on_hole(void *arg, size_t off, size_t len, const struct batch_head *next)
{
	const struct scan_ops *ops = arg;

	(void)ops;
	(void)next;
	if (off % BLOCK != 0 || len == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct scan_ops ops = { on_record, on_batch, on_hole };
	struct seg_head seg = { 1, 2, size + SEG_HEADER }, guess;
	unsigned char *image = calloc(1, size + SEG_HEADER);
	struct span all;

	if (image == NULL)
		return 0;
	memcpy(image + SEG_HEADER, data, size);
	all = span_from(image, size + SEG_HEADER);
	if (seg_scan(all, &seg, &ops, NULL) > all.len + BLOCK)
		abort();
	seg_salvage(all, &seg, SEG_HEADER, size, on_record, NULL);
	seg_guess_head(all, &guess);
	qmsg_free(&last);
	free(image);
	return 0;
}
