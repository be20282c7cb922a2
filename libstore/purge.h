/*
 * purge - delete the mail of a mailbox, all of it or what is old, in all of
 * its folders, a little at a time.  Folders stay.
 *
 * Meanwhile the mailbox is used as ever: what is delivered may or may not be
 * found; what somebody else deletes or renames first is no error.
 */
#ifndef LIBSTORE_PURGE_H
#define LIBSTORE_PURGE_H

#include "libcommon/buf.h"

#include <dirent.h>

struct purge {
	int home;           /* borrowed */
	uint64_t before_s;  /* delete what came before; 0: all */
	bool dry_run;       /* only count */
	uint64_t messages, bytes; /* found and, unless dry_run, deleted */
	int err;            /* the first thing that could not be done */
	/* where it is */
	int maildir;
	DIR *folders;       /* of the Maildir: folders are .NAME in it */
	char folder[256];   /* "": INBOX */
	unsigned sub;       /* which of its directories comes next */
	DIR *dir;
	bool changed;       /* dir is to be synced */
};

void purge_begin(struct purge *, int home, uint64_t before_s, bool dry_run);
/* Look at up to n names.  1: call again; 0: done, durably; -1 with errno:
 * done, but not all of it. */
int purge_step(struct purge *, unsigned n);
void purge_end(struct purge *); /* at any time */

#endif
