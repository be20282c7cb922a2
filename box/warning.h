/*
 * warning - the message that tells a mailbox's owner that it is nearly full
 * (quota-warning in semail.conf(5)).
 *
 * It is put into the mailbox once, and noted in the home; once the mailbox has
 * gone WARNING_GAP percent below the level, the next time counts anew.
 */
#ifndef BOX_WARNING_H
#define BOX_WARNING_H

#include "libcommon/box_setup.h"
#include "libstore/store.h"
#include "libstore/usage.h"

#define WARNED_FILE ".quota.warned"
#define WARNING_GAP 10 /* percent of the quota */

struct warning {
	bool looked; /* for what the home says: noted is that */
	bool noted;  /* its owner has been told */
};

/* What the mailbox holds has changed, or what it may hold: warn, or forget that
 * its owner was warned.  The message is counted in usage.  What fails is logged
 * and tried again at the next change. */
void warning_look(struct warning *, int home, const struct box_setup *,
    struct folder *, struct usage *, uint64_t now_s);

#endif
