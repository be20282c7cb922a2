/*
 * header - what forwarding and answering must know of a message's header.
 *
 * One pass over borrowed bytes, lines ending in CRLF or LF.  It takes anything:
 * what is no header field ends the header.
 */
#ifndef BOX_HEADER_H
#define BOX_HEADER_H

#include "libcommon/buf.h"

#define HEADER_MAX (256 * 1024) /* bytes that are looked at */

struct header {
	/* loops */
	unsigned received; /* Received lines */
	bool been_here;    /* we have put our Delivered-To on it before */
	/* answers: RFC 3834 2, and what else people put on automatic mail */
	const char *automatic; /* why it is not to be answered, or NULL */
	bool to_us;            /* one of our addresses stands in To, Cc, ... */
	struct span subject, message_id, references; /* as written, folded */
};

/* ours: addresses of the mailbox, the first its own; a +detail may follow
 * their local part. */
void header_scan(struct span message, const struct span *ours, size_t nours,
    struct header *out);

#endif
