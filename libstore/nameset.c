#include "config.h"
#include "libstore/nameset.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdlib.h>

#define NAMES_MAX (256 * 1024 * 1024) /* bytes of all names */

static struct span
name_at(const struct nameset *s, uint32_t place)
{
	const unsigned char *p = s->names.data + place - 1;

	return span_from(p + 2, le16_get(p));
}

/* FNV-1a from an unknown beginning, its high bits mixed into the low ones. */
static size_t
slot_of(const struct nameset *s, struct span name)
{
	uint64_t h = s->seed;
	size_t i;

	for (size_t k = 0; k < name.len; k++)
		h = (h ^ name.data[k]) * 0x100000001b3u;
	i = (size_t)(h ^ h >> 32) & (s->cap - 1);
	while (s->slots[i] != 0 && !span_eq(name_at(s, s->slots[i]), name))
		i = (i + 1) & (s->cap - 1);
	return i;
}

static int
grow(struct nameset *s)
{
	struct nameset bigger = *s;

	bigger.cap = s->cap != 0 ? s->cap * 2 : 64;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i] != 0)
			bigger.slots[slot_of(&bigger,
			    name_at(s, s->slots[i]))] = s->slots[i];
	free(s->slots);
	*s = bigger;
	return 0;
}

void
nameset_init(struct nameset *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->names, NAMES_MAX);
	secret_random(&s->seed, sizeof(s->seed));
}

void
nameset_clear(struct nameset *s)
{
	buf_clear(&s->names);
	free(s->slots);
	s->slots = NULL;
	s->n = s->cap = 0;
}

int
nameset_add(struct nameset *s, struct span name)
{
	size_t i, was = s->names.len;

	if (name.len > UINT16_MAX || (2 * (s->n + 1) > s->cap && grow(s) == -1))
		goto full;
	i = slot_of(s, name);
	if (s->slots[i] != 0)
		return 0;
	wire_put_u16(&s->names, (uint16_t)name.len);
	buf_put_span(&s->names, name);
	if (buf_error(&s->names) != 0)
		goto full;
	s->slots[i] = (uint32_t)was + 1;
	s->n++;
	return 1;
full:
	errno = ENOMEM;
	return -1;
}

bool
nameset_has(const struct nameset *s, struct span name)
{
	return s->cap != 0 && s->slots[slot_of(s, name)] != 0;
}
