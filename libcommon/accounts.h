/*
 * accounts - the Unix accounts that may be mailboxes (unix-accounts of
 * semail.conf(5)).
 *
 * Only semaild looks at the system's users; spawnd and admind are handed lines
 * "NAME UID GID HOME", HOME being the rest of its line, and make a table of
 * them.
 */
#ifndef LIBCOMMON_ACCOUNTS_H
#define LIBCOMMON_ACCOUNTS_H

#include "libcommon/buf.h"

#define ACCOUNT_NAME_MAX 255
#define ACCOUNT_HOME_MAX 4095

struct account {
	const char *name;
	uint32_t uid, gid; /* gid: its primary group */
	const char *home;  /* absolute */
};

struct accounts;

/* Append a line.  0, or -1 and nothing: a name, uid, gid or home that no line
 * can have. */
int account_put(struct buf *, const struct account *);

/* The table of such lines.  NULL with EBADMSG if they are not that, or if two
 * have one name or one uid. */
struct accounts *accounts_new(struct span lines);
void accounts_free(struct accounts **);

/* NULL: there is none.  What is found is the table's. */
const struct account *accounts_by_name(const struct accounts *, struct span);
const struct account *accounts_by_uid(const struct accounts *, uint32_t uid);
/* The same in all; two that are not there are. */
bool account_same(const struct account *, const struct account *);

#endif
