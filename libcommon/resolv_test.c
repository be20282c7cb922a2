#include "config.h"
#include "libcommon/resolv.h"
#include "tap.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* "127.0.0.1:53 [::1]:53" as resolv_servers() understood it. */
static const char *
text_of(const struct endpoint *e, int n)
{
	static char text[512];
	char a[INET6_ADDRSTRLEN];
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < n; i++) {
		bool six = e[i].addr.sa.sa_family == AF_INET6;

		endpoint_text(&e[i], a);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%s%s%s:%u", i > 0 ? " " : "", six ? "[" : "", a,
		    six ? "]" : "",
		    ntohs(six ? e[i].addr.in6.sin6_port
		              : e[i].addr.in4.sin_port));
	}
	return text;
}

static const struct {
	const char *list, *want; /* NULL: refused */
} lists[] = {
	{ "127.0.0.1", "127.0.0.1:53" },
	{ " 192.0.2.1:5353 \t[2001:db8::1]  [::1]:54 ",
	    "192.0.2.1:5353 [2001:db8::1]:53 [::1]:54" },
	{ "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4",
	    "1.1.1.1:53 1.1.1.2:53 1.1.1.3:53 1.1.1.4:53" },
	{ "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5", NULL },
	{ "", NULL },
	{ " ", NULL },
	{ "ns.example.org", NULL },
	{ "::1", NULL },
	{ "[127.0.0.1]", NULL },
	{ "[::1", NULL },
	{ "[::1]53", NULL },
	{ "[]", NULL },
	{ "127.0.0.1:", NULL },
	{ "127.0.0.1:0", NULL },
	{ "127.0.0.1:65536", NULL },
	{ "127.0.0.1:x", NULL },
	{ "127.0.0.1,127.0.0.2", NULL },
	{ ":53", NULL },
};

static const struct {
	const char *name, *text, *want;
} files[] = {
	{ "plain", "nameserver 192.0.2.1\nnameserver 2001:db8::1\n",
	    "192.0.2.1 [2001:db8::1]" },
	{ "blanks, comments, other lines, no last line end",
	    "# nameserver 1.1.1.1\n;x\n\n  nameserver\t192.0.2.1 # ours\r\n"
	    "search example.org\noptions ndots:5 timeout:1\nnameserverx 1.1.1.1"
	    "\nnameserver 192.0.2.2;x\n\tnameserver 192.0.2.3",
	    "192.0.2.1 192.0.2.2 192.0.2.3" },
	{ "none", "search example.org\n", "127.0.0.1" },
	{ "empty", "", "127.0.0.1" },
	{ "no address",
	    "nameserver\nnameserver localhost\n"
	    "nameserver 192.0.2.256\nnameserver fe80::1%eth0\n"
	    "nameserver 192.0.2.9\n",
	    "192.0.2.9" },
	{ "too many",
	    "nameserver 1.1.1.1\nnameserver 1.1.1.2\n"
	    "nameserver 1.1.1.3\nnameserver 1.1.1.4\nnameserver 1.1.1.5\n",
	    "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4" },
};

static const char hosts[] =
    "127.0.0.1 localhost\n"
    "192.0.2.66 localhost\n"
    "# 192.0.2.1 ldap.x.test\n"
    "192.0.2.2\tother.x.test LDAP.x.test. # ldap3.x.test\n"
    "2001:db8::2 ldap.x.test ldap\n"
    "nonsense ldap.x.test\n"
    "192.0.2.3 ldap.x.test.example ldap.x.tes\n"
    "192.0.2.4\n"
    "\n"
    " 192.0.2.5 last.x.test";

static void
is_hosts(const char *name, const char *want)
{
	struct endpoint e[8];

	is_str(text_of(e,
	           (int)resolv_hosts(span_of(hosts), span_of(name), e, 8)),
	    want, "hosts: %s", name);
}

int
main(void)
{
	static const char nul[] = "nameserver 1.1.1.1\0\nname\0server 1.1.1.2\n"
	                          "nameserver 1.1.1.3\n";
	struct endpoint e[RESOLV_SERVERS_MAX], small[1];
	struct buf b;
	int n;

	for (size_t i = 0; i < nitems(lists); i++) {
		n = resolv_servers(span_of(lists[i].list), e);
		if (lists[i].want == NULL)
			is_int(n, -1, "refused: \"%s\"", lists[i].list);
		else
			is_str(text_of(e, n), lists[i].want, "\"%s\"",
			    lists[i].list);
	}
	buf_init(&b, 4096);
	for (size_t i = 0; i < nitems(files); i++) {
		buf_reset(&b);
		resolv_conf(span_of(files[i].text), &b);
		ok(resolv_servers(buf_span(&b), e) > 0,
		    "resolv.conf, %s: a "
		    "list",
		    files[i].name);
		buf_putc(&b, '\0');
		is_str((char *)b.data, files[i].want, "%s", files[i].name);
	}
	buf_reset(&b);
	resolv_conf(span_from(nul, sizeof(nul) - 1), &b);
	buf_putc(&b, '\0');
	is_str((char *)b.data, "1.1.1.3", "a NUL is no blank");
	buf_clear(&b);

	is_hosts("ldap.x.test", "192.0.2.2:0 [2001:db8::2]:0");
	is_hosts("ldap", "[2001:db8::2]:0");
	is_hosts("other.x.test", "192.0.2.2:0");
	is_hosts("last.x.test", "192.0.2.5:0");
	is_hosts("ldap3.x.test", "");
	is_hosts("nonsense", "");
	is_hosts("192.0.2.4", "");
	is_hosts("localhost", "[::1]:0 127.0.0.1:0");
	is_int(resolv_hosts(span_of(hosts), span_of("ldap.x.test"), small, 1),
	    1, "no more than there is room for");

	endpoint_numeric(span_of("127.3.2.1"), 1, e);
	ok(endpoint_is_loopback(e), "loopback");
	endpoint_numeric(span_of("::1"), 1, e);
	ok(endpoint_is_loopback(e), "loopback, IPv6");
	endpoint_numeric(span_of("128.0.0.1"), 1, e);
	ok(!endpoint_is_loopback(e), "no loopback");
	return done_testing();
}
