#include "config.h"
#include "admind/passcache.h"

#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <stdlib.h>

/* 16384 logins in 900 KB. */
#define SETS 4096
#define WAYS 4

struct kept {
	unsigned char key[PASSCACHE_KEY_BYTES];
	uint64_t owner;
	uint64_t until_ms; /* 0: free */
};

struct passcache {
	unsigned char secret[32];
	struct kept kept[SETS][WAYS];
};

struct passcache *
passcache_new(void)
{
	struct passcache *c = calloc(1, sizeof(*c));

	if (c != NULL)
		secret_random(c->secret, sizeof(c->secret));
	return c;
}

void
passcache_free(struct passcache **cp)
{
	struct passcache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	explicit_bzero(c, sizeof(*c));
	free(c);
}

void
passcache_key(const struct passcache *c, uint64_t owner, struct span verifier,
    struct span password, unsigned char out[static PASSCACHE_KEY_BYTES])
{
	unsigned char head[16] = {
		0
	}; /* the verifier's length parts the two texts */
	struct span parts[3] = { span_from(head, sizeof(head)), verifier,
		password };

	le64_put(head, owner);
	le64_put(head + 8, verifier.len);
	secret_mac(out, PASSCACHE_KEY_BYTES, c->secret, parts, nitems(parts));
}

static size_t
set_of(const unsigned char *key)
{
	return le64_get(key) % SETS;
}

bool
passcache_has(const struct passcache *c,
    const unsigned char key[static PASSCACHE_KEY_BYTES], uint64_t now_ms)
{
	const struct kept *set = c->kept[set_of(key)];
	bool found = false;

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].until_ms > now_ms &&
		    secret_equal(set[i].key, key, PASSCACHE_KEY_BYTES))
			found = true;
	return found;
}

void
passcache_put(struct passcache *c, uint64_t owner,
    const unsigned char key[static PASSCACHE_KEY_BYTES], uint64_t now_ms,
    uint64_t life_ms)
{
	struct kept *set = c->kept[set_of(key)], *place = set;

	if (life_ms == 0)
		return;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].until_ms != 0 &&
		    secret_equal(set[i].key, key, PASSCACHE_KEY_BYTES)) {
			place = &set[i];
			break;
		}
		if (set[i].until_ms < place->until_ms)
			place = &set[i];
	}
	memcpy(place->key, key, PASSCACHE_KEY_BYTES);
	place->owner = owner;
	place->until_ms = now_ms + life_ms;
}

void
passcache_drop(struct passcache *c, uint64_t owner)
{
	for (unsigned i = 0; i < SETS; i++)
		for (unsigned j = 0; j < WAYS; j++)
			if (c->kept[i][j].owner == owner)
				explicit_bzero(&c->kept[i][j],
				    sizeof(struct kept));
}

void
passcache_drop_all(struct passcache *c)
{
	explicit_bzero(c->kept, sizeof(c->kept));
}
