/*
 * queued_peers - for tests of the whole queued: smtpd, local, authd and the
 * queue command, as obliging or as troublesome as a test wants them.
 */
#ifndef QUEUE_QUEUED_PEERS_H
#define QUEUE_QUEUED_PEERS_H

#include "libcommon/msg_queue.h"
#include "daemon.h"

extern struct ipc *smtpd, *local;

/* ---- how they behave ---- */

enum local_says { SAY_OK, SAY_TEMP, SAY_AGAIN, SAY_NOTHING };
extern enum local_says local_says;
extern bool local_is_away; /* it takes no deliveries, however often it comes */

/* What the delivery of the next message causes. */
struct causes {
	const char *to, *answer;
	bool always; /* and of all that follow */
	bool anyway; /* also if it may not */
};
extern struct causes causes;

/* ---- what they saw ---- */

extern unsigned naccepted, nrefused, ndelivered, nasked, nsmtpd_gone;
extern uint64_t last_id;        /* of what was accepted last */
extern struct msg_deliver last; /* what local was given last; its texts: */
extern char last_from[PATH_MAX_BYTES + 1], last_prefix[PREFIX_MAX + 1];
extern char last_body[2 * 1024 * 1024], last_rcpt[400];

/* What a test expects of naccepted and ndelivered; all_there(): so it is. */
extern unsigned want_accepted, want_delivered;
bool all_there(void);

/* ---- what they do ---- */

/* All of them, and the daemon. */
void peers_start(const char *argv0);
void queued_start(void); /* again, after daemon_stop() */
/* Stop it; the status of its end, as of waitpid(). */
int queued_stop(void);
bool edges_up(void);

/* A message from a@x.test, of bytes from body or of the large body token.
 * to2 may be NULL; mailbox 0: without a grant, so that authd is asked. */
void submit(const char *to, uint32_t mailbox, const char *to2,
    uint32_t mailbox2, const char *body, uint64_t token, uint64_t bytes);
/* To list0@x.test, list1@x.test ..., of which authd has said nothing: a
 * thousand members each. */
void submit_lists(unsigned n);
/* "hello" to b@x.test, mailbox 4. */
void submit_hello(void);
void submit_nonsense(void);

/* Room for a large body: its token, and the pipe into it, which blocks; -1:
 * there was none in time. */
int body_open(uint64_t bytes, uint64_t *token_out);
/* The whole body is given; its token, 0 if that failed. */
uint64_t body_send(const char *body, size_t len);

/* Syncs of the log so far.  What was begun before is done after it. */
uint64_t syncs(void);
/* Does the queue command list a deferred message with this reason? */
bool is_listed(const char *reason);
bool full_is_listed(void); /* what SAY_TEMP and SAY_AGAIN are the reason of */

#endif
