/*
 * Mailboxes against a real MariaDB server: their life, settings, limits,
 * names and logins that clash, whose they are, two writers at once.
 */
#include "config.h"
#include "admind/dir_box.h"
#include "admind/dir_domain.h"
#include "admind/dir_test.h"
#include "admind/key.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

static struct db *db;
static char comment[COMMENT_MAX + 1];
static struct dir_who client = {
	.name = "c", .origin = "unix", .kind = WHO_CLIENT, .id = 1
};
static struct dir_who other = {
	.name = "o", .origin = "unix", .kind = WHO_CLIENT, .id = 77
};
static struct settings set;

/* "quota=5", ... up to NULL. */
static int
vtake(va_list ap)
{
	const char *option;

	memset(&set, 0, sizeof(set));
	while ((option = va_arg(ap, const char *)) != NULL) {
		size_t n = strcspn(option, "=");
		unsigned i;

		for (i = 0; i < SET__COUNT; i++)
			if (span_is(span_from(option, n),
			        setting_option((enum setting)i)))
				break;
		if (i == SET__COUNT ||
		    settings_take(&set, (enum setting)i,
		        span_of(option + n + 1), comment) == -1)
			return CODE_VALUE;
	}
	return CODE_OK;
}

static struct dir_mailbox
named(const char *address)
{
	struct dir_mailbox m = { .id = 0 };
	const char *at = strchr(address, '@');

	snprintf(m.login, sizeof(m.login), "%.*s", (int)(at - address),
	    address);
	snprintf(m.domain, sizeof(m.domain), "%s", at + 1);
	return m;
}

static int
vadd(const struct dir_who *who, const char *address, bool dry_run, va_list ap)
{
	struct dir_new n = { .type = "NEWBAL",
		.set = &set,
		.verifier = "$argon2id$none",
		.kind = CREDENTIAL_PASSWORD,
		.uid_first = 1900000000,
		.uid_last = 1900000999,
		.dry_run = dry_run };
	struct dir_mailbox m = named(address);
	int code = vtake(ap);

	return code != CODE_OK ? code : dir_add(db, who, &m, &n, comment);
}

static int
add(const struct dir_who *who, const char *address, ...)
{
	va_list ap;
	int code;

	va_start(ap, address);
	code = vadd(who, address, false, ap);
	va_end(ap);
	return code;
}

static int
try(const struct dir_who *who, const char *address, ...)
{
	va_list ap;
	int code;

	va_start(ap, address);
	code = vadd(who, address, true, ap);
	va_end(ap);
	return code;
}

static int
change(const struct dir_who *who, const char *address, ...)
{
	struct box_change c = { "SETBAL", &set, NULL };
	struct dir_mailbox m = named(address);
	va_list ap;
	int code;

	va_start(ap, address);
	code = vtake(ap);
	va_end(ap);
	return code != CODE_OK ? code
	                       : dir_change_box(db, who, &m, &c, comment);
}

static uint32_t
id_of(const char *address)
{
	struct dir_mailbox m = named(address), is;

	return dir_find(db, &testdb_admin, &m, &is, comment) == CODE_OK ? is.id
	                                                                : 0;
}

static uint8_t
state_of(const char *address)
{
	struct dir_mailbox m = named(address), is;

	return dir_find(db, &testdb_admin, &m, &is, comment) == CODE_OK
	    ? is.state
	    : 0;
}

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

/* Bring it to its end, as admind does when spawnd has answered. */
static void
finish(const char *address)
{
	struct dir_todo t;

	if (dir_todo(db, id_of(address), &t, comment) == 1) {
		dir_done(db, &t, t.effects, comment);
		if (t.box.state == BOX_CREATING)
			dir_activate(db, t.box.id, comment);
		if (t.box.state == BOX_DELETING)
			dir_remove(db, &testdb_admin, &t.box, comment);
	}
	dir_todo_clear(&t);
}

/* ---- tests ------------------------------------------------------------------------ */

static void
test_life(void)
{
	struct dir_mailbox m = named("bob@x.test"), found;
	uint64_t uid;
	uint32_t id;

	is_int(dir_find(db, &testdb_admin, &m, &found, comment),
	    CODE_NO_MAILBOX, "no mailbox yet");
	is_int(dir_find(db, &other, &m, &found, comment), CODE_NO_DOMAIN,
	    "another client sees no domain");
	is_int(try(&testdb_admin, "bob@x.test", "quota=7", NULL), CODE_OK,
	    "a dry run");
	is_int(number("SELECT COUNT(*) + (SELECT Co_Valeur FROM Compteur WHERE "
	              "Co_Nom = 'uid') FROM BAL"),
	    0, "changes nothing");
	is_int(add(&testdb_admin, "bob@x.test", "quota=100", NULL), CODE_OK,
	    "add");
	is_int(add(&testdb_admin, "bob@x.test", NULL), CODE_EXISTS,
	    "add again");
	is_str(comment, "the mailbox exists", "and says why");
	is_int(try(&testdb_admin, "bob@x.test", NULL), CODE_EXISTS,
	    "a dry run says so, too");
	ok(dir_find(db, &testdb_admin, &m, &found, comment) == CODE_OK &&
	        found.state == BOX_CREATING &&
	        strcmp(found.verifier, "$argon2id$none") == 0,
	    "as it is");
	ok(dir_unfinished(db, 0, &id) == 1 && id == found.id, "unfinished");
	is_int(dir_unfinished(db, id, &id), 0, "and no other");
	is_int(dir_activate(db, found.id, comment), CODE_OK, "activate");
	is_int(dir_activate(db, found.id, comment), CODE_OK, "again");
	is_int(dir_unfinished(db, 0, &id), 0, "nothing unfinished");
	uid = testdb_number(db, "SELECT Ba_Uid FROM BAL");
	is_int(dir_was_deleted(db, &m), 0, "not deleted yet");
	is_int(dir_doom(db, &other, &m, comment), CODE_NO_DOMAIN,
	    "another client cannot delete it");
	is_int(dir_doom(db, &client, &m, comment), CODE_OK, "doom");
	is_int(dir_doom(db, &testdb_admin, &m, comment), CODE_OK, "again");
	is_int((int64_t)m.id, found.id, "it is this one");
	is_int(dir_activate(db, found.id, comment), CODE_NO_MAILBOX,
	    "no way back");
	is_int(change(&testdb_admin, "bob@x.test", "quota=1", NULL), CODE_TEMP,
	    "nothing of it can be changed");
	is_int(dir_remove(db, &testdb_admin, &found, comment), CODE_OK,
	    "remove");
	is_int(dir_remove(db, &testdb_admin, &found, comment), CODE_OK,
	    "again");
	is_int(dir_was_deleted(db, &m), 1, "deleted");
	is_str(testdb_text(db,
	           "SELECT GROUP_CONCAT(Au_Type, ' ', Au_Qui ORDER "
	           "BY Au_Id) FROM Audit WHERE Au_Objet = 'bob@x.test'"),
	    "NEWBAL test,DELBAL c", "one row each, by who asked");
	is_int(add(&testdb_admin, "bob@x.test", NULL), CODE_OK, "made anew");
	ok(testdb_number(db, "SELECT Ba_Uid FROM BAL") == uid + 1 &&
	        id_of("bob@x.test") != found.id,
	    "with another uid and number");
	finish("bob@x.test");
	is_int(state_of("bob@x.test"), BOX_ACTIVE, "active");
	m = named("bob@x.test");
	is_int(dir_enable(db, &client, &m, false, comment), CODE_OK, "off");
	is_int(state_of("bob@x.test"), BOX_DISABLED, "disabled");
	is_int(dir_enable(db, &client, &m, false, comment), CODE_OK, "again");
	is_int(dir_enable(db, &client, &m, true, comment), CODE_OK, "on");
	is_int(number("SELECT COUNT(*) FROM Audit WHERE Au_Type IN ("
	              "'ENABLEBAL', 'DISABLEBAL')"),
	    2, "what changes nothing is no change");
}

/* Every setting as it is given, and nothing else with it. */
static void
test_settings(void)
{
	static const struct {
		const char *option, *column, *want;
	} rows[] = {
		{ "comment=O'Neil \"x\" \\ %s; DELETE FROM BAL; --",
		    "SELECT Ba_Commentaire FROM BAL WHERE Ba_Login = 'set'",
		    "O'Neil \"x\" \\ %s; DELETE FROM BAL; --" },
		{ "quota=0012",
		    "SELECT Ba_Quota FROM BAL WHERE Ba_Login = 'set'", "12" },
		{ "quota=", "SELECT Ba_Quota FROM BAL WHERE Ba_Login = 'set'",
		    "0" },
		{ "antivirus=x",
		    "SELECT Ba_Antivirus FROM BAL WHERE Ba_Login = 'set'",
		    "OUI" },
		{ "antivirus=",
		    "SELECT Ba_Antivirus FROM BAL WHERE Ba_Login = 'set'",
		    "NON" },
		{ "forward=A@X.Test, b@y.test",
		    "SELECT Ba_Forward FROM BAL WHERE Ba_Login = 'set'",
		    "A@x.test,b@y.test" },
		{ "forward=",
		    "SELECT Ba_Forward FROM BAL WHERE Ba_Login = 'set'", "" },
		{ "sms-tel=+33 1",
		    "SELECT CONCAT(Ba_TelSMS, Ba_SMS) FROM BAL "
		    "WHERE Ba_Login = 'set'",
		    "+33 1OUI" },
		{ "sms-filter=urgent $(id) `id`",
		    "SELECT Ba_FiltreSMS FROM BAL WHERE Ba_Login = 'set'",
		    "urgent $(id) `id`" },
		{ "sms-email=sms@Gate.Test",
		    "SELECT Ba_EmailSMS FROM BAL WHERE Ba_Login = 'set'",
		    "sms@gate.test" },
		{ "sms-login=acc",
		    "SELECT Ba_LoginSMS FROM BAL WHERE Ba_Login = 'set'",
		    "acc" },
		{ "sms-tel=",
		    "SELECT CONCAT(Ba_TelSMS, Ba_SMS) FROM BAL WHERE "
		    "Ba_Login = 'set'",
		    "NON" },
		{ "vacation=Away.\n.\nBcc: x@y.test\n|\\",
		    "SELECT Ba_Vacances FROM BAL WHERE Ba_Login = 'set'",
		    "Away.\n.\nBcc: x@y.test\n|\\" },
		{ "vacation=",
		    "SELECT Ba_Vacances IS NULL FROM BAL WHERE "
		    "Ba_Login = 'set'",
		    "1" },
		{ "short=Setty",
		    "SELECT Ba_LoginCourt FROM BAL WHERE Ba_Login = "
		    "'set'",
		    "setty" },
		{ "short=",
		    "SELECT Ba_LoginCourt IS NULL FROM BAL WHERE "
		    "Ba_Login = 'set'",
		    "1" },
		{ "user=1",
		    "SELECT Ba_IdUtilisateur FROM BAL WHERE Ba_Login = "
		    "'set'",
		    "1" },
		{ "user=0",
		    "SELECT Ba_IdUtilisateur IS NULL FROM BAL WHERE "
		    "Ba_Login = 'set'",
		    "1" },
	};

	sql("INSERT INTO Utilisateur (Ut_IdUtilisateur, Ut_IdClient) "
	    "VALUES (1, 1);\n");
	is_int(add(&client, "set@x.test", "comment=Set", NULL), CODE_OK, "add");
	for (size_t i = 0; i < nitems(rows); i++) {
		is_int(change(&client, "set@x.test", rows[i].option, NULL),
		    CODE_OK, "%s", rows[i].option);
		is_str(testdb_text(db, rows[i].column), rows[i].want, "stored");
	}
	is_str(testdb_text(db,
	           "SELECT Ba_Commentaire FROM BAL WHERE Ba_Login = "
	           "'set'"),
	    rows[0].want, "the first is as it was");
	is_int(change(&client, "set@x.test", "user=9", NULL), CODE_NONE,
	    "no such user");
	is_int(change(&client, "set@x.test", "sms-password=p w\\|", NULL),
	    CODE_OK, "a secret");
	ok(number(
	       "SELECT INSTR(Ba_PasswordSMS, 'p w') = 0 AND "
	       "LENGTH(Ba_PasswordSMS) > 20 FROM BAL WHERE Ba_Login = 'set'") ==
	        1,
	    "is not there in clear");
	memset(&set, 0, sizeof(set));
	settings_take(&set, SET_SMS_PASSWORD, span_of("p w\\|"), comment);
	is_int(dir_box_same(db, id_of("set@x.test"), &set, comment), 1,
	    "but known again");
	settings_take(&set, SET_SMS_PASSWORD, span_of("p w"), comment);
	is_int(dir_box_same(db, id_of("set@x.test"), &set, comment), 0,
	    "and told from others");
	is_int(change(&client, "set@x.test", "sms-password=", NULL), CODE_OK,
	    "emptied");
	is_int(number("SELECT Ba_PasswordSMS IS NULL FROM BAL WHERE Ba_Login = "
	              "'set'"),
	    1, "it is gone");
}

/* What the home is to be told, and by which number. */
static void
test_effects(void)
{
	struct dir_mailbox m = named("eff@x.test");
	struct dir_todo t, later;
	uint32_t id;
	bool again;

	finish("set@x.test");
	add(&client, "eff@x.test", NULL);
	is_int(number("SELECT Ba_Effet FROM BAL WHERE Ba_Login = 'eff'"), 0,
	    "nothing to tell a new home");
	add(&client, "eff2@x.test", "vacation=away", NULL);
	is_int(number("SELECT Ba_Effet FROM BAL WHERE Ba_Login = 'eff2'"),
	    EFFECT_SETTINGS, "but a vacation");
	finish("eff@x.test");
	finish("eff2@x.test");
	change(&client, "eff@x.test", "sms-tel=123", NULL);
	is_int(dir_unfinished(db, 0, &id), 0,
	    "the home does not mind a number");
	change(&client, "eff@x.test", "forward=a@b.test", "vacation=x", NULL);
	ok(dir_unfinished(db, 0, &id) == 1 && id == id_of("eff@x.test"),
	    "but a forward");
	ok(dir_todo(db, id, &t, comment) == 1 &&
	        span_is(buf_span(&t.forward), "a@b.test") &&
	        span_is(buf_span(&t.vacation), "x") &&
	        t.effects == EFFECT_SETTINGS && t.box.state == BOX_ACTIVE &&
	        strcmp(t.box.login, "eff") == 0,
	    "what is to be done");
	/* Another change comes while spawnd is at it. */
	change(&client, "eff@x.test", "forward=", NULL);
	is_int(dir_done(db, &t, EFFECT_SETTINGS, comment), CODE_OK, "done");
	is_int(dir_unfinished(db, 0, &id), 1, "but not the newer one");
	ok(dir_todo(db, id, &later, comment) == 1 && later.forward.len == 0,
	    "which is this");
	is_int(dir_done(db, &later, EFFECT_SETTINGS, comment), CODE_OK, "done");
	is_int(dir_unfinished(db, 0, &id), 0, "nothing is left");
	dir_todo_clear(&t);
	dir_todo_clear(&later);
	is_int(dir_purge(db, &client, &m, &again, comment), CODE_OK, "a purge");
	ok(!again, "which is none before");
	ok(dir_todo(db, id_of("eff@x.test"), &t, comment) == 1 &&
	        t.effects == EFFECT_PURGE && t.purge_before > 1700000000,
	    "is to be done, of what came before");
	dir_done(db, &t, EFFECT_PURGE, comment);
	dir_todo_clear(&t);
	is_int(dir_copy(db, &client, &m, "BACKUPBAL", comment), CODE_OK,
	    "a backup");
	is_int(dir_unfinished(db, 0, &id), 0, "is nothing to be done later");
	is_int(number("SELECT COUNT(*) FROM Audit WHERE Au_Type = 'BACKUPBAL' "
	              "AND Au_Objet = 'eff@x.test' AND Au_Crochet = 'RIEN'"),
	    1, "but it is in the audit log");
	snprintf(m.login, sizeof(m.login), "nobody");
	is_int(dir_copy(db, &client, &m, "BACKUPBAL", comment), CODE_NO_MAILBOX,
	    "one of nothing");
	is_int(dir_todo(db, 4000000, &t, comment), 0, "no such mailbox");
	dir_todo_clear(&t);
}

static void
test_limits(void)
{
	is_int(dir_newdom(db, &client, "l.test", "", comment), CODE_OK,
	    "NEWDOM");
	sql("UPDATE Domaine SET Do_MaxMail = 3, Do_QuotaMail = 1000 WHERE "
	    "Do_NomDomaine = 'l.test';\n");
	is_int(add(&client, "u1@l.test", NULL), CODE_LIMIT,
	    "a quota is needed");
	is_int(add(&client, "u1@l.test", "quota=1001", NULL), CODE_LIMIT,
	    "more than there is");
	is_int(add(&client, "u1@l.test", "quota=1099511627776", NULL),
	    CODE_LIMIT, "much more");
	is_int(add(&client, "u1@l.test", "quota=900", NULL), CODE_OK, "most");
	is_int(add(&client, "u2@l.test", "quota=101", NULL), CODE_LIMIT,
	    "more than is left");
	is_int(add(&client, "u2@l.test", "quota=100", NULL), CODE_OK,
	    "the rest");
	is_int(change(&client, "u2@l.test", "quota=101", NULL), CODE_LIMIT,
	    "raised by one");
	is_int(change(&client, "u2@l.test", "quota=0", NULL), CODE_LIMIT,
	    "unlimited");
	is_int(change(&client, "u1@l.test", "quota=899", NULL), CODE_OK,
	    "lowered");
	is_int(change(&client, "u2@l.test", "quota=101", NULL), CODE_OK,
	    "raised by what was given back");
	is_int(number("SELECT Do_QuotaDonne FROM Domaine WHERE Do_NomDomaine = "
	              "'l.test'"),
	    1000, "all is given");
	sql("UPDATE Domaine SET Do_QuotaMail = 500 WHERE Do_NomDomaine = "
	    "'l.test';\n");
	is_int(change(&client, "u1@l.test", "comment=x", "quota=899", NULL),
	    CODE_OK, "what is over a lowered limit may be changed");
	is_int(change(&client, "u1@l.test", "quota=898", NULL), CODE_OK,
	    "or lowered");
	is_int(change(&client, "u1@l.test", "quota=899", NULL), CODE_LIMIT,
	    "but not raised");
	sql("UPDATE Domaine SET Do_QuotaMail = 0 WHERE Do_NomDomaine = "
	    "'l.test';\n");
	is_int(add(&client, "u3@l.test", NULL), CODE_OK, "the third");
	is_int(add(&client, "u4@l.test", NULL), CODE_LIMIT,
	    "the fourth of three");
	is_int(try(&client, "u4@l.test", NULL), CODE_LIMIT, "dry");
	for (unsigned i = 0; i < 2; i++) {
		struct dir_mailbox m = named("u3@l.test");

		dir_doom(db, &client, &m, comment);
		finish("u3@l.test");
	}
	is_int(add(&client, "u4@l.test", NULL), CODE_OK, "one has gone");
	is_int(
	    number(
	        "SELECT COUNT(*) FROM Domaine WHERE Do_NombreBAL <> "
	        "(SELECT COUNT(*) FROM BAL WHERE Ba_IdDomaine = Do_IdDomaine) OR "
	        "Do_QuotaDonne <> (SELECT COALESCE(SUM(Ba_Quota), 0) FROM BAL WHERE "
	        "Ba_IdDomaine = Do_IdDomaine)"),
	    0, "the counters are right");
}

static void
test_names(void)
{
	struct dir_mailbox m;

	dir_newdom(db, &client, "dom.com", "", comment);
	dir_newdom(db, &client, "sub.dom.com", "", comment);
	dir_newdom(db, &client, "short.test", "", comment);
	is_int(add(&client, "postmaster@dom.com", NULL), CODE_DENIED,
	    "a reserved name");
	is_int(add(&testdb_admin, "postmaster@dom.com", NULL), CODE_OK,
	    "is the administrator's");
	sql("UPDATE Domaine SET Do_NomsReserves = 'OUI' WHERE Do_NomDomaine = "
	    "'dom.com';\n");
	is_int(add(&client, "abuse@dom.com", NULL), CODE_OK, "unless given");
	sql("INSERT INTO VirtualUser (Vi_UtilisateurVirtuel, Vi_IdDomaine, "
	    "Vi_UtilisateurReel) SELECT 'virt', Do_IdDomaine, 'x' FROM Domaine "
	    "WHERE Do_NomDomaine = 'dom.com';\n");
	is_int(add(&client, "virt@dom.com", NULL), CODE_EXISTS,
	    "a virtual user");
	is_str(comment, "virt is a virtual user of the domain", "it says so");
	is_int(add(&client, "virt@sub.dom.com", NULL), CODE_OK,
	    "of another domain");
	sql("INSERT INTO Alias (Al_IdServeur, Al_Nom, Al_ListeEmail, "
	    "Al_IdClient, Al_IdDomaine) SELECT 1, 'ali', 'x', 1, Do_IdDomaine "
	    "FROM Domaine WHERE Do_NomDomaine = 'dom.com';\n");
	is_int(add(&client, "ali@dom.com", NULL), CODE_EXISTS, "an alias");
	is_str(comment, "ali is an alias of the domain", "it says so");
	is_int(add(&client, "ali@sub.dom.com", NULL), CODE_OK,
	    "of another domain");

	/* AC-5: flat forms. */
	is_int(add(&client, "toto@sub.dom.com", NULL), CODE_OK,
	    "toto.sub.dom.com");
	is_int(add(&client, "toto.sub@dom.com", NULL), CODE_EXISTS,
	    "the same from the longer login");
	is_str(comment, "the login toto.sub.dom.com would be two mailboxes'",
	    "it says so");
	is_int(add(&client, "jean.sub@dom.com", NULL), CODE_OK,
	    "jean.sub.dom.com");
	is_int(add(&client, "jean@sub.dom.com", NULL), CODE_EXISTS,
	    "the same from the longer domain");
	is_int(add(&client, "jean@dom.com", NULL), CODE_OK, "jean.dom.com");

	/* Short logins. */
	is_int(add(&client, "a@short.test", "short=jean.dom.com", NULL),
	    CODE_EXISTS, "a short login that is a flat form");
	is_int(add(&client, "jean2@dom.com", "short=jean2.dom.com", NULL),
	    CODE_OK, "unless it is its own");
	is_int(change(&client, "jean2@dom.com", "short=jean2.dom.com", NULL),
	    CODE_OK, "again");
	is_int(add(&client, "a@short.test", "short=b.short.test", NULL),
	    CODE_OK, "one that is nobody's");
	is_int(add(&client, "b@short.test", NULL), CODE_EXISTS,
	    "whose flat form it would be");
	is_int(add(&client, "c@short.test", "short=cc", NULL), CODE_OK, "cc");
	is_int(add(&client, "d@short.test", "short=cc", NULL), CODE_OK,
	    "twice where logins have a domain");
	m = named("d@short.test");
	dir_doom(db, &client, &m, comment);
	finish("d@short.test");
	sql("UPDATE ServeurMail SET Se_StructLogin = 'SANSDOMAINE';\n");
	is_int(add(&client, "e@short.test", "short=CC", NULL), CODE_EXISTS,
	    "once where they have none");
	is_int(change(&client, "a@short.test", "short=cc", NULL), CODE_EXISTS,
	    "nor by a change");
	is_int(change(&client, "c@short.test", "short=cc", "comment=y", NULL),
	    CODE_OK, "its own stays");
	sql("UPDATE ServeurMail SET Se_StructLogin = 'AVECDOMAINE';\n");
}

static void
test_virtual(void)
{
	struct dir_mailbox m = named("virt@sub.dom.com");

	sql("INSERT INTO VirtualUser (Vi_UtilisateurVirtuel, Vi_IdDomaine, "
	    "Vi_UtilisateurReel, Vi_IdBAL) SELECT 'to', Ba_IdDomaine, "
	    "'virt', Ba_IdBAL FROM BAL WHERE Ba_Login = 'virt';\n");
	is_int(dir_doom(db, &client, &m, comment), CODE_OK, "doom");
	is_int(number("SELECT COUNT(*) FROM VirtualUser WHERE "
	              "Vi_UtilisateurVirtuel = 'to'"),
	    0, "what leads to it goes");
	is_int(
	    number("SELECT COUNT(*) FROM Audit WHERE Au_Type = 'DELVIRT' AND "
	           "Au_Objet = 'to@sub.dom.com' AND Au_Qui = 'c'"),
	    1, "and is in the audit log");
	finish("virt@sub.dom.com");
	is_int(id_of("virt@sub.dom.com"), 0, "gone");
}

/* A mailbox's own login. */
static void
test_own(void)
{
	struct dir_who own = { .name = "own@x.test",
		.origin = "unix",
		.kind = WHO_MAILBOX,
		.domain = "x.test",
		.login = "own" };
	static const char *const may[] = { "comment=x", "forward=a@b.test",
		"sms-tel=123", "sms-filter=x", "vacation=x" };
	static const char *const may_not[] = { "quota=1", "antivirus=x",
		"sms-email=a@b.test", "sms-login=x", "sms-password=x",
		"short=x", "user=0" };
	struct dir_mailbox m = named("own@x.test"), found;
	struct box_change c = { "PASSWD", NULL, "$argon2id$new" };

	add(&client, "own@x.test", NULL);
	own.id = id_of("own@x.test");
	is_int(dir_find(db, &own, &m, &found, comment), CODE_OK,
	    "finds itself");
	is_int(change(&own, "bob@x.test", "comment=x", NULL), CODE_NO_MAILBOX,
	    "not its neighbour");
	is_int(change(&own, "jean@dom.com", "comment=x", NULL), CODE_NO_DOMAIN,
	    "nor another domain");
	for (size_t i = 0; i < nitems(may); i++)
		is_int(change(&own, "own@x.test", may[i], NULL), CODE_OK, "%s",
		    may[i]);
	for (size_t i = 0; i < nitems(may_not); i++)
		is_int(change(&own, "own@x.test", may_not[i], NULL),
		    CODE_DENIED, "%s", may_not[i]);
	is_int(dir_change_box(db, &own, &m, &c, comment), CODE_OK,
	    "a password");
	ok(dir_find(db, &own, &m, &found, comment) == CODE_OK &&
	        strcmp(found.verifier, "$argon2id$new") == 0,
	    "is the new one");
	is_int(number("SELECT COUNT(*) FROM Identifiant JOIN BAL ON Ba_IdBAL = "
	              "Id_IdBAL WHERE Ba_Login = 'own'"),
	    1, "and no other");
}

/* The same request, by its id, after others have changed what it did. */
static void
test_again(void)
{
	struct dir_mailbox m = named("again@x.test");
	struct dir_who panel = client;
	bool again;

	panel.has_request = true;
	memset(panel.request, 1, sizeof(panel.request));
	add(&client, "again@x.test", NULL);
	finish("again@x.test");
	is_int(change(&panel, "again@x.test", "quota=7", NULL), CODE_OK,
	    "SETBAL");
	is_int(change(&client, "again@x.test", "quota=8", NULL), CODE_OK,
	    "another");
	is_int(change(&panel, "again@x.test", "quota=7", NULL), CODE_OK,
	    "the first again");
	is_int(number("SELECT Ba_Quota FROM BAL WHERE Ba_Login = 'again'"), 8,
	    "is not done twice");
	dir_purge(db, &panel, &m, &again, comment);
	ok(!again, "PURGEBAL");
	dir_purge(db, &panel, &m, &again, comment);
	ok(again, "and again");
	is_int(dir_enable(db, &panel, &m, false, comment), CODE_OK,
	    "DISABLEBAL");
	is_int(dir_enable(db, &client, &m, true, comment), CODE_OK,
	    "ENABLEBAL");
	is_int(dir_enable(db, &panel, &m, false, comment), CODE_OK,
	    "DISABLEBAL again");
	is_int(number("SELECT Ba_Etat = 'ACTIVE' FROM BAL WHERE Ba_Login = "
	              "'again'"),
	    1, "is not done twice");
	is_int(number("SELECT COUNT(*) FROM Audit WHERE Au_Requete IS NOT NULL "
	              "AND Au_Objet = 'again@x.test'"),
	    3, "each is audited once");
	is_int(dir_doom(db, &panel, &m, comment), CODE_OK, "DELBAL");
	finish("again@x.test");
	add(&client, "again@x.test", NULL);
	finish("again@x.test");
	is_int(dir_doom(db, &panel, &m, comment), CODE_NO_MAILBOX,
	    "again: what was made since then stays");
	panel.request[0]++;
	is_int(dir_doom(db, &panel, &m, comment), CODE_OK,
	    "unless it is another");
	finish("again@x.test");
}

static void
test_two_writers(void)
{
	int status, good = 0;
	pid_t pid[2];

	sql("UPDATE Domaine SET Do_MaxMail = Do_NombreBAL + 60 WHERE "
	    "Do_NomDomaine = 'x.test';\n");
	for (unsigned p = 0; p < 2; p++) {
		if ((pid[p] = fork()) != 0)
			continue;
		db = testdb_client();
		for (unsigned i = 0; i < 40; i++) {
			char address[64];
			int code;

			snprintf(address, sizeof(address), "w%u-%u@x.test", p,
			    i);
			code = add(&testdb_admin, address, NULL);
			if (code == CODE_OK)
				finish(address);
			else if (code != CODE_LIMIT)
				_exit(1);
		}
		_exit(0);
	}
	for (unsigned p = 0; p < 2; p++) {
		waitpid(pid[p], &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	is_int(good, 2, "two writers at once");
	is_int(
	    number(
	        "SELECT COUNT(*) = Do_MaxMail AND Do_MaxMail = "
	        "Do_NombreBAL FROM Domaine JOIN BAL ON Ba_IdDomaine = Do_IdDomaine "
	        "WHERE Do_NomDomaine = 'x.test'"),
	    1, "exactly up to the limit");
}

/* NEWBAL with account=. */
static int
add_account(const char *address, const struct account *a)
{
	struct dir_new n = { .type = "NEWBAL",
		.set = &set,
		.verifier = "$argon2id$none",
		.kind = CREDENTIAL_PASSWORD,
		.uid_first = 1900000000,
		.uid_last = 1900000999,
		.account = a };
	struct dir_mailbox m = named(address);

	return dir_add(db, &testdb_admin, &m, &n, comment);
}

static uint32_t
uid_of(const char *address)
{
	struct dir_mailbox m = named(address), is;

	return dir_find(db, &testdb_admin, &m, &is, comment) == CODE_OK ? is.uid
	                                                                : 0;
}

static void
test_accounts(void)
{
	static const struct account bob = { "bob", 1234, 100, "/home/bob" };
	struct dir_mailbox m = named("bob@acc.test");
	int64_t uid;

	is_int(dir_newdom(db, &client, "acc.test", "", comment), CODE_OK,
	    "NEWDOM");
	uid = number("SELECT Co_Valeur FROM Compteur WHERE Co_Nom = 'uid'");
	is_int(add_account("bob@acc.test", &bob), CODE_OK, "an account");
	is_int(uid_of("bob@acc.test"), 1234, "its uid is the account's");
	is_int(number("SELECT Co_Valeur FROM Compteur WHERE Co_Nom = 'uid'"),
	    uid, "none is taken from the range");
	is_int(add_account("rob@acc.test", &bob), CODE_EXISTS,
	    "an account is one mailbox");
	is_str(comment, "account bob is the mailbox bob@acc.test", "which one");
	is_int(add_account("rob@acc.test", NULL), CODE_OK, "not an account");
	is_int(uid_of("rob@acc.test"), uid + 1, "the next of the range");
	is_int(dir_doom(db, &testdb_admin, &m, comment), CODE_OK, "deleted");
	is_int(add_account("tom@acc.test", &bob), CODE_EXISTS,
	    "its account is not free");
	is_int(dir_remove(db, &testdb_admin, &m, comment), CODE_OK,
	    "until it is gone");
	is_int(add_account("tom@acc.test", &bob), CODE_OK, "then it is");
	is_int(uid_of("tom@acc.test"), 1234, "for another mailbox, too");
}

int
main(void)
{
	static const unsigned char key[32] = { 1 };
	int r;

	log_init("dir_box_test");
	secret_init();
	key_start(span_from(key, sizeof(key)));
	if ((r = testdb_start("dir-box")) == 0) {
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
		test_life();
		test_settings();
		test_effects();
		test_limits();
		test_names();
		test_virtual();
		test_own();
		test_again();
		test_two_writers();
		test_accounts();
		ok(testdb_journal_is_whole(db), "the journal has no gap");
	}
	db_free(&db);
	testdb_end();
	return done_testing();
}
