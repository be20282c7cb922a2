#include "config.h"
#include "queue/qlog.h"
#include "queue/disk.h"
#include "queue/qlog_scan.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define RETRY_MS 10000
#define BATCH_CEILING (4 * 1024 * 1024)
#define MIN_SEGMENTS 4

static void
seg_path(const struct seg *s, char out[static 32])
{
	snprintf(out, 32, "log/%s", s->name);
}

void
qlog_seg_free(struct seg *s)
{
	if (s->fd != -1)
		disk->close(s->fd);
	free(s);
}

/* ---- making and removing segments ----------------------------------- */

static bool
name_is_taken(struct qlog *q, const char *name)
{
	struct seg *s;

	TAILQ_FOREACH(s, &q->used, link)
		if (strcmp(s->name, name) == 0)
			return true;
	TAILQ_FOREACH(s, &q->blank, link)
		if (strcmp(s->name, name) == 0)
			return true;
	return false;
}

/* Zero-fill, so that later writes touch no metadata: one fdatasync is then
 * one write to the disk and no journal transaction. */
static int
seg_fill(int fd, uint64_t size)
{
	struct seg_head head = { .generation = 0, .size = size };
	unsigned char *zero = calloc(1, 1 << 20);
	int r = 0;

	if (zero == NULL)
		return -1;
	for (uint64_t off = 0; r == 0 && off < size; off += 1 << 20)
		r = disk_pwrite_all(fd, zero,
		    size - off < 1 << 20 ? size - off : 1 << 20, (off_t)off);
	if (r == 0) {
		seg_head_put(zero, &head);
		r = disk_pwrite_all(fd, zero, SEG_HEADER, 0);
	}
	free(zero);
	return r == -1 ? -1 : disk->sync(fd);
}

/* Under another name until it is whole: NAME.seg is always a segment. */
static int
seg_make(struct qlog *q)
{
	struct seg *s = calloc(1, sizeof(*s));
	char path[32], fresh[32];
	int saved;

	if (s == NULL)
		return -1;
	for (unsigned i = 0; i == 0 || name_is_taken(q, s->name); i++)
		snprintf(s->name, sizeof(s->name), "%04u.seg", i);
	seg_path(s, path);
	snprintf(fresh, sizeof(fresh), "log/fresh");
	s->head.size = q->seg_size;
	s->end = SEG_HEADER;
	s->fd = disk->open(q->dirfd, fresh, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (s->fd == -1 || seg_fill(s->fd, q->seg_size) == -1 ||
	    disk->rename(q->dirfd, fresh, path) == -1 ||
	    disk_sync_dir(q->dirfd, "log") == -1) {
		saved = errno;
		disk->unlink(q->dirfd, fresh);
		qlog_seg_free(s);
		errno = saved;
		return -1;
	}
	TAILQ_INSERT_TAIL(&q->blank, s, link);
	q->nsegs++;
	return 0;
}

static bool
seg_is_done(const struct qlog *q, const struct seg *s)
{
	return s != q->active && s->live == 0;
}

/* The directory is synced before anything newer is used again: a segment that
 * came back after a crash would bring back mail whose "done" is gone. */
static int
seg_remove(struct qlog *q, struct seg_list *from, struct seg *s)
{
	char path[32];

	seg_path(s, path);
	if (disk->unlink(q->dirfd, path) == -1 && errno != ENOENT)
		return -1;
	if (disk_sync_dir(q->dirfd, "log") == -1)
		return -1;
	log_info("log-segment-removed name=%s", s->name);
	TAILQ_REMOVE(from, s, link);
	if (q->last_seg == s)
		q->last_seg = NULL;
	if (!s->failed && !s->odd_size)
		q->nsegs--;
	qlog_seg_free(s);
	return 0;
}

void
qlog_tend(struct qlog *q, uint64_t now_ms)
{
	struct seg *s;

	if (now_ms < q->retry_ms)
		return;
	while ((s = TAILQ_FIRST(&q->used)) != NULL && seg_is_done(q, s) &&
	    (s->failed || s->odd_size || q->nsegs > q->want)) {
		if (seg_remove(q, &q->used, s) == -1)
			goto later;
	}
	while (q->nsegs > q->want && (s = TAILQ_FIRST(&q->blank)) != NULL)
		if (seg_remove(q, &q->blank, s) == -1)
			goto later;
	while (q->nsegs < q->want)
		if (seg_make(q) == -1)
			goto later;
	return;
later:
	log_warn("log-segments have=%u want=%u", q->nsegs, q->want);
	q->retry_ms = now_ms + RETRY_MS;
}

static void
seg_fail(struct qlog *q, struct seg *s)
{
	log_warn("log-segment-failed name=%s (given up)", s->name);
	s->failed = true;
	q->nfailed++;
	q->nsegs--;
	if (q->active == s)
		q->active = NULL;
}

/* ---- start ------------------------------------------------------------ */

struct qlog *
qlog_open(int dirfd, const struct qlog_conf *conf, const struct qlog_ops *ops,
    void *arg)
{
	struct qlog *q = calloc(1, sizeof(*q));
	struct seg *s;
	int saved;

	if (q == NULL)
		return NULL;
	q->dirfd = dirfd;
	TAILQ_INIT(&q->used);
	TAILQ_INIT(&q->blank);
	q->seg_size = conf->segment_size;
	if (q->seg_size > conf->log_size / MIN_SEGMENTS)
		q->seg_size = conf->log_size / MIN_SEGMENTS;
	if (q->seg_size < conf->log_size / QLOG_SEGMENTS_MAX)
		q->seg_size = conf->log_size / QLOG_SEGMENTS_MAX;
	q->seg_size = q->seg_size / BLOCK * BLOCK;
	q->want = (unsigned)(conf->log_size / q->seg_size);
	buf_init(&q->batch, BATCH_CEILING);
	if (disk_need_dir(dirfd, ".", "log") == -1 ||
	    qlog_load(q, ops, arg) == -1)
		goto fail;
	/* Go on where the newest segment ends. */
	s = TAILQ_LAST(&q->used, seg_list);
	if (s != NULL && !s->odd_size && !s->failed && s->end < s->head.size)
		q->active = s;
	qlog_tend(q, io_now_ms());
	return q;
fail:
	saved = errno;
	qlog_close(&q);
	errno = saved;
	return NULL;
}

void
qlog_close(struct qlog **qp)
{
	struct qlog *q = *qp;
	struct seg *s;

	if (q == NULL)
		return;
	while ((s = TAILQ_FIRST(&q->used)) != NULL) {
		TAILQ_REMOVE(&q->used, s, link);
		qlog_seg_free(s);
	}
	while ((s = TAILQ_FIRST(&q->blank)) != NULL) {
		TAILQ_REMOVE(&q->blank, s, link);
		qlog_seg_free(s);
	}
	buf_clear(&q->batch);
	free(q);
	*qp = NULL;
}

/* ---- room --------------------------------------------------------------- */

/* Segments that can be taken now, in their order. */
static unsigned
free_segs(struct qlog *q)
{
	struct seg *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &q->blank, link)
		n++;
	TAILQ_FOREACH(s, &q->used, link) {
		if (!seg_is_done(q, s))
			break;
		if (!s->failed && !s->odd_size)
			n++;
	}
	return n;
}

static uint64_t
active_room(const struct qlog *q)
{
	return q->active == NULL ? 0 : q->active->head.size - q->active->end;
}

bool
qlog_has_room(struct qlog *q, size_t n)
{
	unsigned segs = free_segs(q);

	n += q->batch.len + REC_HEADER + BATCH_HEADER + BLOCK;
	if (n > q->seg_size - SEG_HEADER)
		return false;
	return segs > 1 || (segs == 1 && n <= active_room(q));
}

unsigned
qlog_percent(struct qlog *q)
{
	uint64_t all = (uint64_t)q->want * q->seg_size, left;

	left = free_segs(q) * q->seg_size + active_room(q);
	return left >= all ? 0 : (unsigned)(100 - left * 100 / all);
}

void
qlog_hold(struct seg *s)
{
	s->live++;
}

void
qlog_release(struct qlog *q, struct seg *s)
{
	(void)q;
	if (s->live == 0)
		fatalx("bug log segment released twice name=%s", s->name);
	s->live--;
}

/* ---- writing --------------------------------------------------------------
 */

struct buf *
qlog_batch(struct qlog *q)
{
	return &q->batch;
}

bool
qlog_is_empty(const struct qlog *q)
{
	return q->batch.len == 0;
}

size_t
qlog_rec_begin(struct qlog *q, enum rec_type type, uint64_t id)
{
	if (q->batch.len == 0) {
		q->last_seg = NULL;
		batch_begin(&q->batch);
	}
	return rec_begin(&q->batch, type, id);
}

void
qlog_rec_end(struct qlog *q, size_t at)
{
	rec_end(&q->batch, at);
}

void
qlog_forget_batch(struct qlog *q)
{
	if (q->batch.cap > 2 * QLOG_BATCH_MAX) {
		q->last_seg = NULL;
		buf_clear(&q->batch);
	}
	buf_reset(&q->batch);
}

const void *
qlog_recent(const struct qlog *q, const struct seg *s, uint64_t off, size_t len)
{
	if (s != q->last_seg || off < q->last_off ||
	    off - q->last_off + len > q->last_len)
		return NULL;
	return q->batch.data + (off - q->last_off);
}

/* Take the next segment.  Its new header is durable before its first batch,
 * else batches of its last use would count after a crash. */
static int
seg_next(struct qlog *q)
{
	unsigned char block[SEG_HEADER];
	struct seg_head head;
	struct seg *s;
	bool was_used;

	qlog_tend(q, io_now_ms());
	for (;;) {
		was_used = TAILQ_EMPTY(&q->blank);
		s = was_used ? TAILQ_FIRST(&q->used) : TAILQ_FIRST(&q->blank);
		if (s == NULL ||
		    (was_used &&
		        (!seg_is_done(q, s) || s->failed || s->odd_size))) {
			errno = ENOSPC;
			return -1;
		}
		head = (struct seg_head){ .generation = q->generation + 1,
			.size = s->head.size };
		if (getrandom(&head.salt, sizeof(head.salt), 0) == -1)
			return -1;
		seg_head_put(block, &head);
		TAILQ_REMOVE(was_used ? &q->used : &q->blank, s, link);
		if (disk_pwrite_all(s->fd, block, sizeof(block), 0) == 0 &&
		    disk->datasync(s->fd) == 0)
			break;
		/* Its header is the old or the new one, who knows.  It goes
		 * before anything else is used again: the "done" of the mail
		 * in it stands in newer segments. */
		TAILQ_INSERT_HEAD(&q->used, s, link);
		seg_fail(q, s);
		if (seg_remove(q, &q->used, s) == -1)
			return -1;
	}
	TAILQ_INSERT_TAIL(&q->used, s, link);
	q->generation++;
	s->head = head;
	s->end = SEG_HEADER;
	q->nrecycled += was_used;
	q->active = s;
	return 0;
}

int
qlog_write(struct qlog *q, struct seg **seg_out, uint64_t *off_out)
{
	struct batch_head head = {
		.seq = q->seq + 1, .synced = q->synced, .last_id = q->last_id
	};
	uint64_t n = (q->batch.len + BLOCK - 1) / BLOCK * BLOCK;
	struct seg *s;

	if (n > active_room(q)) {
		/* What is in the old one is to be durable before it loses
		 * its place as the one that is synced. */
		if (q->active != NULL && qlog_sync(q) == -1) {
			qlog_forget_batch(q);
			return -1;
		}
		if (seg_next(q) == -1)
			return -1;
	}
	s = q->active;
	batch_seal(&q->batch, &s->head, &head);
	if (buf_error(&q->batch) != 0) {
		errno = buf_error(&q->batch);
		qlog_forget_batch(q);
		return -1;
	}
	if (disk_pwrite_all(s->fd, q->batch.data, q->batch.len,
	        (off_t)s->end) == -1) {
		seg_fail(q, s);
		qlog_forget_batch(q);
		errno = EIO;
		return -1;
	}
	*seg_out = q->last_seg = s;
	*off_out = q->last_off = s->end;
	q->last_len = q->batch.len;
	s->end += q->batch.len;
	q->seq++;
	q->nbatches++;
	qlog_forget_batch(q);
	return 0;
}

int
qlog_sync(struct qlog *q)
{
	if (q->synced == q->seq)
		return 0;
	if (q->active == NULL) {
		errno = EIO;
		return -1;
	}
	q->nsyncs++;
	if (disk->datasync(q->active->fd) == -1) {
		seg_fail(q, q->active);
		/* Its batches are written off; nothing waits for them. */
		q->synced = q->seq;
		errno = EIO;
		return -1;
	}
	q->synced = q->seq;
	return 0;
}
