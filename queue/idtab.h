/*
 * idtab - queue ids to pointers: open addressing, eight bytes for the id and
 * eight for the pointer, at most three quarters full.
 */
#ifndef QUEUE_IDTAB_H
#define QUEUE_IDTAB_H

#include <stddef.h>
#include <stdint.h>

struct idtab {
	struct idtab_slot *slots;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

void idtab_init(struct idtab *);
void idtab_clear(struct idtab *);
void *idtab_get(const struct idtab *, uint64_t id);
void idtab_put(struct idtab *, uint64_t id, void *); /* fatal without memory */
void *idtab_remove(struct idtab *, uint64_t id);     /* NULL if not there */
/* Walk all: *at starts at 0.  NULL at the end.  Do not change it meanwhile. */
void *idtab_next(const struct idtab *, size_t *at, uint64_t *id_out);

#endif
