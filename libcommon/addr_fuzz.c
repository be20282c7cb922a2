#include "config.h"
#include "libcommon/addr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char domain[ADDR_DOMAIN_MAX + 1];
	struct addr a, b;
	struct span rest;

	if (n < 1)
		return 0;
	struct span in = span_from(data + 1, n - 1);

	addr_domain(in, domain);
	addr_is_helo(in);
	if (addr_path(in, data[0] & 7, &a, &rest) == -1)
		return 0;
	/* What passed once is canonical: it passes again and stays the same. */
	if (a.text[0] != '\0' &&
	    (addr_parse(span_of(a.text), data[0] & 7, &b) == -1 ||
	        strcmp(a.text, b.text) != 0 || strlen(a.text) >= ADDR_MAX))
		abort();
	return 0;
}
