#include "config.h"
#include "smtpd/data.h"
#include "tap.h"

static const struct {
	const char *in, *text;
	bool ends, bad;
	size_t rest; /* bytes behind the end */
} rows[] = {
	{ ".\r\n", "", true, false, 0 },
	{ "a\r\n.\r\nQUIT", "a\r\n", true, false, 4 },
	{ "..\r\n.\r\n", ".\r\n", true, false, 0 },
	{ ".a\r\n..b\r\n.\r\n", "a\r\n.b\r\n", true, false, 0 },
	{ "a\r\n.\n", NULL, false, true, 0 },
	{ "a\n.\r\n", NULL, false, true, 0 },
	{ "a\n.\n", NULL, false, true, 0 },
	{ "a\r.\r\n", NULL, false, true, 0 },
	{ "a\r.\r", NULL, false, true, 0 },
	{ "a\r\n.\r", NULL, false, false, 0 },
	{ "a\r\n.\rb\r\n.\r\n", NULL, true, true, 0 },
	{ "a\r\r\n.\r\n", NULL, true, true, 0 },
	{ "a\r\n\n.\r\n", NULL, false, true, 0 },
	{ "\r\n.\r\n", "\r\n", true, false, 0 },
	{ "a.\r\n.\r\n", "a.\r\n", true, false, 0 },
	{ "a\r\n. \r\n.\r\n", "a\r\n \r\n", true, false, 0 },
};

static void
put(void *arg, struct span s)
{
	buf_put_span(arg, s);
}

int
main(void)
{
	struct data d;
	struct buf b;

	for (size_t i = 0; i < nitems(rows); i++) {
		for (size_t step = 1; step < 16; step++) {
			struct span in = span_of(rows[i].in);

			data_init(&d, true);
			buf_init(&b, 1000);
			while (in.len > 0 && d.state != DATA_END) {
				size_t n = data_scan(
				    &d, span_sub(in, 0, step), put, &b);

				in = span_sub(in, n, in.len);
			}
			ok((d.state == DATA_END) == rows[i].ends &&
			        d.bad_line == rows[i].bad &&
			        in.len == rows[i].rest &&
			        (rows[i].text == NULL ||
			            span_is(buf_span(&b), rows[i].text)),
			    "row %zu by %zu", i, step);
			buf_clear(&b);
		}
	}
	data_init(&d, false);
	buf_init(&b, 1000);
	data_scan(&d, span_of("a\r\n.\r\n..\r\n"), put, &b);
	ok(span_is(buf_span(&b), "a\r\n.\r\n..\r\n") && !d.bad_line,
	    "BDAT knows no dots");
	data_scan(&d, span_from("\0", 1), put, &b);
	ok(d.bad_nul, "NUL");
	buf_clear(&b);
	return done_testing();
}
