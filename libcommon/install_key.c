#include "config.h"
#include "libcommon/install_key.h"

#include "libcommon/secret.h"

/* Never changed: what was sealed or given to panels hangs on them. */
static const char *const purposes[INSTALL__COUNT] = {
	[INSTALL_SERVER] = "adserver",
	[INSTALL_LOCAL] = "ad-local",
	[INSTALL_SEAL] = "ad-seals",
};

void
install_key_derive(unsigned char out[static 32],
    const unsigned char key[static INSTALL_KEY_BYTES], enum install_use use)
{
	secret_derive(out, key, purposes[use]);
}
