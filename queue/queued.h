/*
 * queued - the parts of the daemon, and what they share.
 *
 * intake.c   smtpd's edge: messages and large bodies come in
 * expand.c   recipients whose targets are not known: authd is asked
 * sched.c    what is handed out when; retry
 * deliver.c  local's edge
 * children.c what a delivery causes: forwarding, answers
 * list.c     the semail queue command's edge
 */
#ifndef QUEUE_QUEUED_H
#define QUEUE_QUEUED_H

#include "queue/spool.h"
#include "libcommon/ipc.h"
#include "libcommon/proc.h"

struct event;

struct queued {
	struct proc *proc;
	struct spool *spool;
	int dirfd;
	/* settings */
	uint64_t message_max, min_free, retry_min_ms, retry_max_ms;
	const unsigned char *grant_key; /* NULL: none */
	/* events */
	struct event *turn;  /* at the end of this turn of the loop: flush */
	struct event *later; /* sync what may wait 100 ms */
	struct event *tick;  /* each second */
	struct event *due;   /* the next deferred message */
	bool disk_low;       /* less than min_free is free */
	uint64_t index_ms;   /* when deferred.idx was last written */
	/* expand.c */
	struct ipc *authd;
	struct qmsg_list asking;
	/* deliver.c */
	struct ipc *local;
	uint32_t credit;
	struct qmsg_list ready; /* have targets for local */
	struct buf out;         /* the request being built */
	unsigned loaded;        /* deferred ones in memory for an attempt */
	/* intake.c */
	struct idtab bodies;
	struct buf rcpts;
	/* counters */
	uint64_t delivered, failed, bytes_in;
	uint64_t delivered_ms; /* when local last did something */
};

/* Something was changed or came free: see to it at the end of this turn. */
void queued_turn(struct queued *);

extern const struct ipc_ops intake_ops; /* smtpd */
void intake_committed(struct queued *, struct qmsg *, bool ok);

void expand_start(struct queued *);
void expand_ask(struct queued *); /* all that wait for it */

void sched_ready(struct queued *, struct qmsg *);
/* After a target of m came back: more to do now, or later? */
void sched_settle(struct queued *, struct qmsg *);
void sched_forget(struct queued *, struct qmsg *);
void sched_relieve(struct queued *); /* the log runs full: make room */
void sched_on_due(int, short, void *);
void sched_arm(struct queued *);

extern const struct ipc_ops deliver_ops; /* local */
void deliver_dispatch(struct queued *);

/* t of m was delivered, and asks for d's actions.  As spool_act(); a reason to
 * try again later goes to *why_out with -1. */
int children_act(struct queued *, struct qmsg *m, struct qtarget *t,
    const struct msg_delivered *d, const char **why_out);

extern const struct ipc_ops list_ops; /* the semail queue command */
void list_tick(struct queued *);

#endif
