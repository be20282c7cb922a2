/* authd.h - what the files of authd share. */
#ifndef ADMIND_AUTHD_H
#define ADMIND_AUTHD_H

#include "admind/resolve.h"
#include "admind/store.h"
#include "libcommon/ipc.h"
#include "libcommon/proc.h"

struct authd {
	struct proc proc;
	struct store *store;
	/* counters for semail status */
	uint64_t lookups, logins, denied, cached, feeds;
};

extern struct authd authd;

/* usage.c: how full mailboxes are. */
void usage_start(void);
void usage_set(uint32_t mailbox, uint64_t bytes);
uint64_t usage_get(struct store *, uint32_t mailbox);
void usage_flush(void);

/* authd_login.c */
void login_nursery(void); /* forks: before there is a store */
void login_start(void);   /* children and timers: after confinement */
void login_reload(void);
void login_stop(void);
int login_ask(struct ipc *, struct ipc_msg *);
int login_redeem(struct ipc *, struct ipc_msg *);
void login_revoke(uint32_t mailbox);

/* authd_feed.c */
extern const struct ipc_ops feed_ops;
extern const struct ipc_ops spawnd_ops;
void feed_revoke_waiting(void);
/* To admind, if it is there. */
bool feed_better_send(const struct feed_better *);

/* authd_box.c: answer spawnd with AUTH_BOX_IS. */
void box_tell(struct ipc *, uint32_t request, uint32_t mailbox,
    const struct store_box *);

/* Damage was found: make place for a new store, end, be started again. */
void authd_check_store(void);

#endif
