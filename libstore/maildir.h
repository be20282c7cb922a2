/*
 * maildir - for the maildir_*.c files only; everybody else uses store.h.
 */
#ifndef LIBSTORE_MAILDIR_H
#define LIBSTORE_MAILDIR_H

#include "libstore/store.h"

#define MAILDIR "Maildir"           /* below the home */
#define MAILDIR_HOST_MAX 40         /* so that a UIDL fits in its 70 bytes */
#define MAILDIR_STALE_S (36 * 3600) /* a file in tmp/ nobody works on */

struct idset {
	uint64_t *slots; /* open addressing; 0 is kept apart */
	size_t n, cap;
	bool zero;
};

int idset_add(struct idset *, uint64_t id); /* -1 ENOMEM */
bool idset_has(const struct idset *, uint64_t id);
void idset_clear(struct idset *);

struct maildir {
	struct folder f;
	char host[MAILDIR_HOST_MAX + 1];
	int cur, new;   /* of the last listing, or -1 */
	int to[2];      /* tmp/ and new/ for delivery, or -1 */
	uint64_t to_ms; /* when they were opened */
	bool ids_read;
	struct idset ids; /* queue ids delivered, once ids_read */
};

/* Open DIR beneath the home's Maildir, or "" for the Maildir itself. */
int maildir_dir(int home, const char *dir, int flags);
int maildir_make(int home); /* what is missing of Maildir, new, cur, tmp */
void maildir_sweep(int home, uint64_t now_s); /* stale files in tmp/ */

/* Call each for every name in dir that does not begin with a dot, with its
 * d_type, until it returns -1.  Takes fd.  0, or -1 with errno. */
int maildir_scan(int fd,
    int (*each)(void *arg, const char *name, unsigned char type), void *arg);

/* maildir_name.c: SECONDS.QQUEUEID.HOST,S=BYTES,W=OCTETS:2,FLAGS */
void maildir_host(const char *hostname, char out[static MAILDIR_HOST_MAX + 1]);
void maildir_name_tmp(char out[static STORE_NAME_MAX + 1], uint64_t arrived_s,
    uint64_t queue_id, const char *host);
void maildir_name_final(char out[static STORE_NAME_MAX + 1], const char *tmp,
    uint64_t bytes, uint64_t octets);
size_t maildir_id_len(const char *name);
void maildir_name_sizes(const char *name, uint64_t *bytes_out,
    uint64_t *octets_out); /* STORE_UNKNOWN where it does not say */
int maildir_name_queue_id(const char *name, uint64_t *out); /* 0 or -1 */

/* maildir_list.c */
int maildir_list(struct folder *, struct store_list *);
int maildir_measure(struct folder *, struct store_msg *);
void maildir_see(struct folder *, struct store_msg *);
int maildir_read(struct folder *, struct store_msg *);
int maildir_remove(struct folder *, struct store_msg *);

/* maildir_deliver.c */
int maildir_write(struct folder *, const struct store_incoming *,
    struct store_draft *);
void maildir_look(struct folder *);
int maildir_publish(struct folder *, const struct store_draft *);
void maildir_discard(struct folder *, const struct store_draft *);
int maildir_has(struct folder *, uint64_t queue_id);
void maildir_forget_dirs(struct maildir *);

#endif
