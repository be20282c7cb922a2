/*
 * ipc - typed messages between two daemons on a Unix stream socket.
 *
 * 16-byte header, little-endian: u16 magic 0x534d, u8 version 1, u8 flags
 * (1: a descriptor travels with it), u16 type, u16 zero, u32 payload length,
 * u32 request id.  At most IPC_MAX payload bytes.
 *
 * Requests are pipelined and matched to their answers here; each has a
 * deadline.  A message the table (msg.h) does not allow on this channel, a bad
 * header, or a handler's ipc_refuse() closes the channel and is logged; it
 * never ends the process.
 *
 * Flow control: each side stops reading a channel while it owes that peer more
 * than IPC_OUT_HIGH bytes of answers, so a peer that does not read cannot make
 * us grow; ipc_request() fails with EAGAIN while IPC_WINDOW requests are
 * unanswered or the channel is down, and the caller tells its client "later".
 * Writes are gathered and go out once a turn of the event loop.
 */
#ifndef LIBCOMMON_IPC_H
#define LIBCOMMON_IPC_H

#include "libcommon/buf.h"
#include "libcommon/msg.h"
#include "libcommon/wire.h"

#include <sys/types.h>

#define IPC_MAX (1024 * 1024)      /* payload bytes of one message */
#define IPC_OUT_HIGH (1024 * 1024) /* stop reading while we owe more */
#define IPC_WINDOW 4096            /* unanswered requests per channel */
#define IPC_DEADLINE_MS 30000      /* the usual deadline of a request */

struct event_base;
struct ipc;

/* A message as a handler sees it; the payload is borrowed until it returns. */
struct ipc_msg {
	enum msg_type type;
	uint32_t id; /* of the request, to answer it by */
	struct span payload;
	int fd; /* -1 if none; closed after the handler unless
	                       * taken with ipc_take_fd() */
};

struct ipc_ops {
	/* A request or note came in.  0, or -1 after ipc_refuse() (or when
	 * the decoder failed): the channel is then closed. */
	int (*msg)(struct ipc *, struct ipc_msg *, void *arg);
	/* The channel is up: at once for ipc_attach(), after each connect for
	 * ipc_connect().  May be NULL. */
	void (*up)(struct ipc *, void *arg);
	/* The channel is gone.  For ipc_attach() and accepted channels the
	 * struct is freed after this; ipc_connect() tries again by itself.
	 * All open requests have been answered with NULL before.  May be
	 * NULL. */
	void (*gone)(struct ipc *, void *arg);
	/* The output fell below IPC_OUT_HIGH after ipc_is_full() was true.
	 * May be NULL. */
	void (*drained)(struct ipc *, void *arg);
};

/* A channel over a connected socket (owned from now on).  self and peer name
 * the edge for the table.  NULL with errno if memory is short. */
struct ipc *ipc_attach(struct event_base *, int fd, enum role self,
    enum role peer, const struct ipc_ops *, void *arg);

/* A channel that connects to the Unix socket at path, and again with back-off
 * (10 ms to 1 s) whenever it is gone.  Returns at once.  Never NULL. */
struct ipc *ipc_connect(struct event_base *, const char *path, enum role self,
    enum role peer, const struct ipc_ops *, void *arg);

/* Accept channels from peer on a listening socket (borrowed).  A connection
 * whose SO_PEERCRED uid is not peer_uid, or root's when allow_root, is closed
 * and logged.  Each accepted channel gets ops and arg. */
void ipc_listen(struct event_base *, int listen_fd, enum role self,
    enum role peer, uid_t peer_uid, bool allow_root, const struct ipc_ops *,
    void *arg);

void ipc_close(struct ipc *); /* calls gone(); frees unless ipc_connect()ed */
bool ipc_is_up(const struct ipc *);
bool ipc_is_full(const struct ipc *); /* more than IPC_OUT_HIGH is unsent */
enum role ipc_peer(const struct ipc *);
void ipc_set_data(struct ipc *, void *); /* the caller's own, per channel */
void *ipc_data(const struct ipc *);

/* Pointers to accepted channels die with them: asynchronous work keeps the
 * token and asks again.  NULL if that channel is gone; an ipc_connect()ed one
 * has another token after each connection, so that no answer goes to a request
 * of the next. */
uint64_t ipc_token(const struct ipc *);
struct ipc *ipc_by_token(uint64_t token);

/*
 * Send a request.  reply is called exactly once: with the answer (its type is
 * the one of a REP message or MSG_FAIL), or with NULL when the deadline passed
 * or the channel went away; never before ipc_request() has returned.  The
 * handler decodes m->payload itself; returning -1 means the answer was
 * malformed and closes the channel.  payload may be NULL; fd is -1 or a
 * descriptor that ipc owns from now on (also on failure).  0, or -1 with
 * EAGAIN (window full, channel down) or EMSGSIZE (payload error or too big).
 */
typedef int (*ipc_reply_fn)(struct ipc_msg *m, void *arg);
int ipc_request(struct ipc *, enum msg_type, const struct buf *payload, int fd,
    unsigned deadline_ms, ipc_reply_fn reply, void *arg);

/* Forget the open requests made with this arg: no reply is called. */
void ipc_forget(struct ipc *, void *arg);

/* Answer request id.  A payload in error, or one that is too big, becomes
 * FAIL_TEMP. */
void ipc_reply(struct ipc *, uint32_t id, enum msg_type,
    const struct buf *payload, int fd);
void ipc_fail(struct ipc *, uint32_t id, enum fail, const char *reason);

/* Send a note.  Dropped (and the descriptor closed) while the channel is
 * down: then -1 with EAGAIN. */
int ipc_note(struct ipc *, enum msg_type, const struct buf *payload, int fd);

/* Log why this message is refused, and return -1 for the handler to return. */
int ipc_refuse(struct ipc *, const struct ipc_msg *, const char *why);

/* The descriptor of a message; the caller closes it from now on. */
int ipc_take_fd(struct ipc_msg *);

/* Decode MSG_FAIL; reason is cut at 200 bytes and is text.  0 or -1. */
int msg_fail_get(struct span payload, enum fail *, char reason[static 201]);

/* For command-line tools: connect, send one request, wait for its answer, all
 * blocking.  The answer's payload goes to answer_out, its descriptor (or -1)
 * to fd_out when that is not NULL.  Returns the type, or -1 with errno. */
int ipc_call(const char *path, enum role peer, enum msg_type,
    const struct buf *payload, unsigned deadline_ms, struct buf *answer_out,
    int *fd_out);

#endif
