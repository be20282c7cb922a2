/*
 * admind's end of an exchange.  The first byte says whether the rest is what a
 * stranger sends, or what somebody with a panel's key does: then it is taken
 * as records, of any type, length and contents, some of them bent.  A request
 * comes out only if it went in as one.
 */
#include "config.h"
#include "admind/exchange.h"

#include "libcommon/secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned char server[CODED_KEY] = { 1 }, panel[CODED_KEY] = { 2 };

static int
find(void *arg, const char *name, unsigned char key[static CODED_KEY])
{
	(void)arg;
	if (strcmp(name, "panel") != 0)
		return -1;
	semail_key_public(key, panel);
	return 0;
}

/* All of it, in pieces; the last event. */
static enum exchange_event
feed(struct exchange *x, struct span in, size_t piece, struct buf *out)
{
	enum exchange_event e = EXCHANGE_MORE;
	size_t used;

	while (in.len > 0 && e == EXCHANGE_MORE) {
		e = exchange_feed(x, span_sub(in, 0, piece), &used, out);
		if (used == 0 && e == EXCHANGE_MORE)
			abort(); /* for ever */
		in = span_sub(in, used, in.len);
	}
	return e;
}

static void
client_start(struct exchange *x, struct semail_coded *c, struct buf *out)
{
	static const unsigned char ephemeral[CODED_KEY] = { 3 };
	unsigned char hello[CODED_HELLO];
	struct semail_key k = { .name = "panel" };

	memcpy(k.secret, panel, sizeof(k.secret));
	semail_key_public(k.server, server);
	semail_hello_make(c, &k, ephemeral, hello);
	if (feed(x, span_from(hello, sizeof(hello)), 50, out) !=
	        EXCHANGE_MORE ||
	    out->len != CODED_WELCOME ||
	    semail_welcome_take(c, &k, out->data) == -1)
		abort();
	buf_reset(out);
}

/* One record of what the input says: type, how it is bent, length, body. */
static size_t
record(struct semail_coded *c, struct span in, unsigned char *out, size_t *len,
    bool *good, struct span *text)
{
	static const unsigned char id[CODED_ID] = { 9 };
	int type = in.data[0] & 7, how = in.data[0] >> 3;
	size_t n = in.data[1] | (size_t)(how & 1) << 8;

	*text = span_sub(in, 2, n);
	*len = semail_record_seal(c, type, id, text->data, text->len, out);
	*good = type == CODED_REQUEST;
	if (how & 2) {
		out[in.data[1] % *len] ^= 1;
		*good = false;
	}
	if (how & 4) {
		*len -= 1 + in.data[1] % *len;
		*good = false;
	}
	return 2 + text->len;
}

static void
with_key(struct exchange *x, struct span in, struct buf *out)
{
	enum exchange_event e = EXCHANGE_MORE;
	static unsigned char sealed[1024];
	struct semail_coded c;
	struct span text;
	size_t len;
	bool good;

	client_start(x, &c, out);
	while (in.len >= 2 && e != EXCHANGE_BAD && e != EXCHANGE_END) {
		in = span_sub(in, record(&c, in, sealed, &len, &good, &text),
		    in.len);
		e = feed(x, span_from(sealed, len), 1 + in.len % 40, out);
		if ((e == EXCHANGE_REQUEST) != good)
			abort();
		if (e != EXCHANGE_REQUEST) {
			if (!good && e == EXCHANGE_MORE)
				break; /* cut: the next would be its rest */
			continue;
		}
		if (!span_eq(x->text, text))
			abort();
		exchange_taken(x);
		exchange_answer(x, x->id, text, out);
		buf_reset(out);
	}
	exchange_end(x, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n);
	struct exchange x;
	struct buf out;

	if (semail_coded_start() == -1)
		abort();
	buf_init(&out, 4096);
	exchange_init(&x, server, find, NULL);
	if (n > 0 && data[0] & 1)
		with_key(&x, span_sub(in, 1, n), &out);
	else if (n > 0 &&
	    feed(&x, span_sub(in, 1, n), 1 + n % 60, &out) == EXCHANGE_REQUEST)
		abort();
	exchange_clear(&x);
	buf_clear(&out);
	return 0;
}
