/*
 * export_text - the lines of the text files aliases, virtual and passwd
 * (semail-exports(5)).
 *
 * A row is written only if it is in the form in which admind keeps it: what
 * somebody else has put into the database makes no line that it should not.
 */
#ifndef ADMIND_EXPORT_TEXT_H
#define ADMIND_EXPORT_TEXT_H

#include "libcommon/accounts.h"
#include "libcommon/buf.h"

/* Append a line.  false: the row is not as it should be, nothing is added. */
bool export_alias(struct buf *, struct span name, struct span list);
bool export_virtual(struct buf *, struct span user, struct span domain,
    struct span real, struct span real_domain);
/* homes: the folder of all homes but an account's, which is NULL for other
 * mailboxes; comment: anything, colons and what is no text become "?". */
bool export_passwd(struct buf *, struct span login, struct span domain,
    uint64_t uid, struct span comment, const char *homes,
    const struct account *);

/* The line that says what a file contains: all changes up to journal, of this
 * directory. */
struct export_mark {
	uint64_t directory, journal;
};
void export_mark_put(struct buf *, const struct export_mark *);
/* From the beginning of a file: 0, or -1 (it is not one of ours). */
int export_mark_get(struct span file, struct export_mark *out);

#endif
