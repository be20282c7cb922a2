/*
 * alias_list - the members of an alias: addresses and bare names, separated by
 * commas.
 */
#ifndef ADMIND_ALIAS_LIST_H
#define ADMIND_ALIAS_LIST_H

#include "libcommon/buf.h"

/* Take the first member off *list, without the blanks around it; empty ones are
 * passed over.  A comma in a quoted local part is not between members.  1, or 0
 * at the end. */
int alias_list_next(struct span *list, struct span *member_out);

#endif
