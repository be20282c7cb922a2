/*
 * nursery - where authd's children come from: a process forked before authd
 * has anything to hide, which forks one whenever authd asks.  So one that died
 * (a hostile hash, a bug in a library) or should have another configuration is
 * replaced without authd having the right to fork, and without it losing its
 * tickets.
 *
 * A child has the descriptors it was given, from 3 on, and nothing else: no
 * files, no configuration, no way to execute; its kind says what more it may.
 * It ends when authd does.
 */
#ifndef ADMIND_NURSERY_H
#define ADMIND_NURSERY_H

#include <stdint.h>

#define NURSERY_FDS_MAX 4

struct proc;

enum nursery_kind {
	CHILD_HASHER,
	CHILD_BINDER,
	CHILD_CONNECTOR,
	CHILD_RESOLVER,
	CHILD__COUNT
};

struct nursery_info {
	const char *name;       /* for the log */
	uint64_t address_space; /* bytes; 0: as authd */
	unsigned rights;        /* CONFINE_* */
	void (*run)(void);      /* never returns to anything */
};

/* Fork it.  infos has CHILD__COUNT rows and stays. */
void nursery_start(struct proc *, const struct nursery_info *infos);
/* A child with these descriptors, which are closed here.  Returns at once; if
 * the child cannot be made, the other ends of its sockets find that out. */
void nursery_child(enum nursery_kind, const int *fds, unsigned n);

#endif
