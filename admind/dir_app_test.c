/*
 * Passwords of single devices against a real MariaDB server: whose they are,
 * how many, made and deleted again and twice, also with hooks.
 */
#include "config.h"
#include "admind/dir_box.h"
#include "admind/dir_domain.h"
#include "admind/dir_test.h"
#include "admind/store.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <stdio.h>

_Static_assert(APPS_MAX + 1 == STORE_CREDENTIALS_MAX,
    "authd looks at a mailbox's own password and at those of its devices");

static struct db *db;
static char comment[COMMENT_MAX + 1];
static struct dir_who client = {
	.name = "c", .origin = "unix", .kind = WHO_CLIENT, .id = 1
};
static struct dir_who other = {
	.name = "o", .origin = "unix", .kind = WHO_CLIENT, .id = 77
};
static struct dir_who own = { .name = "bob@x.test",
	.origin = "unix",
	.kind = WHO_MAILBOX,
	.domain = "x.test",
	.login = "bob" };
static struct dir_mailbox bob = { .domain = "x.test", .login = "bob" };
static struct dir_mailbox eve = { .domain = "x.test", .login = "eve" };

static int64_t
number(const char *sql)
{
	return (int64_t)testdb_number(db, sql);
}

static void
sql(const char *text)
{
	ok(db_script(db, text) == 0 && testdb_wait(db), "%.60s", text);
}

static int
make(const struct dir_who *who, const struct dir_mailbox *m, const char *device,
    const char *verifier)
{
	return dir_newapp(db, who, m, span_of(device), 1u << SERVICE_POP3,
	    verifier, comment);
}

static int
del(const struct dir_who *who, const struct dir_mailbox *m, const char *device)
{
	return dir_delapp(db, who, m, span_of(device), comment);
}

static void
add(struct dir_mailbox *m)
{
	static const struct settings none = { .given = 0 };
	struct dir_new n = { .type = "NEWBAL",
		.set = &none,
		.verifier = "$argon2id$own",
		.kind = CREDENTIAL_PASSWORD,
		.uid_first = 1900000000,
		.uid_last = 1900000999 };

	is_int(dir_add(db, &testdb_admin, m, &n, comment), CODE_OK, "%s",
	    m->login);
}

#define APPS "SELECT COUNT(*) FROM Identifiant WHERE Id_Type = 2"
#define JOURNAL "SELECT Co_Valeur FROM Compteur WHERE Co_Nom = 'journal'"

static void
test_owners(void)
{
	int64_t journal = number(JOURNAL);

	is_int(make(&client, &bob, "phone", "$v$1"), CODE_OK, "a client");
	is_int(number(JOURNAL), journal + 1, "a line in the journal");
	is_int(make(&own, &bob, "laptop", "$v$2"), CODE_OK,
	    "the mailbox itself");
	is_int(make(&own, &eve, "laptop", "$v$3"), CODE_NO_MAILBOX,
	    "not its neighbour");
	is_int(make(&other, &bob, "tv", "$v$4"), CODE_NO_DOMAIN,
	    "not another client");
	is_int(del(&other, &bob, "phone"), CODE_NO_DOMAIN, "nor deletes it");
	is_int(del(&own, &eve, "phone"), CODE_NO_MAILBOX, "nor a neighbour");
	is_int(make(&client, &bob, "phone", "$v$5"), CODE_EXISTS,
	    "a device "
	    "has one");
	is_str(testdb_text(db,
	           "SELECT Id_Verificateur FROM Identifiant WHERE "
	           "Id_Appareil = 'phone'"),
	    "$v$1", "which stays");
	is_int(make(&client, &eve, "phone", "$v$6"), CODE_OK,
	    "another mailbox's is another one");
	is_int(del(&client, &eve, "phone"), CODE_OK, "it goes");
	is_int(del(&client, &eve, "phone"), CODE_OK, "again");
	is_int(del(&own, &bob, "never"), CODE_NONE, "one that never was");
	is_int(del(&client, &bob, "never"), CODE_NONE, "for nobody");
	is_int(number(APPS), 2, "the others stay");
	is_int(number("SELECT COUNT(*) FROM Identifiant WHERE Id_Type = 1"), 2,
	    "and the mailboxes' own");
	is_int(number("SELECT COUNT(*) FROM Audit WHERE Au_Type IN ('NEWAPP', "
	              "'DELAPP')"),
	    4, "each in the audit log");
	is_str(testdb_text(db,
	           "SELECT CONCAT_WS(' ', Au_Qui, Au_Objet, "
	           "Au_Commentaire) FROM Audit WHERE Au_Type = 'DELAPP'"),
	    "c eve@x.test phone", "with its device");
}

/* The answer was lost: the same request, by its id. */
static void
test_again(void)
{
	struct dir_who panel = client;
	int64_t journal;

	panel.has_request = true;
	panel.request[0] = 1;
	is_int(make(&panel, &bob, "tab", "$v$1"), CODE_OK, "with an id");
	journal = number(JOURNAL);
	is_int(make(&panel, &bob, "tab", "$v$2"), CODE_OK, "again");
	is_str(testdb_text(db,
	           "SELECT Id_Verificateur FROM Identifiant WHERE "
	           "Id_Appareil = 'tab'"),
	    "$v$2", "it is the last one's");
	is_int(number(JOURNAL), journal + 1, "and authd is told");
	is_int(make(&panel, &bob, "laptop", "$v$3"), CODE_EXISTS,
	    "a device that it did not make");
	panel.request[0] = 2;
	is_int(make(&panel, &bob, "tab", "$v$4"), CODE_EXISTS, "another id");
	is_int(make(&client, &bob, "tab", "$v$5"), CODE_EXISTS, "none");
	is_str(testdb_text(db,
	           "SELECT Id_Verificateur FROM Identifiant WHERE "
	           "Id_Appareil = 'tab'"),
	    "$v$2", "change nothing");
	is_int(del(&panel, &bob, "tab"), CODE_OK, "deleted");
}

/* What a hook says at its end does not hide which device it was. */
static void
test_hooks(void)
{
	struct dir_who panel = client;
	struct dir_hook hook;

	sql("UPDATE BAL SET Ba_Etat = 'ACTIVE';\n");
	dir_hooks_set(span_of("mailbox-mod"));
	panel.has_request = true;
	panel.request[0] = 9;
	for (int good = 0; good < 2; good++) {
		is_int(make(&panel, &bob, "watch", "$v$1"), CODE_OK, "NEWAPP");
		ok(dir_hook_next(db, &hook) == 1 &&
		        strcmp(hook.type, "NEWAPP") == 0,
		    "has a hook");
		is_int(dir_hook_done(db, hook.id, good == 1,
		           good == 1 ? "" : "exit status 1"),
		    0, "which ends");
		is_str(testdb_text(db,
		           "SELECT Au_Commentaire FROM Audit "
		           "ORDER BY Au_Id DESC LIMIT 1"),
		    good == 1 ? "watch" : "watch: exit status 1",
		    "the log has both");
		is_int(make(&panel, &bob, "watch", "$v$2"), CODE_OK, "again");
		is_int(del(&own, &bob, "watch"), CODE_OK, "DELAPP");
		ok(dir_hook_next(db, &hook) == 1 &&
		        dir_hook_done(db, hook.id, good == 1,
		            good == 1 ? "" : "killed by signal 9") == 0,
		    "and its hook");
		is_int(del(&own, &bob, "watch"), CODE_OK, "again");
		is_int(del(&own, &bob, "wat"), CODE_NONE,
		    "the beginning of a name is none");
	}
	dir_hooks_set(span_of(""));
}

static void
test_limit(void)
{
	char name[32];

	for (int i = 0; i < APPS_MAX - 2; i++) {
		snprintf(name, sizeof(name), "d\xc3\xa9vice %d", i);
		is_int(make(&own, &bob, name, "$v$"), CODE_OK, "%s", name);
	}
	is_int(make(&own, &bob, "more", "$v$"), CODE_LIMIT, "and no more");
	is_int(make(&client, &eve, "more", "$v$"), CODE_OK,
	    "of another mailbox");
	is_int(del(&own, &bob, "phone"), CODE_OK, "one less");
	is_int(make(&own, &bob, "more", "$v$"), CODE_OK, "one more");
}

static void
test_going(void)
{
	struct dir_mailbox m = bob;

	is_int(dir_doom(db, &client, &m, comment), CODE_OK, "DELBAL");
	is_int(make(&client, &bob, "late", "$v$"), CODE_TEMP, "nothing new");
	is_int(del(&client, &bob, "more"), CODE_TEMP, "nothing goes by itself");
	is_int(dir_remove(db, &client, &m, comment), CODE_OK, "all goes");
	is_int(number(APPS), 1, "but the other's");
}

int
main(void)
{
	int r;

	log_init("dir_app_test");
	secret_init();
	if ((r = testdb_start("dir-app")) == 0) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		return done_testing();
	}
	if (!ok(r == 1, "mariadb-install-db"))
		return done_testing();
	db = testdb_client();
	if (ok(testdb_wait(db), "mariadbd") &&
	    ok(dir_open(db) == 0, "the schema") &&
	    is_int(dir_newdom(db, &client, "x.test", "", comment), CODE_OK,
	        "NEWDOM")) {
		add(&bob);
		add(&eve);
		test_owners();
		test_again();
		test_hooks();
		test_limit();
		test_going();
		ok(testdb_journal_is_whole(db), "the journal has no gap");
	}
	db_free(&db);
	testdb_end();
	return done_testing();
}
