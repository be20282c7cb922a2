#include "config.h"
#include "libcommon/secret.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

_Static_assert(SECRET_HASH_MAX > crypto_pwhash_STRBYTES,
    "a verifier fits with its NUL");
_Static_assert(SECRET_HASH_KIB * 1024 == crypto_pwhash_MEMLIMIT_INTERACTIVE &&
        SECRET_HASH_PASSES == crypto_pwhash_OPSLIMIT_INTERACTIVE,
    "no less than INTERACTIVE (DI-1)");

void
secret_init(void)
{
	if (sodium_init() == -1)
		fatalx("secret what=sodium_init");
}

int
secret_set(struct secret *s, struct span in)
{
	if (in.len > sizeof(s->data)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	secret_clear(s);
	if (in.len > 0)
		memcpy(s->data, in.data, in.len);
	s->len = in.len;
	return 0;
}

struct span
secret_span(const struct secret *s)
{
	return span_from(s->data, s->len);
}

void
secret_clear(struct secret *s)
{
	sodium_memzero(s, sizeof(*s));
}

void
secret_random(void *p, size_t n)
{
	randombytes_buf(p, n);
}

bool
secret_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void
secret_mac(unsigned char *out, size_t out_len,
    const unsigned char key[static 32], const struct span *parts, size_t n)
{
	crypto_generichash_state st;

	/* These fail only for lengths out of range: our own mistake. */
	if (crypto_generichash_init(&st, key, 32, out_len) != 0)
		fatalx("secret what=mac len=%zu", out_len);
	for (size_t i = 0; i < n; i++)
		crypto_generichash_update(&st, parts[i].data, parts[i].len);
	crypto_generichash_final(&st, out, out_len);
	sodium_memzero(&st, sizeof(st));
}

void
secret_derive(unsigned char out[static 32], const unsigned char key[static 32],
    const char *purpose)
{
	if (strlen(purpose) != crypto_kdf_CONTEXTBYTES ||
	    crypto_kdf_derive_from_key(out, 32, 1, purpose, key) != 0)
		fatalx("secret what=derive purpose=%s", purpose);
}

#define SEAL_VERSION 1
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(SECRET_SEAL_MORE == 1 + NONCE_BYTES + TAG_BYTES,
    "what sealing adds");

void
secret_seal(struct buf *out, const unsigned char key[static 32],
    struct span what, struct span plain)
{
	unsigned char *p = buf_reserve(out, plain.len + SECRET_SEAL_MORE);

	if (p == NULL)
		return; /* the error sticks */
	p[0] = SEAL_VERSION;
	randombytes_buf(p + 1, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(p + 1 + NONCE_BYTES, NULL,
	    plain.data, plain.len, what.data, what.len, NULL, p + 1, key);
	buf_commit(out, plain.len + SECRET_SEAL_MORE);
}

int
secret_unseal(struct buf *out, const unsigned char key[static 32],
    struct span what, struct span sealed)
{
	unsigned char *p;

	if (sealed.len < SECRET_SEAL_MORE || sealed.data[0] != SEAL_VERSION)
		goto bad;
	/* One more: no room for nothing would be no room. */
	if ((p = buf_reserve(out, sealed.len - SECRET_SEAL_MORE + 1)) == NULL)
		return -1;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(p, NULL, NULL,
	        sealed.data + 1 + NONCE_BYTES, sealed.len - 1 - NONCE_BYTES,
	        what.data, what.len, sealed.data + 1, key) != 0)
		goto bad;
	buf_commit(out, sealed.len - SECRET_SEAL_MORE);
	return 0;
bad:
	errno = EBADMSG;
	return -1;
}

int
secret_hash(struct span password, char out[static SECRET_HASH_MAX])
{
	if (crypto_pwhash_str(out, (const char *)password.data, password.len,
	        crypto_pwhash_OPSLIMIT_INTERACTIVE,
	        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

int
secret_verify(struct span password, const char *verifier)
{
	if (strncmp(verifier, "$argon2id$", 10) != 0 &&
	    strncmp(verifier, "$argon2i$", 9) != 0) {
		errno = EINVAL;
		return -1;
	}
	errno = 0;
	if (crypto_pwhash_str_verify(verifier, (const char *)password.data,
	        password.len) == 0)
		return 1;
	/* EINVAL is libsodium's word for a mismatch, ENOMEM that the memory
	 * for the computation was not to be had; it has none for what is not
	 * a verifier. */
	if (errno == EINVAL)
		return 0;
	if (errno != ENOMEM)
		errno = EINVAL;
	return -1;
}

const char *
secret_dummy_verifier(void)
{
	static char made[SECRET_HASH_MAX];
	unsigned char random[48];
	char salt[32], hash[64];

	/* A random hash: nobody, we included, knows a password for it. */
	if (made[0] == '\0') {
		randombytes_buf(random, sizeof(random));
		sodium_bin2base64(salt, sizeof(salt), random, 16,
		    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
		sodium_bin2base64(hash, sizeof(hash), random + 16, 32,
		    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
		snprintf(made, sizeof(made),
		    "$argon2id$v=19$m=%llu,t=%llu,p=1$%s$%s",
		    (unsigned long long)crypto_pwhash_MEMLIMIT_INTERACTIVE /
		        1024,
		    (unsigned long long)crypto_pwhash_OPSLIMIT_INTERACTIVE,
		    salt, hash);
	}
	return made;
}
