#include "config.h"
#include "admind/csv.h"

#define MARK "\xef\xbb\xbf"

void
csv_init(struct csv *c)
{
	memset(c, 0, sizeof(*c));
	buf_init(&c->bytes, CSV_ROW_MAX);
	c->first = true;
	c->line = c->at = 1;
}

void
csv_clear(struct csv *c)
{
	buf_clear(&c->bytes);
	c->n = 0;
}

struct span
csv_cell(const struct csv *c, unsigned n)
{
	size_t from = n == 0 || n > c->n ? 0 : c->end[n - 1];

	if (n >= c->n)
		return span_from("", 0);
	return span_sub(buf_span(&c->bytes), from, c->end[n] - from);
}

static enum csv_event
bad(struct csv *c, const char *why)
{
	c->why = why;
	return CSV_BAD;
}

/* Of the cell under way. */
static struct span
so_far(const struct csv *c)
{
	return span_sub(buf_span(&c->bytes), c->n == 0 ? 0 : c->end[c->n - 1],
	    c->bytes.len);
}

/* A mark is all of the first cell yet. */
static bool
is_mark(const struct csv *c)
{
	return c->first && c->n == 0 && span_is(so_far(c), MARK);
}

static enum csv_event
end_cell(struct csv *c)
{
	struct span s = so_far(c);

	if (c->n == CSV_CELLS_MAX)
		return bad(c, "too many cells");
	if (c->first && c->n == 0 && !c->was_quoted && s.len >= 3 &&
	    span_is(span_sub(s, 0, 3), MARK))
		buf_drop(&c->bytes, 3);
	c->end[c->n++] = c->bytes.len;
	c->was_quoted = false;
	c->state = CSV_START;
	return CSV_MORE;
}

static enum csv_event
end_row(struct csv *c)
{
	if (c->n == 0 && !c->was_quoted && (c->bytes.len == 0 || is_mark(c))) {
		buf_reset(&c->bytes); /* an empty line */
		c->state = CSV_START;
		return CSV_MORE;
	}
	if (end_cell(c) == CSV_BAD)
		return CSV_BAD;
	c->first = false;
	c->whole = true;
	return CSV_ROW;
}

/* What ends a cell, after a closing quote or without one.  false: nothing. */
static bool
ends(struct csv *c, unsigned char byte, enum csv_event *e)
{
	if (byte == ',')
		*e = end_cell(c);
	else if (byte == '\n')
		*e = end_row(c);
	else if (byte == '\r')
		c->state = CSV_CR;
	else
		return false;
	return true;
}

static enum csv_event
open_quote(struct csv *c)
{
	if (c->state == CSV_PLAIN) {
		if (!is_mark(c))
			return bad(c,
			    "a quote inside a cell that does not "
			    "begin with one");
		buf_reset(&c->bytes);
	}
	c->state = CSV_QUOTED;
	c->was_quoted = true;
	c->opened = c->at;
	return CSV_MORE;
}

static enum csv_event
take(struct csv *c, unsigned char byte)
{
	enum csv_event e = CSV_MORE;

	switch (c->state) {
	case CSV_START:
	case CSV_PLAIN:
		if (ends(c, byte, &e))
			return e;
		if (byte == '"')
			return open_quote(c);
		c->state = CSV_PLAIN;
		buf_putc(&c->bytes, byte);
		return CSV_MORE;
	case CSV_CR:
		return byte == '\n'
		    ? end_row(c)
		    : bad(c, "a carriage return that ends no line");
	case CSV_QUOTED:
		if (byte == '"')
			c->state = CSV_QUOTE;
		else
			buf_putc(&c->bytes, byte);
		return CSV_MORE;
	case CSV_QUOTE:
		if (ends(c, byte, &e))
			return e;
		if (byte != '"')
			return bad(c,
			    "something between a closing quote and "
			    "the comma");
		c->state = CSV_QUOTED;
		buf_putc(&c->bytes, byte);
		return CSV_MORE;
	}
	return CSV_MORE;
}

/* The row that was given out is done with. */
static void
next_row(struct csv *c)
{
	if (!c->whole)
		return;
	buf_reset(&c->bytes);
	c->n = 0;
	c->whole = false;
}

enum csv_event
csv_feed(struct csv *c, struct span in, size_t *used_out)
{
	enum csv_event e = CSV_MORE;
	size_t i;

	*used_out = 0;
	if (c->why != NULL)
		return CSV_BAD;
	next_row(c);
	for (i = 0; i < in.len && e == CSV_MORE; i++) {
		if (c->state == CSV_START && c->n == 0)
			c->line = c->at;
		e = take(c, in.data[i]);
		if (e != CSV_BAD && buf_error(&c->bytes) != 0)
			e = bad(c, "a row that is too long");
		if (e != CSV_BAD && in.data[i] == '\n')
			c->at++;
	}
	*used_out = i;
	return e;
}

enum csv_event
csv_end(struct csv *c)
{
	enum csv_event e;

	if (c->why != NULL)
		return CSV_BAD;
	next_row(c);
	if (c->state == CSV_QUOTED) {
		c->at = c->opened;
		return bad(c, "a quote that is never closed");
	}
	if (c->state == CSV_CR)
		return bad(c, "a carriage return that ends no line");
	if (c->state == CSV_START && c->n == 0)
		return CSV_MORE;
	e = end_row(c);
	return e;
}

void
csv_put(FILE *f, struct span s, bool first)
{
	bool quotes = s.len == 0 && first; /* not an empty line */

	for (size_t i = 0; i < s.len && !quotes; i++)
		quotes = strchr(",\"\r\n", s.data[i]) != NULL;
	if (s.len > 0)
		quotes = quotes || s.data[0] == ' ' ||
		    s.data[s.len - 1] == ' ' ||
		    (first && span_is(span_sub(s, 0, 3), MARK));
	if (!first)
		putc(',', f);
	if (quotes)
		putc('"', f);
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '"')
			putc('"', f);
		putc(s.data[i], f);
	}
	if (quotes)
		putc('"', f);
}
