/* Whatever stands in the database: a row is one line of its own, or none. */
#include "config.h"
#include "admind/export_text.h"
#include "tap.h"

static struct buf b;

static const char *
text(void)
{
	static char s[4096];

	if (span_copy(buf_span(&b), s, sizeof(s)) == -1)
		return "(a NUL, or too long)";
	return s;
}

/* What somebody might have put into any column. */
static const char *const evil[] = { "bob\nroot: |/bin/sh", "bob\r\nx", "a:b",
	"a,b", "a b", "|/bin/sh", "\"|/bin/sh\"", "/etc/passwd",
	":include:/etc/passwd", "../..", "a/b", "bob#x", "caf\xc3\xa9", "\xff",
	"", "@", "a@b@c.test", "root:x:0:0::/root:/bin/sh",
	"x'; DROP TABLE BAL; --", "$(id)", "a\tb", "\\bob" };

static const char *const good[] = {
	"info: bob,eve@x.test\n",
	"bob@x.test  bob\n",
	"@x.test  Some.One@else.test\n",
	"bob@x.test:x:1000:1000:Bob:/m/x.test/bob:/usr/sbin/nologin\n",
};

static void
test_good(void)
{
	static const struct account bob = { "bob", 1000, 100, "/home/bob" };
	ok(export_alias(&b, span_of("info"), span_of("bob,eve@x.test")),
	    "alias");
	is_str(text(), good[0], "its line");
	buf_reset(&b);
	ok(export_virtual(&b, span_of("bob"), span_of("x.test"), span_of("bob"),
	       span_of("")),
	    "virtual user");
	is_str(text(), good[1], "its line");
	buf_reset(&b);
	ok(export_virtual(&b, span_of(""), span_of("x.test"),
	       span_of("Some.One"), span_of("else.test")),
	    "catch-all");
	is_str(text(), good[2], "its line");
	buf_reset(&b);
	ok(export_passwd(&b, span_of("bob"), span_of("x.test"), 1000,
	       span_of("Bob"), "/m", NULL),
	    "passwd");
	is_str(text(), good[3], "its line");
	buf_reset(&b);
	ok(export_passwd(&b, span_of("bob"), span_of("x.test"), 1000,
	       span_of("Bob"), "/m", &bob),
	    "passwd, an account");
	is_str(text(),
	    "bob@x.test:x:1000:100:Bob:/home/bob:/usr/sbin/nologin\n",
	    "has its own group and home");
	buf_reset(&b);
	ok(export_passwd(&b, span_of("bob"), span_of("x.test"), 1,
	       span_from("a:b\nc\0d\x7f\xc3\xa9,", 11), "/m", NULL),
	    "any comment");
	is_str(text(),
	    "bob@x.test:x:1:1:a?b?c?d?\xc3\xa9,:/m/x.test/bob:"
	    "/usr/sbin/nologin\n",
	    "has its place");
}

static unsigned
lines(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < b.len; i++)
		n += b.data[i] == '\n';
	return n;
}

static void
test_evil(void)
{
	struct span x, d = span_of("x.test"), u = span_of("bob");

	for (size_t i = 0; i < nitems(evil); i++) {
		x = span_of(evil[i]);
		buf_reset(&b);
		ok(!export_alias(&b, x, u), "alias name %zu", i);
		ok(!export_alias(&b, span_of("info"), x) ||
		        strcmp(evil[i], "a,b") == 0,
		    "alias list %zu", i);
		ok(!export_virtual(&b, x, d, u, d) || x.len == 0,
		    "virtual user %zu", i);
		ok(!export_virtual(&b, u, x, u, d), "its domain %zu", i);
		ok(!export_virtual(&b, u, d, x, span_of("")), "real user %zu",
		    i);
		/* An address may have these. */
		ok(!export_virtual(&b, u, d, x, d) ||
		        strcmp(evil[i], "a/b") == 0 ||
		        strcmp(evil[i], "bob#x") == 0,
		    "with a domain %zu", i);
		ok(!export_virtual(&b, u, d, u, x) || x.len == 0 ||
		        x.data[x.len - 1] == 0xa9,
		    "real domain %zu", i);
		ok(!export_passwd(&b, x, d, 1, u, "/m", NULL), "login %zu", i);
		ok(!export_passwd(&b, u, x, 1, u, "/m", NULL), "domain %zu", i);
		ok(export_passwd(&b, u, d, 1, x, "/m", NULL), "comment %zu", i);
		buf_reset(&b);
		(void)export_passwd(&b, u, d, 1, x, "/m", NULL);
		is_int(lines(), 1, "one line %zu", i);
	}
}

static void
test_mark(void)
{
	static const char *const wrong[] = { "", "# semail",
		"# semail journal=", "# semail journal=1",
		"# semail journal=1 directory=2",
		"# semail journal=x directory=2\n",
		"# semail journal=1 directory=\n",
		"# semail journal=1 directory=2 \n", "bob: eve\n",
		"# semail journal=1\n directory=2\n" };
	struct export_mark m = { UINT64_MAX, 12 }, is = { 0, 0 };

	buf_reset(&b);
	export_mark_put(&b, &m);
	buf_puts(&b, "bob: eve\n");
	ok(export_mark_get(buf_span(&b), &is) == 0 && is.journal == 12 &&
	        is.directory == UINT64_MAX,
	    "a mark");
	for (size_t i = 0; i < nitems(wrong); i++)
		is_int(export_mark_get(span_of(wrong[i]), &is), -1,
		    "no mark %zu", i);
}

int
main(void)
{
	buf_init(&b, 1 << 20);
	test_good();
	test_evil();
	test_mark();
	buf_clear(&b);
	return done_testing();
}
