/*
 * sys - the system calls by which a store changes a home, in one replaceable
 * table, so that tests can record them, fail the nth and stop between any two.
 */
#ifndef LIBSTORE_SYS_H
#define LIBSTORE_SYS_H

#include <sys/types.h>

struct store_sys {
	/* beneath dirfd, following nothing: io_open_beneath() */
	int (*open)(int dirfd, const char *path, int flags, mode_t mode);
	ssize_t (*pread)(int fd, void *, size_t, off_t);
	ssize_t (*write)(int fd, const void *, size_t);
	int (*close)(int fd);
	int (*sync)(int fd);     /* a file or a directory */
	int (*sync_all)(int fd); /* its file system */
	int (*mkdir)(int dirfd, const char *name, mode_t mode);
	/* never over an existing name: EEXIST */
	int (*rename_new)(int fromdir, const char *from, int todir,
	    const char *to);
	int (*rename)(int fromdir, const char *from, int todir, const char *to);
	int (*unlink)(int dirfd, const char *name);
};

extern struct store_sys store_sys;

/* Everything, or -1 with errno. */
int store_write_all(int fd, const void *, size_t);

#endif
