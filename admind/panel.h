/*
 * panel.h - connections of panels: what panel.c (a connection's life) and
 * panel_accept.c (who may have one) share.
 */
#ifndef ADMIND_PANEL_H
#define ADMIND_PANEL_H

#include "admind/admind.h"
#include "client/coded.h"

#include <stdbool.h>

#define PANEL_LOCAL "local" /* its key is semaild's to write */

/* A connection just accepted; fd is taken.  is_tcp: a stranger, limited by
 * address. */
void panel_new(int fd, bool is_tcp, const struct who_from *);
/* How many there are of a kind; those that have not shown a key make room.
 * False when nobody could. */
bool panel_make_room(bool is_tcp, unsigned max);

/* panel_key.c: the public key of a panel, 0 or -1 if there is none. */
int panel_key(const char *name, unsigned char key[static CODED_KEY]);

#endif
