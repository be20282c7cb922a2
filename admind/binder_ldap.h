/*
 * binder_ldap - libldap on top of conn: it reads what conn has received and
 * writes into conn's output, and so never waits and never sees TLS.
 */
#ifndef ADMIND_BINDER_LDAP_H
#define ADMIND_BINDER_LDAP_H

#include "libcommon/conn.h"

#include <ldap.h>

struct binder_pipe {
	struct conn *conn;
	struct buf in; /* received, not yet taken by libldap */
};

/* A handle for one connection; the pipe must stay until ldap_unbind_ext().  No
 * message may be longer than max.  NULL: no memory. */
LDAP *binder_ldap(int fd, struct binder_pipe *, size_t max);

#endif
