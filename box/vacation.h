/*
 * vacation - the message that answers mail while its owner is away (RFC 3834):
 * whether a sender is to be answered, and the answer's text.  Nothing here
 * touches a disk.
 */
#ifndef BOX_VACATION_H
#define BOX_VACATION_H

#include "box/header.h"

struct vacation {
	struct span text;            /* as its owner wrote it */
	const char *own;             /* the mailbox's address */
	struct span sender;          /* of the envelope: gets it */
	const struct header *header; /* of what is answered */
	const char *id;              /* something unique for Message-ID */
	const char *hostname;
	uint64_t now_s;
};

/* Why this sender is never answered, or NULL.  ours as for header_scan(). */
const char *vacation_refuses(struct span sender, const struct span *ours,
    size_t nours);
/* A whole message, lines ending in CRLF.  buf_error() tells if there was no
 * room for it. */
void vacation_write(struct buf *out, const struct vacation *);

#endif
