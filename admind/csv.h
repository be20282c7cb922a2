/*
 * csv - comma-separated values as in RFC 4180: rows of cells out of bytes, and
 * cells into bytes.
 *
 * A cell in quotes may hold commas, line ends and, doubled, quotes.  Lines end
 * in CRLF or LF; empty ones are no rows.  A byte order mark before the first
 * cell is dropped.  What RFC 4180 does not allow is refused: a guess would put
 * a value into another's cell.
 */
#ifndef ADMIND_CSV_H
#define ADMIND_CSV_H

#include "libcommon/buf.h"

#include <stdio.h>

#define CSV_CELLS_MAX 64
#define CSV_ROW_MAX (512 * 1024) /* bytes of a row's cells */

enum csv_event {
	CSV_MORE, /* all taken, no row is whole */
	CSV_ROW,  /* its cells are there until the next csv_feed() */
	CSV_BAD   /* why says it; nothing after it can be read */
};

struct csv {
	enum { CSV_START, CSV_PLAIN, CSV_CR, CSV_QUOTED, CSV_QUOTE } state;
	struct buf bytes;          /* cells, one after the other; passwords */
	size_t end[CSV_CELLS_MAX]; /* of each whole cell, in bytes */
	unsigned n;                /* whole cells */
	bool first;                /* no row yet: there may be a mark */
	bool whole;                /* the row was given out */
	bool was_quoted;           /* the cell under way */
	unsigned long line;        /* of the row's first byte, from 1 */
	unsigned long at;          /* of the next byte; when bad, of what is */
	unsigned long opened;      /* of the last quote that opened a cell */
	const char *why;
};

void csv_init(struct csv *);
void csv_clear(struct csv *); /* wipes */
/* Take bytes up to the end of a row; used_out says how many. */
enum csv_event csv_feed(struct csv *, struct span in, size_t *used_out);
/* No more bytes: the last row may lack its line end. */
enum csv_event csv_end(struct csv *);
/* The nth cell of the row, from 0; empty when there is none. */
struct span csv_cell(const struct csv *, unsigned n);

/* Write a cell, in quotes where need be, with a comma before it unless it is
 * the first; the caller writes the line end. */
void csv_put(FILE *, struct span, bool first);

#endif
