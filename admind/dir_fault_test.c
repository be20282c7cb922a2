/*
 * Each change of the directory with the connection to the database lost at its
 * nth command, n = 1, 2, ...: before the server has it, and after it is done but
 * not answered (COMMIT, too).  With the server back at once the change is done;
 * with the server away it is done or not, as a whole, and the same request
 * afterwards does it once.
 *
 * SEMAIL_FAULT=full takes every n, otherwise some of them are taken.
 */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/dir_proxy.h"
#include "admind/dir_test.h"
#include "admind/entity.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <unistd.h>

#define COMMANDS_MAX 400

static struct db *direct, *db; /* db goes through the proxy */
static char comment[COMMENT_MAX + 1];
static char name[64]; /* of this round's object */
static const struct dir_who all = {
	.name = "root", .origin = "unix", .kind = WHO_ALL
};

/* ---- the changes ------------------------------------------------------------------ */

static struct dir_mailbox
box(void)
{
	struct dir_mailbox m = { .domain = "x.test" };

	snprintf(m.login, sizeof(m.login), "%s", name);
	return m;
}

/* What a panel's retry does, see req_box.c: it is there already. */
static int
add(struct db *by)
{
	static const struct settings none;
	static const struct dir_new new = { .type = "NEWBAL",
		.set = &none,
		.verifier = "$argon2id$none",
		.kind = CREDENTIAL_PASSWORD,
		.uid_first = 1900000000,
		.uid_last = 1999999999 };
	struct dir_mailbox m = box(), found;
	int code = dir_add(by, &all, &m, &new, comment);

	return code != CODE_EXISTS ? code
	                           : dir_find(by, &all, &m, &found, comment);
}

static int
with_box(struct db *by, int (*fn)(struct db *, struct dir_mailbox *))
{
	struct dir_mailbox m = box(), found;
	int code = dir_find(by, &all, &m, &found, comment);

	return code == CODE_OK ? fn(by, &found) : code;
}

static int
activate_it(struct db *by, struct dir_mailbox *m)
{
	return dir_activate(by, m->id, comment);
}

static int
doom_it(struct db *by, struct dir_mailbox *m)
{
	return dir_doom(by, &all, m, comment);
}

static int
remove_it(struct db *by, struct dir_mailbox *m)
{
	return dir_remove(by, &all, m, comment);
}

static int
activate(struct db *by)
{
	return with_box(by, activate_it);
}

static int
doom(struct db *by)
{
	return with_box(by, doom_it);
}

static int
drop(struct db *by)
{
	int code = with_box(by, remove_it);

	return code == CODE_NO_MAILBOX ? CODE_OK : code;
}

/* As SETBAL does it, with a password. */
static int
set_box(struct db *by)
{
	static struct settings set;
	static const struct box_change c = { "SETBAL", &set, "$argon2id$new" };
	struct dir_mailbox m = box();

	settings_take(&set, SET_FORWARD, span_of("a@b.test"), comment);
	return dir_change_box(by, &all, &m, &c, comment);
}

static int
newdom(struct db *by)
{
	char domain[80];

	snprintf(domain, sizeof(domain), "%s.test", name);
	return dir_newdom(by, &all, domain, "", comment);
}

static int
change(struct db *by, const char *type, const char *key, const char *option,
    const char *value)
{
	struct dir_change c;
	int code;

	change_init(&c, entity_find(span_of(type + 3)), &all, type, comment);
	snprintf(c.domain, sizeof(c.domain), "x.test");
	code = change_key(&c, span_of(key));
	for (unsigned i = 0;
	     option != NULL && c.entity->columns[i].option != NULL; i++)
		if (strcmp(c.entity->columns[i].option, option) == 0 &&
		    code == CODE_OK)
			code = change_set(&c, i, span_of(value));
	if (code == CODE_OK)
		code = type[0] == 'N' ? entity_new(by, &c)
		    : type[0] == 'M'  ? entity_mod(by, &c)
		                      : entity_del(by, &c);
	change_clear(&c);
	return code;
}

static int
newalias(struct db *by)
{
	return change(by, "NEWALIAS", name, "list", "bob@x.test");
}

static int
modalias(struct db *by)
{
	return change(by, "MODALIAS", name, "list", "eve@x.test");
}

static int
delalias(struct db *by)
{
	return change(by, "DELALIAS", name, NULL, NULL);
}

static int
newclient(struct db *by)
{
	return change(by, "NEWCLIENT", name, "name", "Bob");
}

static int
delclient(struct db *by)
{
	return change(by, "DELCLIENT", name, NULL, NULL);
}

/* Each with the ones before it done; %s is the name. */
static const struct change {
	const char *what;
	int (*run)(struct db *);
	const char *effect; /* 1 when it is done, 0 when not */
	const char *audits; /* how often the audit log says so; NULL: never */
	const struct change *before;
} changes[] = {
	{ "NEWDOM", newdom,
	    "SELECT COUNT(*) FROM Domaine WHERE Do_NomDomaine = '%s.test'",
	    "SELECT COUNT(*) FROM Audit WHERE Au_Type = 'NEWDOM' AND Au_Objet = "
	    "'%s.test'",
	    NULL },
#define BOX "SELECT COUNT(*) FROM BAL WHERE Ba_Login = '%s' AND Ba_Etat "
#define AUDIT \
	"SELECT COUNT(*) FROM Audit WHERE Au_Objet LIKE '%s%%' AND Au_Type = "
	{ "a mailbox is made", add,
	    "SELECT COUNT(*) FROM BAL JOIN Identifiant "
	    "ON Id_IdBAL = Ba_IdBAL WHERE Ba_Login = '%s'",
	    AUDIT "'NEWBAL'", NULL },
	{ "a mailbox is ready", activate, BOX "= 'ACTIVE'", NULL, &changes[1] },
	{ "a mailbox is to go", doom, BOX "= 'SUPPRESSION'", AUDIT "'DELBAL'",
	    &changes[2] },
	{ "a mailbox is gone", drop,
	    "SELECT COUNT(*) = 0 FROM BAL WHERE "
	    "Ba_Login = '%s'",
	    NULL, &changes[3] },
#define ALIAS "SELECT COUNT(*) FROM Alias WHERE Al_Nom = '%s'"
	{ "NEWALIAS", newalias, ALIAS, AUDIT "'NEWALIAS'", NULL },
	{ "MODALIAS", modalias, ALIAS " AND Al_ListeEmail LIKE 'eve%%'",
	    AUDIT "'MODALIAS'", &changes[5] },
	{ "DELALIAS", delalias,
	    "SELECT COUNT(*) = 0 FROM Alias WHERE Al_Nom = "
	    "'%s'",
	    AUDIT "'DELALIAS'", &changes[6] },
	{ "NEWCLIENT", newclient,
	    "SELECT COUNT(*) FROM Client WHERE Cl_Login "
	    "= '%s'",
	    AUDIT "'NEWCLIENT'", NULL },
	{ "DELCLIENT", delclient,
	    "SELECT COUNT(*) = 0 FROM Client WHERE "
	    "Cl_Login = '%s'",
	    AUDIT "'DELCLIENT'", &changes[8] },
	{ "SETBAL", set_box,
	    "SELECT COUNT(*) FROM BAL JOIN Identifiant ON "
	    "Id_IdBAL = Ba_IdBAL WHERE Ba_Login = '%s' AND Ba_Forward <> '' AND "
	    "Ba_Effet = 1 AND Id_Verificateur = '$argon2id$new'",
	    NULL, &changes[2] },
};

/* ---- the rounds ---------------------------------------------------------------------- */

/* The name is put into the text by the server, to keep statements constant. */
static uint64_t
number(const char *sql)
{
	struct db_value v[2] = { db_str(sql), db_str(name) };
	struct db_rows r;
	char text[1024];
	uint64_t n = ~0ull;

	if (sql == NULL)
		return 1;
	if (db_query(direct, &r,
	        "SELECT REPLACE(REPLACE(?, '%s', ?), '%%', "
	        "'%')",
	        v, 2) == -1 ||
	    !db_next(&r) || span_copy(r.column[0], text, sizeof(text)) == -1)
		abort();
	db_rows_clear(&r);
	n = testdb_number(direct, text);
	db_lost(direct); /* statements are known by their address */
	db_ready(direct);
	return n;
}

static void
prepare(const struct change *c)
{
	if (c == NULL)
		return;
	prepare(c->before);
	if (c->run(direct) != CODE_OK)
		printf("# %s: %s\n", c->what, comment);
}

static bool
complain(const struct change *c, unsigned nth, const char *what)
{
	printf("# %s, command %u: %s (%s)\n", c->what, nth, what, comment);
	return false;
}

/* One change with one loss; *done_out: there are fewer commands than that. */
static bool
round_of(const struct change *c, unsigned nth, enum proxy_loss loss, bool away,
    bool *done_out)
{
	static unsigned rounds;
	uint64_t effect, audits;
	int code;

	snprintf(name, sizeof(name), "n%u", ++rounds);
	prepare(c->before);
	db_lost(db);
	/* A server that is there is tried again on a busy machine, too. */
	db_trying(db, away ? 20 : 4000);
	proxy_lose(nth, loss, away);
	code = c->run(db);
	*done_out = !proxy_has_lost();
	effect = number(c->effect);
	audits = c->audits == NULL ? effect : number(c->audits);
	if (effect > 1 || audits != effect)
		return complain(c, nth, "half done");
	if (!testdb_journal_is_whole(direct))
		return complain(c, nth, "the journal");
	if (!away || *done_out)
		return (code == CODE_OK && effect == 1) ||
		    complain(c, nth, "not done");
	if (code != CODE_TEMP)
		return complain(c, nth, "the code");
	proxy_lose(0, PROXY_BEFORE, false);
	usleep(1000 * 20); /* db_trying(): away for so long */
	while ((code = c->run(db)) == CODE_TEMP)
		usleep(1000);
	effect = number(c->effect);
	audits = c->audits == NULL ? effect : number(c->audits);
	return (code == CODE_OK && effect == 1 && audits == 1) ||
	    complain(c, nth, "not done afterwards");
}

static void
test_change(const struct change *c, unsigned step)
{
	static const char *const how[] = {
		[PROXY_BEFORE] = "unheard", [PROXY_AFTER] = "unanswered"
	};
	unsigned nth, bad, tried;
	bool done;

	for (int loss = PROXY_BEFORE; loss <= PROXY_AFTER; loss++) {
		for (int away = 0; away <= 1; away++) {
			bad = tried = 0;
			done = false;
			for (nth = 1 + (unsigned)(c - changes) % step;
			     !done && nth < COMMANDS_MAX; nth += step) {
				bad += !round_of(c, nth, (enum proxy_loss)loss,
				    away, &done);
				tried++;
			}
			is_int(bad, 0, "%s: %u of %u commands %s%s", c->what,
			    tried - 1, nth - step - 1, how[loss],
			    away ? ", and the server away" : "");
		}
	}
}

/* A server that is just starting: within the time the request waits for it. */
static void
test_start(void)
{
	db_trying(direct, 60000);
	testdb_kill();
	testdb_again();
	is_int(dir_newdom(direct, &all, "late.test", "", comment), CODE_OK,
	    "a request waits for a server that is starting");
	ok(testdb_journal_is_whole(direct), "the journal is whole");
}

int
main(void)
{
	const char *full = getenv("SEMAIL_FAULT");
	unsigned step = full != NULL && strcmp(full, "full") == 0 ? 1 : 7;
	char path[100];
	int r;

	log_init("dir_fault_test");
	secret_init();
	if ((r = testdb_start("fault")) == 0) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		return done_testing();
	}
	direct = testdb_client();
	snprintf(path, sizeof(path), "%s.proxy", testdb_socket());
	if (ok(r == 1 && testdb_wait(direct) && dir_open(direct) == 0 &&
	            dir_newdom(direct, &all, "x.test", "", comment) ==
	                CODE_OK &&
	            proxy_start(path, testdb_socket()) == 0,
	        "a server and a proxy")) {
		db = testdb_client_at(path);
		for (size_t i = 0; i < nitems(changes); i++)
			test_change(&changes[i], step);
		db_free(&db);
		proxy_end();
		test_start();
	}
	db_free(&direct);
	testdb_end();
	return done_testing();
}
