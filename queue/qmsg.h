/*
 * qmsg - a queued message in memory, and its envelope as bytes.
 *
 * The envelope is kept as it stands in the log; everything else points into
 * it.  The body is never in memory: it is read from the log, from body/ or
 * from deferred/ when it is handed out.
 */
#ifndef QUEUE_QMSG_H
#define QUEUE_QMSG_H

#include "libcommon/msg_auth.h"
#include "libcommon/msg_queue.h"

#include <sys/queue.h>

#define TARGET_UNKNOWN 0 /* a recipient whose targets authd is yet to say */
#define ENVELOPE_MAX (1536 * 1024)

/*
 * In the flags of an envelope, beside enum body_flags: whether it has a
 * prefix, and how many messages stand between it and the one that came in.
 */
#define QMSG_PREFIX (1u << 7)
#define QMSG_DEPTH_SHIFT 8
#define QMSG_DEPTH_MAX 10 /* then a mailbox may only keep it */

static inline unsigned
qmsg_depth(uint32_t flags)
{
	return flags >> QMSG_DEPTH_SHIFT & 0xff;
}

struct seg;

enum target_state {
	T_WAITING, /* to be handed out, or to be expanded */
	T_FLYING,  /* handed out, or authd was asked */
	T_TRIED,   /* failed this time: waits for the next attempt */
	T_DONE,    /* nothing more to do */
};

struct qtarget {
	uint8_t kind;  /* enum target_kind or TARGET_UNKNOWN */
	uint8_t state; /* enum target_state */
	bool twin;     /* the same as an earlier one: never handed out */
	bool again;    /* may have been delivered before */
	uint8_t lost;  /* times local or a worker went away with it */
	uint16_t rcpt; /* of which recipient, from 0 */
	uint32_t mailbox;
	struct span address;  /* canonical; of the recipient if unknown */
	struct span original; /* of the recipient */
	char *status;         /* owned: why it failed last, or NULL */
	bool changed;         /* status is not yet in the deferred file */
};

enum qmsg_where {
	Q_NEW, /* in the batch, not committed: may still be refused */
	Q_LOG,
	Q_MOVING,   /* deferred file written, "moved" not yet synced */
	Q_DEFERRED, /* read back from its file for an attempt */
	Q_FINISHED, /* all done; the log's records of that not yet synced */
};

struct qblob {
	struct qblob *next;
	unsigned char bytes[];
};

struct qmsg {
	TAILQ_ENTRY(qmsg) in_log; /* by age: all in Q_NEW, Q_LOG */
	TAILQ_ENTRY(qmsg) ready;  /* the dispatcher's */
	TAILQ_ENTRY(qmsg) sync;   /* waits for the next sync */
	TAILQ_ENTRY(qmsg) asking; /* has recipients to ask authd about */
	bool is_ready, is_asking; /* in those lists */
	bool is_expanding;        /* an expansion is not yet synced */
	unsigned cursor;          /* where the dispatcher looks next */
	uint64_t client_token;    /* Q_NEW: whom to answer, and which */
	uint32_t client_request;  /* request */
	uint64_t parent;          /* Q_NEW: whose delivery caused it, or 0 */

	uint64_t id;
	uint64_t arrived_s; /* Unix time */
	uint32_t flags;     /* enum body_flags, QMSG_* */
	struct span reverse_path, client, auth;
	struct span prefix; /* header lines before the body */
	uint32_t nrcpts;
	struct span rcpts;       /* encoded; qmsg_rcpt_next() */
	unsigned char *envelope; /* owned: what the spans point into */
	size_t envelope_len;
	struct qblob *blobs; /* owned: later expansions */
	size_t expanded_len; /* of all of them */

	struct qtarget *targets;
	unsigned ntargets;
	unsigned nopen; /* not T_DONE */
	unsigned nflying;

	uint8_t body_file; /* in body/ab/ID */
	uint64_t body_bytes;
	uint32_t body_crc; /* CRC-32C; 0 for a body file */

	enum qmsg_where where;
	struct seg *seg;  /* Q_NEW, Q_LOG, Q_MOVING: holds it */
	uint64_t body_at; /* offset of an inline body in its file */
	uint32_t attempts;
	uint64_t due_s;    /* Unix time of the next attempt */
	uint64_t file_end; /* Q_DEFERRED: after the last whole line */
};
TAILQ_HEAD(qmsg_list, qmsg);

/* What goes into a REC_MESSAGE before the body. */
struct envelope {
	uint64_t arrived_s;
	uint32_t flags; /* QMSG_PREFIX follows from prefix */
	struct span reverse_path, client, auth, prefix;
	uint32_t nrcpts;
	struct span rcpts; /* encoded by envelope_rcpt_put() */
	uint8_t body_file;
	uint64_t body_bytes;
	uint32_t body_crc;
};

void envelope_put(struct buf *, const struct envelope *);
/* One recipient with its final targets; none: not known yet. */
void envelope_rcpt_put(struct buf *, struct span address, const struct target *,
    unsigned n);

/* A message from its envelope; *body_out gets the inline body that follows it,
 * or body_out is NULL and nothing may follow.  NULL with errno: EBADMSG or
 * ENOMEM. */
struct qmsg *qmsg_new(uint64_t id, struct span payload, struct span *body_out);
void qmsg_free(struct qmsg **);

struct qmsg_rcpt {
	struct span address;
	unsigned ntargets;
	struct span targets; /* encoded, without the count */
};
int qmsg_rcpt_next(struct span *rcpts, struct qmsg_rcpt *out);

/* The payload of REC_EXPAND: text recipient, targets. */
#define EXPAND_MAX (GRANT_MAX + PATH_MAX_BYTES + 16)
void expand_put(struct buf *, struct span rcpt, const struct target *,
    unsigned n);
/* Put the targets in the place of the unknown one.  0; -1 with EBADMSG (form),
 * ENOENT (there is no such unknown), EMSGSIZE (more than ENVELOPE_MAX bytes of
 * recipients and targets) or ENOMEM. */
int qmsg_expand(struct qmsg *, struct span payload);

/* The payload of REC_DONE: u8 kind, u32 mailbox, text address. */
void done_put(struct buf *, const struct qtarget *);
/* The target it names; NULL with EBADMSG or ENOENT. */
struct qtarget *qmsg_done_find(struct qmsg *, struct span payload);
/* Mark the canonical target done; -1 with EBADMSG or ENOENT. */
int qmsg_done(struct qmsg *, struct span payload);
void qtarget_set_done(struct qmsg *, struct qtarget *);

struct qtarget *qmsg_find(struct qmsg *, uint8_t kind, uint32_t mailbox,
    struct span address);
/* Keep a copy of the reason, cut at STATUS_MAX, control bytes replaced.
 * True if it is another than before. */
bool qtarget_set_status(struct qtarget *, struct span status);

/* "ab/0123456789ab": two last characters, then the id; for body/, deferred/ */
#define QMSG_PATH 48
void qmsg_path(const char *dir, uint64_t id, char out[static QMSG_PATH]);
void qmsg_dir(const char *dir, uint64_t id, char out[static QMSG_PATH]);

#endif
