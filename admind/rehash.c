#include "config.h"
#include "admind/rehash.h"

#include "libcommon/secret.h"
#include "libcommon/wire.h"

#define PLACES 4096
#define MAC_BYTES 32

static struct expected {
	uint32_t credential;          /* 0: free */
	unsigned char mac[MAC_BYTES]; /* of both verifiers */
} expected[PLACES];

static void
mac_of(struct span was, struct span is, unsigned char out[static MAC_BYTES])
{
	static const unsigned char key[32]; /* no secret: to be short */
	unsigned char len[8] = { 0 };
	struct span parts[3] = { span_from(len, sizeof(len)), was, is };

	le64_put(len, was.len);
	secret_mac(out, MAC_BYTES, key, parts, nitems(parts));
}

void
rehash_expect(uint32_t credential, struct span verifier, struct span better)
{
	struct expected *e = &expected[credential % PLACES];

	e->credential = credential;
	mac_of(verifier, better, e->mac);
}

bool
rehash_is_expected(uint32_t credential, struct span was, struct span is)
{
	const struct expected *e = &expected[credential % PLACES];
	unsigned char mac[MAC_BYTES];

	if (credential == 0 || e->credential != credential)
		return false;
	mac_of(was, is, mac);
	return secret_equal(mac, e->mac, MAC_BYTES);
}
