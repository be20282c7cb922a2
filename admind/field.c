#include "config.h"
#include "admind/field.h"

#include <errno.h>

/* What follows the backslash, and what it stands for. */
static const char letters[] = "p\\rn0";
static const char bytes[] = "|\\\r\n"; /* its NUL is the fifth */

void
fields_init(struct fields *f)
{
	memset(f, 0, sizeof(*f));
	buf_init(&f->bytes, REQUEST_MAX);
}

void
fields_clear(struct fields *f)
{
	buf_clear(&f->bytes);
	f->n = 0;
}

int
fields_parse(struct fields *f, struct span in)
{
	size_t start[FIELDS_MAX + 1] = { 0 };
	unsigned char c;
	const char *l;
	unsigned n = 1;

	buf_reset(&f->bytes);
	f->n = 0;
	for (size_t i = 0; i < in.len; i++) {
		c = in.data[i];
		if (c == '|') {
			if (n == FIELDS_MAX)
				goto bad;
			start[n++] = f->bytes.len;
			continue;
		}
		if (c == '\r' || c == '\n' || c == '\0')
			goto bad;
		if (c == '\\') {
			if (++i == in.len || in.data[i] == '\0' ||
			    (l = strchr(letters, in.data[i])) == NULL)
				goto bad;
			c = (unsigned char)bytes[l - letters];
		}
		buf_putc(&f->bytes, c);
	}
	if (buf_error(&f->bytes) != 0)
		goto bad;
	f->n = n;
	start[n] = f->bytes.len;
	for (unsigned i = 0; i < n; i++)
		f->field[i] = span_from(f->bytes.data == NULL ?
		    (const unsigned char *)"" : f->bytes.data + start[i],
		    start[i + 1] - start[i]);
	return 0;
bad:
	errno = EBADMSG;
	return -1;
}

struct span
fields_get(const struct fields *f, unsigned n)
{
	return n < f->n ? f->field[n] : span_from("", 0);
}

void
field_put(struct buf *b, struct span s, bool first)
{
	const char *e;

	if (!first)
		buf_putc(b, '|');
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\0') {
			buf_puts(b, "\\0");
		} else if ((e = strchr(bytes, s.data[i])) != NULL) {
			buf_putc(b, '\\');
			buf_putc(b, letters[e - bytes]);
		} else {
			buf_putc(b, s.data[i]);
		}
	}
}
