/* Clients: each belongs to a company and is managed by an administrator. */
#include "config.h"
#include "admind/entity.h"

enum {
	PASSWORD,
	NAME,
	FIRST_NAME,
	COMPANY,
	ADMINISTRATOR,
	SMS_ACCOUNT,
	SMS_PASSWORD,
	COMMENT
};

/* The administrator's number for his login; a new client without one belongs
 * to who makes it. */
static int
find_administrator(struct db *db, struct dir_change *c)
{
	struct db_value v[1] = { c->now[ADMINISTRATOR] };
	uint64_t id = c->who->id;
	int r;

	if (entity_text(c, ADMINISTRATOR).len > 0) {
		r = entity_number(db,
		    "SELECT Ad_IdAdministrateur FROM "
		    "Administrateur WHERE Ad_Login = ?",
		    v, 1, &id);
		if (r == DB_FAILED)
			return r;
		if (r == 0 || (c->who->kind == WHO_ADMIN && id != c->who->id))
			return entity_refuse(c, CODE_NONE,
			    "there is no such "
			    "administrator");
	} else if (c->given[ADMINISTRATOR]) {
		return entity_refuse(c, CODE_VALUE,
		    "a client needs an "
		    "administrator");
	}
	/* root has no number. */
	c->now[ADMINISTRATOR] = db_u64(id > 0 ? id : ADMINISTRATOR_FIRST);
	return 0;
}

static int
check(struct db *db, struct dir_change *c)
{
	struct db_value v[4] = { db_str(c->key) };
	uint64_t there;
	int r;

	if (!c->exists &&
	    (r = entity_number(db,
	         "SELECT 1 FROM Administrateur "
	         "WHERE Ad_Login = ?",
	         v, 1, &there)) != 0)
		return r == DB_FAILED
		    ? r
		    : entity_refuse(c, CODE_EXISTS,
		          "the login \"%.128s\" is taken", c->key);
	if ((r = find_administrator(db, c)) != 0)
		return r;
	if (c->given[COMPANY]) {
		v[0] = c->now[COMPANY];
		v[1] = v[2] = v[3] =
		    db_u64(c->who->kind == WHO_ALL ? 0 : c->who->id);
		r = entity_number(db,
		    "SELECT 1 FROM Societe WHERE "
		    "So_IdSociete = ? AND " COMPANY_SCOPE_SQL,
		    v, 4, &there);
		if (r != 1)
			return r == DB_FAILED ? r
			                      : entity_refuse(c, CODE_NONE,
			                            "there is no such company");
	}
	if (entity_text(c, SMS_ACCOUNT).len > 0) {
		v[0] = c->now[SMS_ACCOUNT];
		v[1] = db_u64(c->id);
		r = entity_number(db,
		    "SELECT 1 FROM Client WHERE "
		    "Cl_CompteSMS = ? AND Cl_IdClient <> ?",
		    v, 2, &there);
		if (r != 0)
			return r == DB_FAILED ? r
			                      : entity_refuse(c, CODE_EXISTS,
			                            "the SMS account is taken");
	}
	return 0;
}

static int
going(struct db *db, struct dir_change *c)
{
	(void)db;
	return c->id != CLIENT_OWN
	    ? 0
	    : entity_refuse(c, CODE_IN_USE,
	          "client \"%.128s\" is the server's own", c->key);
}

#define SHOWN \
	"SELECT Cl_Login, Cl_Login, Cl_Nom, Cl_Prenom, Cl_IdSociete, " \
	"So_Nom, Ad_Login, COALESCE(Cl_CompteSMS, ''), IF(Cl_Password = '', " \
	"'no', 'yes'), Cl_Commentaire FROM Client JOIN Societe ON " \
	"So_IdSociete = Cl_IdSociete JOIN Administrateur ON " \
	"Ad_IdAdministrateur = Cl_IdAdministrateur WHERE "

const struct entity entity_client = {
	.name = "CLIENT", .what = "client",
	.key = "client", .key_kind = KEY_LOGIN, .none = CODE_NONE,
	.columns = {
		[PASSWORD] = { "password", COLUMN_VERIFIER },
		[NAME] = { "name", COLUMN_TEXT },
		[FIRST_NAME] = { "first-name", COLUMN_TEXT },
		[COMPANY] = { "company", COLUMN_NUMBER, .initial = "1" },
		[ADMINISTRATOR] = { "administrator", COLUMN_NAME },
		[SMS_ACCOUNT] = { "sms-account", COLUMN_ACCOUNT },
		[SMS_PASSWORD] = { "sms-password", COLUMN_SEALED },
		[COMMENT] = { "comment", COLUMN_TEXT },
	},
	.find = "SELECT Cl_IdClient, Cl_IdClient, Cl_IdAdministrateur, "
	    "Cl_Password, Cl_Nom, Cl_Prenom, Cl_IdSociete, Ad_Login, "
	    "Cl_CompteSMS, Cl_PasswordSMS, Cl_Commentaire FROM Client JOIN "
	    "Administrateur ON Ad_IdAdministrateur = Cl_IdAdministrateur "
	    "WHERE Cl_Login = ?",
	.insert = "INSERT INTO Client (Cl_Login, Cl_Password, Cl_Nom, "
	    "Cl_Prenom, Cl_IdSociete, Cl_IdAdministrateur, Cl_CompteSMS, "
	    "Cl_PasswordSMS, Cl_Commentaire) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	    "?)",
	.update = "UPDATE Client SET Cl_Password = ?, Cl_Nom = ?, "
	    "Cl_Prenom = ?, Cl_IdSociete = ?, Cl_IdAdministrateur = ?, "
	    "Cl_CompteSMS = ?, Cl_PasswordSMS = ?, Cl_Commentaire = ? WHERE "
	    "Cl_IdClient = ?",
	.remove = "DELETE FROM Client WHERE Cl_IdClient = ?",
	.shown = "client|name|first-name|company|company-name|administrator|"
	    "sms-account|login|comment",
	.show = SHOWN "Cl_IdClient = ?",
	.list = SHOWN SCOPE_SQL " AND LOCATE(?, CONCAT_WS(' ', Cl_Login, "
	    "Cl_Prenom, Cl_Nom)) > 0 AND Cl_Login > ? ORDER BY Cl_Login LIMIT "
	    "?",
	.scope = SCOPE_CLIENT,
	.uses = {
		{ "SELECT COUNT(*) FROM Domaine WHERE Do_IdClient = ?",
		    "domains" },
		{ "SELECT COUNT(*) FROM Utilisateur WHERE Ut_IdClient = ?",
		    "users" },
		{ "SELECT COUNT(*) FROM Alias WHERE Al_IdClient = ?",
		    "aliases" },
	},
	.check = check, .going = going,
};
