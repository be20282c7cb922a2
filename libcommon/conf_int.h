/*
 * conf_int - what conf.c and conf_hand_over.c share.
 */
#ifndef LIBCOMMON_CONF_INT_H
#define LIBCOMMON_CONF_INT_H

#include "libcommon/conf.h"

#define CONF_FILE_MAX (1024 * 1024) /* bytes of a file that is read */

struct line_value {
	const struct conf_setting *setting;
	unsigned line; /* 0: the default */
	char *value;   /* owned; paths made absolute */
	uint64_t num;
};

struct conf {
	char *path;
	char *folder; /* of path, for relative paths */
	struct line_value *values;
	size_t nvalues;
	unsigned nerrors;
	void (*complain)(void *, const char *);
	void *arg;
};

/* Complain with the file and, unless it is 0, the line. */
__attribute__((format(printf, 3, 4))) void conf_error(struct conf *,
    unsigned line, const char *fmt, ...);
/* The nth value of a setting; the nth LDAP source of any; NULL: no such one. */
const struct line_value *conf_find(const struct conf *, const char *name,
    unsigned n);
const struct line_value *conf_find_ldap(const struct conf *, unsigned n);

#endif
