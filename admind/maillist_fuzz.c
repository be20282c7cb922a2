/* What is taken is kept as it is when taken again, and can make no line,
 * entry, program or file. */
#include "config.h"
#include "admind/maillist.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n), kept, entry;
	char why[MAILLIST_WHY];
	struct buf once, twice;
	ptrdiff_t comma;

	buf_init(&once, 60000);
	buf_init(&twice, 60000);
	if (maillist_take(in, MAILLIST_NAMES, &once, why) == 0) {
		kept = buf_span(&once);
		if (maillist_take(kept, MAILLIST_NAMES, &twice, why) == -1 ||
		    !span_eq(kept, buf_span(&twice)))
			abort();
		for (size_t i = 0; i < kept.len; i++)
			if (kept.data[i] <= ' ' || kept.data[i] >= 0x7f ||
			    strchr("\"\\:;<>()", kept.data[i]) != NULL)
				abort();
		do {
			comma = span_chr(kept, ',');
			entry = comma < 0 ? kept
			                  : span_sub(kept, 0, (size_t)comma);
			if (entry.len == 0 ||
			    strchr("|/-", entry.data[0]) != NULL)
				abort();
			kept = span_sub(kept, entry.len + 1, kept.len);
		} while (comma >= 0);
	}
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
