/*
 * Answers as people and programs read them.
 *
 * LIST, SHOW, STAT and some others answer NEXT, COLUMNS and one field for each row after
 * COMMENT; COLUMNS and rows are fields themselves (field.h).  What other
 * requests answer after COMMENT (a number, a key) is printed as it is.
 */
#include "config.h"
#include "admind/admin.h"

#include <string.h>

#define A_TYPE 0
#define A_DOMAIN 3
#define A_CODE 4
#define A_COMMENT 5
#define A_NEXT 6
#define A_COLUMNS 7
#define A_ROWS 8

static bool
is_good(const struct fields *a)
{
	return span_is(fields_get(a, A_CODE), "0");
}

int
show_status(const struct fields *a)
{
	if (is_good(a))
		return EXIT_OK;
	return span_is(fields_get(a, A_CODE), "-2") ? EXIT_TEMP : EXIT_REFUSED;
}

static bool
has_rows(const struct fields *a)
{
	struct span type = fields_get(a, A_TYPE);

	return is_good(a) && a->n > A_COLUMNS &&
	    (span_has_prefix_icase(type, "LIST") ||
	        span_has_prefix_icase(type, "SHOW") ||
	        span_has_prefix_icase(type, "STAT") || span_is(type, "AUDIT") ||
	        span_is(type, "PURGE") || span_is(type, "DNSDOM"));
}

/* One thing with many properties: a line for each. */
static bool
is_one(const struct fields *a)
{
	struct span type = fields_get(a, A_TYPE);

	return has_rows(a) && a->n == A_ROWS + 1 &&
	    (span_has_prefix_icase(type, "SHOW") ||
	        span_has_prefix_icase(type, "STAT"));
}

struct span
show_next(const struct fields *a)
{
	return has_rows(a) ? a->field[A_NEXT] : span_from("", 0);
}

int
show_row(const struct fields *a, int i, struct fields *out)
{
	unsigned at = (unsigned)(A_ROWS + i);

	if (!has_rows(a) || at >= a->n)
		return -1;
	return fields_parse(out, a->field[at]);
}

/* ---- JSON ---------------------------------------------------------------------- */

static void
json_begin(struct show *s, const struct fields *a)
{
	fputs("{\"type\":", s->out);
	text_json(s->out, fields_get(a, A_TYPE));
	fputs(",\"domain\":", s->out);
	text_json(s->out, fields_get(a, A_DOMAIN));
	s->begun = true;
}

static void
json_rows(struct show *s, const struct fields *a)
{
	struct fields columns, row;

	fields_init(&columns);
	fields_init(&row);
	if (show_row(a, -1, &columns) == -1)
		columns.n = 0;
	for (int i = 0; show_row(a, i, &row) == 0; i++) {
		fputs(s->rows ? ",\n{" : ",\"rows\":[\n{", s->out);
		s->rows = true;
		for (unsigned k = 0; k < columns.n; k++) {
			if (k > 0)
				putc(',', s->out);
			text_json(s->out, columns.field[k]);
			putc(':', s->out);
			text_json(s->out, fields_get(&row, k));
		}
		putc('}', s->out);
	}
	fields_clear(&columns);
	fields_clear(&row);
}

static void
json_values(struct show *s, const struct fields *a)
{
	if (a->n <= A_NEXT)
		return;
	for (unsigned i = A_NEXT; i < a->n; i++) {
		fputs(i == A_NEXT ? ",\"values\":[" : ",", s->out);
		text_json(s->out, a->field[i]);
	}
	putc(']', s->out);
}

static void
json_end(struct show *s, const struct fields *a)
{
	if (s->rows)
		fputs("\n]", s->out);
	else if (has_rows(a))
		fputs(",\"rows\":[]", s->out);
	fputs(",\"code\":", s->out);
	text_put(s->out, fields_get(a, A_CODE));
	fputs(",\"comment\":", s->out);
	text_json(s->out, fields_get(a, A_COMMENT));
	if (show_next(a).len > 0) {
		fputs(",\"next\":", s->out);
		text_json(s->out, show_next(a));
	}
	if (!has_rows(a))
		json_values(s, a);
	fputs("}\n", s->out);
}

/* ---- tables ------------------------------------------------------------------------ */

static void
widen(struct show *s, const struct fields *row)
{
	for (unsigned k = 0; k < s->ncolumns; k++) {
		size_t w = text_width(fields_get(row, k));

		if (w > s->width[k])
			s->width[k] = w;
	}
}

static void
table_line(struct show *s, const struct fields *row)
{
	for (unsigned k = 0; k < s->ncolumns; k++) {
		if (k + 1 == s->ncolumns)
			text_put(s->out, fields_get(row, k));
		else
			text_pad(s->out, fields_get(row, k), s->width[k] + 2);
	}
	putc('\n', s->out);
}

/* Each page is aligned by itself, no narrower than those before. */
static void
table(struct show *s, const struct fields *a)
{
	struct fields columns, row;

	fields_init(&columns);
	fields_init(&row);
	if (show_row(a, -1, &columns) == 0 && a->n > A_ROWS) {
		s->ncolumns = columns.n < SHOW_COLUMNS ? columns.n
		                                       : SHOW_COLUMNS;
		widen(s, &columns);
		for (int i = 0; show_row(a, i, &row) == 0; i++)
			widen(s, &row);
		if (!s->begun)
			table_line(s, &columns);
		s->begun = true;
		for (int i = 0; show_row(a, i, &row) == 0; i++)
			table_line(s, &row);
	}
	fields_clear(&columns);
	fields_clear(&row);
}

/* Several lines are set in, so that none looks like another property. */
static void
put_lines(FILE *f, struct span value, size_t indent)
{
	ptrdiff_t nl;

	while ((nl = span_chr(value, '\n')) != -1) {
		text_put(f, span_sub(value, 0, (size_t)nl));
		putc('\n', f);
		text_pad(f, span_from("", 0), indent);
		value = span_sub(value, (size_t)nl + 1, value.len);
	}
	text_put(f, value);
	putc('\n', f);
}

static void
properties(struct show *s, const struct fields *a)
{
	struct fields columns, row;
	size_t width = 0;

	fields_init(&columns);
	fields_init(&row);
	if (show_row(a, -1, &columns) == 0 && show_row(a, 0, &row) == 0) {
		for (unsigned k = 0; k < columns.n; k++)
			if (text_width(columns.field[k]) > width)
				width = text_width(columns.field[k]);
		for (unsigned k = 0; k < columns.n; k++) {
			text_pad(s->out, columns.field[k], width + 2);
			put_lines(s->out, fields_get(&row, k), width + 2);
		}
	}
	fields_clear(&columns);
	fields_clear(&row);
}

static void
plain(struct show *s, const struct fields *a)
{
	if (is_one(a)) {
		properties(s, a);
	} else if (has_rows(a)) {
		table(s, a);
	} else {
		text_put(s->out, fields_get(a, A_COMMENT));
		putc('\n', s->out);
		for (unsigned i = A_NEXT; i < a->n; i++) {
			text_put(s->out, a->field[i]);
			putc('\n', s->out);
		}
	}
}

int
show_answer(struct show *s, const struct fields *a, bool more)
{
	if (s->json) {
		if (!s->begun)
			json_begin(s, a);
		json_rows(s, a);
		if (!more || !is_good(a))
			json_end(s, a);
	} else if (is_good(a)) {
		plain(s, a);
	} else {
		fputs("semail: ", stderr);
		text_put(stderr, fields_get(a, A_COMMENT));
		fputs(" (code ", stderr);
		text_put(stderr, fields_get(a, A_CODE));
		fputs(")\n", stderr);
	}
	return show_status(a);
}
