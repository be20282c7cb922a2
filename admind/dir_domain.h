/*
 * dir_domain - how domains come and go.  What they are is changed as all
 * entities are (entity.h).
 *
 * A domain goes in steps, each a transaction, because of what may hang on it:
 *
 *	dir_deldom()        it is marked; nothing else can be done to it
 *	dir_deldom_some()   its mailboxes are marked, its virtual users and
 *	                    aliases go: a bounded number at a time
 *	dir_deldom_box()    the next mailbox whose home must go (dir_remove())
 *	dir_deldom_end()    its row goes
 *
 * A crash in between leaves it marked; dir_deldom_next() finds it.
 */
#ifndef ADMIND_DIR_DOMAIN_H
#define ADMIND_DIR_DOMAIN_H

#include "admind/dir_box.h"

/* client: login of who will own it; "": who asks, or the seeded client. */
int dir_newdom(struct db *, const struct dir_who *, const char *name,
    const char *client, char comment[static COMMENT_MAX + 1]);

/* CODE_OK with its number in *id_out; 0 there: it has been deleted before. */
int dir_deldom(struct db *, const struct dir_who *, const char *name,
    bool force, uint32_t *id_out, char comment[static COMMENT_MAX + 1]);
/* CODE_OK; *more_out: call again. */
int dir_deldom_some(struct db *, const struct dir_who *, uint32_t id,
    bool *more_out, char comment[static COMMENT_MAX + 1]);
/* 1 with the mailbox, 0 none is left, or CODE_TEMP. */
int dir_deldom_box(struct db *, uint32_t id, struct dir_mailbox *out);
int dir_deldom_end(struct db *, uint32_t id,
    char comment[static COMMENT_MAX + 1]);
/* A domain that is marked: 1 with its number and name, 0, or CODE_TEMP. */
int dir_deldom_next(struct db *, uint32_t *id_out, char name[static 256]);

/* Is there such a domain, and may this one ask?  A code. */
int dir_domain_is(struct db *, const struct dir_who *, const char *name,
    char comment[static COMMENT_MAX + 1]);

/* What a domain uses and may use, and how many of everything there is: pages
 * of rows.  used_kb is what authd says. */
#define STATDOM_COLUMNS \
	"name|mailboxes|active|disabled|max|given|quota|used|" \
	"aliases|virtual-users"
int dir_statdom(struct db *, const struct dir_who *, const char *name,
    uint64_t used_kb, struct rows *, char comment[static COMMENT_MAX + 1]);
int dir_stat(struct db *, const struct dir_who *, struct rows *,
    char comment[static COMMENT_MAX + 1]);

#endif
