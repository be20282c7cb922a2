/*
 * record - the bytes of the intake log: segments, batches, records.
 *
 * A segment is a header block and then batches, each from a 4096-byte boundary
 * on.  A batch is whole or nothing: its checksum covers its header and the
 * checksums of its records.  Each record has its own checksum too, so that the
 * good ones of a damaged batch can be saved.
 *
 * Everything carries the segment's generation and salt.  The generation keeps
 * what an earlier use of the segment left from being taken for new; the salt,
 * random and never shown, keeps a body from posing as a batch where a scan
 * looks into the middle of a damaged one.
 *
 * The layout, byte by byte, is in doc/queue.md.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "libcommon/buf.h"

#define BLOCK 4096
#define SEG_HEADER BLOCK
#define BATCH_HEADER 64
#define REC_HEADER 48

enum rec_type {
	REC_MESSAGE = 1, /* envelope and body, or envelope and "in body/" */
	REC_EXPAND = 2,  /* the final targets of one recipient */
	REC_DONE = 3,    /* one target needs nothing more */
	REC_MOVED = 4,   /* the message is in deferred/ now */
	REC_VOID = 5,    /* the message was refused after it was written */
	REC_ACTED = 6,   /* as REC_DONE, of a message in deferred/: what its
	                  * delivery caused is in the same batch */
};

struct seg_head {
	uint64_t generation; /* 0: prepared, never used */
	uint64_t salt;
	uint64_t size; /* of the file */
};

void seg_head_put(unsigned char out[static SEG_HEADER],
    const struct seg_head *);
/* 0, or -1 with EBADMSG. */
int seg_head_get(const unsigned char in[static SEG_HEADER],
    struct seg_head *out);

struct batch_head {
	uint64_t seq;     /* consecutive over all segments */
	uint64_t synced;  /* the last batch known durable when it was written */
	uint64_t last_id; /* no queue id above it was given out before */
	uint32_t nrecords;
	size_t len; /* bytes, without the padding to BLOCK */
};

struct rec {
	enum rec_type type;
	uint64_t id;
	struct span payload;
	size_t off; /* of the record's header in the segment */
};

/*
 * Build a batch in an empty buf: begin, then records, then seal.  Between
 * rec_begin() and rec_end() the caller appends the payload.  rec_begin()
 * returns the offset of the record's header in the batch.
 */
void batch_begin(struct buf *);
size_t rec_begin(struct buf *, enum rec_type, uint64_t id);
void rec_end(struct buf *, size_t at);
/* Fill in what is known only now, checksums and padding.  buf_error() then
 * says whether the batch may be written. */
void batch_seal(struct buf *, const struct seg_head *, struct batch_head *);

struct scan_ops {
	/* A record of a whole batch, in order. */
	void (*record)(void *arg, const struct rec *);
	/* A whole batch, before its records. */
	void (*batch)(void *arg, size_t off, const struct batch_head *);
	/* Bytes that are no batch, with the batch next after them. */
	void (*hole)(void *arg, size_t off, size_t len,
	    const struct batch_head *next);
};

/* Read a whole segment (its header too).  Returns the offset where the next
 * batch belongs: after the last whole one. */
size_t seg_scan(struct span image, const struct seg_head *,
    const struct scan_ops *, void *arg);

/* Call record for each record with a good checksum among damaged bytes. */
void seg_salvage(struct span image, const struct seg_head *, size_t off,
    size_t len, void (*record)(void *, const struct rec *), void *arg);

/* A segment whose header is damaged: the newest generation that a whole batch
 * in it claims.  0, or -1 if there is none. */
int seg_guess_head(struct span image, struct seg_head *out);

#endif
