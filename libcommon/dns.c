#include "config.h"
#include "libcommon/dns.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

/* One resolver is asked after 0 and 1 s and given up after 3. */
#define TIMEOUT_MS 1000
#define TRIES 2
#define NAMES_MAX 256 /* remembered or being asked for */

/* RFC 1035 3.2 and 4.1.1 */
#define CLASS_IN 1
#define TYPE_A 1
#define TYPE_AAAA 28
#define HEADER_BYTES 12
#define RCODE_NAME 3

/* Somebody who waits. */
struct asker {
	LIST_ENTRY(asker) next;
	struct event *late;
	dns_done done;
	void *arg;
};

/* One of a name's two questions. */
struct half {
	struct name *name;
	int family;
	enum dns_result result;
	const char *why;
	struct dns_addresses found;
};

struct name {
	LIST_ENTRY(name) next;
	struct dns *dns;
	char text[DNS_NAME_MAX + 1];
	struct half halves[2]; /* IPv6, IPv4 */
	unsigned pending;      /* of them */
	uint64_t until_ms;     /* found holds; 0: it does not */
	struct dns_addresses found;
	LIST_HEAD(, asker) askers;
};

struct watch {
	LIST_ENTRY(watch) next;
	int fd;
	struct event *ev;
};

struct dns {
	struct event_base *base;
	struct endpoint servers[8];
	unsigned nservers;
	dns_dial dial;
	void *arg;
	int type; /* of the socket c-ares is opening */
	ares_channel ares;
	struct event *timer;
	unsigned nnames;
	LIST_HEAD(, name) names;
	LIST_HEAD(, watch) watches;
};

/* ---- c-ares and the event loop ------------------------------------------------ */

/* When c-ares wants to be called although nothing comes. */
static void
set_timer(struct dns *d)
{
	struct timeval tv;

	if (ares_timeout(d->ares, NULL, &tv) != NULL)
		event_add(d->timer, &tv);
	else
		event_del(d->timer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns *d = arg;

	(void)fd;
	(void)what;
	ares_process_fd(d->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(d);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct dns *d = arg;

	ares_process_fd(d->ares, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(d);
}

/* c-ares: look at this socket from now on, or no longer. */
static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	short what = EV_PERSIST | (readable ? EV_READ : 0) |
	    (writable ? EV_WRITE : 0);
	struct watch *w;

	LIST_FOREACH(w, &d->watches, next)
		if (w->fd == fd)
			break;
	if (w != NULL) {
		LIST_REMOVE(w, next);
		event_free(w->ev);
		free(w);
	}
	if (!readable && !writable)
		return;
	if ((w = calloc(1, sizeof(*w))) == NULL ||
	    (w->ev = event_new(d->base, fd, what, on_socket, d)) == NULL ||
	    event_add(w->ev, NULL) == -1)
		fatalx("dns memory");
	w->fd = fd;
	LIST_INSERT_HEAD(&d->watches, w, next);
}

/* ---- sockets ------------------------------------------------------------------ */

/* c-ares wants a descriptor before it says where to: until then it has one that
 * is nothing. */
static ares_socket_t
sock_open(int family, int type, int protocol, void *arg)
{
	struct dns *d = arg;

	(void)family;
	(void)protocol;
	d->type = type;
	return eventfd(0, EFD_CLOEXEC);
}

static bool
is_server(const struct endpoint *e, const struct sockaddr *sa)
{
	union {
		const struct sockaddr *sa;
		const struct sockaddr_in *in4;
		const struct sockaddr_in6 *in6;
	} to = { .sa = sa };

	if (e->addr.sa.sa_family != sa->sa_family)
		return false;
	if (sa->sa_family == AF_INET6)
		return IN6_ARE_ADDR_EQUAL(&e->addr.in6.sin6_addr,
		           &to.in6->sin6_addr) &&
		    e->addr.in6.sin6_port == to.in6->sin6_port;
	return e->addr.in4.sin_addr.s_addr == to.in4->sin_addr.s_addr &&
	    e->addr.in4.sin_port == to.in4->sin_port;
}

static int
sock_connect(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len,
    void *arg)
{
	struct dns *d = arg;
	unsigned n = 0;
	int s;

	(void)len;
	while (n < d->nservers && !is_server(&d->servers[n], sa))
		n++;
	if (n == d->nservers)
		fatalx("bug dns server");
	if ((s = d->dial(d->arg, n, d->type)) == -1) {
		errno = ECONNREFUSED;
		return -1;
	}
	if (dup3(s, fd, O_CLOEXEC) == -1)
		fatal("dns");
	close(s);
	return 0;
}

static int
sock_close(ares_socket_t fd, void *arg)
{
	(void)arg;
	return close(fd);
}

static ares_ssize_t
sock_read(ares_socket_t fd, void *to, size_t n, int flags,
    struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
	(void)arg;
	return recvfrom(fd, to, n, flags, from, from_len);
}

static ares_ssize_t
sock_write(ares_socket_t fd, const struct iovec *iov, int n, void *arg)
{
	union {
		const struct iovec *in;
		struct iovec *out;
	} p = { .in = iov };
	struct msghdr m = { .msg_iov = p.out, .msg_iovlen = (size_t)n };

	(void)arg;
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static const struct ares_socket_functions sock_functions = { sock_open,
	sock_close, sock_connect, sock_read, sock_write };

/* ---- answers -------------------------------------------------------------------- */

enum dns_result
dns_read(struct span answer, int family, struct dns_addresses *out,
    const char **why_out)
{
	struct ares_addrttl four[DNS_ADDRESSES_MAX];
	struct ares_addr6ttl six[DNS_ADDRESSES_MAX];
	int n = DNS_ADDRESSES_MAX, status, len = (int)answer.len, ttl;

	out->n = 0;
	*why_out = "no such name";
	if (answer.len >= HEADER_BYTES && (answer.data[3] & 15) == RCODE_NAME)
		return DNS_NO_NAME;
	status = family == AF_INET6
	    ? ares_parse_aaaa_reply(answer.data, len, NULL, six, &n)
	    : ares_parse_a_reply(answer.data, len, NULL, four, &n);
	*why_out = "the name has no address";
	if (status == ARES_ENODATA || (status == ARES_SUCCESS && n == 0))
		return DNS_NO_ADDRESS;
	*why_out = ares_strerror(status);
	if (status != ARES_SUCCESS)
		return DNS_TROUBLE;
	out->ttl_s = DNS_KEEP_S;
	for (int i = 0; i < n; i++) {
		if (family == AF_INET6)
			endpoint_bytes(span_from(&six[i].ip6addr, 16), 0,
			    &out->at[i]);
		else
			endpoint_bytes(span_from(&four[i].ipaddr, 4), 0,
			    &out->at[i]);
		/* RFC 2181 8: one that is negative is 0. */
		ttl = family == AF_INET6 ? six[i].ttl : four[i].ttl;
		if (ttl < 0)
			ttl = 0;
		if ((uint32_t)ttl < out->ttl_s)
			out->ttl_s = (uint32_t)ttl;
	}
	out->n = (unsigned)n;
	*why_out = "";
	return DNS_FOUND;
}

static void
asker_end(struct asker *a, enum dns_result result,
    const struct dns_addresses *found, const char *why)
{
	struct asker was = *a;

	LIST_REMOVE(a, next);
	event_free(a->late);
	free(a);
	was.done(was.arg, result, found, why);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	static const struct dns_addresses none;

	(void)fd;
	(void)what;
	/* c-ares goes on: the next one who asks may have its answer. */
	asker_end(arg, DNS_TROUBLE, &none, "no answer from DNS in time");
}

static void
name_free(struct name *name)
{
	struct asker *a;

	while ((a = LIST_FIRST(&name->askers)) != NULL) {
		LIST_REMOVE(a, next);
		event_free(a->late);
		free(a);
	}
	name->dns->nnames--;
	LIST_REMOVE(name, next);
	free(name);
}

/* Both by turns: when one of the two networks is a hole, the second address is
 * not in it (RFC 8305 4). */
static void
join(struct name *name)
{
	const struct dns_addresses *six = &name->halves[0].found,
	                           *four = &name->halves[1].found;
	struct dns_addresses *out = &name->found;

	out->n = 0;
	out->ttl_s = DNS_KEEP_S;
	for (unsigned i = 0; i < DNS_ADDRESSES_MAX; i++) {
		if (i < six->n && out->n < DNS_ADDRESSES_MAX)
			out->at[out->n++] = six->at[i];
		if (i < four->n && out->n < DNS_ADDRESSES_MAX)
			out->at[out->n++] = four->at[i];
	}
	if (six->n > 0 && six->ttl_s < out->ttl_s)
		out->ttl_s = six->ttl_s;
	if (four->n > 0 && four->ttl_s < out->ttl_s)
		out->ttl_s = four->ttl_s;
}

/* Which of the two says how it went: one that found something, one that had
 * trouble, one without the name. */
static const struct half *
teller(const struct name *name)
{
	static const enum dns_result order[] = { DNS_FOUND, DNS_TROUBLE,
		DNS_NO_NAME };

	for (size_t i = 0; i < nitems(order); i++)
		for (size_t j = 0; j < nitems(name->halves); j++)
			if (name->halves[j].result == order[i])
				return &name->halves[j];
	return &name->halves[0];
}

/* Both questions have had their answers. */
static void
name_known(struct name *name)
{
	LIST_HEAD(, asker) askers = LIST_HEAD_INITIALIZER(askers);
	struct dns_addresses found;
	struct half told;
	struct asker *a;

	join(name);
	name->until_ms = name->found.n == 0
	    ? 0
	    : io_now_ms() + name->found.ttl_s * 1000ull;
	/* Who is told may ask again, and name be another one then. */
	found = name->found;
	told = *teller(name);
	while ((a = LIST_FIRST(&name->askers)) != NULL) {
		LIST_REMOVE(a, next);
		LIST_INSERT_HEAD(&askers, a, next);
	}
	while ((a = LIST_FIRST(&askers)) != NULL)
		asker_end(a, told.result, &found, told.why);
}

static void
on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
	struct half *h = arg;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION)
		return;
	if (status == ARES_SUCCESS) {
		h->result = dns_read(span_from(bytes, (size_t)n), h->family,
		    &h->found, &h->why);
	} else {
		h->result = DNS_TROUBLE;
		h->why = status == ARES_ECONNREFUSED
		    ? "the resolvers fail or cannot be reached"
		    : status == ARES_ETIMEOUT ? "no answer from DNS in time"
		                              : ares_strerror(status);
	}
	if (--h->name->pending == 0)
		name_known(h->name);
}

/* ---- questions ---------------------------------------------------------------- */

/*
 * The id is ours: c-ares draws its own from rand() where /dev/urandom cannot be
 * opened, and they could be guessed.
 */
static void
ask(struct half *h)
{
	unsigned char *question;
	uint16_t id;
	int n, status;

	h->found.n = 0;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		fatal("dns random");
	status = ares_create_query(h->name->text, CLASS_IN,
	    h->family == AF_INET6 ? TYPE_AAAA : TYPE_A, id, 1, &question, &n,
	    0);
	if (status != ARES_SUCCESS) {
		on_answer(h, status, 0, NULL, 0);
		return;
	}
	ares_send(h->name->dns->ares, question, n, on_answer, h);
	ares_free_string(question);
}

/* Room for one more: the one that would be asked for next anyway goes. */
static struct name *
name_new(struct dns *d, const char *text)
{
	struct name *name, *oldest = NULL;

	if (d->nnames >= NAMES_MAX) {
		LIST_FOREACH(name, &d->names, next)
			if (name->pending == 0 &&
			    (oldest == NULL ||
			        name->until_ms < oldest->until_ms))
				oldest = name;
		if (oldest == NULL)
			return NULL;
		name_free(oldest);
	}
	if ((name = calloc(1, sizeof(*name))) == NULL ||
	    span_copy(span_of(text), name->text, sizeof(name->text)) == -1) {
		free(name);
		return NULL;
	}
	name->dns = d;
	name->halves[0] = (struct half){ .name = name, .family = AF_INET6 };
	name->halves[1] = (struct half){ .name = name, .family = AF_INET };
	d->nnames++;
	LIST_INSERT_HEAD(&d->names, name, next);
	return name;
}

void
dns_find(struct dns *d, const char *text, unsigned deadline_ms, dns_done done,
    void *arg)
{
	static const struct dns_addresses none;
	struct timeval tv = { deadline_ms / 1000, deadline_ms % 1000 * 1000 };
	struct dns_addresses found;
	struct name *name;
	struct asker *a;

	LIST_FOREACH(name, &d->names, next)
		if (strcasecmp(name->text, text) == 0)
			break;
	if (name != NULL && name->pending == 0 &&
	    io_now_ms() < name->until_ms) {
		found = name->found;
		done(arg, DNS_FOUND, &found, "");
		return;
	}
	if ((name == NULL && (name = name_new(d, text)) == NULL) ||
	    (a = calloc(1, sizeof(*a))) == NULL) {
		done(arg, DNS_TROUBLE, &none, "too many names are asked for");
		return;
	}
	if ((a->late = evtimer_new(d->base, on_late, a)) == NULL ||
	    event_add(a->late, &tv) == -1)
		fatalx("dns memory");
	a->done = done;
	a->arg = arg;
	LIST_INSERT_HEAD(&name->askers, a, next);
	if (name->pending > 0)
		return;
	/* Either may be answered from inside, the last one then frees a. */
	name->pending = 2;
	ask(&name->halves[0]);
	ask(&name->halves[1]);
	set_timer(d);
}

/* ---- life ---------------------------------------------------------------------- */

/* All that c-ares would else look for in files and the environment. */
static int
channel_new(struct dns *d)
{
	static char lookups[] = "b";
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH |
		    ARES_FLAG_NOALIASES,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.ndots = 1,
		.lookups = lookups,
		.sock_state_cb = on_state,
		.sock_state_cb_data = d };
	struct ares_addr_port_node nodes[nitems(d->servers)];

	memset(nodes, 0, sizeof(nodes));
	for (unsigned i = 0; i < d->nservers; i++) {
		const struct endpoint *e = &d->servers[i];

		nodes[i].next = i + 1 < d->nservers ? &nodes[i + 1] : NULL;
		nodes[i].family = e->addr.sa.sa_family;
		if (nodes[i].family == AF_INET6) {
			memcpy(&nodes[i].addr.addr6, &e->addr.in6.sin6_addr,
			    16);
			nodes[i].udp_port = nodes[i].tcp_port =
			    ntohs(e->addr.in6.sin6_port);
		} else {
			nodes[i].addr.addr4 = e->addr.in4.sin_addr;
			nodes[i].udp_port = nodes[i].tcp_port =
			    ntohs(e->addr.in4.sin_port);
		}
	}
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    ares_init_options(&d->ares, &o,
	        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
	            ARES_OPT_NDOTS | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
	            ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
	            ARES_OPT_NOROTATE) != ARES_SUCCESS)
		return -1;
	ares_set_socket_functions(d->ares, &sock_functions, d);
	return ares_set_servers_ports(d->ares, nodes) == ARES_SUCCESS ? 0 : -1;
}

struct dns *
dns_new(struct event_base *base, const struct endpoint *servers,
    unsigned nservers, dns_dial dial, void *arg)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (d == NULL || nservers == 0)
		goto bad;
	d->base = base;
	d->dial = dial;
	d->arg = arg;
	d->nservers = nservers < nitems(d->servers) ? nservers
	                                            : nitems(d->servers);
	memcpy(d->servers, servers, d->nservers * sizeof(*servers));
	if ((d->timer = evtimer_new(base, on_timer, d)) == NULL ||
	    channel_new(d) == -1)
		goto bad;
	return d;
bad:
	dns_free(&d);
	return NULL;
}

void
dns_free(struct dns **dp)
{
	struct dns *d = *dp;
	struct name *name;

	*dp = NULL;
	if (d == NULL)
		return;
	if (d->ares != NULL)
		ares_destroy(d->ares); /* closes, and so ends the watches */
	while ((name = LIST_FIRST(&d->names)) != NULL)
		name_free(name);
	if (d->timer != NULL)
		event_free(d->timer);
	free(d);
}
