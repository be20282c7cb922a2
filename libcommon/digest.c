#include "config.h"
#include "libcommon/digest.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static const EVP_MD *
md(enum digest d)
{
	/* The process has no files: without OpenSSL's own. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	switch (d) {
	case DIGEST_SHA1:
		return EVP_sha1();
	case DIGEST_SHA256:
		return EVP_sha256();
	default:
		return EVP_sha512();
	}
}

int
digest_make(enum digest d, const struct span *parts, size_t n,
    unsigned char out[static DIGEST_MAX])
{
	const EVP_MD *how = md(d);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c != NULL && EVP_DigestInit_ex(c, how, NULL) == 1;

	for (size_t i = 0; i < n && good; i++)
		good = EVP_DigestUpdate(c, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(c, out, NULL) == 1;
	EVP_MD_CTX_free(c); /* wipes */
	ERR_clear_error();
	if (!good)
		errno = ENOMEM;
	return good ? 0 : -1;
}

int
digest_pbkdf2(enum digest d, struct span password, struct span salt,
    uint32_t rounds, unsigned char *out, size_t out_len)
{
	if (PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.len,
	        salt.data, (int)salt.len, (int)rounds, md(d), (int)out_len,
	        out) == 1)
		return 0;
	ERR_clear_error();
	errno = ENOMEM;
	return -1;
}
