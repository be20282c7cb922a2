/*
 * addr - mail addresses: RFC 5321 4.1.2 and RFC 6531 3.3 grammar, domains
 * normalised by IDNA2008 (libidn2).  One grammar, one return path: nothing is
 * added to or changed in an address before it has passed.
 */
#ifndef LIBCOMMON_ADDR_H
#define LIBCOMMON_ADDR_H

#include "libcommon/buf.h"

#define ADDR_LOCAL_MAX 64   /* octets, RFC 5321 4.5.3.1.1 */
#define ADDR_DOMAIN_MAX 255 /* octets, 4.5.3.1.2 */
#define ADDR_MAX 321        /* with @ and NUL */

enum {
	ADDR_UTF8 = 1 << 0,       /* non-ASCII is allowed (SMTPUTF8) */
	ADDR_EMPTY = 1 << 1,      /* <> is allowed (reverse-path) */
	ADDR_POSTMASTER = 1 << 2, /* a bare "postmaster" is allowed (RCPT) */
};

struct addr {
	char text[ADDR_MAX]; /* canonical: local part unquoted where that is
	                       * the same address (5321 4.1.2), @, domain in
	                       * lower case A-labels or an address literal as
	                       * given; "" for <> */
	size_t local_len;    /* of the part before @ in text */
	bool has_domain;     /* false for <> and bare postmaster */
	bool is_literal;     /* [192.0.2.1], [IPv6:...] */
};

/*
 * Read a path off the front of in: "<" [source route ":"] mailbox ">".  A
 * source route is checked and ignored (5321 4.1.1.3, appendix C).  *rest_out
 * gets what follows ">".  0, or -1 with errno: EINVAL (syntax), ENAMETOOLONG,
 * EILSEQ (non-ASCII without ADDR_UTF8, or invalid UTF-8).
 */
int addr_path(struct span in, unsigned flags, struct addr *,
    struct span *rest_out);

/* A whole bare address, local@domain, nothing around it. */
int addr_parse(struct span in, unsigned flags, struct addr *);

/* A host or mail domain: at least one label, A-labels in lower case to out.
 * U-labels are converted.  0, or -1 with EINVAL or ENAMETOOLONG. */
int addr_domain(struct span in, char out[static ADDR_DOMAIN_MAX + 1]);

/* HELO/EHLO argument: a domain or an address literal (5321 4.1.1.1).  Kept
 * lenient as everybody is: letters, digits, '-', '.', '_', '[', ']', ':'. */
bool addr_is_helo(struct span);

/* The part before @ and after it, borrowed from a. */
struct span addr_local(const struct addr *);
struct span addr_host(const struct addr *);

/* May this be a folder under mail/ and a login: 1 to max of a-z 0-9 . _ + - =
 * with a letter or digit first, no ".." in it.  Nothing else ever gets into a
 * path.  (In folder_name.c.) */
bool addr_is_folder_name(struct span, size_t max);

#endif
