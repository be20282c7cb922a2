#include "config.h"
#include "queue/spool_start.h"
#include "queue/body.h"
#include "queue/deferred.h"
#include "queue/disk.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct start {
	struct spool *s;
	struct wait_hint *hints;
	size_t nhints;
	uint64_t *doubles; /* deferred files whose message is in the log */
	size_t ndoubles;
	struct start_acted *acted;
	uint64_t last_id;
	unsigned nfiles, nread;
};

/* A REC_ACTED: what the message's file may not say yet. */
struct start_acted {
	struct start_acted *next;
	uint64_t id;
	size_t len;
	unsigned char payload[];
};

static const char *
id_text(uint64_t id)
{
	static char text[QUEUE_ID_TEXT];

	queue_id_text(id, text);
	return text;
}

/* ---- the log ------------------------------------------------------------ */

static void
drop(struct spool *s, struct qmsg *m)
{
	TAILQ_REMOVE(&s->in_log, m, in_log);
	s->nlog--;
	qlog_release(s->log, m->seg);
	idtab_remove(&s->msgs, m->id);
	qmsg_free(&m);
}

static void
on_message(struct spool *s, struct seg *seg, const struct rec *r, bool salvaged)
{
	struct span body;
	struct qmsg *m;

	if (idtab_get(&s->msgs, r->id) != NULL) {
		log_warnx("log-double id=%s", id_text(r->id));
		return;
	}
	if ((m = qmsg_new(r->id, r->payload, &body)) == NULL) {
		if (errno == ENOMEM)
			fatal("queue start");
		log_warnx("log-message-form id=%s", id_text(r->id));
		return;
	}
	if (salvaged)
		log_info("log-salvaged id=%s", id_text(r->id));
	m->where = Q_LOG;
	m->seg = seg;
	m->body_at = r->off + REC_HEADER + (r->payload.len - body.len);
	qlog_hold(seg);
	idtab_put(&s->msgs, m->id, m);
	TAILQ_INSERT_TAIL(&s->in_log, m, in_log);
	s->nlog++;
}

static void
on_acted(struct start *st, const struct rec *r)
{
	struct start_acted *a = malloc(sizeof(*a) + r->payload.len);

	if (a == NULL)
		fatal("queue start");
	a->next = st->acted;
	a->id = r->id;
	a->len = r->payload.len;
	memcpy(a->payload, r->payload.data, r->payload.len);
	st->acted = a;
}

static void
on_record(void *arg, struct seg *seg, const struct rec *r, bool salvaged)
{
	struct start *st = arg;
	struct spool *s = st->s;
	struct qmsg *m;

	if (r->id > st->last_id)
		st->last_id = r->id;
	if (r->type == REC_MESSAGE) {
		on_message(s, seg, r, salvaged);
		return;
	}
	if (r->type == REC_ACTED)
		on_acted(st, r);
	/* Of a message whose segment has been used again since: it was dealt
	 * with long ago. */
	if ((m = idtab_get(&s->msgs, r->id)) == NULL)
		return;
	switch (r->type) {
	case REC_EXPAND:
		qmsg_expand(m, r->payload);
		break;
	case REC_DONE:
	case REC_ACTED: /* the log's copy counts, or may yet */
		if (qmsg_done(m, r->payload) == -1)
			log_warnx("log-done-unknown id=%s", id_text(r->id));
		break;
	case REC_MOVED:
		m->where = Q_MOVING;
		break;
	case REC_VOID:
		drop(s, m);
		break;
	default:
		log_warnx("log-record-unknown type=%d", (int)r->type);
		break;
	}
}

static const struct qlog_ops log_ops = { .record = on_record };

/* ---- deferred files --------------------------------------------------------
 */

static int
hint_cmp(const void *key, const void *elem)
{
	const uint64_t *id = key;
	const struct wait_hint *h = elem;

	return *id < h->id ? -1 : *id > h->id;
}

static void
add_waiting(struct start *st, uint64_t id)
{
	const struct wait_hint *h = st->nhints == 0
	    ? NULL
	    : bsearch(&id, st->hints, st->nhints, sizeof(*h), hint_cmp);
	struct qmsg *m;

	if (h != NULL) {
		waiting_add(&st->s->waiting, id, h->due_s, h->attempts);
		return;
	}
	st->nread++;
	if ((m = spool_load(st->s, id)) == NULL) {
		if (errno != EBADMSG && errno != ENOENT) {
			/* It cannot be read now; later perhaps. */
			log_warn("deferred-read id=%s", id_text(id));
			waiting_add(&st->s->waiting, id, 0, 0);
		}
		return;
	}
	waiting_add(&st->s->waiting, id, m->due_s, m->attempts);
	idtab_remove(&st->s->msgs, id);
	qmsg_free(&m);
}

/* The log has it too, as moved: then the file is the message. */
static void
moved_file(struct start *st, struct qmsg *in_log)
{
	uint64_t id = in_log->id;
	struct qmsg *m = deferred_read(st->s->dirfd, id);

	if (m == NULL && errno == EBADMSG) {
		spool_quarantine(st->s, id);
		log_warnx("deferred-restored id=%s from=log", id_text(id));
		in_log->where = Q_LOG;
		return;
	}
	qmsg_free(&m);
	drop(st->s, in_log);
	add_waiting(st, id);
}

/* The log has it and does not say it was moved: the move did not get to its
 * end, or a damaged batch hid the end.  The log's copy goes on; what the file
 * alone knows to be done stays done. */
static void
double_file(struct start *st, struct qmsg *in_log)
{
	struct qmsg *m = deferred_read(st->s->dirfd, in_log->id);
	struct qtarget *t;
	struct buf b;

	for (unsigned i = 0; m != NULL && i < m->ntargets; i++) {
		if (m->targets[i].state != T_DONE || m->targets[i].twin)
			continue;
		t = qmsg_find(in_log, m->targets[i].kind, m->targets[i].mailbox,
		    m->targets[i].address);
		if (t == NULL || t->state == T_DONE)
			continue;
		buf_init(&b, 1024);
		done_put(&b, t);
		spool_state(st->s, REC_DONE, in_log->id, buf_span(&b));
		buf_clear(&b);
		qtarget_set_done(in_log, t);
	}
	qmsg_free(&m);
	st->doubles = realloc(st->doubles,
	    (st->ndoubles + 1) * sizeof(*st->doubles));
	if (st->doubles == NULL)
		fatal("queue start");
	st->doubles[st->ndoubles++] = in_log->id;
}

static void
on_file(struct start *st, uint64_t id)
{
	struct qmsg *m = idtab_get(&st->s->msgs, id);

	st->nfiles++;
	if (id > st->last_id)
		st->last_id = id;
	if (m == NULL)
		add_waiting(st, id);
	else if (m->where == Q_MOVING)
		moved_file(st, m);
	else
		double_file(st, m);
}

static int
read_dir(struct start *st, const char *path, unsigned depth)
{
	int fd = disk->open(st->s->dirfd, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;
	uint64_t id;
	int r = 0;

	if (dir == NULL)
		return -1;
	while (r == 0 && (errno = 0, de = readdir(dir)) != NULL) {
		char sub[QMSG_PATH];

		if (de->d_name[0] == '.')
			continue;
		if (depth > 0) {
			if (queue_id_parse(de->d_name, &id) == 0)
				on_file(st, id);
		} else if (strlen(de->d_name) == 2) {
			snprintf(sub, sizeof(sub), "%s/%.2s", path, de->d_name);
			r = read_dir(st, sub, depth + 1);
		}
	}
	if (r == 0 && errno != 0)
		r = -1;
	closedir(dir);
	return r;
}

/* The new messages are in the log; the file of the one they come from must say
 * so before the log forgets it. */
static int
finish_acted(struct start *st, const struct start_acted *a)
{
	struct qtarget *t;
	struct qmsg *m;

	if (!waiting_has(&st->s->waiting, a->id) ||
	    (m = spool_load(st->s, a->id)) == NULL)
		return 0; /* gone, or in quarantine, or only in the log */
	t = qmsg_done_find(m, span_from(a->payload, a->len));
	if (t != NULL && t->state != T_DONE) {
		bool more = spool_deferred_done(st->s, m, t,
		    span_of("2.0.0 done"));

		if (!more)
			return 0;
		if (t->state != T_DONE || t->changed) {
			log_warnx("deferred-done id=%s", id_text(a->id));
			errno = EIO;
			return -1;
		}
	}
	idtab_remove(&st->s->msgs, m->id);
	qmsg_free(&m);
	return 0;
}

static int
finish_all_acted(struct start *st)
{
	const struct start_acted *a;

	for (a = st->acted; a != NULL; a = a->next)
		if (finish_acted(st, a) == -1)
			return -1;
	return 0;
}

/* ---- putting it together
 * ----------------------------------------------------- */

static bool
body_is_needed(void *arg, uint64_t id)
{
	struct start *st = arg;
	char path[QMSG_PATH];
	int fd;

	if (idtab_get(&st->s->msgs, id) != NULL ||
	    waiting_has(&st->s->waiting, id))
		return true;
	snprintf(path, sizeof(path), "quarantine/deferred-%s", id_text(id));
	if ((fd = disk->open(st->s->dirfd, path, O_RDONLY, 0)) == -1)
		return errno != ENOENT;
	disk->close(fd);
	return true;
}

/* Moved ones without a file were finished from there; done ones are done. */
static void
settle_log(struct spool *s)
{
	struct qmsg *m, *next;

	for (m = TAILQ_FIRST(&s->in_log); m != NULL; m = next) {
		next = TAILQ_NEXT(m, in_log);
		if (m->where == Q_LOG && m->nopen > 0) {
			for (unsigned i = 0; i < m->ntargets; i++)
				m->targets[i].again = true;
			continue;
		}
		if (m->where == Q_LOG && m->body_file)
			body_unlink(s->dirfd, m->id);
		drop(s, m);
	}
}

/* An id is never used twice, even when the log was lost or the clock went
 * back: a mailbox takes a second message with the same one for a repetition
 * of the first.  Time, and chance in the low bits. */
static int
first_id(struct start *st)
{
	uint32_t chance;

	if (getrandom(&chance, sizeof(chance), 0) == -1)
		return -1;
	st->s->next_id = (io_wall_s() * 1000) << 22 | (chance & 0x3fffff);
	if (st->s->next_id <= st->last_id)
		st->s->next_id = st->last_id + 1;
	if (st->s->next_id <= st->s->log->last_id)
		st->s->next_id = st->s->log->last_id + 1;
	st->s->log->last_id = st->s->next_id;
	return 0;
}

static int
finish_moves(struct start *st)
{
	if (st->ndoubles == 0)
		return 0;
	if (spool_flush(st->s, true) == -1)
		return -1;
	for (size_t i = 0; i < st->ndoubles; i++)
		if (deferred_unlink(st->s->dirfd, st->doubles[i]) == -1)
			return -1;
	/* No file of that name may come back and be taken for a finished
	 * move of a later attempt. */
	return disk->syncfs(st->s->dirfd);
}

int
spool_recover(struct spool *s, const struct qlog_conf *conf)
{
	struct start st = { .s = s };
	struct start_acted *a;
	int r = -1;

	s->log = qlog_open(s->dirfd, conf, &log_ops, &st);
	if (s->log == NULL)
		return -1;
	st.hints = waiting_load(s->dirfd, &st.nhints);
	if (disk_need_dir(s->dirfd, ".", "deferred") == -1 ||
	    read_dir(&st, "deferred", 0) == -1 || first_id(&st) == -1 ||
	    finish_moves(&st) == -1 || finish_all_acted(&st) == -1)
		goto out;
	settle_log(s);
	/* Damaged bytes may have held the record that needs a body. */
	if (s->log->ndamaged == 0)
		body_collect(s->dirfd, body_is_needed, &st);
	log_info("queue-read log=%llu deferred=%zu files-read=%u damaged=%llu",
	    (unsigned long long)s->nlog, s->waiting.n, st.nread,
	    (unsigned long long)s->log->ndamaged);
	r = 0;
out:
	while ((a = st.acted) != NULL) {
		st.acted = a->next;
		free(a);
	}
	free(st.hints);
	free(st.doubles);
	malloc_trim(0); /* the log's finished messages were all in memory */
	return r;
}

void
spool_start(struct spool *s)
{
	struct qmsg *m, *next;

	for (m = TAILQ_FIRST(&s->in_log); m != NULL; m = next) {
		next = TAILQ_NEXT(m, in_log);
		s->ops->ready(s->arg, m);
	}
}
