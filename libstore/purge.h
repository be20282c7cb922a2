/*
 * purge - delete the mail of a mailbox, all of it or what is old, in all of
 * its folders, a little at a time.  Folders stay.
 *
 * Meanwhile the mailbox is used as ever: what is delivered may or may not be
 * found; what somebody else deletes or renames first is no error.
 */
#ifndef LIBSTORE_PURGE_H
#define LIBSTORE_PURGE_H

#include "libstore/walk.h"

struct purge {
	uint64_t before_s;        /* delete what came before; 0: all */
	bool dry_run;             /* only count */
	uint64_t messages, bytes; /* found and, unless dry_run, deleted */
	int err;                  /* the first thing that could not be done */
	struct walk walk;         /* where it is */
	bool changed;             /* its directory is to be synced */
};

void purge_begin(struct purge *, int home, uint64_t before_s, bool dry_run);
/* Look at up to n names.  1: call again; 0: done, durably; -1 with errno:
 * done, but not all of it. */
int purge_step(struct purge *, unsigned n);
void purge_end(struct purge *); /* at any time */

#endif
