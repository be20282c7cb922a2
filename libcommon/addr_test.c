#include "config.h"
#include "libcommon/addr.h"
#include "tap.h"

#include <errno.h>

static const struct {
	const char *in;
	unsigned flags;
	const char *want; /* canonical text, or NULL: refused */
	int err;
} paths[] = {
	{ "<a@b.test>", 0, "a@b.test", 0 },
	{ "<A.b+c@B.Test>", 0, "A.b+c@b.test", 0 },
	{ "<\"a\"@b.test>", 0, "a@b.test", 0 },
	{ "<\"a b\"@b.test>", 0, "\"a b\"@b.test", 0 },
	{ "<\"a\\\"b\"@b.test>", 0, "\"a\\\"b\"@b.test", 0 },
	{ "<\"a\\\\b\"@b.test>", 0, "\"a\\\\b\"@b.test", 0 },
	{ "<\"a@x\"@b.test>", 0, "\"a@x\"@b.test", 0 },
	{ "<@one.test,@two.test:a@b.test>", 0, "a@b.test", 0 },
	{ "<@one.test:a@b.test>", 0, "a@b.test", 0 },
	{ "<a%b@c.test>", 0, "a%b@c.test", 0 },
	{ "<a@[192.0.2.1]>", 0, "a@[192.0.2.1]", 0 },
	{ "<a@[IPv6:2001:db8::1]>", 0, "a@[IPv6:2001:db8::1]", 0 },
	{ "<>", ADDR_EMPTY, "", 0 },
	{ "<>", 0, NULL, EINVAL },
	{ "<Postmaster>", ADDR_POSTMASTER, "Postmaster", 0 },
	{ "<postmaster>", 0, NULL, EINVAL },
	{ "<somebody>", ADDR_POSTMASTER, NULL, EINVAL },
	{ "<m\xc3\xbcller@b\xc3\xbc"
	  "cher.test>",
	    ADDR_UTF8, "m\xc3\xbcller@xn--bcher-kva.test", 0 },
	{ "<m\xc3\xbcller@b.test>", 0, NULL, EILSEQ },
	{ "<a@b\xc3\xbc"
	  "cher.test>",
	    0, NULL, EILSEQ },
	{ "<a\xc0\xaf@b.test>", ADDR_UTF8, NULL, EILSEQ },
	{ "<a\xed\xa0\x80@b.test>", ADDR_UTF8, NULL, EILSEQ },
	{ "<a\xff@b.test>", ADDR_UTF8, NULL, EILSEQ },
	{ "a@b.test", 0, NULL, EINVAL },
	{ "<a@b.test", 0, NULL, EINVAL },
	{ "<a@>", 0, NULL, EINVAL },
	{ "<@b.test>", 0, NULL, EINVAL },
	{ "<a b@c.test>", 0, NULL, EINVAL },
	{ "<.a@b.test>", 0, NULL, EINVAL },
	{ "<a.@b.test>", 0, NULL, EINVAL },
	{ "<a..b@c.test>", 0, NULL, EINVAL },
	{ "<a@b..test>", 0, NULL, EINVAL },
	{ "<a@.test>", 0, NULL, EINVAL },
	{ "<a@test.>", 0, NULL, EINVAL },
	{ "<a@-b.test>", 0, NULL, EINVAL },
	{ "<a@b-.test>", 0, NULL, EINVAL },
	{ "<a@b!c.test>", 0, NULL, EINVAL },
	{ "<a@[300.0.0.1]>", 0, NULL, EINVAL },
	{ "<a@[192.0.2.1>", 0, NULL, EINVAL },
	{ "<a@[tag:x]>", 0, NULL, EINVAL },
	{ "<\"\"@b.test>", 0, NULL, EINVAL },
	{ "<\"a@b.test>", 0, NULL, EINVAL },
	{ "<\"a\\\"@b.test>", 0, NULL, EINVAL },
	{ "<\"a\tb\"@b.test>", 0, NULL, EINVAL },
	{ "<@one.test a@b.test>", 0, NULL, EINVAL },
	{ "<@one.test:>", 0, NULL, EINVAL },
	{ "<@:a@b.test>", 0, NULL, EINVAL },
	{ "<a@b.test\x01>", 0, NULL, EINVAL },
	{ "<a@b@c.test>", 0, NULL, EINVAL },
	{ "<a@b.test|x>", 0, NULL, EINVAL },
	{ "<a@b.test;x>", 0, NULL, EINVAL },
	{ "<a;x@b.test>", 0, NULL, EINVAL },
	{ "<(c)a@b.test>", 0, NULL, EINVAL },
	{ "<a@b.test(c)>", 0, NULL, EINVAL },
	{ "<a @b.test>", 0, NULL, EINVAL },
	{ "< a@b.test>", 0, NULL, EINVAL },
	{ "<a@b.test >", 0, NULL, EINVAL },
	{ "<a@ b.test>", 0, NULL, EINVAL },
	{ "<<a@b.test>>", 0, NULL, EINVAL },
	{ "<a@b.test>>", 0, "a@b.test", 0 }, /* what follows is the caller's */
	{ "", 0, NULL, EINVAL },
	{ "<", 0, NULL, EINVAL },
	{ ">", 0, NULL, EINVAL },
	{ "<@>", 0, NULL, EINVAL },
	{ "<.>", 0, NULL, EINVAL },
	{ "<a>", ADDR_POSTMASTER, NULL, EINVAL },
	{ "<postmaster@>", ADDR_POSTMASTER, NULL, EINVAL },
	{ "<POSTMASTER>", ADDR_POSTMASTER, "POSTMASTER", 0 },
	{ "<\"postmaster\">", ADDR_POSTMASTER, "postmaster", 0 },
	{ "<!#$%&'*+-/=?^_`{|}~@b.test>", 0, "!#$%&'*+-/=?^_`{|}~@b.test", 0 },
	{ "<a,b@c.test>", 0, NULL, EINVAL },
	{ "<a:b@c.test>", 0, NULL, EINVAL },
	{ "<a\\b@c.test>", 0, NULL, EINVAL },
	{ "<a[b]@c.test>", 0, NULL, EINVAL },
	{ "<\"a\"b@c.test>", 0, NULL, EINVAL },
	{ "<a\"b\"@c.test>", 0, NULL, EINVAL },
	{ "<\"a\".\"b\"@c.test>", 0, NULL, EINVAL },
	{ "<\"a.b\"@c.test>", 0, "a.b@c.test", 0 },
	{ "<\"\\a\"@c.test>", 0, "a@c.test", 0 },
	{ "<\".a\"@c.test>", 0, "\".a\"@c.test", 0 },
	{ "<\"a..b\"@c.test>", 0, "\"a..b\"@c.test", 0 },
	{ "<\"a>b\"@c.test>", 0, "\"a>b\"@c.test", 0 },
	{ "<\"<>\"@c.test>", 0, "\"<>\"@c.test", 0 },
	{ "<\"a\x7f\"@c.test>", 0, NULL, EINVAL },
	{ "<\"a\r\nb\"@c.test>", 0, NULL, EINVAL },
	{ "<a@b>", 0, "a@b", 0 },
	{ "<a@1.2.3.4>", 0, "a@1.2.3.4", 0 },
	{ "<a@b_c.test>", 0, "a@b_c.test", 0 },
	{ "<a@b/c.test>", 0, NULL, EINVAL },
	{ "<a@..>", 0, NULL, EINVAL },
	{ "<a@b.test\n>", 0, NULL, EINVAL },
	{ "<a@XN--BCHER-KVA.test>", 0, "a@xn--bcher-kva.test", 0 },
	{ "<a@B\xc3\x9c"
	  "CHER.test>",
	    ADDR_UTF8, "a@xn--bcher-kva.test", 0 },
	{ "<a@\xe3\x80\x82.test>", ADDR_UTF8, NULL, EINVAL },
	{ "<\xe2\x82@b.test>", ADDR_UTF8, NULL, EILSEQ },
	{ "<\xf4\x90\x80\x80@b.test>", ADDR_UTF8, NULL, EILSEQ },
	{ "<\xf0\x9f\x93\xa7@b.test>", ADDR_UTF8, "\xf0\x9f\x93\xa7@b.test",
	    0 },
	{ "<\"\xc3\xa9 \"@b.test>", ADDR_UTF8, "\"\xc3\xa9 \"@b.test", 0 },
	{ "<a@[]>", 0, NULL, EINVAL },
	{ "<a@[1.2.3]>", 0, NULL, EINVAL },
	{ "<a@[1.2.3.4.5]>", 0, NULL, EINVAL },
	{ "<a@[01.2.3.4]>", 0, NULL, EINVAL },
	{ "<a@[192.0.2.1]x>", 0, NULL, EINVAL },
	{ "<a@[2001:db8::1]>", 0, NULL, EINVAL },
	{ "<a@[IPv6:]>", 0, NULL, EINVAL },
	{ "<a@[IPv6:192.0.2.1]>", 0, NULL, EINVAL },
	{ "<a@[ipv6:::ffff:192.0.2.1]>", 0, "a@[ipv6:::ffff:192.0.2.1]", 0 },
	{ "<a@[IPv6:1:2:3:4:5:6:7:8:9]>", 0, NULL, EINVAL },
	{ "<@[192.0.2.1]:a@b.test>", 0, "a@b.test", 0 },
	{ "<@a.test,b.test:a@b.test>", 0, NULL, EINVAL },
	{ "<@a.test,:a@b.test>", 0, NULL, EINVAL },
	{ "<@a.test@b.test:a@b.test>", 0, NULL, EINVAL },
	{ "<@a.test:@b.test:a@b.test>", 0, NULL, EINVAL },
	{ "<a%b%c@d.test>", 0, "a%b%c@d.test", 0 },
	{ "<b!a@d.test>", 0, "b!a@d.test", 0 },
	/* 62 characters and two quotes are 64 octets; one more is too many */
	{ "<\"a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"@c.test>",
	    0,
	    "\"a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"@c.test",
	    0 },
	{ "<\"a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"@c.test>",
	    0, NULL, ENAMETOOLONG },
};

int
main(void)
{
	char longest[400], domain[ADDR_DOMAIN_MAX + 1];
	struct span rest;
	struct addr a;

	for (size_t i = 0; i < nitems(paths); i++) {
		int r = addr_path(span_of(paths[i].in), paths[i].flags, &a,
		    &rest);

		if (paths[i].want == NULL)
			ok(r == -1 && errno == paths[i].err, "refused: %s",
			    paths[i].in);
		else if (r == -1)
			ok(false, "%s: errno %d", paths[i].in, errno);
		else
			is_str(a.text, paths[i].want, "%s", paths[i].in);
	}
	addr_path(span_of("<a@b.test> SIZE=1"), 0, &a, &rest);
	ok(span_is(rest, " SIZE=1"), "what follows is given back");
	ok(span_is(addr_local(&a), "a") && span_is(addr_host(&a), "b.test"),
	    "both parts");

	memset(longest, 'x', sizeof(longest));
	longest[0] = '<';
	memcpy(longest + 65, "@b.test>", 9);
	is_int(addr_path(span_of(longest), 0, &a, &rest), 0, "64 octets");
	memcpy(longest + 65, "x@b.test>", 10);
	ok(addr_path(span_of(longest), 0, &a, &rest) == -1 &&
	        errno == ENAMETOOLONG,
	    "65 octets");
	is_int(addr_parse(span_of("a@b.test"), 0, &a), 0, "bare");
	is_int(addr_parse(span_of("a@b.test>"), 0, &a), -1, "bare, with rest");
	is_int(addr_parse(span_from("a\0@b.test", 9), 0, &a), -1, "NUL");
	is_int(addr_domain(span_of("EXAMPLE.org"), domain), 0, "a domain");
	is_str(domain, "example.org", "in lower case");
	memset(longest, 'a', 64);
	memcpy(longest + 64, ".test", 6);
	is_int(addr_domain(span_of(longest), domain), -1, "a label of 64");
	ok(addr_is_helo(span_of("[IPv6:::1]")) &&
	        addr_is_helo(span_of("a_b")) && !addr_is_helo(span_of("a b")) &&
	        !addr_is_helo(span_of("")),
	    "HELO names");
	ok(addr_is_folder_name(span_of("a.b-c+d"), 64) &&
	        !addr_is_folder_name(span_of(".."), 64) &&
	        !addr_is_folder_name(span_of("a..b"), 64) &&
	        !addr_is_folder_name(span_of("a/b"), 64) &&
	        !addr_is_folder_name(span_of("A"), 64) &&
	        !addr_is_folder_name(span_from("a\0", 2), 64) &&
	        !addr_is_folder_name(span_of("abc"), 2),
	    "folder names");
	return done_testing();
}
