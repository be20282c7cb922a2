/*
 * message - the text of a message on its way to the queue: our trace line in
 * front, its header watched (loops, missing fields), its size counted.
 */
#ifndef SMTPD_MESSAGE_H
#define SMTPD_MESSAGE_H

#include "libcommon/buf.h"

struct message {
	uint64_t bytes; /* of all that was put, trace line included */
	uint64_t limit; /* of the client's part */
	uint64_t client_bytes;
	bool too_big;
	bool ends_line; /* the last byte was LF */
	/* the header while it lasts */
	bool in_header, held_cr;
	bool fill; /* submission: add Date, Message-ID */
	bool has_date, has_id, has_from;
	unsigned received; /* Received: lines of the client's part */
	char name[16];     /* start of the field's line */
	size_t name_len;
	bool at_bol;
	const char *hostname; /* borrowed, for Message-ID */
	void (*put)(void *, struct span);
	void *arg;
};

/* trace is written first; what is put goes on to put(arg). */
void message_init(struct message *, struct span trace, uint64_t limit,
    bool fill, const char *hostname, void (*put)(void *, struct span),
    void *arg);
void message_put(struct message *, struct span);
/* The end: completes the header or the last line if need be. */
void message_end(struct message *);

#endif
