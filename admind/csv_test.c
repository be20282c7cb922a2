#include "config.h"
#include "admind/csv.h"
#include "tap.h"

#define M "\xef\xbb\xbf"

static const struct {
	const char *name, *in;
	const char *want;   /* cells end in ;, rows in /, what is bad in ! */
	unsigned long line; /* of the last row, or of what is bad */
} rows[] = {
	{ "nothing", "", "", 0 },
	{ "one cell", "a\n", "a;/", 1 },
	{ "no line end", "a,b", "a;b;/", 1 },
	{ "CRLF", "a,b\r\nc,d\r\n", "a;b;/c;d;/", 2 },
	{ "empty cells", ",,\n", ";;;/", 1 },
	{ "an empty last cell", "a,", "a;;/", 1 },
	{ "empty lines", "\n\r\na\n\n\nb\n\n", "a;/b;/", 6 },
	{ "an empty cell in quotes is a row", "\"\"\n", ";/", 1 },
	{ "and at the end", "\"\"", ";/", 1 },
	{ "quotes", "\"a\",\"b,c\",\"d\"\"e\"\n", "a;b,c;d\"e;/", 1 },
	{ "only quotes", "\"\"\"\"\"\"", "\"\";/", 1 },
	{ "line ends in quotes", "\"a\r\nb\nc\",d\ne\n", "a\r\nb\nc;d;/e;/",
	    4 },
	{ "blanks are kept", " a , b\n", " a ; b;/", 1 },
	{ "UTF-8", "h\xc3\xa9,\xe2\x82\xac\n", "h\xc3\xa9;\xe2\x82\xac;/", 1 },
	{ "a mark", M "a,b\n" M "c\n", "a;b;/" M "c;/", 2 },
	{ "a mark before a quote", M "\"a,b\"\n", "a,b;/", 1 },
	{ "a mark and an empty line", M "\r\na\n", "a;/", 2 },
	{ "only a mark", M, "", 0 },
	{ "a mark and a comma", M ",a\n", ";a;/", 1 },
	{ "a mark in quotes is none", "\"" M "a\"\n", M "a;/", 1 },
	{ "a quote inside", "a\nb\"c\n", "a;/!", 2 },
	{ "a quote after a blank", "a, \"b\"\n", "!", 1 },
	{ "something after a quote", "\"a\"b\n", "!", 1 },
	{ "a blank after a quote", "\"a\" ,b\n", "!", 1 },
	{ "a quote that is not closed", "a\n\n\"b\nc\n", "a;/!", 3 },
	{ "a bare CR", "a\rb\n", "!", 1 },
	{ "a CR at the end", "a\r", "!", 1 },
	{ "nothing follows what is bad", "a\"\nb\n", "!", 1 },
};

/* n bytes at a time, 0 all. */
static void
parse(const char *in, size_t n, struct buf *out, unsigned long *line_out)
{
	struct span rest = span_of(in);
	enum csv_event e = CSV_MORE;
	struct csv c;
	size_t used;

	csv_init(&c);
	buf_reset(out);
	*line_out = 0;
	while (e != CSV_BAD && (rest.len > 0 || e == CSV_ROW)) {
		e = csv_feed(&c, span_sub(rest, 0, n == 0 ? rest.len : n),
		    &used);
		rest = span_sub(rest, used, rest.len);
		if (e == CSV_MORE && rest.len == 0 &&
		    (e = csv_end(&c)) == CSV_MORE)
			break;
		if (e == CSV_MORE)
			continue;
		for (unsigned i = 0; e == CSV_ROW && i < c.n; i++) {
			buf_put_span(out, csv_cell(&c, i));
			buf_putc(out, ';');
		}
		buf_putc(out, e == CSV_ROW ? '/' : '!');
		*line_out = e == CSV_ROW ? c.line : c.at;
	}
	if (e == CSV_BAD)
		ok(csv_feed(&c, span_of("x\n"), &used) == CSV_BAD &&
		        csv_end(&c) == CSV_BAD && c.why != NULL,
		    "stays bad");
	buf_putc(out, '\0');
	csv_clear(&c);
}

static void
test_limits(void)
{
	static char large[CSV_ROW_MAX + 2];
	struct csv c;
	size_t used;

	csv_init(&c);
	memset(large, ',', CSV_CELLS_MAX);
	large[CSV_CELLS_MAX - 1] = '\n';
	is_int(csv_feed(&c, span_of(large), &used), CSV_ROW, "most cells");
	is_int(c.n, CSV_CELLS_MAX, "all of them");
	is_int((int64_t)csv_cell(&c, c.n).len, 0, "there is none after them");
	large[CSV_CELLS_MAX - 1] = ',';
	large[CSV_CELLS_MAX] = '\n';
	is_int(csv_feed(&c, span_of(large), &used), CSV_BAD, "one too many");
	csv_clear(&c);
	csv_init(&c);
	memset(large, 'a', sizeof(large) - 1);
	is_int(csv_feed(&c, span_of(large), &used), CSV_BAD, "too long a row");
	csv_clear(&c);
}

static void
test_put(void)
{
	static const struct {
		const char *cell, *first, *later;
	} cells[] = {
		{ "a", "a", ",a" },
		{ "", "\"\"", "," },
		{ "a,b", "\"a,b\"", ",\"a,b\"" },
		{ "a\"b", "\"a\"\"b\"", ",\"a\"\"b\"" },
		{ "a\nb", "\"a\nb\"", ",\"a\nb\"" },
		{ " a", "\" a\"", ",\" a\"" },
		{ "a ", "\"a \"", ",\"a \"" },
		{ "a b", "a b", ",a b" },
		{ "=1+1", "=1+1", ",=1+1" },
		{ M "a", "\"" M "a\"", "," M "a" },
	};
	char text[64];

	for (size_t i = 0; i < nitems(cells); i++) {
		for (int first = 0; first < 2; first++) {
			FILE *f = fmemopen(text, sizeof(text), "w");

			csv_put(f, span_of(cells[i].cell), first);
			fclose(f);
			is_str(text, first ? cells[i].first : cells[i].later,
			    "written: %zu", i);
		}
	}
}

int
main(void)
{
	unsigned long line;
	struct buf out;

	buf_init(&out, 4096);
	for (size_t i = 0; i < nitems(rows); i++) {
		for (size_t n = 0; n < 3; n++) {
			parse(rows[i].in, n, &out, &line);
			is_str((const char *)out.data, rows[i].want, "%s (%zu)",
			    rows[i].name, n);
			is_int((int64_t)line, (int64_t)rows[i].line,
			    "%s: its line", rows[i].name);
		}
	}
	buf_clear(&out);
	test_limits();
	test_put();
	return done_testing();
}
