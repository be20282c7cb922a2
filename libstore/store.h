/*
 * store - the messages of one mailbox, whatever the format on disk.
 *
 * A folder is opened beneath a home that its owner may change under our
 * hands: no link is followed, only regular files with one link are read, and
 * a message may be gone at any moment (ENOENT).  Nothing here blocks but the
 * disk, and nothing here syncs unless told to: who delivers syncs for a whole
 * batch.
 *
 * Maildir is the format there is (maildir.c, semail-maildir(5)); others take
 * their place in struct folder_ops.
 */
#ifndef LIBSTORE_STORE_H
#define LIBSTORE_STORE_H

#include "libcommon/buf.h"

#define STORE_NAME_MAX 255
#define STORE_UNKNOWN UINT64_MAX

/* One message of a listing. */
struct store_msg {
	char *name; /* the format's; the first id_len bytes are the
	                  * message's unique name, which never changes */
	uint16_t id_len;
	uint16_t room;   /* bytes there are for name, without its NUL */
	bool own;        /* name is on the heap, else in the list's names */
	bool in_new;     /* the format's */
	bool gone;       /* was not there when looked for */
	uint64_t bytes;  /* as stored; STORE_UNKNOWN until measured */
	uint64_t octets; /* as sent with CRLF line ends; the same */
};

/* In the order of arrival, each unique name once. */
struct store_list {
	struct store_msg *msgs;
	size_t n;
	char *names; /* what name points into */
};

/* A message that is to be delivered. */
struct store_incoming {
	uint64_t queue_id;
	uint64_t arrived_s;
	struct span reverse_path; /* for Return-Path: */
	struct span recipient;    /* for Delivered-To: */
	struct span prefix;       /* header lines with CRLF before the body */
	uint64_t body_bytes;
	int body_fd; /* -1: body holds it */
	struct span body;
	bool sync; /* the caller syncs nothing later */
};

/* Written, not yet there for anyone to see. */
struct store_draft {
	uint64_t queue_id;
	uint64_t bytes;
	char tmp[STORE_NAME_MAX + 1];
	char name[STORE_NAME_MAX + 1];
};

struct folder;

struct folder_ops {
	int (*list)(struct folder *, struct store_list *out);
	int (*measure)(struct folder *, struct store_msg *);
	void (*see)(struct folder *, struct store_msg *);
	int (*read)(struct folder *, struct store_msg *);
	int (*remove)(struct folder *, struct store_msg *);
	int (*write)(struct folder *, const struct store_incoming *,
	    struct store_draft *out);
	void (*look)(struct folder *);
	int (*publish)(struct folder *, const struct store_draft *);
	void (*discard)(struct folder *, const struct store_draft *);
	int (*has)(struct folder *, uint64_t queue_id);
	void (*free)(struct folder *);
};

struct folder {
	const struct folder_ops *ops;
	int home; /* the home's descriptor, borrowed (O_PATH is enough) */
};

/* The INBOX, made if it is not there.  host goes into file names.  NULL with
 * errno. */
struct folder *maildir_open(int home, const char *host);
void folder_free(struct folder **);

/* All messages now.  0, or -1 with errno (ENOMEM for too many). */
int folder_list(struct folder *, struct store_list *out);
void store_list_clear(struct store_list *);
/* Its file has another name now.  -1 without memory: it keeps the old one. */
int store_msg_rename(struct store_msg *, const char *name);
void store_msg_clear(struct store_msg *);

/* Fill in bytes and octets.  0, or -1: ENOENT (gone is set) or worse. */
int folder_measure(struct folder *, struct store_msg *);

/* A mail program shows it now: it is new no more. */
void folder_see(struct folder *, struct store_msg *);

/* A descriptor to pread() the message from, or -1 as above. */
int folder_read(struct folder *, struct store_msg *);

/* Delete it; 0 also if it had gone already. */
int folder_remove(struct folder *, struct store_msg *);

/*
 * Deliver in two steps.  After folder_write() the draft is whole but not
 * synced; a failure leaves nothing.  Once the caller has synced it,
 * folder_publish() makes it visible under a name that holds the queue id;
 * EEXIST means that it was published before.  The caller syncs again before
 * it says "delivered".
 *
 * folder_look() goes before each batch of publishing: the owner may have put
 * other folders in place of those that were known.
 */
int folder_write(struct folder *, const struct store_incoming *,
    struct store_draft *out);
void folder_look(struct folder *);
int folder_publish(struct folder *, const struct store_draft *);
void folder_discard(struct folder *, const struct store_draft *);

/* Was this queue id delivered before?  1, 0, or -1 if that cannot be seen
 * now.  What an unfinished attempt left behind is removed. */
int folder_has(struct folder *, uint64_t queue_id);

/*
 * How many octets bytes are with CRLF line ends: a CR is added before each LF
 * that has none, and a CRLF after a last line without one.  Start with
 * { 0 }, feed in pieces, ask at the end.
 */
struct octets {
	uint64_t n;
	unsigned char last; /* the byte before */
	bool any;
};

void octets_add(struct octets *, const void *, size_t);
uint64_t octets_total(const struct octets *);

/* CRLF to LF, in pieces.  out has room for n + 1 bytes; returns how many were
 * put there.  A CR at the end waits for the next piece: to_lf_end() yields it
 * (0 or 1 bytes). */
struct to_lf {
	bool cr;
};

size_t to_lf(struct to_lf *, const void *in, size_t n, unsigned char *out);
size_t to_lf_end(struct to_lf *, unsigned char *out);

#endif
