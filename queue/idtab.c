#include "config.h"
#include "queue/idtab.h"
#include "libcommon/log.h"

#include <stdlib.h>

struct idtab_slot {
	uint64_t id;
	void *p; /* NULL: free */
};

void
idtab_init(struct idtab *t)
{
	*t = (struct idtab){ NULL, 0, 0 };
}

void
idtab_clear(struct idtab *t)
{
	free(t->slots);
	idtab_init(t);
}

/* The ids are ours, nobody chooses them to collide; consecutive ones must
 * spread. */
static size_t
home(const struct idtab *t, uint64_t id)
{
	return (size_t)((id * 0x9e3779b97f4a7c15ull) >> 20) & (t->size - 1);
}

static struct idtab_slot *
find(const struct idtab *t, uint64_t id)
{
	size_t i = home(t, id);

	while (t->slots[i].p != NULL && t->slots[i].id != id)
		i = (i + 1) & (t->size - 1);
	return &t->slots[i];
}

void *
idtab_get(const struct idtab *t, uint64_t id)
{
	return t->size == 0 ? NULL : find(t, id)->p;
}

static void
grow(struct idtab *t)
{
	struct idtab_slot *old = t->slots;
	size_t n = t->size;

	t->size = n == 0 ? 64 : n * 2;
	t->slots = calloc(t->size, sizeof(*t->slots));
	if (t->slots == NULL)
		fatal("id table entries=%zu", t->size);
	for (size_t i = 0; i < n; i++)
		if (old[i].p != NULL)
			*find(t, old[i].id) = old[i];
	free(old);
}

void
idtab_put(struct idtab *t, uint64_t id, void *p)
{
	struct idtab_slot *s;

	if (t->used >= t->size / 4 * 3)
		grow(t);
	s = find(t, id);
	if (s->p == NULL)
		t->used++;
	*s = (struct idtab_slot){ id, p };
}

void *
idtab_remove(struct idtab *t, uint64_t id)
{
	struct idtab_slot *s;
	size_t i, k;
	void *p;

	if (t->size == 0 || (p = (s = find(t, id))->p) == NULL)
		return NULL;
	t->used--;
	/* Close the gap: move up what could no longer be found. */
	i = k = (size_t)(s - t->slots);
	for (;;) {
		size_t h;

		t->slots[i].p = NULL;
		do {
			k = (k + 1) & (t->size - 1);
			if (t->slots[k].p == NULL)
				return p;
			h = home(t, t->slots[k].id);
		} while (i <= k ? (i < h && h <= k) : (i < h || h <= k));
		t->slots[i] = t->slots[k];
		i = k;
	}
}

void *
idtab_next(const struct idtab *t, size_t *at, uint64_t *id_out)
{
	while (*at < t->size) {
		const struct idtab_slot *s = &t->slots[(*at)++];

		if (s->p != NULL) {
			*id_out = s->id;
			return s->p;
		}
	}
	return NULL;
}
