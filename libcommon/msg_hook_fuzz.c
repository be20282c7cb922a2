/* What decodes must encode to the same bytes. */
#include "config.h"
#include "libcommon/msg_hook.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct msg_hooked ended;
	struct msg_hook m;
	struct buf b;

	buf_init(&b, 1 << 20);
	if (msg_hook_get(span_from(data, n), &m) == 0) {
		msg_hook_put(&b, &m);
		if (!span_eq(buf_span(&b), span_from(data, n)))
			abort();
	} else if (msg_hooked_get(span_from(data, n), &ended) == 0) {
		msg_hooked_put(&b, &ended);
		if (!span_eq(buf_span(&b), span_from(data, n)))
			abort();
	}
	buf_clear(&b);
	return 0;
}
