#include "config.h"
#include "libstore/usage.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "maildirsize"
#define TMP_NAME "maildirsize.new"

/* ---- the file ---------------------------------------------------------- */

/* An optional minus and digits off the front of s. */
static int
take_int(struct span *s, int64_t *out)
{
	bool minus = s->len > 0 && s->data[0] == '-';
	size_t n = minus ? 1 : 0, from = n;
	uint64_t v;

	while (n < s->len && s->data[n] >= '0' && s->data[n] <= '9')
		n++;
	if (span_u64(span_sub(*s, from, n - from), INT64_MAX, &v) == -1)
		return -1;
	*out = minus ? -(int64_t)v : (int64_t)v;
	*s = span_sub(*s, n, s->len);
	return 0;
}

static void
skip_blanks(struct span *s)
{
	while (s->len > 0 && s->data[0] == ' ')
		*s = span_sub(*s, 1, s->len);
}

/* "1000S", "1000S,50C": only the bytes count here. */
static int
parse_quota(struct span line, uint64_t *quota_out)
{
	*quota_out = 0;
	while (line.len > 0) {
		int64_t v;

		if (take_int(&line, &v) == -1 || v < 0 || line.len == 0)
			return -1;
		if (line.data[0] == 'S')
			*quota_out = (uint64_t)v;
		else if (line.data[0] != 'C')
			return -1;
		line = span_sub(line, 1, line.len);
		if (line.len > 0 && line.data[0] != ',')
			return -1;
		line = span_sub(line, 1, line.len);
	}
	return 0;
}

static int
parse_line(struct span line, struct maildirsize *out)
{
	int64_t bytes, count;

	skip_blanks(&line);
	if (take_int(&line, &bytes) == -1)
		return -1;
	if (line.len == 0 || line.data[0] != ' ')
		return -1;
	skip_blanks(&line);
	if (take_int(&line, &count) == -1)
		return -1;
	skip_blanks(&line);
	if (line.len != 0 ||
	    __builtin_add_overflow(out->bytes, bytes, &out->bytes) ||
	    __builtin_add_overflow(out->count, count, &out->count))
		return -1;
	out->lines++;
	return 0;
}

int
maildirsize_parse(struct span in, struct maildirsize *out)
{
	ptrdiff_t end;
	bool first = true;

	memset(out, 0, sizeof(*out));
	while (in.len > 0) {
		struct span line;

		/* A line without its end was cut short by a crash. */
		if ((end = span_chr(in, '\n')) == -1)
			goto bad;
		line = span_sub(in, 0, (size_t)end);
		in = span_sub(in, (size_t)end + 1, in.len);
		if (first ? parse_quota(line, &out->quota) == -1
		          : parse_line(line, out) == -1)
			goto bad;
		first = false;
	}
	if (first || out->bytes < 0 || out->count < 0)
		goto bad;
	return 0;
bad:
	errno = EBADMSG;
	return -1;
}

/* Only a plain file with one name: the home's owner may have put anything
 * there. */
static int
open_plain(int home, int flags, uint64_t *size_out)
{
	int fd = store_sys.open(home, MAILDIR "/" FILE_NAME, flags | O_NONBLOCK,
	    0);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		store_sys.close(fd);
		errno = EBADMSG;
		return -1;
	}
	*size_out = (uint64_t)st.st_size;
	return fd;
}

static int
read_file(struct usage *u, struct maildirsize *out)
{
	char text[USAGE_FILE_MAX];
	uint64_t size;
	ssize_t n;
	int fd;

	if ((fd = open_plain(u->home, O_RDONLY, &size)) == -1)
		return -1;
	n = store_sys.pread(fd, text, sizeof(text), 0);
	store_sys.close(fd);
	if (n == -1)
		return -1;
	if (size > sizeof(text) || (uint64_t)n != size) {
		errno = EBADMSG;
		return -1;
	}
	u->file_bytes = size;
	return maildirsize_parse(span_from(text, (size_t)n), out);
}

/* ---- counting ---------------------------------------------------------- */

struct count {
	int fd; /* of the folder that is read */
	int maildir;
	uint64_t bytes, count;
};

static int
count_file(void *arg, const char *name, unsigned char type)
{
	struct count *c = arg;
	uint64_t bytes, octets;
	struct stat st;

	if (type != DT_REG && type != DT_UNKNOWN)
		return 0;
	maildir_name_sizes(name, &bytes, &octets);
	if (bytes == STORE_UNKNOWN || type == DT_UNKNOWN) {
		if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode))
			return 0;
		bytes = (uint64_t)st.st_size;
	}
	if (bytes > INT64_MAX - c->bytes) /* a name may claim anything */
		return 0;
	c->bytes += bytes;
	c->count++;
	return 0;
}

static int
count_dir(struct count *c, const char *folder, const char *sub)
{
	char path[STORE_NAME_MAX + 8];

	snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", sub);
	c->fd = store_sys.open(c->maildir, path, O_RDONLY | O_DIRECTORY, 0);
	if (c->fd == -1)
		return errno == ENOENT || errno == ELOOP || errno == ENOTDIR
		    ? 0
		    : -1;
	return maildir_scan(c->fd, count_file, c);
}

static int
count_folder(struct count *c, const char *folder)
{
	return count_dir(c, folder, "new") == -1 ||
	        count_dir(c, folder, "cur") == -1
	    ? -1
	    : 0;
}

/* INBOX and, as Maildir++ has them, folders named .NAME beside it. */
static int
count_all(struct count *c, int home)
{
	struct dirent *de;
	DIR *dir;
	int fd, r;

	if ((c->maildir = maildir_dir(home, "", O_RDONLY)) == -1)
		return -1;
	r = count_folder(c, "");
	fd = r == 0 ? maildir_dir(home, "", O_RDONLY) : -1;
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		store_sys.close(c->maildir);
		return -1;
	}
	while (r == 0 && (de = readdir(dir)) != NULL) {
		if (de->d_name[0] != '.' || strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0 || de->d_type == DT_REG)
			continue;
		r = count_folder(c, de->d_name);
	}
	closedir(dir);
	store_sys.close(c->maildir);
	return r;
}

static int
write_new(struct usage *u)
{
	char text[128];
	int dir, fd, n, r;

	n = snprintf(text, sizeof(text),
	    "%" PRIu64 "S\n%" PRIu64 " %" PRIu64 "\n", u->quota, u->bytes,
	    u->count);
	if ((dir = maildir_dir(u->home, "", O_PATH)) == -1)
		return -1;
	store_sys.unlink(dir, TMP_NAME);
	fd = store_sys.open(dir, TMP_NAME, O_WRONLY | O_CREAT | O_EXCL, 0600);
	r = fd;
	if (fd != -1) {
		r = store_write_all(fd, text, (size_t)n);
		if (store_sys.close(fd) == -1)
			r = -1;
	}
	if (r != -1)
		r = store_sys.rename(dir, TMP_NAME, dir, FILE_NAME);
	store_sys.close(dir);
	u->file_bytes = (uint64_t)n;
	return r == -1 ? -1 : 0;
}

static int
usage_count(struct usage *u)
{
	struct count c = { .fd = -1 };

	if (count_all(&c, u->home) == -1) {
		u->known = false;
		return -1;
	}
	u->bytes = c.bytes;
	u->count = c.count;
	u->known = true;
	write_new(u); /* the next start counts again if this fails */
	return 0;
}

int
usage_open(struct usage *u, int home, uint64_t quota_bytes)
{
	struct maildirsize ms;

	*u = (struct usage){ .home = home, .quota = quota_bytes };
	if (read_file(u, &ms) == -1 || ms.quota != quota_bytes ||
	    (quota_bytes != 0 && (uint64_t)ms.bytes > quota_bytes))
		return usage_count(u);
	u->bytes = (uint64_t)ms.bytes;
	u->count = (uint64_t)ms.count;
	u->known = true;
	return 0;
}

void
usage_set_quota(struct usage *u, uint64_t quota_bytes)
{
	u->quota = quota_bytes;
	/* If it cannot be written the next start finds the old quota in it,
	 * and counts. */
	if (u->known)
		write_new(u);
}

void
usage_add(struct usage *u, int64_t bytes, int64_t count)
{
	char text[64];
	uint64_t size;
	int fd, n;

	if (!u->known || u->file_bytes > USAGE_FILE_MAX - sizeof(text) ||
	    (bytes < 0 && u->bytes < (uint64_t)-bytes) ||
	    (count < 0 && u->count < (uint64_t)-count)) {
		usage_count(u);
		return;
	}
	u->bytes += (uint64_t)bytes;
	u->count += (uint64_t)count;
	n = snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 "\n", bytes,
	    count);
	if ((fd = open_plain(u->home, O_WRONLY | O_APPEND, &size)) == -1) {
		write_new(u);
		return;
	}
	if (store_write_all(fd, text, (size_t)n) == 0)
		u->file_bytes = size + (uint64_t)n;
	else
		u->file_bytes = USAGE_FILE_MAX; /* count at the next change */
	store_sys.close(fd);
}
