/*
 * passcache - which passwords were right a moment ago, so that a client that
 * logs in again and again does not pay Argon2id each time.
 *
 * What is kept is a keyed hash (BLAKE2b, a random key made with the cache, in
 * memory only) over owner, verifier and password, and until when it is good.
 * The verifier is part of it: what was kept for a password that has since been
 * changed or revoked is never asked for again, whether it was dropped or not.
 * Of a fixed size; who is pushed out pays once more.
 *
 * What a stopwatch learns (SE-5): an answer is quick only when the password is
 * right, which the answer says as well.  A wrong one is never found here,
 * whoever it is for, and goes the slow way; looking costs the same
 * microseconds for a name that exists and for one checked against a dummy
 * verifier, if the caller asks for both.
 */
#ifndef ADMIND_PASSCACHE_H
#define ADMIND_PASSCACHE_H

#include "libcommon/buf.h"

#define PASSCACHE_KEY_BYTES 32

struct passcache;

struct passcache *passcache_new(void);    /* NULL: no memory */
void passcache_free(struct passcache **); /* wipes; harmless on NULL */

/* The key of a check.  owner is the caller's number for who logs in. */
void passcache_key(const struct passcache *, uint64_t owner,
    struct span verifier, struct span password,
    unsigned char out[static PASSCACHE_KEY_BYTES]);
/* Was it right not long ago? */
bool passcache_has(const struct passcache *,
    const unsigned char key[static PASSCACHE_KEY_BYTES], uint64_t now_ms);
/* It is right: good for life_ms from now, not from its last use.  0: not
 * kept. */
void passcache_put(struct passcache *, uint64_t owner,
    const unsigned char key[static PASSCACHE_KEY_BYTES], uint64_t now_ms,
    uint64_t life_ms);
/* Forget what was kept for an owner, or all. */
void passcache_drop(struct passcache *, uint64_t owner);
void passcache_drop_all(struct passcache *);

#endif
