/*
 * What the resolver answers the connector: what is read is written again.
 */
#include "config.h"
#include "admind/resolver.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct resolver_answer a;
	struct buf b;

	if (resolver_answer_get(span_from(data, n), &a) == -1)
		return 0;
	buf_init(&b, RESOLVER_MSG_MAX);
	resolver_answer_put(&b, &a);
	if (buf_error(&b) != 0 || !span_eq(buf_span(&b), span_from(data, n)))
		abort();
	buf_clear(&b);
	return 0;
}
