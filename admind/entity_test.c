/*
 * The entities against a real MariaDB server: whose is what, what is refused,
 * what follows what, the same request twice, domains that go, two connections
 * that change the same things at once.
 */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/dir_test.h"
#include "admind/entity.h"
#include "admind/names.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <sys/wait.h>
#include <unistd.h>

static struct db *db;
static char comment[COMMENT_MAX + 1];
static struct fields page, cells;
static struct buf answer;

static struct dir_who all = { .name = "root", .origin = "unix" };
static struct dir_who anna = { .name = "anna", .kind = WHO_ADMIN };
static struct dir_who otto = { .name = "otto", .kind = WHO_ADMIN };
static struct dir_who paul = { .name = "paul", .kind = WHO_CLIENT };
static struct dir_who rosa = { .name = "rosa", .kind = WHO_CLIENT };

/* ---- a request ------------------------------------------------------------------- */

/* type, DOMAIN, the key, then "option=value" up to NULL. */
static int
vtake(struct dir_change *c, const struct dir_who *who, const char *type,
    const char *domain, const char *key, va_list ap)
{
	const struct entity *e = entity_find(span_of(type + 3 +
	    (strncmp(type, "SHOW", 4) == 0)));
	const char *option;
	int code = CODE_OK;

	change_init(c, e, who, type, comment);
	snprintf(c->domain, sizeof(c->domain), "%s", domain);
	if (e->key_kind != KEY_NUMBER || strncmp(type, "NEW", 3) != 0)
		code = change_key(c, span_of(key));
	while ((option = va_arg(ap, const char *)) != NULL) {
		size_t n = strcspn(option, "=");
		unsigned i;

		for (i = 0; e->columns[i].option != NULL; i++)
			if (span_is(span_from(option, n), e->columns[i].option))
				break;
		if (e->columns[i].option == NULL)
			abort();
		if (code == CODE_OK)
			code = change_set(c, i, span_of(option + n + 1));
	}
	return code;
}

static int
ask(const struct dir_who *who, const char *type, const char *domain,
    const char *key, ...)
{
	struct dir_change c;
	va_list ap;
	int code;

	comment[0] = '\0';
	va_start(ap, key);
	code = vtake(&c, who, type, domain, key, ap);
	va_end(ap);
	if (code == CODE_OK)
		code = type[0] == 'N' ? entity_new(db, &c)
		    : type[0] == 'M'  ? entity_mod(db, &c)
		                      : entity_del(db, &c);
	change_clear(&c);
	if (comment[0] == '\0')
		code = 99; /* each answer says something */
	return code;
}

/* The row of SHOW as "a|b|c", or the code. */
static const char *
show(const struct dir_who *who, const char *type, const char *domain,
    const char *key, ...)
{
	static char text[4096];
	struct dir_change c;
	struct rows rows;
	va_list ap;
	int code;

	rows_init(&rows, 1);
	va_start(ap, key);
	code = vtake(&c, who, type, domain, key, ap);
	va_end(ap);
	if (code == CODE_OK)
		code = entity_show(db, &c, &rows);
	snprintf(text, sizeof(text), "%d", code);
	buf_reset(&answer);
	field_put(&answer, span_of(type), true);
	if (code == CODE_OK && rows_put(&rows, c.entity->shown, &answer) == 0 &&
	    fields_parse(&page, buf_span(&answer)) == 0 && page.n == 4 &&
	    span_copy(page.field[3], text, sizeof(text)) == 0 &&
	    fields_parse(&cells, page.field[2]) == 0) {
		unsigned columns = cells.n;

		fields_parse(&cells, page.field[3]);
		if (columns != cells.n)
			snprintf(text, sizeof(text), "%u columns, %u cells",
			    columns, cells.n);
	}
	change_clear(&c);
	rows_clear(&rows);
	return text;
}

static uint64_t
number(const char *sql)
{
	return testdb_number(db, sql);
}

static int
newdom(const struct dir_who *who, const char *name, const char *client)
{
	return dir_newdom(db, who, name, client, comment);
}

static void
add_box(const char *domain, const char *login, const char *state)
{
	static unsigned uid = 1000;
	struct db_value v[4] = { db_str(login), db_str(domain), db_u64(uid++),
		db_str(state) };

	if (db_do(db, NULL, NULL,
	        "INSERT INTO BAL (Ba_Login, Ba_IdDomaine, "
	        "Ba_Uid, Ba_Etat) SELECT ?, Do_IdDomaine, ?, ? FROM Domaine WHERE "
	        "Do_NomDomaine = ?",
	        (struct db_value[]){ v[0], v[2], v[3], v[1] }, 4) == -1)
		printf("# %s\n", db_reason(db));
}

/* ---- who there is -------------------------------------------------------------- */

static void
test_people(void)
{
	is_int(ask(&all, "NEWADMIN", "", "anna", NULL), 0, "an administrator");
	is_int(ask(&all, "NEWADMIN", "", "otto", "name=Otto", NULL), 0,
	    "another");
	is_int(ask(&all, "NEWADMIN", "", "otto", "name=Otto", NULL), 0,
	    "the same again");
	is_int(ask(&all, "NEWADMIN", "", "otto", "name=Odo", NULL), CODE_EXISTS,
	    "with another name");
	anna.id = (uint32_t)number("SELECT Ad_IdAdministrateur FROM "
	                           "Administrateur WHERE Ad_Login = 'anna'");
	otto.id = (uint32_t)number("SELECT Ad_IdAdministrateur FROM "
	                           "Administrateur WHERE Ad_Login = 'otto'");
	is_int(ask(&anna, "NEWCOMPANY", "", "", "name=Wood & Sons", NULL), 0,
	    "a company");
	is_int(ask(&anna, "NEWCOMPANY", "", "", "name=Wood & Sons", NULL), 0,
	    "the same again");
	is_int((int64_t)number("SELECT COUNT(*) FROM Societe"), 2,
	    "is the same one");
	is_int(ask(&anna, "NEWCLIENT", "", "paul", "company=2", "name=Paul",
	           "sms-account=paulsms", NULL),
	    0, "a client");
	is_int(ask(&anna, "NEWCLIENT", "", "paul", "company=2", "name=Paul",
	           "sms-account=paulsms", NULL),
	    0, "the same again");
	is_int(ask(&anna, "NEWCLIENT", "", "paul", "company=1", NULL),
	    CODE_EXISTS, "of another company");
	is_int(ask(&otto, "NEWCLIENT", "", "paul", "company=2", NULL),
	    CODE_EXISTS, "of another administrator");
	is_str(comment, "the client \"paul\" is taken", "who is not told");
	is_int(ask(&otto, "NEWCLIENT", "", "rosa", "company=2", NULL),
	    CODE_NONE, "another's company");
	is_int(ask(&otto, "NEWCLIENT", "", "rosa", "administrator=anna", NULL),
	    CODE_NONE, "in another's name");
	is_int(ask(&otto, "NEWCLIENT", "", "rosa", "sms-account=PaulSMS", NULL),
	    CODE_EXISTS, "another's SMS account");
	is_int(ask(&otto, "NEWCLIENT", "", "rosa", NULL), 0,
	    "of the server's own");
	is_int(ask(&all, "NEWCLIENT", "", "anna", NULL), CODE_EXISTS,
	    "a client with an administrator's login");
	is_int(ask(&all, "NEWADMIN", "", "paul", NULL), CODE_EXISTS,
	    "and the other way round");
	paul.id = (uint32_t)number("SELECT Cl_IdClient FROM Client WHERE "
	                           "Cl_Login = 'paul'");
	rosa.id = (uint32_t)number("SELECT Cl_IdClient FROM Client WHERE "
	                           "Cl_Login = 'rosa'");
	is_str(show(&anna, "SHOWCLIENT", "", "paul", NULL),
	    "paul|Paul||2|Wood & Sons|anna|paulsms|no|", "shown");
	is_str(show(&paul, "SHOWCLIENT", "", "paul", NULL),
	    "paul|Paul||2|Wood & Sons|anna|paulsms|no|", "to itself");
	is_str(show(&rosa, "SHOWCLIENT", "", "paul", NULL), "-11",
	    "not to another");
	is_str(show(&otto, "SHOWCLIENT", "", "paul", NULL), "-11",
	    "not to another's administrator");
	is_int(ask(&otto, "MODCLIENT", "", "paul", "name=X", NULL), CODE_NONE,
	    "nor changed by him");
	is_int(ask(&anna, "MODCLIENT", "", "paul", "name=Paul|\\'\"--",
	           "comment=%s\xc3\xa9", NULL),
	    0, "changed");
	is_str(testdb_text(db,
	           "SELECT CONCAT(Cl_Nom, Cl_Commentaire) FROM "
	           "Client WHERE Cl_Login = 'paul'"),
	    "Paul|\\'\"--%s\xc3\xa9", "as it was given");
	is_str(show(&anna, "SHOWCLIENT", "", "paul", NULL),
	    "paul|Paul\\p\\\\'\"--||2|Wood & Sons|anna|paulsms|no|%s\xc3\xa9",
	    "and shown");
	is_int(ask(&anna, "MODCLIENT", "", "paul", "administrator=otto", NULL),
	    CODE_NONE, "given away only by who may do everything");
	is_int(ask(&anna, "MODCLIENT", "", "paul", "sms-account=", NULL), 0,
	    "no SMS account");
	is_int(ask(&otto, "MODCLIENT", "", "rosa", "sms-account=", NULL), 0,
	    "nor the other");
}

static void
test_last(void)
{
	is_int(ask(&all, "MODADMIN", "", "admin", "all=no", NULL), CODE_IN_USE,
	    "the last who may do everything");
	is_int(ask(&all, "DELADMIN", "", "admin", NULL), CODE_IN_USE, "stays");
	is_int(ask(&all, "MODADMIN", "", "otto", "all=yes", NULL), 0,
	    "a second one");
	is_int(ask(&all, "MODADMIN", "", "admin", "all=no", NULL), 0,
	    "then he may go");
	is_int(ask(&all, "MODADMIN", "", "otto", "all=no", NULL), CODE_IN_USE,
	    "and the other is the last");
	is_int(ask(&all, "MODADMIN", "", "admin", "all=yes", NULL), 0, "back");
	is_int(ask(&all, "MODADMIN", "", "otto", "all=no", NULL), 0, "back");
	is_int(ask(&all, "DELADMIN", "", "otto", NULL), CODE_IN_USE,
	    "who has clients stays");
	is_int(ask(&all, "DELCLIENT", "", "local", NULL), CODE_IN_USE,
	    "the server's own client");
	is_int(ask(&all, "DELCOMPANY", "", "1", NULL), CODE_IN_USE, "company");
	is_int(ask(&all, "DELSERVER", "", "local", NULL), CODE_IN_USE,
	    "server");
	is_int(ask(&all, "DELCOMPANY", "", "2", NULL), CODE_IN_USE,
	    "a company with clients");
	is_int(ask(&otto, "DELCOMPANY", "", "2", NULL), CODE_NONE,
	    "and another's");
	is_int(ask(&all, "NEWADMIN", "", "gone", NULL), 0, "somebody");
	is_int(ask(&all, "DELADMIN", "", "gone", NULL), 0, "deleted");
	is_int(ask(&all, "DELADMIN", "", "gone", NULL), 0, "again");
	is_int(ask(&all, "DELADMIN", "", "never", NULL), CODE_NONE, "nobody");
}

static void
test_servers(void)
{
	is_int(ask(&all, "NEWSERVER", "", "Mail2.x", "address=192.0.2.2",
	           "server-type=POP", NULL),
	    0, "a server");
	is_str(show(&anna, "SHOWSERVER", "", "mail2.x", NULL),
	    "mail2.x|192.0.2.2|POP|AVECDOMAINE||",
	    "every administrator sees it");
	is_int(ask(&anna, "MODSERVER", "", "mail2.x", "comment=x", NULL),
	    CODE_NONE, "but changes nothing");
	is_int(ask(&all, "MODSERVER", "", "mail2.x", "server-type=SMTP", NULL),
	    CODE_VALUE, "a type there is not");
	is_int(ask(&all, "MODSERVER", "", "mail2.x", "address=a b", NULL),
	    CODE_VALUE, "no address");
	is_int(ask(&all, "MODSERVER", "", "mail2.x", "ldap=../x", NULL),
	    CODE_VALUE, "no LDAP source");
	is_int((int64_t)
	           number("SELECT COUNT(*) FROM Journal WHERE Jo_Table = 6"),
	    1, "authd is told of one change");
	db_script(db, "UPDATE BAL SET Ba_LoginCourt = 'bob';\n");
	is_int(ask(&all, "MODSERVER", "", "local", "logins=SANSDOMAINE", NULL),
	    0, "short logins");
	is_int(ask(&all, "MODSERVER", "", "local", "logins=AVECDOMAINE", NULL),
	    0, "not any more");
}

/* ---- domains ---------------------------------------------------------------------- */

static void
test_domains(void)
{
	is_int(newdom(&paul, "p.test", ""), 0, "a client's domain");
	is_int(newdom(&paul, "p.test", ""), 0, "again");
	is_int(newdom(&rosa, "p.test", ""), CODE_EXISTS, "another's");
	is_int(newdom(&rosa, "r.test", ""), 0, "rosa's");
	is_int(newdom(&anna, "p2.test", ""), CODE_VALUE,
	    "an administrator says whose");
	is_int(newdom(&anna, "p2.test", "rosa"), CODE_NONE, "never another's");
	is_int(newdom(&anna, "p2.test", "paul"), 0, "his client's");
	is_int(newdom(&anna, "p2.test", "paul"), 0, "again");
	is_int(newdom(&paul, "p3.test", "rosa"), CODE_NONE,
	    "a client for another");
	is_int(newdom(&all, "own.test", ""), 0, "the server's");
	is_str(show(&paul, "SHOWDOM", "", "p.test", NULL),
	    "p.test|paul|local|0|0|0||no||active|", "shown");
	is_str(show(&rosa, "SHOWDOM", "", "p.test", NULL), "-4",
	    "to its owner");
	is_str(show(&otto, "SHOWDOM", "", "p.test", NULL), "-4",
	    "and his administrator");
	is_int(ask(&paul, "MODDOM", "", "p.test", "comment=mine", "purge=30",
	           "logo=p.png", NULL),
	    0, "changed by its owner");
	is_int(ask(&paul, "MODDOM", "", "p.test", "quota=5", NULL), CODE_DENIED,
	    "but not its limits");
	is_int(ask(&paul, "MODDOM", "", "p.test", "reserved=yes", NULL),
	    CODE_DENIED, "nor names");
	is_int(ask(&paul, "MODDOM", "", "p.test", "logo=../x", NULL),
	    CODE_VALUE, "a path as logo");
	is_int(ask(&anna, "MODDOM", "", "p.test", "quota=2147483648", NULL),
	    CODE_VALUE, "more than fits");
	is_int(ask(&anna, "MODDOM", "", "p.test", "quota=1000", "max=2", NULL),
	    0, "his administrator does");
	is_str(show(&paul, "SHOWDOM", "", "p.test", NULL),
	    "p.test|paul|local|1000|2|30|p.png|no||active|mine", "all of it");
	is_int(ask(&anna, "MODDOM", "", "p2.test", "client=rosa", NULL),
	    CODE_NONE, "not to another's client");
	is_int(ask(&all, "MODDOM", "", "p2.test", "client=rosa", NULL), 0,
	    "to another client");
	is_str(show(&rosa, "SHOWDOM", "", "p2.test", NULL),
	    "p2.test|rosa|local|0|0|0||no||active|", "it is hers");
	is_int(ask(&all, "MODDOM", "", "p2.test", "client=paul", NULL), 0,
	    "and his again");
	is_int(ask(&all, "MODDOM", "", "p2.test", "server=nowhere", NULL),
	    CODE_NONE, "no such server");
}

static void
test_limits(void)
{
	add_box("p.test", "bob", "ACTIVE");
	add_box("p.test", "ann", "ACTIVE");
	is_int(ask(&anna, "MODDOM", "", "p.test", "max=1", NULL), CODE_LIMIT,
	    "fewer than there are");
	is_int(ask(&anna, "MODDOM", "", "p.test", "quota=10", NULL), CODE_LIMIT,
	    "a quota while mailboxes have none");
	db_script(db, "UPDATE BAL SET Ba_Quota = 100;\n");
	is_int(ask(&anna, "MODDOM", "", "p.test", "quota=199", NULL),
	    CODE_LIMIT, "less than is given");
	is_int(ask(&anna, "MODDOM", "", "p.test", "quota=200", NULL), 0,
	    "what is given");
	is_int(ask(&all, "MODDOM", "", "p.test", "server=mail2.x", NULL),
	    CODE_IN_USE, "mailboxes do not move");
	db_script(db, "UPDATE BAL SET Ba_LoginCourt = 'bob';\n");
	is_int(ask(&all, "MODSERVER", "", "local", "logins=SANSDOMAINE", NULL),
	    CODE_IN_USE, "a short login of two");
	db_script(db, "UPDATE BAL SET Ba_LoginCourt = NULL;\n");
}

/* ---- aliases and virtual users -------------------------------------------------------- */

static void
test_aliases(void)
{
	is_int(ask(&paul, "NEWALIAS", "p.test", "Info",
	           "list= Bob , eve@X.Test", NULL),
	    0, "an alias");
	is_int(ask(&paul, "NEWALIAS", "p.test", "info", "list=bob,eve@x.test",
	           NULL),
	    0, "again");
	is_int(ask(&paul, "NEWALIAS", "p.test", "info", "list=bob", NULL),
	    CODE_EXISTS, "with another list");
	is_int(ask(&paul, "NEWALIAS", "p2.test", "info", "list=bob,eve@x.test",
	           NULL),
	    CODE_EXISTS, "in another domain of his");
	is_int(ask(&rosa, "NEWALIAS", "r.test", "info", "list=bob,eve@x.test",
	           NULL),
	    CODE_EXISTS, "another's");
	is_str(comment, "the alias \"info\" is taken", "whose is not told");
	is_int(ask(&rosa, "NEWALIAS", "p.test", "sales", "list=a", NULL),
	    CODE_NO_DOMAIN, "in another's domain");
	is_int(ask(&paul, "NEWALIAS", "", "sales", "list=a", NULL), CODE_DENIED,
	    "without a domain");
	is_int(ask(&anna, "NEWALIAS", "", "sales", "list=a", NULL), CODE_DENIED,
	    "by somebody's administrator");
	is_int(ask(&all, "NEWALIAS", "", "sales", "list=a@b.test", NULL), 0,
	    "the server's");
	is_int(ask(&paul, "NEWALIAS", "p.test", "bob", "list=a", NULL),
	    CODE_EXISTS, "a mailbox's name");
	is_str(comment, "bob@p.test is a mailbox", "which is told");
	is_int(ask(&paul, "NEWALIAS", "p.test", "postmaster", "list=a", NULL),
	    CODE_DENIED, "a reserved name");
	is_int(ask(&anna, "MODDOM", "", "p.test", "reserved=yes", NULL), 0,
	    "unless the domain may");
	is_int(ask(&paul, "NEWALIAS", "p.test", "postmaster", "list=bob", NULL),
	    0, "have it");
	is_int(ask(&paul, "MODALIAS", "p.test", "info", "comment=:c\"|", NULL),
	    0, "a comment");
	is_str(show(&paul, "SHOWALIAS", "", "info", NULL),
	    "info|p.test|paul|local|bob,eve@x.test|:c\"\\p", "shown");
	is_str(show(&paul, "SHOWALIAS", "p2.test", "info", NULL), "-11",
	    "not of another domain");
	is_str(show(&rosa, "SHOWALIAS", "", "info", NULL), "-11",
	    "nor to another client");
	is_str(show(&paul, "SHOWALIAS", "", "sales", NULL), "-11",
	    "nor the server's");
	is_int(ask(&rosa, "MODALIAS", "", "info", "list=x", NULL), CODE_NONE,
	    "nor changed");
	is_int(ask(&rosa, "DELALIAS", "", "info", NULL), CODE_NONE,
	    "nor deleted");
	is_int(ask(&rosa, "DELALIAS", "r.test", "info", NULL), CODE_NONE,
	    "in whatever name");
}

static void
test_virtual(void)
{
	is_int(ask(&paul, "NEWVIRT", "p.test", "Contact", "real=info",
	           "real-domain=", NULL),
	    0, "to an alias");
	is_int(ask(&paul, "NEWVIRT", "p.test", "contact", "real=Info",
	           "real-domain=", NULL),
	    0, "again");
	is_int(ask(&paul, "NEWVIRT", "p.test", "contact", "real=bob",
	           "real-domain=", NULL),
	    CODE_EXISTS, "to another");
	is_int(ask(&paul, "NEWVIRT", "p2.test", "", "real=bob",
	           "real-domain=", NULL),
	    0, "a catch-all to a mailbox elsewhere");
	is_int(ask(&rosa, "NEWVIRT", "r.test", "x", "real=bob",
	           "real-domain=", NULL),
	    CODE_NONE, "not to another's mailbox");
	is_int(ask(&rosa, "NEWVIRT", "r.test", "x", "real=info",
	           "real-domain=", NULL),
	    CODE_NONE, "nor alias");
	is_int(ask(&rosa, "NEWVIRT", "r.test", "x", "real=sales",
	           "real-domain=", NULL),
	    0, "but the server's");
	is_int(ask(&rosa, "NEWVIRT", "p.test", "x", "real=sales",
	           "real-domain=", NULL),
	    CODE_NO_DOMAIN, "in another's domain");
	is_int(ask(&paul, "NEWVIRT", "p.test", "y", "real=Some.One",
	           "real-domain=Else.Test", NULL),
	    0, "to an address");
	is_str(show(&paul, "SHOWVIRT", "p.test", "y", NULL),
	    "y|p.test|Some.One|else.test|address||", "as it is kept");
	is_str(show(&paul, "SHOWVIRT", "p2.test", "", NULL),
	    "|p2.test|bob||mailbox|bob@p.test|", "the catch-all");
	is_str(show(&rosa, "SHOWVIRT", "p.test", "y", NULL), "-4", "not hers");
	is_int(ask(&paul, "NEWVIRT", "p.test", "z", "real=nobody",
	           "real-domain=p.test", NULL),
	    0, "to nobody yet");
	ok(strstr(comment, "nobody of that name") != NULL, "is worth a word");
	is_int(ask(&paul, "NEWVIRT", "p.test", "ann", "real=bob",
	           "real-domain=", NULL),
	    CODE_EXISTS, "a mailbox's name");
	is_int(ask(&paul, "NEWVIRT", "p.test", "info", "real=bob",
	           "real-domain=", NULL),
	    CODE_EXISTS, "an alias's name");
	is_int(ask(&paul, "NEWALIAS", "p.test", "contact", "list=bob", NULL),
	    CODE_EXISTS, "an alias of its name");
	is_int(ask(&paul, "NEWVIRT", "p2.test", "abuse", "real=bob",
	           "real-domain=", NULL),
	    CODE_DENIED, "a reserved name");
	is_int(ask(&paul, "NEWVIRT", "p.test", "v", "real=|sh",
	           "real-domain=", NULL),
	    CODE_VALUE, "a program");
	is_int(ask(&paul, "NEWVIRT", "p.test", "v", "real=|sh",
	           "real-domain=x.test", NULL),
	    CODE_VALUE, "with a domain");
	is_int(ask(&paul, "NEWVIRT", "p.test", "v", "real=a b",
	           "real-domain=x.test", NULL),
	    CODE_VALUE, "a blank");
	is_int(ask(&paul, "NEWVIRT", "p.test", "v", "real=a",
	           "real-domain=x.test\nroot", NULL),
	    CODE_VALUE, "a line");
	add_box("p2.test", "two", "ACTIVE");
	add_box("p.test", "two", "ACTIVE");
	is_int(newdom(&paul, "p4.test", ""), 0, "a third domain");
	is_int(ask(&paul, "NEWVIRT", "p4.test", "v", "real=two",
	           "real-domain=", NULL),
	    CODE_VALUE, "which of two?");
	is_int(ask(&paul, "NEWVIRT", "p2.test", "v", "real=two",
	           "real-domain=", NULL),
	    0, "the one in its own domain");
	is_str(show(&paul, "SHOWVIRT", "p2.test", "v", NULL),
	    "v|p2.test|two||mailbox|two@p2.test|", "that one");
	is_int(ask(&paul, "MODVIRT", "p2.test", "v", "real=info", NULL), 0,
	    "to an alias now");
	is_str(show(&paul, "SHOWVIRT", "p2.test", "v", NULL),
	    "v|p2.test|info||alias||", "it is");
	is_int(ask(&paul, "MODVIRT", "p2.test", "v", "real-domain=x.test",
	           NULL),
	    0, "to an address now");
	is_str(show(&paul, "SHOWVIRT", "p2.test", "v", NULL),
	    "v|p2.test|info|x.test|address||", "it is");
	is_int(ask(&paul, "MODVIRT", "p2.test", "v", "comment=c", NULL), 0,
	    "only a comment");
	is_int(ask(&paul, "DELVIRT", "p2.test", "v", NULL), 0, "deleted");
	is_int(ask(&paul, "DELVIRT", "p2.test", "v", NULL), 0, "again");
	is_int(ask(&paul, "DELVIRT", "p2.test", "w", NULL), CODE_NONE,
	    "never was");
	is_int(ask(&paul, "DELALIAS", "p.test", "info", NULL), 0,
	    "an alias goes");
	is_str(show(&paul, "SHOWVIRT", "p.test", "contact", NULL), "-11",
	    "and what led to it");
	is_int(
	    (int64_t)number(
	        "SELECT COUNT(*) FROM Audit WHERE Au_Type = "
	        "'DELVIRT' AND Au_Objet = 'contact@p.test' AND Au_Qui = 'paul'"),
	    1, "which is in the audit log");
	is_int(ask(&paul, "DELALIAS", "p.test", "info", NULL), 0, "again");
	is_int(ask(&rosa, "DELALIAS", "r.test", "info", NULL), CODE_NONE,
	    "but not for her");
	ok(testdb_journal_is_whole(db), "the journal has no gap");
}

/* ---- a domain goes --------------------------------------------------------------------- */

static void
test_deldom(void)
{
	struct dir_mailbox box;
	unsigned boxes = 0;
	bool more = true;
	char name[256];
	uint32_t id, found;

	is_int(dir_deldom(db, &rosa, "p.test", true, &id, comment),
	    CODE_NO_DOMAIN, "another's");
	is_int(dir_deldom(db, &paul, "p.test", false, &id, comment),
	    CODE_IN_USE, "with mailboxes");
	is_int(dir_deldom_next(db, &found, name), 0, "nothing is marked");
	is_int(dir_deldom(db, &paul, "p.test", true, &id, comment), 0,
	    "forced");
	is_int(dir_deldom(db, &paul, "p.test", false, &found, comment), 0,
	    "again: it goes on");
	ok(found == id && dir_deldom_next(db, &found, name) == 1 &&
	        found == id && strcmp(name, "p.test") == 0,
	    "it is marked");
	is_int(ask(&paul, "NEWALIAS", "p.test", "late", "list=a", NULL),
	    CODE_TEMP, "nothing else can be done");
	is_int(ask(&anna, "MODDOM", "", "p.test", "comment=x", NULL), CODE_TEMP,
	    "to it");
	is_int(newdom(&paul, "p.test", ""), CODE_TEMP, "nor can it be made");
	for (unsigned i = 0; more && i < 20; i++)
		if (dir_deldom_some(db, &paul, id, &more, comment) != CODE_OK)
			break;
	ok(!more, "all that hangs on it");
	is_int(
	    (int64_t)number(
	        "SELECT (SELECT COUNT(*) FROM VirtualUser JOIN "
	        "Domaine ON Do_IdDomaine = Vi_IdDomaine WHERE Do_NomDomaine = "
	        "'p.test') + (SELECT COUNT(*) FROM Alias JOIN Domaine ON "
	        "Do_IdDomaine = Al_IdDomaine)"),
	    0, "virtual users and aliases");
	is_int((int64_t)number("SELECT COUNT(*) FROM VirtualUser"), 2,
	    "others' are there still");
	while (dir_deldom_box(db, id, &box) == 1 && boxes < 10) {
		boxes++;
		if (dir_remove(db, &paul, &box, comment) != CODE_OK)
			break;
	}
	is_int(boxes, 3, "three mailboxes");
	is_int((int64_t)number("SELECT COUNT(*) FROM VirtualUser"), 1,
	    "and the catch-all that led to one of them");
	is_int(dir_deldom_end(db, id, comment), 0, "the end");
	is_int(dir_deldom_end(db, id, comment), 0, "again");
	is_int(dir_deldom_some(db, &paul, id, &more, comment), 0,
	    "what is gone has nothing left");
	is_int(dir_deldom(db, &paul, "p.test", false, &id, comment), 0,
	    "the panel asks again");
	is_int(id, 0, "nothing is left to do");
	is_int(dir_deldom(db, &rosa, "p.test", false, &id, comment),
	    CODE_NO_DOMAIN, "she never had it");
	is_int(newdom(&rosa, "p.test", ""), 0, "it may be made anew");
	is_int(dir_deldom(db, &paul, "p.test", true, &id, comment), 0,
	    "his is gone");
	is_int(id, 0, "and hers is not touched");
	ok(testdb_journal_is_whole(db), "the journal has no gap");
	is_int(ask(&all, "DELCLIENT", "", "rosa", NULL), CODE_IN_USE,
	    "a client with domains");
}

/* ---- two at once ---------------------------------------------------------------------- */

/* Each makes, changes and deletes the same aliases, virtual users and clients;
 * whatever each is told, it must be true of one order of them all. */
static void
test_two_at_once(void)
{
	int status, good = 0;
	pid_t pid[2];

	newdom(&paul, "two.test", "");
	for (unsigned p = 0; p < 2; p++) {
		if ((pid[p] = fork()) != 0)
			continue;
		db = testdb_client();
		for (unsigned i = 0; i < 60; i++) {
			char name[32], login[32];
			int a, v, d, n;

			snprintf(name, sizeof(name), "n%u", i % 5);
			snprintf(login, sizeof(login), "c%u", i);
			a = ask(&paul, "NEWALIAS", "two.test", name,
			    p == 0 ? "list=a@x.test" : "list=b@x.test", NULL);
			v = ask(&paul, "NEWVIRT", "two.test", "v", "real=n1",
			    "real-domain=", NULL);
			d = ask(&paul, "DELALIAS", "two.test", name, NULL);
			n = ask(&all, p == 0 ? "NEWCLIENT" : "NEWADMIN", "",
			    login, NULL);
			if ((a != 0 && a != CODE_EXISTS) ||
			    (v != 0 && v != CODE_NONE) || d != 0 ||
			    (n != 0 && n != CODE_EXISTS)) {
				printf("# %d %d %d %d %s\n", a, v, d, n,
				    comment);
				_exit(1);
			}
		}
		_exit(0);
	}
	for (unsigned p = 0; p < 2; p++) {
		waitpid(pid[p], &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	is_int(good, 2, "two at once");
	db_lost(db);
	ok(testdb_wait(db) && testdb_journal_is_whole(db),
	    "the journal has no gap");
	is_int((int64_t)
	           number("SELECT COUNT(*) FROM Client JOIN Administrateur "
	                  "ON Ad_Login = Cl_Login"),
	    0, "no login of both");
	is_int((int64_t)
	            number("SELECT COUNT(*) FROM Client WHERE Cl_Login LIKE "
	                   "'c%'") +
	        (int64_t)number("SELECT COUNT(*) FROM Administrateur WHERE "
	                        "Ad_Login LIKE 'c%'"),
	    60, "each once");
}

int
main(void)
{
	int r;

	log_init("entity_test");
	secret_init();
	fields_init(&page);
	fields_init(&cells);
	buf_init(&answer, REQUEST_MAX);
	if ((r = testdb_start("entity")) == 0) {
		printf("ok %d # SKIP mariadb-server is not installed\n",
		    ++tap_count);
		return done_testing();
	}
	db = testdb_client();
	if (ok(r == 1 && testdb_wait(db) && dir_open(db) == 0, "mariadbd")) {
		test_people();
		test_last();
		test_domains();
		test_servers();
		test_limits();
		test_aliases();
		test_virtual();
		test_deldom();
		test_two_at_once();
	}
	db_free(&db);
	testdb_end();
	buf_clear(&answer);
	fields_clear(&page);
	fields_clear(&cells);
	return done_testing();
}
