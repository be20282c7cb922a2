/*
 * body - from "354" (or BDAT) to the answer that means it is ours.
 *
 * Up to BODY_INLINE_MAX the octets are kept here and go to queued with the
 * envelope; what is larger goes into a pipe of queued's as it comes. Whatever
 * fails on the way, the rest of the client's octets are read and dropped, and
 * the one reply says what became of the message.
 */
#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/mail_date.h"
#include "smtpd/session.h"

#include <stdio.h>
#include <stdlib.h>

static void
body_put(void *arg, struct span text)
{
	struct session *s = arg;
	struct transaction *t = s->txn;

	if (t->failed)
		return;
	if (t->token == 0) {
		buf_put_span(&t->body, text);
		if (buf_error(&t->body) != 0)
			t->failed = true;
		return;
	}
	switch (s->ops->body_write(s->arg, text)) {
	case 0:
		break;
	case 1:
		s->wait = WAIT_BODY;
		break;
	default:
		t->failed = true;
	}
}

static void
body_text(void *arg, struct span text)
{
	struct session *s = arg;

	message_put(&s->txn->message, text);
}

/* "ESMTPSA" and its like (RFC 3848, RFC 6531 4.3). */
static const char *
protocol(const struct session *s, char out[static 16])
{
	const char *base = s->txn->flags & BODY_UTF8 ? "UTF8SMTP"
	    : s->esmtp                               ? "ESMTP"
	                                             : "SMTP";

	snprintf(out, 16, "%s%s%s", base, s->esmtp && s->tls ? "S" : "",
	    s->esmtp && s->mailbox != 0 ? "A" : "");
	return out;
}

static void
body_begin(struct session *s)
{
	struct transaction *t = s->txn;
	char date[MAIL_DATE], proto[16], trace[1500];
	bool v6 = strchr(s->peer, ':') != NULL;
	bool to = t->nrcpts == 1;
	int n;

	/* RFC 5321 4.4; the login name stays between us and its owner. */
	mail_date(io_wall_s(), date);
	n = snprintf(trace, sizeof(trace),
	    "Received: from %s ([%s%s])\r\n\tby %s with %s id %s%s%s%s%s%s%s;"
	    "\r\n\t%s\r\n",
	    s->helo_said ? s->helo : "unknown", v6 ? "IPv6:" : "", s->peer,
	    s->conf->hostname, protocol(s, proto), s->id,
	    s->tls ? "\r\n\t(" : "", s->tls ? s->tls_text : "",
	    s->tls ? ")" : "", to ? "\r\n\tfor <" : "", to ? t->only.text : "",
	    to ? ">" : "", date);
	if (n < 0 || (size_t)n >= sizeof(trace))
		fatalx("bug the trace line is too long");
	t->began = true;
	message_init(&t->message, span_from(trace, (size_t)n),
	    s->conf->size_limit, s->kind != KIND_SMTP || s->trusted,
	    s->conf->hostname, body_put, s);
}

void
body_data(struct session *s)
{
	data_init(&s->txn->data, true,
	    s->conf->normalise && s->kind != KIND_SMTP);
	body_begin(s);
	s->phase = PHASE_DATA;
}

/* ---- the end of a message ------------------------------------------------ */

static void bdat_chunk_end(struct session *);

/* The message ends here, well or not: what is to be said when not. */
static const char *
body_verdict(const struct transaction *t, const struct session_conf *conf)
{
	if (t->data.bad_line || t->data.state == DATA_CR)
		return "554 5.6.0 Bare CR or LF in the message; lines end with "
		       "CR LF";
	if (t->data.bad_nul)
		return "554 5.6.0 NUL in the message";
	if (t->message.too_big)
		return "552 5.3.4 Message larger than this server takes";
	if (t->message.received > conf->received_limit)
		return "554 5.4.6 Too many Received lines: a mail loop";
	if (t->failed)
		return "451 4.3.0 The queue cannot take it now, try again later";
	return NULL;
}

static void
body_submit(struct session *s)
{
	struct transaction *t = s->txn;
	struct msg_submit m = {
		.flags = t->flags,
		.reverse_path = span_of(t->from.text),
		.client = span_of(s->peer),
		.auth = span_of(s->auth),
		.nrcpts = t->nrcpts,
		.rcpts = buf_span(&t->rcpts),
		.body_token = t->token,
		.body_bytes = t->message.bytes,
		.body = t->token != 0 ? span_from("", 0) : buf_span(&t->body),
	};

	if (s->ops->submit(s->arg, &m) == -1)
		session_submit_answer(s, false, 0, FAIL_TEMP);
	else
		s->wait = WAIT_SUBMIT;
}

/* Small, but over what travels inline: into a pipe after all. */
static bool
body_needs_pipe(const struct transaction *t)
{
	return !t->failed && !t->message.too_big && t->token == 0 &&
	    t->body.len > BODY_INLINE_MAX;
}

static void
body_ask_pipe(struct session *s)
{
	if (s->ops->body_begin(s->arg) == -1)
		s->txn->failed = true;
	else
		s->wait = WAIT_BODY;
}

static void
body_end(struct session *s)
{
	struct transaction *t = s->txn;
	const char *why;

	if (!t->failed && !t->ended)
		message_end(&t->message);
	t->ended = true;
	if ((why = body_verdict(t, s->conf)) == NULL && body_needs_pipe(t)) {
		body_ask_pipe(s); /* our own lines made it larger */
		if (s->wait != WAIT_NOTHING)
			return;
		why = body_verdict(t, s->conf);
	}
	s->phase = PHASE_COMMAND;
	if (why != NULL) {
		log_info("message refused session=%s client=%s from=%s "
		         "bytes=%llu reply=%.3s",
		    s->id, s->peer, log_quote_str(t->from.text),
		    (unsigned long long)t->message.client_bytes, why);
		session_reset(s);
		if (why[0] == '4')
			reply(s, why);
		else
			reply_error(s, why);
		return;
	}
	body_submit(s);
}

void
session_submit_answer(struct session *s, bool accepted, uint64_t queue_id,
    enum fail why)
{
	struct transaction *t = s->txn;
	char id[QUEUE_ID_TEXT], line[80];

	s->wait = WAIT_NOTHING;
	t->piped = false; /* see session_ops */
	if (accepted) {
		s->errors = s->rejects = s->idle = 0;
		queue_id_text(queue_id, id);
		log_info(
		    "accepted queue=%s session=%s client=%s from=%s rcpts=%u "
		    "bytes=%llu tls=%s auth=%s",
		    id, s->id, s->peer, log_quote_str(t->from.text), t->nrcpts,
		    (unsigned long long)t->message.bytes, s->tls ? "yes" : "no",
		    s->mailbox != 0  ? log_quote_str(s->auth)
		        : s->trusted ? "trusted"
		                     : "no");
		snprintf(line, sizeof(line), "250 2.0.0 Ok: queued as %s", id);
		session_reset(s);
		reply(s, line);
		return;
	}
	session_reset(s);
	if (why == FAIL_FULL)
		reply(s, "452 4.3.1 No room in the queue now, try again later");
	else
		reply(s,
		    "451 4.3.0 The queue cannot take it now, try again "
		    "later");
}

void
session_body_answer(struct session *s, uint64_t token)
{
	struct transaction *t = s->txn;

	if (s->wait != WAIT_BODY)
		return;
	s->wait = WAIT_NOTHING;
	if (token == 0) {
		t->failed = true;
		buf_clear(&t->body);
	} else if (t->token == 0) {
		struct buf first = t->body;

		t->token = token;
		t->piped = true;
		buf_init(&t->body, 0);
		body_put(s, buf_span(&first));
		buf_clear(&first);
	}
	/* The end may have been waiting for this. */
	if (s->wait != WAIT_NOTHING)
		return;
	if (s->phase == PHASE_DATA && t->data.state == DATA_END)
		body_end(s);
	else if (s->phase == PHASE_BDAT && t->ended)
		body_end(s);
	else if (s->phase == PHASE_BDAT && t->chunk_left == 0)
		bdat_chunk_end(s);
}

/* ---- octets ---------------------------------------------------------------- */

static size_t
data_input(struct session *s, struct span in)
{
	struct transaction *t = s->txn;
	size_t n = data_scan(&t->data, in, body_text, s);

	if (s->wait == WAIT_NOTHING && body_needs_pipe(t))
		body_ask_pipe(s);
	if (t->data.state == DATA_END && s->wait == WAIT_NOTHING)
		body_end(s);
	return n;
}

void
body_bdat(struct session *s, uint64_t size, bool last, bool refuse)
{
	struct transaction *t = s->txn;

	if (t == NULL) {
		/* A place to throw the octets away in. */
		if ((t = calloc(1, sizeof(*t))) == NULL) {
			session_quit(s, "421 4.3.1 Out of memory");
			return;
		}
		buf_init(&t->rcpts, 0);
		buf_init(&t->body, 0);
		s->txn = t;
		t->discard = true; /* it ends with this chunk */
	}
	if (refuse)
		t->failed = true;
	if (!t->began) {
		data_init(&t->data, false, false);
		if (!refuse)
			body_begin(s);
	}
	t->bdat_last = last;
	t->chunk_left = t->chunk_size = size;
	s->phase = PHASE_BDAT;
	if (size == 0)
		body_input(s, span_from("", 0));
}

static void
bdat_chunk_end(struct session *s)
{
	struct transaction *t = s->txn;
	char line[64];

	if (!t->began || t->discard) {
		bool alone = t->discard;

		/* No transaction, or no recipient in it. */
		s->phase = PHASE_COMMAND;
		t->failed = false;
		if (alone)
			session_reset(s);
		reply_error(s,
		    alone ? "503 5.5.1 Say MAIL first"
		          : "554 5.5.1 No valid recipients");
		return;
	}
	if (t->bdat_last) {
		t->data.state = t->data.state == DATA_CR ? DATA_CR : DATA_END;
		body_end(s);
		return;
	}
	s->phase = PHASE_COMMAND;
	snprintf(line, sizeof(line), "250 2.0.0 %llu octets received",
	    (unsigned long long)t->chunk_size);
	reply(s, line);
}

static size_t
bdat_input(struct session *s, struct span in)
{
	struct transaction *t = s->txn;

	if (in.len > t->chunk_left)
		in = span_sub(in, 0, (size_t)t->chunk_left);
	if (t->began && in.len > 0)
		data_scan(&t->data, in, body_text, s);
	t->chunk_left -= in.len;
	if (s->wait == WAIT_NOTHING && t->began && body_needs_pipe(t))
		body_ask_pipe(s);
	if (t->chunk_left == 0 && s->wait == WAIT_NOTHING)
		bdat_chunk_end(s);
	return in.len;
}

size_t
body_input(struct session *s, struct span in)
{
	return s->phase == PHASE_DATA ? data_input(s, in) : bdat_input(s, in);
}
