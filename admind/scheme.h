/*
 * scheme - verifiers of passwords as other systems write them: what may be
 * imported, and how it is checked.
 *
 *	$argon2id$ $argon2i$ $1$ $2a$ $2b$ $2y$ $5$ $6$ $y$
 *	{SHA} {SHA256} {SHA512} {SSHA} {SSHA256} {SSHA512}       base64
 *	{CRYPT} {MD5-CRYPT} {BLF-CRYPT} {SHA256-CRYPT} {SHA512-CRYPT}
 *	{ARGON2ID} {ARGON2I}
 *	{PBKDF2} (Dovecot) {PBKDF2-SHA1} {PBKDF2-SHA256} {PBKDF2-SHA512} (LDAP)
 *
 * Names of schemes in any case.  What would cost more than about a second or
 * the memory of authd's children is no verifier here, so a hostile one cannot
 * keep a child busy.  scheme.c reads; scheme_verify.c, which needs OpenSSL and
 * libcrypt, is for those children only.
 */
#ifndef ADMIND_SCHEME_H
#define ADMIND_SCHEME_H

#include "libcommon/buf.h"
#include "libcommon/digest.h"

#define SCHEME_SALT_MAX 128

/* Can a password be checked against it?  Exact: what is cut, has anything left
 * over, or is out of bounds cannot. */
bool scheme_is_known(struct span verifier);
/* Why not, for people: "the hash is cut".  A constant text without the
 * verifier's bytes; NULL if it is good. */
const char *scheme_problem(struct span verifier);
/* A known verifier that should be replaced by Argon2id of our own strength as
 * soon as its password is seen.  One that is not weak and begins with
 * "$argon2id$" may be stored as CREDENTIAL_PASSWORD. */
bool scheme_is_weak(struct span verifier);

/* 1 right, 0 wrong, -1 not known (EINVAL) or no memory (ENOMEM). */
int scheme_verify(struct span password, const char *verifier);

/* ---- for scheme.c and scheme_verify.c ------------------------------------- */

enum scheme_kind {
	SCHEME_ARGON2, /* text is libsodium's */
	SCHEME_CRYPT,  /* text is libcrypt's */
	SCHEME_DIGEST, /* hash of password, then salt */
	SCHEME_PBKDF2,
};

struct scheme {
	enum scheme_kind kind;
	struct span text; /* without {NAME}; borrowed */
	enum digest digest;
	unsigned char hash[DIGEST_MAX];
	size_t hash_len;
	unsigned char salt[SCHEME_SALT_MAX];
	size_t salt_len;
	uint32_t rounds;
	uint32_t memory_kib; /* ARGON2 */
	bool argon2id;
};

/* NULL, or why not. */
const char *scheme_read(struct span verifier, struct scheme *out);

#endif
