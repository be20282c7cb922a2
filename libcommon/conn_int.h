/*
 * conn_int - the inside of a connection, shared by conn.c (its life, what it
 * waits for, its end) and conn_io.c (bytes and TLS).
 */
#ifndef LIBCOMMON_CONN_INT_H
#define LIBCOMMON_CONN_INT_H

#include "libcommon/conn.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>

#define CONN_SCRATCH (64 * 1024)

enum phase {
	PLAIN,
	TLS_WAITING, /* our "go ahead" is not all sent yet */
	TLS_HANDSHAKE,
	TLS_ON
};

struct conn {
	struct event on_read;  /* also: offer kept input again */
	struct event on_write; /* also: the end of a turn with output */
	struct event_base *base;
	const struct conn_ops *ops; /* NULL: finishing, nobody listens */
	void *arg;
	struct tls *tls;
	struct buf in; /* what the owner left */
	struct buf out;
	size_t out_sent; /* of out */
	size_t in_max;
	uint64_t deadline; /* of a handshake or of finishing; 0: none */
	int fd;
	unsigned timeout_ms;
	enum phase phase;
	unsigned busy; /* callbacks we are inside of */
	bool used;     /* something was read or put */
	bool offer;    /* kept input is to be offered as soon as may be */
	bool paused;
	bool ended; /* the owner was told; no more reading */
	bool mute;  /* the socket takes nothing any more */
	bool freed; /* memory goes when busy falls to 0 */
	bool lingering;
	bool blocked; /* waiting to write */
	bool read_on, write_on;
	bool read_wants_write, write_wants_read; /* TLS */
	char peer[INET6_ADDRSTRLEN];
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} addr;
};

/* Read into by every connection in its turn; wiped after each use. */
extern unsigned char conn_scratch[CONN_SCRATCH];

/* conn.c */
void conn_arm(struct conn *); /* wait for what the state asks for */
/* A readable event nobody wants: true, and it will not come again. */
bool conn_is_idle(struct conn *);
void conn_restart_timer(struct conn *); /* begin to count the time anew */
void conn_destroy(struct conn *);
/* Around each call of the owner; leave() says whether the connection is still
 * there after it. */
void conn_enter(struct conn *);
bool conn_leave(struct conn *);
/* Tell the owner, once; false if the connection is gone with that. */
bool conn_end_as(struct conn *, enum conn_end);
/* While finishing: is everything said?  False when the connection is gone. */
bool conn_finish_step(struct conn *);
void conn_linger_read(struct conn *); /* drop what the peer still says */

/* conn_io.c: from libevent */
void conn_readable(evutil_socket_t, short, void *);
void conn_writable(evutil_socket_t, short, void *);

#endif
