#include "config.h"
#include "smtpd/session_fake.h"

#include <stdio.h>
#include <stdlib.h>

static void
fake_reply(void *arg, const void *p, size_t n)
{
	struct fake *f = arg;

	buf_put(&f->out, p, n);
}

static int
fake_ask_rcpt(void *arg, const char *address)
{
	struct fake *f = arg;

	snprintf(f->asked, sizeof(f->asked), "%s", address);
	return 0;
}

static int
fake_ask_login(void *arg, const struct sasl *s)
{
	struct fake *f = arg;

	f->login_right = strcmp(s->login, "user") == 0 &&
	    span_is(secret_span(&s->password), "secret");
	return 0;
}

static int
fake_ask_sender(void *arg, uint32_t mailbox, const char *path)
{
	struct fake *f = arg;

	(void)mailbox;
	snprintf(f->path, sizeof(f->path), "%s", path);
	return 0;
}

static int
fake_submit(void *arg, const struct msg_submit *m)
{
	struct fake *f = arg;
	struct span rcpts = m->rcpts;
	struct msg_rcpt r;
	struct buf b;
	struct msg_submit again;

	/* What the engine sends must be what queued accepts. */
	buf_init(&b, 16 * 1024 * 1024);
	msg_submit_put(&b, m);
	if (msg_submit_get(buf_span(&b), &again) == -1)
		abort();
	buf_clear(&b);
	buf_reset(&f->envelope);
	buf_put_span(&f->envelope, m->reverse_path);
	while (msg_rcpt_next(&rcpts, &r)) {
		buf_putc(&f->envelope, ' ');
		buf_put_span(&f->envelope, r.address);
	}
	buf_putc(&f->envelope, '\0');
	buf_reset(&f->body);
	buf_put_span(&f->body,
	    m->body_token != 0 ? buf_span(&f->pipe) : m->body);
	if (m->body_bytes != f->body.len)
		abort();
	f->submitted++;
	return 0;
}

static int
fake_body_begin(void *arg)
{
	(void)arg;
	return 0;
}

static int
fake_body_write(void *arg, struct span text)
{
	struct fake *f = arg;

	buf_put_span(&f->pipe, text);
	return f->pipe.len % 3 == 0; /* now and then it is full */
}

static void
fake_body_drop(void *arg, uint64_t token)
{
	struct fake *f = arg;

	if (token != 7)
		abort();
	f->pipe_open = false;
	f->dropped++;
}

static void
fake_start_tls(void *arg)
{
	struct fake *f = arg;

	f->tls_asked = true;
}

static const struct session_ops ops = { fake_reply, fake_ask_rcpt,
	fake_ask_login, fake_ask_sender, fake_submit, fake_body_begin,
	fake_body_write, fake_body_drop, fake_start_tls };

void
fake_init(struct fake *f, enum listener_kind kind, bool tls,
    uint64_t size_limit)
{
	static struct session_conf conf;

	conf = (struct session_conf){ .hostname = "mail.test",
		.size_limit = size_limit,
		.rcpt_limit = 3,
		.received_limit = 10,
		.vrfy = true,
		.tls = true,
		.own_senders = true };
	memset(f, 0, sizeof(*f));
	f->conf = &conf;
	buf_init(&f->out, 16 * 1024 * 1024);
	buf_init(&f->pipe, 16 * 1024 * 1024);
	buf_init(&f->body, 16 * 1024 * 1024);
	buf_init(&f->envelope, 1024 * 1024);
	session_init(&f->session, kind, &conf, &ops, f, "192.0.2.7", "s1",
	    false);
	if (tls)
		session_secured(&f->session, "TLSv1.3 CIPHER");
	buf_reset(&f->out);
}

void
fake_clear(struct fake *f)
{
	session_clear(&f->session);
	buf_clear(&f->out);
	buf_clear(&f->pipe);
	buf_clear(&f->body);
	buf_clear(&f->envelope);
}

static void
answer_rcpt(struct fake *f)
{
	const char *at = strrchr(f->asked, '@');
	enum rcpt_verdict v = RCPT_OK;

	if (at == NULL ||
	    (strcmp(at, "@here.test") != 0 && strcmp(at, "@mail.test") != 0))
		v = RCPT_NOT_OURS;
	else if (strncmp(f->asked, "nouser@", 7) == 0)
		v = RCPT_NO_USER;
	else if (strncmp(f->asked, "full@", 5) == 0)
		v = RCPT_FULL;
	else if (strncmp(f->asked, "temp@", 5) == 0)
		v = RCPT_TEMP;
	else if (strncmp(f->asked, "many@", 5) == 0)
		v = RCPT_TOO_MANY;
	session_rcpt_answer(&f->session, v, span_of("grant"));
}

static void
answer(struct fake *f)
{
	struct session *s = &f->session;

	switch (s->wait) {
	case WAIT_RCPT:
		answer_rcpt(f);
		break;
	case WAIT_SENDER:
		session_sender_answer(s, strncmp(f->path, "stranger@", 9) != 0);
		break;
	case WAIT_LOGIN:
		session_login_answer(s, f->login_right ? 9 : 0,
		    span_of("user@here.test"), false);
		break;
	case WAIT_TLS:
		f->tls_asked = false;
		session_secured(s, "TLSv1.3 CIPHER");
		break;
	case WAIT_SUBMIT:
		f->pipe_open = false;
		session_submit_answer(s, !f->refuse_queue, 1, FAIL_FULL);
		break;
	case WAIT_BODY:
		if (!f->pipe_open)
			buf_reset(&f->pipe);
		f->pipe_open = !f->refuse_pipe;
		session_body_answer(s, f->refuse_pipe ? 0 : 7);
		break;
	case WAIT_NOTHING:
		break;
	}
}

void
fake_feed(struct fake *f, struct span in, size_t step)
{
	struct buf kept; /* what the engine left, as conn keeps it */
	size_t used;

	buf_init(&kept, 64 * 1024 * 1024);
	while (in.len > 0 && f->session.phase != PHASE_END) {
		bool was_tls = f->tls_asked;

		buf_put_span(&kept, span_sub(in, 0, step));
		in = span_sub(in, step, in.len);
		for (;;) {
			used = session_input(&f->session, buf_span(&kept));
			if (used > kept.len)
				abort();
			buf_drop(&kept, used);
			if (!session_waits(&f->session))
				break;
			if (f->tls_asked && !was_tls)
				buf_reset(&kept); /* RFC 3207: thrown away */
			answer(f);
			if (f->session.phase == PHASE_END)
				break;
		}
	}
	buf_clear(&kept);
}
