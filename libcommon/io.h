/*
 * io - whole reads and writes, and paths that cannot lead elsewhere.
 */
#ifndef LIBCOMMON_IO_H
#define LIBCOMMON_IO_H

#include "libcommon/buf.h"

#include <sys/types.h>

/* Everything or -1 with errno (a short read at the end is EIO). */
int io_write_all(int fd, const void *, size_t);
int io_pwrite_all(int fd, const void *, size_t, off_t);
int io_read_all(int fd, void *, size_t);
int io_pread_all(int fd, void *, size_t, off_t);
/* The whole file, at most max bytes (else EFBIG). */
int io_slurp(int fd, size_t max, struct buf *out);
int io_slurp_path(const char *path, size_t max, struct buf *out);
/* openat2() beneath dirfd: no links followed, no way out.  O_CLOEXEC is
 * added. */
int io_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
int io_fsync_dir(int dirfd); /* fsync of an open directory */
int io_nonblock(int fd);
/* A sealed memfd with these bytes, at offset 0; -1 with errno. */
int io_sealed_memfd(const char *name, struct span bytes);
/* execve() for constant strings; searches PATH unless path has a slash; envp
 * NULL keeps ours.  Returns only with errno. */
void io_exec(const char *path, const char *const argv[],
    const char *const envp[]);
uint64_t io_now_ms(void); /* monotonic */
uint64_t io_wall_s(void); /* Unix time */

uint32_t io_crc32c(uint32_t crc, const void *, size_t); /* start with 0 */

#endif
