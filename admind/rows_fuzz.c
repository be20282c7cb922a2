/* What goes into a page comes out of it.  Input: the most rows, then cells by
 * their length; a length of 255 ends a row. */
#include "config.h"
#include "admind/rows.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define CELLS_MAX 32

/* The next cell, the nth of its row.  false at the end of a row or of the
 * input. */
static bool
cell(struct span *in, unsigned nth, struct span *out)
{
	size_t n;

	if (in->len == 0 || nth == CELLS_MAX)
		return false;
	n = in->data[0];
	*in = span_sub(*in, 1, in->len);
	if (n == 255)
		return false;
	*out = span_sub(*in, 0, n);
	*in = span_sub(*in, n, in->len);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(data, size), again, one;
	static struct fields answer, cells;
	struct buf b;
	struct rows r;

	if (size == 0)
		return 0;
	rows_init(&r, data[0]);
	buf_init(&b, REQUEST_MAX);
	fields_init(&answer);
	fields_init(&cells);
	in = span_sub(in, 1, in.len);
	again = in;
	do {
		one = in;
		for (unsigned n = 0; cell(&in, n, &one); n++)
			rows_cell(&r, one);
	} while (rows_end(&r, one) && in.len > 0);
	field_put(&b, span_of("LIST"), true);
	if (rows_put(&r, "A|B", &b) == 0) {
		if (fields_parse(&answer, buf_span(&b)) == -1 ||
		    answer.n != 3 + r.n)
			abort();
		for (unsigned i = 0; i < r.n; i++) {
			unsigned n;

			if (fields_parse(&cells, answer.field[3 + i]) == -1)
				abort();
			for (n = 0; cell(&again, n, &one); n++)
				if (n >= cells.n ||
				    !span_eq(cells.field[n], one))
					abort();
			/* A row without cells reads as one that is empty. */
			if (n != cells.n && (n != 0 || cells.field[0].len != 0))
				abort();
		}
	}
	buf_clear(&b);
	rows_clear(&r);
	fields_clear(&answer);
	fields_clear(&cells);
	return 0;
}
