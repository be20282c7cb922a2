/*
 * who - who asks: the CLIENT LOGIN and PASSWORD of a request, against the
 * database for administrators and clients, against authd for mailboxes.
 *
 * Passwords are checked in children (hasher.h), or by authd, so that nobody's
 * request waits for another's Argon2id.  A wrong one is told late, and later
 * each time, for the login and for where it comes from (slow.h); no answer
 * tells whether there is such a login.
 */
#ifndef ADMIND_WHO_H
#define ADMIND_WHO_H

#include "admind/directory.h"

struct proc;
struct ipc;

struct who_from {
	struct dir_who who; /* without a login it is this one ... */
	bool stranger;      /* ... or nobody: it came over TCP */
	char remote[65];    /* whose wrong passwords are counted */
};

/* Fork what checks passwords: after proc_drop(), before there is anything it
 * should not see. */
void who_nursery(struct proc *);
void who_start(struct proc *);
/* The channel on which authd is asked (the feeder's feeds). */
struct ipc *who_authd(void);

/* done() is called once, now or later: CODE_OK and who it is, or another code
 * with its comment. */
void who_ask(struct span login, struct span password, const struct who_from *,
    void (*done)(void *arg, int code, const struct dir_who *,
        const char *comment),
    void *arg);

#endif
