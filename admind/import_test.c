#include "config.h"
#include "admind/import.h"
#include "tap.h"

static char told[4096];

static void
tell(void *arg, const char *what)
{
	(void)arg;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s;", what);
}

static bool
next(struct csv *csv, struct span *rest)
{
	size_t used;
	enum csv_event e = csv_feed(csv, *rest, &used);

	*rest = span_sub(*rest, used, rest->len);
	return (e == CSV_MORE ? csv_end(csv) : e) == CSV_ROW;
}

/* ---- headers ------------------------------------------------------------------- */

static const struct {
	const char *type, *line, *ignore;
	const char *want; /* what is wrong with it, or NULL */
} headers[] = {
	{ "importbal", "address,hash", NULL, NULL },
	{ "importbal", " mailbox , domain,password", NULL, NULL },
	{ "importbal", "hash,quota", NULL, "a column address is needed" },
	{ "importbal", "address,mailbox", NULL,
	    "the columns address and mailbox are the same" },
	{ "importbal", "address,quota,quota", NULL,
	    "the columns quota and quota are the same" },
	{ "importbal", "address,state", NULL, "there is no column state" },
	{ "importbal", "address,state,uid", "uid, state", NULL },
	{ "importbal", "address,state,uid", "uid", "there is no column state" },
	{ "importbal", "address,,hash", NULL, "column 2 has no name" },
	{ "importbal", "address;hash", NULL,
	    "there is no column address;hash" },
	{ "newbal", "address", NULL, "a column password is needed" },
	{ "newdom", "name", NULL, NULL },
	{ "newdom", "domain,client", NULL, NULL },
	{ "newdom", "name,domain", NULL,
	    "the columns name and domain are the same" },
	{ "newdom", "client", NULL, "a column name is needed" },
	{ "newvirt", "virtual,real", NULL, NULL },
	{ "newvirt", "virtual", NULL, "a column real is needed" },
	{ "newcompany", "name,address", NULL, NULL },
	{ "newalias", "alias,list,address", NULL,
	    "there is no column address" },
};

static void
test_headers(void)
{
	for (size_t i = 0; i < nitems(headers); i++) {
		struct span rest = span_of(headers[i].line);
		struct import_header h;
		char why[WHY_MAX] = "";
		struct csv csv;
		int r;

		csv_init(&csv);
		next(&csv, &rest);
		r = import_header(&h, admin_find(headers[i].type), &csv,
		    headers[i].ignore, why);
		is_int(r, headers[i].want == NULL ? 0 : -1, "%s: %s",
		    headers[i].type, headers[i].line);
		if (headers[i].want != NULL)
			is_str(why, headers[i].want, "is told");
		csv_clear(&csv);
	}
}

/* ---- rows ------------------------------------------------------------------------ */

static const struct {
	const char *type, *file, *domain, *object;
	const char *want; /* the request, or what is wrong */
} rows[] = {
	{ "importbal", "address,hash,quota\nbob@x.test,$2y$x,5\n", "",
	    "bob@x.test", "IMPORTBAL|joe|pw|x.test|bob|hash=$2y$x|quota=5" },
	{ "importbal",
	    "mailbox,domain,password,comment\nbob,x.test,\"a|b,c\",\n", "",
	    "bob@x.test",
	    "IMPORTBAL|joe|pw|x.test|bob|password=a\\pb,c|comment=" },
	{ "importbal", "address,hash,password\nbob@x.test,,secret\n", "",
	    "bob@x.test", "IMPORTBAL|joe|pw|x.test|bob|password=secret" },
	{ "importbal", "address,hash\nbob,h\n", "x.test", "bob@x.test",
	    "IMPORTBAL|joe|pw|x.test|bob|hash=h" },
	{ "importbal", "address,hash\nbob,h\n", "", "bob",
	    "address: there is no domain;" },
	{ "importbal", "address,hash\n@x.test,h\n", "", "@x.test",
	    "address: must not be empty;" },
	{ "importbal", "address,domain,hash\nbob@x.test,y.test,h\n", "",
	    "bob@y.test", "domain: the domains x.test and y.test differ;" },
	{ "importbal", "address,quota,short\nbob@x.test,many,a\x01\n", "",
	    "bob@x.test",
	    "quota: is no number;short: holds a control "
	    "character;" },
	{ "importbal", "address,comment\nbob@x.test,\xff\n", "", "bob@x.test",
	    "comment: is not UTF-8;" },
	{ "importbal", "address,hash\nbob@x.test\n", "", "",
	    "there are 1 cells, and 2 in the header;" },
	{ "importbal", "address,hash\nbob@x.test,h,more\n", "", "",
	    "there are 3 cells, and 2 in the header;" },
	{ "importbal", "address,vacation\nbob@x.test,\"a\r\nb\"\n", "",
	    "bob@x.test", "IMPORTBAL|joe|pw|x.test|bob|vacation=a\\r\\nb" },
	{ "importbal", "address,comment\nbob@x.test,\"a\nb\"\n", "",
	    "bob@x.test", "comment: may hold no line end;" },
	{ "newbal", "address,password,quota\nbob@x.test,s,5\n", "",
	    "bob@x.test", "NEWBAL|joe|pw|x.test|bob|s||5|||||||||" },
	{ "newbal", "address,password\nbob@x.test,\n", "", "bob@x.test",
	    "password: must not be empty;" },
	{ "setbal", "address,forward\nbob@x.test,\n", "", "bob@x.test",
	    "SETBAL|joe|pw|x.test|bob|forward=" },
	{ "delbal", "address\nbob@x.test\n", "", "bob@x.test",
	    "DELBAL|joe|pw|x.test|bob" },
	{ "newdom", "name,client\nx.test,toto\n", "", "x.test",
	    "NEWDOM|joe|pw|x.test|x.test|client=toto" },
	{ "newdom", "domain\nx.test\n", "", "x.test",
	    "NEWDOM|joe|pw|x.test|x.test" },
	{ "newdom", "name,client\n,toto\n", "", "",
	    "name: there is no domain;" },
	{ "moddom", "name,reserved\nx.test,big\n", "", "x.test",
	    "reserved: is neither yes nor no;" },
	{ "newalias", "alias,domain,list\nstaff,x.test,\"a@b,c\"\n", "",
	    "staff", "NEWALIAS|joe|pw|x.test|staff|a@b,c" },
	{ "newvirt", "virtual,real\nsales@x.test,bob@y.test\n", "",
	    "sales@x.test", "NEWVIRT|joe|pw||sales|x.test|bob|y.test" },
	{ "newvirt",
	    "virtual,virtual-domain,real,real-domain\n,x.test,staff,\n", "",
	    "@x.test", "NEWVIRT|joe|pw|||x.test|staff|" },
	{ "newvirt", "virtual,real\n@x.test,staff\n", "", "@x.test",
	    "NEWVIRT|joe|pw|||x.test|staff|" },
	{ "newuser", "name,mobile\nBob,06\n", "", "",
	    "NEWUSER|joe|pw|||name=Bob|mobile=06" },
};

static void
test_rows(void)
{
	const struct import_told report = { tell, NULL };
	struct admin_command common, cmd;
	struct import_header h;
	char why[WHY_MAX] = "", object[OBJECT_MAX];
	struct csv csv;
	struct buf out;

	buf_init(&out, REQUEST_MAX);
	for (size_t i = 0; i < nitems(rows); i++) {
		struct span rest = span_of(rows[i].file);

		memset(&common, 0, sizeof(common));
		common.login = span_of("joe");
		common.value[FIELD_LOGIN] = span_of("pw");
		common.domain = span_of(rows[i].domain);
		csv_init(&csv);
		buf_reset(&out);
		*told = '\0';
		next(&csv, &rest);
		is_int(import_header(&h, admin_find(rows[i].type), &csv, NULL,
		           why),
		    0, "the header%s", why);
		next(&csv, &rest);
		if (import_row(&h, &csv, &common, &cmd, &report) == 0) {
			admin_request(&cmd, NULL, &out);
			buf_putc(&out, '\0');
			is_str((char *)out.data, rows[i].want, "%s %zu",
			    rows[i].type, i);
		} else {
			is_str(told, rows[i].want, "%s %zu", rows[i].type, i);
		}
		import_object(&cmd, object);
		is_str(object, rows[i].object, "its name");
		csv_clear(&csv);
	}
	buf_clear(&out);
}

static void
test_types(void)
{
	static const char *const good[] = { "importbal", "newdom", "newalias",
		"newvirt", "newuser", "newclient", "setbal", "delbal",
		"passwd" };
	static const char *const not [] = { "listbal", "showbal", "stat",
		"sync", "statbal", "audit", "newapp", "newpanel", "purge" };

	for (size_t i = 0; i < nitems(good); i++)
		ok(import_may(admin_find(good[i])), "%s", good[i]);
	for (size_t i = 0; i < nitems(not ); i++)
		ok(!import_may(admin_find(not [i])), "not %s", not [i]);
}

int
main(void)
{
	test_headers();
	test_rows();
	test_types();
	return done_testing();
}
