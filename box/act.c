#include "config.h"
#include "box/act.h"
#include "box/answered.h"
#include "box/forward.h"
#include "box/header.h"
#include "box/homefile.h"
#include "box/vacation.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"
#include "libstore/sys.h"

#include <errno.h>
#include <stdio.h>

#define FILE_MAX (64 * 1024) /* of .forward */

/* What is looked at for one message, read when it is needed first. */
struct look {
	const struct act_box *box;
	const struct msg_deliver *d;
	int fd;
	char id[QUEUE_ID_TEXT];
	struct buf top; /* the message's beginning */
	struct header header;
	bool scanned;
};

/* ---- the header -------------------------------------------------------- */

static int
read_top(struct look *l)
{
	const struct msg_deliver *d = l->d;
	size_t want = d->body_bytes < HEADER_MAX ? (size_t)d->body_bytes
	                                         : HEADER_MAX;
	unsigned char *p;
	size_t got = 0;
	ssize_t n;

	buf_put_span(&l->top, d->prefix);
	if (l->fd == -1) {
		buf_put_span(&l->top, span_sub(d->body, 0, want));
		return buf_error(&l->top) == 0 ? 0 : -1;
	}
	if ((p = buf_reserve(&l->top, want + 1)) == NULL)
		return -1;
	while (got < want &&
	    (n = store_sys.pread(l->fd, p + got, want - got, (off_t)got)) !=
	        0) {
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			got += (size_t)n;
	}
	buf_commit(&l->top, got);
	return 0;
}

/* NULL if it cannot be read now. */
static const struct header *
header_of(struct look *l)
{
	struct span ours[2] = { span_of(l->box->setup->box.address),
		l->d->original };

	if (l->scanned)
		return &l->header;
	if (read_top(l) == -1) {
		log_warn("header id=%s", l->id);
		return NULL;
	}
	header_scan(buf_span(&l->top), ours, nitems(ours), &l->header);
	l->scanned = true;
	return &l->header;
}

/* ---- forwarding -------------------------------------------------------- */

static bool
is_listed(struct span list, const char *address)
{
	struct span one;

	while (msg_actions_next(&list, &one) == 1)
		if (span_is(one, address))
			return true;
	return false;
}

/* What was wrong with a file: one line in the log, however much it is. */
struct trouble {
	unsigned n, line;
	struct span first;
};

static void
trouble_add(struct trouble *t, const struct forward_entry *e)
{
	if (t->n++ > 0)
		return;
	t->line = e->line;
	t->first = span_sub(e->text, 0, 100);
}

static void
trouble_log(const struct look *l, const struct trouble *t, const char *word)
{
	if (t->n > 0)
		log_info("%s id=%s entries=%u line=%u first=%s", word, l->id,
		    t->n, t->line, log_quote(t->first));
}

/* Read the file: the addresses, and whether a copy stays here. */
static void
read_forward(struct look *l, struct span file, struct act *out)
{
	struct trouble ignored = { 0 }, bad = { 0 }, many = { 0 };
	struct forward_reader r;
	struct forward_entry e;

	out->keep = false;
	forward_begin(&r, file, l->box->setup->box.address);
	while (forward_next(&r, &e)) {
		if (e.kind == FORWARD_OWN)
			out->keep = true;
		else if (e.kind == FORWARD_IGNORED)
			trouble_add(&ignored, &e);
		else if (e.kind == FORWARD_BAD)
			trouble_add(&bad, &e);
		else if (is_listed(buf_span(&out->forward), e.addr.text))
			continue;
		else if (out->actions.nforward == FORWARDS_MAX)
			trouble_add(&many, &e);
		else
			msg_actions_forward(&out->actions, &out->forward,
			    span_of(e.addr.text));
	}
	/* Who was meant and cannot be reached: nothing is lost by a copy. */
	if (bad.n > 0 || many.n > 0)
		out->keep = true;
	trouble_log(l, &ignored, "forward-ignored");
	trouble_log(l, &bad, "forward-bad");
	trouble_log(l, &many, "forward-too-many");
}

/* Why it must not be sent on, or NULL. */
static const char *
loops(struct look *l)
{
	const struct header *h = header_of(l);

	if (h == NULL)
		return "unreadable";
	if (h->been_here)
		return "delivered-to";
	if (h->received >= l->box->setup->received_limit)
		return "received-limit";
	return l->d->may_act ? NULL : "chain";
}

static void
forward(struct look *l, struct act *out)
{
	struct buf file;
	const char *why;

	buf_init(&file, FILE_MAX + 1);
	if (homefile_read(l->box->home, FORWARD_FILE, FILE_MAX, &file) == 0)
		read_forward(l, buf_span(&file), out);
	else if (errno != ENOENT)
		log_warn("forward-unreadable id=%s kept=yes", l->id);
	buf_clear(&file);
	if (buf_error(&out->forward) != 0)
		out->actions.nforward = 0;
	if (out->actions.nforward > 0 && (why = loops(l)) != NULL) {
		log_info("forward-loop id=%s by=%s kept=yes", l->id, why);
		out->actions.nforward = 0;
	}
	if (out->actions.nforward == 0) {
		buf_reset(&out->forward);
		out->keep = true;
	}
	out->actions.forward = buf_span(&out->forward);
}

/* ---- answering --------------------------------------------------------- */

/* Why it is not answered, or NULL; the cheap reasons first. */
static const char *
no_answer(struct look *l)
{
	struct span ours[2] = { span_of(l->box->setup->box.address),
		l->d->original };
	const char *why = vacation_refuses(l->d->reverse_path, ours,
	    nitems(ours));
	const struct header *h;

	if (why != NULL)
		return why;
	if (!l->d->may_act)
		return "chain";
	if ((h = header_of(l)) == NULL)
		return "unreadable";
	if (h->been_here)
		return "loop";
	if (h->automatic != NULL)
		return h->automatic;
	return h->to_us ? NULL : "not addressed";
}

/* On disk from here on, whether or not the answer goes out in the end. */
static bool
note_answer(struct look *l)
{
	int r = answered_note(l->box->home, l->d->reverse_path, io_wall_s(),
	    l->box->setup->vacation_period_s);

	if (r == -1)
		log_warn("vacation id=%s answered=no", l->id);
	else if (r == 0 && errno == EMFILE)
		log_info("vacation id=%s answered=no reason=full", l->id);
	return r == 1;
}

static void
put_answer(struct look *l, struct span text, struct act *out)
{
	char id[QUEUE_ID_TEXT + 32];
	struct vacation v = { .text = text,
		.own = l->box->setup->box.address,
		.sender = l->d->reverse_path,
		.header = header_of(l),
		.id = id,
		.hostname = l->box->setup->hostname,
		.now_s = io_wall_s() };

	snprintf(id, sizeof(id), "%s.%u.vacation", l->id, l->d->mailbox);
	vacation_write(&out->answer, &v);
	if (buf_error(&out->answer) != 0) {
		log_warnx("vacation id=%s answered=no reason=too-long", l->id);
		return;
	}
	log_info("vacation id=%s answered=%s", l->id,
	    log_quote(l->d->reverse_path));
	out->actions.answer = buf_span(&out->answer);
}

static void
answer(struct look *l, struct act *out)
{
	struct buf text;
	const char *why;

	buf_init(&text, SETTINGS_VACATION_MAX + 1);
	if (homefile_read(l->box->home, VACATION_FILE, SETTINGS_VACATION_MAX,
	        &text) == -1) {
		if (errno != ENOENT)
			log_warn("vacation-unreadable id=%s", l->id);
	} else if (text.len > 0) {
		if ((why = no_answer(l)) != NULL)
			log_debug("vacation id=%s answered=no reason=%s", l->id,
			    log_quote_str(why));
		else if (note_answer(l))
			put_answer(l, buf_span(&text), out);
	}
	buf_clear(&text);
}

/* ------------------------------------------------------------------------ */

void
act_decide(const struct act_box *box, const struct msg_deliver *d, int fd,
    struct act *out)
{
	struct look l = { .box = box, .d = d, .fd = fd };

	queue_id_text(d->queue_id, l.id);
	*out = (struct act){ .keep = true };
	buf_init(&out->forward, 64 * 1024);
	buf_init(&out->answer, AUTOREPLY_MAX);
	buf_init(&l.top, PREFIX_MAX + HEADER_MAX + 16);
	forward(&l, out);
	answer(&l, out);
	buf_clear(&l.top);
}

void
act_clear(struct act *a)
{
	buf_clear(&a->forward);
	buf_clear(&a->answer);
}
