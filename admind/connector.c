/*
 * The connector: connections to the LDAP servers of the configuration, asked
 * for by number, handed over while they are still connecting; and to the
 * resolvers, when the resolver asks.  And how the two ask.
 *
 * It knows the names and the ports; the addresses of a name come from the
 * resolver, never from the binder, which meets the servers' bytes.
 */
#include "config.h"
#include "admind/binder.h"
#include "admind/resolver.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_BINDER 3
#define FD_CONF 4
#define FD_NAMES 5 /* with a resolver only */
#define FD_SOCKETS 6

/* A binder's question. */
struct ask {
	uint32_t id;
	uint8_t source, endpoint, nth;
};

static struct binder_conf conf;
static struct buf hosts;
static struct {
	bool waits;
	struct ask ask;
} waiting[BINDER_OPEN_MAX]; /* for the resolver, which knows them by number */

/* ---- descriptors between processes ---------------------------------------------- */

/* A message, with a descriptor unless it is -1, which is closed.  0 or -1. */
static int
message_send(int to, struct span bytes, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	union {
		const unsigned char *in;
		void *out;
	} p = { .in = bytes.data };
	struct iovec iov = { p.out, bytes.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd != -1) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	n = sendmsg(to, &m, MSG_NOSIGNAL);
	if (fd != -1)
		close(fd);
	return n == (ssize_t)bytes.len ? 0 : -1;
}

/* Its bytes, 0 at the end; *fd_out is -1 if none came with it. */
static ssize_t
message_receive(int from, void *to, size_t n, int *fd_out)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { to, n };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t r;

	*fd_out = -1;
	do
		r = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
	while (r == -1 && errno == EINTR);
	if (r > 0 && (c = CMSG_FIRSTHDR(&m)) != NULL &&
	    c->cmsg_type == SCM_RIGHTS)
		memcpy(fd_out, CMSG_DATA(c), sizeof(int));
	return r;
}

/* ---- to the binder ---------------------------------------------------------------- */

/* One of n addresses, or none and why. */
static void
answer(const struct ask *a, struct endpoint *at, unsigned n, const char *why)
{
	const struct ldapsrc_endpoint *e =
	    &conf.sources[a->source].endpoints[a->endpoint];
	unsigned nth = n > 0 ? a->nth % n : 0;
	struct buf b;
	int s = -1;

	if (n > 0) {
		endpoint_set_port(&at[nth], e->port);
		if ((s = endpoint_dial(&at[nth], SOCK_STREAM)) == -1)
			why = strerror(errno);
	}
	buf_init(&b, BINDER_JOB_MAX);
	wire_put_u32(&b, a->id);
	wire_put_u8(&b, (uint8_t)n);
	wire_put_u8(&b, (uint8_t)nth);
	wire_put_str(&b, why);
	if (buf_error(&b) != 0 ||
	    message_send(FD_BINDER, buf_span(&b), s) == -1)
		_exit(0);
	buf_clear(&b);
}

/* ---- names -------------------------------------------------------------------------- */

static void
ask_resolver(const struct ask *a, const char *name)
{
	struct buf b;
	unsigned i = 0;

	while (i < nitems(waiting) && waiting[i].waits)
		i++;
	if (i == nitems(waiting)) {
		answer(a, NULL, 0, "too many names are asked for");
		return;
	}
	waiting[i].waits = true;
	waiting[i].ask = *a;
	buf_init(&b, RESOLVER_MSG_MAX);
	wire_put_u32(&b, i);
	wire_put_u32(&b, conf.timeout_ms);
	wire_put_str(&b, name);
	if (buf_error(&b) != 0)
		fatalx("connector memory");
	/* Not waiting: the resolver may be waiting for a socket from here. */
	if (send(FD_NAMES, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT) == -1) {
		if (errno != EAGAIN)
			fatalx("the resolver is gone");
		waiting[i].waits = false;
		answer(a, NULL, 0, "too many names are asked for");
	}
	buf_clear(&b);
}

static void
on_answer(void)
{
	unsigned char in[RESOLVER_MSG_MAX];
	struct resolver_answer a;
	ssize_t n = recv(FD_NAMES, in, sizeof(in), 0);

	if (n == -1 && errno == EINTR)
		return;
	if (n <= 0)
		fatalx("the resolver is gone");
	if (resolver_answer_get(span_from(in, (size_t)n), &a) == -1 ||
	    a.id >= nitems(waiting) || !waiting[a.id].waits)
		fatalx("the resolver answers nonsense");
	waiting[a.id].waits = false;
	answer(&waiting[a.id].ask, a.found.at, a.found.n, a.why);
}

static void
on_ask(void)
{
	struct endpoint at[DNS_ADDRESSES_MAX];
	const struct ldapsrc_endpoint *e;
	unsigned char in[16];
	struct ask a;
	struct wire w;
	unsigned n = 1;
	ssize_t r = recv(FD_BINDER, in, sizeof(in), 0);

	if (r == -1 && errno == EINTR)
		return;
	if (r <= 0)
		_exit(0);
	wire_init(&w, span_from(in, (size_t)r));
	a.id = wire_u32(&w);
	a.source = wire_u8(&w);
	a.endpoint = wire_u8(&w);
	a.nth = wire_u8(&w);
	if (wire_done(&w) == -1 || a.source >= conf.nsources ||
	    a.endpoint >= conf.sources[a.source].nendpoints)
		fatalx("connector asked for server=%u.%u", a.source,
		    a.endpoint);
	e = &conf.sources[a.source].endpoints[a.endpoint];
	at[0] = e->at;
	if (e->name[0] != '\0')
		n = resolv_hosts(buf_span(&hosts), span_of(e->name), at,
		    nitems(at));
	if (n > 0)
		answer(&a, at, n, "");
	else
		ask_resolver(&a, e->name);
}

/* ---- to the resolver ------------------------------------------------------------------ */

static void
on_dial(void)
{
	unsigned char in[2];
	ssize_t n = recv(FD_SOCKETS, in, sizeof(in), 0);

	if (n == -1 && errno == EINTR)
		return;
	if (n <= 0)
		fatalx("the resolver is gone");
	if (n != sizeof(in) || in[0] >= conf.nresolvers)
		fatalx("the resolver asks nonsense");
	if (message_send(FD_SOCKETS, span_from(in, 1),
	        endpoint_dial(&conf.resolvers[in[0]],
	            in[1] ? SOCK_STREAM : SOCK_DGRAM)) == -1)
		fatalx("the resolver is gone");
}

void
connector_child(void)
{
	static const struct {
		int fd;
		void (*run)(void);
	} work[] = { { FD_BINDER, on_ask }, { FD_NAMES, on_answer },
		{ FD_SOCKETS, on_dial } };
	struct pollfd p[nitems(work)];
	nfds_t n;

	binder_conf_take(FD_CONF, &conf);
	n = binder_conf_asks_dns(&conf) ? nitems(work) : 1;
	buf_init(&hosts, conf.hosts.len);
	buf_put_span(&hosts, conf.hosts);
	buf_clear(&conf.bytes); /* the servers are all it needs */
	for (nfds_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ work[i].fd, POLLIN, 0 };
	for (;;) {
		if (poll(p, n, -1) == -1) {
			if (errno != EINTR)
				fatal("connector");
			continue;
		}
		for (nfds_t i = 0; i < n; i++)
			if (p[i].revents != 0)
				work[i].run();
	}
}

/* ---- how they ask ---------------------------------------------------------------------- */

void
connector_ask(int fd, uint32_t id, unsigned source, unsigned endpoint,
    unsigned nth)
{
	struct buf b;

	buf_init(&b, 16);
	wire_put_u32(&b, id);
	wire_put_u8(&b, (uint8_t)source);
	wire_put_u8(&b, (uint8_t)endpoint);
	wire_put_u8(&b, (uint8_t)nth);
	if (buf_error(&b) != 0 || message_send(fd, buf_span(&b), -1) == -1)
		fatal("the connector is gone");
	buf_clear(&b);
}

void
connector_answer(int fd, struct connected *out)
{
	unsigned char in[BINDER_JOB_MAX];
	struct wire w;
	ssize_t n = message_receive(fd, in, sizeof(in), &out->fd);

	if (n <= 0)
		fatalx("the connector is gone");
	wire_init(&w, span_from(in, (size_t)n));
	out->id = wire_u32(&w);
	out->n = wire_u8(&w);
	out->nth = wire_u8(&w);
	wire_cstr(&w, out->why, sizeof(out->why));
	if (wire_done(&w) == -1)
		fatalx("the connector answers nonsense");
}

int
connector_dial(int fd, unsigned server, int type)
{
	unsigned char ask[2] = { (unsigned char)server, type == SOCK_STREAM },
	              byte;
	int s;

	if (message_send(fd, span_from(ask, sizeof(ask)), -1) == -1 ||
	    message_receive(fd, &byte, 1, &s) != 1)
		fatalx("the connector is gone");
	return s;
}
