/*
 * deferred - the file of a message that waits for another attempt.
 *
 * deferred/ab/ID is text around the message, so that an administrator can look
 * at it with a pager: a header of "name value" lines with a checksum, the body,
 * then a line for each thing that happened since, each with its checksum.  A
 * torn or damaged last line counts as not written.  See doc/queue.md.
 */
#ifndef QUEUE_DEFERRED_H
#define QUEUE_DEFERRED_H

#include "queue/qmsg.h"

#define DEFERRED_HEAD_MAX (6 * 1024 * 1024) /* of ENVELOPE_MAX as text */
#define DEFERRED_LINES_MAX (8 * 1024 * 1024)

/* ---- the text (pure) ---- */

void deferred_head_put(struct buf *, const struct qmsg *);
/* The header off the front of a file.  *head_len_out gets its size: the body
 * starts there.  NULL with errno: EBADMSG, EAGAIN (more bytes are needed),
 * ENOMEM. */
struct qmsg *deferred_head_get(struct span in, size_t *head_len_out);

void deferred_put_attempt(struct buf *, uint64_t now_s, const struct qmsg *);
/* done: "nothing more to do", else why it failed; the text is status. */
void deferred_put_target(struct buf *, uint64_t now_s, const struct qtarget *,
    bool done, struct span status);
void deferred_put_expand(struct buf *, uint64_t now_s, struct span rcpt,
    const struct target *, unsigned n);
/* Apply the lines; returns the bytes up to the end of the last whole one.
 * Lines with a bad checksum are left out; their number goes to *bad_out. */
size_t deferred_lines_get(struct span lines, struct qmsg *, unsigned *bad_out);

/* ---- the file ---- */

/* Write the whole file of a message whose inline body is body.  Not synced. */
int deferred_write(int dirfd, const struct qmsg *, struct span body,
    uint64_t now_s);
/* Make the files of n messages and their names durable. */
int deferred_sync(int dirfd, struct qmsg *const *, size_t n);
/* Read one back: envelope and state, not the body.  NULL with errno; EBADMSG:
 * it is damaged. */
struct qmsg *deferred_read(int dirfd, uint64_t id);
/* Add lines after the last whole one. */
int deferred_append(int dirfd, struct qmsg *, struct span lines, bool sync);
int deferred_unlink(int dirfd, uint64_t id);
/* An O_RDONLY descriptor of the file; the body is at m->body_at. */
int deferred_open(int dirfd, uint64_t id);

#endif
