/*
 * The schema and the changes of directory.c against a real MariaDB server of
 * our own: repeated migrations, the columns that are promised, limits, uids,
 * a gap-free journal under two writers, and a server that is killed.
 */
#include "config.h"
#include "admind/directory.h"
#include "admind/dir_domain.h"
#include "tap.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/semail-directory.XXXXXX";
static char sock[64], data[64], me[64];
static pid_t server;
static char comment[COMMENT_MAX + 1];
static const struct dir_who admin = { .name = "test", .origin = "unix" };

/* ---- the server ------------------------------------------------------------------ */

static pid_t
run(const char *const argv[])
{
	pid_t pid = fork();
	int null;

	if (pid != 0)
		return pid;
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
	    "/bin", 1);
	if ((null = open("/dev/null", O_RDWR)) != -1) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	io_exec(argv[0], argv, NULL);
	_exit(127);
}

static int
server_install(void)
{
	char datadir[80], user[80], socket_user[100];
	const char *argv[] = { "mariadb-install-db", "--no-defaults", datadir,
		user, "--auth-root-authentication-method=socket", socket_user,
		"--skip-test-db", NULL };
	int status;

	snprintf(datadir, sizeof(datadir), "--datadir=%s", data);
	snprintf(user, sizeof(user), "--user=%s", me);
	snprintf(socket_user, sizeof(socket_user), "--auth-root-socket-user=%s",
	    me);
	waitpid(run(argv), &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void
server_start(void)
{
	char datadir[80], user[80], socket_arg[80];
	const char *argv[] = { "mariadbd", "--no-defaults", user, datadir,
		socket_arg, "--skip-networking", "--innodb-buffer-pool-size=8M",
		"--innodb-log-file-size=4M", "--key-buffer-size=64K",
		"--performance-schema=OFF", "--max-connections=20",
		"--skip-log-bin", "--character-set-server=utf8mb4", NULL };

	snprintf(user, sizeof(user), "--user=%s", me);
	snprintf(datadir, sizeof(datadir), "--datadir=%s", data);
	snprintf(socket_arg, sizeof(socket_arg), "--socket=%s", sock);
	server = run(argv);
}

static void
server_stop(int sig)
{
	kill(server, sig);
	waitpid(server, NULL, 0);
}

static struct db *
client(void)
{
	struct db_where w = { .name = "semail" };

	snprintf(w.user, sizeof(w.user), "%s", me);
	snprintf(w.socket, sizeof(w.socket), "%s", sock);
	return db_new(&w);
}

static bool
wait_open(struct db *db)
{
	for (int i = 0; i < 600; i++) {
		if (db_ready(db) == 0)
			return true;
		usleep(50000); /* until the server listens */
	}
	return false;
}

static uint64_t
number(struct db *db, const char *sql)
{
	struct db_rows r;
	uint64_t n = ~0ull;

	if (db_query(db, &r, sql, NULL, 0) == 0 && db_next(&r))
		n = db_column_u64(&r, 0);
	db_rows_clear(&r);
	return n;
}

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
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM Client"), 1,
	    "one seeded client");
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM Annuaire"), 1,
	    "one identity");
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM "
	    "information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND "
	    "(ENGINE <> 'InnoDB' OR NOT EXISTS (SELECT 1 FROM "
	    "information_schema.TABLE_CONSTRAINTS c WHERE c.TABLE_SCHEMA = "
	    "TABLES.TABLE_SCHEMA AND c.TABLE_NAME = TABLES.TABLE_NAME AND "
	    "c.CONSTRAINT_TYPE = 'PRIMARY KEY'))"), 0,
	    "every table is InnoDB and has a primary key");
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
			if (db_query(db, &r, "SELECT 1 FROM "
			    "information_schema.COLUMNS WHERE TABLE_SCHEMA = "
			    "DATABASE() AND BINARY TABLE_NAME = ? AND BINARY "
			    "COLUMN_NAME = ?", v, 2) == -1 || !db_next(&r)) {
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

static struct dir_mailbox
box(const char *login, uint64_t quota)
{
	struct dir_mailbox m = { .domain = "x.test", .quota_kb = quota,
		.verifier = "$argon2id$none" };

	snprintf(m.login, sizeof(m.login), "%s", login);
	return m;
}

static int
add(struct db *db, struct dir_mailbox *m)
{
	return dir_add(db, &admin, m, 1900000000, 1900000999, comment);
}

static void
test_changes(struct db *db)
{
	struct dir_who other = { .name = "c", .origin = "unix", .kind = WHO_CLIENT, .id = 77 };
	struct dir_mailbox m = box("bob", 100), found, n;
	uint64_t uid;

	is_int(dir_newdom(db, &admin, "x.test", "", comment), CODE_OK, "NEWDOM");
	is_int(dir_newdom(db, &admin, "x.test", "", comment), CODE_OK, "again");
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM Journal"), 1,
	    "one change");
	is_int(dir_newdom(db, &other, "x.test", "", comment), CODE_EXISTS,
	    "another client's");
	is_int(dir_find(db, &admin, &m, &found, comment), CODE_NO_MAILBOX,
	    "no mailbox yet");
	is_int(dir_find(db, &other, &m, &found, comment), CODE_NO_DOMAIN,
	    "another client sees no domain");
	is_int(add(db, &m), CODE_OK, "add");
	is_int(add(db, &m), CODE_EXISTS, "add again");
	ok(dir_find(db, &admin, &m, &found, comment) == CODE_OK &&
	    found.state == BOX_CREATING && found.quota_kb == 100 &&
	    strcmp(found.verifier, "$argon2id$none") == 0, "as it is");
	ok(dir_unfinished(db, 0, &n) == 1 && n.id == found.id &&
	    strcmp(n.domain, "x.test") == 0, "unfinished");
	is_int(dir_activate(db, found.id, comment), CODE_OK, "activate");
	is_int(dir_activate(db, found.id, comment), CODE_OK, "again");
	is_int(dir_unfinished(db, 0, &n), 0, "nothing unfinished");
	uid = number(db, "SELECT Ba_Uid FROM BAL");
	is_int(dir_was_deleted(db, &m), 0, "not deleted yet");
	is_int(dir_doom(db, &admin, &found, comment), CODE_OK, "doom");
	is_int(dir_activate(db, found.id, comment), CODE_NO_MAILBOX,
	    "no way back");
	is_int(dir_remove(db, &admin, &found, comment), CODE_OK, "remove");
	is_int(dir_remove(db, &admin, &found, comment), CODE_OK, "again");
	is_int(dir_was_deleted(db, &m), 1, "deleted");
	is_int(add(db, &m), CODE_OK, "made anew");
	ok(number(db, "SELECT Ba_Uid FROM BAL") == uid + 1 && m.id != found.id,
	    "with another uid and number");

	/* Nothing of a value is ever SQL. */
	snprintf(m.login, sizeof(m.login), "x'); DROP TABLE BAL; -- ");
	is_int(dir_find(db, &admin, &m, &found, comment), CODE_NO_MAILBOX,
	    "SQL in a name");
	m = box("evil", 0);
	snprintf(m.comment, sizeof(m.comment), "'\"\\`; DELETE FROM BAL; -- %%s");
	ok(add(db, &m) == CODE_OK && dir_find(db, &admin, &m, &found, comment) ==
	    CODE_OK && strcmp(found.comment, m.comment) == 0,
	    "SQL in a comment is kept as it is");
}

static void
test_limits(struct db *db)
{
	struct dir_mailbox m;

	db_script(db, "UPDATE Domaine SET Do_MaxMail = 4, Do_QuotaMail = 1000;\n");
	m = box("u1", 0);
	is_int(add(db, &m), CODE_LIMIT, "a quota is needed");
	m = box("u1", 901);
	is_int(add(db, &m), CODE_LIMIT, "more than is left");
	m = box("u1", ~0ull >> 1);
	is_int(add(db, &m), CODE_LIMIT, "much more than is left");
	m = box("u1", 900);
	is_int(add(db, &m), CODE_OK, "all that is left");
	db_script(db, "UPDATE Domaine SET Do_MaxMail = 4, Do_QuotaMail = 0;\n");
	m = box("u2", 0);
	is_int(add(db, &m), CODE_OK, "the fourth");
	m = box("u3", 0);
	is_int(add(db, &m), CODE_LIMIT, "the fifth of four");
	db_script(db, "UPDATE Domaine SET Do_MaxMail = 0;\n");
	m = box("u3", 0);
	is_int(dir_add(db, &admin, &m, 1900000000, 1900000003, comment),
	    CODE_LIMIT, "no uid is left");
}

static void
test_clients(struct db *db)
{
	char verifier[VERIFIER_MAX + 1] = "x";
	struct dir_who who = { .id = 77 };
	struct db_value v[1];

	ok(dir_login(db, span_of("local"), &who, verifier, comment) ==
	    CODE_OK && who.kind == WHO_CLIENT && who.id == 1,
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
	    CODE_OK && who.kind == WHO_ALL && who.id == 1,
	    "the seeded administrator");
}

static void
test_two_writers(void)
{
	struct db *db;
	uint64_t before, now;
	int status, good = 0;
	pid_t pid[2];

	for (unsigned p = 0; p < 2; p++) {
		if ((pid[p] = fork()) != 0)
			continue;
		db = client();
		for (unsigned i = 0; i < 40; i++) {
			struct dir_mailbox m = box("", 0);

			snprintf(m.login, sizeof(m.login), "w%u-%u", p, i);
			if (add(db, &m) != CODE_OK ||
			    dir_activate(db, m.id, comment) != CODE_OK)
				_exit(1);
		}
		_exit(0);
	}
	for (unsigned p = 0; p < 2; p++) {
		waitpid(pid[p], &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	is_int(good, 2, "two writers at once");
	db = client();
	if (!ok(db_ready(db) == 0, "connect"))
		return;
	before = number(db, "SELECT COUNT(*) FROM Journal");
	now = number(db, "SELECT MAX(Jo_Numero) FROM Journal");
	ok(before == now && number(db, "SELECT Co_Valeur FROM Compteur WHERE "
	    "Co_Nom = 'journal'") == now, "the journal has no gap");
	db_free(&db);
}

/* A week ago, for some; the clock has jumped for one. */
static void
test_prune(struct db *db)
{
	uint64_t last = number(db, "SELECT MAX(Jo_Numero) FROM Journal");
	struct dir_mailbox m = box("pruned", 0);

	is_int(dir_prune(db, last, 3600), 0, "nothing is old enough");
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM Journal"),
	    (int64_t)last, "all of it is there");
	db_script(db, "UPDATE Journal SET Jo_Date = Jo_Date - INTERVAL 7 DAY "
	    "WHERE Jo_Numero <> 9;\n");
	is_int(dir_prune(db, 3, 3600), 0, "what is acknowledged");
	is_int((int64_t)number(db, "SELECT MIN(Jo_Numero) FROM Journal"),
	    4, "goes");
	is_int(dir_prune(db, last, 3600), 0, "what is old");
	is_int((int64_t)number(db, "SELECT MIN(Jo_Numero) FROM Journal"),
	    9, "goes, up to the first that is not");
	db_script(db, "INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id, Jo_Date) "
	    "SELECT 100000 + seq, 1, 1, '2020-01-01' FROM seq_1_to_1500;\n");
	db_script(db, "UPDATE Journal SET Jo_Date = '2020-01-01';\n");
	is_int(dir_prune(db, 200000, 3600), 1, "a bounded number at a time");
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM Journal"),
	    (int64_t)(1500 + last - 8 - 1000), "1000");
	is_int(dir_prune(db, 200000, 3600), 0, "the rest");
	is_int((int64_t)number(db, "SELECT COUNT(*) FROM Journal"), 0,
	    "none is left");
	is_int(add(db, &m), CODE_OK, "a change");
	is_int((int64_t)number(db, "SELECT MIN(Jo_Numero) FROM Journal"),
	    (int64_t)last + 1, "has the next number");
}

static void
test_lost(struct db *db)
{
	struct dir_mailbox m = box("late", 0), found;

	server_stop(SIGKILL);
	is_int(add(db, &m), CODE_TEMP, "the server is gone");
	ok(comment[0] != '\0', "and the comment says so");
	is_int(add(db, &m), CODE_TEMP, "still");
	server_start();
	ok(wait_open(db), "the server is back");
	is_int(add(db, &m), CODE_OK, "and so are we");
	/* Killed while connected and idle: the next request tries again. */
	server_stop(SIGKILL);
	server_start();
	for (int i = 0; i < 600 && access(sock, F_OK) == -1; i++)
		usleep(50000);
	for (int i = 0; i < 100; i++) {
		if (dir_find(db, &admin, &m, &found, comment) == CODE_OK)
			break;
		usleep(50000);
	}
	is_int(dir_find(db, &admin, &m, &found, comment), CODE_OK,
	    "what was acknowledged is there");
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

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int
main(void)
{
	const struct passwd *pw = getpwuid(geteuid());
	struct db *db;
	int status;

	log_init("directory_test");
	secret_init();
	test_where();
	test_tls();
	if (pw == NULL || mkdtemp(dir) == NULL)
		return 1;
	snprintf(me, sizeof(me), "%s", pw->pw_name);
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(data, sizeof(data), "%s/data", dir);
	if ((status = server_install()) == 127) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		rmdir(dir);
		return done_testing();
	}
	ok(status == 0, "mariadb-install-db");
	server_start();
	db = client();
	if (ok(wait_open(db), "mariadbd")) {
		test_schema(db);
		test_changes(db);
		test_limits(db);
		test_clients(db);
		test_two_writers();
		test_prune(db);
		test_lost(db);
	}
	db_free(&db);
	server_stop(SIGTERM);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return done_testing();
}
