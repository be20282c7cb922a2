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
#define CLIENT_OWN 1u  /* the seeded client, its company */
#define COMPANY_OWN 1u
#define ADMINISTRATOR_FIRST 1u

/* Transactions return these to roll back: a code with its sign turned. */
#define REFUSE(code) (-(code) + 100)

/* What db_txn() returned as a code; says why when the database is away. */
int dir_code(int txn_result, char comment[static COMMENT_MAX + 1]);

/* All writers queue here, so that the journal is in the order of commits. */
int dir_lock(struct db *);
int dir_journal(struct db *, enum feed_table, uint64_t id);
/* A change without a journal row does this instead, so that on two nodes of a
 * cluster it cannot pass another one unseen. */
int dir_touch(struct db *);
/* object: "bob@x.example", "x.example", an alias's name ... */
int dir_audit(struct db *, const struct dir_who *, const char *type,
    const char *object);
/*
 * Was that done before?  0, DB_FAILED, or DIR_DONE, which a transaction may
 * return as it is: there is nothing to commit, and all is well.  device: the
 * one in the audit row's comment; NULL: there is none.
 *
 * dir_has_done(): by this one; who may do everything: by anybody.
 * dir_is_again(): by this very request, by its id.  Its answer was lost and it
 * comes again: it must not undo what others did since then, nor be done twice.
 */
#define DIR_DONE REFUSE(CODE_OK)
int dir_has_done(struct db *, const struct dir_who *, const char *type,
    const char *object, const struct span *device);
int dir_is_again(struct db *, const struct dir_who *, const char *type,
    const char *object, const struct span *device);

/* Au_Crochet of a change of this TYPE (dir_hook.c). */
const char *dir_hook_state(const char *type);

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
#define SCOPE_SQL \
	"(? = 0 OR Cl_IdAdministrateur = ?) AND " \
	"(? = 0 OR Cl_IdClient = ?)"
/* The same for companies; three times 0 or the administrator's number. */
#define COMPANY_SCOPE_SQL \
	"(? = 0 OR So_IdAdministrateur = ? OR EXISTS " \
	"(SELECT 1 FROM Client WHERE Cl_IdSociete = So_IdSociete AND " \
	"Cl_IdAdministrateur = ?))"
void dir_scope(const struct dir_who *, struct db_value out[static 4]);

#define LIST_MS 1000 /* then a page ends with what there is */
/* What sql finds goes to a page: column 0 is the key, the others are cells.
 * dir_rows_add(), in a transaction: to what is there.  0 or DB_FAILED. */
int dir_rows_add(struct db *, struct rows *, const char *sql,
    const struct db_value *, unsigned n);
/* All of a page in a transaction of its own; sql's last value is the LIMIT, which
 * is not among the n given.  A code. */
int dir_rows(struct db *, struct rows *, const char *sql,
    const struct db_value *, unsigned n, char comment[static COMMENT_MAX + 1]);

struct dir_domain {
	uint64_t id, server, quota_kb, max_mailboxes;
	struct dir_owner owner;
	bool reserved;                /* its client may take reserved names */
	bool going;                   /* it is being deleted */
	uint64_t mailboxes, given_kb; /* what there is, of any state */
};

/* A domain, whoever owns it; locked until the transaction ends.  1, 0 if there
 * is none, DB_FAILED. */
int dir_look_domain(struct db *, const char *name, struct dir_domain *out);

/* Virtual users that lead to this alias or mailbox (0: none) go, with journal
 * and audit. */
int dir_drop_virtuals(struct db *, const struct dir_who *, uint64_t alias,
    uint64_t mailbox);

/* REFUSE(CODE_TEMP): it is being deleted. */
int dir_is_going(char comment[static COMMENT_MAX + 1], const char *name);

/* 0, REFUSE(CODE_NO_DOMAIN), REFUSE(CODE_TEMP) if it is being deleted, or
 * DB_FAILED.  The row is locked until the transaction ends.  Another's domain
 * and none look alike, but to a mailbox's login: its own domain is found. */
int dir_find_domain(struct db *, const struct dir_who *, const char *name,
    struct dir_domain *out, char comment[static COMMENT_MAX + 1]);

#endif
