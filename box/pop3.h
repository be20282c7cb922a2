/*
 * pop3 - the server's side of POP3 after login (RFC 1939, RFC 2449): bytes
 * in, bytes out.  No sockets here; pop3_session.c does the reading and
 * writing.
 *
 * Long work (measuring a maildrop, sending a message or a listing, deleting)
 * is done in slices into out: while pop3_busy(), call pop3_work() whenever out
 * is below POP3_OUT_LOW.
 */
#ifndef BOX_POP3_H
#define BOX_POP3_H

#include "libstore/store.h"

#define POP3_LINE_MAX 255        /* with its line end, RFC 2449 4 */
#define POP3_OUT_LOW (64 * 1024) /* ask for more below this */
#define POP3_UID_MAX 70          /* RFC 1939 7 */

enum pop3_job {
	POP3_NONE,
	POP3_OPEN, /* list and measure, then answer the login */
	POP3_LIST,
	POP3_UIDL,
	POP3_RETR,   /* and TOP */
	POP3_UPDATE, /* QUIT: delete what was marked */
};

struct pop3 {
	struct folder *folder;
	struct store_list list;
	unsigned char *deleted; /* a flag for each message */
	size_t live;            /* messages not marked */
	uint64_t octets;        /* of these */
	struct buf out;
	bool ended;    /* send out, then close */
	bool broken;   /* close at once: a message ends in the
	                          * middle and must not seem whole */
	bool skipping; /* the rest of an overlong line */
	bool listed;
	/* the work under way */
	enum pop3_job job;
	size_t at;
	int fd;
	uint64_t offset, left; /* of the file */
	uint64_t lines;        /* TOP: of the body, still to be sent */
	bool top, in_body;
	unsigned char last; /* byte sent before, '\n' at the start */
	unsigned failed;
	/* what the update removed */
	uint64_t removed_bytes, removed_count;
};

/* Begins with POP3_OPEN. */
void pop3_init(struct pop3 *, struct folder *);
void pop3_clear(struct pop3 *);
/* Take commands; stops when there is work to do first or out is full.  How
 * many bytes were used; never 0 if there are POP3_LINE_MAX and none is
 * under way. */
size_t pop3_input(struct pop3 *, struct span);
bool pop3_busy(const struct pop3 *);
void pop3_work(struct pop3 *);

/* The unique id of a message as UIDL shows it. */
void pop3_uid(const struct store_msg *, char out[static POP3_UID_MAX + 1]);

/* pop3_work.c, for pop3.c */
void pop3_start(struct pop3 *, enum pop3_job);
void pop3_start_retr(struct pop3 *, size_t i, bool top, uint64_t lines);

#endif
