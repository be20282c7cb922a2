/*
 * dir_box - mailboxes in the database.  Each change is one transaction as
 * dir_int.h has them; functions return a code and write its comment.
 *
 * What a home must still be told is a bit in Ba_Effet, set in the transaction
 * of the change; it is cleared when spawnd has done it, unless the same mailbox
 * was changed again meanwhile (Ba_EffetNumero).  So a mailbox is unfinished
 * while it is being made or deleted or has such a bit, and dir_todo() says what
 * comes next.
 */
#ifndef ADMIND_DIR_BOX_H
#define ADMIND_DIR_BOX_H

#include "admind/directory.h"
#include "admind/settings.h"
#include "libcommon/accounts.h"

struct dir_mailbox {
	char domain[256];
	char login[65];
	/* what the database says of it */
	uint32_t id;
	uint32_t uid;
	uint8_t state;                   /* enum box_state */
	char verifier[VERIFIER_MAX + 1]; /* of its password; "" if none */
};

/* "login@domain", as it stands in the audit log. */
void dir_box_object(const struct dir_mailbox *, char out[static 330]);

/* A mailbox as it is: CODE_OK, CODE_NO_DOMAIN, CODE_NO_MAILBOX, CODE_DENIED or
 * CODE_TEMP.  Only domain and login of *in are looked at. */
int dir_find(struct db *, const struct dir_who *, const struct dir_mailbox *in,
    struct dir_mailbox *out, char comment[static COMMENT_MAX + 1]);
/* Are the given settings as the database has them?  1, 0, or CODE_TEMP with
 * the comment. */
int dir_box_same(struct db *, uint32_t id, const struct settings *,
    char comment[static COMMENT_MAX + 1]);

/* What is told of mailboxes (dir_box_show.c): pages of rows. */
#define BOX_COLUMNS \
	"mailbox|domain|state|comment|quota|antivirus|forward|" \
	"sms-tel|sms-filter|sms-email|sms-login|vacation|short|user|uid|made"
#define BOX_COLUMN_UID 15 /* from 1 */
int dir_box_show(struct db *, uint32_t id, struct rows *,
    char comment[static COMMENT_MAX + 1]);
/* hashes: one column more, the password's verifier; for root alone. */
int dir_box_list(struct db *, const struct dir_who *, const struct dir_page *,
    bool hashes, struct rows *, char comment[static COMMENT_MAX + 1]);
/* The numbers of a domain's mailboxes in order of their logins: those after a
 * login, which becomes the last one's; fewer than max at the end. */
int dir_box_ids(struct db *, const struct dir_who *, const char *domain,
    char after[static 65], uint32_t *out, unsigned max, unsigned *n_out,
    char comment[static COMMENT_MAX + 1]);
/* used_kb is what authd says. */
#define STATBAL_COLUMNS "mailbox|domain|state|quota|used"
int dir_statbal(struct db *, uint32_t id, uint64_t used_kb, struct rows *,
    char comment[static COMMENT_MAX + 1]);

struct dir_new {
	const char *type; /* for the audit log */
	const struct settings *set;
	const char *verifier;
	enum credential_kind kind;
	uint32_t uid_first, uid_last;
	const struct account *account; /* that it will be; NULL: none */
	bool dry_run;                  /* all checks; nothing is kept */
};
/* Add it in state BOX_CREATING; id is set.  CODE_EXISTS: the name, a login or
 * the account is taken, the comment says by what. */
int dir_add(struct db *, const struct dir_who *, struct dir_mailbox *,
    const struct dir_new *, char comment[static COMMENT_MAX + 1]);

struct box_change {
	const char *type;
	const struct settings *set; /* what is given; NULL: nothing */
	const char *verifier;       /* NULL: the password stays */
};
int dir_change_box(struct db *, const struct dir_who *,
    const struct dir_mailbox *, const struct box_change *,
    char comment[static COMMENT_MAX + 1]);
/* ACTIVE or DESACTIVEE. */
int dir_enable(struct db *, const struct dir_who *, const struct dir_mailbox *,
    bool on, char comment[static COMMENT_MAX + 1]);
/* Its mail of up to now is to be purged.  *again_out: it was that request
 * before, so later mail is not meant. */
int dir_purge(struct db *, const struct dir_who *, const struct dir_mailbox *,
    bool *again_out, char comment[static COMMENT_MAX + 1]);
/* It is copied out or in: BACKUPBAL or RESTOREBAL in the audit log. */
int dir_copy(struct db *, const struct dir_who *, const struct dir_mailbox *,
    const char *type, char comment[static COMMENT_MAX + 1]);
/* Any state -> deleting; virtual users that lead to it alone go.  id is set.
 * CODE_NO_MAILBOX also if it was made anew since that request deleted it. */
int dir_doom(struct db *, const struct dir_who *, struct dir_mailbox *,
    char comment[static COMMENT_MAX + 1]);

/* ---- passwords of single devices (dir_app.c) ---- */

/* With the mailbox's own they are what authd looks at for one login. */
#define APPS_MAX 15
#define APP_COLUMNS "device|services|made"
/* services: bits 1 << enum service, 0 all.  CODE_EXISTS if the device has one,
 * unless this very request made it: it gets another then, as the first was
 * never told. */
int dir_newapp(struct db *, const struct dir_who *, const struct dir_mailbox *,
    struct span device, uint32_t services, const char *verifier,
    char comment[static COMMENT_MAX + 1]);
int dir_delapp(struct db *, const struct dir_who *, const struct dir_mailbox *,
    struct span device, char comment[static COMMENT_MAX + 1]);
int dir_listapp(struct db *, uint32_t mailbox, struct rows *,
    char comment[static COMMENT_MAX + 1]);

/* ---- what is under way ---- */

enum { EFFECT_SETTINGS = 1, EFFECT_PURGE = 2 };

struct dir_todo {
	struct dir_mailbox box;
	unsigned effects; /* bits */
	uint64_t number;  /* journal number of the change that set them */
	uint64_t purge_before;
	struct buf forward, vacation;
};
/* 1, 0 if there is no such mailbox any more, or CODE_TEMP with the comment.
 * dir_todo_clear() in any case. */
int dir_todo(struct db *, uint32_t id, struct dir_todo *out,
    char comment[static COMMENT_MAX + 1]);
void dir_todo_clear(struct dir_todo *);
/* That effect has been carried out. */
int dir_done(struct db *, const struct dir_todo *, unsigned effect,
    char comment[static COMMENT_MAX + 1]);
/* creating -> active.  CODE_NO_MAILBOX if it is in no such state. */
int dir_activate(struct db *, uint32_t id,
    char comment[static COMMENT_MAX + 1]);
/* The rows of mailbox id, whose home is gone, go too. */
int dir_remove(struct db *, const struct dir_who *, const struct dir_mailbox *,
    char comment[static COMMENT_MAX + 1]);
/* The first unfinished mailbox after a number: 1 with *id_out, 0 if there is
 * none, -1. */
int dir_unfinished(struct db *, uint32_t after, uint32_t *id_out);
/* Has a mailbox of this name been deleted before?  1, 0, or CODE_TEMP. */
int dir_was_deleted(struct db *, const struct dir_mailbox *);

#endif
