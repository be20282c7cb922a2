/*
 * resolver - the addresses of host names, asked of DNS by a child of authd that
 * can do nothing else: what strangers answer is read by a process without
 * sockets of its own, passwords or configuration.  Its sockets to the resolvers
 * come from the connector (binder.h), and its answers go there.
 */
#ifndef ADMIND_RESOLVER_H
#define ADMIND_RESOLVER_H

#include "libcommon/dns.h"

#define RESOLVER_MSG_MAX 2048

void resolver_child(void);

/* The question.  wire: u32 id, u32 deadline_ms, text name */

struct resolver_answer {
	uint32_t id;
	enum dns_result result;
	char why[128];
	struct dns_addresses found; /* its TTL is not sent */
};
void resolver_answer_put(struct buf *, const struct resolver_answer *);
/* 0, or -1 if it is none. */
int resolver_answer_get(struct span, struct resolver_answer *out);

#endif
