/*
 * The public keys of panels.  The database says what they are; while it cannot
 * be reached, panels that were here before are still known, so that they are
 * told so and not turned away.
 */
#include "config.h"
#include "admind/panel.h"
#include "admind/dir_panel.h"

#define KNOWN_MAX 64

static struct known {
	char name[CODED_NAME_MAX + 1];
	unsigned char key[CODED_KEY];
} known[KNOWN_MAX];
static unsigned next; /* to be written over */

static struct known *
find(const char *name)
{
	for (unsigned i = 0; i < KNOWN_MAX; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

static void
remember(const char *name, const unsigned char key[static CODED_KEY])
{
	struct known *k = find(name);

	if (k == NULL)
		k = &known[next++ % KNOWN_MAX];
	memset(k, 0, sizeof(*k));
	memcpy(k->name, name, strlen(name));
	memcpy(k->key, key, sizeof(k->key));
}

int
panel_key(const char *name, unsigned char key[static CODED_KEY])
{
	struct known *k;

	switch (dir_panel_key(admind.db, name, key)) {
	case 1:
		remember(name, key);
		return 0;
	case 0:
		if ((k = find(name)) != NULL)
			memset(k, 0, sizeof(*k));
		return -1;
	}
	if ((k = find(name)) == NULL)
		return -1;
	memcpy(key, k->key, sizeof(k->key));
	return 0;
}
