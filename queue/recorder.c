#include "config.h"
#include "queue/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 1024
#define PATH 96

enum kind {
	CREATE,
	MKDIR,
	WRITE,
	TRUNCATE,
	SYNC,
	SYNCDIR,
	SYNCFS,
	RENAME,
	LINK,
	UNLINK,
	MARK
};

struct op {
	enum kind kind;
	unsigned node; /* of files: each that was ever created */
	char path[PATH], to[PATH];
	uint64_t off;
	size_t len;
	unsigned char *data; /* owned */
	unsigned mark[3];
};

static struct op *ops;
static size_t nops, cap;
static unsigned nnodes;

/* The names as they are now, and what our descriptors stand for. */
struct name {
	char path[PATH];
	unsigned node;
};
static struct name names[4096];
static size_t nnames;
static struct {
	bool is_dir;
	char path[PATH];
	unsigned node;
} fds[FDS];
static int root;

static struct op *
add(enum kind kind)
{
	struct op *op;

	if (nops == cap) {
		cap = cap ? cap * 2 : 1024;
		if ((ops = realloc(ops, cap * sizeof(*ops))) == NULL)
			abort();
	}
	op = &ops[nops++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return op;
}

static struct name *
find_name(struct name *in, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(in[i].path, path) == 0)
			return &in[i];
	return NULL;
}

/* ---- recording ---------------------------------------------------------- */

static int
rec_open(int dirfd, const char *path, int flags, mode_t mode)
{
	struct name *n = find_name(names, nnames, path);
	int fd = disk_real.open(dirfd, path, flags, mode);
	struct op *op;

	if (fd == -1)
		return -1;
	if (fd >= FDS)
		abort();
	fds[fd].is_dir = (flags & O_DIRECTORY) != 0;
	snprintf(fds[fd].path, PATH, "%s", path);
	if (fds[fd].is_dir)
		return fd;
	if (n == NULL) {
		n = &names[nnames++];
		snprintf(n->path, PATH, "%s", path);
		n->node = nnodes++;
		op = add(CREATE);
		op->node = n->node;
		snprintf(op->path, PATH, "%s", path);
	} else if (flags & O_TRUNC) {
		op = add(TRUNCATE);
		op->node = n->node;
	}
	fds[fd].node = n->node;
	return fd;
}

static ssize_t
rec_pwrite(int fd, const void *p, size_t n, off_t off)
{
	ssize_t r = disk_real.pwrite(fd, p, n, off);
	struct op *op;

	if (r > 0) {
		op = add(WRITE);
		op->node = fds[fd].node;
		op->off = (uint64_t)off;
		op->len = (size_t)r;
		if ((op->data = malloc((size_t)r)) == NULL)
			abort();
		memcpy(op->data, p, (size_t)r);
	}
	return r;
}

static int
rec_truncate(int fd, off_t len)
{
	struct stat st;
	struct op *op;

	if (fstat(fd, &st) == 0 && st.st_size == len)
		return 0;
	op = add(TRUNCATE);
	op->node = fds[fd].node;
	op->off = (uint64_t)len;
	return disk_real.truncate(fd, len);
}

static int
rec_sync(int fd)
{
	struct op *op = add(fds[fd].is_dir ? SYNCDIR : SYNC);

	op->node = fds[fd].node;
	snprintf(op->path, PATH, "%s", fds[fd].path);
	return 0;
}

static int
rec_syncfs(int fd)
{
	(void)fd;
	add(SYNCFS);
	return 0;
}

static int
rec_rename(int dirfd, const char *from, const char *to)
{
	struct name *n, *old;
	struct op *op;

	if (disk_real.rename(dirfd, from, to) == -1)
		return -1;
	op = add(RENAME);
	if ((n = find_name(names, nnames, from)) != NULL)
		op->node = n->node;
	snprintf(op->path, PATH, "%s", from);
	snprintf(op->to, PATH, "%s", to);
	if ((old = find_name(names, nnames, to)) != NULL)
		*old = names[--nnames];
	if ((n = find_name(names, nnames, from)) != NULL)
		snprintf(n->path, PATH, "%s", to);
	return 0;
}

static int
rec_link(int dirfd, const char *from, const char *to)
{
	struct name *n = find_name(names, nnames, from);
	struct op *op;

	if (disk_real.link(dirfd, from, to) == -1)
		return -1;
	op = add(LINK);
	op->node = n->node;
	snprintf(op->path, PATH, "%s", to);
	snprintf(names[nnames].path, PATH, "%s", to);
	names[nnames++].node = op->node;
	return 0;
}

static int
rec_unlink(int dirfd, const char *path)
{
	struct name *n;

	if (disk_real.unlink(dirfd, path) == -1)
		return -1;
	snprintf(add(UNLINK)->path, PATH, "%s", path);
	if ((n = find_name(names, nnames, path)) != NULL)
		*n = names[--nnames];
	return 0;
}

static int
rec_mkdir(int dirfd, const char *path)
{
	if (disk_real.mkdir(dirfd, path) == -1)
		return -1;
	snprintf(add(MKDIR)->path, PATH, "%s", path);
	return 0;
}

static void
rec_close(int fd)
{
	close(fd);
}

static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

const struct disk_ops recorder_ops = { .open = rec_open,
	.close = rec_close,
	.pwrite = rec_pwrite,
	.truncate = rec_truncate,
	.datasync = rec_sync,
	.sync = rec_sync,
	.syncfs = rec_syncfs,
	.rename = rec_rename,
	.link = rec_link,
	.unlink = rec_unlink,
	.mkdir = rec_mkdir };

static int
quick_open(int dirfd, const char *path, int flags, mode_t mode)
{
	return disk_real.open(dirfd, path, flags, mode);
}

static ssize_t
quick_pwrite(int fd, const void *p, size_t n, off_t off)
{
	return pwrite(fd, p, n, off);
}

static int
quick_rename(int dirfd, const char *from, const char *to)
{
	return renameat(dirfd, from, dirfd, to);
}

static int
quick_link(int dirfd, const char *from, const char *to)
{
	return linkat(dirfd, from, dirfd, to, 0);
}

static int
quick_unlink(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, 0);
}

static int
quick_mkdir(int dirfd, const char *path)
{
	return mkdirat(dirfd, path, 0700);
}

static int
quick_rmdir(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, AT_REMOVEDIR);
}

const struct disk_ops recorder_quick = { .open = quick_open,
	.close = rec_close,
	.pwrite = quick_pwrite,
	.truncate = ftruncate,
	.datasync = no_sync,
	.sync = no_sync,
	.syncfs = no_sync,
	.rename = quick_rename,
	.link = quick_link,
	.unlink = quick_unlink,
	.mkdir = quick_mkdir,
	.rmdir = quick_rmdir };

void
recorder_start(int dirfd)
{
	root = dirfd;
	nops = 0;
	nnames = 0;
	nnodes = 0;
}

void
recorder_mark(unsigned kind, unsigned a, unsigned b)
{
	struct op *op = add(MARK);

	op->mark[0] = kind;
	op->mark[1] = a;
	op->mark[2] = b;
}

static struct {
	struct op *ops;
	size_t nops, cap;
	unsigned nnodes;
} aside;

static void
load_file(int dirfd, const char *path)
{
	struct name *n = &names[nnames++];
	struct op *op = add(CREATE);
	struct stat st;
	int fd;

	snprintf(n->path, PATH, "%s", path);
	n->node = op->node = nnodes++;
	snprintf(op->path, PATH, "%s", path);
	op = add(WRITE);
	op->node = n->node;
	fd = openat(dirfd, path, O_RDONLY);
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    (op->data = malloc((size_t)st.st_size + 1)) == NULL)
		abort();
	op->len = (size_t)st.st_size;
	if (read(fd, op->data, op->len) != st.st_size)
		abort();
	close(fd);
}

static void
load_dir(int dirfd, const char *path)
{
	DIR *d = fdopendir(openat(dirfd, path, O_RDONLY | O_DIRECTORY));
	struct dirent *de;
	struct stat st;

	while (d != NULL && (de = readdir(d)) != NULL) {
		char sub[PATH];

		if (de->d_name[0] == '.')
			continue;
		if (strcmp(path, ".") == 0)
			snprintf(sub, PATH, "%.90s", de->d_name);
		else
			snprintf(sub, PATH, "%.50s/%.40s", path, de->d_name);
		if (fstatat(dirfd, sub, &st, 0) == -1)
			abort();
		if (S_ISDIR(st.st_mode)) {
			snprintf(add(MKDIR)->path, PATH, "%s", sub);
			load_dir(dirfd, sub);
		} else {
			load_file(dirfd, sub);
		}
	}
	if (d != NULL)
		closedir(d);
}

void
recorder_push(int dirfd)
{
	aside.ops = ops;
	aside.nops = nops;
	aside.cap = cap;
	aside.nnodes = nnodes;
	ops = NULL;
	cap = 0;
	recorder_start(dirfd);
	load_dir(dirfd, ".");
	add(SYNCFS);
}

void
recorder_pop(void)
{
	recorder_free();
	ops = aside.ops;
	nops = aside.nops;
	cap = aside.cap;
	nnodes = aside.nnodes;
}

size_t
recorder_count(void)
{
	return nops;
}

void
recorder_free(void)
{
	for (size_t i = 0; i < nops; i++)
		free(ops[i].data);
	free(ops);
	ops = NULL;
	nops = cap = 0;
}

bool
recorder_is_step(size_t at)
{
	return at == nops || (ops[at].kind != MARK);
}

const char *
recorder_name(size_t at)
{
	static const char *const kinds[] = { "create", "mkdir", "write",
		"truncate", "sync", "syncdir", "syncfs", "rename", "link",
		"unlink", "mark" };
	static char text[2 * PATH];

	if (at >= nops)
		return "the end";
	snprintf(text, sizeof(text), "%s %s node %u off %llu len %zu",
	    kinds[ops[at].kind], ops[at].path, ops[at].node,
	    (unsigned long long)ops[at].off, ops[at].len);
	return text;
}

/* ---- building ---------------------------------------------------------------
 */

struct file {
	unsigned char *data;
	size_t len, cap;
};

static uint64_t rnd;

static unsigned
chance(unsigned n)
{
	rnd = rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(rnd >> 33) % n;
}

static void
dir_of(const char *path, char out[static PATH])
{
	char *slash;

	snprintf(out, PATH, "%s", path);
	if ((slash = strrchr(out, '/')) != NULL)
		*slash = '\0';
	else
		snprintf(out, PATH, ".");
}

/* Was operation i made durable before the cut? */
static bool
is_durable(size_t i, size_t at)
{
	const struct op *op = &ops[i];
	char dir[PATH];

	dir_of(op->kind == RENAME ? op->to : op->path, dir);
	for (size_t k = i + 1; k < at; k++) {
		if (ops[k].kind == SYNCFS)
			return true;
		if (op->kind == WRITE || op->kind == TRUNCATE) {
			if (ops[k].kind == SYNC && ops[k].node == op->node)
				return true;
		} else if (ops[k].kind == SYNCDIR &&
		    strcmp(ops[k].path, dir) == 0) {
			return true;
		}
	}
	return false;
}

static void
put(struct file *f, uint64_t off, const unsigned char *p, size_t n)
{
	if (n == 0)
		return;
	if (off + n > f->cap) {
		f->cap = (size_t)(off + n) * 2;
		if ((f->data = realloc(f->data, f->cap)) == NULL)
			abort();
	}
	if (off > f->len)
		memset(f->data + f->len, 0, (size_t)off - f->len);
	memcpy(f->data + off, p, n);
	if (off + n > f->len)
		f->len = (size_t)(off + n);
}

/* Parts of a write: each unit of the file that it touches, or not. */
static void
put_torn(struct file *f, const struct op *op, size_t unit)
{
	static const unsigned char zero[1];
	size_t end;

	/* The size may have grown already. */
	if (op->off + op->len > f->len && chance(2))
		put(f, op->off + op->len - 1, zero, 1);
	for (size_t at = 0; at < op->len; at = end) {
		end = (op->off + at + unit) / unit * unit - op->off;
		if (end > op->len)
			end = op->len;
		if (chance(2))
			put(f, op->off + at, op->data + at, end - at);
	}
}

static bool
parent_exists(const char *path, char dirs[][PATH], size_t ndirs)
{
	char dir[PATH];

	dir_of(path, dir);
	if (strcmp(dir, ".") == 0)
		return true;
	for (size_t i = 0; i < ndirs; i++)
		if (strcmp(dirs[i], dir) == 0)
			return true;
	return false;
}

static void
apply_data(struct file *f, const struct op *op, bool durable, enum cut cut)
{
	bool all = durable || cut == CUT_ALL || cut == CUT_DATA;

	if (!all && (cut == CUT_NONE || cut == CUT_NAMES))
		return;
	if (op->kind == TRUNCATE) {
		if (!all && chance(2))
			return;
		if (op->off < f->len)
			f->len = (size_t)op->off;
	} else if (all) {
		put(f, op->off, op->data, op->len);
	} else {
		put_torn(f, op, cut == CUT_512 ? 512 : 4096);
	}
}

/* Blocks of zeros stay holes: most of a log is, and states are many. */
static int
write_file(int fd, const struct file *f)
{
	static const unsigned char zero[4096];

	if (ftruncate(fd, (off_t)f->len) == -1)
		return -1;
	for (size_t at = 0; at < f->len; at += sizeof(zero)) {
		size_t n = f->len - at < sizeof(zero) ? f->len - at
		                                      : sizeof(zero);

		if (memcmp(f->data + at, zero, n) != 0 &&
		    pwrite(fd, f->data + at, n, (off_t)at) != (ssize_t)n)
			return -1;
	}
	return 0;
}

void
recorder_build(int dirfd, size_t at, enum cut cut, uint64_t seed,
    void (*mark)(unsigned, unsigned, unsigned))
{
	static struct name now[4096];
	static char dirs[256][PATH];
	struct file *files = calloc(nnodes + 1, sizeof(*files));
	size_t n = 0, ndirs = 0;
	struct name *f, *t;

	rnd = seed * 7919 + at;
	chance(2);
	for (size_t i = 0; i < at; i++) {
		const struct op *op = &ops[i];
		bool durable;

		if (op->kind == MARK) {
			mark(op->mark[0], op->mark[1], op->mark[2]);
			continue;
		}
		if (op->kind == SYNC || op->kind == SYNCDIR ||
		    op->kind == SYNCFS)
			continue;
		durable = is_durable(i, at);
		if (op->kind == WRITE || op->kind == TRUNCATE) {
			apply_data(&files[op->node], op, durable, cut);
			continue;
		}
		if (!durable &&
		    (cut == CUT_NONE || cut == CUT_DATA ||
		        (cut >= CUT_512 && chance(2))))
			continue;
		switch (op->kind) {
		case CREATE:
		case LINK: /* its path is the new name */
			if (!parent_exists(op->path, dirs, ndirs) ||
			    find_name(now, n, op->path) != NULL)
				break;
			snprintf(now[n].path, PATH, "%s", op->path);
			now[n++].node = op->node;
			break;
		case MKDIR:
			snprintf(dirs[ndirs++], PATH, "%s", op->path);
			break;
		case RENAME:
			if (!parent_exists(op->to, dirs, ndirs))
				break;
			/* A synced directory has the new name, whether or
			 * not the old one ever reached the disk. */
			if ((t = find_name(now, n, op->to)) != NULL)
				*t = now[--n];
			if ((f = find_name(now, n, op->path)) != NULL)
				*f = now[--n];
			snprintf(now[n].path, PATH, "%s", op->to);
			now[n++].node = op->node;
			break;
		case UNLINK:
			if ((f = find_name(now, n, op->path)) != NULL)
				*f = now[--n];
			break;
		default:
			break;
		}
	}
	for (size_t i = 0; i < ndirs; i++)
		mkdirat(dirfd, dirs[i], 0700);
	for (size_t i = 0; i < n; i++) {
		struct file *data = &files[now[i].node];
		int fd = openat(dirfd, now[i].path,
		    O_WRONLY | O_CREAT | O_TRUNC, 0600);

		if (fd == -1 || write_file(fd, data) == -1) {
			printf("Bail out! %s: %s\n", now[i].path,
			    strerror(errno));
			exit(1);
		}
		close(fd);
	}
	for (unsigned i = 0; i < nnodes; i++)
		free(files[i].data);
	free(files);
}
