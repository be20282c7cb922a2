/* Rows are the same however their bytes come, and come back when written.
 * Input: how many bytes come at a time, then they. */
#include "config.h"
#include "admind/csv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The rows as csv_put() writes them; a last line "!" when it ends badly. */
static void
rewrite(struct span in, size_t step, FILE *out)
{
	enum csv_event e;
	struct csv c;
	size_t used;

	csv_init(&c);
	do {
		e = csv_feed(&c, span_sub(in, 0, step), &used);
		in = span_sub(in, used, in.len);
		if (e == CSV_MORE && in.len == 0) {
			if ((e = csv_end(&c)) == CSV_MORE)
				break;
		}
		if (e != CSV_ROW)
			continue;
		if (c.n == 0 || c.n > CSV_CELLS_MAX || c.line > c.at)
			abort();
		for (unsigned i = 0; i < c.n; i++)
			csv_put(out, csv_cell(&c, i), i == 0);
		putc('\n', out);
	} while (e != CSV_BAD);
	if (e == CSV_BAD) {
		if (c.why == NULL)
			abort();
		fputs("!\n", out);
	}
	csv_clear(&c);
	fclose(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(data, size);
	size_t step, n1, n2, n3;
	char *whole, *parts, *again;

	if (size == 0)
		return 0;
	step = data[0] == 0 ? 1 : data[0];
	in = span_sub(in, 1, in.len);
	rewrite(in, in.len, open_memstream(&whole, &n1));
	rewrite(in, step, open_memstream(&parts, &n2));
	if (n1 != n2 || memcmp(whole, parts, n1) != 0)
		abort();
	rewrite(span_from(whole, n1), n1, open_memstream(&again, &n3));
	if (n1 != n3 || memcmp(whole, again, n1) != 0)
		abort();
	free(whole);
	free(parts);
	free(again);
	return 0;
}
