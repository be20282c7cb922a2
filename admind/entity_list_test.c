/*
 * LIST of the entities against a real MariaDB server: whose rows, which of them,
 * page by page of every size, and one's own behind more than a slice of others'.
 */
#include "config.h"
#include "admind/dir_test.h"
#include "admind/entity.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <stdio.h>

static struct db *db;
static char comment[COMMENT_MAX + 1];
static struct fields page, cells;
static struct buf answer, got;

static struct dir_who all = { .name = "root", .origin = "unix" };
static struct dir_who anna = { .name = "anna", .kind = WHO_ADMIN, .id = 2 };
static struct dir_who otto = { .name = "otto", .kind = WHO_ADMIN, .id = 3 };
static struct dir_who paul = { .name = "paul", .kind = WHO_CLIENT, .id = 2 };
static struct dir_who rosa = { .name = "rosa", .kind = WHO_CLIENT, .id = 3 };
static struct dir_who own = { .name = "bob@p.test",
	.kind = WHO_MAILBOX,
	.domain = "p.test",
	.login = "bob" };

/* anna has paul, and otto rosa. */
static const char people[] =
    "INSERT INTO Administrateur (Ad_IdAdministrateur, Ad_Login) VALUES "
    "(2, 'anna'), (3, 'otto');\n"
    "INSERT INTO Societe (So_IdSociete, So_Nom, So_IdAdministrateur) VALUES "
    "(2, 'Wood & Sons', 2);\n"
    "INSERT INTO Client (Cl_IdClient, Cl_Login, Cl_Nom, Cl_IdSociete, "
    "Cl_IdAdministrateur) VALUES (2, 'paul', 'Paul|\\\\''\"--', 2, 2), "
    "(3, 'rosa', '', 1, 3);\n"
    "INSERT INTO ServeurMail (Se_Nom) VALUES ('mail2.x');\n";
static const char names[] =
    "INSERT INTO Domaine (Do_IdDomaine, Do_NomDomaine, Do_IdServeur, "
    "Do_IdClient) VALUES (1, 'own.test', 1, 1), (2, 'p.test', 1, 2), "
    "(3, 'p2.test', 1, 2), (4, 'r.test', 1, 3);\n"
    "INSERT INTO Alias (Al_IdAlias, Al_IdServeur, Al_Nom, Al_ListeEmail, "
    "Al_IdClient, Al_IdDomaine) VALUES (1, 1, 'info', 'bob', 2, 2), "
    "(2, 1, 'sales', 'a@b.test', 1, NULL), (3, 1, 'post', 'bob', 2, 2);\n"
    "INSERT INTO VirtualUser (Vi_UtilisateurVirtuel, Vi_IdDomaine, "
    "Vi_UtilisateurReel, Vi_DomaineReel, Vi_IdAlias) VALUES "
    "('contact', 2, 'info', '', 1), ('', 3, 'a', 'x.test', NULL), "
    "('x', 4, 'sales', '', 2), ('y', 2, 'b', 'x.test', NULL), "
    "('v', 3, 'c', 'x.test', NULL), ('z', 2, 'd', 'x.test', NULL);\n"
    "INSERT INTO Utilisateur (Ut_IdClient, Ut_Nom) VALUES (2, 'Bob'), "
    "(3, 'Zoe'), (2, 'Ann');\n";

/* A page, the first cells of its rows with commas between them behind what got
 * has; page.field[1] is its NEXT.  A code. */
static int
list_page(const struct dir_who *who, const char *name, const struct dir_page *p)
{
	struct dir_change c;
	struct rows rows;
	int code;

	rows_init(&rows, p->max);
	change_init(&c, entity_find(span_of(name)), who, "LIST", comment);
	snprintf(c.domain, sizeof(c.domain), "%s", p->domain);
	code = entity_list(db, &c, p, &rows);
	buf_reset(&answer);
	field_put(&answer, span_of("LIST"), true);
	if (code == CODE_OK &&
	    (rows_put(&rows, c.entity->shown, &answer) == -1 ||
	        fields_parse(&page, buf_span(&answer)) == -1))
		code = 99;
	for (unsigned i = 3; code == CODE_OK && i < page.n; i++) {
		fields_parse(&cells, page.field[i]);
		buf_put_span(&got, cells.field[0]);
		buf_puts(&got, ",");
	}
	change_clear(&c);
	rows_clear(&rows);
	return code;
}

/* All pages of a size, or the code of one that is refused. */
static const char *
list(const struct dir_who *who, const char *name, const char *domain,
    const char *match, uint64_t max)
{
	static char refused[16];
	char after[300] = "";
	int code;

	buf_reset(&got);
	for (unsigned pages = 0; pages < 50; pages++) {
		struct dir_page p = { span_of(match), span_of(after), max,
			domain };

		if ((code = list_page(who, name, &p)) != CODE_OK) {
			snprintf(refused, sizeof(refused), "%d", code);
			return refused;
		}
		if (page.field[1].len == 0) {
			buf_put(&got, "", 1);
			return buf_error(&got) != 0 ? "(too long)"
			                            : (const char *)got.data;
		}
		if (span_copy(page.field[1], after, sizeof(after)) == -1)
			break;
	}
	return "(no end)";
}

static void
test_lists(void)
{
	/* clang-format off */
	static const struct {
		const struct dir_who *who;
		const char *name, *domain, *match, *want;
	} rows[] = {
		{ &all, "ADMIN", "", "", "admin,anna,otto," },
		{ &all, "SERVER", "", "", "local,mail2.x," },
		{ &all, "COMPANY", "", "", "1,2," },
		{ &anna, "COMPANY", "", "", "2," },
		{ &otto, "COMPANY", "", "", "1," }, /* his client's */
		{ &all, "CLIENT", "", "", "local,paul,rosa," },
		{ &anna, "CLIENT", "", "", "paul," },
		{ &all, "CLIENT", "", "ros", "rosa," },
		{ &anna, "CLIENT", "", "ros", "" },
		{ &all, "CLIENT", "", "|\\'", "paul," }, /* any bytes */
		{ &all, "CLIENT", "", "p%l", "" }, /* it is no pattern */
		{ &all, "DOM", "", "", "own.test,p.test,p2.test,r.test," },
		{ &all, "DOM", "", "\xc3\xa9", "" },
		{ &anna, "DOM", "", "", "p.test,p2.test," },
		{ &paul, "DOM", "", "", "p.test,p2.test," },
		{ &rosa, "DOM", "", "", "r.test," },
		{ &own, "DOM", "", "", "" },
		{ &paul, "ALIAS", "", "", "info,post," },
		{ &paul, "ALIAS", "p.test", "", "info,post," },
		{ &paul, "ALIAS", "p2.test", "", "" },
		{ &paul, "ALIAS", "r.test", "", "-4" },
		{ &paul, "ALIAS", "none.test", "", "-4" },
		{ &rosa, "ALIAS", "", "", "" },
		{ &all, "ALIAS", "", "", "info,sales,post," },
		{ &all, "ALIAS", "", "al", "sales," },
		{ &all, "VIRT", "", "", "contact,,x,y,v,z," },
		{ &paul, "VIRT", "", "", "contact,,y,v,z," },
		{ &paul, "VIRT", "p.test", "", "contact,y,z," },
		{ &paul, "VIRT", "", "@p2", ",v," },
		{ &rosa, "VIRT", "", "", "x," },
		{ &own, "VIRT", "", "", "" },
		{ &all, "USER", "", "", "1,2,3," },
		{ &otto, "USER", "", "", "2," },
		{ &paul, "USER", "", "", "1,3," },
	};
	/* clang-format on */

	for (size_t i = 0; i < nitems(rows); i++)
		for (uint64_t max = 0; max <= 4; max++)
			is_str(list(rows[i].who, rows[i].name, rows[i].domain,
			           rows[i].match, max),
			    rows[i].want, "%s of %s, \"%s\" \"%s\", %d a page",
			    rows[i].name, rows[i].who->name, rows[i].domain,
			    rows[i].match, (int)max);
}

static void
test_after(void)
{
	static const struct {
		const char *name, *after, *want;
		int code;
	} rows[] = {
		{ "ALIAS", "1", "sales,post,", 0 },
		{ "ALIAS", "3", "", 0 },
		{ "ALIAS", "2147483647", "", 0 },
		{ "ALIAS", "2147483648", "", CODE_VALUE },
		{ "ALIAS", "-1", "", CODE_VALUE },
		{ "ALIAS", "x", "", CODE_VALUE },
		{ "DOM", "p.test", "p2.test,r.test,", 0 },
		{ "DOM", "p1", "p2.test,r.test,", 0 },
		{ "DOM", "\xc3\xa9", "", CODE_VALUE },
	};

	for (size_t i = 0; i < nitems(rows); i++) {
		struct dir_page p = { span_of(""), span_of(rows[i].after), 0,
			"" };

		buf_reset(&got);
		is_int(list_page(&all, rows[i].name, &p), rows[i].code,
		    "%s after %s", rows[i].name, rows[i].after);
		ok(span_is(buf_span(&got), rows[i].want), "what is there");
	}
}

/* More than a slice of others' rows before one's own. */
static void
test_many(void)
{
	ok(db_script(db,
	       "INSERT INTO Alias (Al_IdServeur, Al_Nom, "
	       "Al_ListeEmail, Al_IdClient) SELECT 1, CONCAT('bulk', LPAD(seq, 5, "
	       "'0')), 'a', 3 FROM seq_1_to_12000;\nINSERT INTO Alias "
	       "(Al_IdServeur, Al_Nom, Al_ListeEmail, Al_IdClient, Al_IdDomaine) "
	       "VALUES (1, 'last', 'bob', 2, 2);\n") == 0,
	    "12000 aliases and one after them");
	is_str(list(&paul, "ALIAS", "", "", 1), "info,post,last,", "his");
	is_str(list(&paul, "ALIAS", "p.test", "", 0), "info,post,last,",
	    "of his domain");
	is_str(list(&all, "ALIAS", "", "k11999", 0), "bulk11999,", "some");
	is_str(list(&all, "ALIAS", "", "0777", 1),
	    "bulk00777,bulk07770,"
	    "bulk07771,bulk07772,bulk07773,bulk07774,bulk07775,bulk07776,"
	    "bulk07777,bulk07778,bulk07779,bulk10777,",
	    "page by page");
	is_int((int64_t)strlen(list(&rosa, "ALIAS", "", "k0", 0)), 9999 * 10,
	    "pages of all");
}

int
main(void)
{
	int r;

	log_init("entity_list_test");
	secret_init();
	fields_init(&page);
	fields_init(&cells);
	buf_init(&answer, REQUEST_MAX);
	buf_init(&got, 131072);
	if ((r = testdb_start("entity-list")) == 0) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		return done_testing();
	}
	db = testdb_client();
	if (ok(r == 1 && testdb_wait(db) && dir_open(db) == 0, "mariadbd") &&
	    ok(db_script(db, people) == 0 && db_script(db, names) == 0,
	        "people and names")) {
		test_lists();
		test_after();
		test_many();
	}
	db_free(&db);
	testdb_end();
	buf_clear(&got);
	buf_clear(&answer);
	fields_clear(&page);
	fields_clear(&cells);
	return done_testing();
}
