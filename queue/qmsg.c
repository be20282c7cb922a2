#include "config.h"
#include "queue/qmsg.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CLIENT_MAX 128

/* ---- bytes ---------------------------------------------------------- */

void
envelope_rcpt_put(struct buf *b, struct span address, const struct target *t,
    unsigned n)
{
	wire_put_bytes(b, address);
	targets_put(b, t, n);
}

static void
rcpt_get(struct wire *w, struct qmsg_rcpt *out)
{
	struct target t;
	const unsigned char *start;

	out->address = wire_text(w, PATH_MAX_BYTES);
	if (out->address.len == 0)
		w->bad = true;
	out->ntargets = targets_get_count(w);
	start = w->next;
	for (unsigned i = 0; i < out->ntargets && !w->bad; i++)
		targets_get_one(w, &t);
	out->targets = w->bad ? span_from("", 0)
	                      : span_from(start, (size_t)(w->next - start));
}

int
qmsg_rcpt_next(struct span *rcpts, struct qmsg_rcpt *out)
{
	struct wire w;

	if (rcpts->len == 0)
		return 0;
	wire_init(&w, *rcpts);
	rcpt_get(&w, out);
	if (w.bad) {
		*rcpts = span_from("", 0);
		return 0;
	}
	*rcpts = span_from(w.next, w.left);
	return 1;
}

void
envelope_put(struct buf *b, const struct envelope *e)
{
	wire_put_u64(b, e->arrived_s);
	wire_put_u32(b,
	    (e->flags & ~QMSG_PREFIX) | (e->prefix.len > 0 ? QMSG_PREFIX : 0));
	wire_put_bytes(b, e->reverse_path);
	wire_put_bytes(b, e->client);
	wire_put_bytes(b, e->auth);
	wire_put_u32(b, e->nrcpts);
	buf_put_span(b, e->rcpts);
	wire_put_u8(b, e->body_file);
	wire_put_u64(b, e->body_bytes);
	wire_put_u32(b, e->body_crc);
	if (e->prefix.len > 0)
		wire_put_bytes(b, e->prefix);
}

/* ---- in memory -------------------------------------------------------- */

struct qtarget *
qmsg_find(struct qmsg *m, uint8_t kind, uint32_t mailbox, struct span address)
{
	for (unsigned i = 0; i < m->ntargets; i++) {
		struct qtarget *t = &m->targets[i];

		if (t->kind != kind || t->twin)
			continue;
		/* A mailbox is its number; its address may have changed. */
		if (kind == TARGET_MAILBOX ? t->mailbox == mailbox
		                           : span_eq(t->address, address))
			return t;
	}
	return NULL;
}

void
qtarget_set_done(struct qmsg *m, struct qtarget *t)
{
	if (t->state == T_DONE)
		return;
	if (t->state == T_FLYING)
		m->nflying--;
	t->state = T_DONE;
	m->nopen--;
	free(t->status);
	t->status = NULL;
}

/*
 * A table for adding many targets: is there one like it already?  Without it a
 * message for a few long lists costs the square of their length.
 */
struct twins {
	uint32_t *slot; /* index + 1; 0 is empty */
	uint32_t mask;
};

static bool
is_same(const struct qtarget *a, const struct qtarget *b)
{
	/* A mailbox is its number; its address may have changed. */
	return a->kind == b->kind &&
	    (a->kind == TARGET_MAILBOX ? a->mailbox == b->mailbox
	                               : span_eq(a->address, b->address));
}

static uint32_t
hash(const struct qtarget *t)
{
	uint32_t h = 2166136261u ^ t->kind;

	if (t->kind == TARGET_MAILBOX)
		return (h ^ t->mailbox) * 2654435761u;
	for (size_t i = 0; i < t->address.len; i++)
		h = (h ^ t->address.data[i]) * 16777619u;
	return h;
}

/* True if there is none like it; then it is kept. */
static bool
twins_add(struct twins *tw, const struct qmsg *m, uint32_t index)
{
	uint32_t i = hash(&m->targets[index]) >> 4 & tw->mask;

	for (; tw->slot[i] != 0; i = (i + 1) & tw->mask)
		if (is_same(&m->targets[tw->slot[i] - 1], &m->targets[index]))
			return false;
	tw->slot[i] = index + 1;
	return true;
}

/* For n targets. */
static int
twins_init(struct twins *tw, unsigned n)
{
	uint32_t size = 8;

	while (size < 2 * n)
		size *= 2;
	tw->mask = size - 1;
	tw->slot = calloc(size, sizeof(tw->slot[0]));
	return tw->slot == NULL ? -1 : 0;
}

/* targets was grown to hold one more. */
static void
add_target(struct qmsg *m, struct twins *tw, const struct target *from,
    uint16_t rcpt)
{
	struct qtarget *t = &m->targets[m->ntargets];

	*t = (struct qtarget){ .kind = from->kind,
		.mailbox = from->mailbox,
		.address = from->address,
		.rcpt = rcpt };
	t->twin = !twins_add(tw, m, m->ntargets);
	t->state = t->twin ? T_DONE : T_WAITING;
	m->ntargets++;
	m->nopen += !t->twin;
}

static void
add_targets(struct qmsg *m, struct twins *tw, const struct qmsg_rcpt *r,
    uint16_t rcpt)
{
	struct target t;
	struct wire w;

	wire_init(&w, r->targets);
	while (w.left > 0 && !w.bad) {
		targets_get_one(&w, &t);
		add_target(m, tw, &t, rcpt);
	}
}

static unsigned
count_targets(struct span rcpts)
{
	struct qmsg_rcpt r;
	unsigned n = 0;

	while (qmsg_rcpt_next(&rcpts, &r) == 1)
		n += r.ntargets > 0 ? r.ntargets : 1;
	return n;
}

static int
fill_targets(struct qmsg *m)
{
	unsigned n = count_targets(m->rcpts);
	struct span rcpts = m->rcpts;
	struct qmsg_rcpt r;
	struct twins tw;
	uint16_t index = 0;

	m->targets = calloc(n, sizeof(m->targets[0]));
	if (m->targets == NULL || twins_init(&tw, n) == -1)
		return -1;
	for (; qmsg_rcpt_next(&rcpts, &r) == 1; index++) {
		struct target unknown = { TARGET_UNKNOWN, 0, r.address };

		if (r.ntargets == 0)
			add_target(m, &tw, &unknown, index);
		add_targets(m, &tw, &r, index);
	}
	free(tw.slot);
	return 0;
}

static int
envelope_get(struct wire *w, struct qmsg *m)
{
	const unsigned char *start;
	struct qmsg_rcpt r;

	m->arrived_s = wire_u64(w);
	m->flags = wire_u32(w);
	m->reverse_path = wire_text(w, PATH_MAX_BYTES);
	m->client = wire_text(w, CLIENT_MAX);
	m->auth = wire_text(w, PATH_MAX_BYTES);
	m->nrcpts = wire_u32(w);
	if (m->nrcpts == 0 || m->nrcpts > RCPTS_MAX)
		w->bad = true;
	start = w->next;
	for (uint32_t i = 0; i < m->nrcpts && !w->bad; i++)
		rcpt_get(w, &r);
	m->rcpts = w->bad ? span_from("", 0)
	                  : span_from(start, (size_t)(w->next - start));
	m->body_file = wire_u8(w);
	m->body_bytes = wire_u64(w);
	m->body_crc = wire_u32(w);
	m->prefix = m->flags & QMSG_PREFIX ? wire_bytes(w, PREFIX_MAX)
	                                   : span_from("", 0);
	if (w->bad || m->body_file > 1 ||
	    (m->flags & QMSG_PREFIX && m->prefix.len == 0)) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

struct qmsg *
qmsg_new(uint64_t id, struct span payload, struct span *body_out)
{
	struct qmsg *m = calloc(1, sizeof(*m));
	struct wire w;
	size_t n;

	if (m == NULL)
		return NULL;
	m->id = id;
	wire_init(&w, payload);
	if (envelope_get(&w, m) == -1)
		goto fail;
	if (body_out != NULL)
		*body_out = span_from(w.next, w.left);
	if (w.left != (m->body_file || body_out == NULL ? 0 : m->body_bytes)) {
		errno = EBADMSG;
		goto fail;
	}
	/* Again over our own copy: the spans shall point into that. */
	n = payload.len - w.left;
	if ((m->envelope = malloc(n)) == NULL)
		goto fail;
	memcpy(m->envelope, payload.data, n);
	m->envelope_len = n;
	wire_init(&w, span_from(m->envelope, n));
	if (envelope_get(&w, m) == -1 || fill_targets(m) == -1)
		goto fail;
	return m;
fail:
	n = (size_t)errno;
	qmsg_free(&m);
	errno = (int)n;
	return NULL;
}

void
qmsg_free(struct qmsg **mp)
{
	struct qmsg *m = *mp;
	struct qblob *b;

	if (m == NULL)
		return;
	for (unsigned i = 0; i < m->ntargets; i++)
		free(m->targets[i].status);
	free(m->targets);
	while ((b = m->blobs) != NULL) {
		m->blobs = b->next;
		free(b);
	}
	free(m->envelope);
	free(m);
	*mp = NULL;
}

/* ---- changes ------------------------------------------------------------ */

void
expand_put(struct buf *b, struct span rcpt, const struct target *t, unsigned n)
{
	envelope_rcpt_put(b, rcpt, t, n);
}

int
qmsg_expand(struct qmsg *m, struct span payload)
{
	struct qtarget *unknown, *grown;
	struct qblob *blob;
	struct qmsg_rcpt r;
	struct twins tw;
	struct wire w;
	uint16_t rcpt;

	/* What a deferred file's header can say again. */
	if (m->envelope_len + m->expanded_len + payload.len > ENVELOPE_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if ((blob = malloc(sizeof(*blob) + payload.len)) == NULL)
		return -1;
	memcpy(blob->bytes, payload.data, payload.len);
	wire_init(&w, span_from(blob->bytes, payload.len));
	rcpt_get(&w, &r);
	if (wire_done(&w) == -1 || r.ntargets == 0) {
		free(blob);
		errno = EBADMSG;
		return -1;
	}
	unknown = qmsg_find(m, TARGET_UNKNOWN, 0, r.address);
	if (unknown == NULL || unknown->state == T_DONE) {
		free(blob);
		errno = ENOENT;
		return -1;
	}
	grown = realloc(m->targets,
	    (m->ntargets + r.ntargets) * sizeof(*grown));
	if (grown == NULL) {
		free(blob);
		return -1;
	}
	unknown = grown + (unknown - m->targets);
	m->targets = grown;
	if (twins_init(&tw, m->ntargets + r.ntargets) == -1) {
		free(blob);
		return -1;
	}
	blob->next = m->blobs;
	m->blobs = blob;
	m->expanded_len += payload.len;
	/* The unknown one gives its place to the last. */
	rcpt = unknown->rcpt;
	if (unknown->state == T_FLYING)
		m->nflying--;
	m->nopen--;
	free(unknown->status);
	*unknown = grown[--m->ntargets];
	for (uint32_t i = 0; i < m->ntargets; i++)
		if (!grown[i].twin)
			twins_add(&tw, m, i);
	add_targets(m, &tw, &r, rcpt);
	free(tw.slot);
	return 0;
}

void
done_put(struct buf *b, const struct qtarget *t)
{
	wire_put_u8(b, t->kind);
	wire_put_u32(b, t->mailbox);
	wire_put_bytes(b, t->address);
}

struct qtarget *
qmsg_done_find(struct qmsg *m, struct span payload)
{
	struct qtarget *t;
	struct span address;
	struct wire w;
	uint32_t mailbox;
	uint8_t kind;

	wire_init(&w, payload);
	kind = wire_u8(&w);
	mailbox = wire_u32(&w);
	address = wire_text(&w, PATH_MAX_BYTES);
	if (wire_done(&w) == -1)
		return NULL;
	if ((t = qmsg_find(m, kind, mailbox, address)) == NULL)
		errno = ENOENT;
	return t;
}

int
qmsg_done(struct qmsg *m, struct span payload)
{
	struct qtarget *t = qmsg_done_find(m, payload);

	if (t == NULL)
		return -1;
	qtarget_set_done(m, t);
	return 0;
}

bool
qtarget_set_status(struct qtarget *t, struct span status)
{
	size_t n = status.len < STATUS_MAX ? status.len : STATUS_MAX;
	char *s = malloc(n + 1);

	if (s == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		s[i] = status.data[i] < ' ' || status.data[i] == 0x7f
		    ? '?'
		    : (char)status.data[i];
	s[n] = '\0';
	if (t->status != NULL && strcmp(t->status, s) == 0) {
		free(s);
		return false;
	}
	free(t->status);
	t->status = s;
	t->changed = true;
	return true;
}

void
qmsg_dir(const char *dir, uint64_t id, char out[static QMSG_PATH])
{
	char text[QUEUE_ID_TEXT];

	queue_id_text(id, text);
	snprintf(out, QMSG_PATH, "%s/%s", dir, text + QUEUE_ID_TEXT - 3);
}

void
qmsg_path(const char *dir, uint64_t id, char out[static QMSG_PATH])
{
	char text[QUEUE_ID_TEXT];

	queue_id_text(id, text);
	snprintf(out, QMSG_PATH, "%s/%s/%s", dir, text + QUEUE_ID_TEXT - 3,
	    text);
}
