/*
 * What decodes must encode to the same bytes.  The first byte picks the
 * decoder.
 */
#include "config.h"
#include "libcommon/msg_feed.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define TRY(kind) \
	do { \
		struct feed_##kind m; \
		good = feed_##kind##_get(in, &m) == 0; \
		if (good) \
			feed_##kind##_put(&b, &m); \
	} while (0)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n);
	bool good = false;
	struct buf b;

	if (n == 0)
		return 0;
	in = span_sub(in, 1, n);
	buf_init(&b, 1 << 20);
	switch (data[0]) {
	case 'r':
		TRY(row);
		break;
	case 'd':
		TRY(domain);
		break;
	case 'm':
		TRY(mailbox);
		break;
	case 'c':
		TRY(credential);
		break;
	case 'a':
		TRY(alias);
		break;
	case 'v':
		TRY(virtual);
		break;
	case 's':
		TRY(server);
		break;
	case 'b':
		TRY(better);
		break;
	}
	if (good && !span_eq(in, buf_span(&b)))
		abort();
	buf_clear(&b);
	return 0;
}
