/*
 * dir_purge - what the scheduled purge (Do_DureePurge) needs of the database.
 *
 * Nothing is recorded as under way: who was not purged today is tomorrow.
 */
#ifndef ADMIND_DIR_PURGE_H
#define ADMIND_DIR_PURGE_H

#include "admind/dir_box.h"

/* A domain's days; CODE_VALUE if its mail is never purged. */
int dir_purge_days(struct db *, const struct dir_who *, const char *domain,
    uint64_t *days_out, char comment[static COMMENT_MAX + 1]);
/* The next mailbox of a domain after a login that may be purged: 1, 0, or
 * CODE_TEMP. */
int dir_purge_next(struct db *, const char *domain, const char *after,
    struct dir_mailbox *out);
/* What has been deleted, for the audit log. */
int dir_purged(struct db *, const struct dir_who *, const char *domain,
    uint64_t messages, uint64_t bytes, char comment[static COMMENT_MAX + 1]);

#endif
