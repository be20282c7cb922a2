/*
 * box - for box-worker's files only.
 */
#ifndef BOX_BOX_H
#define BOX_BOX_H

#include "libcommon/box_setup.h"
#include "libcommon/ipc.h"
#include "libcommon/msg_box.h"
#include "box/warning.h"
#include "libstore/store.h"
#include "libstore/usage.h"

struct event_base;

/* The mailbox this process works for. */
struct box {
	struct event_base *base;
	struct ipc *control; /* spawnd */
	struct box_setup setup;
	int home;
	struct folder *folder; /* see box_folder() */
	struct usage usage;
	struct warning warning;
	uint64_t usage_told;
	int64_t used_bytes, used_count; /* not yet in usage */
	struct event *used_event;
	uint32_t taken;         /* sessions, channels and work so far */
	uint32_t sessions;      /* of them, still here */
	void *purging;          /* work.c's, while it purges */
	void *backup, *restore; /* copy.c's sessions */
	void *pop3; /* whose the maildrop is (RFC 1939 8), or NULL */
};

/* The INBOX, or NULL with errno while it cannot be opened. */
struct folder *box_folder(struct box *);
/* Messages came or went: count, and tell spawnd, within a moment. */
void box_used(struct box *, int64_t bytes, int64_t count);
/* A session, a channel or work was taken, or has ended. */
void box_session_begin(struct box *);
void box_session_end(struct box *);

/* deliver.c: local's channel, which is owned from now on */
void deliver_take(struct box *, int fd);
/* pop3_session.c: a client who has logged in; the same */
void pop3_take(struct box *, int fd, struct span remote);
/* work.c: BOX_SETTINGS and BOX_PURGE */
int work_settings(struct box *, struct ipc *, struct ipc_msg *);
int work_purge(struct box *, struct ipc *, struct ipc_msg *);
/* copy.c: BOX_BACKUP and BOX_RESTORE */
int copy_backup(struct box *, struct ipc *, struct ipc_msg *);
int copy_restore(struct box *, struct ipc *, struct ipc_msg *);
/* settings.c: own is the mailbox's address.  0, or -1 with errno and why it
 * could not be done; EINVAL for what is no address. */
int settings_write(int home, const char *own, const struct msg_settings *,
    char why[static 200]);
/* erase.c: remove everything in a home.  0 or -1. */
int erase_all(int home);

#endif
