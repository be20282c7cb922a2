/*
 * qlog - the intake log: segments below log/, written in batches.
 *
 * Segments are made once, zero-filled and synced, and then used again and
 * again, strictly oldest first, each time with a new generation that is synced
 * before its first batch.  The log knows nothing of mail: its owner counts,
 * with qlog_hold() and qlog_release(), what still needs a segment.
 */
#ifndef QUEUE_QLOG_H
#define QUEUE_QLOG_H

#include "queue/record.h"

#include <sys/queue.h>

#define QLOG_SEGMENTS_MAX 256
#define QLOG_BATCH_MAX (1024 * 1024) /* write before it grows past this */

struct seg {
	TAILQ_ENTRY(seg) link;
	char name[16]; /* below log/ */
	int fd;
	struct seg_head head;
	uint64_t end;  /* where the next batch goes */
	uint32_t live; /* holds: messages that are nowhere else */
	bool failed;   /* an I/O error: never written or synced again */
	bool odd_size; /* not of the size configured: used up, then
	                       * removed */
};
TAILQ_HEAD(seg_list, seg);

struct qlog_conf {
	uint64_t log_size, segment_size; /* bytes */
};

struct qlog_ops {
	/* A record of the scan, in the order of writing.  salvaged: found
	 * among damaged bytes. */
	void (*record)(void *arg, struct seg *, const struct rec *,
	    bool salvaged);
};

struct qlog {
	int dirfd;             /* the queue directory */
	struct seg_list used;  /* oldest generation first */
	struct seg_list blank; /* never used */
	struct seg *active;    /* the newest of used, or NULL */
	unsigned nsegs, want;  /* that are usable; that should be */
	uint64_t seg_size;
	uint64_t generation;  /* the newest given out */
	uint64_t seq;         /* of the last batch written */
	uint64_t synced;      /* of the last batch known durable */
	uint64_t last_id;     /* for the batch header */
	uint64_t retry_ms;    /* when to try again to make segments */
	struct buf batch;     /* records that wait to be written */
	struct seg *last_seg; /* where what batch.data still holds was */
	uint64_t last_off;    /* written, or NULL */
	size_t last_len;
	/* counters */
	uint64_t nbatches, nsyncs, nrecycled, nfailed, ndamaged;
};

/* Read and repair what is there, make what is missing.  Everything found has
 * been made durable before it is told.  NULL with errno. */
struct qlog *qlog_open(int dirfd, const struct qlog_conf *,
    const struct qlog_ops *, void *arg);
void qlog_close(struct qlog **); /* without writing anything */

/* Append to the batch; see record.h. */
struct buf *qlog_batch(struct qlog *);
size_t qlog_rec_begin(struct qlog *, enum rec_type, uint64_t id);
void qlog_rec_end(struct qlog *, size_t at);
bool qlog_is_empty(const struct qlog *); /* nothing waits */
void qlog_forget_batch(struct qlog *);

/* Is there room for n more payload bytes of new mail?  One segment is kept
 * back for what empties the others. */
bool qlog_has_room(struct qlog *, size_t n);
/* How full: 0 to 100. */
unsigned qlog_percent(struct qlog *);

/*
 * Write the batch: the segment and offset it went to, or -1 with errno:
 * ENOSPC when no segment is free (the batch stays), anything else when the
 * segment failed (it is given up, the batch forgotten).
 */
int qlog_write(struct qlog *, struct seg **seg_out, uint64_t *off_out);
/* Make all that was written durable.  -1: the segment is given up; what was
 * written since the last success may be lost, or not. */
int qlog_sync(struct qlog *);

/* Bytes of the batch written last, while they are still in memory; NULL for
 * all others. */
const void *qlog_recent(const struct qlog *, const struct seg *, uint64_t off,
    size_t len);

void qlog_hold(struct seg *);
void qlog_release(struct qlog *, struct seg *);

/* Remove what has failed and is empty, make missing segments (when that
 * failed, not again for ten seconds).  Call now and then. */
void qlog_tend(struct qlog *, uint64_t now_ms);

#endif
