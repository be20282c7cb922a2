/*
 * The text files aliases, virtual and passwd, kept beside authd's copy
 * (semail-exports(5)).
 *
 * Each says which journal number it contains; the journal says which of them
 * the changes since then touch.  A small one is written before the answer.  A
 * large one waits a moment for more changes and is then written page by page
 * from a snapshot, between requests, over a connection of its own; SYNC waits
 * for it.  A file is replaced whole: temporary file, sync, rename, sync of the
 * folder.  What a crash left behind is found at the start by its number.
 */
#include "config.h"
#include "admind/admind.h"
#include "admind/export_text.h"

#include "libcommon/accounts.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_feed.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL_MAX (1024 * 1024) /* bytes: written before the answer */
#define PAGE 500
#define GATHER_MS \
	1000 /* a large file waits so long for more changes, so that
                         * it is there within 5 s of the first */
#define PAGE_BYTES (64 * 1024 * 1024)

#define T(table) (1u << (table))

static bool alias_line(struct buf *, const struct db_rows *);
static bool virtual_line(struct buf *, const struct db_rows *);
static bool passwd_line(struct buf *, const struct db_rows *);

/* A mark in a passwd file would be an account to some: it is beside it. */
static struct file {
	const char *name, *temp, *mark, *mark_temp;
	unsigned tables; /* that it is made of */
	const char *page;
	bool (*line)(struct buf *, const struct db_rows *);
	/* what is on the disk */
	struct export_mark has;
	bool dirty, large;
} files[] = {
	{ .name = "aliases",
	    .temp = ".aliases.new",
	    .line = alias_line,
	    .tables = T(FEED_ALIAS),
	    .page =
	        "SELECT Al_IdAlias, Al_Nom, Al_ListeEmail FROM Alias WHERE "
	        "Al_IdAlias > ? AND Al_IdServeur = 1 ORDER BY Al_IdAlias LIMIT "
	        "500" },
	{ .name = "virtual",
	    .temp = ".virtual.new",
	    .line = virtual_line,
	    .tables = T(FEED_VIRTUAL) | T(FEED_DOMAIN),
	    .page =
	        "SELECT STRAIGHT_JOIN Vi_IdVirtual, Vi_UtilisateurVirtuel, "
	        "Do_NomDomaine, Vi_UtilisateurReel, Vi_DomaineReel FROM VirtualUser "
	        "FORCE INDEX (PRIMARY) JOIN Domaine ON Do_IdDomaine = Vi_IdDomaine "
	        "WHERE Vi_IdVirtual > ? AND Do_IdServeur = 1 ORDER BY Vi_IdVirtual "
	        "LIMIT 500" },
	{ .name = "passwd",
	    .temp = ".passwd.new",
	    .line = passwd_line,
	    .mark = "passwd.journal",
	    .mark_temp = ".passwd.journal.new",
	    .tables = T(FEED_MAILBOX) | T(FEED_DOMAIN),
	    .page =
	        "SELECT STRAIGHT_JOIN Ba_IdBAL, Ba_Login, Do_NomDomaine, Ba_Uid, "
	        "Ba_Commentaire FROM BAL FORCE INDEX (PRIMARY) JOIN Domaine ON "
	        "Do_IdDomaine = Ba_IdDomaine WHERE Ba_IdBAL > ? AND Do_IdServeur = "
	        "1 AND Ba_Etat IN ('ACTIVE', 'DESACTIVEE') ORDER BY Ba_IdBAL LIMIT "
	        "500" },
};
_Static_assert(PAGE == 500, "the LIMITs above");

static int dir = -1;
static char homes[4096];
static struct db *beside;        /* for large files */
static uint64_t seen, directory; /* the journal has been looked at up to here */
static struct event *large_timer;

/* A file on its way. */
struct writing {
	struct file *file; /* NULL: none */
	struct db *db;
	struct export_mark mark;
	int fd;
	uint64_t after, bytes, left_out;
};
static struct writing large;
static void (*waiter)(void *, const char *);
static void *waiter_arg;

/* ---- lines ------------------------------------------------------------------------ */

static bool
alias_line(struct buf *b, const struct db_rows *r)
{
	return export_alias(b, r->column[1], r->column[2]);
}

static bool
virtual_line(struct buf *b, const struct db_rows *r)
{
	return export_virtual(b, r->column[1], r->column[2], r->column[3],
	    r->column[4]);
}

static bool
passwd_line(struct buf *b, const struct db_rows *r)
{
	uint64_t uid = db_column_u64(r, 3);

	return export_passwd(b, r->column[1], r->column[2], uid, r->column[4],
	    homes,
	    uid > UINT32_MAX ? NULL
	                     : accounts_by_uid(admind.accounts, (uint32_t)uid));
}

/* ---- one file ----------------------------------------------------------------------- */

static int
open_new(const char *temp)
{
	int fd;

	if (unlinkat(dir, temp, 0) == -1 && errno != ENOENT)
		return -1;
	fd = io_open_beneath(dir, temp, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd != -1 && fchmod(fd, 0644) == -1) { /* for everybody to read */
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Given up: there is still something to write. */
static void
writing_drop(struct writing *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
	if (w->file != NULL)
		w->file->dirty = true;
	w->file = NULL;
}

static int
write_buf(struct writing *w, const struct buf *b)
{
	if (buf_error(b) != 0) {
		errno = buf_error(b);
		return -1;
	}
	w->bytes += b->len;
	if (io_write_all(w->fd, b->data, b->len) == -1)
		return -1;
	/* On its way at once: the sync at the end then waits for little. */
	(void)sync_file_range(w->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int
writing_begin(struct writing *w, struct file *f, struct db *db,
    const struct export_mark *mark)
{
	struct buf b;
	int r;

	*w = (struct writing){ .file = f, .db = db, .mark = *mark, .fd = -1 };
	f->dirty = false; /* what comes from now on makes it so again */
	if ((w->fd = open_new(f->temp)) == -1)
		return -1;
	if (f->mark != NULL)
		return 0;
	buf_init(&b, 256);
	export_mark_put(&b, mark);
	r = write_buf(w, &b);
	buf_clear(&b);
	return r;
}

/* 1: there is more.  0: that was the last one.  -1 with errno; EAGAIN: it is
 * the database. */
static int
writing_page(struct writing *w)
{
	struct db_value v[1] = { db_u64(w->after) };
	struct db_rows rows;
	unsigned n;
	struct buf b;
	int r;

	if (db_query(w->db, &rows, w->file->page, v, 1) == -1) {
		db_rows_clear(&rows);
		log_warnx("export file=%s database error=\"%s\"", w->file->name,
		    db_reason(w->db));
		errno = EAGAIN;
		return -1;
	}
	buf_init(&b, PAGE_BYTES);
	for (n = 0; db_next(&rows); n++) {
		w->after = db_column_u64(&rows, 0);
		if (!w->file->line(&b, &rows))
			w->left_out++;
	}
	db_rows_clear(&rows);
	r = write_buf(w, &b);
	buf_clear(&b);
	return r == -1 ? -1 : n == PAGE;
}

/* After the file itself: until then it contains more than this says. */
static int
write_mark(const struct writing *w)
{
	struct buf b;
	int fd, r;

	if (w->file->mark == NULL)
		return 0;
	if ((fd = open_new(w->file->mark_temp)) == -1)
		return -1;
	buf_init(&b, 256);
	export_mark_put(&b, &w->mark);
	r = io_write_all(fd, b.data, b.len) == -1 || fsync(fd) == -1 ? -1 : 0;
	buf_clear(&b);
	close(fd);
	return r == -1 ? -1
	               : renameat(dir, w->file->mark_temp, dir, w->file->mark);
}

static int
writing_end(struct writing *w)
{
	struct file *f = w->file;

	if (fsync(w->fd) == -1 || renameat(dir, f->temp, dir, f->name) == -1 ||
	    io_fsync_dir(dir) == -1 || write_mark(w) == -1)
		return -1;
	if (w->left_out > 0)
		log_warnx("export file=%s left out=%llu rows that are not as "
		          "they should be",
		    f->name, (unsigned long long)w->left_out);
	log_debug("export file=%s journal=%llu bytes=%llu", f->name,
	    (unsigned long long)w->mark.journal, (unsigned long long)w->bytes);
	f->has = w->mark;
	f->large = w->bytes > SMALL_MAX;
	close(w->fd);
	w->fd = -1;
	w->file = NULL;
	return 0;
}

/* ---- what has changed -------------------------------------------------------------- */

static void
all_dirty(void)
{
	for (size_t i = 0; i < nitems(files); i++)
		files[i].dirty = true;
}

/* A snapshot of the database and the number it shows.  0 or -1. */
static int
take_snapshot(struct db *db, struct export_mark *out)
{
	struct dir_snapshot is;

	if (dir_snapshot(db, &is) == -1)
		return -1;
	out->directory = is.directory;
	out->journal = is.journal;
	return 0;
}

/* The journal from what has been seen up to now: which files are behind? */
static int
look(struct db *db, const struct export_mark *now)
{
	struct db_value v[2] = { db_u64(seen), db_u64(now->journal) };
	uint64_t first = 0;
	unsigned tables = 0;
	struct db_rows r;
	int rc;

	if (now->directory != directory || now->journal < seen) {
		all_dirty(); /* another database, or an older one */
		directory = now->directory;
		seen = now->journal;
		return 0;
	}
	if (now->journal == seen)
		return 0;
	rc = db_query(db, &r,
	    "SELECT Jo_Table, MIN(Jo_Numero) FROM Journal "
	    "WHERE Jo_Numero > ? AND Jo_Numero <= ? GROUP BY Jo_Table",
	    v, 2);
	while (rc == 0 && db_next(&r)) {
		uint64_t n = db_column_u64(&r, 1);

		tables |= T(db_column_u64(&r, 0) & 31);
		if (first == 0 || n < first)
			first = n;
	}
	db_rows_clear(&r);
	if (rc == -1)
		return -1;
	for (size_t i = 0; i < nitems(files); i++)
		if ((files[i].tables & tables) != 0 || first != seen + 1)
			files[i].dirty = true;
	seen = now->journal;
	return 0;
}

/* ---- large files ---------------------------------------------------------------------- */

static void
wake(struct event *timer, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (!event_pending(timer, EV_TIMEOUT, NULL))
		event_add(timer, &tv);
}

static struct file *
next_large(void)
{
	for (size_t i = 0; i < nitems(files); i++)
		if (files[i].dirty && files[i].large)
			return &files[i];
	return NULL;
}

static void
tell_waiter(const char *trouble)
{
	void (*done)(void *, const char *) = waiter;

	waiter = NULL;
	if (done != NULL)
		done(waiter_arg, trouble);
}

static void
large_trouble(const char *what)
{
	int error = errno;

	log_warn("export file=%s %s",
	    large.file != NULL ? large.file->name : "", what);
	if (large.db != NULL)
		db_snapshot_end(large.db);
	writing_drop(&large);
	tell_waiter(error == EAGAIN ? "the database cannot be reached"
	                            : strerror(error));
	/* admind looks again. */
}

static void
large_begin(struct file *f)
{
	struct export_mark now;

	if (take_snapshot(beside, &now) == -1) {
		errno = EAGAIN;
		large_trouble("waits");
		return;
	}
	if (look(beside, &now) == -1) {
		db_snapshot_end(beside);
		errno = EAGAIN;
		large_trouble("waits");
		return;
	}
	if (writing_begin(&large, f, beside, &now) == -1)
		large_trouble("begin");
	else
		wake(large_timer, 0);
}

/* A page at a time; others have their turn in between. */
static void
on_large(evutil_socket_t fd, short what, void *arg)
{
	struct file *f;
	int r;

	(void)fd;
	(void)what;
	(void)arg;
	if (large.file == NULL) {
		if ((f = next_large()) != NULL)
			large_begin(f);
		else
			tell_waiter(NULL);
		return;
	}
	if ((r = writing_page(&large)) == 1) {
		/* Requests go first, but who waits for this. */
		wake(large_timer, job_waiting() > 0 && waiter == NULL ? 20 : 0);
		return;
	}
	if (r == 0)
		db_snapshot_end(large.db);
	if (r == -1 || writing_end(&large) == -1)
		large_trouble("write");
	else
		wake(large_timer, 0); /* the next one */
}

/* ---- small files ---------------------------------------------------------------------- */

/* 0, -1 with errno; a file that turns out to be large is left for later. */
static int
write_small(struct file *f, const struct export_mark *now)
{
	struct writing w;
	int r = writing_begin(&w, f, admind.db, now), error;

	if (r == 0)
		while ((r = writing_page(&w)) == 1 && w.bytes <= SMALL_MAX)
			;
	if (r == 0 && (r = writing_end(&w)) == 0)
		return 0;
	error = errno;
	writing_drop(&w);
	if (r == 1) {
		f->large = true;
		return 0;
	}
	log_warn("export file=%s", f->name);
	errno = error;
	return -1;
}

const char *
exports_now(void)
{
	const char *trouble = NULL;
	struct export_mark now;

	if (take_snapshot(admind.db, &now) == -1)
		return "the database cannot be reached";
	if (look(admind.db, &now) == -1) {
		db_lost(admind.db);
		return "the database cannot be reached";
	}
	for (size_t i = 0; i < nitems(files); i++) {
		if (!files[i].dirty || &files[i] == large.file)
			continue;
		if (!files[i].large && write_small(&files[i], &now) == -1)
			trouble = errno == EAGAIN
			    ? "the database cannot be reached"
			    : strerror(errno);
		if (files[i].large)
			wake(large_timer, GATHER_MS);
	}
	db_snapshot_end(admind.db);
	return trouble;
}

void
exports_accounts(void)
{
	for (size_t i = 0; i < nitems(files); i++)
		if (files[i].tables & T(FEED_MAILBOX))
			files[i].dirty = true; /* admind looks again soon */
}

void
exports_all(void (*done)(void *, const char *), void *arg)
{
	const char *trouble = exports_now();

	if (trouble != NULL) {
		done(arg, trouble);
		return;
	}
	waiter = done;
	waiter_arg = arg;
	event_del(large_timer); /* no gathering */
	wake(large_timer, 0);
}

void
exports_forget(void)
{
	waiter = NULL;
}

/* ---- the start ------------------------------------------------------------------------ */

/* What a file says of itself; without that it is written anew. */
static void
read_mark(struct file *f)
{
	unsigned char text[256];
	struct stat st;
	ssize_t n = -1;
	int fd = io_open_beneath(dir, f->mark != NULL ? f->mark : f->name,
	    O_RDONLY | O_NONBLOCK, 0);

	if (fd != -1) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	if (n <= 0 ||
	    export_mark_get(span_from(text, (size_t)n), &f->has) == -1)
		memset(&f->has, 0, sizeof(f->has));
	f->large = fstatat(dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size > SMALL_MAX;
	if (fstatat(dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		memset(&f->has, 0, sizeof(f->has));
}

void
exports_start(void)
{
	int n = snprintf(homes, sizeof(homes), "%s/mail",
	    conf_str("state-dir"));

	if (n < 0 || (size_t)n >= sizeof(homes))
		fatalx("state-dir is too long");
	dir = proc_dir(&admind.proc, "exports");
	large.fd = -1;
	if ((beside = db_beside(admind.db)) == NULL ||
	    (large_timer = event_new(admind.proc.base, -1, 0, on_large,
	         NULL)) == NULL)
		fatalx("exports memory");
}

void
exports_open(void)
{
	/* The journal is looked through from where the oldest of them ends. */
	seen = UINT64_MAX;
	for (size_t i = 0; i < nitems(files); i++) {
		read_mark(&files[i]);
		if (files[i].has.journal < seen)
			seen = files[i].has.journal;
		directory = files[i].has.directory;
	}
	for (size_t i = 0; i < nitems(files); i++)
		if (files[i].has.directory != directory || directory == 0)
			all_dirty();
	(void)exports_now();
}
