/*
 * dir_proxy - a process between a client and the test's MariaDB server that
 * loses the connection at a chosen command: before the server gets it, or after
 * the server has done it and before the client hears of it.
 */
#ifndef ADMIND_DIR_PROXY_H
#define ADMIND_DIR_PROXY_H

#include <stdbool.h>

enum proxy_loss { PROXY_BEFORE, PROXY_AFTER };

/* Listen at path (a Unix socket), call server for each client.  0 or -1. */
int proxy_start(const char *path, const char *server);
void proxy_end(void);

/* Lose the connection at the nth command from now; then, if away, every new
 * one, too, until the next call.  0: lose none. */
void proxy_lose(unsigned nth, enum proxy_loss, bool away);
bool proxy_has_lost(void);

#endif
