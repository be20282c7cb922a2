/*
 * What a mailbox's worker asks for when it has taken a message: that it goes on
 * to other addresses, or that its sender is answered.
 *
 * The worker says no more than the addresses or the answer's text.  A forwarded
 * message keeps its sender, also the null sender (SRS would change it; there is
 * none yet), and an answer has the null sender and goes to the sender of the
 * message it answers; both are ours to fill in.
 */
#include "config.h"
#include "queue/queued.h"
#include "queue/body.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/mail_date.h"

#include <errno.h>

struct plan {
	struct queued *q;
	struct qmsg *m; /* the parent */
	struct qtarget *t;
	uint64_t now_s;
	struct buf rcpts[CHILDREN_MAX], prefix[CHILDREN_MAX], body;
	struct child child[CHILDREN_MAX];
	unsigned n;
	uint64_t shared; /* a child with a body file, or 0 */
};

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] >= 0x80)
			return false;
	return true;
}

/* What every child has: an id, its place in the chain, its trace line. */
static struct child *
plan_child(struct plan *p, const char *how)
{
	struct child *c = &p->child[p->n];
	struct buf *prefix = &p->prefix[p->n];
	char id[QUEUE_ID_TEXT], date[MAIL_DATE];
	uint32_t depth = qmsg_depth(p->m->flags) + 1;

	p->n++;
	c->id = spool_new_id(p->q->spool);
	c->envelope = (struct envelope){ .arrived_s = p->now_s,
		.flags = depth << QMSG_DEPTH_SHIFT,
		.reverse_path = span_of(""),
		.client = span_of(""),
		.auth = span_of("") };
	queue_id_text(c->id, id);
	mail_date(p->now_s, date);
	/* RFC 5321 4.4, of a message that comes from no connection. */
	buf_printf(prefix, "Received: by %s (SEMail %s) id %s;\r\n\t%s\r\n",
	    conf_str("hostname"), how, id, date);
	return c;
}

static void
plan_rcpt(struct plan *p, struct child *c, struct span address)
{
	struct buf *rcpts = &p->rcpts[c - p->child];

	envelope_rcpt_put(rcpts, address, NULL, 0);
	c->envelope.nrcpts++;
	if (!is_ascii(address))
		c->envelope.flags |= BODY_UTF8;
}

/* The parent's body, as it is; in front of it who sent it on. */
static int
plan_forward(struct plan *p, const struct msg_actions *a)
{
	struct span list = a->forward, address;
	struct qmsg *m = p->m;
	struct buf *prefix = &p->prefix[p->n];
	struct child *c;
	void *room;

	buf_puts(prefix, "Delivered-To: ");
	buf_put_span(prefix, p->t->address);
	buf_puts(prefix, "\r\n");
	c = plan_child(p, "forward");
	buf_put_span(prefix, m->prefix);
	c->envelope.flags |= m->flags & (BODY_8BIT | BODY_UTF8);
	c->envelope.reverse_path = m->reverse_path;
	c->envelope.client = m->client;
	while (msg_actions_next(&list, &address) == 1)
		plan_rcpt(p, c, address);
	c->envelope.body_bytes = m->body_bytes;
	c->envelope.body_file = m->body_file;
	c->envelope.body_crc = m->body_crc;
	if (m->body_file) {
		if (body_share(p->q->dirfd, m->id, c->id) == -1)
			return -1;
		p->shared = c->id;
		return 0;
	}
	if ((room = buf_reserve(&p->body, m->body_bytes + 1)) == NULL ||
	    spool_body_read(p->q->spool, m, room) == -1)
		return -1;
	buf_commit(&p->body, m->body_bytes);
	c->body = buf_span(&p->body);
	return 0;
}

static void
plan_answer(struct plan *p, const struct msg_actions *a)
{
	struct child *c = plan_child(p, "answer");

	plan_rcpt(p, c, p->m->reverse_path);
	c->envelope.body_bytes = a->answer.len;
	c->envelope.body_crc = io_crc32c(0, a->answer.data, a->answer.len);
	c->body = a->answer;
}

static int
carry_out(struct plan *p, struct span status)
{
	for (unsigned i = 0; i < p->n; i++) {
		errno = buf_error(&p->rcpts[i]) != 0 ||
		        buf_error(&p->prefix[i]) != 0
		    ? ENOMEM
		    : 0;
		if (errno != 0)
			return -1;
		p->child[i].envelope.rcpts = buf_span(&p->rcpts[i]);
		p->child[i].envelope.prefix = buf_span(&p->prefix[i]);
	}
	return spool_act(p->q->spool, p->m, p->t, status, p->child, p->n);
}

/* Nothing here comes from the network, but it came through a process whose
 * owner may be anybody. */
static bool
may_ask(const struct qmsg *m, const struct msg_actions *a)
{
	return qmsg_depth(m->flags) < QMSG_DEPTH_MAX &&
	    (a->answer.len == 0 || m->reverse_path.len > 0);
}

int
children_act(struct queued *q, struct qmsg *m, struct qtarget *t,
    const struct msg_delivered *d, const char **why_out)
{
	struct plan p = { .q = q, .m = m, .t = t, .now_s = io_wall_s() };
	int r = 0;

	*why_out = "4.3.0 what the delivery asks for cannot be queued now";
	if (!may_ask(m, &d->actions)) {
		*why_out = "4.3.0 the mailbox asks for what it may not";
		return -1;
	}
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		buf_init(&p.rcpts[i], 64 * 1024);
		buf_init(&p.prefix[i], PREFIX_MAX);
	}
	buf_init(&p.body, BODY_INLINE_MAX + 1);
	if (d->actions.nforward > 0)
		r = plan_forward(&p, &d->actions);
	if (r == 0 && d->actions.answer.len > 0)
		plan_answer(&p, &d->actions);
	if (r == 0)
		r = carry_out(&p, d->status);
	if (r == -1) {
		if (errno == ENOSPC)
			*why_out = "4.3.1 the queue is full";
		if (errno == EBADMSG)
			*why_out = "4.3.0 the body on disk is damaged";
		log_warn("children");
		if (p.shared != 0)
			body_unlink(q->dirfd, p.shared);
	}
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		buf_clear(&p.rcpts[i]);
		buf_clear(&p.prefix[i]);
	}
	buf_clear(&p.body);
	return r;
}
