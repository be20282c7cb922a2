#include "config.h"
#include "libcommon/tlsdom.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

static void
test_lines(void)
{
	static const char *const bad[] = { "", "a.test", "a.test c",
		"a.test c k x", ", c k", "a.test, c k", "a.test,,b.test c k",
		".a.test c k", "a..test c k", "* c k", "*. c k", "*a.test c k",
		"a.*.test c k", "*.*.test c k", "a_b?.test c k" };
	struct tlsdom d;
	char why[201];
	struct buf many;

	is_int(tlsdom_parse("Mail.A.test,*.B.test \t cert.pem  /k", &d, why), 0,
	    "a line");
	is_str(d.names, "mail.a.test,*.b.test", "names in lower case");
	is_str(d.certificate, "cert.pem", "certificate");
	is_str(d.key, "/k", "key");
	is_int(tlsdom_parse("*.b\xc3\xbc"
	                    "cher.test c k",
	           &d, why),
	    0, "U-labels");
	is_str(d.names, "*.xn--bcher-kva.test", "are kept as A-labels");
	for (size_t i = 0; i < nitems(bad); i++)
		ok(tlsdom_parse(bad[i], &d, why) == -1, "\"%s\": %s", bad[i],
		    why);
	buf_init(&many, 8192);
	for (int i = 0; i < 600; i++)
		buf_puts(&many, i > 0 ? ",a.test" : "a.test");
	buf_put(&many, " c k", 5);
	ok(tlsdom_parse((char *)many.data, &d, why) == -1, "too many: %s", why);
	buf_clear(&many);
}

static void
finds(struct tlsdom_table *t, const char *name, int want)
{
	size_t id = 99;
	bool found = tlsdom_find(t, name, &id);

	ok(want == -1 ? !found : found && id == (size_t)want, "\"%s\": %d",
	    name, want);
}

static void
test_table(void)
{
	struct tlsdom_table t = { 0 };
	char name[300];

	finds(&t, "a.test", -1);
	tlsdom_add(&t, "z.test,a.test,*.a.test", 0);
	tlsdom_add(&t, "b.a.test", 1);
	tlsdom_add(&t, "*.b.a.test,*.test", 2);
	finds(&t, "a.test", 0);
	finds(&t, "A.TEST", 0);
	finds(&t, "a.test.", 0);
	finds(&t, "z.test", 0);
	finds(&t, "x.a.test", 0);
	finds(&t, "b.a.test", 1); /* the name before the wildcard */
	finds(&t, "x.b.a.test", 2);
	finds(&t, "other.test", 2);
	finds(&t, "x.y.z.test", -1); /* one label only */
	finds(&t, "x.z.test", -1);
	finds(&t, ".a.test", -1);
	finds(&t, "*.a.test", -1);
	finds(&t, "", -1);
	finds(&t, ".", -1);
	finds(&t, "test", -1);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	finds(&t, name, -1);
	tlsdom_add(&t, "added.later", 3);
	finds(&t, "added.later", 3);
	finds(&t, "a.test", 0);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%u.many.test", i);
		tlsdom_add(&t, name, 1000 + i);
	}
	finds(&t, "n0.many.test", 1000);
	finds(&t, "n999.many.test", 1999);
	finds(&t, "n1000.many.test", -1);
	tlsdom_clear(&t);
}

int
main(void)
{
	test_lines();
	test_table();
	return done_testing();
}
