/* Bytes of a directory on a terminal, and as JSON. */
#include "config.h"
#include "admind/admin.h"

#define REPLACEMENT 0xfffdu

/* The next character, or REPLACEMENT for a byte that is part of none. */
static uint32_t
next_char(struct span *s, struct span *bytes_out)
{
	unsigned char first = s->data[0];
	size_t n = first < 0x80 ? 1
	    : first >> 5 == 6   ? 2
	    : first >> 4 == 14  ? 3
	    : first >> 3 == 30  ? 4
	                        : 0;
	uint32_t c = REPLACEMENT;

	*bytes_out = span_sub(*s, 0, 1);
	if (n == 1) {
		c = first;
	} else if (n != 0 && n <= s->len &&
	    message_is_utf8(span_sub(*s, 0, n))) {
		*bytes_out = span_sub(*s, 0, n);
		c = first & (0xffu >> (n + 1));
		for (size_t i = 1; i < n; i++)
			c = c << 6 | (s->data[i] & 0x3f);
	}
	*s = span_sub(*s, bytes_out->len, s->len);
	return c;
}

static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static void
put_span(FILE *f, struct span s)
{
	fwrite(s.data, 1, s.len, f);
}

void
text_put(FILE *f, struct span s)
{
	struct span bytes;

	while (s.len > 0) {
		uint32_t c = next_char(&s, &bytes);

		if (is_control(c) || c == REPLACEMENT)
			putc(c == '\n' || c == '\t' ? ' ' : '?', f);
		else
			put_span(f, bytes);
	}
}

size_t
text_width(struct span s)
{
	struct span bytes;
	size_t n = 0;

	for (; s.len > 0; n++)
		next_char(&s, &bytes);
	return n;
}

void
text_pad(FILE *f, struct span s, size_t width)
{
	text_put(f, s);
	for (size_t n = text_width(s); n < width; n++)
		putc(' ', f);
}

void
text_json(FILE *f, struct span s)
{
	struct span bytes;

	putc('"', f);
	while (s.len > 0) {
		uint32_t c = next_char(&s, &bytes);

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", (int)c);
		else if (c == REPLACEMENT)
			fputs("\\ufffd", f);
		else if (is_control(c))
			fprintf(f, "\\u%04x", (unsigned)c);
		else
			put_span(f, bytes);
	}
	putc('"', f);
}
