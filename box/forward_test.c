#include "config.h"
#include "box/forward.h"
#include "tap.h"

#include <stdio.h>

#define OWN "ann.lee@x.test"

/* "A:address" "O:own" "I:ignored" "B:bad", with spaces between. */
static const char *
read_all(struct span file)
{
	static const char kinds[] = "AOIB";
	static char out[8192];
	struct forward_reader r;
	struct forward_entry e;
	size_t n = 0;

	out[0] = '\0';
	forward_begin(&r, file, OWN);
	while (forward_next(&r, &e)) {
		bool is_addr = e.kind <= FORWARD_OWN;

		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u%c:%.*s",
		    n > 0 ? " " : "", e.line, kinds[e.kind],
		    is_addr ? (int)strlen(e.addr.text) : (int)e.text.len,
		    is_addr ? e.addr.text : (const char *)e.text.data);
	}
	return out;
}

/* clang-format off */
static const struct {
	const char *name, *in, *want;
} rows[] = {
	{ "nothing", "", "" },
	{ "blank lines and commas", "\n ,, \n\t\n,", "" },
	{ "one", "b@c.test\n", "1A:b@c.test" },
	{ "without a line end", "b@c.test", "1A:b@c.test" },
	{ "CRLF", "b@c.test\r\nd@e.test\r\n", "1A:b@c.test 2A:d@e.test" },
	{ "commas and lines", "b@c.test, d@e.test,f@g.test\nh@i.test",
	    "1A:b@c.test 1A:d@e.test 1A:f@g.test 2A:h@i.test" },
	{ "a comment", "# all of it, d@e.test\nb@c.test", "2A:b@c.test" },
	{ "a comment after", "b@c.test # and, d@e.test\nf@g.test",
	    "1A:b@c.test 2A:f@g.test" },
	{ "a comment after a comma", "b@c.test,#d@e.test\nf@g.test",
	    "1A:b@c.test 2A:f@g.test" },
	{ "a # in an address is none", "b#1@c.test", "1A:b#1@c.test" },
	{ "domains are normalised", "B@C.Test", "1A:B@c.test" },
	{ "the mailbox itself", "Ann.Lee@X.test", "1O:Ann.Lee@x.test" },
	{ "with a detail", "ann.lee+copy@x.test", "1O:ann.lee+copy@x.test" },
	{ "its login", "ann.lee", "1O:ann.lee@x.test" },
	{ "backslash login", "\\ann.lee, b@c.test",
	    "1O:ann.lee@x.test 1A:b@c.test" },
	{ "another login of the domain", "bob", "1A:bob@x.test" },
	{ "not quite the mailbox", "ann.leeb@x.test ,ann.le@x.test",
	    "1A:ann.leeb@x.test 1A:ann.le@x.test" },
	{ "another domain", "ann.lee@y.test", "1A:ann.lee@y.test" },
	{ "in angles", "<b@c.test>, Bob B. <d@e.test>",
	    "1A:b@c.test 1A:d@e.test" },
	{ "a quoted local part", "\"b, c\"@c.test", "1A:\"b, c\"@c.test" },
	{ "a quoted # ", "\"b # c\"@c.test", "1A:\"b # c\"@c.test" },
	{ "a program", "|/bin/sh -c \"a, b@c.test\", d@e.test\nf@g.test",
	    "1I:|/bin/sh -c \"a, b@c.test\", d@e.test 2A:f@g.test" },
	{ "a quoted program", "\"|/bin/sh, x\", b@c.test",
	    "1I:\"|/bin/sh, x\" 1A:b@c.test" },
	{ "a file", "/var/mail/ann, b@c.test",
	    "1I:/var/mail/ann, b@c.test" },
	{ "a quoted file", "\"/var/mail/a, b\"", "1I:\"/var/mail/a, b\"" },
	{ "an included file", ":include:/etc/passwd",
	    "1I::include:/etc/passwd" },
	{ "nonsense", "b@, @c.test, b c@d.test, b@c..test",
	    "1B:b@ 1B:@c.test 1B:b c@d.test 1B:b@c..test" },
	{ "an open quote ends with its line", "\"b@c.test\nd@e.test",
	    "1B:\"b@c.test 2A:d@e.test" },
	{ "a backslash before the line's end", "b@c.test\\\nd@e.test",
	    "1B:b@c.test\\ 2A:d@e.test" },
	{ "control characters", "b\x01@c.test, b\r@c.test",
	    "1B:b\x01@c.test 1B:b\r@c.test" },
	{ "UTF-8", "b\xc3\xa9@c.test", "1A:b\xc3\xa9@c.test" },
	{ "bad UTF-8", "b\xc3@c.test", "1B:b\xc3@c.test" },
};
/* clang-format on */

int
main(void)
{
	static const char nul[] = "b@c.test\0\nd\0e, b@c.test\0x";
	static char big[65536];
	struct forward_reader r;
	struct forward_entry e;

	for (size_t i = 0; i < nitems(rows); i++)
		is_str(read_all(span_of(rows[i].in)), rows[i].want, "%s",
		    rows[i].name);
	forward_begin(&r, span_from(nul, sizeof(nul) - 1), OWN);
	while (forward_next(&r, &e))
		is_int(e.kind, FORWARD_BAD, "a NUL at line %u", e.line);
	memset(big, 'a', sizeof(big));
	forward_begin(&r, span_from(big, sizeof(big)), OWN);
	ok(forward_next(&r, &e) && e.kind == FORWARD_BAD &&
	        !forward_next(&r, &e),
	    "one endless word");
	return done_testing();
}
