#include "config.h"
#include "box/utf8_text.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The length of the character that begins in, 0 if it is none (RFC 3629: no
 * overlong forms, surrogates, nothing above U+10FFFF). */
static size_t
char_len(struct span in)
{
	const unsigned char *p = in.data;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (in.len < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

/* U+0080 to U+009F: control characters, too. */
static bool
is_control(struct span c)
{
	return (c.len == 1 && (c.data[0] < ' ' || c.data[0] == 0x7f)) ||
	    (c.len == 2 && c.data[0] == 0xc2 && c.data[1] < 0xa0);
}

/* The next character, as it is sent. */
static struct span
next_char(struct span *in)
{
	size_t n = char_len(*in);
	struct span c = span_sub(*in, 0, n);

	*in = span_sub(*in, n == 0 ? 1 : n, in->len);
	if (n == 0)
		return span_of(REPLACEMENT);
	return c;
}

static bool
fits(const struct buf *b, struct span c, size_t max)
{
	return b->err == 0 && b->len + c.len <= max;
}

void
utf8_text(struct buf *out, struct span in)
{
	struct span c;

	while (in.len > 0) {
		c = next_char(&in);
		if (c.data[0] == '\r') {
			if (in.len > 0 && in.data[0] == '\n')
				in = span_sub(in, 1, in.len);
			c = span_of("\n");
		} else if (c.data[0] != '\n' && c.data[0] != '\t' &&
		    is_control(c)) {
			c = span_of(" ");
		}
		if (!fits(out, c, out->max))
			return;
		buf_put_span(out, c);
	}
}

void
utf8_line(struct buf *out, struct span in, size_t max)
{
	struct span c;

	while (in.len > 0) {
		c = next_char(&in);
		if (is_control(c))
			c = span_of(" ");
		if (!fits(out, c, max))
			return;
		buf_put_span(out, c);
	}
}

bool
utf8_is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] >= 0x80)
			return false;
	return true;
}

size_t
utf8_cut(struct span in, size_t max)
{
	size_t n = in.len < max ? in.len : max;

	while (n > 0 && n < in.len && (in.data[n] & 0xc0) == 0x80)
		n--;
	return n == 0 ? in.len < max ? in.len : max : n;
}
