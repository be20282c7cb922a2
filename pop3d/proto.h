/*
 * proto - POP3 before login (RFC 1939 AUTHORIZATION state; 2449, 2595, 5034).
 *
 * No I/O and no clock: bytes in, replies into a buffer, and what the session
 * must do next.  Every line of a client gets exactly one reply, whatever is in
 * it.  Holds a password only between PROTO_LOGIN and proto_forget().
 */
#ifndef POP3D_PROTO_H
#define POP3D_PROTO_H

#include "libcommon/buf.h"
#include "libcommon/sasl.h"

#define PROTO_LINE_MAX 255   /* with CRLF, RFC 2449 4 */
#define PROTO_ERRORS_MAX 10  /* lines that made no sense */
#define PROTO_FAILURES_MAX 5 /* wrong passwords */

/* Who is there, and how: set by the session, read here. */
struct proto_facts {
	const char *hostname;
	bool is_tls;       /* the connection is encrypted */
	bool can_tls;      /* we have a certificate */
	bool may_password; /* a password may be sent now (plaintext-login) */
};

enum proto_next {
	PROTO_WAIT,  /* not a whole line yet */
	PROTO_MORE,  /* answered; look at what follows */
	PROTO_TLS,   /* answered; start TLS, forget what follows */
	PROTO_LOGIN, /* not answered: ask authd about proto_login() */
	PROTO_CLOSE  /* answered; close */
};

struct proto {
	char *user;        /* of USER, owned; NULL if none */
	struct sasl *sasl; /* an exchange, or the login asked for; owned */
	bool exchange;     /* the next line is the client's SASL response */
	bool skipping;     /* inside a line that was too long, and answered */
	unsigned errors, failures;
};

void proto_init(struct proto *);
void proto_clear(struct proto *); /* wipes; harmless twice */
void proto_greet(const struct proto_facts *, struct buf *out);

/* Take at most one line off the front of in. */
enum proto_next proto_input(struct proto *, const struct proto_facts *,
    struct span in, struct buf *out, size_t *used_out);

/* After PROTO_LOGIN: name and password, and how they came ("PASS", "PLAIN",
 * "LOGIN").  Neither is ever empty: a name or password that cannot be is
 * replaced by the name "?", which nobody has. */
const struct sasl *proto_login(const struct proto *);
const char *proto_method(const struct proto *);

enum proto_answer {
	PROTO_DENIED, /* wrong name or password; the same words for both */
	PROTO_IN_USE,
	PROTO_TEMP
};

/* The login failed.  PROTO_MORE or PROTO_CLOSE. */
enum proto_next proto_failed(struct proto *, enum proto_answer,
    struct buf *out);
/* Wipe and free name and password. */
void proto_forget(struct proto *);

#endif
