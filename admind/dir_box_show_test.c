/*
 * What is told of mailboxes, against a real MariaDB server: to whom, page by
 * page of every size, and with a text that is looked for in many.
 */
#include "config.h"
#include "admind/dir_box.h"
#include "admind/dir_domain.h"
#include "admind/dir_test.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <stdio.h>

static struct db *db;
static char comment[COMMENT_MAX + 1];
static char next[128];
static struct dir_who client = {
	.name = "c", .origin = "unix", .kind = WHO_CLIENT, .id = 1
};
static struct dir_who other = {
	.name = "o", .origin = "unix", .kind = WHO_CLIENT, .id = 2
};
static struct dir_who own = { .name = "bob@a.test",
	.origin = "unix",
	.kind = WHO_MAILBOX,
	.domain = "a.test",
	.login = "bob" };

static void
sql(const char *text)
{
	ok(db_script(db, text) == 0 && testdb_wait(db), "%.60s", text);
}

static void
add(const char *login, const char *domain)
{
	static const struct settings none = { .given = 0 };
	struct dir_new n = { .type = "NEWBAL",
		.set = &none,
		.verifier = "$argon2id$of-it",
		.kind = CREDENTIAL_PASSWORD,
		.uid_first = 1900000000,
		.uid_last = 1900000999 };
	struct dir_mailbox m = { .id = 0 };

	snprintf(m.login, sizeof(m.login), "%s", login);
	snprintf(m.domain, sizeof(m.domain), "%s", domain);
	is_int(dir_add(db, &testdb_admin, &m, &n, comment), CODE_OK, "%s@%s",
	    login, domain);
}

/* Append the addresses of a page, with their last column if it is asked for;
 * NEXT goes to next. */
static void
take(const struct rows *rows, int last, struct buf *out)
{
	struct fields answer, row;
	struct buf b;

	buf_init(&b, REQUEST_MAX);
	fields_init(&answer);
	fields_init(&row);
	buf_puts(&b, "x");
	rows_put(rows, "c", &b);
	next[0] = '\0';
	if (fields_parse(&answer, buf_span(&b)) == 0)
		span_copy(fields_get(&answer, 1), next, sizeof(next));
	for (unsigned i = 3; i < answer.n; i++) {
		fields_parse(&row, answer.field[i]);
		buf_puts(out, out->len > 0 ? " " : "");
		buf_put_span(out, fields_get(&row, 0));
		buf_puts(out, "@");
		buf_put_span(out, fields_get(&row, 1));
		if (last >= 0) {
			buf_puts(out, "=");
			buf_put_span(out, fields_get(&row, (unsigned)last));
		}
	}
	fields_clear(&row);
	fields_clear(&answer);
	buf_clear(&b);
}

static struct buf got;

static const char *
got_text(void)
{
	buf_put(&got, "", 1);
	return buf_error(&got) != 0 ? "(too long)" : (const char *)got.data;
}

static int
page(const struct dir_who *who, const char *domain, const char *match,
    const char *after, uint64_t max, bool hashes)
{
	struct dir_page p = { span_of(match), span_of(after), max, domain };
	struct rows rows;
	int code;

	rows_init(&rows, max);
	code = dir_box_list(db, who, &p, hashes, &rows, comment);
	if (code == CODE_OK)
		take(&rows, hashes ? 16 : -1, &got);
	rows_clear(&rows);
	return code;
}

/* All pages of a size, as one list. */
static const char *
list(const struct dir_who *who, const char *domain, const char *match,
    uint64_t max)
{
	char after[sizeof(next)] = "";

	buf_reset(&got);
	for (int i = 0; i < 100; i++) {
		if (page(who, domain, match, after, max, false) != CODE_OK)
			return comment;
		if (next[0] == '\0')
			return got_text();
		memcpy(after, next, sizeof(after));
	}
	return "(no end)";
}

static void
test_lists(void)
{
	static const struct {
		const struct dir_who *who;
		const char *domain, *match, *want;
	} rows[] = {
		{ &testdb_admin, "", "",
		    "al@a.test bob@a.test zoe@a.test "
		    "eve@b.test bob@d.test zz@d.test" },
		{ &client, "", "",
		    "al@a.test bob@a.test zoe@a.test "
		    "bob@d.test zz@d.test" },
		{ &other, "", "", "eve@b.test" },
		{ &own, "", "", "" },
		{ &testdb_admin, "d.test", "", "bob@d.test zz@d.test" },
		{ &testdb_admin, "c.test", "", "" },
		{ &client, "b.test", "", "there is no domain b.test" },
		{ &client, "z.test", "", "there is no domain z.test" },
		{ &testdb_admin, "", "bob", "bob@a.test bob@d.test" },
		{ &testdb_admin, "", "b@a", "bob@a.test" },
		{ &testdb_admin, "", "z", "zoe@a.test zz@d.test" },
		{ &client, "", "eve", "" },
		{ &testdb_admin, "d.test", "zz@d", "zz@d.test" },
		{ &testdb_admin, "", "%", "" },
		{ &testdb_admin, "", "\xc3\xa9", "" },
	};

	for (size_t i = 0; i < nitems(rows); i++)
		for (uint64_t max = 1; max <= 8; max++)
			is_str(list(rows[i].who, rows[i].domain, rows[i].match,
			           max),
			    rows[i].want, "list %zu, %d a page", i, (int)max);
}

static void
test_after(void)
{
	static const struct {
		const char *domain, *after, *want;
	} rows[] = {
		{ "", "1/al",
		    "bob@a.test zoe@a.test eve@b.test bob@d.test "
		    "zz@d.test" },
		{ "", "1/am",
		    "bob@a.test zoe@a.test eve@b.test bob@d.test "
		    "zz@d.test" },
		{ "", "1/zoe", "eve@b.test bob@d.test zz@d.test" },
		{ "", "2/", "eve@b.test bob@d.test zz@d.test" },
		{ "", "3/", "bob@d.test zz@d.test" },
		{ "", "2147483647/", "" },
		{ "d.test", "1/zz", "bob@d.test zz@d.test" },
		{ "d.test", "4/bob", "zz@d.test" },
		{ "a.test", "4/bob", "" },
	};
	static const char *const bad[] = { "x", "1", "/", "/a", "1/A B",
		"1/\xc3\xa9", "-1/a", "99999999999/a", "1/a/b" };

	for (size_t i = 0; i < nitems(rows); i++) {
		buf_reset(&got);
		is_int(page(&testdb_admin, rows[i].domain, "", rows[i].after, 0,
		           false),
		    CODE_OK, "after %s", rows[i].after);
		is_str(got_text(), rows[i].want, "%s of \"%s\"", rows[i].after,
		    rows[i].domain);
	}
	for (size_t i = 0; i < nitems(bad); i++)
		is_int(page(&testdb_admin, "", "", bad[i], 0, false),
		    CODE_VALUE, "after %s", bad[i]);
}

static void
test_hashes(void)
{
	struct dir_who all = testdb_admin;

	all.id = 1;
	is_int(page(&all, "", "", "", 0, true), CODE_DENIED,
	    "no hashes for an administrator who has logged in");
	is_int(page(&client, "", "", "", 0, true), CODE_DENIED, "a client");
	is_int(page(&own, "", "", "", 0, true), CODE_DENIED, "a mailbox");
	buf_reset(&got);
	is_int(page(&testdb_admin, "b.test", "", "", 0, true), CODE_OK,
	    "for root");
	is_str(got_text(), "eve@b.test=$argon2id$of-it", "they are there");
}

/* More than are looked at at a time. */
static void
test_many(void)
{
	sql("INSERT INTO BAL (Ba_Login, Ba_IdDomaine, Ba_Uid, Ba_Etat) SELECT "
	    "CONCAT('m', LPAD(seq, 5, '0')), 3, seq, 'ACTIVE' FROM "
	    "seq_1_to_12000;\nUPDATE Domaine SET Do_NombreBAL = 12000 WHERE "
	    "Do_IdDomaine = 3;\n");
	for (uint64_t max = 1; max <= 4; max++)
		is_str(list(&testdb_admin, "", "0000", max),
		    "m00001@c.test "
		    "m00002@c.test m00003@c.test m00004@c.test m00005@c.test "
		    "m00006@c.test m00007@c.test m00008@c.test m00009@c.test "
		    "m10000@c.test",
		    "some of many, %d a page", (int)max);
	is_str(list(&testdb_admin, "c.test", "12000", 1), "m12000@c.test",
	    "the last one");
	is_str(list(&testdb_admin, "", "m05001", 1), "m05001@c.test",
	    "where two slices meet");
	is_str(list(&other, "", "m", 3), "", "another's are not looked at");
}

static void
test_show(void)
{
	struct rows rows;

	rows_init(&rows, 1);
	is_int(dir_box_show(db,
	           (uint32_t)testdb_number(db,
	               "SELECT Ba_IdBAL "
	               "FROM BAL WHERE Ba_Login = 'eve'"),
	           &rows, comment),
	    CODE_OK, "show");
	buf_reset(&got);
	take(&rows, 2, &got);
	is_str(got_text(), "eve@b.test=creating", "its state");
	rows_clear(&rows);
}

int
main(void)
{
	int r;

	log_init("dir_box_show_test");
	secret_init();
	if ((r = testdb_start("dir-box-show")) == 0) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		return done_testing();
	}
	if (!ok(r == 1, "mariadb-install-db"))
		return done_testing();
	buf_init(&got, 65536);
	db = testdb_client();
	if (ok(testdb_wait(db), "mariadbd") &&
	    ok(dir_open(db) == 0, "the schema")) {
		sql("INSERT INTO Client (Cl_IdClient, Cl_Login, Cl_IdSociete, "
		    "Cl_IdAdministrateur) VALUES (2, 'o', 1, 1);\n");
		for (const char *const *d = (const char *const[]){ "a.test",
		         "b.test", "c.test", "d.test", NULL };
		     *d != NULL; d++)
			is_int(dir_newdom(db,
			           strcmp(*d, "b.test") == 0 ? &other : &client,
			           *d, "", comment),
			    CODE_OK, "%s", *d);
		add("zz", "d.test");
		add("eve", "b.test");
		for (const char *const *l =
		         (const char *const[]){ "zoe", "al", "bob", NULL };
		     *l != NULL; l++)
			add(*l, "a.test");
		add("bob", "d.test");
		test_lists();
		test_after();
		test_hashes();
		test_show();
		test_many();
	}
	buf_clear(&got);
	db_free(&db);
	testdb_end();
	return done_testing();
}
