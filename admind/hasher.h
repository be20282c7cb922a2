/*
 * hasher - passwords are checked and hashed in child processes, so that looking
 * up addresses, or another's request, never waits for Argon2id.  A child has no
 * files, no sockets but the one to its parent, little memory, and little time:
 * what takes too long, or breaks a library, ends the child and not its parent
 * (nursery.h).
 */
#ifndef ADMIND_HASHER_H
#define ADMIND_HASHER_H

#include "libcommon/buf.h"

#define HASHER_VERIFIERS_MAX 16

struct event_base;

enum { HASHER_NONE_FITS = -1, HASHER_TROUBLE = -2 };

/* Borrowed until done() returns. */
struct hasher_result {
	int which;            /* which verifier fits, or one of the above */
	struct span verifier; /* that one */
	struct span better;   /* Argon2id of the same password, if the verifier
	                       * should be replaced, or if that is what was asked
	                       * for; else empty */
};

typedef void (*hasher_done)(void *arg, const struct hasher_result *);

/* What a child does (for the nursery). */
void hasher_child(void);
/* Have n of them. */
void hasher_start(struct event_base *, unsigned n);
/* Which verifier fits the password: done() is told, later.  A wrong password
 * costs an Argon2id check at least, whatever the verifiers are.  -1 with EAGAIN
 * when too many wait. */
int hasher_check(struct span password, const struct span *verifiers, unsigned n,
    hasher_done done, void *arg);
/* Argon2id of a new password, of PASSWORD_MAX bytes at most: done() is told its
 * result's better, later; that is empty when there was no memory for it, or the
 * child died.  -1 as above. */
int hasher_hash(struct span password, hasher_done done, void *arg);
unsigned hasher_waiting(void);

#endif
