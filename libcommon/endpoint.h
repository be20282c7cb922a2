/*
 * endpoint - a numeric address with a port.
 */
#ifndef LIBCOMMON_ENDPOINT_H
#define LIBCOMMON_ENDPOINT_H

#include "libcommon/buf.h"

#include <netinet/in.h>

struct endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} addr;
	socklen_t len;
};

/* HOST, HOST:PORT, [V6] or [V6]:PORT into its parts; *port stays as it is when
 * none is written.  HOST is not looked at; what stands in brackets is numeric.
 * 0 or -1. */
int endpoint_split(struct span, struct span *host_out, uint16_t *port);
/* A numeric address, IPv4 or IPv6 without brackets.  0 or -1. */
int endpoint_numeric(struct span address, uint16_t port, struct endpoint *out);
/* The bytes of an address, as in DNS: 4 or 16. */
void endpoint_bytes(struct span, uint16_t port, struct endpoint *out);
/* Its address, without the port. */
void endpoint_text(const struct endpoint *, char out[static INET6_ADDRSTRLEN]);
void endpoint_set_port(struct endpoint *, uint16_t port);
bool endpoint_is_loopback(const struct endpoint *);
/* A socket (SOCK_STREAM, SOCK_DGRAM) that is connected or connecting; it never
 * blocks.  -1 with errno. */
int endpoint_dial(const struct endpoint *, int type);

#endif
