#include "config.h"
#include "admind/resolver.h"
#include "admind/binder.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/resolv.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_NAMES 3   /* questions and answers */
#define FD_SOCKETS 4 /* connector_dial() */
#define FD_CONF 5    /* the setting resolver */

static struct dns *dns;

static int
dial(void *arg, unsigned server, int type)
{
	(void)arg;
	return connector_dial(FD_SOCKETS, server, type);
}

static void
on_found(void *arg, enum dns_result result, const struct dns_addresses *found,
    const char *why)
{
	uint32_t *id = arg;
	struct resolver_answer a = { *id, result, "", *found };
	struct buf b;

	snprintf(a.why, sizeof(a.why), "%s", why);
	buf_init(&b, RESOLVER_MSG_MAX);
	resolver_answer_put(&b, &a);
	if (buf_error(&b) != 0)
		fatalx("resolver memory");
	/* The connector reads, or is gone and so are we soon. */
	if (send(FD_NAMES, b.data, b.len, MSG_NOSIGNAL) == -1)
		log_warn("resolver");
	buf_clear(&b);
	free(id);
}

static void
on_question(evutil_socket_t fd, short what, void *arg)
{
	unsigned char in[RESOLVER_MSG_MAX];
	char name[DNS_NAME_MAX + 1];
	uint32_t *id = malloc(sizeof(*id)), ms;
	struct wire w;
	ssize_t n;

	(void)what;
	(void)arg;
	n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		free(id);
		return;
	}
	if (n <= 0)
		_exit(0);
	if (id == NULL)
		fatal("resolver");
	wire_init(&w, span_from(in, (size_t)n));
	*id = wire_u32(&w);
	ms = wire_u32(&w);
	wire_cstr(&w, name, sizeof(name));
	if (wire_done(&w) == -1)
		fatalx("resolver question");
	dns_find(dns, name, ms, on_found, id);
}

void
resolver_child(void)
{
	struct endpoint servers[RESOLV_SERVERS_MAX];
	struct event_base *base = event_base_new();
	struct event *ev;
	struct buf list;
	int n;

	buf_init(&list, 4096);
	if (io_slurp(FD_CONF, 4096, &list) == -1)
		fatal("resolver configuration");
	close(FD_CONF);
	n = resolv_servers(buf_span(&list), servers);
	buf_clear(&list);
	if (n == -1 || base == NULL ||
	    (dns = dns_new(base, servers, (unsigned)n, dial, NULL)) == NULL ||
	    (ev = event_new(base, FD_NAMES, EV_READ | EV_PERSIST, on_question,
	         NULL)) == NULL ||
	    event_add(ev, NULL) == -1)
		fatalx("resolver cannot start");
	event_base_dispatch(base);
	_exit(0);
}
