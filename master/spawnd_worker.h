/*
 * spawnd_worker - what spawnd_worker.c and spawnd_revoke.c share.
 */
#ifndef MASTER_SPAWND_WORKER_H
#define MASTER_SPAWND_WORKER_H

#include "master/spawnd.h"

enum worker_state { RUNNING, IDLE, LEAVING };

struct worker {
	TAILQ_ENTRY(worker) entry; /* IDLE ones: the longest idle first */
	uint32_t mailbox;
	uid_t uid;
	pid_t pid;
	struct ipc *control; /* NULL once the channel is gone */
	enum worker_state state;
	uint32_t sent;       /* sessions, channels and work handed over */
	uint64_t quota_kb;   /* what it was told */
	bool sessions;       /* some of them were logged in */
	uint64_t rights;     /* that these began with; 0: with different ones */
	bool told;           /* we ended it */
	uint64_t since_ms;   /* of the state */
	struct job *erase;   /* it is there to empty this job's home */
	struct jobs waiting; /* for its end */
};

TAILQ_HEAD(workers, worker);

extern struct workers workers_busy; /* RUNNING or LEAVING */
extern struct workers workers_idle;
extern struct jobs jobs_waiting; /* for a place */

struct worker *worker_find(uint32_t mailbox);
void worker_kill(struct worker *);

#endif
