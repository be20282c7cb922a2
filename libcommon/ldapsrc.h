/*
 * ldapsrc - LDAP servers that check passwords, as semail.conf names them:
 *
 *	ldap NAME URL[,URL...] DN-TEMPLATE
 *	ldap-search NAME URL[,URL...] BASE?SCOPE?FILTER-TEMPLATE
 *
 * A URL is ldap://HOST[:PORT] or ldaps://HOST[:PORT], the host a name or a
 * numeric address (IPv6 in brackets), with #NAME behind it when the server's
 * certificate holds another name.  In templates %u is the mailbox's login, %d its
 * domain, %m its whole address, %% a percent sign.  See semail.conf(5).
 *
 * Nothing here speaks LDAP.
 */
#ifndef LIBCOMMON_LDAPSRC_H
#define LIBCOMMON_LDAPSRC_H

#include "libcommon/endpoint.h"

#define LDAPSRC_NAME_MAX 32 /* FEED_LDAP_MAX */
#define LDAPSRC_MAX 32      /* sources */
#define LDAPSRC_ENDPOINTS_MAX 4
#define LDAPSRC_TEMPLATE_MAX 512
#define LDAPSRC_EXPANDED_MAX 4096

struct ldapsrc_endpoint {
	char name[256]; /* in A-labels; "": at is its address */
	struct endpoint at;
	uint16_t port;
	bool tls;       /* from the first byte */
	bool loopback;  /* whatever anybody says: numeric, or localhost */
	char host[256]; /* what its certificate must hold: name or address */
};

enum ldapsrc_scope { LDAPSRC_BASE, LDAPSRC_ONE, LDAPSRC_SUB };

struct ldapsrc {
	char name[LDAPSRC_NAME_MAX + 1];
	unsigned nendpoints; /* tried in this order */
	struct ldapsrc_endpoint endpoints[LDAPSRC_ENDPOINTS_MAX];
	bool search;
	/* The DN to bind as; or, to search, the filter. */
	char template[LDAPSRC_TEMPLATE_MAX];
	char base[LDAPSRC_TEMPLATE_MAX];
	enum ldapsrc_scope scope;
};

/* A line's value.  0, or -1 with a reason for people. */
int ldapsrc_parse(const char *value, bool search, struct ldapsrc *out,
    char why[static 201]);
/* Could it be the name of a source?  Letters, digits, '-', '_', '.'. */
bool ldapsrc_name_ok(struct span);
/* Is there a source of this name among the handed-over values (lines)? */
bool ldapsrc_is_named(struct span lines, struct span name);
/* All of the lines, which the configuration has checked: how many. */
unsigned ldapsrc_all(struct span ldap_lines, struct span search_lines,
    struct ldapsrc out[static LDAPSRC_MAX]);

/* Who logs in, for the templates. */
struct ldapsrc_who {
	struct span login, domain;
};
/* The template with its values in place, each escaped so that it is one value
 * and nothing else in a DN (RFC 4514 2.4) and in a filter (RFC 4515 3) alike:
 * all but letters, digits and ". _ - @" as \XX.  EMSGSIZE sticks in out. */
void ldapsrc_expand(const char *template, const struct ldapsrc_who *,
    struct buf *out);

#endif
