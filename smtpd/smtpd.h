/*
 * smtpd - what the files of the daemon share: main.c (life), client.c (one
 * connection), spool.c (the pipe of a large body).
 */
#ifndef SMTPD_SMTPD_H
#define SMTPD_SMTPD_H

#include "libcommon/netlist.h"
#include "libcommon/conn.h"
#include "libcommon/ipc.h"
#include "libcommon/proc.h"
#include "smtpd/session.h"

struct event;
struct spool;
struct ask;

/* What a session began with holds until its end, whatever is reloaded. */
struct settings {
	unsigned refs;
	struct session_conf conf;
	char hostname[256]; /* of conf */
	struct netlist trusted;
	struct tls_ctx *tls; /* NULL: none configured */
	unsigned timeout_ms;
};

struct smtpd {
	struct proc proc;
	struct settings *settings; /* for new sessions */
	struct ipc *queued, *authd;
	unsigned nclients, client_limit, address_limit;
	struct client *clients; /* all, doubly linked */
	uint32_t serial;        /* of sessions */
	bool stopping;
	uint64_t accepted, refused; /* messages; connections over a limit */
};

struct client {
	struct smtpd *smtpd;
	struct settings *settings;
	struct session session;
	struct conn *conn;
	struct client *next, **prev;
	struct ask *ask;     /* an answer under way */
	struct spool *spool; /* of a large body */
	uint64_t since_ms;   /* this command or body began */
	enum phase since_phase;
	struct buf submit; /* waits until the pipe is empty */
	bool eof;          /* the client will send no more */
};

void settings_unref(struct settings **);

/* A connection accepted on a listener (fd is taken). */
void client_new(struct smtpd *, int fd, enum listener_kind);
/* "421 ..." to everybody who is between messages. */
void clients_quit_idle(struct smtpd *);

/* ---- spool.c: a pipe to queued -------------------------------------------- */

/* fd is the write end (taken). drained(arg, ok) after spool_write() returned 1,
 * when all has been written or the pipe broke, and after spool_close(). */
struct spool *spool_new(struct event_base *, int fd,
    void (*drained)(void *, bool ok), void *arg);
int spool_write(struct spool *, struct span); /* as session_ops.body_write */
bool spool_empty(const struct spool *);
void spool_free(struct spool **);

#endif
