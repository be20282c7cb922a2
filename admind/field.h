/*
 * field - a request or an answer as fields: "TYPE|CLIENT LOGIN|...".
 *
 * Inside a field |, \, CR, LF and NUL are written \p, \\, \r, \n and \0, so
 * that no field can make another one, or a line.  Nothing else is escaped, and
 * nothing else is an escape.
 */
#ifndef ADMIND_FIELD_H
#define ADMIND_FIELD_H

#include "libcommon/buf.h"

#define FIELDS_MAX 600     /* a page of a list has 500 rows */
#define REQUEST_MAX 262144 /* bytes of a request or an answer */

struct fields {
	unsigned n;
	struct span field[FIELDS_MAX]; /* in bytes */
	struct buf bytes;              /* wiped when cleared: passwords */
};

void fields_init(struct fields *);
void fields_clear(struct fields *);
/* 0, or -1 with EBADMSG: an unknown escape, one cut short, a bare CR, LF or
 * NUL, too many fields. */
int fields_parse(struct fields *, struct span in);
/* The nth, or an empty one. */
struct span fields_get(const struct fields *, unsigned n);
/* Append a field; a | before it unless it is the first. */
void field_put(struct buf *, struct span, bool first);

#endif
