/*
 * nameset - a set of names that only grows: which messages are there, or have
 * been dealt with, for a hundred thousand of them.
 */
#ifndef LIBSTORE_NAMESET_H
#define LIBSTORE_NAMESET_H

#include "libcommon/buf.h"

struct nameset {
	struct buf names; /* u16 length and the bytes of each */
	uint32_t *slots;  /* open addressing: place in names + 1, or 0 */
	size_t n, cap;
	uint64_t seed; /* so that nobody can choose names that collide */
};

void nameset_init(struct nameset *);
void nameset_clear(struct nameset *);
/* Of at most 65535 bytes.  1: added, 0: it was there, -1 with ENOMEM. */
int nameset_add(struct nameset *, struct span name);
bool nameset_has(const struct nameset *, struct span name);

#endif
