#include "config.h"
#include "queue/body.h"
#include "queue/deferred.h"
#include "queue/disk.h"
#include "queue/spool_start.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <stdio.h>

static const char *
id_text(uint64_t id)
{
	static char text[QUEUE_ID_TEXT];

	queue_id_text(id, text);
	return text;
}

struct qmsg *
spool_find(struct spool *s, uint64_t id)
{
	return idtab_get(&s->msgs, id);
}

void
spool_quarantine(struct spool *s, uint64_t id)
{
	char from[QMSG_PATH], to[QMSG_PATH];

	qmsg_path("deferred", id, from);
	snprintf(to, sizeof(to), "quarantine/deferred-%s", id_text(id));
	if (disk_need_dir(s->dirfd, ".", "quarantine") == 0 &&
	    disk->rename(s->dirfd, from, to) == 0) {
		disk_sync_dir(s->dirfd, "quarantine");
		s->quarantined++;
		log_warnx("deferred-damaged id=%s kept=%s", id_text(id), to);
	} else {
		log_warn("deferred-damaged id=%s", id_text(id));
	}
}

struct qmsg *
spool_peek(struct spool *s, uint64_t id)
{
	return deferred_read(s->dirfd, id);
}

struct qmsg *
spool_load(struct spool *s, uint64_t id)
{
	struct qmsg *m = deferred_read(s->dirfd, id);

	if (m == NULL) {
		if (errno == EBADMSG) {
			spool_quarantine(s, id);
			errno = EBADMSG;
		}
		return NULL;
	}
	if (m->nopen == 0) {
		/* Only its removal was lost. */
		if (deferred_unlink(s->dirfd, id) == 0)
			spool_remove_body(s, m);
		qmsg_free(&m);
		errno = ENOENT;
		return NULL;
	}
	idtab_put(&s->msgs, id, m);
	return m;
}

int
spool_body_read(struct spool *s, const struct qmsg *m, void *dst)
{
	const void *recent = m->seg == NULL
	    ? NULL
	    : qlog_recent(s->log, m->seg, m->body_at, m->body_bytes);
	int fd, r;

	if (recent != NULL) {
		memcpy(dst, recent, m->body_bytes);
		return 0;
	}
	fd = m->seg != NULL ? m->seg->fd : deferred_open(s->dirfd, m->id);
	if (fd == -1)
		return -1;
	r = io_pread_all(fd, dst, m->body_bytes, (off_t)m->body_at);
	if (m->seg == NULL) {
		int saved = errno;

		disk->close(fd);
		errno = saved;
	}
	if (r == 0 && io_crc32c(0, dst, m->body_bytes) != m->body_crc) {
		log_warnx("body-damaged id=%s", id_text(m->id));
		errno = EBADMSG;
		return -1;
	}
	return r;
}

int
spool_body_fd(struct spool *s, const struct qmsg *m)
{
	return body_open(s->dirfd, m->id);
}
