/*
 * spawnd - for the spawnd*.c files only.
 */
#ifndef MASTER_SPAWND_H
#define MASTER_SPAWND_H

#include "libcommon/accounts.h"
#include "libcommon/box_setup.h"
#include "libcommon/ipc.h"
#include "libcommon/proc.h"

#include <sys/queue.h>
#include <sys/types.h>

/* ---- homes (spawnd_home.c) --------------------------------------------- */

/*
 * mail/DOMAIN/LOGIN.  mail and DOMAIN are ours; nothing below LOGIN is ever
 * touched here.  owner is the mailbox's uid, or our own without root.
 *
 * A Unix account's home is not ours: it is looked at and opened, never made,
 * moved or removed.  Its path is semaild's word, never a caller's.  Only a
 * folder whose owner is the account is given to its worker, so that who can
 * put a link on the way to it gains nothing.
 */
struct home {
	int mail; /* the root of all homes, borrowed */
	uint32_t mailbox;
	uid_t owner;
	gid_t group; /* its worker's */
	const char *domain, *login;
	const char *account; /* an account's home, "" if it is none any more;
	                      * NULL: it is below mail */
};

/* Make it, whole and on disk; again does nothing.  0 or -1. */
int home_make(const struct home *);
/* An O_PATH descriptor of it, or -1 (EPERM: it is somebody else's). */
int home_open(const struct home *);
/* The two below are not for an account's. */
/* Move it to mail/.removed/MAILBOX-OWNER.  A descriptor to erase it by, or -1
 * with ENOENT when it is gone already. */
int home_retire(const struct home *);
/* Remove it, emptied. */
int home_drop(const struct home *);

/* ---- processes (spawnd_exec.c) ----------------------------------------- */

/* Keep the few capabilities spawnd needs. */
void priv_keep_few(void);
/* Start a worker.  0 with its process id and our end of its control socket,
 * or -1 with errno.  program is an absolute path. */
int priv_start_worker(const char *program, const struct box_setup *, int home,
    bool change_user, gid_t gid, pid_t *pid_out, int *control_out);

/* ---- requests and workers ---------------------------------------------- */

/* A request of admind, pop3d or local, until it is answered. */
struct job {
	TAILQ_ENTRY(job) entry; /* while it waits for authd or a worker */
	enum msg_type type;
	uint64_t peer; /* token of the channel it came by */
	uint32_t id;
	uint32_t mailbox;
	uint8_t service;
	char remote[65];
	int fd;             /* the session; -1 */
	struct msg_box box; /* authd's word */
	struct buf work;    /* what the worker is to do, encoded */
	unsigned tries;     /* workers that died over it */
	uint64_t deadline_ms;
};

TAILQ_HEAD(jobs, job);

void job_fail(struct job *, enum fail, const char *why);   /* frees it */
void job_done(struct job *, enum msg_type answer, int fd); /* frees it */
void job_answer(struct job *, enum msg_type answer, const struct buf *);

#define AUTH_MS 5000 /* for an answer of authd */

struct spawnd {
	struct proc *proc;
	struct ipc *authd;
	int mail;
	bool change_user;
	struct accounts *accounts;
};

extern struct spawnd spawnd;

struct home job_home(const struct job *);
/* Is it of the range of mailboxes that are no accounts? */
bool uid_is_ours(uid_t);
/* For a mailbox, NULL with an answer if there are too many; and ask authd. */
struct job *job_new(struct ipc *, struct ipc_msg *);
void job_ask_box(struct job *, uint32_t mailbox);

/* spawnd_work.c: SPAWN_SETTINGS, SPAWN_PURGE, SPAWN_BACKUP and SPAWN_RESTORE,
 * what admind wants done in a home. */
int work_take(struct ipc *, struct ipc_msg *);
bool job_is_work(const struct job *);
/* authd knows the mailbox: have its worker do it. */
void work_known(struct job *);

/* For spawnd_worker.c: the worker is there.  False: it does not take it, and
 * the job has been answered. */
bool work_give(struct job *, struct ipc *control);

/* spawnd_hook.c: SPAWN_HOOK, what the administrator wants run.  hooks_init()
 * forks: it comes before proc_confine(). */
void hooks_init(void);
int hook_request(struct ipc *, struct ipc_msg *);

/* spawnd_worker.c: the workers there are */
void workers_init(void);
/* Hand the job's session, a delivery channel or work to its mailbox's worker,
 * which is started if need be; answers the job. */
void worker_attach(struct job *);
/* The worker that had the job's work has gone: when it has ended, another one
 * is given it. */
void worker_attach_again(struct job *);
/* End the mailbox's worker, move its home aside, erase it; answers. */
void worker_erase(struct job *);
void workers_stats(void (*add)(void *, const char *, uint64_t), void *);

/* spawnd_revoke.c: sessions that must end */
/* The mailbox's rights have changed: end its sessions now. */
void worker_revoke(uint32_t mailbox);
/* Accounts are others than they were: workers of those that differ end. */
void workers_accounts(const struct accounts *old, const struct accounts *new);
/* authd was away: what it revoked meanwhile we have not heard.  It is asked for
 * each mailbox with sessions, and these end if they began with other rights, or
 * if it does not know. */
void workers_look(void);

#endif
