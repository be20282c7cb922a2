/*
 * What the parts of semail-pop3d share: one front per process, one session per
 * client, a relay per session after login.
 */
#ifndef POP3D_POP3D_H
#define POP3D_POP3D_H

#include "libcommon/conn.h"
#include "libcommon/proc.h"
#include "pop3d/proto.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

#define LOGIN_TIME_MS (3 * 60 * 1000) /* from connecting to logged in */
#define SESSION_IN_MAX (16 * 1024)    /* unread client bytes we keep */

struct session;
TAILQ_HEAD(sessions, session);

struct front {
	struct proc proc;
	struct tls_ctx *tls; /* NULL: no certificate */
	struct ipc *authd, *spawnd;
	struct sessions waiting;  /* not logged in, oldest first */
	struct sessions attached; /* relayed to their workers */
	unsigned nsessions;
	uint64_t logins, denied, failed, refused;
};

enum session_state {
	S_SECURING, /* TLS from the first byte, before the greeting */
	S_COMMAND,
	S_ASKING, /* authd, then spawnd; reading is paused */
	S_ATTACHED
};

struct session {
	TAILQ_ENTRY(session) entry; /* of waiting or attached */
	struct front *front;
	struct conn *conn;
	enum session_state state;
	struct proto proto;
	uint64_t since_ms;
	char *address;       /* canonical, once authd said so; owned */
	struct relay *relay; /* from S_ATTACHED on */
	int pair;            /* our end while spawnd is asked; or -1 */
};

/* session.c: a client from accept() to its end. */
void session_new(struct front *, int fd, bool tls_at_once);
void session_end(struct session **); /* closes everything of it at once */
void session_say_and_end(struct session **, const char *line);
/* The answer to its login: back to commands, or on.  Guessing is slowed by
 * authd, which answers a wrong password late. */
void session_failed(struct session *, enum proto_answer, const char *why);
void session_attached(struct session *);
unsigned session_count_like(const struct front *, const struct sockaddr *);
void session_sweep(struct front *); /* those that take too long to log in */

/* login.c: authd, then spawnd. */
void login_start(struct session *);
int login_connect(struct front *); /* the two edges */

/* relay.c: bytes between the client and the worker. */
struct relay *relay_new(struct session *, int fd); /* NULL: no memory */
void relay_free(struct relay **);                  /* closes the worker's end */
size_t relay_input(struct relay *, struct span);
void relay_drained(struct relay *);
void relay_client_eof(struct relay *);

#endif
