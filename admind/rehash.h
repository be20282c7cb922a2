/*
 * rehash - better verifiers that authd itself has asked admind to store
 * (AUTH_BETTER).  When the feed brings one, it is the same password as before,
 * and nobody's session has to end.
 *
 * Of a fixed size, in memory: one that was pushed out or is from before a
 * restart looks like a new password, which ends sessions and loses nothing.
 */
#ifndef ADMIND_REHASH_H
#define ADMIND_REHASH_H

#include "libcommon/buf.h"

void rehash_expect(uint32_t credential, struct span verifier,
    struct span better);
bool rehash_is_expected(uint32_t credential, struct span was, struct span is);

#endif
