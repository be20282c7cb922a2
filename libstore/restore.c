#include "config.h"
#include "libstore/restore.h"
#include "libstore/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- folders ------------------------------------------------------------------- */

/* Maildir/FOLDER/SUB, opened as a place for openat() and the like. */
static int
open_sub(struct restore *r, const char *folder, const char *sub)
{
	char path[STORE_NAME_MAX + 32];

	snprintf(path, sizeof(path), MAILDIR "/%s%s%s", folder,
	    *folder ? "/" : "", sub);
	return store_sys.open(r->home, path, O_PATH | O_DIRECTORY, 0);
}

static int
make_subs(int folder)
{
	static const char *const subs[] = { "tmp", "new", "cur" };
	int fd;

	for (size_t i = 0; i < nitems(subs); i++)
		if (store_sys.mkdir(folder, subs[i], 0700) == -1 &&
		    errno != EEXIST)
			return -1;
	fd = store_sys.open(folder, "maildirfolder", O_WRONLY | O_CREAT, 0600);
	if (fd == -1)
		return -1;
	store_sys.close(fd);
	return 0;
}

/* A folder of Maildir++, or what is missing of it; once in a restore. */
static int
folder_make(struct restore *r, const char *folder)
{
	char key[STORE_NAME_MAX + 2];
	int maildir, fd, n, rc = -1, saved;

	n = snprintf(key, sizeof(key), "%s/", folder);
	if (*folder == '\0' ||
	    nameset_has(&r->there, span_from(key, (size_t)n)))
		return 0;
	if ((maildir = maildir_dir(r->home, "", O_PATH)) == -1)
		return -1;
	if (store_sys.mkdir(maildir, folder, 0700) == 0 || errno == EEXIST) {
		fd = store_sys.open(maildir, folder, O_PATH | O_DIRECTORY, 0);
		rc = fd == -1 ? -1 : make_subs(fd);
		if (fd != -1) {
			saved = errno;
			store_sys.close(fd);
			errno = saved;
		}
	}
	saved = errno;
	store_sys.close(maildir);
	errno = saved;
	return rc == -1 ||
	        nameset_add(&r->there, span_from(key, (size_t)n)) == -1
	    ? -1
	    : 0;
}

/* ---- what is there ------------------------------------------------------------- */

/* 1: added, 0: it was there, -1. */
static int
there_add(struct restore *r, const char *folder, const char *name)
{
	char key[2 * STORE_NAME_MAX + 2];
	int n = snprintf(key, sizeof(key), "%s/%.*s", folder,
	    (int)maildir_id_len(name), name);

	return maildir_id_len(name) == 0
	    ? 0
	    : nameset_add(&r->there, span_from(key, (size_t)n));
}

static int
list_step(struct restore *r)
{
	const char *name;

	switch (walk_next(&r->walk, &name)) {
	case WALK_NAME:
		return there_add(r, r->walk.folder, name) == -1 ? -1 : 0;
	case WALK_DIR:
	case WALK_DIR_END:
	case WALK_ELSEWHERE:
		return 0;
	case WALK_OVER:
		break;
	}
	r->listing = false;
	errno = r->walk.err;
	return errno == 0 ? 0 : -1;
}

/* ---- tmp/ ----------------------------------------------------------------------- */

static void
draft_path(unsigned n, char name[static 24])
{
	snprintf(name, 24, "restore.%u", n);
}

static int
tmp_open(struct restore *r)
{
	char name[24];

	if (r->tmp != -1)
		return 0;
	if (maildir_make(r->home) == -1 ||
	    (r->tmp = maildir_dir(r->home, "tmp", O_RDONLY)) == -1)
		return -1;
	/* What one before us left that was cut short: there is one worker. */
	for (unsigned i = 0; i < RESTORE_BATCH; i++) {
		draft_path(i, name);
		store_sys.unlink(r->tmp, name);
	}
	return 0;
}

static void
drafts_drop(struct restore *r)
{
	char name[24];

	if (r->fd != -1)
		store_sys.close(r->fd);
	for (unsigned i = 0; i < r->ndrafts + (r->fd != -1); i++) {
		draft_path(i, name);
		store_sys.unlink(r->tmp, name);
	}
	r->fd = -1;
	r->ndrafts = 0;
	r->drafts_bytes = 0;
}

/* One of the batch, which is synced, becomes visible. */
static int
publish(struct restore *r, unsigned i, int dir)
{
	struct restore_draft *d = &r->drafts[i];
	char name[24];

	if (d->name[0] == '\0')
		return 0; /* before something went wrong */
	draft_path(i, name);
	if (store_sys.rename_new(r->tmp, name, dir, d->name) == 0) {
		r->messages++;
		r->bytes += d->bytes;
	} else if (errno == EEXIST) {
		store_sys.unlink(r->tmp, name); /* it has come meanwhile */
		r->already++;
	} else {
		return -1;
	}
	d->name[0] = '\0';
	return 0;
}

/* All that is whole: synced, then renamed; what was renamed before this is
 * durable after the next. */
static int
batch_publish(struct restore *r)
{
	const struct restore_draft *d, *last = NULL;
	int dir = -1, rc = 0, saved;

	if (r->ndrafts == 0)
		return 0;
	if (store_sys.sync_all(r->tmp) == -1)
		return -1;
	for (unsigned i = 0; i < r->ndrafts && rc == 0; i++, last = d) {
		d = &r->drafts[i];
		if (last == NULL || strcmp(d->folder, last->folder) != 0 ||
		    d->in_new != last->in_new) {
			if (dir != -1)
				store_sys.close(dir);
			dir = open_sub(r, d->folder, d->in_new ? "new" : "cur");
		}
		rc = dir == -1 ? -1 : publish(r, i, dir);
	}
	saved = errno;
	if (dir != -1)
		store_sys.close(dir);
	errno = saved;
	if (rc == 0) {
		r->ndrafts = 0;
		r->drafts_bytes = 0;
	}
	return rc;
}

/* ---- entries ------------------------------------------------------------------ */

/* For people: anything may be in a path. */
static void
skip(struct restore *r, const char *why)
{
	const struct untar *u = &r->tar;
	size_t n = 0, max = 120;

	if (r->skipped++ > 0)
		return;
	for (; n < u->path_len && n < max; n++)
		r->first[n] = u->path[n] < ' ' || u->path[n] > '~' ? '?'
		                                                   : u->path[n];
	snprintf(r->first + n, sizeof(r->first) - n, "%s (%s)",
	    n < u->path_len || u->path_long ? "..." : "", why);
}

static const char *
type_name(char type)
{
	switch (type) {
	case '1':
	case '2':
		return "a link";
	case '3':
	case '4':
		return "a device";
	case '5':
		return "a folder";
	case '6':
		return "a pipe";
	default:
		return "no plain file";
	}
}

/* The message's name with the sizes it has: SEMail's own stays as it is. */
static int
final_name(struct restore *r, char out[static STORE_NAME_MAX + 1])
{
	const char *name = r->place.name, *info = strchr(name, ':');
	int n = snprintf(out, STORE_NAME_MAX + 1,
	    "%.*s,S=%" PRIu64 ",W=%" PRIu64 "%s", (int)maildir_id_len(name),
	    name, r->tar.size, octets_total(&r->octets),
	    info == NULL ? "" : info);

	return n < 0 || n > STORE_NAME_MAX ? -1 : 0;
}

/* RESTORE_AGAIN, or the end. */
static enum restore_step
entry_begin(struct restore *r)
{
	const struct untar *u = &r->tar;
	char name[24];
	int n;

	r->taking = false;
	if (!u->is_file) {
		/* A folder is no loss: it is made with what is in it. */
		if (u->type != '5' &&
		    u->path[u->path_len > 0 ? u->path_len - 1 : 0] != '/')
			skip(r, type_name(u->type));
		return RESTORE_AGAIN;
	}
	if (u->path_long ||
	    restore_place(span_from(u->path, u->path_len), &r->place) == -1) {
		skip(r, "no message");
		return RESTORE_AGAIN;
	}
	if (r->place.marker)
		return folder_make(r, r->place.folder) == -1 ? RESTORE_FAILED
		                                             : RESTORE_AGAIN;
	if ((n = there_add(r, r->place.folder, r->place.name)) == -1)
		return RESTORE_FAILED;
	if (n == 0) {
		r->already++;
		return RESTORE_AGAIN;
	}
	if (r->room != UINT64_MAX &&
	    (r->drafts_bytes > r->room || u->size > r->room - r->drafts_bytes))
		return RESTORE_FULL;
	if (folder_make(r, r->place.folder) == -1)
		return RESTORE_FAILED;
	draft_path(r->ndrafts, name);
	r->fd = store_sys.open(r->tmp, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (r->fd == -1)
		return RESTORE_FAILED;
	r->octets = (struct octets){ .n = 0 };
	r->taking = true;
	return RESTORE_AGAIN;
}

static enum restore_step
entry_data(struct restore *r)
{
	struct span s = r->tar.data;

	if (!r->taking)
		return RESTORE_AGAIN;
	octets_add(&r->octets, s.data, s.len);
	return store_write_all(r->fd, s.data, s.len) == -1 ? RESTORE_FAILED
	                                                   : RESTORE_AGAIN;
}

static enum restore_step
entry_done(struct restore *r)
{
	struct restore_draft *d = &r->drafts[r->ndrafts];
	struct timespec times[2] = { { 0, UTIME_OMIT }, { r->tar.mtime_s, 0 } };
	char name[24];
	int fd = r->fd, rc;

	if (!r->taking)
		return RESTORE_AGAIN;
	r->taking = false;
	r->fd = -1;
	rc = futimens(fd, times);
	if (store_sys.close(fd) == -1 || rc == -1)
		goto fail;
	if (final_name(r, d->name) == -1) {
		draft_path(r->ndrafts, name);
		store_sys.unlink(r->tmp, name);
		skip(r, "its name is too long");
		return RESTORE_AGAIN;
	}
	memcpy(d->folder, r->place.folder, sizeof(d->folder));
	d->in_new = r->place.in_new;
	d->bytes = r->tar.size;
	r->ndrafts++;
	r->drafts_bytes += d->bytes;
	if ((r->ndrafts == RESTORE_BATCH ||
	        r->drafts_bytes >= RESTORE_BATCH_BYTES) &&
	    batch_publish(r) == -1)
		return RESTORE_FAILED;
	return RESTORE_AGAIN;
fail:
	rc = errno;
	draft_path(r->ndrafts, name);
	store_sys.unlink(r->tmp, name);
	errno = rc;
	return RESTORE_FAILED;
}

/* ---- all of it ------------------------------------------------------------------ */

void
restore_begin(struct restore *r, int home)
{
	memset(r, 0, sizeof(*r));
	r->home = home;
	r->room = UINT64_MAX;
	r->tmp = r->fd = -1;
	nameset_init(&r->there);
	untar_init(&r->tar);
	r->listing = true;
	walk_begin(&r->walk, home);
}

/* Whatever the end is: what is whole becomes visible, durably. */
static enum restore_step
finish(struct restore *r, enum restore_step end)
{
	int saved = errno;
	char name[24];

	if (r->finished)
		return end;
	r->finished = true;
	if (r->fd != -1) {
		store_sys.close(r->fd);
		r->fd = -1;
		draft_path(r->ndrafts, name);
		store_sys.unlink(r->tmp, name);
	}
	if (r->tmp != -1 &&
	    (batch_publish(r) == -1 || store_sys.sync_all(r->tmp) == -1) &&
	    end != RESTORE_FAILED)
		return RESTORE_FAILED;
	errno = saved;
	return end;
}

static enum restore_step
bad(struct restore *r, const char *why)
{
	r->why = why;
	return RESTORE_BAD;
}

static enum restore_step
step(struct restore *r, struct span *in, bool last)
{
	if (r->listing)
		return list_step(r) == -1 ? RESTORE_FAILED : RESTORE_AGAIN;
	if (r->drafts == NULL &&
	    (r->drafts = calloc(RESTORE_BATCH, sizeof(*r->drafts))) == NULL)
		return RESTORE_FAILED;
	if (tmp_open(r) == -1)
		return RESTORE_FAILED;
	switch (untar_next(&r->tar, in)) {
	case UNTAR_ENTRY:
		return entry_begin(r);
	case UNTAR_DATA:
		return entry_data(r);
	case UNTAR_DONE:
		return entry_done(r);
	case UNTAR_OVER:
		*in = span_from("", 0); /* it means nothing */
		return last ? RESTORE_OVER : RESTORE_MORE;
	case UNTAR_BAD:
		return bad(r, r->tar.why);
	case UNTAR_MORE:
		break;
	}
	return last ? bad(r, "it is cut short") : RESTORE_MORE;
}

enum restore_step
restore_step(struct restore *r, struct span *in, bool last, unsigned n)
{
	enum restore_step s = RESTORE_AGAIN;

	for (; n > 0 && s == RESTORE_AGAIN; n--)
		s = step(r, in, last);
	return s == RESTORE_AGAIN || s == RESTORE_MORE ? s : finish(r, s);
}

void
restore_end(struct restore *r)
{
	if (r->tmp != -1) {
		drafts_drop(r);
		store_sys.close(r->tmp);
		r->tmp = -1;
	}
	free(r->drafts);
	r->drafts = NULL;
	walk_end(&r->walk);
	nameset_clear(&r->there);
	untar_clear(&r->tar);
}
