/*
 * body - large bodies, each in a file of its own.
 *
 * body/tmp/TOKEN while it comes in, body/ab/ID once its message has an id.
 * The file and its name are durable before the record that points to it is
 * written; it goes only after the "done" that makes it unneeded is durable.
 */
#ifndef QUEUE_BODY_H
#define QUEUE_BODY_H

#include "libcommon/buf.h"

/* A new empty file, O_RDWR.  Only queued ever has a writable descriptor. */
int body_create(int dirfd, uint64_t token);
void body_drop(int dirfd, uint64_t token);
/* Sync the file, give it its final name, sync that. */
int body_keep(int dirfd, int fd, uint64_t token, uint64_t id);
/* The body of from is the body of id, too: a second name for the file, which
 * nobody writes to any more.  Durable. */
int body_share(int dirfd, uint64_t from, uint64_t id);
int body_open(int dirfd, uint64_t id); /* O_RDONLY */
int body_unlink(int dirfd, uint64_t id);
/* Remove what no message needs; only after everything has been scanned. */
void body_collect(int dirfd, bool (*needed)(void *, uint64_t id), void *arg);

#endif
