/*
 * sasl - base64 and the server's side of SASL PLAIN (RFC 4616) and LOGIN,
 * for smtpd (RFC 4954) and pop3d (RFC 5034).  No I/O: lines in, a name and a
 * password out.
 */
#ifndef LIBCOMMON_SASL_H
#define LIBCOMMON_SASL_H

#include "libcommon/buf.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"

#include <sys/types.h>

/* The longest response that can still be right, without its CRLF: the base64
 * of two names, a password and two NULs. */
#define SASL_LINE_MAX ((2 * LOGIN_MAX + PASSWORD_MAX + 2 + 2) / 3 * 4)

/* Strict RFC 4648 4: groups of four, padding only where it belongs, unused
 * bits zero, nothing else anywhere.  The number of bytes, or -1 with EBADMSG,
 * or ENAMETOOLONG if they do not fit. */
ssize_t base64_decode(struct span in, void *dst, size_t size);

enum sasl_mech { SASL_PLAIN, SASL_LOGIN };

enum sasl_result {
	SASL_MORE,      /* send sasl_challenge() and wait for a line */
	SASL_DONE,      /* login and password are there: ask authd */
	SASL_DENIED,    /* well formed, but nobody's: as a wrong password */
	SASL_CANCELLED, /* the client sent "*" */
	SASL_MALFORMED  /* not base64, or not what the mechanism says */
};

/* One exchange.  Holds a password: keep it only while the exchange lasts and
 * end it with sasl_clear() whatever came of it. */
struct sasl {
	enum sasl_mech mech;
	unsigned step;
	char login[LOGIN_MAX + 1]; /* never empty when SASL_DONE */
	struct secret password;
};

/* Begin, by the name the client gave (any case).  -1 with ENOENT for a
 * mechanism we do not have. */
int sasl_start(struct sasl *, struct span mechanism);
/* The initial response, if the command carried one ("=" is an empty one). */
enum sasl_result sasl_initial(struct sasl *, struct span);
/* The base64 text that goes after "334 " or "+ ". */
const char *sasl_challenge(const struct sasl *);
/* A line without its CRLF. */
enum sasl_result sasl_response(struct sasl *, struct span line);
void sasl_clear(struct sasl *); /* wipes; harmless twice */

/* Take a login name from a command as an exchange would: false if nobody can
 * be called so (empty, too long, control characters). */
bool sasl_login_ok(struct span);

#endif
