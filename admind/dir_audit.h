/* dir_audit - the audit log, as it is read. */
#ifndef ADMIND_DIR_AUDIT_H
#define ADMIND_DIR_AUDIT_H

#include "admind/directory.h"

struct audit_filter {
	struct span object, who, what; /* "": all */
	struct span since, until;      /* "YYYY-MM-DD[THH:MM:SS]" or "" */
	bool failed;                   /* only with a hook that failed */
	uint64_t after;                /* a row's number: what came later */
};

#define AUDIT_COLUMNS "id|date|who|origin|what|object|code|comment|hook"

/* Is it a date, or a date and time? */
bool audit_is_time(struct span);
/* A page, oldest first. */
int dir_audit_list(struct db *, const struct audit_filter *, struct rows *,
    char comment[static COMMENT_MAX + 1]);

#endif
