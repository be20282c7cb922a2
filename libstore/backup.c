#include "config.h"
#include "libstore/backup.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"
#include "libstore/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAMES_MAX (256 * 1024 * 1024) /* bytes of a listing's names */
#define LISTINGS_MAX 4
#define MARKER "maildirfolder"

/* One of a listing. */
struct item {
	const char *folder; /* "" or ".NAME" */
	const char *sub;    /* "new", "cur"; "": the folder's marker */
	const char *name;
	size_t id_len;
};

static struct item
item_at(const char *names, uint32_t place)
{
	struct item i = { .folder = names + place };

	i.sub = i.folder + strlen(i.folder) + 1;
	i.name = i.sub + strlen(i.sub) + 1;
	i.id_len = *i.sub == '\0' ? 0 : maildir_id_len(i.name);
	return i;
}

/* FOLDER/UNIQUE; the marker's unique name is empty. */
static struct span
item_key(const struct item *i, char key[static 2 * STORE_NAME_MAX + 2])
{
	return span_from(key,
	    (size_t)snprintf(key, 2 * STORE_NAME_MAX + 2, "%s/%.*s", i->folder,
	        (int)i->id_len, i->name));
}

/* ---- the listing --------------------------------------------------------------- */

static int
list_add(struct backup *b, const char *sub, const char *name)
{
	char key[2 * STORE_NAME_MAX + 2];
	struct item i = { b->walk.folder, sub, name,
		*sub == '\0' ? 0 : maildir_id_len(name) };
	uint32_t *list, place = (uint32_t)b->names.len;

	if ((*sub != '\0' && i.id_len == 0) ||
	    nameset_has(&b->done, item_key(&i, key)))
		return 0;
	if (b->n == b->cap) {
		size_t cap = b->cap != 0 ? b->cap * 2 : 64;

		if ((list = reallocarray(b->list, cap, sizeof(*list))) == NULL)
			return -1;
		b->list = list;
		b->cap = cap;
	}
	buf_put(&b->names, i.folder, strlen(i.folder) + 1);
	buf_put(&b->names, sub, strlen(sub) + 1);
	buf_put(&b->names, name, strlen(name) + 1);
	if (buf_error(&b->names) != 0) {
		errno = ENOMEM;
		return -1;
	}
	b->list[b->n++] = place;
	return 0;
}

/* By folder and unique name; of two with one the one in cur/ goes first. */
static int
by_item(const void *va, const void *vb, void *names)
{
	struct item a = item_at(names, *(const uint32_t *)va);
	struct item b = item_at(names, *(const uint32_t *)vb);
	int r = strcmp(a.folder, b.folder);

	if (r == 0)
		r = memcmp(a.name, b.name,
		    a.id_len < b.id_len ? a.id_len : b.id_len);
	if (r == 0)
		r = (a.id_len > b.id_len) - (a.id_len < b.id_len);
	return r != 0 ? r : strcmp(a.sub, b.sub);
}

static void
list_begin(struct backup *b)
{
	buf_reset(&b->names);
	b->n = b->next = 0;
	b->again = false;
	b->listings++;
	b->listing = true;
	walk_begin(&b->walk, b->home);
}

/* One name of it. */
static int
list_step(struct backup *b)
{
	const char *name;

	switch (walk_next(&b->walk, &name)) {
	case WALK_NAME:
		return list_add(b, walk_in_new(&b->walk) ? "new" : "cur", name);
	case WALK_DIR:
		/* Known by its cur/: a folder without mail is one, too. */
		if (b->walk.folder[0] != '\0' && !walk_in_new(&b->walk))
			return list_add(b, "", MARKER);
		return 0;
	case WALK_DIR_END:
	case WALK_ELSEWHERE:
		return 0;
	case WALK_OVER:
		break;
	}
	b->listing = false;
	if (b->walk.err != 0) {
		errno = b->walk.err;
		return -1;
	}
	if (b->n > 1)
		qsort_r(b->list, b->n, sizeof(*b->list), by_item,
		    b->names.data);
	return 0;
}

/* ---- messages -------------------------------------------------------------------- */

/* Its descriptor, or -1: ENOENT if there is no such message now. */
static int
message_open(struct backup *b, const char *path, struct stat *st)
{
	int fd = store_sys.open(b->home, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd == -1) {
		if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO)
			errno = ENOENT;
		return -1;
	}
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_nlink == 1)
		return fd;
	store_sys.close(fd);
	errno = ENOENT;
	return -1;
}

static int
item_begin(struct backup *b, const struct item *i, struct buf *out)
{
	char key[2 * STORE_NAME_MAX + 2], path[TAR_PATH_MAX + 1];
	struct stat st = { .st_size = 0 };
	struct span k = item_key(i, key);
	bool marker = *i->sub == '\0';

	/* Of two files with one unique name the first is the message. */
	if (nameset_has(&b->done, k))
		return 0;
	snprintf(path, sizeof(path), MAILDIR "/%s%s%s%s%s", i->folder,
	    *i->folder ? "/" : "", i->sub, marker ? "" : "/", i->name);
	if (!marker && (b->fd = message_open(b, path, &st)) == -1) {
		b->again = true; /* another listing may find it */
		return errno == ENOENT ? 0 : -1;
	}
	if (nameset_add(&b->done, k) == -1)
		return -1;
	b->size = (uint64_t)st.st_size;
	b->at = 0;
	b->again = true;
	b->messages += !marker;
	b->bytes += b->size;
	tar_put_header(out, path, b->size, st.st_mtim.tv_sec);
	return 0;
}

static void
message_end(struct backup *b)
{
	if (b->fd != -1)
		store_sys.close(b->fd);
	b->fd = -1;
}

/* Exactly size bytes, as the header has said. */
static int
message_step(struct backup *b, struct buf *out, size_t max)
{
	uint64_t left = b->size - b->at;
	size_t room = max - out->len;
	ssize_t n = 0;
	void *to;

	if (left > 0) {
		room = left < room ? (size_t)left : room;
		if ((to = buf_reserve(out, room)) == NULL)
			return -1;
		n = store_sys.pread(b->fd, to, room, (off_t)b->at);
		if (n == 0)
			errno = EBADMSG; /* it was longer */
		if (n <= 0)
			return -1;
		buf_commit(out, (size_t)n);
	}
	b->at += (uint64_t)n;
	/* Its end may not fit: then it is put at the beginning of the next
	 * piece. */
	if (b->at == b->size && max - out->len >= TAR_BLOCK) {
		tar_put_pad(out, b->size);
		message_end(b);
	}
	return 0;
}

/* ---- all of it ------------------------------------------------------------------- */

void
backup_begin(struct backup *b, int home)
{
	memset(b, 0, sizeof(*b));
	b->home = home;
	b->fd = -1;
	b->walk.maildir = -1;
	buf_init(&b->names, NAMES_MAX);
	nameset_init(&b->done);
	list_begin(b);
}

/* The list is at its end: is there anything that is not in it? */
static void
list_over(struct backup *b, struct buf *out)
{
	if (b->again && b->listings < LISTINGS_MAX) {
		list_begin(b);
		return;
	}
	tar_put_end(out);
	b->over = true;
}

static int
step(struct backup *b, struct buf *out, size_t max)
{
	struct item i;

	if (b->listing)
		return list_step(b);
	if (b->fd != -1)
		return message_step(b, out, max);
	if (b->next == b->n) {
		list_over(b, out);
		return 0;
	}
	i = item_at((const char *)b->names.data, b->list[b->next++]);
	return item_begin(b, &i, out);
}

enum backup_step
backup_step(struct backup *b, struct buf *out, size_t max, unsigned n)
{
	for (; n > 0 && !b->over; n--) {
		if (out->len + TAR_HEADER_MAX > max)
			return BACKUP_FULL;
		if (step(b, out, max) == -1 || buf_error(out) != 0) {
			if (buf_error(out) != 0)
				errno = buf_error(out);
			return BACKUP_FAILED;
		}
	}
	return b->over ? BACKUP_OVER : BACKUP_AGAIN;
}

void
backup_end(struct backup *b)
{
	message_end(b);
	walk_end(&b->walk);
	buf_clear(&b->names);
	free(b->list);
	b->list = NULL;
	b->n = b->cap = b->next = 0;
	nameset_clear(&b->done);
}
