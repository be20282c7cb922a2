/*
 * hasher - password checks in child processes, so that looking up addresses
 * never waits for Argon2id.  A child has no files, no sockets but the one to
 * its parent, and little memory.
 */
#ifndef ADMIND_HASHER_H
#define ADMIND_HASHER_H

#include "libcommon/buf.h"

#define HASHER_VERIFIERS_MAX 16

struct event_base;

enum { HASHER_NONE_FITS = -1, HASHER_TROUBLE = -2 };

/* Fork n children.  After proc_drop(), before anything is mapped or confined
 * that they should not have. */
void hasher_start(unsigned n);
/* Watch them. */
void hasher_attach(struct event_base *);
/* Which verifier fits the password: done() gets its index or one of the above,
 * later.  -1 with EAGAIN when too many wait. */
int hasher_check(struct span password, const struct span *verifiers, unsigned n,
    void (*done)(void *arg, int which), void *arg);
unsigned hasher_waiting(void);

#endif
