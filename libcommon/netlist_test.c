#include "config.h"
#include "libcommon/netlist.h"
#include "tap.h"

int
main(void)
{
	static const struct {
		const char *list, *address;
		bool has;
	} rows[] = {
		{ "", "127.0.0.1", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "127.0.0.1", "::1", false },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "192.0.2.0/24", "::ffff:192.0.2.1", true },
		{ "2001:db8::/32", "2001:db8:1::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ " 10.0.0.0/8\t192.0.2.7 ", "192.0.2.7", true },
		{ "10.0.0.0/8", "ten", false },
		{ "10.0.0.0/8", "", false },
	};
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/",
		"10.0.0.0/x", "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/64",
		"example.org", "10.0.0.0/8 x", "10.0.0.0/-1", "[::1]",
		"10.0.0.0/08x" };
	struct netlist list;
	struct buf many;
	char why[201];

	for (size_t i = 0; i < nitems(rows); i++) {
		is_int(netlist_parse(span_of(rows[i].list), &list, why), 0,
		    "\"%s\" is a list", rows[i].list);
		is_int(netlist_has(&list, rows[i].address), rows[i].has,
		    "%s is %sin it", rows[i].address,
		    rows[i].has ? "" : "not ");
	}
	for (size_t i = 0; i < nitems(bad); i++)
		is_int(netlist_parse(span_of(bad[i]), &list, why), -1,
		    "\"%s\" is not", bad[i]);
	buf_init(&many, 2048);
	for (unsigned i = 0; i <= NETLIST_MAX; i++)
		buf_puts(&many, "10.0.0.1 ");
	is_int(netlist_parse(buf_span(&many), &list, why), -1,
	    "nor are too many");
	buf_clear(&many);
	return done_testing();
}
