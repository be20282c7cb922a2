#include "config.h"
#include "smtpd/data.h"

void
data_init(struct data *d, bool dots, bool normalise)
{
	memset(d, 0, sizeof(*d));
	d->state = DATA_BOL;
	d->dots = dots;
	d->normalise = normalise;
}

/* Text up to and with the next line end, up to a bare LF: how far.  Looks at no
 * byte one by one: lines are long. */
static size_t
data_text(struct data *d, const unsigned char *p, size_t n)
{
	const unsigned char *lf = memchr(p, '\n', n);
	size_t len = lf == NULL ? n : (size_t)(lf - p);
	const unsigned char *cr = len == 0 ? NULL : memchr(p, '\r', len);

	if (lf == NULL && cr == NULL)
		return n;
	if (cr == NULL) {
		d->state = DATA_LF; /* alone: it ends no line */
		return len;
	}
	if (lf != NULL && cr + 1 == lf) {
		d->state = DATA_BOL;
		return len + 1;
	}
	/* A CR alone, or the last byte there is: the next one tells. */
	d->state = DATA_CR;
	return (size_t)(cr - p) + 1;
}

/* A CR or LF that is alone. */
static void
data_bare(struct data *d, void (*put)(void *, struct span), void *arg)
{
	if (d->normalise)
		put(arg, span_of("\r\n"));
	else
		d->bad_line = true;
}

size_t
data_scan(struct data *d, struct span in, void (*put)(void *, struct span),
    void *arg)
{
	size_t i = 0, run = 0; /* text not yet given away begins at run */

	while (i < in.len && d->state != DATA_END) {
		unsigned char c = in.data[i];

		switch (d->state) {
		case DATA_BOL:
			d->state = DATA_TEXT;
			if (!d->dots || c != '.')
				break;
			if (i > run)
				put(arg, span_sub(in, run, i - run));
			run = ++i;
			d->state = DATA_DOT;
			break;
		case DATA_DOT:
			d->state = DATA_TEXT;
			if (c == '\r') {
				/* Text only if no LF follows, and then of a
				 * message that is bad anyway. */
				d->state = DATA_DOT_CR;
				run = ++i;
			}
			break;
		case DATA_DOT_CR:
			if (c == '\n') {
				d->state = DATA_END;
				run = ++i;
				break;
			}
			d->state = DATA_TEXT;
			data_bare(d, put, arg);
			break;
		case DATA_CR:
			if (c == '\n') {
				if (d->held_cr)
					put(arg, span_of("\r"));
				d->state = DATA_BOL;
				i++;
			} else {
				if (i > run) /* else put has had it */
					put(arg,
					    span_sub(in, run, i - 1 - run));
				run = i;
				d->state = DATA_TEXT;
				data_bare(d, put, arg);
			}
			d->held_cr = false;
			break;
		case DATA_LF:
			if (i > run)
				put(arg, span_sub(in, run, i - run));
			run = ++i;
			d->state = DATA_TEXT;
			data_bare(d, put, arg);
			break;
		case DATA_TEXT:
			i += data_text(d, in.data + i, in.len - i);
			break;
		case DATA_END:
			break;
		}
	}
	if (d->state == DATA_CR && i > run) {
		d->held_cr = true; /* the next byte tells what it is */
		put(arg, span_sub(in, run, i - 1 - run));
	} else if (d->state != DATA_END && i > run) {
		put(arg, span_sub(in, run, i - run));
	}
	if (!d->bad_nul && i > 0 && memchr(in.data, '\0', i) != NULL)
		d->bad_nul = true;
	return i;
}
