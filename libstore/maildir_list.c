#include "config.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"
#include "libcommon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN ":2,"                    /* no flags yet */
#define NAMES_MAX (256 * 1024 * 1024) /* bytes of all names of one listing */

struct gather {
	struct buf names;       /* NUL after each, and room for SEEN */
	struct store_msg *msgs; /* bytes holds the name's offset for now */
	size_t n, cap;
};

static int
gather_add(struct gather *g, const char *name, bool in_new)
{
	struct store_msg *msg;

	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;

		msg = reallocarray(g->msgs, cap, sizeof(*msg));
		if (msg == NULL)
			return -1;
		g->msgs = msg;
		g->cap = cap;
	}
	msg = &g->msgs[g->n];
	*msg = (struct store_msg){ .in_new = in_new,
		.bytes = g->names.len,
		.octets = STORE_UNKNOWN,
		.room = (uint16_t)(strlen(name) + (in_new ? sizeof(SEEN) : 0)),
		.id_len = (uint16_t)maildir_id_len(name) };
	buf_put(&g->names, name, strlen(name) + 1);
	if (in_new)
		buf_put(&g->names, SEEN, sizeof(SEEN));
	if (buf_error(&g->names) != 0) {
		errno = ENOMEM;
		return -1;
	}
	g->n++;
	return 0;
}

/* Anything but a file is not a message; of unknown type, measuring tells. */
static bool
may_be_message(const char *name, unsigned char type)
{
	return (type == DT_REG || type == DT_UNKNOWN) &&
	    maildir_id_len(name) > 0 && strlen(name) <= STORE_NAME_MAX;
}

static int
gather_cur(void *arg, const char *name, unsigned char type)
{
	if (!may_be_message(name, type))
		return 0;
	return gather_add(arg, name, false);
}

static int
gather_new(void *arg, const char *name, unsigned char type)
{
	if (!may_be_message(name, type))
		return 0;
	return gather_add(arg, name, true);
}

static int
by_id(const void *a, const void *b)
{
	const struct store_msg *x = a, *y = b;
	size_t n = x->id_len < y->id_len ? x->id_len : y->id_len;
	int r = memcmp(x->name, y->name, n);

	if (r == 0)
		r = (x->id_len > y->id_len) - (x->id_len < y->id_len);
	/* Of two files with one id the one in cur/ is the message. */
	return r != 0 ? r : (int)x->in_new - (int)y->in_new;
}

static void
gather_finish(struct gather *g, struct store_list *out)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		g->msgs[i].name = (char *)g->names.data + g->msgs[i].bytes;
		g->msgs[i].bytes = STORE_UNKNOWN;
	}
	if (g->n > 1)
		qsort(g->msgs, g->n, sizeof(g->msgs[0]), by_id);
	for (size_t i = 0; i < g->n; i++) {
		struct store_msg *last = n > 0 ? &g->msgs[n - 1] : NULL;

		if (last != NULL && last->id_len == g->msgs[i].id_len &&
		    memcmp(last->name, g->msgs[i].name, last->id_len) == 0)
			continue;
		g->msgs[n++] = g->msgs[i];
	}
	out->msgs = g->msgs;
	out->n = n;
	out->names = (char *)g->names.data;
}

/* (Re)open new/ and cur/: their owner may have put others there. */
static int
maildir_refresh(struct maildir *m)
{
	if (m->cur != -1)
		close(m->cur);
	if (m->new != -1)
		close(m->new);
	m->new = -1;
	if ((m->cur = maildir_dir(m->f.home, "cur", O_PATH)) == -1 ||
	    (m->new = maildir_dir(m->f.home, "new", O_PATH)) == -1)
		return -1;
	return 0;
}

static int
scan_dir(struct maildir *m, const char *dir,
    int (*each)(void *, const char *, unsigned char), void *arg)
{
	int fd = maildir_dir(m->f.home, dir, O_RDONLY);

	return fd == -1 ? -1 : maildir_scan(fd, each, arg);
}

int
maildir_list(struct folder *f, struct store_list *out)
{
	struct maildir *m = (struct maildir *)f;
	struct gather g = { .n = 0 };
	int saved;

	buf_init(&g.names, NAMES_MAX);
	if ((maildir_refresh(m) == -1 &&
	        (maildir_make(f->home) == -1 || maildir_refresh(m) == -1)) ||
	    scan_dir(m, "new", gather_new, &g) == -1 ||
	    scan_dir(m, "cur", gather_cur, &g) == -1) {
		saved = errno;
		buf_clear(&g.names);
		free(g.msgs);
		errno = saved;
		return -1;
	}
	gather_finish(&g, out);
	return 0;
}

/* ---- one message ------------------------------------------------------- */

struct find {
	struct store_msg *msg;
	char *name; /* on the heap, once found */
};

static int
find_one(void *arg, const char *name, unsigned char type)
{
	struct find *f = arg;

	if (!may_be_message(name, type) ||
	    maildir_id_len(name) != f->msg->id_len ||
	    memcmp(name, f->msg->name, f->msg->id_len) != 0)
		return 0;
	f->name = strdup(name);
	return -1; /* enough */
}

/* Its name is not there any more: another program moved it, changed its
 * flags, or deleted it.  0 if it was found again. */
static int
maildir_refind(struct maildir *m, struct store_msg *msg)
{
	struct find f = { .msg = msg };

	if (msg->gone || maildir_refresh(m) == -1)
		goto gone;
	scan_dir(m, "cur", find_one, &f);
	msg->in_new = f.name == NULL;
	if (f.name == NULL)
		scan_dir(m, "new", find_one, &f);
	if (f.name == NULL)
		goto gone;
	if (store_msg_rename(msg, f.name) == -1) {
		free(f.name);
		return -1;
	}
	free(f.name);
	return 0;
gone:
	msg->gone = true;
	errno = ENOENT;
	return -1;
}

/* Seen once, a message lives in cur/, where its name can carry flags. */
void
maildir_see(struct folder *f, struct store_msg *msg)
{
	struct maildir *m = (struct maildir *)f;
	char to[STORE_NAME_MAX + sizeof(SEEN)];

	if (!msg->in_new || msg->gone)
		return;
	snprintf(to, sizeof(to), "%s%s", msg->name,
	    strchr(msg->name, ':') == NULL ? SEEN : "");
	if (strlen(to) > STORE_NAME_MAX ||
	    store_sys.rename_new(m->new, msg->name, m->cur, to) == -1)
		return; /* then it stays where it is */
	msg->in_new = false;
	/* Without memory for its name it is looked for when it is read. */
	store_msg_rename(msg, to);
}

static int
msg_dir(const struct maildir *m, const struct store_msg *msg)
{
	return msg->in_new ? m->new : m->cur;
}

static int
open_once(struct maildir *m, struct store_msg *msg)
{
	struct stat st;
	int fd;

	/* O_NONBLOCK: whatever it is now, opening it never waits. */
	fd = store_sys.open(msg_dir(m, msg), msg->name, O_RDONLY | O_NONBLOCK,
	    0);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		store_sys.close(fd);
		errno = ELOOP;
		return -1;
	}
	return fd;
}

int
maildir_read(struct folder *f, struct store_msg *msg)
{
	struct maildir *m = (struct maildir *)f;
	int fd = open_once(m, msg);

	if (fd == -1 && errno == ENOENT && maildir_refind(m, msg) == 0)
		fd = open_once(m, msg);
	if (fd == -1 && (errno == ENOENT || errno == ELOOP)) {
		msg->gone = true;
		errno = ENOENT;
	}
	return fd;
}

static int
count_octets(struct folder *f, struct store_msg *msg)
{
	static unsigned char chunk[64 * 1024];
	struct octets o = { 0 };
	int fd = maildir_read(f, msg), saved;
	uint64_t at = 0;
	ssize_t r;

	if (fd == -1)
		return -1;
	while ((r = store_sys.pread(fd, chunk, sizeof(chunk), (off_t)at)) > 0) {
		octets_add(&o, chunk, (size_t)r);
		at += (uint64_t)r;
	}
	saved = errno;
	store_sys.close(fd);
	errno = saved;
	if (r == -1)
		return -1;
	msg->bytes = at;
	msg->octets = octets_total(&o);
	return 0;
}

int
maildir_measure(struct folder *f, struct store_msg *msg)
{
	struct maildir *m = (struct maildir *)f;
	uint64_t bytes, octets;
	struct stat st;
	int r;

	r = fstatat(msg_dir(m, msg), msg->name, &st, AT_SYMLINK_NOFOLLOW);
	if (r == -1 && errno == ENOENT && maildir_refind(m, msg) == 0)
		r = fstatat(msg_dir(m, msg), msg->name, &st,
		    AT_SYMLINK_NOFOLLOW);
	if (r == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		if (r == -1 && errno != ENOENT)
			return -1;
		msg->gone = true;
		errno = ENOENT;
		return -1;
	}
	/* The name's word counts only while it fits the file. */
	maildir_name_sizes(msg->name, &bytes, &octets);
	if (octets == STORE_UNKNOWN || bytes != (uint64_t)st.st_size)
		return count_octets(f, msg);
	msg->bytes = bytes;
	msg->octets = octets;
	return 0;
}

int
maildir_remove(struct folder *f, struct store_msg *msg)
{
	struct maildir *m = (struct maildir *)f;

	if (store_sys.unlink(msg_dir(m, msg), msg->name) == 0)
		return 0;
	if (errno == ENOENT && maildir_refind(m, msg) == 0 &&
	    store_sys.unlink(msg_dir(m, msg), msg->name) == 0)
		return 0;
	return errno == ENOENT ? 0 : -1;
}
