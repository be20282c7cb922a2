#include "config.h"
#include "admind/exchange.h"
#include "tap.h"

#include "libcommon/secret.h"

static unsigned char server[CODED_KEY] = { 1 }, panel[CODED_KEY] = { 2 };
static struct semail_key key;
static struct semail_coded c;
static struct exchange x;
static struct buf sent, out; /* by the panel, by admind */
static unsigned found;

static int
find(void *arg, const char *name, unsigned char pub[static CODED_KEY])
{
	(void)arg;
	found++;
	if (strcmp(name, "panel") != 0)
		return -1;
	semail_key_public(pub, panel);
	return 0;
}

static void
start(const char *name)
{
	static unsigned char ephemeral[CODED_KEY];

	exchange_clear(&x);
	exchange_init(&x, server, find, NULL);
	buf_reset(&sent);
	buf_reset(&out);
	snprintf(key.name, sizeof(key.name), "%s", name);
	memcpy(key.secret, panel, CODED_KEY);
	semail_key_public(key.server, server);
	secret_random(ephemeral, sizeof(ephemeral));
	semail_hello_make(&c, &key, ephemeral, buf_reserve(&sent, CODED_HELLO));
	buf_commit(&sent, CODED_HELLO);
}

/* What is in sent, at most so many bytes at a time, up to the first event. */
static enum exchange_event
feed(size_t piece)
{
	enum exchange_event e = EXCHANGE_MORE;
	size_t used = 1;

	while (sent.len > 0 && e == EXCHANGE_MORE && used > 0) {
		e = exchange_feed(&x, span_sub(buf_span(&sent), 0, piece),
		    &used, &out);
		buf_drop(&sent, used);
	}
	return e;
}

static void
shake(void)
{
	start("panel");
	feed(1000);
	semail_welcome_take(&c, &key, out.data);
	buf_reset(&out);
}

static void
put_record(int type, const char *text)
{
	static const unsigned char id[CODED_ID] = "0123456789abcde";
	size_t n = semail_record_size(type, strlen(text));

	semail_record_seal(&c, type, id, text, strlen(text),
	    buf_reserve(&sent, n));
	buf_commit(&sent, n);
}

static bool
answer_is(const char *want)
{
	unsigned char *p = out.data;
	size_t n;
	int type;

	return out.len > CODED_HEAD &&
	    semail_head_open(&c, p, &type, &n) == 0 && type == CODED_ANSWER &&
	    out.len == CODED_HEAD + n + CODED_TAG &&
	    semail_body_open(&c, p + CODED_HEAD, n, p) == 0 &&
	    memcmp(p, x.id, CODED_ID) == 0 &&
	    span_is(span_from(p + CODED_ID, n - CODED_ID), want);
}

static void
test_good(size_t piece)
{
	size_t n;
	int type;

	start("panel");
	is_int(feed(piece), EXCHANGE_MORE, "hello, %zu bytes at a time", piece);
	is_int((int64_t)out.len, CODED_WELCOME, "is answered");
	is_str(x.panel, "panel", "who");
	ok(!x.proved && semail_welcome_take(&c, &key, out.data) == 0,
	    "it may still be a replay");
	buf_reset(&out);
	put_record(CODED_REQUEST, "first");
	put_record(CODED_REQUEST, "second");
	put_record(CODED_END, "");
	is_int(feed(piece), EXCHANGE_REQUEST, "a request");
	ok(x.proved && span_is(x.text, "first") &&
	        memcmp(x.id, "0123456789abcde", 16) == 0,
	    "its id and text");
	n = sent.len;
	is_int(feed(1000), EXCHANGE_MORE, "nothing is taken meanwhile");
	is_int((int64_t)sent.len, (int64_t)n, "nothing");
	exchange_taken(&x);
	ok(!exchange_is_partial(&x) && x.in.data == NULL, "its memory is free");
	exchange_answer(&x, x.id, span_of("done"), &out);
	ok(answer_is("done"), "is answered");
	buf_reset(&out);
	is_int(feed(piece), EXCHANGE_REQUEST, "the next one");
	ok(span_is(x.text, "second"), "is that");
	exchange_taken(&x);
	is_int(feed(piece), EXCHANGE_END, "the end");
	exchange_end(&x, &out);
	ok(out.len == CODED_HEAD &&
	        semail_head_open(&c, out.data, &type, &n) == 0 &&
	        type == CODED_END,
	    "and ours");
}

static void
test_strangers(void)
{
	start("panel");
	buf_reset(&sent);
	buf_puts(&sent, "GET / HTTP/1.1\r\n");
	is_int(feed(1), EXCHANGE_BAD, "another protocol");
	is_int((int64_t)out.len, 0, "is not answered");
	start("panel");
	sent.data[7] = 2;
	buf_truncate(&sent, 8);
	is_int(feed(100), EXCHANGE_BAD, "another version, from 8 bytes");
	start("nobody");
	found = 0;
	is_int(feed(1000), EXCHANGE_BAD, "an unknown panel");
	ok(found == 1 && out.len == 0, "was looked for, is not answered");
	is_str(x.why, "there is no such panel", "why");
	start("panel");
	sent.data[130] ^= 1;
	is_int(feed(1000), EXCHANGE_BAD, "a wrong proof");
	is_str(x.why, "not the panel's key", "why");
	start("panel");
	sent.data[60] ^= 1;
	found = 0;
	is_int(feed(1000), EXCHANGE_BAD, "a changed name");
	is_int(found, 0, "nobody is looked for");
	exchange_end(&x, &out);
	exchange_answer(&x, x.id, span_of("x"), &out);
	is_int((int64_t)out.len, 0, "nothing is said without keys");
}

static void
test_replay(void)
{
	struct buf all;

	buf_init(&all, 4096);
	start("panel");
	buf_put_span(&all, buf_span(&sent));
	feed(1000);
	semail_welcome_take(&c, &key, out.data);
	put_record(CODED_REQUEST, "once");
	buf_put_span(&all, buf_span(&sent));
	is_int(feed(1000), EXCHANGE_REQUEST, "an exchange");
	exchange_clear(&x);
	exchange_init(&x, server, find, NULL);
	buf_reset(&sent);
	buf_put_span(&sent, buf_span(&all));
	is_int(feed(1000), EXCHANGE_BAD, "and its bytes again");
	ok(!x.proved && x.text.len == 0, "are no request");
	buf_clear(&all);
}

static void
test_bent(void)
{
	size_t n;

	shake();
	put_record(CODED_ANSWER, "an answer");
	is_int(feed(1000), EXCHANGE_BAD, "an answer is no request");
	shake();
	put_record(CODED_REQUEST, "x");
	n = sent.len;
	sent.data[n - 1] ^= 1;
	is_int(feed(1000), EXCHANGE_BAD, "a changed end");
	ok(x.text.len == 0, "nothing of it is shown");
	for (size_t cut = 1; cut < n; cut++) {
		shake();
		put_record(CODED_REQUEST, "x");
		buf_truncate(&sent, cut);
		if (feed(1000) != EXCHANGE_MORE || !exchange_is_partial(&x)) {
			ok(false, "cut at %zu", cut);
			return;
		}
	}
	ok(true, "cut anywhere it waits for more");
	shake();
	put_record(CODED_END, "");
	put_record(CODED_REQUEST, "x");
	is_int(feed(1000), EXCHANGE_END, "after the end");
	is_int(feed(1000), EXCHANGE_MORE, "nothing is taken");
}

int
main(void)
{
	secret_init();
	buf_init(&sent, 4096);
	buf_init(&out, 4096);
	test_good(1000);
	test_good(7);
	test_good(1);
	test_strangers();
	test_replay();
	test_bent();
	exchange_clear(&x);
	buf_clear(&sent);
	buf_clear(&out);
	return done_testing();
}
