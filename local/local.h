/*
 * local - for local's files only.
 *
 * A delivery goes: WAITING for a channel to its mailbox's worker, WRITING
 * (BOX_WRITE is out), WRITTEN (whole in tmp/, not synced), PUBLISHING (synced;
 * BOX_PUBLISH is out), PUBLISHED (in new/, not synced), answered.  One of which
 * the mailbox keeps no copy, because it is forwarded, is answered after WRITING.
 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include "libcommon/ipc.h"
#include "libcommon/msg_queue.h"
#include "libcommon/proc.h"

#include <sys/queue.h>

#define CREDIT 200 /* deliveries queued may have given and not got back */
/* Those of channels to queued that have gone may still be under way. */
#define DELIVERIES_MAX 800

enum delivery_state { WAITING, WRITING, WRITTEN, PUBLISHING, PUBLISHED };

struct mailbox;

struct delivery {
	TAILQ_ENTRY(delivery) entry; /* of the list of its state */
	TAILQ_ENTRY(delivery) all;
	enum delivery_state state;
	struct mailbox *mailbox; /* NULL once PUBLISHED */
	uint32_t number;         /* of the mailbox */
	uint64_t queue_id;
	uint64_t peer; /* queued's channel and request */
	uint32_t id;
	bool lent;          /* its credit was given back before it */
	struct buf payload; /* struct msg_deliver, while WAITING */
	struct buf actions; /* struct msg_actions, from WRITTEN on: goes
	                          * to queued with the good answer only */
	int fd;             /* the body, while WAITING */
};

TAILQ_HEAD(deliveries, delivery);

extern struct deliveries all_deliveries;

/* local.c: tell queued, and free it.  It must be on no list but all. */
void delivery_answer(struct delivery *, enum deliver_result,
    const char *status);
void delivery_later(struct delivery *, const char *why); /* "4.3.0 why" */
void delivery_again(struct delivery *, const char *why); /* at once */
/* Its mailbox is slow: let queued give another in its place, within limits. */
void delivery_lend(struct delivery *);

/* batch.c: deliveries on their way through the two syncs */
struct batch_ops {
	int (*sync)(void); /* everything written so far; 0 or -1 */
	/* all of these, WRITTEN, belong to one mailbox */
	void (*publish)(struct mailbox *, struct deliveries *);
	/* these cannot be synced: their mailbox must forget them */
	void (*lost)(struct mailbox *);
	void (*wake)(void); /* call batch_run() when nothing else is ready */
};

void batch_init(const struct batch_ops *);
void batch_written(struct delivery *);
void batch_published(struct delivery *);
void batch_forget(struct delivery *); /* a WRITTEN one whose worker died */
void batch_run(void);
struct batch_stats {
	uint64_t syncs, delivered;
};
extern struct batch_stats batch_stats;

/* mailbox.c: channels to the workers */
void mailbox_init(struct proc *);
/* Give it to its mailbox: m is what queued sent. */
void mailbox_deliver(struct delivery *, struct ipc_msg *m);
void mailbox_publish(struct mailbox *, struct deliveries *);
void mailbox_lost(struct mailbox *);
unsigned mailbox_count(void);

#endif
