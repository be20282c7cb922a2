/*
 * code - RETURN CODEs of the admin protocol: negative, documented in
 * semail-admind(8), and never given another meaning.
 */
#ifndef ADMIND_CODE_H
#define ADMIND_CODE_H

enum {
	CODE_OK = 0,
	CODE_BAD = -1,    /* the request cannot be read */
	CODE_TEMP = -2,   /* not now: the same request again later */
	CODE_DENIED = -3, /* login, password or ownership */
	CODE_NO_DOMAIN = -4,
	CODE_NO_MAILBOX = -5,
	CODE_EXISTS = -6, /* with other values */
	CODE_VALUE = -7,  /* a field cannot be what it is */
	CODE_LIMIT = -8,  /* a limit of the domain or the server */
	/* -9 was: a field this version cannot carry out */
	CODE_UNKNOWN = -10, /* no such TYPE */
	CODE_NONE = -11,    /* no such alias, client, user ... */
	CODE_IN_USE = -12,  /* something else still needs it */
};

#define COMMENT_MAX 200 /* bytes of an answer's COMMENT */

#endif
