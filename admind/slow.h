/*
 * slow - guessing passwords gets slower (SE-5): failures are counted for the
 * client's address and for the login name, whether that exists or not, and
 * forgotten in time.
 */
#ifndef ADMIND_SLOW_H
#define ADMIND_SLOW_H

#include "libcommon/buf.h"

#define SLOW_DELAY_MAX_MS 8000
#define SLOW_REFUSE 100 /* recent failures of one address: no more checks */

/* No password of this address is looked at for now. */
bool slow_refuses(struct span remote, uint64_t now_ms);
/* A failure: count it, and say how long its answer should wait. */
unsigned slow_failed(struct span remote, struct span login, uint64_t now_ms);
/* A success: the name's failures are forgotten; the address's are not, or one
 * good account would do to go on guessing others. */
void slow_passed(struct span login);

#endif
