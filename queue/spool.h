/*
 * spool - the queue on disk and its rules: what is written when, what must be
 * durable before what, how a start puts it together again.
 *
 * Knows log, body and deferred files; knows nothing of channels, credits and
 * time of day.  doc/queue.md has the table of states.
 *
 * Changes are collected and go out with spool_flush(): one write for all of
 * them and, when something in it must be durable, one sync.
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include "queue/idtab.h"
#include "queue/qlog.h"
#include "queue/qmsg.h"
#include "queue/waiting.h"

#define REMOTE_UNSYNCED_MAX 64 /* completions a crash may repeat */
#define MOVE_BATCH 64          /* messages moved to deferred/ in one flush */

struct acted; /* spool_act.c */
TAILQ_HEAD(acted_list, acted);

#define CHILDREN_MAX 2 /* of one delivery: forwarded, and answered */

/* A new message that a delivery causes. */
struct child {
	uint64_t id;
	struct envelope envelope;
	struct span body; /* inline; a body file is durable under id before */
};

struct spool_ops {
	/* A new message is durable (or, ok false, refused after all: m is
	 * freed after this; never one with a parent). */
	void (*committed)(void *arg, struct qmsg *m, bool ok);
	/* m may be handed out, or has new targets. */
	void (*ready)(void *arg, struct qmsg *m);
	/* m will be freed: forget it. */
	void (*gone)(void *arg, struct qmsg *m);
};

struct spool {
	int dirfd;
	struct qlog *log;
	struct waiting waiting;  /* deferred, not in memory */
	struct idtab msgs;       /* those in memory */
	struct qmsg_list in_log; /* Q_NEW, Q_LOG by age */
	/* What the next sync completes. */
	struct qmsg_list fresh, expanded, moving, finished;
	struct qmsg_list born;    /* children: written until they are in */
	struct acted_list acted;  /* their parents, if in deferred/ */
	struct qmsg_list to_move; /* wait for their deferred file */
	unsigned nto_move;
	struct buf unsynced; /* state records written, not yet synced */
	unsigned unsynced_remote;
	bool must_sync;
	uint64_t next_id;
	uint64_t move_retry_ms;
	struct buf scratch;
	const struct spool_ops *ops;
	void *arg;
	/* counters */
	uint64_t accepted, refused, finished_total, moved, quarantined;
	uint64_t born_total;
	uint64_t nlog; /* messages in the log */
};

struct spool *spool_open(int dirfd, const struct qlog_conf *,
    uint64_t retry_max_ms, const struct spool_ops *, void *arg);
/* Tell ops->ready of everything found; once, after spool_open(). */
void spool_start(struct spool *);
void spool_close(struct spool **); /* writes nothing */

uint64_t spool_new_id(struct spool *);
/*
 * Put a message into the next batch; a body file must be durable under its id
 * before.  m is Q_NEW until ops->committed().  NULL with errno: ENOSPC (the
 * log is full), EBADMSG, ENOMEM.
 */
struct qmsg *spool_add(struct spool *, uint64_t id, const struct envelope *,
    struct span body);
/* A target needs nothing more.  m may become Q_FINISHED or be freed: do not
 * use it or t after this unless it returns true (there is more to do). */
bool spool_done(struct spool *, struct qmsg *m, struct qtarget *t,
    struct span status);
/*
 * A target needs nothing more, and n new messages come of its delivery: all of
 * it is in one batch, so that after a crash all of it has happened or nothing.
 * 1: as spool_done() with true.  0: as with false, or it is not done yet, and
 * ops->ready() follows if there is more to do.  -1 with errno, nothing has
 * changed: ENOSPC (the log is full), EBADMSG, ENOMEM.
 */
int spool_act(struct spool *, struct qmsg *m, struct qtarget *t,
    struct span status, const struct child *, unsigned n);
/* authd has told where a recipient's mail goes; ops->ready() follows when that
 * is durable.  0, or -1 with errno (nothing changed). */
int spool_expand(struct spool *, struct qmsg *m, struct span rcpt,
    const struct target *, unsigned n);
/* Nothing of m is under way: put it away until m->due_s.  m is no longer the
 * caller's. */
void spool_defer(struct spool *, struct qmsg *m);
/* Read a waiting one back for an attempt; NULL with errno.  A damaged file
 * goes to quarantine/ (EBADMSG). */
struct qmsg *spool_load(struct spool *, uint64_t id);
/* A waiting one only to look at; the caller frees it with qmsg_free(). */
struct qmsg *spool_peek(struct spool *, uint64_t id);
struct qmsg *spool_find(struct spool *, uint64_t id);

/* The inline body into dst (m->body_bytes).  -1 with EBADMSG when its
 * checksum is wrong. */
int spool_body_read(struct spool *, const struct qmsg *, void *dst);
/* A read-only descriptor of the body file. */
int spool_body_fd(struct spool *, const struct qmsg *);

/* Write what waits; sync if it must be, or if force.  -1: trouble with the
 * disk, logged; call again later. */
int spool_flush(struct spool *, bool force);
bool spool_is_dirty(const struct spool *); /* something is not yet synced */

#endif
