#include "config.h"
#include "queue/deferred.h"
#include "queue/disk.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FIRST_READ (16 * 1024)
#define SYNC_EACH_MAX 8 /* more files than this: one syncfs() */

static int
need_dir(int dirfd, uint64_t id)
{
	char dir[QMSG_PATH];

	qmsg_dir("deferred", id, dir);
	if (disk_need_dir(dirfd, "deferred", dir) == 0)
		return 0;
	if (errno != ENOENT || disk_need_dir(dirfd, ".", "deferred") == -1)
		return -1;
	return disk_need_dir(dirfd, "deferred", dir);
}

int
deferred_write(int dirfd, const struct qmsg *m, struct span body,
    uint64_t now_s)
{
	char path[QMSG_PATH];
	struct buf b;
	int fd = -1, r = -1, saved;

	buf_init(&b, DEFERRED_HEAD_MAX + BODY_INLINE_MAX + DEFERRED_LINES_MAX);
	deferred_head_put(&b, m);
	buf_put_span(&b, body);
	buf_putc(&b, '\n');
	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];

		if (t->twin)
			continue;
		if (t->state == T_DONE)
			deferred_put_target(&b, now_s, t, true, span_of(""));
		else if (t->status != NULL)
			deferred_put_target(&b, now_s, t, false,
			    span_of(t->status));
	}
	deferred_put_attempt(&b, now_s, m);
	if ((errno = buf_error(&b)) != 0 || need_dir(dirfd, m->id) == -1)
		goto out;
	qmsg_path("deferred", m->id, path);
	/* A file of this name can only be what a crash before "moved" left;
	 * the log still has the message. */
	fd = disk->open(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1)
		goto out;
	r = disk_pwrite_all(fd, b.data, b.len, 0);
	saved = errno;
	disk->close(fd);
	if (r == -1)
		disk->unlink(dirfd, path);
	errno = saved;
out:
	saved = errno;
	buf_clear(&b);
	errno = saved;
	return r;
}

static int
sync_one(int dirfd, uint64_t id)
{
	char path[QMSG_PATH];
	int fd, r, saved;

	qmsg_path("deferred", id, path);
	if ((fd = disk->open(dirfd, path, O_RDONLY, 0)) == -1)
		return -1;
	r = disk->sync(fd);
	saved = errno;
	disk->close(fd);
	errno = saved;
	if (r == -1)
		return -1;
	qmsg_dir("deferred", id, path);
	return disk_sync_dir(dirfd, path);
}

int
deferred_sync(int dirfd, struct qmsg *const *m, size_t n)
{
	if (n > SYNC_EACH_MAX)
		return disk->syncfs(dirfd);
	for (size_t i = 0; i < n; i++)
		if (sync_one(dirfd, m[i]->id) == -1)
			return -1;
	return 0;
}

int
deferred_open(int dirfd, uint64_t id)
{
	char path[QMSG_PATH];

	qmsg_path("deferred", id, path);
	return disk->open(dirfd, path, O_RDONLY, 0);
}

/* The header: first a little, then all that may be one. */
static struct qmsg *
read_head(int fd, uint64_t size, struct buf *b)
{
	size_t want = FIRST_READ, head;
	struct qmsg *m;

	for (;; want *= 8) {
		if (want > size)
			want = size;
		buf_reset(b);
		if (buf_reserve(b, want) == NULL)
			return NULL;
		if (io_pread_all(fd, b->data, want, 0) == -1)
			return NULL;
		buf_commit(b, want);
		m = deferred_head_get(buf_span(b), &head);
		if (m != NULL) {
			m->file_end = head;
			return m;
		}
		if (errno != EAGAIN)
			return NULL;
		if (want == size || want >= DEFERRED_HEAD_MAX) {
			errno = EBADMSG;
			return NULL;
		}
	}
}

static int
read_lines(int fd, uint64_t size, struct buf *b, struct qmsg *m)
{
	/* An inline body, and the LF after either kind. */
	uint64_t at = m->file_end + (m->body_file ? 0 : m->body_bytes) + 1;
	unsigned bad;
	size_t n;

	m->file_end = at;
	if (at > size || size - at > DEFERRED_LINES_MAX) {
		errno = EBADMSG;
		return -1;
	}
	n = (size_t)(size - at);
	buf_reset(b);
	if (buf_reserve(b, n + 1) == NULL ||
	    io_pread_all(fd, b->data, n, (off_t)at) == -1)
		return -1;
	buf_commit(b, n);
	m->file_end += deferred_lines_get(buf_span(b), m, &bad);
	if (bad > 0) {
		char id[QUEUE_ID_TEXT];

		queue_id_text(m->id, id);
		log_warnx("deferred-damaged id=%s lines=%u", id, bad);
	}
	return 0;
}

struct qmsg *
deferred_read(int dirfd, uint64_t id)
{
	int fd = deferred_open(dirfd, id), saved;
	struct qmsg *m = NULL;
	struct stat st;
	struct buf b;

	if (fd == -1)
		return NULL;
	buf_init(&b, DEFERRED_HEAD_MAX + DEFERRED_LINES_MAX);
	if (fstat(fd, &st) == 0)
		m = read_head(fd, (uint64_t)st.st_size, &b);
	if (m != NULL &&
	    (m->id != id ||
	        read_lines(fd, (uint64_t)st.st_size, &b, m) == -1)) {
		qmsg_free(&m);
		errno = EBADMSG;
	}
	saved = errno;
	buf_clear(&b);
	disk->close(fd);
	errno = saved;
	if (m != NULL) {
		m->where = Q_DEFERRED;
		for (unsigned i = 0; i < m->ntargets; i++)
			m->targets[i].again = true;
	}
	return m;
}

int
deferred_append(int dirfd, struct qmsg *m, struct span lines, bool sync)
{
	char path[QMSG_PATH];
	int fd, r, saved;

	qmsg_path("deferred", m->id, path);
	if ((fd = disk->open(dirfd, path, O_WRONLY, 0)) == -1)
		return -1;
	/* What a torn write left behind goes first. */
	r = disk->truncate(fd, (off_t)m->file_end);
	if (r == 0)
		r = disk_pwrite_all(fd, lines.data, lines.len,
		    (off_t)m->file_end);
	if (r == 0 && sync)
		r = disk->datasync(fd);
	saved = errno;
	if (r == 0)
		m->file_end += lines.len;
	disk->close(fd);
	errno = saved;
	return r;
}

int
deferred_unlink(int dirfd, uint64_t id)
{
	char path[QMSG_PATH];

	qmsg_path("deferred", id, path);
	return disk->unlink(dirfd, path);
}
