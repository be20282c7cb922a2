/*
 * conn - one client connection of a front (smtpd, pop3d), or one we made to a
 * server (its socket may still be connecting): bytes in, bytes out, plain or
 * TLS, over libevent, without blocking and without bufferevents.
 *
 * An idle connection holds no buffers: input is read into scratch space of the
 * process (wiped after use: passwords pass through it) and offered to the
 * owner; only what the owner leaves is kept.  Output is kept only until the
 * socket takes it.  A peer that does not read our answers is not read from
 * either while more than CONN_OUT_HIGH bytes wait for it.
 *
 * Callbacks come from the event loop only, never from inside a call below; each
 * may call anything here, conn_free() and conn_finish() included.
 */
#ifndef LIBCOMMON_CONN_H
#define LIBCOMMON_CONN_H

#include "libcommon/buf.h"
#include "libcommon/tls.h"

#include <sys/socket.h>

#define CONN_OUT_HIGH (64 * 1024)  /* unsent bytes that stop reading */
#define CONN_OUT_MAX (1024 * 1024) /* more ends the connection */

struct event_base;
struct conn;

enum conn_end {
	CONN_EOF,      /* the peer closed, or will send no more: what we
	                * still put is sent, until conn_finish() or
	                * conn_free(); drained() is called as before */
	CONN_ERROR,    /* read or write error, or broken TLS */
	CONN_TIMEOUT,  /* nothing came for the time set; if it was reading our
	                * output, a last word can be put as after CONN_EOF */
	CONN_HANDSHAKE /* TLS could not be agreed (logged here) */
};

struct conn_ops {
	/* Bytes came, at most in_max.  Returns how many were used; the rest is
	 * offered again together with what comes next, or at conn_resume().
	 * in_max bytes of which nothing is used, without conn_pause(), are the
	 * owner's mistake and end the connection with CONN_ERROR.  in_max
	 * costs an idle connection nothing: 64 KiB for bulk is fine. */
	size_t (*input)(struct conn *, struct span, void *arg);
	/* All output has been taken by the socket (or dropped, when it takes
	 * no more after CONN_EOF).  May be NULL. */
	void (*drained)(struct conn *, void *arg);
	/* The TLS handshake is done (implicit TLS or STARTTLS). */
	void (*secured)(struct conn *, void *arg);
	/* The connection has ended; the owner calls conn_free() now or later.
	 * Not called after conn_free() or conn_finish(). */
	void (*ended)(struct conn *, enum conn_end, void *arg);
};

/* fd is owned from now on (made non-blocking, TCP_NODELAY).  NULL with errno
 * if memory is short; fd is then closed. */
struct conn *conn_new(struct event_base *, int fd, size_t in_max,
    const struct conn_ops *, void *arg);
void conn_free(struct conn **); /* closes; harmless on NULL */

/* Append to the output and send what goes at once at the end of the turn. */
void conn_put(struct conn *, const void *, size_t);
void conn_puts(struct conn *, const char *);
struct buf *conn_out(struct conn *); /* build in place, then conn_flush() */
void conn_flush(struct conn *);
size_t conn_unsent(const struct conn *);

void conn_pause(struct conn *);  /* read nothing more for now */
void conn_resume(struct conn *); /* offers kept input again, in a later turn */
/* End the connection with CONN_TIMEOUT if nothing is read (or, with output
 * pending, written) for that long; 0 for never.  While reading is paused and
 * nothing waits to be sent, time stands still.  A TLS handshake has 30 s (or
 * ms, if less) in all. */
void conn_timeout(struct conn *, unsigned ms);

/* Send what is pending, then start TLS as the server.  Whatever the client
 * sent in the clear before that is thrown away (RFC 3207 4.2, CVE-2011-0411):
 * put the "go ahead" and call this in the same turn, the rest of the input on
 * offer is never seen.  Before anything was read or put it is TLS from the
 * first byte, and nothing is thrown away. */
void conn_start_tls(struct conn *, struct tls_ctx *ctx);
/* The same as the client: for a connection we made; name is the server's, as in
 * tls_client(). */
void conn_start_tls_to(struct conn *, struct tls_ctx *ctx, const char *name);
bool conn_is_tls(const struct conn *);
/* Why TLS could not be agreed, after CONN_HANDSHAKE; good until conn_free(). */
const char *conn_tls_reason(const struct conn *);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" */
const char *conn_tls_text(const struct conn *);

/* Send what is pending, then close and free by itself (within 10 s).  What the
 * peer still sends is read and dropped for a while, so that a reset does not
 * destroy our last words on their way. */
void conn_finish(struct conn **);

/* "192.0.2.7" or "2001:db8::1" (v4-mapped shown as v4), "local" for a Unix
 * socket; and its port. */
const char *conn_peer(const struct conn *);
unsigned conn_peer_port(const struct conn *);
/* The peer's address as bytes for limits by network: AF_INET, AF_INET6 or
 * AF_UNIX, never a mapped one. */
const struct sockaddr *conn_peer_sa(const struct conn *);
bool conn_peer_is_loopback(const struct conn *); /* "local" is one too */

#endif
