/* Entries lie within the file, in order, and an address is one. */
#include "config.h"
#include "box/forward.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct forward_reader r;
	struct forward_entry e;
	const unsigned char *last = data;
	struct addr again;
	unsigned line = 1;

	forward_begin(&r, span_from(data, size), "ann@x.test");
	while (forward_next(&r, &e)) {
		if (e.text.data < last || e.text.len == 0 ||
		    e.text.data + e.text.len > data + size || e.line < line)
			abort();
		last = e.text.data + e.text.len;
		line = e.line;
		if (e.kind <= FORWARD_OWN &&
		    (addr_parse(span_of(e.addr.text), ADDR_UTF8, &again) ==
		            -1 ||
		        strpbrk(e.addr.text, "\r\n") != NULL))
			abort();
	}
	return 0;
}
