/*
 * Questions to a resolver of our own on loopback, in the same event loop: what
 * it answers is told by the name it is asked for.
 */
#include "config.h"
#include "libcommon/dns.h"
#include "libcommon/io.h"
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE_A 1
#define TYPE_AAAA 28

static struct event_base *base;
static int udp, tcp, other; /* other: not the resolver's, but lies as well */
static struct endpoint resolver;
static struct {
	char name[64];
	unsigned asked, by_tcp;
} seen[32];
static uint16_t id_least = UINT16_MAX, id_most;

/* ---- the resolver ---------------------------------------------------------------- */

struct question {
	unsigned char
	    bytes[512]; /* header and question, the answer's beginning */
	size_t len;
	char name[64];
	int type;
	bool is_tcp;
};

static unsigned *
asked(const char *name, bool by_tcp)
{
	for (size_t i = 0; i < nitems(seen); i++) {
		if (seen[i].name[0] == '\0')
			snprintf(seen[i].name, sizeof(seen[i].name), "%s",
			    name);
		if (strcmp(seen[i].name, name) == 0)
			return by_tcp ? &seen[i].by_tcp : &seen[i].asked;
	}
	abort();
}

static bool
question_read(const unsigned char *in, size_t n, struct question *q)
{
	size_t at = 12, out = 0;

	if (n < 17 || n > sizeof(q->bytes))
		return false;
	memcpy(q->bytes, in, n);
	while (at < n && in[at] != 0) {
		if (out + in[at] + 2 > sizeof(q->name) || at + in[at] + 5 >= n)
			return false;
		if (out > 0)
			q->name[out++] = '.';
		memcpy(q->name + out, in + at + 1, in[at]);
		out += in[at];
		at += in[at] + 1u;
	}
	q->name[out] = '\0';
	q->type = in[at + 1] << 8 | in[at + 2];
	q->len = at + 5;
	return true;
}

static void
put16(struct buf *b, unsigned v)
{
	buf_putc(b, (int)(v >> 8));
	buf_putc(b, (int)(v & 255));
}

static void
put_record(struct buf *b, int type, uint32_t ttl, const void *data, size_t n)
{
	put16(b, 0xc00c); /* the question's name */
	put16(b, (unsigned)type);
	put16(b, 1);
	put16(b, ttl >> 16);
	put16(b, ttl & 0xffff);
	put16(b, (unsigned)n);
	buf_put(b, data, n);
}

static void
begin(struct buf *b, const struct question *q, unsigned flags, unsigned n)
{
	buf_reset(b);
	buf_put(b, q->bytes, q->len);
	b->data[2] = (unsigned char)(flags >> 8);
	b->data[3] = (unsigned char)flags;
	b->data[6] = (unsigned char)(n >> 8);
	b->data[7] = (unsigned char)n;
	b->data[10] = b->data[11] = 0;
}

static void
put_addresses(struct buf *b, const struct question *q, unsigned n, uint32_t ttl)
{
	begin(b, q, 0x8180, n);
	for (unsigned i = 1; i <= n; i++) {
		unsigned char four[4] = { 192, 0, 2, (unsigned char)i };
		unsigned char six[16] = { 0x20, 1, 0xd,
			0xb8, [15] = (unsigned char)i };

		if (q->type == TYPE_A)
			put_record(b, TYPE_A, ttl, four, 4);
		else
			put_record(b, TYPE_AAAA, ttl, six, 16);
	}
}

/* A CNAME and the address of what it leads to. */
static void
put_cname(struct buf *b, const struct question *q)
{
	static const unsigned char to[] = "\6target\4test";
	static const unsigned char address[] = { 192, 0, 2, 1 };
	size_t at;

	begin(b, q, 0x8180, 2);
	put_record(b, 5, 20, to, sizeof(to));
	at = b->len - sizeof(to);
	put_record(b, TYPE_A, 60, address, 4);
	b->data[at + sizeof(to)] = 0xc0;
	b->data[at + sizeof(to) + 1] = (unsigned char)at;
}

/* Two CNAMEs that lead to each other, and no address. */
static void
put_loop(struct buf *b, const struct question *q)
{
	static const unsigned char to[] = "\6target\4test";
	static const unsigned char back[] = { 0xc0, 12 };
	size_t at;

	begin(b, q, 0x8180, 2);
	put_record(b, 5, 20, to, sizeof(to));
	at = b->len - sizeof(to);
	put_record(b, 5, 20, back, sizeof(back));
	b->data[at + sizeof(to)] = 0xc0;
	b->data[at + sizeof(to) + 1] = (unsigned char)at;
}

/* A record whose name is a pointer to itself (RFC 1035 4.1.4). */
static void
put_pointer(struct buf *b, const struct question *q)
{
	put_addresses(b, q, 1, 60);
	b->data[q->len + 1] = (unsigned char)q->len;
}

/* What the question's name wants; false: nothing at all. */
static bool
answer(const struct question *q, struct buf *b)
{
	bool is_a = q->type == TYPE_A;

	if (strcmp(q->name, "a.test") == 0)
		put_addresses(b, q, is_a ? 2 : 1, 60);
	else if (strcmp(q->name, "v4.test") == 0)
		put_addresses(b, q, is_a ? 1 : 0, 60);
	else if (strcmp(q->name, "none.test") == 0)
		begin(b, q, 0x8180, 0);
	else if (strcmp(q->name, "nx.test") == 0)
		begin(b, q, 0x8183, 0);
	else if (strcmp(q->name, "fail.test") == 0 ||
	    (strcmp(q->name, "half.test") == 0 && !is_a) ||
	    (strcmp(q->name, "nohalf.test") == 0 && is_a))
		begin(b, q, 0x8182, 0);
	else if (strcmp(q->name, "nohalf.test") == 0)
		begin(b, q, 0x8180, 0);
	else if (strcmp(q->name, "half.test") == 0)
		put_addresses(b, q, 1, 60);
	else if (strcmp(q->name, "many.test") == 0 && !q->is_tcp)
		begin(b, q, 0x8380, 0);
	else if (strcmp(q->name, "many.test") == 0)
		put_addresses(b, q, is_a ? 40 : 0, 60);
	else if (strcmp(q->name, "ttl0.test") == 0)
		put_addresses(b, q, 1, 0);
	else if (strcmp(q->name, "ttl1.test") == 0)
		put_addresses(b, q, 1, is_a ? 1 : 60);
	else if (strcmp(q->name, "cname.test") == 0 && is_a)
		put_cname(b, q);
	else if (strcmp(q->name, "cname.test") == 0)
		begin(b, q, 0x8180, 0);
	else if (strcmp(q->name, "junk.test") == 0) {
		put_addresses(b, q, 3, 60);
		buf_truncate(b, b->len - 30);
	} else if (strcmp(q->name, "lie.test") == 0 ||
	    (strcmp(q->name, "lost.test") == 0 && *asked(q->name, false) > 2))
		put_addresses(b, q, is_a ? 1 : 0, 60);
	else if (strcmp(q->name, "loop.test") == 0)
		put_loop(b, q);
	else if (strcmp(q->name, "pointer.test") == 0)
		put_pointer(b, q);
	else if (strcmp(q->name, "big.test") == 0)
		put_addresses(b, q, 600, 60);
	else
		return false;
	return true;
}

/* Everything but the answer, before it. */
static void
lie(const struct question *q, const struct sockaddr *to, socklen_t len)
{
	struct question wrong = *q;
	struct buf b;

	buf_init(&b, 65536);
	put_addresses(&b, q, 9, 60); /* from somebody else */
	sendto(other, b.data, b.len, 0, to, len);
	b.data[0] ^= 0x55; /* another id */
	sendto(udp, b.data, b.len, 0, to, len);
	wrong.bytes[13] ^= 1; /* another name */
	put_addresses(&b, &wrong, 9, 60);
	sendto(udp, b.data, b.len, 0, to, len);
	sendto(udp, b.data, 5, 0, to, len); /* no message */
	buf_clear(&b);
}

static void
on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	unsigned char in[512];
	struct question q = { .is_tcp = false };
	struct buf b;
	ssize_t n;
	uint16_t id;

	(void)what;
	(void)arg;
	n = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &len);
	if (n < 0 || !question_read(in, (size_t)n, &q))
		return;
	id = (uint16_t)(in[0] << 8 | in[1]);
	id_least = id < id_least ? id : id_least;
	id_most = id > id_most ? id : id_most;
	++*asked(q.name, false);
	buf_init(&b, 65536);
	if (strcmp(q.name, "lie.test") == 0)
		lie(&q, (struct sockaddr *)&from, len);
	if (answer(&q, &b))
		sendto(fd, b.data, b.len, 0, (struct sockaddr *)&from, len);
	buf_clear(&b);
}

static void
on_tcp_input(evutil_socket_t fd, short what, void *arg)
{
	struct event *ev = *(struct event **)arg;
	unsigned char in[1024];
	struct question q = { .is_tcp = true };
	struct buf b, out;
	ssize_t n = recv(fd, in, sizeof(in), 0), at = 0;

	(void)what;
	buf_init(&b, 65536);
	buf_init(&out, 65536);
	while (n - at > 2 && n - at - 2 >= (in[at] << 8 | in[at + 1])) {
		size_t len = (size_t)(in[at] << 8 | in[at + 1]);

		if (question_read(in + at + 2, len, &q)) {
			++*asked(q.name, true);
			if (answer(&q, &b)) {
				put16(&out, (unsigned)b.len);
				buf_put_span(&out, buf_span(&b));
			}
		}
		at += 2 + (ssize_t)len;
	}
	if (out.len > 3) { /* in two parts */
		send(fd, out.data, 3, 0);
		send(fd, out.data + 3, out.len - 3, 0);
	}
	buf_clear(&b);
	buf_clear(&out);
	if (n <= 0) {
		event_free(ev);
		free(arg);
		close(fd);
	}
}

static void
on_tcp(evutil_socket_t fd, short what, void *arg)
{
	int s = accept(fd, NULL, NULL);
	struct event **ev = malloc(sizeof(struct event *));

	(void)what;
	(void)arg;
	if (s == -1 || ev == NULL)
		abort();
	*ev = event_new(base, s, EV_READ | EV_PERSIST, on_tcp_input, ev);
	event_add(*ev, NULL);
}

static int
bound(int type, struct endpoint *at)
{
	int s = socket(AF_INET, type, 0);

	at->len = sizeof(at->addr.in4);
	if (s == -1 || bind(s, &at->addr.sa, at->len) == -1 ||
	    getsockname(s, &at->addr.sa, &at->len) == -1)
		return -1;
	return s;
}

static void
resolver_start(void)
{
	struct endpoint somewhere;

	endpoint_numeric(span_of("127.0.0.1"), 0, &somewhere);
	other = bound(SOCK_DGRAM, &somewhere);
	for (int i = 0; i < 100; i++) { /* a port that is free for both */
		endpoint_numeric(span_of("127.0.0.1"), 0, &resolver);
		udp = bound(SOCK_DGRAM, &resolver);
		if ((tcp = bound(SOCK_STREAM, &resolver)) != -1)
			break;
		close(udp);
	}
	if (other == -1 || tcp == -1 || listen(tcp, 5) == -1)
		abort();
	event_add(event_new(base, udp, EV_READ | EV_PERSIST, on_udp, NULL),
	    NULL);
	event_add(event_new(base, tcp, EV_READ | EV_PERSIST, on_tcp, NULL),
	    NULL);
}

/* ---- questions ---------------------------------------------------------------------- */

static struct got {
	bool done;
	enum dns_result result;
	struct dns_addresses found;
	char why[128];
	uint64_t ms;
} got;

static int
dial(void *arg, unsigned server, int type)
{
	const struct endpoint *servers = arg;

	return endpoint_dial(&servers[server], type);
}

static int
dial_none(void *arg, unsigned server, int type)
{
	(void)arg;
	(void)server;
	(void)type;
	errno = EPERM;
	return -1;
}

static void
on_done(void *arg, enum dns_result result, const struct dns_addresses *found,
    const char *why)
{
	struct got *g = arg;

	if (g->done)
		abort(); /* once */
	g->done = true;
	g->result = result;
	g->found = *found;
	snprintf(g->why, sizeof(g->why), "%s", why);
}

static const struct got *
find(struct dns *d, const char *name, unsigned deadline_ms)
{
	uint64_t started = io_now_ms();

	memset(&got, 0, sizeof(got));
	dns_find(d, name, deadline_ms, on_done, &got);
	while (!got.done)
		event_base_loop(base, EVLOOP_ONCE);
	got.ms = io_now_ms() - started;
	return &got;
}

/* "2001:db8::1 192.0.2.1" */
static const char *
text_of(const struct dns_addresses *f)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < f->n; i++) {
		char a[INET6_ADDRSTRLEN];

		endpoint_text(&f->at[i], a);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
		    i > 0 ? " " : "", a);
	}
	return text;
}

static const struct {
	const char *name, *ask;
	enum dns_result result;
	const char *addresses, *why;
} rows[] = {
	{ "IPv6 and IPv4 by turns", "a.test", DNS_FOUND,
	    "2001:db8::1 192.0.2.1 192.0.2.2", "" },
	{ "IPv4 only", "v4.test", DNS_FOUND, "192.0.2.1", "" },
	{ "by another name", "cname.test", DNS_FOUND, "192.0.2.1", "" },
	{ "no address", "none.test", DNS_NO_ADDRESS, "", "no address" },
	{ "no such name", "nx.test", DNS_NO_NAME, "", "no such name" },
	{ "the resolver fails", "fail.test", DNS_TROUBLE, "", "fail" },
	{ "half of it is enough", "half.test", DNS_FOUND, "192.0.2.1", "" },
	{ "half a failure is one", "nohalf.test", DNS_TROUBLE, "", "fail" },
	{ "an answer cut off", "junk.test", DNS_TROUBLE, "", "isformatted" },
	{ "CNAMEs in a circle", "loop.test", DNS_NO_ADDRESS, "", "no address" },
	{ "a name that points to itself", "pointer.test", DNS_TROUBLE, "",
	    "isformatted" },
	{ "a question that is lost", "lost.test", DNS_FOUND, "192.0.2.1", "" },
	{ "lies are passed over", "lie.test", DNS_FOUND, "192.0.2.1", "" },
	{ "a name that is none", "a..test", DNS_TROUBLE, "", "omain name" },
	{ "a label too long",
	    "1234567890123456789012345678901234567890123456"
	    "789012345678901234.test",
	    DNS_TROUBLE, "", "omain name" },
};

/* They have more addresses than one is told. */
static const struct {
	const char *name, *ask;
} longer[] = {
	{ "what is marked as cut off", "many.test" },
	{ "what is longer than UDP allows", "big.test" },
};

static void
test_answers(struct dns *d)
{
	const struct got *g;

	for (size_t i = 0; i < nitems(rows); i++) {
		g = find(d, rows[i].ask, 20000);
		is_int(g->result, rows[i].result, "%s: %s", rows[i].name,
		    g->why);
		is_str(text_of(&g->found), rows[i].addresses, "its addresses");
		ok(strstr(g->why, rows[i].why) != NULL, "its reason: %s",
		    g->why);
	}
	ok(id_most - id_least > 1000, "the ids are no count");
	for (size_t i = 0; i < nitems(longer); i++) {
		g = find(d, longer[i].ask, 20000);
		is_int(g->found.n, DNS_ADDRESSES_MAX, "%s comes by TCP: %s",
		    longer[i].name, g->why);
		ok(*asked(longer[i].ask, true) >= 2,
		    "both questions were "
		    "asked there");
	}
}

static void
test_kept(struct dns *d)
{
	unsigned n = *asked("a.test", false);

	find(d, "A.TEST", 1000);
	is_str(text_of(&got.found), rows[0].addresses, "known");
	is_int((int)*asked("a.test", false), (int)n, "and not asked for again");
	find(d, "cname.test", 1000);
	ok(got.found.ttl_s == 20, "the shortest TTL holds, a CNAME's too");
	n = *asked("nx.test", false);
	find(d, "nx.test", 20000);
	ok(*asked("nx.test", false) > n,
	    "what is not there is asked for again");
	find(d, "ttl0.test", 20000);
	n = *asked("ttl0.test", false);
	find(d, "ttl0.test", 20000);
	ok(*asked("ttl0.test", false) > n, "TTL 0 is not kept");
	find(d, "ttl1.test", 20000);
	n = *asked("ttl1.test", false);
	for (uint64_t until = io_now_ms() + 20000;
	     io_now_ms() < until && *asked("ttl1.test", false) == n;) {
		find(d, "ttl1.test", 20000);
		usleep(10000);
	}
	ok(*asked("ttl1.test", false) > n, "TTL 1 is over in a while");
}

static void
test_together(struct dns *d)
{
	static struct got many[40];
	unsigned n = *asked("ttl0.test", false); /* never remembered */
	bool all = true;

	for (size_t i = 0; i < nitems(many); i++)
		dns_find(d, "ttl0.test", 20000, on_done, &many[i]);
	while (!many[0].done || !many[nitems(many) - 1].done)
		event_base_loop(base, EVLOOP_ONCE);
	for (size_t i = 0; i < nitems(many); i++)
		all = all && many[i].done && many[i].found.n == 2;
	ok(all, "many who ask at once are all answered");
	ok(*asked("ttl0.test", false) - n <= 4,
	    "by one answer"); /* or a try more */
}

static void
test_silence(struct dns *d)
{
	const struct got *g = find(d, "silent.test", 200);

	is_int(g->result, DNS_TROUBLE, "a silent resolver");
	is_str(g->why, "no answer from DNS in time", "its reason");
	ok(g->ms >= 190 && g->ms < 10000, "the deadline holds");
	g = find(d, "silent.test", 300);
	is_int(g->result, DNS_TROUBLE, "who joins has a deadline, too");
	is_int(find(d, "v4.test", 5000)->result, DNS_FOUND,
	    "others have answers");
	g = find(d, "silent.test", 60000);
	ok(g->result == DNS_TROUBLE && g->ms < 30000, "given up by itself: %s",
	    g->why);
}

static void
test_servers(void)
{
	struct endpoint two[2] = { [1] = resolver };
	struct dns *d;
	int nobody;

	endpoint_numeric(span_of("127.0.0.1"), 0, &two[0]);
	nobody = bound(SOCK_DGRAM, &two[0]);
	d = dns_new(base, two, 2, dial, two);
	is_int(find(d, "v4.test", 30000)->result, DNS_FOUND,
	    "the first of two "
	    "is silent");
	dns_free(&d);
	close(nobody);
	d = dns_new(base, two, 2, dial, two);
	is_int(find(d, "v4.test", 30000)->result, DNS_FOUND,
	    "the first of two "
	    "is not there");
	dns_free(&d);
	d = dns_new(base, two, 1, dial, two);
	is_int(find(d, "v4.test", 30000)->result, DNS_TROUBLE,
	    "nobody is "
	    "there: %s",
	    got.why);
	dns_free(&d);
	d = dns_new(base, two, 2, dial_none, two);
	is_int(find(d, "v4.test", 30000)->result, DNS_TROUBLE, "no socket: %s",
	    got.why);
	dns_free(&d);
	ok(dns_new(base, two, 0, dial, two) == NULL, "no resolver at all");
	d = dns_new(base, &resolver, 1, dial, &resolver);
	memset(&got, 0, sizeof(got));
	dns_find(d, "silent.test", 1000, on_done, &got);
	event_base_loop(base, EVLOOP_NONBLOCK);
	dns_free(&d);
	ok(!got.done, "freed while it asks");
}

/* More names than are remembered. */
static void
test_many_names(struct dns *d)
{
	char name[32];
	struct dns_addresses *f = &got.found;

	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "%d..x", i);
		find(d, name, 1000);
	}
	find(d, "v4.test", 20000);
	is_int(f->n, 1, "many names");
}

int
main(void)
{
	struct dns *d;

	signal(SIGPIPE, SIG_IGN);
	if ((base = event_base_new()) == NULL)
		abort();
	resolver_start();
	if ((d = dns_new(base, &resolver, 1, dial, &resolver)) == NULL)
		abort();
	test_answers(d);
	test_kept(d);
	test_together(d);
	test_silence(d);
	test_many_names(d);
	dns_free(&d);
	test_servers();
	return done_testing();
}
