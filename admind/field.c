#include "config.h"
#include "admind/field.h"

#include "client/field.h"

#include <errno.h>

void
fields_init(struct fields *f)
{
	memset(f, 0, sizeof(*f));
	buf_init(&f->bytes, REQUEST_MAX + 1);
}

void
fields_clear(struct fields *f)
{
	buf_clear(&f->bytes);
	f->n = 0;
}

/* Each field is taken to where the one before it ended. */
int
fields_parse(struct fields *f, struct span in)
{
	size_t len;
	ptrdiff_t bar;
	unsigned char *to;

	buf_reset(&f->bytes);
	f->n = 0;
	/* One more: no room for nothing would be no room. */
	if ((to = buf_reserve(&f->bytes, in.len + 1)) == NULL)
		goto bad;
	do {
		bar = span_chr(in, '|');
		if (f->n == FIELDS_MAX ||
		    semail_field_get(to, &len, in.data,
		        bar < 0 ? in.len : (size_t)bar) == -1)
			goto bad;
		f->field[f->n++] = span_from(to, len);
		buf_commit(&f->bytes, len);
		to += len;
		in = span_sub(in, (size_t)bar + 1, in.len);
	} while (bar >= 0);
	return 0;
bad:
	f->n = 0;
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
	char *room;

	if (!first)
		buf_putc(b, '|');
	room = buf_reserve(b, semail_field_size(s.data, s.len));
	if (room != NULL)
		buf_commit(b, semail_field_put(room, s.data, s.len));
}
