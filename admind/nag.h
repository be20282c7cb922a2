/*
 * nag - say it once in a while: trouble that shows with every message would
 * fill the log.
 */
#ifndef ADMIND_NAG_H
#define ADMIND_NAG_H

#include "libcommon/buf.h"

#define NAG_MS (60 * 60 * 1000)

/* Has this not been said for an hour?  Then it counts as said now.  What shares
 * a place with another may be said sooner. */
bool nag(uint32_t about);
bool nag_text(struct span about);

#endif
