/*
 * netlist - networks, written ADDRESS or ADDRESS/PREFIX with blanks between
 * them, IPv4 and IPv6 (RFC 4632 3.1, RFC 4291 2.3): whose address is in one?
 */
#ifndef LIBCOMMON_NETLIST_H
#define LIBCOMMON_NETLIST_H

#include "libcommon/buf.h"

#define NETLIST_MAX 64

struct netlist {
	unsigned n;
	struct network {
		unsigned char address[16]; /* IPv4 as ::ffff:0:0/96 */
		unsigned prefix;           /* bits of these */
	} net[NETLIST_MAX];
};

/* 0, or -1 with what is wrong. */
int netlist_parse(struct span, struct netlist *out, char why[static 201]);
/* A numeric address; an IPv4-mapped IPv6 one is the IPv4 one. */
bool netlist_has(const struct netlist *, const char *address);

#endif
