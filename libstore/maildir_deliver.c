#include "config.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"
#include "libcommon/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64 * 1024)
#define DIRS_MS 1000 /* how long tmp/ and new/ are kept open */

void
maildir_forget_dirs(struct maildir *m)
{
	for (size_t i = 0; i < nitems(m->to); i++) {
		int saved = errno;

		if (m->to[i] != -1)
			store_sys.close(m->to[i]);
		m->to[i] = -1;
		errno = saved;
	}
}

/*
 * tmp/ and new/, opened once for the deliveries of a moment.  Their owner may
 * put other folders there meanwhile; one that was removed says ENOENT.
 */
static int
maildir_dirs(struct maildir *m)
{
	uint64_t now = io_now_ms();

	if (m->to[0] != -1 && m->to[1] != -1 && now - m->to_ms < DIRS_MS)
		return 0;
	maildir_forget_dirs(m);
	m->to_ms = now;
	if ((m->to[0] = maildir_dir(m->f.home, "tmp", O_PATH)) != -1 &&
	    (m->to[1] = maildir_dir(m->f.home, "new", O_PATH)) != -1)
		return 0;
	maildir_forget_dirs(m);
	return -1;
}

/* A new file in tmp/.  The same name there is what an attempt that did not
 * finish left behind: one worker a mailbox works at a time. */
static int
tmp_create(int tmp, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL;
	int fd = store_sys.open(tmp, name, flags, 0600);

	if (fd == -1 && errno == EEXIST && store_sys.unlink(tmp, name) == 0)
		fd = store_sys.open(tmp, name, flags, 0600);
	return fd;
}

struct writer {
	int fd;
	struct to_lf lf;
	struct octets octets;
	uint64_t bytes;
	unsigned char *out; /* CHUNK + 1 bytes, or the whole message */
	size_t n;
};

static int
writer_flush(struct writer *w)
{
	if (w->n > 0 && store_write_all(w->fd, w->out, w->n) == -1)
		return -1;
	octets_add(&w->octets, w->out, w->n);
	w->bytes += w->n;
	w->n = 0;
	return 0;
}

static int
write_headers(struct writer *w, const struct store_incoming *in)
{
	static const char rp[] = "Return-Path: <", dt[] = ">\nDelivered-To: ";
	struct buf b;
	int r = 0;

	buf_init(&b, 4096);
	buf_puts(&b, rp);
	buf_put_span(&b, in->reverse_path);
	buf_puts(&b, dt);
	buf_put_span(&b, in->recipient);
	buf_putc(&b, '\n');
	if (buf_error(&b) != 0) {
		errno = buf_error(&b);
		r = -1;
	} else {
		memcpy(w->out, b.data, b.len);
		w->n = b.len;
		w->n += to_lf(&w->lf, in->prefix.data, in->prefix.len,
		    w->out + w->n);
	}
	buf_clear(&b);
	return r;
}

/* A small body: one write. */
static int
write_inline(struct writer *w, const struct store_incoming *in)
{
	w->n += to_lf(&w->lf, in->body.data, in->body.len, w->out + w->n);
	w->n += to_lf_end(&w->lf, w->out + w->n);
	return writer_flush(w);
}

/* Exactly body_bytes; a shorter file is an error, a longer one too. */
static int
write_from_fd(struct writer *w, const struct store_incoming *in)
{
	unsigned char *chunk;
	uint64_t at = 0;
	struct stat st;
	int r = -1;

	if (fstat(in->body_fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != in->body_bytes) {
		errno = EBADMSG;
		return -1;
	}
	if ((chunk = malloc(CHUNK)) == NULL)
		return -1;
	while (at < in->body_bytes) {
		size_t want = in->body_bytes - at < CHUNK
		    ? (size_t)(in->body_bytes - at)
		    : CHUNK;
		ssize_t n = store_sys.pread(in->body_fd, chunk, want,
		    (off_t)at);

		if (n == 0)
			errno = EIO;
		if (n <= 0 || writer_flush(w) == -1)
			goto out;
		w->n = to_lf(&w->lf, chunk, (size_t)n, w->out);
		at += (uint64_t)n;
	}
	if (writer_flush(w) == 0) {
		w->n = to_lf_end(&w->lf, w->out);
		r = writer_flush(w);
	}
out:
	free(chunk);
	return r;
}

static int
write_message(int fd, const struct store_incoming *in, struct writer *w)
{
	size_t room = 4096 + in->prefix.len + 2 +
	    (in->body_fd == -1 ? in->body.len : CHUNK);
	int r, saved;

	*w = (struct writer){ .fd = fd };
	if ((w->out = malloc(room)) == NULL)
		return -1;
	r = write_headers(w, in);
	if (r == 0)
		r = in->body_fd == -1 ? write_inline(w, in)
		                      : write_from_fd(w, in);
	saved = errno;
	free(w->out);
	w->out = NULL;
	errno = saved;
	return r;
}

static int
draft_create(struct maildir *m, const char *name)
{
	int fd;

	if (maildir_dirs(m) == -1 || (fd = tmp_create(m->to[0], name)) == -1) {
		if (errno != ENOENT)
			return -1;
		/* Folders are missing, or were replaced. */
		maildir_forget_dirs(m);
		if (maildir_make(m->f.home) == -1 || maildir_dirs(m) == -1)
			return -1;
		fd = tmp_create(m->to[0], name);
	}
	return fd;
}

int
maildir_write(struct folder *f, const struct store_incoming *in,
    struct store_draft *out)
{
	struct maildir *m = (struct maildir *)f;
	struct writer w;
	int fd, r, saved;

	out->queue_id = in->queue_id;
	maildir_name_tmp(out->tmp, in->arrived_s, in->queue_id, m->host);
	if ((fd = draft_create(m, out->tmp)) == -1)
		return -1;
	r = write_message(fd, in, &w);
	if (r == 0 && in->sync)
		r = store_sys.sync(fd);
	saved = errno;
	if (store_sys.close(fd) == -1 && r == 0) {
		saved = errno;
		r = -1;
	}
	if (r == -1) {
		store_sys.unlink(m->to[0], out->tmp);
		errno = saved;
		return -1;
	}
	out->bytes = w.bytes;
	maildir_name_final(out->name, out->tmp, w.bytes,
	    octets_total(&w.octets));
	return 0;
}

void
maildir_look(struct folder *f)
{
	maildir_forget_dirs((struct maildir *)f);
}

int
maildir_publish(struct folder *f, const struct store_draft *d)
{
	struct maildir *m = (struct maildir *)f;
	int r;

	if (maildir_dirs(m) == -1)
		return -1;
	r = store_sys.rename_new(m->to[0], d->tmp, m->to[1], d->name);
	if (r == -1 && errno == EEXIST) {
		store_sys.unlink(m->to[0], d->tmp);
		errno = EEXIST;
	} else if (r == -1) {
		maildir_forget_dirs(m);
	}
	/* Without memory for it we look again when asked. */
	if (r == 0 && idset_add(&m->ids, d->queue_id) == -1)
		m->ids_read = false;
	return r;
}

void
maildir_discard(struct folder *f, const struct store_draft *d)
{
	struct maildir *m = (struct maildir *)f;

	if (maildir_dirs(m) == 0)
		store_sys.unlink(m->to[0], d->tmp);
}

/* ---- delivered before? ------------------------------------------------- */

static int
ids_add(void *arg, const char *name, unsigned char type)
{
	struct maildir *m = arg;
	uint64_t id;

	(void)type;
	if (maildir_name_queue_id(name, &id) == -1)
		return 0;
	return idset_add(&m->ids, id);
}

struct leftover {
	struct maildir *m;
	int tmp;
};

/* A second link from a publish cut short (see rename_new() in sys.c). */
static int
drop_leftover(void *arg, const char *name, unsigned char type)
{
	struct leftover *l = arg;
	uint64_t id;

	(void)type;
	if (maildir_name_queue_id(name, &id) == 0 && idset_has(&l->m->ids, id))
		store_sys.unlink(l->tmp, name);
	return 0;
}

/*
 * The names are read once in the life of a worker: it is the only one that
 * delivers here, and knows what it published itself.
 */
static int
ids_read(struct maildir *m)
{
	static const char *const dirs[] = { "new", "cur", "new" };
	struct leftover l = { .m = m };
	int fd;

	/* new/ again: a program may move a message back while we read. */
	for (size_t i = 0; i < nitems(dirs); i++) {
		fd = maildir_dir(m->f.home, dirs[i], O_RDONLY);
		if (fd == -1 || maildir_scan(fd, ids_add, m) == -1)
			return -1;
	}
	if ((l.tmp = maildir_dir(m->f.home, "tmp", O_RDONLY)) != -1)
		maildir_scan(l.tmp, drop_leftover, &l);
	m->ids_read = true;
	return 0;
}

int
maildir_has(struct folder *f, uint64_t queue_id)
{
	struct maildir *m = (struct maildir *)f;

	if (!m->ids_read && ids_read(m) == -1)
		return -1;
	return idset_has(&m->ids, queue_id);
}
