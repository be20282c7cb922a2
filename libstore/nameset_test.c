#include "config.h"
#include "libstore/nameset.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
	static char long_one[65537];
	struct nameset s;
	char name[64];
	unsigned bad = 0;

	nameset_init(&s);
	ok(!nameset_has(&s, span_of("a")), "an empty set has nothing");
	is_int(nameset_add(&s, span_of("a")), 1, "added");
	is_int(nameset_add(&s, span_of("a")), 0, "added again");
	is_int(nameset_add(&s, span_of("")), 1, "the empty name is one");
	ok(nameset_has(&s, span_of("a")) && !nameset_has(&s, span_of("ab")) &&
	        nameset_has(&s, span_of("")),
	    "it has what it has");
	memset(long_one, 'x', sizeof(long_one));
	is_int(nameset_add(&s, span_from(long_one, 65536)), -1, "too long");
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), ".Folder/17000%u.Q0.host", i);
		bad += nameset_add(&s, span_of(name)) != 1;
	}
	is_int((int)bad, 0, "a hundred thousand");
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), ".Folder/17000%u.Q0.host", i);
		bad += !nameset_has(&s, span_of(name));
		snprintf(name, sizeof(name), ".Folder/17001%u.Q0.hos", i);
		bad += nameset_has(&s, span_of(name));
	}
	is_int((int)bad, 0, "are told from others");
	is_int((int)s.n, 100002, "and counted");
	nameset_clear(&s);
	ok(!nameset_has(&s, span_of("a")), "cleared");
	nameset_clear(&s);
	return done_testing();
}
