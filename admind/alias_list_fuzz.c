/* A member is never empty, and what comes out in order is in the list. */
#include "config.h"
#include "admind/alias_list.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span rest = span_from(data, n), member;
	const unsigned char *at = data;

	while (alias_list_next(&rest, &member)) {
		if (member.len == 0 || member.data < at ||
		    member.data + member.len > data + n)
			abort();
		at = member.data + member.len;
	}
	if (rest.len != 0)
		abort();
	return 0;
}
