/*
 * names - what the directory's things may be called, in the form in which they
 * are kept.  Nothing that passes here can be another line, field, column or
 * path anywhere.
 */
#ifndef ADMIND_NAMES_H
#define ADMIND_NAMES_H

#include "libcommon/buf.h"

#define NAME_LOCAL_MAX 64

/* Of a mailbox, an alias, a virtual user: 1 to 64 of a-z 0-9 . _ - =, a letter
 * or digit first, no ".."; capitals are made small.  No "+", which would be a
 * detail of another's address. */
#define NAME_LOCAL_RULE \
	"may have 1 to 64 of a-z 0-9 . _ - =, a letter or " \
	"digit first, no \"..\""
bool name_local(struct span, char out[static NAME_LOCAL_MAX + 1]);

/* A mail domain: lower-case A-labels, at least two. */
bool name_domain(struct span, char out[static 256]);

/* The login of a client or an administrator, as it is written. */
#define NAME_LOGIN_RULE \
	"may have a-z A-Z 0-9 . _ - + = @, a letter or digit " \
	"first"
bool name_login(struct span);

/* A mail server's: as a host's, capitals are made small. */
#define NAME_SERVER_RULE "may have a-z 0-9 . -, a letter or digit first"
bool name_server(struct span, char out[static 129]);

/* The administrator's wherever they are (DI-7), unless a domain may have them:
 * RFC 2142 and who gets mail about the server. */
bool name_is_reserved(const char *local);

#endif
