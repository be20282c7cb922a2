#include "config.h"
#include "libcommon/accounts.h"
#include "tap.h"

#include <errno.h>

static const struct account people[] = {
	{ "eve", 1002, 100, "/home/eve" },
	{ "ann", 1000, 1000, "/home/ann" },
	{ "bob.x", 4294967294u, 1, "/srv/two words/bob" },
};

static const struct account bad[] = {
	{ "", 1000, 1000, "/x" },
	{ "a b", 1000, 1000, "/x" },
	{ "a\nb", 1000, 1000, "/x" },
	{ "ann", 0, 1000, "/x" },
	{ "ann", 1000, 0, "/x" },
	{ "ann", UINT32_MAX, 1000, "/x" },
	{ "ann", 1000, UINT32_MAX, "/x" },
	{ "ann", 1000, 1000, "" },
	{ "ann", 1000, 1000, "home" },
	{ "ann", 1000, 1000, "/x\ny 1 1 /" },
};

static const char *const refused[] = {
	"\n",
	"ann",
	"ann 1000 1000 /x",
	"ann 1000 1000\n",
	"ann 1000 1000 \n",
	"ann 1000 1000 x\n",
	"ann 1000  /x\n",
	"ann  1000 1000 /x\n",
	" 1000 1000 /x\n",
	"ann 0 1000 /x\n",
	"ann 1000 0 /x\n",
	"ann 4294967296 1000 /x\n",
	"ann -1 1000 /x\n",
	"ann 1000 1000 /x\n\n",
	"ann 1000 1000 /x\nbob 1000 1001 /y\n",
	"ann 1000 1000 /x\nbob 1001 1001 /y\nann 1002 1002 /z\n",
};

int
main(void)
{
	static const char nul[] = "ann 1000 1000 /x\0y\n";
	const struct account *a;
	struct accounts *t;
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < nitems(people); i++)
		is_int(account_put(&b, &people[i]), 0, "%s", people[i].name);
	for (size_t i = 0; i < nitems(bad); i++)
		is_int(account_put(&b, &bad[i]), -1, "bad account %zu", i);
	t = accounts_new(buf_span(&b));
	ok(t != NULL, "their lines are a table");
	for (size_t i = 0; t != NULL && i < nitems(people); i++) {
		a = accounts_by_uid(t, people[i].uid);
		ok(account_same(a, &people[i]), "%s by uid", people[i].name);
		ok(accounts_by_name(t, span_of(people[i].name)) == a,
		    "and by name");
	}
	ok(accounts_by_uid(t, 1001) == NULL, "no such uid");
	ok(accounts_by_uid(t, 0) == NULL, "nor 0");
	ok(accounts_by_name(t, span_of("an")) == NULL, "no such name");
	ok(accounts_by_name(t, span_of("Ann")) == NULL, "names have a case");
	ok(accounts_by_name(t, span_of("")) == NULL, "nor an empty one");
	ok(!account_same(accounts_by_uid(t, 1000), NULL),
	    "there and not there");
	ok(account_same(NULL, NULL), "neither there");
	accounts_free(&t);
	ok(t == NULL, "freed");

	for (size_t i = 0; i < nitems(refused); i++) {
		t = accounts_new(span_of(refused[i]));
		ok(t == NULL && errno == EBADMSG, "bad lines %zu", i);
		accounts_free(&t);
	}
	t = accounts_new(span_from(nul, sizeof(nul) - 1));
	ok(t == NULL, "a NUL");
	accounts_free(&t);
	t = accounts_new(span_of(""));
	ok(t != NULL, "none at all");
	ok(accounts_by_uid(t, 1000) == NULL &&
	        accounts_by_name(t, span_of("ann")) == NULL,
	    "has nobody");
	accounts_free(&t);
	buf_clear(&b);
	return done_testing();
}
