#include "config.h"
#include "admind/message.h"

#include "admind/code.h"
#include "tap.h"

static char comment[201];
static struct fields in;

static int
take(const char *request, struct message_args *out)
{
	fields_clear(&in);
	fields_init(&in);
	if (fields_parse(&in, span_of(request)) == -1)
		return 1; /* the test's own mistake */
	return message_take(message_find(fields_get(&in, 0)), &in, out, comment,
	    sizeof(comment));
}

/* The table itself: names that admind and the command can rely on. */
static void
test_table(void)
{
	bool order = true, once = true, sized = true;

	for (unsigned i = 0; i < nmessages; i++) {
		const struct message *m = &messages[i];
		unsigned n = message_nfields(m);

		if (message_find(span_of(m->type)) != m || strlen(m->type) > 16)
			once = false;
		for (unsigned k = 0; k < n; k++) {
			if (m->fields[k].max == 0)
				sized = false;
			if (k > 0 && (m->fields[k].flags & FIELD_PLACE) &&
			    !(m->fields[k - 1].flags & FIELD_PLACE))
				order = false;
			for (unsigned l = 0; l < k; l++)
				if (strcmp(m->fields[k].option,
				        m->fields[l].option) == 0)
					once = false;
		}
	}
	ok(once, "each TYPE and each option is there once");
	ok(order, "fields by position come first");
	ok(sized, "each field has a limit");
}

static const struct {
	const char *name, *request;
	int code;
} rows[] = {
	{ "a mailbox", "NEWBAL|||x.example|bob|secret|Bob|10|||||||||", 0 },
	{ "fields left out at the end", "NEWBAL|||x.example|bob|secret", 0 },
	{ "a piece of an archive, any bytes of it",
	    "RESTOREBAL|||x.example|bob|data=a\\0\\n\\p\xff\x01|end=yes", 0 },
	{ "no such end", "RESTOREBAL|||x.example|bob|data=a|end=\x01",
	    CODE_VALUE },
	{ "no password", "NEWBAL|||x.example|bob|", CODE_VALUE },
	{ "a field too many", "NEWBAL|||x.example|bob|secret|Bob|10||||||||||",
	    CODE_BAD },
	{ "QUOTA no number", "NEWBAL|||x.example|bob|secret|Bob|ten",
	    CODE_VALUE },
	{ "QUOTA negative", "NEWBAL|||x.example|bob|secret|Bob|-1",
	    CODE_VALUE },
	{ "a line end in COMMENT", "NEWBAL|||x.example|bob|secret|Bob\\nx",
	    CODE_VALUE },
	{ "a NUL in a password", "NEWBAL|||x.example|bob|se\\0cret",
	    CODE_VALUE },
	{ "COMMENT not UTF-8", "NEWBAL|||x.example|bob|secret|B\xff",
	    CODE_VALUE },
	{ "lines in a vacation text",
	    "MODBAL|||x.example|bob|||||||||||away\\r\\nback", 0 },
	{ "named fields", "MODDOM|||x.example||quota=10|comment=", 0 },
	{ "a name twice", "MODDOM|||x.example||quota=10|quota=11", CODE_BAD },
	{ "a name it does not know", "MODDOM|||x.example||colour=red",
	    CODE_BAD },
	{ "a field by position named", "MODDOM|||x.example||name=y", CODE_BAD },
	{ "neither yes nor no", "DELDOM|||x.example||force=1", CODE_VALUE },
	{ "no fields at all", "STAT|||", 0 },
	{ "one where none may be", "STAT||||x", CODE_BAD },
};

static void
test_take(void)
{
	struct message_args a;

	for (size_t i = 0; i < nitems(rows); i++)
		is_int(take(rows[i].request, &a), rows[i].code, "%s",
		    rows[i].name);
	take("MODDOM|||x.example||quota=10|comment=", &a);
	ok(span_is(message_arg(&a, "quota"), "10"), "a named value");
	ok(message_given(&a, "comment") && message_arg(&a, "comment").len == 0,
	    "given and empty");
	ok(!message_given(&a, "max"), "not given");
	take("MODBAL|||x.example|bob||Bob", &a);
	ok(message_given(&a, "vacation") &&
	        message_arg(&a, "vacation").len == 0,
	    "left out at the end: given and empty");
	take("MODDOM|||x.example||logo=a=b.png", &a);
	ok(span_is(message_arg(&a, "logo"), "a=b.png"), "a value with =");
}

static void
test_utf8(void)
{
	static const struct {
		const char *name, *in;
		bool good;
	} texts[] = {
		{ "ASCII", "abc", true },
		{ "two bytes", "\xc3\xa9", true },
		{ "overlong", "\xc0\xaf", false },
		{ "a surrogate", "\xed\xa0\x80", false },
		{ "past U+10FFFF", "\xf4\x90\x80\x80", false },
		{ "cut", "\xe2\x82", false },
	};

	for (size_t i = 0; i < nitems(texts); i++)
		ok(message_is_utf8(span_of(texts[i].in)) == texts[i].good, "%s",
		    texts[i].name);
}

int
main(void)
{
	fields_init(&in);
	test_table();
	test_take();
	test_utf8();
	fields_clear(&in);
	return done_testing();
}
