/*
 * A set of queue ids that only grows: a hash table with open addressing.
 */
#include "config.h"
#include "libstore/maildir.h"

#include <errno.h>
#include <stdlib.h>

static size_t
idset_slot(const struct idset *s, uint64_t id)
{
	size_t i = (size_t)((id * 0x9e3779b97f4a7c15u) >> 20) & (s->cap - 1);

	while (s->slots[i] != 0 && s->slots[i] != id)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static int
idset_grow(struct idset *s)
{
	struct idset bigger = { .cap = s->cap ? s->cap * 2 : 64 };

	if (bigger.cap < s->cap ||
	    (bigger.slots = calloc(bigger.cap, sizeof(uint64_t))) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i] != 0)
			bigger.slots[idset_slot(&bigger, s->slots[i])] =
			    s->slots[i];
	free(s->slots);
	s->slots = bigger.slots;
	s->cap = bigger.cap;
	return 0;
}

int
idset_add(struct idset *s, uint64_t id)
{
	size_t i;

	if (id == 0) {
		s->zero = true;
		return 0;
	}
	if (2 * (s->n + 1) > s->cap && idset_grow(s) == -1)
		return -1;
	i = idset_slot(s, id);
	if (s->slots[i] == 0) {
		s->slots[i] = id;
		s->n++;
	}
	return 0;
}

bool
idset_has(const struct idset *s, uint64_t id)
{
	if (id == 0)
		return s->zero;
	return s->cap != 0 && s->slots[idset_slot(s, id)] == id;
}

void
idset_clear(struct idset *s)
{
	free(s->slots);
	memset(s, 0, sizeof(*s));
}
