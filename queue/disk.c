#include "config.h"
#include "queue/disk.h"
#include "libcommon/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void
real_close(int fd)
{
	close(fd);
}

static ssize_t
real_pwrite(int fd, const void *p, size_t n, off_t off)
{
	return pwrite(fd, p, n, off);
}

static ssize_t
real_splice(int pipe_fd, int fd, off_t *off, size_t n)
{
	loff_t at = *off;
	ssize_t r = splice(pipe_fd, NULL, fd, &at, n,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	*off = at;
	return r;
}

static int
real_rename(int dirfd, const char *from, const char *to)
{
	return renameat(dirfd, from, dirfd, to);
}

static int
real_link(int dirfd, const char *from, const char *to)
{
	return linkat(dirfd, from, dirfd, to, 0);
}

static int
real_unlink(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, 0);
}

static int
real_mkdir(int dirfd, const char *path)
{
	return mkdirat(dirfd, path, 0700);
}

static int
real_rmdir(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, AT_REMOVEDIR);
}

const struct disk_ops disk_real = {
	.open = io_open_beneath,
	.close = real_close,
	.pwrite = real_pwrite,
	.splice = real_splice,
	.truncate = ftruncate,
	.datasync = fdatasync,
	.sync = fsync,
	.syncfs = syncfs,
	.rename = real_rename,
	.link = real_link,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.rmdir = real_rmdir,
};

const struct disk_ops *disk = &disk_real;

int
disk_pwrite_all(int fd, const void *data, size_t n, off_t off)
{
	const unsigned char *p = data;
	ssize_t r;

	while (n > 0) {
		if ((r = disk->pwrite(fd, p, n, off)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0) {
			errno = EIO;
			return -1;
		}
		p += r;
		off += r;
		n -= (size_t)r;
	}
	return 0;
}

int
disk_sync_dir(int dirfd, const char *path)
{
	int fd = disk->open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
	int r, saved;

	if (fd == -1)
		return -1;
	r = disk->sync(fd);
	saved = errno;
	disk->close(fd);
	errno = saved;
	return r;
}

int
disk_need_dir(int dirfd, const char *parent, const char *path)
{
	int saved;

	if (disk->mkdir(dirfd, path) == -1)
		return errno == EEXIST ? 0 : -1;
	if (disk_sync_dir(dirfd, parent) == 0)
		return 0;
	saved = errno;
	disk->rmdir(dirfd, path);
	errno = saved;
	return -1;
}
