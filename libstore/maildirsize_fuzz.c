/* maildirsize, which the home's owner may write; and names in new/. */
#include "config.h"
#include "libstore/maildir.h"
#include "libstore/usage.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maildirsize ms;
	uint64_t a, b, id;
	char *name;

	if (maildirsize_parse(span_from(data, size), &ms) == 0 &&
	    (ms.bytes < 0 || ms.count < 0))
		abort();
	if ((name = span_strdup(span_from(data, size))) == NULL)
		return 0;
	maildir_name_sizes(name, &a, &b);
	maildir_name_queue_id(name, &id);
	if (maildir_id_len(name) > size)
		abort();
	free(name);
	return 0;
}
