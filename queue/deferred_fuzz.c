/* A deferred file as the disk may hand it back. */
#include "config.h"
#include "queue/deferred.h"
#include "libcommon/io.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
parse(struct span in)
{
	struct qmsg *m, *again;
	unsigned bad;
	struct buf b;
	size_t len;

	if ((m = deferred_head_get(in, &len)) == NULL)
		return;
	if (len > in.len)
		abort();
	deferred_lines_get(span_sub(in, len, in.len), m, &bad);
	/* What we would write of it is read back. */
	buf_init(&b, DEFERRED_HEAD_MAX);
	deferred_head_put(&b, m);
	again = deferred_head_get(buf_span(&b), &len);
	if (buf_error(&b) == 0 && again == NULL)
		abort();
	qmsg_free(&again);
	buf_clear(&b);
	qmsg_free(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *mark;
	struct buf b;
	size_t n;

	parse(span_from(data, size));
	/* And with a right checksum, which chance does not find. */
	mark = memmem(data, size, "\ncrc ", 5);
	if (mark == NULL || size > 100000)
		return 0;
	n = (size_t)(mark - data) + 1;
	buf_init(&b, 200000);
	buf_put(&b, data, n);
	buf_printf(&b, "crc %08x\n\n", io_crc32c(0, data, n));
	if (size - n > 14)
		buf_put(&b, data + n + 14, size - n - 14);
	parse(buf_span(&b));
	buf_clear(&b);
	return 0;
}
