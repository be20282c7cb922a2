/*
 * spawnd_peers - for tests of the whole spawnd with real workers: authd, admind,
 * pop3d and local.
 */
#ifndef MASTER_SPAWND_PEERS_H
#define MASTER_SPAWND_PEERS_H

#include "libcommon/msg_box.h"
#include "libcommon/msg_copy.h"
#include "libcommon/msg_hook.h"
#include "daemon.h"

#define UID 1900000005 /* of every mailbox */

extern struct ipc *authd, *admind, *pop3d, *local; /* authd: NULL if gone */
extern unsigned nauthd, npop3d_gone; /* came, and went, so many times */

/* What authd says: of every mailbox box, with the number asked for; from
 * mailbox 100 on the login is uNUMBER. */
enum authd_says { SAY_BOX, SAY_OTHER, SAY_DENIED, SAY_GARBAGE };
extern enum authd_says authd_says;
extern struct msg_box box; /* mailbox 5, ann@x.test */

/* The answer to the last request. */
extern int answer; /* -1: none yet; else its type (MSG__COUNT: cut off) */
extern enum fail answer_fail; /* the kind of a MSG_FAIL */
extern int answer_fd;
extern struct msg_purged purged;
extern struct msg_copied copied;
extern struct buf piece; /* its data */
extern uint32_t hooked;  /* the status of SPAWN_HOOKED */
extern char said[HOOK_SAID_MAX + 1];

/* All of them, and the daemon. */
void peers_start(const char *argv0);
/* Stop it; did it as it was told?  The end. */
bool peers_stop(void);
bool all_up(void);

/* Ask and wait: answer.  ask_only() does not wait: is_answered(). */
int ask(struct ipc *, enum msg_type, const struct buf *, int fd);
int ask_number(struct ipc *, enum msg_type, uint32_t mailbox);
void ask_only(struct ipc *, enum msg_type, const struct buf *, int fd);
bool is_answered(void);
/* authd: everything of that mailbox ends. */
void say_revoked(uint32_t mailbox);

/* A POP3 session for whom the ticket is: answer; our end of it to *fd_out. */
int attach(int *fd_out);
/* What a session says next, "" at its end. */
const char *hear(int fd);

/* Mailbox 5's home: what is in a file there, "" if nothing; and 17 bytes of
 * new mail. */
const char *home_file(const char *name);
void put_message(unsigned n);
int purge(uint32_t mailbox, uint64_t before_s, bool dry_run);

#endif
