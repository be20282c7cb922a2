#include "config.h"
#include "queue/qlog_scan.h"
#include "queue/disk.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BATCH (4 * 1024 * 1024)

struct load {
	struct qlog *q;
	const struct qlog_ops *ops;
	void *arg;
	struct seg *seg;
	struct span image; /* of seg */
};

bool
quarantine_keep(int dirfd, const char *name, struct span bytes)
{
	char path[96];
	int fd, r;

	snprintf(path, sizeof(path), "quarantine/%s", name);
	if (disk_need_dir(dirfd, ".", "quarantine") == -1)
		goto fail;
	fd = disk->open(dirfd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 && errno == EEXIST)
		return false;
	if (fd == -1)
		goto fail;
	r = disk_pwrite_all(fd, bytes.data, bytes.len, 0);
	if (r == 0)
		r = disk->sync(fd);
	disk->close(fd);
	if (r == 0 && disk_sync_dir(dirfd, "quarantine") == 0)
		return true;
	disk->unlink(dirfd, path);
fail:
	log_warn("quarantine name=%s bytes=%zu (could not be kept)", name,
	    bytes.len);
	return false;
}

static void
on_salvaged(void *arg, const struct rec *r)
{
	struct load *l = arg;

	/* State records of a batch that is not whole do not count: at worst
	 * something is done again.  Mail does. */
	if (r->type == REC_MESSAGE || r->type == REC_EXPAND)
		l->ops->record(l->arg, l->seg, r, true);
}

static void
damaged(struct load *l, size_t off, size_t len, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "log-%llu-%zu",
	    (unsigned long long)l->seg->head.generation, off);
	if (quarantine_keep(l->q->dirfd, name, span_sub(l->image, off, len)))
		log_warnx("log-damaged segment=%s offset=%zu bytes=%zu "
		          "reason=%s kept=quarantine/%s",
		    l->seg->name, off, len, what, name);
	l->q->ndamaged++;
	seg_salvage(l->image, &l->seg->head, off, len, on_salvaged, l);
}

/* Something is missing between the last batch seen and this one; was it
 * durable once?  If not it is only what a power cut left of the last writes,
 * which nobody was told of. */
static bool
was_durable(const struct load *l, const struct batch_head *next)
{
	if (l->q->seq == 0) /* what was before is not there any more */
		return next->synced + 1 >= next->seq;
	return next->synced > l->q->seq && next->seq > l->q->seq + 1;
}

static void
on_hole(void *arg, size_t off, size_t len, const struct batch_head *next)
{
	struct load *l = arg;

	if (was_durable(l, next))
		damaged(l, off, len, "checksum");
	else
		log_info("log-torn segment=%s offset=%zu bytes=%zu",
		    l->seg->name, off, len);
}

static void
on_batch(void *arg, size_t off, const struct batch_head *head)
{
	struct load *l = arg;

	(void)off;
	if (head->seq > l->q->seq)
		l->q->seq = head->seq;
	if (head->last_id > l->q->last_id)
		l->q->last_id = head->last_id;
}

static void
on_record(void *arg, const struct rec *r)
{
	struct load *l = arg;

	l->ops->record(l->arg, l->seg, r, false);
}

static void
ignore_hole(void *arg, size_t off, size_t len, const struct batch_head *next)
{
	(void)arg;
	(void)off;
	(void)len;
	(void)next;
}

static void
ignore_record(void *arg, const struct rec *r)
{
	(void)arg;
	(void)r;
}

static void
first_batch(void *arg, size_t off, const struct batch_head *head)
{
	struct batch_head *first = arg;

	(void)off;
	if (first->seq == 0)
		*first = *head;
}

/* The first n bytes of a segment in memory; the caller frees them.  Blocks the
 * disk cannot read are zeros: the scan sees them as damage. */
static unsigned char *
seg_image(const struct seg *s, size_t n)
{
	unsigned char *p = malloc(n);
	size_t bad = 0;

	if (p == NULL || io_pread_all(s->fd, p, n, 0) == 0)
		return p;
	for (size_t off = 0; off < n; off += BLOCK) {
		size_t some = n - off < BLOCK ? n - off : BLOCK;

		if (io_pread_all(s->fd, p + off, some, (off_t)off) == -1) {
			memset(p + off, 0, some);
			bad++;
		}
	}
	log_warnx("log-unreadable segment=%s blocks=%zu", s->name, bad);
	return p;
}

/* Does the next segment show that this one's end was durable and is gone? */
static void
check_tail(struct load *l, size_t end)
{
	static const struct scan_ops ops = { .record = ignore_record,
		.batch = first_batch,
		.hole = ignore_hole };
	struct seg *next = TAILQ_NEXT(l->seg, link);
	struct batch_head first = { .seq = 0 };
	unsigned char *image;
	size_t n;

	if (next == NULL)
		return;
	/* Its first batch is in here, unless that is damaged too. */
	n = next->head.size < FIRST_BATCH ? next->head.size : FIRST_BATCH;
	if (end >= l->image.len || (image = seg_image(next, n)) == NULL)
		return;
	seg_scan(span_from(image, n), &next->head, &ops, &first);
	free(image);
	if (first.seq != 0 && was_durable(l, &first))
		damaged(l, end, l->image.len - end, "end is missing");
}

static int
load_segment(struct load *l, struct seg *s)
{
	static const struct scan_ops ops = {
		.record = on_record, .batch = on_batch, .hole = on_hole
	};
	unsigned char *image = seg_image(s, s->head.size);

	if (image == NULL)
		return -1;
	l->seg = s;
	l->image = span_from(image, s->head.size);
	s->end = seg_scan(l->image, &s->head, &ops, l);
	check_tail(l, s->end);
	free(image);
	return 0;
}

/* Put a segment in its place by its header. */
static void
sort_in(struct qlog *q, struct seg *s)
{
	struct seg *at;

	if (s->head.generation == 0) {
		TAILQ_INSERT_TAIL(&q->blank, s, link);
		return;
	}
	if (s->head.generation > q->generation)
		q->generation = s->head.generation;
	TAILQ_FOREACH(at, &q->used, link) {
		if (at->head.generation > s->head.generation) {
			TAILQ_INSERT_BEFORE(at, s, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&q->used, s, link);
}

static int
bad_header(struct qlog *q, struct seg *s)
{
	unsigned char *image = seg_image(s, s->head.size);
	char name[64];

	if (image == NULL)
		return -1;
	snprintf(name, sizeof(name), "log-header-%s", s->name);
	if (quarantine_keep(q->dirfd, name, span_from(image, s->head.size)))
		log_warnx("log-damaged segment=%s reason=header "
		          "kept=quarantine/%s",
		    s->name, name);
	q->ndamaged++;
	if (seg_guess_head(span_from(image, s->head.size), &s->head) == -1)
		s->head.generation = 0;
	else
		s->odd_size = true; /* do not write on with this header */
	free(image);
	return 0;
}

static int
open_segment(struct qlog *q, const char *name)
{
	struct seg *s = calloc(1, sizeof(*s));
	unsigned char block[SEG_HEADER];
	char path[32];
	struct stat st;
	int saved;

	if (s == NULL)
		return -1;
	snprintf(s->name, sizeof(s->name), "%s", name);
	snprintf(path, sizeof(path), "log/%s", s->name);
	s->end = SEG_HEADER;
	s->fd = disk->open(q->dirfd, path, O_RDWR, 0);
	if (s->fd == -1 || fstat(s->fd, &st) == -1)
		goto fail;
	if (st.st_size < SEG_HEADER) {
		log_warnx("log-segment-short name=%s", name);
		s->head.size = SEG_HEADER;
	} else {
		s->head.size = (uint64_t)st.st_size;
		if (io_pread_all(s->fd, block, sizeof(block), 0) == -1)
			goto fail;
		if (seg_head_get(block, &s->head) == -1 ||
		    s->head.size != (uint64_t)st.st_size) {
			s->head.size = (uint64_t)st.st_size;
			if (bad_header(q, s) == -1)
				goto fail;
		}
	}
	if (s->head.size != q->seg_size)
		s->odd_size = true;
	if (s->odd_size && s->head.generation == 0) {
		/* Nothing is in it, and it is of no use. */
		disk->unlink(q->dirfd, path);
		qlog_seg_free(s);
		return 0;
	}
	if (!s->odd_size)
		q->nsegs++;
	sort_in(q, s);
	return 0;
fail:
	saved = errno;
	qlog_seg_free(s);
	errno = saved;
	return -1;
}

static bool
is_segment_name(const char *name)
{
	return strlen(name) == 8 && strspn(name, "0123456789") == 4 &&
	    strcmp(name + 4, ".seg") == 0;
}

static int
open_segments(struct qlog *q)
{
	int fd = disk->open(q->dirfd, "log", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (dir == NULL)
		return -1;
	while (r == 0 && (de = readdir(dir)) != NULL) {
		if (is_segment_name(de->d_name))
			r = open_segment(q, de->d_name);
		else if (strcmp(de->d_name, "fresh") == 0)
			disk->unlink(q->dirfd, "log/fresh");
	}
	closedir(dir);
	return r;
}

int
qlog_load(struct qlog *q, const struct qlog_ops *ops, void *arg)
{
	struct load l = { .q = q, .ops = ops, .arg = arg };
	uint64_t before = 0;
	struct seg *s;

	/* What is only in the page cache (we were killed, the machine was
	 * not) must not be acted on and then lost. */
	if (disk->syncfs(q->dirfd) == -1 || open_segments(q) == -1)
		return -1;
	TAILQ_FOREACH(s, &q->used, link) {
		if (before != 0 && s->head.generation > before + 1)
			log_info("log-generation-gap from=%llu to=%llu",
			    (unsigned long long)before,
			    (unsigned long long)s->head.generation);
		before = s->head.generation;
		if (load_segment(&l, s) == -1)
			return -1;
	}
	q->synced = q->seq;
	return 0;
}
