#include "config.h"
#include "admind/admin.h"
#include "tap.h"

static const struct {
	const char *name, *answers[3], *plain, *json;
} rows[] = {
	{ "done", { "NEWDOM|||x.test|0|the domain has been made" },
	    "the domain has been made\n",
	    "{\"type\":\"NEWDOM\",\"domain\":\"x.test\",\"code\":0,"
	    "\"comment\":\"the domain has been made\"}\n" },
	{ "a value", { "NEWUSER||||0|made|12" }, "made\n12\n",
	    "{\"type\":\"NEWUSER\",\"domain\":\"\",\"code\":0,"
	    "\"comment\":\"made\",\"values\":[\"12\"]}\n" },
	{ "refused", { "NEWDOM|||x.test|-7|no" }, "",
	    "{\"type\":\"NEWDOM\",\"domain\":\"x.test\",\"code\":-7,"
	    "\"comment\":\"no\"}\n" },
	{ "an empty list", { "LISTDOM||||0|||name\\pquota" }, "",
	    "{\"type\":\"LISTDOM\",\"domain\":\"\",\"rows\":[],\"code\":0,"
	    "\"comment\":\"\"}\n" },
	{ "a list of two pages",
	    { "LISTDOM||||0||a|name\\pquota|x.test\\p12|long.test\\p",
	        "LISTDOM||||0|||name\\pquota|y.test\\pa\\\\pb" },
	    "name       quota\nx.test     12\nlong.test  \n"
	    "y.test     a|b\n",
	    "{\"type\":\"LISTDOM\",\"domain\":\"\",\"rows\":[\n"
	    "{\"name\":\"x.test\",\"quota\":\"12\"},\n"
	    "{\"name\":\"long.test\",\"quota\":\"\"},\n"
	    "{\"name\":\"y.test\",\"quota\":\"a|b\"}\n"
	    "],\"code\":0,\"comment\":\"\"}\n" },
	{ "the second page is refused",
	    { "LISTDOM||||0||a|name|x", "LISTDOM||||-2|later" }, "name\nx\n",
	    "{\"type\":\"LISTDOM\",\"domain\":\"\",\"rows\":[\n"
	    "{\"name\":\"x\"}\n],\"code\":-2,\"comment\":\"later\"}\n" },
	{ "one thing",
	    { "SHOWBAL|||x.test|0|||login\\pvacation|bob\\pa\\\\nb" },
	    "login     bob\nvacation  a\n          b\n",
	    "{\"type\":\"SHOWBAL\",\"domain\":\"x.test\",\"rows\":[\n"
	    "{\"login\":\"bob\",\"vacation\":\"a\\u000ab\"}\n],"
	    "\"code\":0,\"comment\":\"\"}\n" },
	{ "what is no text",
	    { "LISTDOM||||0|||c|\x1b[31m\xc2\x9b\xff\"\xc3\xa9" },
	    "c\n?[31m??\"\xc3\xa9\n",
	    "{\"type\":\"LISTDOM\",\"domain\":\"\",\"rows\":[\n"
	    "{\"c\":\"\\u001b[31m\\u009b\\ufffd\\\"\xc3\xa9\"}\n],"
	    "\"code\":0,\"comment\":\"\"}\n" },
	{ "a row too short, one too long",
	    { "LISTDOM||||0|||a\\pb|x|1\\p2\\p3" }, "a  b\nx  \n1  2\n",
	    "{\"type\":\"LISTDOM\",\"domain\":\"\",\"rows\":[\n"
	    "{\"a\":\"x\",\"b\":\"\"},\n{\"a\":\"1\",\"b\":\"2\"}\n],"
	    "\"code\":0,\"comment\":\"\"}\n" },
	{ "mail is purged", { "PURGEBAL|||x.test|0|purged" }, "purged\n",
	    "{\"type\":\"PURGEBAL\",\"domain\":\"x.test\",\"code\":0,"
	    "\"comment\":\"purged\"}\n" },
};

static void
test_row(size_t i, bool json)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct show show = { .json = json, .out = out };
	struct fields a;

	fields_init(&a);
	for (size_t k = 0; k < nitems(rows[i].answers); k++) {
		const char *in = rows[i].answers[k];

		if (in == NULL)
			break;
		if (fields_parse(&a, span_of(in)) == -1)
			exit(1);
		show_answer(&show, &a, show_next(&a).len > 0);
	}
	fclose(out);
	is_str(text, json ? rows[i].json : rows[i].plain, "%s, %s",
	    rows[i].name, json ? "JSON" : "plain");
	free(text);
	fields_clear(&a);
}

static int
status_of(const char *answer)
{
	struct fields a;
	int r;

	fields_init(&a);
	fields_parse(&a, span_of(answer));
	r = show_status(&a);
	fields_clear(&a);
	return r;
}

int
main(void)
{
	for (size_t i = 0; i < nitems(rows); i++) {
		test_row(i, false);
		test_row(i, true);
	}
	is_int(status_of("A||||0|"), 0, "done");
	is_int(status_of("A||||-2|"), 75, "later");
	is_int(status_of("A||||-7|"), 1, "refused");
	is_int(status_of("A||||00|"), 1, "no code");
	return done_testing();
}
