#include "config.h"
#include "admind/field.h"
#include "tap.h"

static const struct {
	const char *name, *in;
	int n; /* fields, -1 refused */
	const char *last;
} rows[] = {
	{ "one", "NEWDOM", 1, "NEWDOM" },
	{ "empty", "", 1, "" },
	{ "empty ones", "a||", 3, "" },
	{ "escapes", "a|\\p\\\\\\r\\n", 2, "|\\\r\n" },
	{ "unknown escape", "a|\\x", -1, NULL },
	{ "cut escape", "a|b\\", -1, NULL },
	{ "bare LF", "a|b\nNEWDOM|", -1, NULL },
	{ "bare CR", "a|b\r", -1, NULL },
	{ "32 fields", "|||||||||||||||||||||||||||||||z", 32, "z" },
};

int
main(void)
{
	struct fields f;
	struct buf b;
	unsigned char all[256];

	fields_init(&f);
	buf_init(&b, REQUEST_MAX);
	for (size_t i = 0; i < nitems(rows); i++) {
		int r = fields_parse(&f, span_of(rows[i].in));

		is_int(r == -1 ? -1 : (int)f.n, rows[i].n, "%s", rows[i].name);
		if (r == 0)
			ok(span_is(fields_get(&f, f.n - 1), rows[i].last),
			    "%s: the last field", rows[i].name);
	}
	ok(fields_parse(&f, span_from("a\0b", 3)) == -1, "bare NUL");
	ok(fields_get(&f, 40).len == 0, "a field that is not there");
	for (unsigned n = FIELDS_MAX; n <= FIELDS_MAX + 1; n++) {
		char text[FIELDS_MAX + 2] = "";

		memset(text, '|', n - 1);
		is_int(fields_parse(&f, span_of(text)),
		    n == FIELDS_MAX ? 0 : -1, "%u fields", n);
	}
	for (unsigned i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	field_put(&b, span_of("T"), true);
	field_put(&b, span_from(all, 256), false);
	field_put(&b, span_of(""), false);
	ok(fields_parse(&f, buf_span(&b)) == 0 && f.n == 3 &&
	        span_eq(f.field[1], span_from(all, 256)) && f.field[2].len == 0,
	    "any byte goes through");
	buf_clear(&b);
	fields_clear(&f);
	return done_testing();
}
