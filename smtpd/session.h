/*
 * session - the SMTP server's half of one dialogue, without any I/O.
 *
 * Octets come in by session_input(); replies and questions go out through
 * struct session_ops.  While an answer is awaited (session_waits()) input is
 * left alone; the answer comes by one of the session_*_answer() functions, and
 * whoever calls it offers the rest of the input again.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "libcommon/addr.h"
#include "libcommon/buf.h"
#include "libcommon/msg.h"
#include "libcommon/msg_auth.h"
#include "libcommon/msg_queue.h"
#include "libcommon/sasl.h"
#include "smtpd/data.h"
#include "smtpd/message.h"

#define LINE_LIMIT \
	2048            /* a command with its CRLF: RFC 5321 4.5.3.1.4 says
                          * 512 and lets extensions ask for more */
#define ERRORS_MAX 20   /* then 421 */
#define REJECTS_MAX 100 /* refused recipients, then 421 */
#define IDLE_MAX \
	100 /* NOOP, RSET ... without a message; each more is an
                          * error.  An accepted message clears these three */
/* Recipients with their grants: with a small body they fill one message to
 * queued, which is IPC_MAX at most. */
#define ENVELOPE_MAX (700 * 1024)
#define LOGINS_MAX 5 /* failed logins, then 421 */

enum listener_kind { KIND_SMTP, KIND_SUBMISSION, KIND_SUBMISSIONS };

/* What holds for all sessions; strings are borrowed. */
struct session_conf {
	const char *hostname;
	uint64_t size_limit; /* bytes */
	unsigned rcpt_limit;
	unsigned received_limit;
	bool vrfy;
	bool tls;         /* STARTTLS can be offered */
	bool own_senders; /* a login writes as its own addresses only */
	bool normalise;   /* submission: a CR or LF alone ends a line */
};

/* Each returns 0 when the question was put (the answer comes later, never from
 * inside the call), -1 when it could not be: that is a temporary failure. */
struct session_ops {
	void (*reply)(void *arg, const void *, size_t);
	int (*ask_rcpt)(void *arg, const char *address);
	int (*ask_login)(void *arg, const struct sasl *);
	int (*ask_sender)(void *arg, uint32_t mailbox, const char *path);
	/* Whatever it returns, the body pipe is no longer the session's. */
	int (*submit)(void *arg, const struct msg_submit *);
	/* A large body: begin (answered by a token), write (0 go on, 1 wait for
	 * session_body_answer(), -1 broken), drop. */
	int (*body_begin)(void *arg);
	int (*body_write)(void *arg, struct span);
	void (*body_drop)(void *arg, uint64_t token);
	void (*start_tls)(void *arg);
};

struct transaction;

/* PHASE_END: send what was put, then close. */
enum phase { PHASE_COMMAND, PHASE_AUTH, PHASE_DATA, PHASE_BDAT, PHASE_END };

enum wait {
	WAIT_NOTHING,
	WAIT_RCPT,
	WAIT_LOGIN,
	WAIT_SENDER,
	WAIT_SUBMIT,
	WAIT_BODY,
	WAIT_TLS
};

struct session {
	const struct session_conf *conf;
	const struct session_ops *ops;
	void *arg;
	enum listener_kind kind;
	enum phase phase;
	enum wait wait;
	bool esmtp, helo_said, tls, plain_ok;
	bool trusted;           /* a trusted network: submits without a login */
	bool skipping, skip_cr; /* the rest of a line already answered */
	unsigned errors, rejects, login_failures;
	unsigned idle; /* commands since the last message that brought
	                          * none nearer */
	char helo[ADDR_DOMAIN_MAX + 1];
	char peer[64];
	char tls_text[96];
	char id[24];             /* of the session, for log and trace */
	uint32_t mailbox;        /* 0: not authenticated */
	char auth[ADDR_MAX];     /* its address */
	struct sasl *sasl;       /* while an AUTH lasts */
	struct transaction *txn; /* from MAIL to its end */
};

/* plain_ok: passwords are taken without TLS.  The greeting goes out at once
 * unless the session must be TLS first (KIND_SUBMISSIONS). */
void session_init(struct session *, enum listener_kind,
    const struct session_conf *, const struct session_ops *, void *arg,
    const char *peer, const char *id, bool plain_ok);
/* May it write to anybody: has it logged in, or is it trusted? */
bool session_submits(const struct session *);
void session_clear(struct session *); /* the transaction is dropped */
void session_greet(struct session *);
/* TLS is up; nothing said before counts any more (RFC 3207 4.2). */
void session_secured(struct session *, const char *tls_text);

/* How many bytes were used. */
size_t session_input(struct session *, struct span);
bool session_waits(const struct session *);
/* Between transactions: may be told to go without harm. */
bool session_idle(const struct session *);
/* "421 ..." and the end, whatever was under way. */
void session_quit(struct session *, const char *line);

void session_rcpt_answer(struct session *, enum rcpt_verdict,
    struct span grant);
void session_sender_answer(struct session *, int may_use); /* -1: unknown */
/* mailbox 0: denied, or not known now when temporary. */
void session_login_answer(struct session *, uint32_t mailbox,
    struct span address, bool temporary);
/* queue_id of an accepted message, or the way it failed. */
void session_submit_answer(struct session *, bool accepted, uint64_t queue_id,
    enum fail);
/* The pipe is open, or takes more (token), or is broken (0). */
void session_body_answer(struct session *, uint64_t token);

/* ---- between the files of the engine -------------------------------------- */

struct transaction {
	struct addr from;
	uint32_t flags; /* enum body_flags */
	unsigned nrcpts;
	struct buf rcpts; /* msg_rcpt_put(), at most ENVELOPE_MAX */
	struct addr rcpt; /* the one being asked about */
	struct addr only; /* the recipient, while there is just one */
	struct data data;
	struct message message;
	bool began, ended, bdat_last, failed;
	bool discard;        /* BDAT without MAIL: octets to drop */
	uint64_t chunk_left; /* of a BDAT */
	uint64_t chunk_size;
	struct buf body; /* up to BODY_INLINE_MAX */
	uint64_t token;  /* a large body's pipe; 0: none */
	bool piped;
};

void reply(struct session *, const char *line); /* without CRLF */
/* A reply the client could have avoided: counted. */
void reply_error(struct session *, const char *line);
void session_reset(struct session *); /* the one end of a transaction */
void session_command(struct session *, struct span line);
void auth_begin(struct session *, struct span arg);
void auth_line(struct session *, struct span line);
void body_data(struct session *); /* DATA was said */
void body_bdat(struct session *, uint64_t size, bool last, bool refuse);
size_t body_input(struct session *, struct span);

#endif
