/*
 * forward - the addresses in a .forward file: semail-forward(5).
 *
 * The file's owner may have written anything.  What is not an address is told
 * apart (a program, a file, nonsense), so that the caller can keep the message
 * rather than lose it; nothing here opens or runs what it names.
 */
#ifndef BOX_FORWARD_H
#define BOX_FORWARD_H

#include "libcommon/addr.h"

enum forward_kind {
	FORWARD_ADDRESS, /* mail goes there */
	FORWARD_OWN,     /* the mailbox itself: a copy is kept */
	FORWARD_IGNORED, /* |program, /file, :include:file */
	FORWARD_BAD,     /* no address at all */
};

struct forward_entry {
	enum forward_kind kind;
	struct span text; /* as written, without blanks around it */
	unsigned line;    /* from 1 */
	struct addr addr; /* FORWARD_ADDRESS, FORWARD_OWN */
};

/* What is still to be read; begin with forward_begin(). */
struct forward_reader {
	struct span rest;
	unsigned line;
	const char *own; /* the mailbox's address */
};

void forward_begin(struct forward_reader *, struct span file, const char *own);
/* The next entry; false at the end. */
bool forward_next(struct forward_reader *, struct forward_entry *out);

/* Is this the mailbox itself, perhaps with a +detail? */
bool address_is_own(struct span address, const char *own);

#endif
