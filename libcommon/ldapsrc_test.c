#include "config.h"
#include "libcommon/ldapsrc.h"
#include "tap.h"

#include <arpa/inet.h>

static const struct {
	const char *value;
	bool search;
	const char *why; /* a part of the reason; NULL: good */
} rows[] = {
	{ "corp ldap://192.0.2.5 uid=%u,ou=people,dc=x", false, NULL },
	{ "corp  ldaps://192.0.2.5:1636#ldap.x.test \t cn=%u, o=My Org", false,
	    NULL },
	{ "c ldaps://[2001:db8::5],LDAP://127.0.0.1:1389 mail=%m,o=x", false,
	    NULL },
	{ "c ldap://192.0.2.5 uid=%u%%,dc=%d", false, NULL },
	{ "c ldap://192.0.2.5 o=x?sub?(mail=%m)", true, NULL },
	{ "c ldap://192.0.2.5 ?BASE?(&(a=b c)(uid=%u))", true, NULL },

	{ "", false, "write NAME URL DN-TEMPLATE" },
	{ "corp ldap://192.0.2.5", false, "write NAME URL" },
	{ "corp ldap://192.0.2.5", true, "BASE?SCOPE?FILTER" },
	{ "co/rp ldap://192.0.2.5 uid=%u", false, "name has" },
	{ "-corp ldap://192.0.2.5 uid=%u", false, "name has" },
	{ "a12345678901234567890123456789012 ldap://192.0.2.5 uid=%u", false,
	    "name has" },
	{ "c http://192.0.2.5 uid=%u", false, "begins with" },
	{ "c ldap://ldap.x.test,ldaps://L\xc3\xa4nder.Test:1636#o uid=%u",
	    false, NULL },
	{ "c ldap://localhost uid=%u", false, NULL },
	{ "c ldap://ldap..test uid=%u", false, "numeric" },
	{ "c ldap://ldap.test.1 uid=%u", false, "numeric" },
	{ "c ldap://2130706433 uid=%u", false, "numeric" },
	{ "c ldap://[ldap.test] uid=%u", false, "numeric" },
	{ "c ldap://[192.0.2.5] uid=%u", false, "numeric" },
	{ "c ldap://:389 uid=%u", false, "numeric" },
	{ "c ldap://2001:db8::5 uid=%u", false, "numeric" },
	{ "c ldap://192.0.2.256 uid=%u", false, "numeric" },
	{ "c ldap://192.0.2.5:0 uid=%u", false, "numeric" },
	{ "c ldap://192.0.2.5:65536 uid=%u", false, "numeric" },
	{ "c ldap://192.0.2.5: uid=%u", false, "numeric" },
	{ "c ldap://192.0.2.5/o=x uid=%u", false, "numeric" },
	{ "c ldap://[::1 uid=%u", false, "numeric" },
	{ "c ldap://[::1]x uid=%u", false, "numeric" },
	{ "c ldap:// uid=%u", false, "numeric" },
	{ "c ldap://192.0.2.5, uid=%u", false, "begins with" },
	{ "c ldaps://192.0.2.5# uid=%u", false, "host name" },
	{ "c ldaps://192.0.2.5#a/b uid=%u", false, "host name" },
	{ "c ldap://1.1.1.1,ldap://1.1.1.1,ldap://1.1.1.1,ldap://1.1.1.1,"
	  "ldap://1.1.1.1 uid=%u",
	    false, "more than 4" },
	{ "c ldap://192.0.2.5 uid=bob,o=x", false, "names nobody" },
	{ "c ldap://192.0.2.5 o=%d", false, "names nobody" },
	{ "c ldap://192.0.2.5 uid=%x", false, "after %" },
	{ "c ldap://192.0.2.5 uid=%u%", false, "after %" },
	{ "c ldap://192.0.2.5 %u", false, "is none" },
	{ "c ldap://192.0.2.5 o=x?sub", true, "BASE?SCOPE?FILTER" },
	{ "c ldap://192.0.2.5 o=x?all?(mail=%m)", true, "scope" },
	{ "c ldap://192.0.2.5 o=x?sub?mail=%m", true, "parentheses" },
	{ "c ldap://192.0.2.5 o=x?sub?(mail=%m", true, "parentheses" },
	{ "c ldap://192.0.2.5 o=x?sub?(mail=%m))", true, "parentheses" },
	{ "c ldap://192.0.2.5 o=x?sub?(a=%m)(b=c)", true, "parentheses" },
	{ "c ldap://192.0.2.5 o=x?sub?(mail=bob)", true, "names nobody" },
};

static void
test_parse(void)
{
	char why[201], long_dn[700];
	struct ldapsrc s;

	for (size_t i = 0; i < nitems(rows); i++) {
		why[0] = '\0';
		if (rows[i].why == NULL) {
			ok(ldapsrc_parse(rows[i].value, rows[i].search, &s,
			       why) == 0,
			    "%s %s", rows[i].value, why);
			continue;
		}
		if (!ok(ldapsrc_parse(rows[i].value, rows[i].search, &s, why) ==
		                -1 &&
		            strstr(why, rows[i].why) != NULL,
		        "refused: %s", rows[i].value))
			printf("#  got %s\n# want %s\n", why, rows[i].why);
	}
	snprintf(long_dn, sizeof(long_dn),
	    "c ldap://192.0.2.5 uid=%%u,o=%0600d", 1);
	ok(ldapsrc_parse(long_dn, false, &s, why) == -1, "too long: %s", why);

	ldapsrc_parse(rows[0].value, false, &s, why);
	ok(s.nendpoints == 1 && !s.endpoints[0].tls &&
	        !s.endpoints[0].loopback &&
	        ntohs(s.endpoints[0].at.addr.in4.sin_port) == 389,
	    "port of ldap");
	is_str(s.endpoints[0].host, "192.0.2.5",
	    "its certificate: the address");
	is_str(s.template, "uid=%u,ou=people,dc=x", "its template");
	ldapsrc_parse(rows[1].value, false, &s, why);
	ok(s.endpoints[0].tls &&
	        ntohs(s.endpoints[0].at.addr.in4.sin_port) == 1636,
	    "port set");
	is_str(s.endpoints[0].host, "ldap.x.test", "its certificate: a name");
	is_str(s.template, "cn=%u, o=My Org", "blanks inside stay");
	ldapsrc_parse(rows[2].value, false, &s, why);
	ok(s.nendpoints == 2 &&
	        s.endpoints[0].at.addr.sa.sa_family == AF_INET6 &&
	        ntohs(s.endpoints[0].at.addr.in6.sin6_port) == 636 &&
	        s.endpoints[1].loopback && !s.endpoints[1].tls,
	    "two servers");
	is_str(s.endpoints[0].host, "2001:db8::5", "without brackets");
	is_str(s.endpoints[0].name, "", "no name");
	ldapsrc_parse("c ldap://ldap.x.test,ldaps://L\xc3\xa4nder.Test:1636#o,"
	              "ldap://LOCALHOST uid=%u",
	    false, &s, why);
	is_str(s.endpoints[0].name, "ldap.x.test", "a name");
	is_str(s.endpoints[0].host, "ldap.x.test", "its certificate: the name");
	ok(s.endpoints[0].port == 389 && s.endpoints[1].port == 1636 &&
	        !s.endpoints[0].loopback && s.endpoints[2].loopback,
	    "its port");
	is_str(s.endpoints[1].name, "xn--lnder-gra.test", "as DNS has it");
	is_str(s.endpoints[1].host, "o", "its certificate: another one");
	is_str(s.endpoints[2].name, "localhost", "localhost");
	ldapsrc_parse(rows[5].value, true, &s, why);
	ok(s.search && s.scope == LDAPSRC_BASE && s.base[0] == '\0', "search");
	is_str(s.template, "(&(a=b c)(uid=%u))", "its filter");
}

static void
is_expanded(const char *template, const char *login, const char *domain,
    const char *want)
{
	struct ldapsrc_who who = { span_of(login), span_of(domain) };
	struct buf b;

	buf_init(&b, 4096);
	ldapsrc_expand(template, &who, &b);
	buf_putc(&b, '\0');
	is_str((char *)b.data, want, "%s of %s", template, login);
	buf_clear(&b);
}

int
main(void)
{
	static struct ldapsrc all[LDAPSRC_MAX];
	struct span lines = span_of("a ldap://192.0.2.1 uid=%u\n"
	                            "b ldap://192.0.2.2 uid=%u\n");

	test_parse();
	is_expanded("uid=%u,ou=%d,o=x", "bob", "x.test",
	    "uid=bob,ou=x.test,o=x");
	is_expanded("mail=%m,o=100%%", "bob", "x.test",
	    "mail=bob@x.test,o=100%");
	is_expanded("uid=%m", "bob", "", "uid=bob");
	is_expanded("uid=%u,o=x", "a,b=c+d\"e\\f<g>h;i", "x",
	    "uid=a\\2cb\\3dc\\2bd\\22e\\5cf\\3cg\\3eh\\3bi,o=x");
	is_expanded("uid=%u,o=x", " #a ", "x", "uid=\\20\\23a\\20,o=x");
	is_expanded("(uid=%u)", "*)(uid=*", "x",
	    "(uid=\\2a\\29\\28uid\\3d\\2a)");
	is_expanded("(uid=%u)", "%u%d", "x", "(uid=\\25u\\25d)");
	is_expanded("(uid=%u)",
	    "b\xc3\xb6"
	    "b",
	    "x", "(uid=b\\c3\\b6b)");

	is_int(ldapsrc_all(lines, span_of("c ldap://192.0.2.3 ?sub?(a=%u)\n"),
	           all),
	    3, "all lines");
	ok(strcmp(all[1].name, "b") == 0 && all[2].search, "in their order");
	ok(ldapsrc_is_named(lines, span_of("b")), "there is b");
	ok(!ldapsrc_is_named(lines, span_of("c")) &&
	        !ldapsrc_is_named(lines, span_of("")),
	    "and no other");
	return done_testing();
}
