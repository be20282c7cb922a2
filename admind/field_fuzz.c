/* What is read is written the same way again: there is one form only. */
#include "config.h"
#include "admind/field.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fields f;
	struct buf b;

	fields_init(&f);
	buf_init(&b, 2 * REQUEST_MAX + FIELDS_MAX);
	if (n <= REQUEST_MAX && fields_parse(&f, span_from(data, n)) == 0) {
		for (unsigned i = 0; i < f.n; i++)
			field_put(&b, f.field[i], i == 0);
		if (buf_error(&b) != 0 ||
		    !span_eq(buf_span(&b), span_from(data, n)))
			abort();
	}
	buf_clear(&b);
	fields_clear(&f);
	return 0;
}
