/* admind.h - what the files of admind share. */
#ifndef ADMIND_ADMIND_H
#define ADMIND_ADMIND_H

#include "admind/directory.h"
#include "admind/field.h"
#include "admind/who.h"
#include "libcommon/ipc.h"
#include "libcommon/proc.h"

struct admind {
	struct proc proc;
	struct db *db; /* for requests */
	struct ipc *spawnd;
	struct accounts *accounts; /* of this system, that may be mailboxes */
	bool open;                 /* the schema is there: requests are taken */
	uint64_t requests, refused, panels_refused;
};

extern struct admind admind;

/* feeder.c: authd is kept up with the database, over a connection of its own.
 * feeder_sync() calls done once, when authd has all that is committed now;
 * never before it has returned.  One caller at a time. */
void feeder_start(void);
void feeder_open(void); /* the schema is there */
void feeder_look(void); /* something may have changed */
void feeder_sync(void (*done)(void *arg), void *arg);
void feeder_forget(void);
void feeder_kick(void); /* something was committed; nobody waits for it */
uint64_t feeder_journal(void); /* what authd has acknowledged */
bool feeder_is_up(void);

/* exports.c: the text files aliases, virtual and passwd.  NULL, or why they are
 * not what the database is now; large ones follow within seconds. */
void exports_start(void);
void exports_open(void); /* the schema is there */
const char *exports_now(void);
/* Accounts are others than they were: so is passwd. */
void exports_accounts(void);
/* The large ones, too: calls done once, perhaps before it has returned. */
void exports_all(void (*done)(void *arg, const char *trouble), void *arg);
void exports_forget(void);

/* better.c: AUTH_BETTER. */
int better_note(struct ipc *, struct ipc_msg *);

/* job.c: requests, one after the other.  answer gets the answer's bytes, once;
 * request is copied. */
void job_add(struct span request, const struct who_from *from,
    void (*answer)(void *arg, uint64_t token, struct span), void *arg,
    uint64_t token);
void job_recover(void); /* finish what a crash left unfinished */
unsigned job_waiting(void);

/* hook.c: the administrator's hooks, after changes. */
void hooks_start(void);
void hooks_reload(void);
void hooks_kick(void); /* something may have changed */

/* prune.c: what is old goes from the journal. */
void prune_start(void);

/* panel_accept.c: connections of panels and of the semail command.
 * panel_drop() ends those of a panel. */
void panel_start(void);
void panel_drop(const char *name);

#endif
