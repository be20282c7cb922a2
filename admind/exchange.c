#include "config.h"
#include "admind/exchange.h"

#include "libcommon/secret.h"

void
exchange_init(struct exchange *x, const unsigned char *server,
    int (*find)(void *, const char *, unsigned char key[static CODED_KEY]),
    void *arg)
{
	memset(x, 0, sizeof(*x));
	x->server = server;
	x->find = find;
	x->arg = arg;
	x->state = X_HELLO;
	buf_init(&x->in, CODED_BODY_MAX + CODED_TAG);
}

void
exchange_clear(struct exchange *x)
{
	semail_coded_clear(&x->coded);
	buf_clear(&x->in);
	x->state = X_OVER;
	x->proved = false; /* there are no keys to seal anything with */
}

static enum exchange_event
bad(struct exchange *x, const char *why)
{
	exchange_clear(x);
	x->why = why;
	return EXCHANGE_BAD;
}

bool
exchange_is_partial(const struct exchange *x)
{
	return x->state == X_BODY || x->in.len > 0;
}

/* A name that is not known costs as much as one that is. */
static enum exchange_event
take_hello(struct exchange *x, struct buf *out)
{
	unsigned char key[CODED_KEY], secret[CODED_KEY], *welcome;
	bool known;
	int r;

	if (semail_hello_open(&x->coded, x->server, x->in.data, x->panel) == -1)
		return bad(x, "hello is not for us, or changed");
	known = x->find(x->arg, x->panel, key) == 0;
	if (!known) {
		secret_random(secret, sizeof(secret));
		semail_key_public(key, secret);
	}
	r = semail_hello_prove(&x->coded, x->server, key, x->in.data);
	if (!known)
		return bad(x, "there is no such panel");
	if (r == -1)
		return bad(x, "not the panel's key");
	if ((welcome = buf_reserve(out, CODED_WELCOME)) == NULL)
		return bad(x, "memory");
	secret_random(secret, sizeof(secret));
	r = semail_welcome_make(&x->coded, secret, x->in.data, welcome);
	explicit_bzero(secret, sizeof(secret));
	if (r == -1)
		return bad(x, "the hello's key is none");
	buf_commit(out, CODED_WELCOME);
	buf_reset(&x->in);
	x->state = X_HEAD;
	return EXCHANGE_MORE;
}

static enum exchange_event
take_head(struct exchange *x)
{
	const char *why = x->proved
	    ? "a record is changed, repeated or out of order"
	    : "the first record is not the panel's (a replay?)";
	int type;

	if (semail_head_open(&x->coded, x->in.data, &type, &x->body_len) == -1)
		return bad(x, why);
	x->proved = true;
	buf_reset(&x->in);
	if (type == CODED_END) {
		x->state = X_OVER;
		return EXCHANGE_END;
	}
	if (type != CODED_REQUEST)
		return bad(x, "not a request");
	x->state = X_BODY;
	return EXCHANGE_MORE;
}

static enum exchange_event
take_body(struct exchange *x)
{
	unsigned char *p = x->in.data;

	if (semail_body_open(&x->coded, p, x->body_len, p) == -1)
		return bad(x, "a record is changed");
	memcpy(x->id, p, CODED_ID);
	x->text = span_from(p + CODED_ID, x->body_len - CODED_ID);
	x->state = X_REQUEST;
	return EXCHANGE_REQUEST;
}

static size_t
whole(const struct exchange *x)
{
	switch (x->state) {
	case X_HELLO:
		/* Who speaks something else shall not wait for the rest. */
		return x->in.len < 8 ? 8 : CODED_HELLO;
	case X_HEAD:
		return CODED_HEAD;
	case X_BODY:
		return x->body_len + CODED_TAG;
	case X_REQUEST:
	case X_OVER:
		break;
	}
	return 0;
}

enum exchange_event
exchange_feed(struct exchange *x, struct span in, size_t *used_out,
    struct buf *out)
{
	enum exchange_event e = EXCHANGE_MORE;
	struct span take;
	size_t n;

	*used_out = 0;
	while (e == EXCHANGE_MORE && (n = whole(x)) > 0 && *used_out < in.len) {
		take = span_sub(in, *used_out, n - x->in.len);
		buf_put_span(&x->in, take);
		*used_out += take.len;
		if (buf_error(&x->in) != 0)
			return bad(x, "memory");
		if (x->in.len < n)
			break;
		if (x->state == X_HEAD)
			e = take_head(x);
		else if (x->state == X_BODY)
			e = take_body(x);
		else if (n == CODED_HELLO)
			e = take_hello(x, out);
		else if (semail_hello_version(x->in.data) == -1)
			e = bad(x,
			    "another protocol, or another version of it");
	}
	return e;
}

void
exchange_taken(struct exchange *x)
{
	explicit_bzero(x->in.data, x->in.len); /* passwords */
	buf_clear(&x->in); /* idle connections hold no memory */
	x->text = span_from("", 0);
	if (x->state == X_REQUEST)
		x->state = X_HEAD;
}

void
exchange_answer(struct exchange *x, const unsigned char id[static CODED_ID],
    struct span text, struct buf *out)
{
	unsigned char *p;

	if (!x->proved)
		return;
	p = buf_reserve(out, semail_record_size(CODED_ANSWER, text.len));
	if (p != NULL)
		buf_commit(out,
		    semail_record_seal(&x->coded, CODED_ANSWER, id, text.data,
		        text.len, p));
}

void
exchange_end(struct exchange *x, struct buf *out)
{
	static const unsigned char none[CODED_ID];
	unsigned char *p;

	if (x->proved && (p = buf_reserve(out, CODED_HEAD)) != NULL)
		buf_commit(out,
		    semail_record_seal(&x->coded, CODED_END, none, NULL, 0, p));
}
