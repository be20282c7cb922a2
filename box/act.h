/*
 * act - what becomes of a message that came for the mailbox: is it kept, where
 * does it go on to, is it answered?
 */
#ifndef BOX_ACT_H
#define BOX_ACT_H

#include "libcommon/box_setup.h"
#include "libcommon/msg_queue.h"

/* Who we are; of the mailbox. */
struct act_box {
	int home;
	const struct box_setup *setup;
};

struct act {
	bool keep; /* a copy, in the mailbox */
	struct msg_actions actions;
	struct buf forward, answer; /* what actions points into */
};

/* Always tells: where something cannot be read or understood the message is
 * kept.  fd is its body, or -1. */
void act_decide(const struct act_box *, const struct msg_deliver *, int fd,
    struct act *out);
void act_clear(struct act *);

#endif
