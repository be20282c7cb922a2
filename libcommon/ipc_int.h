/*
 * ipc_int - what the files of ipc share: ipc.c (the life of a channel),
 * ipc_out.c (what is sent), ipc_in.c (what comes), ipc_call.c (for commands).
 */
#ifndef LIBCOMMON_IPC_INT_H
#define LIBCOMMON_IPC_INT_H

#include "libcommon/ipc.h"

#include <event2/event.h>

#define HDR 16
#define WIRE_MAGIC 0x534d
#define WIRE_VERSION 1
#define FLAG_FD 1
#define READ_CHUNK (128 * 1024)
#define OUT_MAX (32 * 1024 * 1024) /* unsent bytes before EAGAIN */
#define FDS_IN_MAX 64 /* descriptors that came before their message */
#define FDS_PER_RECV 8
#define SWEEP_MS 250
#define BACKOFF_MIN_MS 10
#define BACKOFF_MAX_MS 1000

struct request {
	ipc_reply_fn reply; /* NULL: free slot */
	void *arg;
	uint64_t deadline_ms;
	uint32_t id;
};

struct fd_out {
	uint64_t at; /* stream offset its message begins at */
	int fd;
	struct fd_out *next;
};

struct ipc {
	struct event_base *base;
	struct event *rd, *wr, *flush, *timer;
	int fd;
	enum role self, peer;
	const struct ipc_ops *ops;
	void *arg, *data;
	char *path; /* of an ipc_connect() */
	unsigned backoff_ms;
	bool up, dead, paused, flushing, was_full;
	unsigned busy; /* inside a callback: free later */
	uint32_t slot, generation;

	struct buf in, out;
	size_t out_sent;   /* of out, already in the socket */
	uint64_t out_base; /* stream offset of out.data[0] */
	size_t owed;       /* unsent bytes of answers, at most */
	struct fd_out *fds_out, **fds_out_tail;
	int fds_in[FDS_IN_MAX];
	unsigned nfds_in;

	struct request *requests; /* IPC_WINDOW slots by id, or NULL */
	unsigned nrequests;
	uint32_t next_id;
};

/* Free it once it is dead and no callback of it is running. */
void ipc_free_if_idle(struct ipc *);
/* Make the timer run in ms, unless it will already. */
void ipc_arm(struct ipc *, unsigned ms);
/* Call reply with m or NULL; the slot is free before. */
int ipc_finish(struct ipc *, struct request *, struct ipc_msg *m);
/* The connection is over: tell everybody, and free or connect again. */
void ipc_down(struct ipc *);

void ipc_on_read(evutil_socket_t, short, void *);
void ipc_on_write(evutil_socket_t, short, void *);
void ipc_on_flush(evutil_socket_t, short, void *);

/* A connected Unix stream socket, however long the path is. */
int ipc_unix_connect(const char *path, int flags);

#endif
