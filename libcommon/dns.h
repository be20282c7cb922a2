/*
 * dns - questions to DNS resolvers (c-ares; dns.c alone includes its headers),
 * from an event loop.
 *
 * Nothing is read but what the resolvers answer: no file, no environment, no
 * search list; names are whole.  Sockets come from the caller, so that who
 * reads answers need not be able to make any.
 */
#ifndef LIBCOMMON_DNS_H
#define LIBCOMMON_DNS_H

#include "libcommon/endpoint.h"

#define DNS_NAME_MAX 255
#define DNS_ADDRESSES_MAX 32
#define DNS_KEEP_S 3600 /* an answer, however long it would hold */

struct event_base;
struct dns;

enum dns_result {
	DNS_FOUND,
	DNS_NO_NAME,    /* there is no such name */
	DNS_NO_ADDRESS, /* there is, but without an address */
	DNS_TROUBLE,    /* not known now: no answer in time, or no good one */
	DNS__COUNT
};

struct dns_addresses {
	unsigned n;
	struct endpoint at[DNS_ADDRESSES_MAX]; /* port 0 */
	uint32_t ttl_s;
};

/* A socket to the nth resolver, SOCK_DGRAM or SOCK_STREAM: as
 * endpoint_dial(). */
typedef int (*dns_dial)(void *arg, unsigned server, int type);

/* NULL: no memory. */
struct dns *dns_new(struct event_base *, const struct endpoint *servers,
    unsigned nservers, dns_dial, void *arg);
/* Not from inside a callback.  Who still waits is told nothing more. */
void dns_free(struct dns **);

/* why: a few words for the log, "" with DNS_FOUND. */
typedef void (*dns_done)(void *arg, enum dns_result,
    const struct dns_addresses *, const char *why);
/*
 * The addresses of a host name in A-labels (addr_domain()), IPv6 and IPv4 by
 * turns, IPv6 first, each kind as the resolver has ordered it.  done() is told
 * once, within deadline_ms; at once, from inside, when the answer is known or
 * nobody can be asked.
 *
 * An answer is kept as long as its shortest TTL; only addresses are.  Who asks
 * for a name that is being asked for waits for the same answer, each with a
 * deadline of its own.
 */
void dns_find(struct dns *, const char *name, unsigned deadline_ms, dns_done,
    void *arg);

/* The addresses in one answer (family: AF_INET, AF_INET6); for its fuzzer. */
enum dns_result dns_read(struct span answer, int family,
    struct dns_addresses *out, const char **why_out);

#endif
