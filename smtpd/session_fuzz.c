/*
 * A whole dialogue: the first byte chooses listener, TLS, limits and what
 * fails, the second the size of the pieces.  A byte 0xfe stands for 70 KiB of
 * text lines, so that a short input reaches what only large bodies do.
 */
#include "config.h"
#include "libcommon/secret.h"
#include "smtpd/session_fake.h"

#include <fcntl.h>
#include <unistd.h>

#define LARGE (70 * 1024)
#define LARGE_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
expand(struct buf *b, struct span in)
{
	static unsigned char large[LARGE];
	unsigned n = 0;
	ptrdiff_t at;

	if (large[0] == '\0') {
		memset(large, 'x', sizeof(large));
		for (size_t i = 62; i + 2 <= sizeof(large); i += 64)
			memcpy(large + i, "\r\n", 2);
	}
	while (n++ < LARGE_MAX && (at = span_chr(in, 0xfe)) != -1) {
		buf_put_span(b, span_sub(in, 0, (size_t)at));
		buf_put(b, large, sizeof(large));
		in = span_sub(in, (size_t)at + 1, in.len);
	}
	buf_put_span(b, in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool begun;
	struct fake f;
	struct buf b;
	int null;

	if (!begun && (null = open("/dev/null", O_WRONLY)) != -1)
		dup2(null, STDERR_FILENO);
	if (!begun)
		secret_init();
	begun = true;
	if (n < 2)
		return 0;
	fake_init(&f, data[0] & 1 ? KIND_SUBMISSION : KIND_SMTP, data[0] & 2,
	    data[0] & 4 ? 300 : 600000);
	f.refuse_pipe = data[0] & 8;
	f.refuse_queue = data[0] & 16;
	f.session.trusted = data[0] & 32;
	f.conf->normalise = data[0] & 64;
	buf_init(&b, 16 * 1024 * 1024);
	expand(&b, span_from(data + 2, n - 2));
	/* With much to say, pieces as a socket has them. */
	fake_feed(&f, buf_span(&b),
	    (b.len > LARGE ? 4001u : 1u) * (1u + data[1]));
	buf_clear(&b);
	fake_clear(&f);
	return 0;
}
