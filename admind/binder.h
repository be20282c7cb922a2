/*
 * binder - passwords checked by LDAP servers (DI-5): a simple bind with the
 * name's DN, in a child of authd, so that nothing waits for it and a server
 * that talks nonsense meets a process without rights.
 *
 * Its children (nursery.h):
 *	binder     speaks LDAP and TLS; cannot make a socket
 *	connector  makes connections to the configured servers, and to nothing
 *	           else, when the binder asks by number; never reads from them
 *	resolver   asks DNS for the addresses of servers that are names, and
 *	           tells them the connector; cannot make a socket (resolver.h).
 *	           Only when there are such names
 *
 * They get what they need of the configuration as a sealed memfd when they
 * start, and are replaced, all of them, when a reload changes it or one dies.
 */
#ifndef ADMIND_BINDER_H
#define ADMIND_BINDER_H

#include "libcommon/buf.h"
#include "libcommon/ldapsrc.h"
#include "libcommon/resolv.h"

struct event_base;
struct handover;

enum binder_answer {
	BINDER_RIGHT,
	BINDER_WRONG,
	BINDER_TROUBLE, /* no server said yes or no: not known now */
	BINDER__COUNT
};

/* Could it be used?  0, or -1 with the reason. */
int binder_try(const struct handover *, char why[static 201]);

typedef void (*binder_done)(void *arg, enum binder_answer);

/* By the configuration in force; again after each reload.  If it is another one,
 * what was asked so far is answered with trouble. */
void binder_configure(struct event_base *);
/* done() is told, later and once.  -1 with EAGAIN when too many wait. */
int binder_check(struct span source, const struct ldapsrc_who *,
    struct span password, binder_done, void *arg);
unsigned binder_waiting(void);

/* What the children do. */
void binder_child(void);
void connector_child(void);

/* ---- between them ----------------------------------------------------------- */

#define BINDER_JOB_MAX 4096 /* bytes of a question or an answer */
#define BINDER_OPEN_MAX 256 /* checks at once */

/* The configuration.  wire: bytes ldap, bytes ldap-search, bytes ca, u8
 * starttls_on_loopback, u32 timeout_ms, text search_dn, bytes search_password,
 * bytes resolver, bytes hosts */
struct binder_conf {
	struct ldapsrc sources[LDAPSRC_MAX];
	unsigned nsources;
	struct span ca; /* PEM; borrowed from bytes */
	bool starttls_on_loopback;
	uint32_t timeout_ms;
	char search_dn[LDAPSRC_TEMPLATE_MAX];
	struct span search_password; /* borrowed */
	struct endpoint resolvers[RESOLV_SERVERS_MAX];
	unsigned nresolvers;
	struct span hosts; /* resolv_hosts(); borrowed */
	struct buf bytes;
};

/* From these bytes, which stay; out->bytes is not set.  fatal() if it cannot
 * be. */
void binder_conf_read(struct span, struct binder_conf *out);
/* In a child: from its memfd, which is closed. */
void binder_conf_take(int fd, struct binder_conf *out);
/* Is a server a name that is not in hosts? */
bool binder_conf_asks_dns(const struct binder_conf *);

/* authd asks.  wire: u32 id, text source, bytes login, bytes domain, bytes
 * password; the answer: u32 id, u8 answer */

/* The binder asks for a connection to a server's nth address (modulo their
 * number), under an id of its own.  wire: u32 id, u8 source, u8 endpoint, u8 nth;
 * the answer: u32 id, u8 n, u8 nth, text why, and a descriptor */
void connector_ask(int fd, uint32_t id, unsigned source, unsigned endpoint,
    unsigned nth);
struct connected {
	uint32_t id;
	int fd;       /* non-blocking, connecting or connected; -1: none */
	unsigned n;   /* addresses that the server has; 0: not known */
	unsigned nth; /* this one */
	char why[128];
};
/* The next answer; it waits for one. */
void connector_answer(int fd, struct connected *out);
/* The resolver asks for a socket to one of the resolvers: u8 server, u8 stream.
 * The answer comes at once and is one byte, with the socket or none: -1. */
int connector_dial(int fd, unsigned server, int type);

#endif
