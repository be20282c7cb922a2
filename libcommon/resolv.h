/*
 * resolv - what resolv.conf(5) and hosts(5) say, as data.  semaild reads the
 * files, at a start and at a reload, and hands over what they hold: nobody
 * else opens them.  nsswitch.conf(5) is not looked at: a name is in hosts(5) or
 * in DNS.
 */
#ifndef LIBCOMMON_RESOLV_H
#define LIBCOMMON_RESOLV_H

#include "libcommon/endpoint.h"

#define RESOLV_SERVERS_MAX 4
#define RESOLV_PORT 53

/* The setting resolver: ADDRESS[:PORT]..., IPv6 in brackets.  How many, or -1 if
 * it is not that or there are too many. */
int resolv_servers(struct span list,
    struct endpoint out[static RESOLV_SERVERS_MAX]);
/* The name servers of a resolv.conf as such a list; as the C library does, the
 * first ones only, and this machine's if it names none.  What else stands
 * there (search, options) is not for us: our names are whole. */
void resolv_conf(struct span text, struct buf *list_out);
/* The addresses a hosts file gives a name, port 0: how many, at most max.
 * localhost is loopback, whatever the file says (RFC 6761 6.3). */
unsigned resolv_hosts(struct span text, struct span name, struct endpoint *out,
    unsigned max);

#endif
