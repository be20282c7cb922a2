/*
 * The schema against a real MariaDB server of our own: repeated migrations, the
 * columns that are promised, logins, and a server that is killed.
 */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/dir_test.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <unistd.h>

static char comment[COMMENT_MAX + 1];

/* ---- tests ------------------------------------------------------------------------ */

/* SPEC 6: every table with every column. */
static void
test_schema(struct db *db)
{
	static const char *const columns[] = {
		"Domaine Do_IdDomaine Do_NomDomaine Do_IdServeur Do_IdClient "
		"Do_QuotaMail Do_MaxMail Do_DureePurge Do_FichierGfx "
		"Do_Commentaire",
		"Client Cl_IdClient Cl_Nom Cl_Prenom Cl_Login Cl_Password "
		"Cl_IdSociete Cl_Commentaire Cl_CompteSMS Cl_PasswordSMS",
		"Societe So_IdSociete So_Nom So_Adresse So_Telephone So_Fax "
		"So_Commentaire",
		"BAL Ba_IdBAL Ba_Login Ba_Password Ba_IdDomaine "
		"Ba_IdUtilisateur Ba_SMS Ba_FiltreSMS Ba_Antivirus Ba_Forward "
		"Ba_Commentaire",
		"Utilisateur Ut_IdUtilisateur Ut_IdClient Ut_Nom Ut_Prenom "
		"Ut_NumTelPortable Ut_NumTelFixe Ut_Adresse Ut_Commentaire",
		"Alias Al_IdAlias Al_IdServeur Al_Nom Al_ListeEmail "
		"Al_Commentaire",
		"VirtualUser Vi_IdVirtual Vi_UtilisateurVirtuel Vi_IdDomaine "
		"Vi_UtilisateurReel Vi_DomaineReel Vi_IdAlias Vi_Commentaire",
		"ServeurMail Se_IdServeur Se_Nom Se_Adresse Se_TypeServeur "
		"Se_Commentaire Se_StructLogin",
	};

	is_int(dir_open(db), 0, "the schema is made");
	is_int(dir_open(db), 0, "again: nothing to do");
	for (unsigned i = 0; i < dir_nmigrations; i++)
		is_int(db_script(db, dir_migrations[i]), 0,
		    "migration %u may be run twice", i + 1);
	is_int((int64_t)testdb_number(db, "SELECT COUNT(*) FROM Client"), 1,
	    "one seeded client");
	is_int((int64_t)testdb_number(db, "SELECT COUNT(*) FROM Annuaire"), 1,
	    "one identity");
	is_int(
	    (int64_t)testdb_number(db,
	        "SELECT COUNT(*) FROM "
	        "information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND "
	        "(ENGINE <> 'InnoDB' OR NOT EXISTS (SELECT 1 FROM "
	        "information_schema.TABLE_CONSTRAINTS c WHERE c.TABLE_SCHEMA = "
	        "TABLES.TABLE_SCHEMA AND c.TABLE_NAME = TABLES.TABLE_NAME AND "
	        "c.CONSTRAINT_TYPE = 'PRIMARY KEY'))"),
	    0, "every table is InnoDB and has a primary key");
	for (size_t i = 0; i < nitems(columns); i++) {
		struct span rest = span_of(columns[i]), table, column;
		bool all = true;
		ptrdiff_t sp = span_chr(rest, ' ');

		table = span_sub(rest, 0, (size_t)sp);
		while (sp >= 0) {
			struct db_value v[2];
			struct db_rows r;

			rest = span_sub(rest, (size_t)sp + 1, rest.len);
			sp = span_chr(rest, ' ');
			column = sp < 0 ? rest : span_sub(rest, 0, (size_t)sp);
			v[0] = db_bytes(table);
			v[1] = db_bytes(column);
			if (db_query(db, &r,
			        "SELECT 1 FROM "
			        "information_schema.COLUMNS WHERE TABLE_SCHEMA = "
			        "DATABASE() AND BINARY TABLE_NAME = ? AND BINARY "
			        "COLUMN_NAME = ?",
			        v, 2) == -1 ||
			    !db_next(&r)) {
				printf("# no %.*s\n", (int)column.len,
				    (const char *)column.data);
				all = false;
			}
			db_rows_clear(&r);
		}
		ok(all, "columns of %.*s", (int)table.len,
		    (const char *)table.data);
	}
}

static void
test_clients(struct db *db)
{
	char verifier[VERIFIER_MAX + 1] = "x";
	struct dir_who who = { .id = 77 };
	struct db_value v[1];

	ok(dir_login(db, span_of("local"), &who, verifier, comment) ==
	            CODE_OK &&
	        who.kind == WHO_CLIENT && who.id == 1,
	    "the seeded client");
	is_str(verifier, "", "has no password");
	v[0] = db_str("$argon2id$");
	db_do(db, NULL, NULL, "UPDATE Client SET Cl_Password = ?", v, 1);
	ok(dir_login(db, span_of("local"), &who, verifier, comment) == CODE_OK,
	    "now it has one");
	is_str(verifier, "$argon2id$", "this");
	is_int(dir_login(db, span_of("Local"), &who, verifier, comment),
	    CODE_DENIED, "another login");
	ok(dir_login(db, span_of("admin"), &who, verifier, comment) ==
	            CODE_OK &&
	        who.kind == WHO_ALL && who.id == 1,
	    "the seeded administrator");
}

static void
test_domains(struct db *db)
{
	struct dir_who other = {
		.name = "c", .origin = "unix", .kind = WHO_CLIENT, .id = 77
	};

	is_int(dir_newdom(db, &testdb_admin, "x.test", "", comment), CODE_OK,
	    "NEWDOM");
	is_int(dir_newdom(db, &testdb_admin, "x.test", "", comment), CODE_OK,
	    "again");
	is_int((int64_t)testdb_number(db, "SELECT COUNT(*) FROM Journal"), 1,
	    "one change");
	is_int(dir_newdom(db, &other, "x.test", "", comment), CODE_EXISTS,
	    "another client's");
}

static int
newdom(struct db *db, const char *name)
{
	return dir_newdom(db, &testdb_admin, name, "", comment);
}

/* A week ago, for some; the clock has jumped for one. */
static void
test_prune(struct db *db)
{
	uint64_t last = testdb_number(db, "SELECT MAX(Jo_Numero) FROM Journal");
	char name[32];

	for (unsigned i = 0; i < 12; i++, last++) {
		snprintf(name, sizeof(name), "prune%u.test", i);
		newdom(db, name);
	}
	is_int(dir_prune(db, last, 3600), 0, "nothing is old enough");
	is_int((int64_t)testdb_number(db, "SELECT COUNT(*) FROM Journal"),
	    (int64_t)last, "all of it is there");
	db_script(db,
	    "UPDATE Journal SET Jo_Date = Jo_Date - INTERVAL 7 DAY "
	    "WHERE Jo_Numero <> 9;\n");
	is_int(dir_prune(db, 3, 3600), 0, "what is acknowledged");
	is_int((int64_t)testdb_number(db, "SELECT MIN(Jo_Numero) FROM Journal"),
	    4, "goes");
	is_int(dir_prune(db, last, 3600), 0, "what is old");
	is_int((int64_t)testdb_number(db, "SELECT MIN(Jo_Numero) FROM Journal"),
	    9, "goes, up to the first that is not");
	db_script(db,
	    "INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id, Jo_Date) "
	    "SELECT 100000 + seq, 1, 1, '2020-01-01' FROM seq_1_to_1500;\n");
	db_script(db, "UPDATE Journal SET Jo_Date = '2020-01-01';\n");
	is_int(dir_prune(db, 200000, 3600), 1, "a bounded number at a time");
	is_int((int64_t)testdb_number(db, "SELECT COUNT(*) FROM Journal"),
	    (int64_t)(1500 + last - 8 - 1000), "1000");
	is_int(dir_prune(db, 200000, 3600), 0, "the rest");
	is_int((int64_t)testdb_number(db, "SELECT COUNT(*) FROM Journal"), 0,
	    "none is left");
	is_int(newdom(db, "pruned.test"), CODE_OK, "a change");
	is_int((int64_t)testdb_number(db, "SELECT MIN(Jo_Numero) FROM Journal"),
	    (int64_t)last + 1, "has the next number");
}

static void
test_lost(struct db *db)
{
	testdb_kill();
	is_int(newdom(db, "late.test"), CODE_TEMP, "the server is gone");
	ok(comment[0] != '\0', "and the comment says so");
	is_int(newdom(db, "late.test"), CODE_TEMP, "still");
	testdb_again();
	ok(testdb_wait(db), "the server is back");
	is_int(newdom(db, "late.test"), CODE_OK, "and so are we");
	/* Killed while connected and idle: the next request tries again. */
	testdb_kill();
	testdb_again();
	for (int i = 0; i < 600 && !testdb_is_there(); i++)
		usleep(50000);
	for (int i = 0; i < 100 && newdom(db, "later.test") != CODE_OK; i++)
		usleep(50000);
	is_int(newdom(db, "later.test"), CODE_OK, "a new connection");
	is_int((int64_t)testdb_number(db,
	           "SELECT COUNT(*) FROM Domaine WHERE "
	           "Do_NomDomaine = 'late.test'"),
	    1, "what was acknowledged is there");
}

static void
test_snapshot(struct db *db)
{
	struct dir_snapshot is;
	uint64_t number;

	is_int(newdom(db, "snap1.test"), CODE_OK, "a change");
	is_int(newdom(db, "snap2.test"), CODE_OK, "and another");
	number = testdb_number(db, "SELECT MAX(Jo_Numero) FROM Journal");
	ok(dir_snapshot(db, &is) == 0 && is.journal == number &&
	        is.directory != 0,
	    "a snapshot says what it shows");
	db_snapshot_end(db);
	/* A gap that does not close must not stop everything. */
	db_do(db, NULL, NULL,
	    "DELETE FROM Journal WHERE Jo_Numero + 1 = (SELECT "
	    "Co_Valeur FROM Compteur WHERE Co_Nom = 'journal')",
	    NULL, 0);
	ok(dir_snapshot(db, &is) == 0 && is.journal == number,
	    "with a gap made by hand, too");
	db_snapshot_end(db);
}

static void
test_where(void)
{
	static const struct {
		const char *in;
		bool good;
	} rows[] = {
		{ "semail@192.0.2.1:3306/mail", true },
		{ "semail@[::1]:3306/mail", true },
		{ "private", false },
		{ "semail@db.test:3306/mail", false },
		{ "semail@192.0.2.1/mail", false },
		{ "@192.0.2.1:3306/mail", false },
		{ "semail@192.0.2.1:0/mail", false },
		{ "semail@192.0.2.1:3306/", false },
		{ "semail@192.0.2.1:3306/a`b", false },
		{ "semail@192.0.2.1:3306,192.0.2.2:3307/mail", true },
		{ "semail@192.0.2.1:3306,[2001:db8::1]:3307/mail", true },
		{ "semail@192.0.2.1:3306,/mail", false },
		{ "semail@,192.0.2.1:3306/mail", false },
		{ "semail@192.0.2.1,192.0.2.2:3306/mail", false },
	};
	struct db_where w;

	for (size_t i = 0; i < nitems(rows); i++)
		is_int(db_where_parse(rows[i].in, &w) == 0, rows[i].good,
		    "database %s", rows[i].in);
	ok(db_where_parse("u@x@[::1]:3307,192.0.2.2:1/n", &w) == 0 &&
	        w.nhosts == 2 && w.hosts[0].port == 3307 &&
	        strcmp(w.hosts[0].name, "::1") == 0 && w.hosts[1].port == 1 &&
	        strcmp(w.hosts[1].name, "192.0.2.2") == 0 &&
	        strcmp(w.user, "u@x") == 0 && strcmp(w.name, "n") == 0,
	    "its parts");
}

static void
test_tls(void)
{
	static const char pem[] = "x\n-----BEGIN CERTIFICATE-----\n";
	static const struct {
		const char *where, *word, *ca;
		int tls; /* -1: refused */
	} rows[] = {
		{ "u@127.0.0.1:1,[::1]:2/n", "auto", "", DB_TLS_NO },
		{ "u@127.0.0.1:1,192.0.2.2:2/n", "auto", pem, DB_TLS_VERIFY },
		{ "u@192.0.2.1:1/n", "auto", "", -1 },
		{ "u@192.0.2.1:1/n", "auto", "no certificate", -1 },
		{ "u@192.0.2.1:1/n", "no", "", DB_TLS_NO },
		{ "u@192.0.2.1:1/n", "encrypt", "", DB_TLS_ENCRYPT },
		{ "u@192.0.2.1:1/n", "verify-ca", pem, DB_TLS_VERIFY_CA },
		{ "u@127.0.0.1:1/n", "verify", pem, DB_TLS_VERIFY },
		{ "u@127.0.0.1:1/n", "verify", "", -1 },
	};
	struct db_where w;
	const char *why;

	for (size_t i = 0; i < nitems(rows); i++) {
		int r = db_where_parse(rows[i].where, &w);

		why = NULL;
		if (r == 0)
			r = db_where_tls(&w, rows[i].word, span_of(rows[i].ca),
			    &why);
		is_int(r == 0 ? (int)w.tls : -1, rows[i].tls, "TLS %s of %s",
		    rows[i].word, rows[i].where);
		ok((r == 0) == (why == NULL), "and it says why");
	}
}

int
main(void)
{
	struct db *db;
	int r;

	log_init("directory_test");
	secret_init();
	test_where();
	test_tls();
	if ((r = testdb_start("directory")) == 0) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		return done_testing();
	}
	if (!ok(r == 1, "mariadb-install-db"))
		return done_testing();
	db = testdb_client();
	if (ok(testdb_wait(db), "mariadbd")) {
		test_schema(db);
		test_domains(db);
		test_clients(db);
		test_prune(db);
		test_snapshot(db);
		test_lost(db);
	}
	db_free(&db);
	testdb_end();
	return done_testing();
}
