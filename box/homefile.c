#include "config.h"
#include "box/homefile.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libstore/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 20 /* names its owner may have taken */
#define NAME_MAX_BYTES 64

static int
shut(int fd)
{
	int saved = errno;

	store_sys.close(fd);
	errno = saved;
	return -1;
}

/* Only a plain file with one name.  O_NONBLOCK: opening it never waits. */
static int
open_plain(int home, const char *name, int flags)
{
	int fd = store_sys.open(home, name, flags | O_NONBLOCK, 0);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return shut(fd);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		errno = ELOOP;
		return shut(fd);
	}
	return fd;
}

int
homefile_read(int home, const char *name, size_t max, struct buf *out)
{
	int fd = open_plain(home, name, O_RDONLY);

	if (fd == -1)
		return -1;
	if (io_slurp(fd, max, out) == -1)
		return shut(fd);
	store_sys.close(fd);
	return 0;
}

int
homefile_append(int home, const char *name, struct span bytes)
{
	int fd = open_plain(home, name, O_WRONLY | O_APPEND);

	if (fd == -1)
		return -1;
	if (store_write_all(fd, bytes.data, bytes.len) == -1 ||
	    store_sys.sync(fd) == -1)
		return shut(fd);
	return store_sys.close(fd);
}

/* The home is held as a path only, which cannot be synced. */
static int
sync_home(int home)
{
	int fd = store_sys.open(home, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd == -1)
		return -1;
	if (store_sys.sync(fd) == -1)
		return shut(fd);
	store_sys.close(fd);
	return 0;
}

/* A folder has the name: it keeps its contents under another one. */
static int
move_aside(int home, const char *name)
{
	char to[NAME_MAX_BYTES];

	for (unsigned i = 1; i <= TRIES; i++) {
		snprintf(to, sizeof(to), "%s.was-%u", name, i);
		if (store_sys.rename_new(home, name, home, to) == 0) {
			log_warnx("moved-aside name=%s to=%s", name, to);
			return 0;
		}
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int
is_folder(int home, const char *name)
{
	struct stat st;

	return fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode);
}

/* A new file with the bytes, durable, under a name of its own. */
static int
write_new(int home, const char *name, struct span bytes,
    char tmp[static NAME_MAX_BYTES])
{
	int fd = -1;

	for (unsigned i = 0; fd == -1 && i < TRIES; i++) {
		snprintf(tmp, NAME_MAX_BYTES, "%s.new-%u", name, i);
		/* What a crash left, or its owner put there. */
		store_sys.unlink(home, tmp);
		fd = store_sys.open(home, tmp, O_WRONLY | O_CREAT | O_EXCL,
		    0600);
		if (fd == -1 && errno != EEXIST)
			return -1;
	}
	if (fd == -1)
		return -1;
	if (store_write_all(fd, bytes.data, bytes.len) == -1 ||
	    store_sys.sync(fd) == -1) {
		shut(fd);
		goto fail;
	}
	if (store_sys.close(fd) == 0)
		return 0;
fail:
	fd = errno;
	store_sys.unlink(home, tmp);
	errno = fd;
	return -1;
}

int
homefile_write(int home, const char *name, struct span bytes)
{
	char tmp[NAME_MAX_BYTES];
	int saved;

	if (write_new(home, name, bytes, tmp) == -1)
		return -1;
	/* rename() replaces a link or a FIFO itself, never what it leads to. */
	if (store_sys.rename(home, tmp, home, name) == -1 &&
	    (!is_folder(home, name) || move_aside(home, name) == -1 ||
	        store_sys.rename(home, tmp, home, name) == -1)) {
		saved = errno;
		store_sys.unlink(home, tmp);
		errno = saved;
		return -1;
	}
	return sync_home(home);
}

int
homefile_erase(int home, const char *name)
{
	if (store_sys.unlink(home, name) == -1 && errno != ENOENT &&
	    (!is_folder(home, name) || move_aside(home, name) == -1))
		return -1;
	/* Also if it was gone: a crash may have come before the sync. */
	return sync_home(home);
}
