/*
 * login_name - whose mailbox a login name means (AC-5).
 *
 *	toto@dom.com    the mailbox toto of dom.com: always
 *	toto.dom.com    the same, flat; of several the longest mailbox name:
 *	                a.b.dom.com is a.b@dom.com, else a@b.dom.com
 *	toto            the one mailbox with this short login on servers with
 *	                Se_StructLogin SANSDOMAINE
 *
 * Capitals do not matter.  A mailbox on a server with Se_TypeServeur POP has no
 * IMAP.  What would fit two ways is tried in this order, so that nobody's short
 * login can stand in the way of another's address.
 */
#ifndef ADMIND_LOGIN_NAME_H
#define ADMIND_LOGIN_NAME_H

#include "admind/store.h"

enum store_answer login_find(struct store *, struct span name, uint8_t service,
    struct store_box *out);

#endif
