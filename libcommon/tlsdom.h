/*
 * tlsdom - certificates of domains, as semail.conf names them:
 *
 *	tls-domain NAME[,NAME...] CERTIFICATE-FILE KEY-FILE
 *
 * and the table by which a server finds the one a client asked for (SNI, RFC
 * 6066 3).  A name is a host name, or *. and one: any single label in front.
 * See semail.conf(5).  Nothing here knows TLS.
 */
#ifndef LIBCOMMON_TLSDOM_H
#define LIBCOMMON_TLSDOM_H

#include "libcommon/buf.h"

#define TLSDOM_NAMES_MAX 4095 /* of one line, in A-labels */
#define TLSDOM_FILE_MAX 1023

/* ---- a line ------------------------------------------------------------- */

struct tlsdom {
	char names[TLSDOM_NAMES_MAX + 1]; /* "a,*.b": lower case, A-labels */
	char certificate[TLSDOM_FILE_MAX + 1];
	char key[TLSDOM_FILE_MAX + 1];
};

/* A line's value.  0, or -1 with a reason for people. */
int tlsdom_parse(const char *value, struct tlsdom *out, char why[static 201]);
/* Take the next name off the front of a tlsdom's names; false at the end. */
bool tlsdom_next(struct span *names, struct span *name_out);

/* ---- handed over -------------------------------------------------------- */

/* Names, certificate and key (PEM): one pair behind the other. */
void tlsdom_put(struct buf *, const char *names, struct span certificate,
    struct span key);

/* ---- the table ---------------------------------------------------------- */

struct tlsdom_entry {
	char *name; /* owned */
	size_t id;
};

struct tlsdom_table {
	struct tlsdom_entry *entries; /* sorted by name if sorted */
	size_t n, room;
	bool sorted;
};

/* The names of a tlsdom lead to id.  0, or -1 with ENOMEM. */
int tlsdom_add(struct tlsdom_table *, const char *names, size_t id);
/* What a client asked for, in any case: itself, or else the wildcard above it.
 * true with its id. */
bool tlsdom_find(struct tlsdom_table *, const char *name, size_t *id_out);
/* Only itself; name as tlsdom_add() took it. */
bool tlsdom_has(struct tlsdom_table *, const char *name, size_t *id_out);
void tlsdom_clear(struct tlsdom_table *);

#endif
