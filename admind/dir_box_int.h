/*
 * dir_box_int.h - what the files about mailboxes (dir_box*.c) share.  All of it
 * is for use inside a transaction that holds dir_lock(), and returns as
 * transactions do: 0, DB_FAILED, or REFUSE(code) with the comment written.
 */
#ifndef ADMIND_DIR_BOX_INT_H
#define ADMIND_DIR_BOX_INT_H

#include "admind/dir_box.h"
#include "admind/dir_int.h"

/* The arguments of a transaction. */
struct box_txn {
	const struct dir_who *who;
	const struct dir_mailbox *in;
	struct dir_mailbox *out;
	const void *what; /* struct dir_new, struct box_change */
	char *comment;
};

uint8_t box_state_of(struct span); /* of Ba_Etat */

/* A mailbox that this one may touch, locked, with its domain. */
struct box_row {
	uint64_t id, quota_kb;
	uint32_t uid;
	uint8_t state;
	char short_login[65];
};
int box_find(struct db *, const struct dir_who *, const struct dir_mailbox *,
    struct dir_domain *, struct box_row *out, char *comment);

/* May there be a mailbox of this name?  Reserved names, what else has it, and
 * logins that would be two mailboxes'. */
int box_check_name(struct db *, const struct dir_who *,
    const struct dir_domain *, const struct dir_mailbox *, char *comment);
/* May mailbox id (0: a new one) of this domain have that short login? */
int box_check_short(struct db *, const struct dir_domain *, uint64_t id,
    struct span short_login, char *comment);
/* Do_QuotaMail; was_kb is what of it the mailbox has already. */
int box_check_quota(const struct dir_domain *, uint64_t quota_kb,
    uint64_t was_kb, char *comment);
/* Is this user the domain's client's? */
int box_check_user(struct db *, const struct dir_domain *, uint32_t user,
    char *comment);

/* Store what is given of them; Ba_Quota with the domain's sum. */
int box_put(struct db *, const struct dir_domain *, const struct box_row *,
    const struct settings *);
/* A password in place of the old one. */
int box_put_password(struct db *, uint64_t id, const char *verifier,
    enum credential_kind);
/* The mailbox's row goes to authd; these bits are to be carried out. */
int box_changed(struct db *, uint64_t id, unsigned effects);
#endif
