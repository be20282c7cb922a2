#include "config.h"
#include "admind/key.h"

#include "libcommon/install_key.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

_Static_assert(SEAL_MORE == SECRET_SEAL_MORE, "what sealing adds");

static unsigned char keys[INSTALL__COUNT][32];

void
key_start(struct span installation_key)
{
	if (installation_key.len != INSTALL_KEY_BYTES)
		fatalx("key the installation key has %zu bytes",
		    installation_key.len);
	for (unsigned i = 0; i < INSTALL__COUNT; i++)
		install_key_derive(keys[i], installation_key.data,
		    (enum install_use)i);
}

const unsigned char *
key_server(void)
{
	return keys[INSTALL_SERVER];
}

const unsigned char *
key_local(void)
{
	return keys[INSTALL_LOCAL];
}

void
seal_put(struct buf *out, const char *what, struct span secret)
{
	secret_seal(out, keys[INSTALL_SEAL], span_of(what), secret);
}

int
seal_open(struct buf *out, const char *what, struct span sealed)
{
	return secret_unseal(out, keys[INSTALL_SEAL], span_of(what), sealed);
}
