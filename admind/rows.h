/*
 * rows - the answers of LIST and SHOW: a page of rows.
 *
 * After COMMENT an answer has the fields NEXT, COLUMNS, then one a row.
 * COLUMNS and each row are themselves fields, as in field.h ("a|b|c"), put as
 * one field: what is inside is escaped twice, and nothing in a cell can make a
 * cell, a row or a field.  Who reads them parses the answer, then COLUMNS and
 * each row, with fields_parse().  Columns are called as the options of the
 * requests (message.h) that set them.
 *
 * NEXT is where a page that is not the last one ended, the key of its last row
 * for most lists, and goes back as AFTER; it is empty on the last page.
 */
#ifndef ADMIND_ROWS_H
#define ADMIND_ROWS_H

#include "admind/field.h"

#define ROWS_MAX 500 /* of a page */
/* Bytes of a page's rows, encoded: header, comment and the other two fields
 * still fit. */
#define ROWS_BYTES (REQUEST_MAX - 8192)

struct rows {
	unsigned n, max;
	bool more; /* a row did not fit: NEXT is told */
	bool first_cell;
	bool too_large; /* not even one row fits */
	/* What a row of the database has not, behind what it has: NULL, or set
	 * after rows_init(); column has the key and the cells. */
	void (*more_cells)(struct rows *, const struct span *column);
	struct buf page, row, cells, next;
};

/* max 0: as many as may be; more than ROWS_MAX are as many, too. */
void rows_init(struct rows *, uint64_t max);
void rows_clear(struct rows *);
void rows_reset(struct rows *); /* an empty page again, same max */

/* A row: its cells, then its end.  false: it does not fit, is dropped, and the
 * page is full. */
void rows_cell(struct rows *, struct span);
void rows_cell_u64(struct rows *, uint64_t);
bool rows_end(struct rows *, struct span key);
/* The page ends here, also without a row: what follows is looked for after key. */
void rows_cut(struct rows *, struct span key);

/* How many rows to ask for: one more than fit, to know if there is more. */
uint64_t rows_limit(const struct rows *);

/* Append NEXT, COLUMNS ("name|state") and the rows to an answer's fields.  0, or
 * -1 with EMSGSIZE. */
int rows_put(const struct rows *, const char *columns, struct buf *answer);

#endif
