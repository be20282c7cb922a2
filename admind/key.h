/*
 * key - what admind makes of the installation key (libcommon/install_key.h):
 * its own identity for panels, and the sealing of secrets that must be had
 * back in clear (SMS passwords), so that a copy of the database alone tells
 * none of them.
 */
#ifndef ADMIND_KEY_H
#define ADMIND_KEY_H

#include "libcommon/buf.h"

/* Bytes a sealed secret is longer. */
#define SEAL_MORE 41

/* Once, with the bytes that semaild handed over; fatal if they are no key. */
void key_start(struct span installation_key);

/* X25519 secrets; of this module. */
const unsigned char *key_server(void);
const unsigned char *key_local(void); /* the panel "local" */

/* Append the sealed form.  what says which secret it is ("BAL.Ba_PasswordSMS")
 * and must be the same when it is opened.  Errors stick to out. */
void seal_put(struct buf *out, const char *what, struct span secret);
/* Append the secret: 0, or -1 with EBADMSG (of another installation key, for
 * something else, changed). */
int seal_open(struct buf *out, const char *what, struct span sealed);

#endif
