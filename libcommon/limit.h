/*
 * limit - how many sessions an address has: an IPv4 address, or the /64 an
 * IPv6 address is in.
 */
#ifndef LIBCOMMON_LIMIT_H
#define LIBCOMMON_LIMIT_H

#include <stdbool.h>
#include <sys/socket.h>

/* Count a session in; false (and not counted) when there are max already. */
bool limit_enter(const struct sockaddr *, unsigned max);
void limit_leave(const struct sockaddr *);

#endif
