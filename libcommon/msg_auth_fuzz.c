/*
 * What decodes must encode to the same bytes.  The first byte picks the
 * decoder; grants are signed here, as the fuzzer cannot.
 */
#include "config.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define TRY(type, decode, encode) \
	do { \
		struct type m; \
		good = decode(in, &m) == 0; \
		if (good) \
			encode(&b, &m); \
	} while (0)

static void
try_grant(struct span in)
{
	static const unsigned char key[GRANT_KEY_BYTES] = { 7 };
	struct grant g, again;
	struct buf b;
	struct wire w;

	grant_get(in, key, span_of("a@b"), &g);
	wire_init(&w, in);
	g.n = targets_get_count(&w);
	for (unsigned i = 0; i < g.n && !w.bad; i++)
		targets_get_one(&w, &g.targets[i]);
	if (wire_done(&w) == -1 || g.n == 0)
		return;
	buf_init(&b, GRANT_MAX);
	grant_put(&b, key, span_of("a@b"), &g);
	if (buf_error(&b) == 0 &&
	    (grant_get(buf_span(&b), key, span_of("a@b"), &again) == -1 ||
	        again.n != g.n))
		abort();
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n);
	static uint32_t ids[USED_MAX];
	static uint64_t sizes[USED_MAX];
	bool good = false;
	unsigned count;
	struct buf b;

	if (n == 0)
		return 0;
	secret_init();
	in = span_sub(in, 1, n);
	buf_init(&b, 1 << 20);
	switch (data[0]) {
	case 'u':
		good = msg_used_get(in, ids, &count) == 0;
		if (good)
			msg_used_put(&b, ids, count);
		break;
	case 'U':
		good = msg_used_is_get(in, sizes, &count) == 0;
		if (good)
			msg_used_is_put(&b, sizes, count);
		break;
	case 'l':
		TRY(msg_login, msg_login_get, msg_login_put);
		break;
	case 'b':
		TRY(msg_box, msg_box_get, msg_box_put);
		break;
	case 'g':
		try_grant(in);
		break;
	}
	if (good && !span_eq(in, buf_span(&b)))
		abort();
	buf_clear(&b);
	return 0;
}
