/*
 * secret - passwords, keys and tokens (libsodium).  secret.c alone includes
 * sodium.h.
 */
#ifndef LIBCOMMON_SECRET_H
#define LIBCOMMON_SECRET_H

#include "libcommon/buf.h"

#define SECRET_MAX 256
#define SECRET_HASH_MAX 129   /* "$argon2id$..." with its NUL */
#define SECRET_HASH_KIB 65536 /* libsodium's INTERACTIVE cost */
#define SECRET_HASH_PASSES 2

/* Fixed size, wiped by secret_clear(), never formatted. */
struct secret {
	unsigned char data[SECRET_MAX];
	size_t len;
};

void secret_init(void); /* once per process, before anything else here */
int secret_set(struct secret *, struct span); /* -1 ENAMETOOLONG */
struct span secret_span(const struct secret *);
void secret_clear(struct secret *);

void secret_random(void *, size_t);
bool secret_equal(const void *, const void *, size_t); /* constant time */

/* Keyed hash (BLAKE2b) of the concatenation of n spans; out_len 16 to 64. */
void secret_mac(unsigned char *out, size_t out_len,
    const unsigned char key[static 32], const struct span *parts, size_t n);

/* Another key from a key (crypto_kdf); purpose has exactly 8 bytes. */
void secret_derive(unsigned char out[static 32],
    const unsigned char key[static 32], const char *purpose);

/* Append a version, a random nonce and the sealed bytes (XChaCha20-Poly1305);
 * what says what they are, and must be the same when they are opened. */
#define SECRET_SEAL_MORE (1 + 24 + 16)
void secret_seal(struct buf *out, const unsigned char key[static 32],
    struct span what, struct span plain);
/* 0, or -1 with EBADMSG: not sealed by this key for this, or changed. */
int secret_unseal(struct buf *out, const unsigned char key[static 32],
    struct span what, struct span sealed);

/* Argon2id at libsodium's INTERACTIVE cost (64 MiB, tens of ms): for authd's
 * hashing child and for admind only.  0, or -1 with ENOMEM. */
int secret_hash(struct span password, char out[static SECRET_HASH_MAX]);
/* Argon2id or Argon2i of any cost: 1 right, 0 wrong, -1 a verifier we cannot
 * read (EINVAL) or ENOMEM. */
int secret_verify(struct span password, const char *verifier);
/* A verifier no password fits, of the same cost, for unknown users. */
const char *secret_dummy_verifier(void);

#endif
