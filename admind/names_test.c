/* Names and lists: what is refused, and in which form the rest is kept. */
#include "config.h"
#include "admind/maillist.h"
#include "admind/names.h"
#include "tap.h"

static const struct {
	const char *in, *out; /* NULL: refused */
} locals[] = {
	{ "bob", "bob" },
	{ "Bob.Smith", "bob.smith" },
	{ "a=b_c-d.9", "a=b_c-d.9" },
	{ "", NULL },
	{ ".bob", NULL },
	{ "a..b", NULL },
	{ "..", NULL },
	{ "a/b", NULL },
	{ "a|b", NULL },
	{ "a b", NULL },
	{ "a\nb", NULL },
	{ "a:b", NULL },
	{ "a,b", NULL },
	{ "bob+x", NULL },
	{ "caf\xc3\xa9", NULL },
	{ "'; DROP TABLE Alias; --", NULL },
	{ "$(id)", NULL },
}, domains[] = {
	{ "X.Test", "x.test" },
	{ "b\xc3\xbc""cher.test", "xn--bcher-kva.test" },
	{ "test", NULL },
	{ "x..test", NULL },
	{ ".x.test", NULL },
	{ "x.test/..", NULL },
	{ "x .test", NULL },
	{ "x\n.test", NULL },
}, lists[] = {
	{ "bob", "bob" },
	{ " Bob , eve@X.Test\t,bob", "bob,eve@x.test" },
	{ "eve@x.test,Eve@x.test", "eve@x.test,Eve@x.test" },
	{ "\"bob\"@x.test", "bob@x.test" },
	{ "a@b\xc3\xbc""cher.test", "a@xn--bcher-kva.test" },
	{ "$HOME`id`@x.test", "$HOME`id`@x.test" },
	{ "bob+list@x.test", "bob+list@x.test" },
	{ "a,b,ab,a", "a,b,ab" },
	{ "", NULL },
	{ "bob,", NULL },
	{ ",bob", NULL },
	{ "bob,,eve", NULL },
	{ "|/bin/sh", NULL },
	{ "\"|/bin/sh -c id\"", NULL },
	{ "|id@x.test", NULL },
	{ "\"|id\"@x.test", NULL },
	{ "\"|i d\"@x.test", NULL },
	{ "/etc/passwd", NULL },
	{ "/etc/passwd@x.test", NULL },
	{ "-f@x.test", NULL },
	{ ":include:/etc/passwd", NULL },
	{ "\\bob", NULL },
	{ "\"a,b\"@x.test", NULL },
	{ "\"a:b\"@x.test", NULL },
	{ "Bob <bob@x.test>", NULL },
	{ "<bob@x.test>", NULL },
	{ "bob@[192.0.2.1]", NULL },
	{ "caf\xc3\xa9@x.test", NULL },
	{ "bob@x.test\nroot: eve", NULL },
	{ "bob\nroot: eve", NULL },
	{ "bob eve", NULL },
	{ "@x.test", NULL },
	{ "bob@", NULL },
};

static void
test_names(void)
{
	char out[256];

	for (size_t i = 0; i < nitems(locals); i++) {
		if (name_local(span_of(locals[i].in), out))
			is_str(out, locals[i].out, "local %zu", i);
		else
			ok(locals[i].out == NULL, "local %zu is refused", i);
	}
	for (size_t i = 0; i < nitems(domains); i++) {
		if (name_domain(span_of(domains[i].in), out))
			is_str(out, domains[i].out, "domain %zu", i);
		else
			ok(domains[i].out == NULL, "domain %zu is refused", i);
	}
	ok(!name_local(span_from("a\0b", 3), out), "a NUL");
	ok(!name_domain(span_from("a.b\0c", 5), out), "a NUL in a domain");
	memset(out, 'a', 65);
	out[65] = '\0';
	{
		char kept[65];

		ok(name_local(span_from(out, 64), kept), "64 letters");
		ok(!name_local(span_of(out), kept), "65");
	}
	ok(name_login(span_of("Paul.M@x.test")) && !name_login(span_of("")) &&
	        !name_login(span_of("a b")) && !name_login(span_of("a|b")) &&
	        !name_login(span_of("-a")) &&
	        !name_login(span_from("a\0", 2)) &&
	        !name_login(span_of("p\xc3\xa9")),
	    "logins");
	ok(name_server(span_of("Mail-1.X"), out) &&
	        strcmp(out, "mail-1.x") == 0 &&
	        !name_server(span_of("a_b"), out) &&
	        !name_server(span_of(".a"), out),
	    "servers");
	ok(name_is_reserved("postmaster") && name_is_reserved("abuse") &&
	        !name_is_reserved("bob"),
	    "reserved");
}

static void
test_lists(void)
{
	static char text[80000];
	char why[MAILLIST_WHY];
	struct buf out;
	size_t n;

	buf_init(&out, 60000);
	for (size_t i = 0; i < nitems(lists); i++) {
		buf_reset(&out);
		why[0] = '\0';
		if (maillist_take(span_of(lists[i].in), MAILLIST_NAMES, &out,
		        why) == -1) {
			ok(lists[i].out == NULL && why[0] != '\0',
			    "list %zu is refused", i);
		} else {
			buf_putc(&out, '\0');
			is_str((char *)out.data, lists[i].out, "list %zu", i);
		}
	}
	buf_reset(&out);
	ok(maillist_take(span_of("bob"), 0, &out, why) == -1,
	    "no bare names where there are none");
	for (unsigned want = MAILLIST_MAX; want <= MAILLIST_MAX + 1; want++) {
		n = 0;
		for (unsigned i = 0; i < want; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%su%u@x.test", i > 0 ? "," : "", i);
		buf_reset(&out);
		is_int(maillist_take(span_from(text, n), 0, &out, why),
		    want > MAILLIST_MAX ? -1 : 0, "%u entries", want);
	}
	n = 0;
	for (unsigned i = 0; i < 900; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "%su%u%060d@x.test", i > 0 ? "," : "", i, 0);
	buf_reset(&out);
	is_int(maillist_take(span_from(text, n), 0, &out, why), -1,
	    "more bytes than there is room for");
	buf_clear(&out);
}

int
main(void)
{
	test_names();
	test_lists();
	return done_testing();
}
