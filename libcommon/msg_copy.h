/*
 * msg_copy - a mailbox is copied out as an archive, or an archive into it, in
 * pieces: SPAWN_BACKUP, SPAWN_RESTORE and their answers, and the same with the
 * mailbox's worker (BOX_*).
 *
 * The worker holds a session for each; its number and how far it has come make
 * the cursor that goes all the way to who asks.  A piece may be asked for, or
 * given, twice: who lost an answer repeats the request.
 *
 * Decoders borrow from the payload; they fail on anything short, over a limit
 * or left over.
 */
#ifndef LIBCOMMON_MSG_COPY_H
#define LIBCOMMON_MSG_COPY_H

#include "libcommon/buf.h"

/* Bytes of an archive in one message.  Twice as many, as all may need an
 * escape, fit into a record of the admin protocol with the other fields. */
#define COPY_PIECE (120 * 1024)
#define COPY_WHY_MAX 200
#define COPY_CURSOR_MAX 40 /* bytes of its text, with a NUL */

/* Which piece. */
struct copy_cursor {
	uint64_t session; /* 0: of a new one, the first */
	uint64_t at;      /* bytes of the archive before it */
};

/* "" for a new one; as it stands in the protocol.  0, or -1 for a text that no
 * answer had. */
void copy_cursor_text(const struct copy_cursor *,
    char out[static COPY_CURSOR_MAX]);
int copy_cursor_parse(struct span, struct copy_cursor *out);

/* The next piece is wanted.  wire: u64 session, u64 at */
void msg_backup_put(struct buf *, const struct copy_cursor *);
int msg_backup_get(struct span, struct copy_cursor *out);

/* wire: u64 session, u64 at, u8 last, bytes data */
struct msg_restore {
	struct copy_cursor cursor;
	uint8_t last; /* nothing comes after it */
	struct span data;
};

void msg_restore_put(struct buf *, const struct msg_restore *);
int msg_restore_get(struct span, struct msg_restore *out);

/* The answer to both. */
enum copied {
	COPIED_MORE, /* cursor is of the next piece */
	COPIED_OVER, /* that was all; of a restore: durably */
	COPIED_LOST, /* there is no such session, or no such place in it: it
	              * was cut short, and has to begin anew */
	COPIED_BAD,  /* no archive: why says it; what was whole is restored */
	COPIED_FULL, /* no room for the rest: the same */
};

/* wire: u8 how, u64 session, u64 at, u64 messages, u64 bytes, u64 already,
 * u64 skipped, text why, bytes data */
struct msg_copied {
	uint8_t how; /* enum copied */
	struct copy_cursor cursor;
	uint64_t messages, bytes; /* copied so far */
	uint64_t already;         /* messages that were there */
	uint64_t skipped;         /* entries that are none */
	struct span why;          /* or the first of those */
	struct span data;         /* of a backup */
};

void msg_copied_put(struct buf *, const struct msg_copied *);
int msg_copied_get(struct span, struct msg_copied *out);

#endif
