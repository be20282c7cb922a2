/*
 * msg_actions - what a delivery causes: the message goes on to other addresses,
 * or is answered.
 *
 * A worker asks for it and queued does it, in one batch with the delivery's
 * completion.  A worker is the least trusted of all that speak here, so it says
 * no more than this: the sender, the recipient of an answer and the lines that
 * are put before a forwarded message are queued's.
 */
#ifndef LIBCOMMON_MSG_ACTIONS_H
#define LIBCOMMON_MSG_ACTIONS_H

#include "libcommon/buf.h"

#define FORWARDS_MAX 50            /* addresses a message is forwarded to */
#define AUTOREPLY_MAX (128 * 1024) /* bytes of an answer */

/*
 * wire: u32 n, n*(text address), bytes answer
 */
struct msg_actions {
	uint32_t nforward;
	struct span forward; /* encoded; msg_actions_next() */
	struct span answer;  /* a whole message, lines ending in CRLF, for the
	                      * envelope sender; empty: none */
};

void msg_actions_put(struct buf *, const struct msg_actions *);
/* Off w, which goes bad for what is no canonical address or too much. */
struct wire;
void msg_actions_get(struct wire *w, struct msg_actions *out);
bool msg_has_actions(const struct msg_actions *);

/* Add an address; list becomes m->forward when all are there. */
void msg_actions_forward(struct msg_actions *m, struct buf *list,
    struct span address);
/* Take the first address off *list: 1, or 0 at the end. */
int msg_actions_next(struct span *list, struct span *address_out);

#endif
