/*
 * disk - everything queued does to its disk goes through this table.
 *
 * One level of indirection, so that tests can record each write, sync, rename
 * and unlink, fail the nth of them, and rebuild what a power cut may leave.
 * Reading is not in it: it changes nothing.
 */
#ifndef QUEUE_DISK_H
#define QUEUE_DISK_H

#include "libcommon/buf.h"

#include <sys/types.h>

struct disk_ops {
	/* Beneath dirfd, no links followed; O_CLOEXEC is added. */
	int (*open)(int dirfd, const char *path, int flags, mode_t mode);
	void (*close)(int fd);
	ssize_t (*pwrite)(int fd, const void *, size_t, off_t);
	/* From a pipe to the end of a file; as splice(2). */
	ssize_t (*splice)(int pipe_fd, int fd, off_t *, size_t);
	int (*truncate)(int fd, off_t);
	int (*datasync)(int fd);
	int (*sync)(int fd);   /* a file or a directory */
	int (*syncfs)(int fd); /* everything on its file system */
	int (*rename)(int dirfd, const char *from, const char *to);
	/* A second name, which is not there yet. */
	int (*link)(int dirfd, const char *from, const char *to);
	int (*unlink)(int dirfd, const char *path);
	int (*mkdir)(int dirfd, const char *path);
	int (*rmdir)(int dirfd, const char *path);
};

extern const struct disk_ops *disk;     /* in force */
extern const struct disk_ops disk_real; /* the system calls */

/* All of it or -1 with errno. */
int disk_pwrite_all(int fd, const void *, size_t, off_t);
/* fsync of the directory path beneath dirfd ("." for itself). */
int disk_sync_dir(int dirfd, const char *path);
/* Make a directory that may be there already; a new one is made durable by
 * syncing the directory it is in.  0, or -1 with errno: where that sync fails
 * it is removed again, so that nobody takes it for durable later. */
int disk_need_dir(int dirfd, const char *parent, const char *path);

#endif
