/*
 * msg_box - what is said with spawnd, with a mailbox's worker, and on local's
 * channel to a worker (SPAWN_*, BOX_* of msg.h).
 *
 * Decoders borrow from the payload; they fail on anything short, over a limit
 * or left over.
 */
#ifndef LIBCOMMON_MSG_BOX_H
#define LIBCOMMON_MSG_BOX_H

#include "libcommon/buf.h"
#include "libcommon/msg_actions.h"
#include "libcommon/msg_auth.h"

#define BOX_REMOTE_MAX 64    /* bytes of a client's address */
#define BOX_PUBLISH_MAX 1000 /* queue ids in one BOX_PUBLISH */

/*
 * A front has a logged-in client: the ticket says whose mailbox, the
 * descriptor is the session (plain both ways).
 * wire: raw[16] ticket, u8 service, text remote
 */
struct msg_spawn_attach {
	unsigned char ticket[TICKET_BYTES];
	uint8_t service;    /* enum service, a session's */
	struct span remote; /* the client's address, for the log */
};

void msg_spawn_attach_put(struct buf *, const struct msg_spawn_attach *);
int msg_spawn_attach_get(struct span, struct msg_spawn_attach *out);

/* wire: u8 service, text remote */
struct msg_box_attach {
	uint8_t service; /* enum service: a session's, or SERVICE_DELIVER */
	struct span remote;
};

void msg_box_attach_put(struct buf *, const struct msg_box_attach *);
int msg_box_attach_get(struct span, struct msg_box_attach *out);

/*
 * What a mailbox's home holds of its settings: the addresses its mail is
 * forwarded to, with commas between; the text that answers mail while its
 * owner is away.  Empty: none.  Both stand after the mailbox's number in
 * SPAWN_SETTINGS.
 * wire: text forward, bytes vacation
 */
#define SETTINGS_FORWARD_MAX 16000
#define SETTINGS_VACATION_MAX 65535

struct msg_settings {
	struct span forward;
	struct span vacation;
};

void msg_settings_put(struct buf *, const struct msg_settings *);
int msg_settings_get(struct span, struct msg_settings *out);

/*
 * Delete what came before a time, or all.  It stands after the mailbox's
 * number in SPAWN_PURGE.
 * wire: u64 before_s, u8 dry_run
 */
struct msg_purge {
	uint64_t before_s; /* Unix time; 0: all */
	uint8_t dry_run;   /* only count */
};

void msg_purge_put(struct buf *, const struct msg_purge *);
int msg_purge_get(struct span, struct msg_purge *out);

/* wire: u64 messages, u64 bytes */
struct msg_purged {
	uint64_t messages;
	uint64_t bytes;
};

void msg_purged_put(struct buf *, const struct msg_purged *);
int msg_purged_get(struct span, struct msg_purged *out);

/*
 * What has become of a message that local gave.
 * wire: u8 how, struct msg_actions
 */
enum written {
	WRITTEN_DRAFT,   /* it is in tmp/: to be synced and published */
	WRITTEN_ALREADY, /* it was published before */
	WRITTEN_NOT,     /* no copy is kept: it is only forwarded */
};

struct msg_written {
	uint8_t how; /* enum written */
	struct msg_actions actions;
};

void msg_written_put(struct buf *, const struct msg_written *);
int msg_written_get(struct span, struct msg_written *out);

/*
 * A list of queue ids, in BOX_PUBLISH and BOX_PUBLISHED.
 * wire: u32 n, n*u64 queue_id
 */
struct msg_publish {
	uint32_t n;      /* at most BOX_PUBLISH_MAX */
	struct span ids; /* encoded; msg_publish_id() */
};

void msg_publish_put(struct buf *, const uint64_t *ids, uint32_t n);
int msg_publish_get(struct span, struct msg_publish *out);
uint64_t msg_publish_id(const struct msg_publish *, uint32_t i); /* i < n */

#endif
