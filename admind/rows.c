#include "config.h"
#include "admind/rows.h"

#include <errno.h>
#include <stdio.h>

void
rows_init(struct rows *r, uint64_t max)
{
	memset(r, 0, sizeof(*r));
	r->max = max == 0 || max > ROWS_MAX ? ROWS_MAX : (unsigned)max;
	buf_init(&r->page, REQUEST_MAX);
	buf_init(&r->row, REQUEST_MAX);
	buf_init(&r->cells, REQUEST_MAX);
	buf_init(&r->next, REQUEST_MAX);
	rows_reset(r);
}

void
rows_clear(struct rows *r)
{
	buf_clear(&r->page);
	buf_clear(&r->row);
	buf_clear(&r->cells);
	buf_clear(&r->next);
}

void
rows_reset(struct rows *r)
{
	buf_reset(&r->page);
	buf_reset(&r->row);
	buf_reset(&r->cells);
	buf_reset(&r->next);
	r->n = 0;
	r->more = false;
	r->too_large = false;
	r->first_cell = true;
}

void
rows_cell(struct rows *r, struct span s)
{
	field_put(&r->cells, s, r->first_cell);
	r->first_cell = false;
}

void
rows_cell_u64(struct rows *r, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	rows_cell(r, span_of(text));
}

bool
rows_end(struct rows *r, struct span key)
{
	bool fits;

	field_put(&r->row, buf_span(&r->cells), false);
	fits = r->n < r->max && !r->more && buf_error(&r->cells) == 0 &&
	    buf_error(&r->row) == 0 && r->page.len + r->row.len <= ROWS_BYTES;
	if (fits) {
		buf_put_span(&r->page, buf_span(&r->row));
		r->n++;
		buf_reset(&r->next);
		buf_put_span(&r->next, key);
	} else if (r->n == 0) {
		r->too_large = true;
	} else {
		r->more = true;
	}
	buf_reset(&r->cells);
	buf_reset(&r->row);
	r->first_cell = true;
	return fits;
}

void
rows_cut(struct rows *r, struct span key)
{
	buf_reset(&r->next);
	buf_put_span(&r->next, key);
	r->more = true;
}

uint64_t
rows_limit(const struct rows *r)
{
	return r->max + 1;
}

int
rows_put(const struct rows *r, const char *columns, struct buf *answer)
{
	if (r->too_large || buf_error(&r->page) != 0 ||
	    buf_error(&r->next) != 0) {
		errno = EMSGSIZE;
		return -1;
	}
	field_put(answer, r->more ? buf_span(&r->next) : span_of(""), false);
	/* Our own constant, with | between the names: fields already. */
	field_put(answer, span_of(columns), false);
	buf_put_span(answer, buf_span(&r->page));
	return 0;
}
