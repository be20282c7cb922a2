/*
 * store - authd's copy of the directory (LMDB): rows as admind sent them and
 * the keys that mail and logins look for.
 *
 * One process, one thread.  Readers see the state before a feed or after it.
 * The store knows which directory it is a copy of and up to which journal
 * number; while it is not a whole copy, or LMDB finds it damaged, every look-up
 * says STORE_UNKNOWN, never "there is none".
 */
#ifndef ADMIND_STORE_H
#define ADMIND_STORE_H

#include "libcommon/msg_feed.h"

#define STORE_CREDENTIALS_MAX 16 /* looked at for one login */

enum store_answer { STORE_FOUND, STORE_NONE, STORE_UNKNOWN };

struct store;

/* Open or make the store in the directory dirfd (only its owner may write
 * there).  A damaged one is removed and made anew, incomplete.  NULL with the
 * reason logged. */
struct store *store_open(int dirfd);
void store_close(struct store **);
/* Damage was found: forget it all, so that the next start loads anew. */
bool store_is_damaged(const struct store *);
void store_remove(int dirfd);

/* What it is a copy of. */
struct store_state {
	uint64_t directory;
	uint64_t journal;
	bool complete;
};
struct store_state store_state(const struct store *);

/*
 * Feeding.  store_begin() starts a full load of a directory: the old rows
 * answer until it is committed, and are forgotten at once if they are of another
 * directory.  Rows without it are changes.  All return 0, or -1 after logging;
 * the feed is then as if it had not been and store_rollback() is in order.
 */
int store_begin(struct store *, uint64_t directory);
int store_apply(struct store *, const struct feed_row *);
/* from is the number the changes start after; with EBUSY in errno it is not
 * where the store is (a gap).  Ignored for a full load. */
int store_commit(struct store *, uint64_t from, uint64_t journal);
void store_rollback(struct store *);
bool store_is_feeding(const struct store *);
/* Mailboxes whose sessions and tickets must end because of what the last
 * commit changed (gone, no longer active, another password).  Takes one off
 * the list; false when it is empty. */
bool store_next_revoked(struct store *, uint32_t *mailbox_out);

/* Look-ups. */
struct store_box {
	uint32_t mailbox;
	uint32_t domain;
	uint32_t server; /* of the domain */
	uint32_t uid;
	uint8_t state;
	bool local; /* the domain lives here */
	uint64_t quota_kb;
	char login[65];
	char domain_name[256];
};
/* Is this domain (lower case) one of ours? */
enum store_answer store_domain(struct store *, struct span name,
    uint32_t *id_out, bool *local_out);
enum store_answer store_find(struct store *, uint32_t domain, struct span login,
    uint32_t *mailbox_out);
enum store_answer store_box(struct store *, uint32_t mailbox,
    struct store_box *out);
/* A mailbox named postmaster of a domain that lives here. */
enum store_answer store_find_postmaster(struct store *, uint32_t *mailbox_out);
/* The one mailbox with this short login that fits; none when there are two. */
enum store_answer store_find_short(struct store *, struct span login,
    bool (*fits)(void *arg, uint32_t mailbox), void *arg,
    uint32_t *mailbox_out);
/* What leads on; texts are borrowed until the next feed or store_put_usage().
 * An alias of this server by its name; a virtual user, or with no user what
 * catches all mail of the domain. */
enum store_answer store_find_alias(struct store *, struct span name,
    uint32_t *alias_out);
enum store_answer store_alias(struct store *, uint32_t alias,
    struct feed_alias *out);
enum store_answer store_virtual(struct store *, uint32_t domain,
    struct span user, struct feed_virtual *out);
enum store_answer store_server(struct store *, uint32_t server,
    struct feed_server *out);
/* What a password of a mailbox may be checked against for a service; *n_out may
 * be 0.  The verifiers are borrowed until the next call of the store. */
struct store_credential {
	uint32_t id;
	uint8_t kind; /* enum credential_kind */
	struct span verifier;
};
enum store_answer store_credentials(struct store *, uint32_t mailbox,
    uint8_t service, struct store_credential out[static STORE_CREDENTIALS_MAX],
    unsigned *n_out);
/* The LDAP source that checks the passwords of a domain: its own, else its
 * server's; "" if there is none.  Domain 0, or one that is not there: this
 * server's. */
enum store_answer store_ldap(struct store *, uint32_t domain,
    char out[static FEED_LDAP_MAX + 1]);

/* Bytes used by mailboxes, as spawnd reports them. */
int store_put_usage(struct store *, const uint32_t *mailboxes,
    const uint64_t *bytes, size_t n);
enum store_answer store_usage(struct store *, uint32_t mailbox,
    uint64_t *bytes_out);

#endif
