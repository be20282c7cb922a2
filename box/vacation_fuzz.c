/* Text, subject, ids: whatever they are, the answer has the lines that it
 * should have and no others.  The input's first line is the subject, the second
 * the message id, the third references; the rest is the text. */
#include "config.h"
#include "box/vacation.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const names[] = { "From: ", "To: ", "Subject:", "Date: ",
	"Message-ID: ", "In-Reply-To: ", "References:", "Auto-Submitted: ",
	"X-Auto-Response-Suppress: ", "MIME-Version: ", "Content-Type: ",
	"Content-Transfer-Encoding: " };

static struct span
take_line(struct span *in)
{
	ptrdiff_t lf = span_chr(*in, '\n');
	struct span line = span_sub(*in, 0, lf == -1 ? in->len : (size_t)lf);

	*in = span_sub(*in, line.len + 1, in->len);
	return line;
}

/* A line of the answer, without its CRLF. */
static struct span
take_crlf(struct span *in)
{
	struct span line = take_line(in);

	if (line.len == 0 || line.data[line.len - 1] != '\r' || line.len > 999)
		abort();
	line.len--;
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] >= 0x7f ||
		    (line.data[i] < ' ' && line.data[i] != '\t'))
			abort();
	return line;
}

static void
check(struct span out)
{
	size_t next = 0;
	struct span line;

	while ((line = take_crlf(&out)).len > 0) {
		if (line.data[0] == ' ') {
			if (span_trim(line).len == 0)
				abort();
			continue;
		}
		while (next < nitems(names) &&
		    !span_has_prefix_icase(line, names[next]))
			next++;
		if (next++ == nitems(names))
			abort();
	}
	while (out.len > 0)
		if (take_crlf(&out).len > 76)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(data, size);
	struct header h = { .received = 0 };
	struct vacation v = { .own = "ann@x.test",
		.sender = span_of("b@c.test"),
		.header = &h,
		.id = "id",
		.hostname = "mx.test",
		.now_s = 1700000000 };
	struct buf out;

	h.subject = take_line(&in);
	h.message_id = take_line(&in);
	h.references = take_line(&in);
	v.text = in;
	buf_init(&out, 256 * 1024);
	vacation_write(&out, &v);
	if (buf_error(&out) == 0)
		check(buf_span(&out));
	buf_clear(&out);
	return 0;
}
