/*
 * tar - an archive is written: POSIX ustar (IEEE 1003.1, pax), with pax
 * extended headers for what does not fit into it.  untar.h reads.
 */
#ifndef LIBSTORE_TAR_H
#define LIBSTORE_TAR_H

#include "libcommon/buf.h"

#define TAR_BLOCK 512
#define TAR_PATH_MAX 1024   /* bytes of a path; longer ones are not messages */
#define TAR_HEADER_MAX 4096 /* bytes tar_put_header() adds at most */

/* A regular file of size bytes, mode 0600, owner 0: its bytes and
 * tar_put_pad() follow.  path: at most TAR_PATH_MAX bytes. */
void tar_put_header(struct buf *, const char *path, uint64_t size,
    int64_t mtime_s);
/* What fills the last block of size bytes. */
void tar_put_pad(struct buf *, uint64_t size);
void tar_put_end(struct buf *); /* the archive is whole */

/* What it must be in place 148 of a block: the sum of all others. */
unsigned tar_sum(const unsigned char block[static TAR_BLOCK]);

#endif
