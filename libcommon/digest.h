/*
 * digest - the hashes of other systems' password schemes (OpenSSL's libcrypto).
 * For checking old verifiers only: what is ours uses secret.h.
 */
#ifndef LIBCOMMON_DIGEST_H
#define LIBCOMMON_DIGEST_H

#include "libcommon/buf.h"

#define DIGEST_MAX 64

enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

/* Here, so that who only reads verifiers needs no OpenSSL. */
static inline size_t
digest_len(enum digest d)
{
	return d == DIGEST_SHA1 ? 20 : d == DIGEST_SHA256 ? 32 : 64;
}

/* Of the concatenation of n spans: digest_len() bytes.  0, or -1 with
 * ENOMEM. */
int digest_make(enum digest, const struct span *parts, size_t n,
    unsigned char out[static DIGEST_MAX]);
/* PBKDF2 with HMAC (RFC 8018 5.2), out_len bytes.  0, or -1 with ENOMEM. */
int digest_pbkdf2(enum digest, struct span password, struct span salt,
    uint32_t rounds, unsigned char *out, size_t out_len);

#endif
