#include "config.h"
#include "pop3d/proto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* First byte: the facts and how big the pieces are. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct proto_facts f = { "h", false, false, false };
	size_t at = 0, have = 0, step, used;
	enum proto_next next;
	struct proto p;
	struct span in;
	struct buf out;

	if (n == 0)
		return 0;
	f.is_tls = data[0] & 1;
	f.can_tls = data[0] & 2;
	f.may_password = data[0] & 4;
	step = 1 + (data[0] >> 3) * 37;
	in = span_from(data + 1, n - 1);
	buf_init(&out, 1 << 20);
	proto_init(&p);
	while (at + have < in.len) {
		have += in.len - at - have < step ? in.len - at - have : step;
		do {
			next = proto_input(&p, &f, span_sub(in, at, have), &out,
			    &used);
			/* Each answer is to some bytes, and no wait is for
			 * more than a line. */
			if (used > have || (next != PROTO_WAIT && used == 0) ||
			    (next == PROTO_WAIT &&
			        have - used >= SASL_LINE_MAX + 2))
				abort();
			if (next == PROTO_LOGIN) {
				const struct sasl *s = proto_login(&p);

				if (!f.may_password || s->login[0] == '\0' ||
				    s->password.len == 0 ||
				    s->password.len > PASSWORD_MAX)
					abort();
				next = proto_failed(&p, PROTO_DENIED, &out);
			}
			if (next == PROTO_TLS)
				f.is_tls = true;
			if (next == PROTO_CLOSE)
				goto out;
			at += used;
			have -= used;
		} while (next == PROTO_MORE && have > 0);
	}
out:
	proto_clear(&p);
	buf_clear(&out);
	return 0;
}
