#include "config.h"
#include "libcommon/limit.h"
#include "libcommon/secret.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct entry {
	unsigned char key[8];
	unsigned count;
	struct entry *next;
};

static struct entry *table[BUCKETS];
static uint64_t seed; /* so that nobody can choose addresses that collide */

static void
key_of(const struct sockaddr *sa, unsigned char key[static 8])
{
	memset(key, 0, 8);
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		const unsigned char *p = in6->sin6_addr.s6_addr;

		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			memcpy(key + 4, p + 12, 4);
		else
			memcpy(key, p, 8);
	} else if (sa->sa_family == AF_INET) {
		memcpy(key + 4,
		    &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
		    4);
	}
}

static struct entry **
find(const struct sockaddr *sa, unsigned char key[static 8])
{
	struct entry **e;
	uint64_t h;

	if (seed == 0)
		secret_random(&seed, sizeof(seed));
	key_of(sa, key);
	memcpy(&h, key, sizeof(h));
	h = (h ^ seed) * 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ull;
	for (e = &table[(h >> 40) % BUCKETS]; *e != NULL; e = &(*e)->next)
		if (memcmp((*e)->key, key, 8) == 0)
			break;
	return e;
}

bool
limit_enter(const struct sockaddr *sa, unsigned max)
{
	unsigned char key[8];
	struct entry **e = find(sa, key);

	if (*e == NULL) {
		if ((*e = calloc(1, sizeof(**e))) == NULL)
			return false;
		memcpy((*e)->key, key, 8);
	}
	if ((*e)->count >= max)
		return false;
	(*e)->count++;
	return true;
}

void
limit_leave(const struct sockaddr *sa)
{
	unsigned char key[8];
	struct entry **e = find(sa, key), *gone;

	if (*e == NULL || --(*e)->count > 0)
		return;
	gone = *e;
	*e = gone->next;
	free(gone);
}
