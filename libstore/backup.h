/*
 * backup - the mail of a mailbox as a tar archive, a piece at a time, while the
 * mailbox is used as ever.
 *
 * Entries are Maildir/new/NAME and Maildir/cur/NAME, the same below
 * Maildir/.FOLDER/, and Maildir/.FOLDER/maildirfolder; times are kept.  What
 * was there at the beginning and still is at the end is in it once; what came
 * meanwhile may be.  A message that is deleted while it is read is whole in it.
 *
 * The names are listed at the beginning, and again at the end for what has been
 * renamed meanwhile (its flags have changed); they are held in memory.
 */
#ifndef LIBSTORE_BACKUP_H
#define LIBSTORE_BACKUP_H

#include "libstore/nameset.h"
#include "libstore/walk.h"

struct backup {
	int home;                 /* borrowed */
	uint64_t messages, bytes; /* in the archive so far */
	bool over;
	/* where it is */
	bool listing;
	struct walk walk;
	struct buf names; /* of this listing: folder, sub, name; a NUL each */
	uint32_t *list;   /* places in names, sorted */
	size_t n, cap, next;
	struct nameset done; /* FOLDER/UNIQUE of what is in the archive */
	unsigned listings;
	bool again; /* this one had something new, or missed it */
	int fd;     /* the message under way, or -1 */
	uint64_t size, at;
};

enum backup_step {
	BACKUP_AGAIN, /* call again */
	BACKUP_FULL,  /* out has what it may have */
	BACKUP_OVER,  /* the archive is whole */
	BACKUP_FAILED /* errno; EBADMSG: a message was changed under our hands */
};

void backup_begin(struct backup *, int home);
/* Append to out, until it has max bytes (more than TAR_HEADER_MAX), looking at
 * n names at most. */
enum backup_step backup_step(struct backup *, struct buf *out, size_t max,
    unsigned n);
void backup_end(struct backup *); /* at any time */

#endif
