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

/* ---- every short text, against a slow and obvious reading of it ---------- */

struct model {
	bool end, bad;
	size_t used, n;
	unsigned char text[32];
};

static void
model_run(struct model *m, const unsigned char *p, size_t n, bool normalise)
{
	unsigned char all[16] = "\r\n";
	size_t stop;

	memset(m, 0, sizeof(*m));
	memcpy(all + 2, p, n);
	for (stop = 0; stop + 5 <= n + 2; stop++)
		if (memcmp(all + stop, "\r\n.\r\n", 5) == 0)
			break;
	if (!(m->end = stop + 5 <= n + 2))
		return;
	m->used = stop + 3;
	for (size_t i = 2; i < stop + 5; i++) {
		bool bare = (all[i] == '\r' && all[i + 1] != '\n') ||
		    (all[i] == '\n' && all[i - 1] != '\r');

		if (all[i] == '\0' || (bare && !normalise))
			m->bad = true;
		if (i >= stop + 2 ||
		    (all[i] == '.' && memcmp(all + i - 2, "\r\n", 2) == 0))
			continue;
		if (bare)
			m->text[m->n++] = '\r';
		m->text[m->n++] = bare ? '\n' : all[i];
	}
}

static size_t
scan(struct data *d, struct buf *b, struct span in, size_t step, bool normalise)
{
	size_t used = 0;

	buf_reset(b);
	data_init(d, true, normalise);
	while (used < in.len && d->state != DATA_END)
		used += data_scan(d, span_sub(in, used, step), put, b);
	return used;
}

static void
test_every_short_text(bool normalise)
{
	static const char alphabet[] = { '.', '\r', '\n', 'x', '\0' };
	unsigned long wrong = 0, split = 0, count = 0;
	unsigned char text[8];
	struct data d, d1;
	struct buf b, b1;
	struct model m;

	buf_init(&b, 100);
	buf_init(&b1, 100);
	for (size_t n = 1, all = 5; n <= 7; n++, all *= 5) {
		for (size_t k = 0; k < all; k++) {
			size_t rest = k, used, used1;
			bool bad;

			for (size_t i = 0; i < n; i++, rest /= 5)
				text[i] = (unsigned char)alphabet[rest % 5];
			count++;
			used = scan(&d, &b, span_from(text, n), n, normalise);
			used1 = scan(&d1, &b1, span_from(text, n), 1,
			    normalise);
			bad = d.bad_line || d.bad_nul;
			if (used != used1 || d.state != d1.state ||
			    bad != (d1.bad_line || d1.bad_nul) ||
			    (!bad && !span_eq(buf_span(&b), buf_span(&b1))))
				split++;
			model_run(&m, text, n, normalise);
			if (m.end != (d.state == DATA_END) ||
			    (m.end &&
			        (m.used != used || m.bad != bad ||
			            (!bad &&
			                !span_eq(span_from(m.text, m.n),
			                    buf_span(&b))))))
				wrong++;
		}
	}
	ok(wrong == 0, "%lu texts, as the model has them (%lu wrong)%s", count,
	    wrong, normalise ? ", normalised" : "");
	ok(split == 0, "whole and byte by byte are the same (%lu are not)",
	    split);
	buf_clear(&b);
	buf_clear(&b1);
}

int
main(void)
{
	struct data d;
	struct buf b;

	for (size_t i = 0; i < nitems(rows); i++) {
		for (size_t step = 1; step < 16; step++) {
			struct span in = span_of(rows[i].in);

			data_init(&d, true, false);
			buf_init(&b, 1000);
			while (in.len > 0 && d.state != DATA_END) {
				size_t n = data_scan(&d, span_sub(in, 0, step),
				    put, &b);

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
	data_init(&d, false, false);
	buf_init(&b, 1000);
	data_scan(&d, span_of("a\r\n.\r\n..\r\n"), put, &b);
	ok(span_is(buf_span(&b), "a\r\n.\r\n..\r\n") && !d.bad_line,
	    "BDAT knows no dots");
	data_scan(&d, span_from("\0", 1), put, &b);
	ok(d.bad_nul, "NUL");
	buf_clear(&b);
	test_every_short_text(false);
	test_every_short_text(true);
	return done_testing();
}
