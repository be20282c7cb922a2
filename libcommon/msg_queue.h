/*
 * msg_queue - what smtpd, local and the queue command say with queued.
 *
 * Decoders borrow from the payload; they fail on anything short, over a limit
 * or left over.
 */
#ifndef LIBCOMMON_MSG_QUEUE_H
#define LIBCOMMON_MSG_QUEUE_H

#include "libcommon/msg_actions.h"

#define PATH_MAX_BYTES \
	320                          /* 64 + @ + 255, RFC 5321 4.5.3.1, as
                                     * UTF-8, without the angle brackets */
#define RCPTS_MAX 1000               /* recipients of one message */
#define BODY_INLINE_MAX (256 * 1024) /* larger bodies go through a pipe */
#define STATUS_MAX 512               /* a status text for people and DSNs */
#define PREFIX_MAX (16 * 1024)       /* header lines that forwarding added */

enum body_flags {
	BODY_8BIT = 1 << 0,   /* BODY=8BITMIME was said */
	BODY_UTF8 = 1 << 1,   /* SMTPUTF8 was said (RFC 6531) */
	BODY_AUTHED = 1 << 2, /* submitted: by a login, or a trusted network */
};

/* One recipient as smtpd accepted it. */
struct msg_rcpt {
	struct span address; /* forward-path as given, normalised domain */
	struct span grant;   /* from AUTH_RCPT_IS, untouched; may be empty */
};

/*
 * A whole message for the queue.  The body is what came after DATA, CRLF line
 * ends, dots unstuffed, with our Received: line first.  Either body_token is 0
 * and body holds it all (<= BODY_INLINE_MAX), or body_token names a pipe that
 * has been filled with body_bytes bytes and closed.
 *
 * wire: u32 flags, text reverse_path, text client, text auth, u32 n,
 * n*(text address, bytes grant), u64 body_token, u64 body_bytes, bytes body
 */
struct msg_submit {
	uint32_t flags;           /* enum body_flags */
	struct span reverse_path; /* empty for <> */
	struct span client;       /* address of the client, for the log */
	struct span auth;         /* canonical mailbox address or empty */
	uint32_t nrcpts;
	struct span rcpts; /* encoded; walk with msg_rcpt_next() */
	uint64_t body_token;
	uint64_t body_bytes;
	struct span body;
};

/* rcpts must have been built with msg_rcpt_put(), nrcpts times. */
void msg_submit_put(struct buf *, const struct msg_submit *);
int msg_submit_get(struct span, struct msg_submit *out);
void msg_rcpt_put(struct buf *, const struct msg_rcpt *);
/* Take the first off *rcpts: 1, or 0 at the end (never malformed after a
 * successful msg_submit_get()). */
int msg_rcpt_next(struct span *rcpts, struct msg_rcpt *out);

/*
 * One message for one mailbox.  body_file: the fd is the body, read-only and
 * of exactly body_bytes bytes; else body holds it.  The message is prefix and
 * then body.
 *
 * wire: u64 queue_id, u32 mailbox, u8 again, u8 may_act, u64 arrived_s, text
 * reverse_path, text recipient, text original, bytes prefix, u64 body_bytes,
 * u8 body_file, bytes body
 */
struct msg_deliver {
	uint64_t queue_id;
	uint32_t mailbox;
	uint8_t again;      /* may have been delivered before: look first */
	uint8_t may_act;    /* 0: too deep a chain, only keep it */
	uint64_t arrived_s; /* Unix time of the commit: part of the name */
	struct span reverse_path; /* for Return-Path: (RFC 5321 4.4) */
	struct span recipient;    /* for Delivered-To: the mailbox's address */
	struct span original;     /* the address that led here */
	struct span prefix;       /* header lines with CRLF, mostly none */
	uint64_t body_bytes;
	uint8_t body_file;
	struct span body;
};

void msg_deliver_put(struct buf *, const struct msg_deliver *);
int msg_deliver_get(struct span, struct msg_deliver *out);

/* DELIVER_AGAIN: who had it in hand went away with it; perhaps done, perhaps
 * not, and worth another attempt at once. */
enum deliver_result { DELIVER_OK, DELIVER_TEMP, DELIVER_PERM, DELIVER_AGAIN };

/* wire: u8 result, text status ("2.0.0 delivered", "4.3.1 ..."), struct
 * msg_actions: none unless DELIVER_OK */
struct msg_delivered {
	uint8_t result;
	struct span status;
	struct msg_actions actions;
};

void msg_delivered_put(struct buf *, const struct msg_delivered *);
int msg_delivered_get(struct span, struct msg_delivered *out);

/*
 * A queued message as semail queue shows it.
 *
 * wire: u64 queue_id, u64 arrived_s, u64 body_bytes, u8 deferred, u32 attempts,
 * u64 due_s, text reverse_path, text reason, u32 n, n*(text address, u8 done,
 * text status)
 */
struct msg_queue_row {
	uint64_t queue_id;
	uint64_t arrived_s;
	uint64_t body_bytes;
	uint8_t deferred; /* in a file of its own; else in the intake log */
	uint32_t attempts;
	uint64_t due_s; /* next attempt, Unix time; 0: now */
	struct span reverse_path;
	struct span reason; /* why it still waits */
	uint32_t nrcpts;
	struct span rcpts; /* encoded; msg_row_rcpt_next() */
};

struct msg_row_rcpt {
	struct span address;
	uint8_t done; /* 1: nothing more to do for it */
	struct span status;
};

void msg_queue_row_put(struct buf *, const struct msg_queue_row *);
/* Reads one row off w (the row is followed by others). */
struct wire;
void msg_queue_row_get(struct wire *w, struct msg_queue_row *out);
void msg_row_rcpt_put(struct buf *, const struct msg_row_rcpt *);
int msg_row_rcpt_next(struct span *rcpts, struct msg_row_rcpt *out);

/* Queue ids as people see them: 13 characters of 0-9 a-z without vowels'
 * confusion, see queue_id_text().  Reading takes exactly that form. */
#define QUEUE_ID_TEXT 14
void queue_id_text(uint64_t id, char out[static QUEUE_ID_TEXT]);
int queue_id_parse(const char *, uint64_t *out);

#endif
