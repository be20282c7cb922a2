#include "config.h"
#include "admind/slow.h"

#include "libcommon/secret.h"
#include "libcommon/wire.h"

/* Fixed size: who is pushed out by others' failures starts anew. */
#define SETS 4096
#define WAYS 4
#define HALF_LIFE_MS (5 * 60 * 1000)
#define FREE_FAILURES 2
#define DELAY_MS 250

static struct entry {
	uint64_t tag;
	uint32_t failures;
	uint64_t when_ms; /* of the last failure; 0: free */
} table[SETS][WAYS];

/* Keyed, so that nobody can aim at another's place in the table. */
static uint64_t
tag_of(char kind, struct span name)
{
	static unsigned char key[32];
	static bool made;
	unsigned char mac[16];
	struct span parts[2] = { span_from(&kind, 1), name };

	if (!made) {
		secret_random(key, sizeof(key));
		made = true;
	}
	secret_mac(mac, sizeof(mac), key, parts, 2);
	return le64_get(mac);
}

static void
decay(struct entry *e, uint64_t now_ms)
{
	uint64_t lives = now_ms > e->when_ms
	    ? (now_ms - e->when_ms) / HALF_LIFE_MS
	    : 0;

	if (lives == 0)
		return;
	e->failures = lives > 31 ? 0 : e->failures >> lives;
	e->when_ms += lives * HALF_LIFE_MS;
}

static struct entry *
find(uint64_t tag, bool make)
{
	struct entry *set = table[tag % SETS], *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].when_ms != 0 && set[i].tag == tag)
			return &set[i];
		if (set[i].when_ms < oldest->when_ms)
			oldest = &set[i];
	}
	if (!make)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	oldest->tag = tag;
	return oldest;
}

bool
slow_refuses(struct span remote, uint64_t now_ms)
{
	struct entry *e = find(tag_of('a', remote), false);

	if (e == NULL)
		return false;
	decay(e, now_ms);
	return e->failures >= SLOW_REFUSE;
}

static uint32_t
count(uint64_t tag, uint64_t now_ms)
{
	struct entry *e = find(tag, true);

	if (e->when_ms != 0)
		decay(e, now_ms);
	e->when_ms = now_ms > 0 ? now_ms : 1;
	if (e->failures < SLOW_REFUSE * 2)
		e->failures++;
	return e->failures;
}

unsigned
slow_failed(struct span remote, struct span login, uint64_t now_ms)
{
	uint32_t a = count(tag_of('a', remote), now_ms);
	uint32_t l = count(tag_of('l', login), now_ms);
	uint32_t n = a > l ? a : l;

	if (n <= FREE_FAILURES)
		return DELAY_MS;
	n -= FREE_FAILURES;
	return n > 5 ? SLOW_DELAY_MAX_MS : DELAY_MS << n;
}

void
slow_passed(struct span login)
{
	struct entry *e = find(tag_of('l', login), false);

	if (e != NULL)
		memset(e, 0, sizeof(*e));
}
