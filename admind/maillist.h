/*
 * maillist - the addresses an alias (MAIL LIST) or a mailbox (FORWARD) leads
 * to, with commas between them.
 *
 * What comes out is safe in aliases(5), .forward and on one line: ASCII, no
 * blanks, quotes, backslashes or colons, and nothing that other programs take
 * for a program, a file or an include.
 */
#ifndef ADMIND_MAILLIST_H
#define ADMIND_MAILLIST_H

#include "libcommon/addr.h"

#define MAILLIST_MAX 1000 /* as many targets as a recipient may have */
#define MAILLIST_WHY 160

/* Bare names as well: other aliases and mailboxes of this server. */
#define MAILLIST_NAMES 1

/*
 * Append the list to out as it is kept: "bob,eve@x.example", domains as
 * A-labels in lower case, nothing twice.  0, or -1 with what is wrong with it
 * in why.  An empty list is wrong.
 */
int maillist_take(struct span in, unsigned flags, struct buf *out,
    char why[static MAILLIST_WHY]);

/* One address, with its domain, of such a list. */
int maillist_address(struct span in, struct addr *out,
    char why[static MAILLIST_WHY]);

#endif
