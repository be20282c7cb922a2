/*
 * homefile - small files of ours in a home, next to the Maildir.
 *
 * Their owner may have put a link, a FIFO or a folder in their place: nothing
 * is followed or waited for, and what was there is replaced.  A folder, which
 * cannot be, is moved aside.
 */
#ifndef BOX_HOMEFILE_H
#define BOX_HOMEFILE_H

#include "libcommon/buf.h"

#define FORWARD_FILE ".forward"
#define VACATION_FILE ".vacation.msg"
#define VACATION_DB ".vacation.db"

/* The whole file, at most max bytes.  0, or -1 with errno: ENOENT, EFBIG,
 * ELOOP for whatever is no regular file with one link. */
int homefile_read(int home, const char *name, size_t max, struct buf *out);
/* All of it or what was before, durably. */
int homefile_write(int home, const char *name, struct span bytes);
/* It is not there afterwards, durably; 0 also if it was not there before. */
int homefile_erase(int home, const char *name);
/* Add to the end, durably; ENOENT if there is none. */
int homefile_append(int home, const char *name, struct span bytes);

#endif
