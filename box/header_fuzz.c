/* Whatever the bytes are: what is borrowed lies within them. */
#include "config.h"
#include "box/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
within(struct span s, const uint8_t *data, size_t size)
{
	if (s.len > 0 && (s.data < data || s.data + s.len > data + size))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct span ours[] = {
		{ (const unsigned char *)"ann@x.test", 10 },
		{ (const unsigned char *)"info@x.test", 11 },
	};
	struct header h;

	header_scan(span_from(data, size), ours, nitems(ours), &h);
	within(h.subject, data, size);
	within(h.message_id, data, size);
	within(h.references, data, size);
	return 0;
}
