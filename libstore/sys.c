#include "config.h"
#include "libstore/sys.h"
#include "libcommon/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the file system has no RENAME_NOREPLACE, link() refuses an existing
 * name as well; a crash between the two leaves the second name, which the
 * next look for this queue id takes away. */
static int
rename_new(int fromdir, const char *from, int todir, const char *to)
{
	if (renameat2(fromdir, from, todir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(fromdir, from, todir, to, 0) == -1)
		return -1;
	return unlinkat(fromdir, from, 0);
}

static int
unlink_file(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0);
}

struct store_sys store_sys = {
	.open = io_open_beneath,
	.pread = pread,
	.write = write,
	.close = close,
	.sync = fsync,
	.sync_all = syncfs,
	.mkdir = mkdirat,
	.rename_new = rename_new,
	.rename = renameat,
	.unlink = unlink_file,
};

int
store_write_all(int fd, const void *data, size_t n)
{
	const unsigned char *p = data;
	ssize_t r;

	while (n > 0) {
		if ((r = store_sys.write(fd, p, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0) {
			errno = EIO;
			return -1;
		}
		p += r;
		n -= (size_t)r;
	}
	return 0;
}
