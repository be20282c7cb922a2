/*
 * dir_int.h - what the files of the directory (dir*.c) share.
 *
 * A transaction (db_txn()) of a change looks like this:
 *
 *	dir_lock(db)                    first: writers queue here
 *	find and lock what it changes   may this one (dir_who) do it?
 *	change it
 *	dir_journal(...)                a row for each row authd must know
 *	dir_audit(...)                  who, what, when, from where
 *
 * and returns 0, DB_FAILED, or REFUSE(code) with the comment written.  It may
 * be run again from its beginning, and after its commit was done but not seen:
 * what it finds decides, never what it remembers.
 */
#ifndef ADMIND_DIR_INT_H
#define ADMIND_DIR_INT_H

#include "admind/directory.h"

#define SERVER_HERE 1u /* Se_IdServeur of this server */
#define CLIENT_OWN 1u  /* the seeded client */

/* Transactions return these to roll back: a code with its sign turned. */
#define REFUSE(code) (-(code) + 100)

/* What db_txn() returned as a code; says why when the database is away. */
int dir_code(int txn_result, char comment[static COMMENT_MAX + 1]);

/* All writers queue here, so that the journal is in the order of commits. */
int dir_lock(struct db *);
int dir_journal(struct db *, enum feed_table, uint64_t id);
/* object: "bob@x.example", "x.example", an alias's name ... */
int dir_audit(struct db *, const struct dir_who *, const char *type,
    const char *object);

/* Whose it is: the client, and the administrator who manages that client. */
struct dir_owner {
	uint64_t client, administrator;
};
/* May this one touch what belongs to that owner?  Never a mailbox's login. */
bool dir_owns(const struct dir_who *, const struct dir_owner *);

/*
 * What is one's own, in the WHERE of a list that joins Client; four values.  A
 * mailbox's login has nothing.
 */
#define SCOPE_SQL "(? = 0 OR Cl_IdAdministrateur = ?) AND " \
	"(? = 0 OR Cl_IdClient = ?)"
void dir_scope(const struct dir_who *, struct db_value out[static 4]);

/* Fill a page with what sql finds: column 0 is the key, the others are cells;
 * its last value is the LIMIT, which is not among the n given.  A code. */
int dir_rows(struct db *, struct rows *, const char *sql,
    const struct db_value *, unsigned n, char comment[static COMMENT_MAX + 1]);

struct dir_domain {
	uint64_t id, server, quota_kb, max_mailboxes;
	struct dir_owner owner;
	bool reserved; /* its client may take reserved names */
};

/* 0, REFUSE(CODE_NO_DOMAIN) or DB_FAILED.  The row is locked until the
 * transaction ends.  Another's domain and none look alike, but to a mailbox's
 * login: its own domain is found. */
int dir_find_domain(struct db *, const struct dir_who *, const char *name,
    struct dir_domain *out, char comment[static COMMENT_MAX + 1]);

#endif
