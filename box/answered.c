#include "config.h"
#include "box/answered.h"
#include "box/homefile.h"

#include <errno.h>
#include <inttypes.h>

#define FILE_MAX (512 * 1024)
#define STALE_MAX 200 /* lines that count no more before it is written anew */

struct answered {
	struct span sender;
	uint64_t now_s, period_s;
	bool found; /* the sender, within the period */
	unsigned live, stale;
	struct buf rows; /* those that count */
};

/* "UNIXTIME ADDRESS": one that counts still. */
static bool
row_counts(const struct answered *a, struct span line, struct span *address)
{
	ptrdiff_t blank = span_chr(line, ' ');
	uint64_t t;

	if (blank <= 0 ||
	    span_u64(span_sub(line, 0, (size_t)blank), INT64_MAX, &t) == -1)
		return false;
	*address = span_sub(line, (size_t)blank + 1, line.len);
	/* A time that is yet to come: of a clock that was wrong. */
	return address->len > 0 && t <= a->now_s && a->now_s - t < a->period_s;
}

static bool
same_address(struct span x, struct span y)
{
	if (x.len != y.len)
		return false;
	for (size_t i = 0; i < x.len; i++) {
		unsigned char c = x.data[i], d = y.data[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (d >= 'A' && d <= 'Z')
			d |= 0x20;
		if (c != d)
			return false;
	}
	return true;
}

/* true if lines may be added to it as it is. */
static bool
parse(struct answered *a, struct span in)
{
	while (in.len > 0) {
		ptrdiff_t lf = span_chr(in, '\n');
		struct span line, address;

		if (lf == -1)
			return false; /* cut short */
		line = span_sub(in, 0, (size_t)lf);
		in = span_sub(in, (size_t)lf + 1, in.len);
		if (!row_counts(a, line, &address)) {
			a->stale++;
			continue;
		}
		if (same_address(address, a->sender))
			a->found = true;
		a->live++;
		buf_put_span(&a->rows, line);
		buf_putc(&a->rows, '\n');
	}
	return a->stale <= STALE_MAX;
}

static int
put_row(struct buf *b, const struct answered *a)
{
	buf_printf(b, "%" PRIu64 " ", a->now_s);
	buf_put_span(b, a->sender);
	buf_putc(b, '\n');
	errno = buf_error(b);
	return errno == 0 ? 0 : -1;
}

static int
note(struct answered *a, int home, bool can_append)
{
	struct buf row;
	int r = -1;

	buf_init(&row, 1024);
	if (can_append && put_row(&row, a) == 0)
		r = homefile_append(home, VACATION_DB, buf_span(&row));
	buf_clear(&row);
	if (r == 0 || (can_append && errno != ENOENT && errno != ELOOP))
		return r;
	if (put_row(&a->rows, a) == -1)
		return -1;
	return homefile_write(home, VACATION_DB, buf_span(&a->rows));
}

int
answered_note(int home, struct span sender, uint64_t now_s, uint64_t period_s)
{
	struct answered a = {
		.sender = sender, .now_s = now_s, .period_s = period_s
	};
	bool can_append = false;
	struct buf file;
	int r, saved;

	buf_init(&file, FILE_MAX + 1);
	buf_init(&a.rows, FILE_MAX + 1024);
	r = homefile_read(home, VACATION_DB, FILE_MAX, &file);
	if (r == 0)
		can_append = parse(&a, buf_span(&file));
	else if (errno == ENOENT || errno == ELOOP || errno == EFBIG ||
	    errno == EISDIR)
		r = 0; /* none of ours: begin anew */
	if (r == 0 && !a.found && a.live >= ANSWERED_MAX) {
		errno = EMFILE;
	} else if (r == 0 && !a.found) {
		r = note(&a, home, can_append);
		if (r == 0)
			r = 1;
	} else if (r == 0) {
		errno = 0;
	}
	saved = errno;
	buf_clear(&file);
	buf_clear(&a.rows);
	errno = saved;
	return r;
}
