/*
 * walk - go over the names in new/ and cur/ of all folders of a Maildir, one
 * at a time, while the mailbox is used as ever.
 *
 * What is no folder of mail has no names; no link is followed.  Names that
 * begin with a dot, and what is known to be no file, are passed over; whether
 * the rest are messages is for the caller to see.
 */
#ifndef LIBSTORE_WALK_H
#define LIBSTORE_WALK_H

#include "libcommon/buf.h"

#include <dirent.h>

struct walk {
	int maildir;      /* -1: over */
	DIR *folders;     /* of the Maildir: folders are .NAME in it */
	char folder[256]; /* "": INBOX */
	unsigned sub;     /* which of its directories comes next */
	DIR *dir;         /* the one it is in, or NULL */
	bool dir_over;
	int err; /* the first thing that could not be read */
};

enum walk_at {
	WALK_NAME,      /* *name_out, in w->dir */
	WALK_DIR,       /* w->dir has been opened */
	WALK_DIR_END,   /* it had no more; it is closed by the next call */
	WALK_ELSEWHERE, /* nothing found, but looked for */
	WALK_OVER,
};

void walk_begin(struct walk *, int home); /* home is borrowed */
/* A bounded piece of work; the name is good until the next call. */
enum walk_at walk_next(struct walk *, const char **name_out);
/* Is the open directory a new/? */
bool walk_in_new(const struct walk *);
void walk_end(struct walk *); /* at any time */

#endif
