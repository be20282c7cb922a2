/* Administrators: of everything (Ad_Tout), or of the clients they manage. */
#include "config.h"
#include "admind/entity.h"

enum { PASSWORD, NAME, ALL, COMMENT };

/* May everybody who may do everything go?  Never the last one. */
static int
not_the_last(struct db *db, struct dir_change *c)
{
	struct db_value v[1] = { db_u64(c->id) };
	uint64_t there;
	int r;

	if (!span_is(c->old[ALL], "OUI"))
		return 0;
	r = entity_number(db,
	    "SELECT 1 FROM Administrateur WHERE Ad_Tout = "
	    "'OUI' AND Ad_IdAdministrateur <> ? LIMIT 1",
	    v, 1, &there);
	if (r != 0)
		return r == 1 ? 0 : r;
	return entity_refuse(c, CODE_IN_USE,
	    "\"%.128s\" is the last "
	    "administrator who may do everything",
	    c->key);
}

static int
check(struct db *db, struct dir_change *c)
{
	struct db_value v[1] = { db_str(c->key) };
	uint64_t there;
	int r;

	if (c->exists)
		return span_is(entity_text(c, ALL), "OUI")
		    ? 0
		    : not_the_last(db, c);
	r = entity_number(db, "SELECT 1 FROM Client WHERE Cl_Login = ?", v, 1,
	    &there);
	return r != 1 ? r
	              : entity_refuse(c, CODE_EXISTS,
	                    "the login \"%.128s\" is taken", c->key);
}

#define SHOWN \
	"SELECT Ad_Login, Ad_Login, Ad_Nom, IF(Ad_Tout = 'OUI', " \
	"'yes', 'no'), IF(Ad_Password = '', 'no', 'yes'), Ad_Commentaire " \
	"FROM Administrateur WHERE "

const struct entity entity_administrator = {
	.name = "ADMIN", .what = "administrator",
	.key = "administrator", .key_kind = KEY_LOGIN, .none = CODE_NONE,
	.columns = {
		[PASSWORD] = { "password", COLUMN_VERIFIER },
		[NAME] = { "name", COLUMN_TEXT },
		[ALL] = { "all", COLUMN_YESNO, .initial = "NON" },
		[COMMENT] = { "comment", COLUMN_TEXT },
	},
	.find = "SELECT Ad_IdAdministrateur, 0, Ad_IdAdministrateur, "
	    "Ad_Password, Ad_Nom, Ad_Tout, Ad_Commentaire FROM Administrateur "
	    "WHERE Ad_Login = ?",
	.insert = "INSERT INTO Administrateur (Ad_Login, Ad_Password, Ad_Nom, "
	    "Ad_Tout, Ad_Commentaire) VALUES (?, ?, ?, ?, ?)",
	.update = "UPDATE Administrateur SET Ad_Password = ?, Ad_Nom = ?, "
	    "Ad_Tout = ?, Ad_Commentaire = ? WHERE Ad_IdAdministrateur = ?",
	.remove = "DELETE FROM Administrateur WHERE Ad_IdAdministrateur = ?",
	.shown = "administrator|name|all|login|comment",
	.show = SHOWN "Ad_IdAdministrateur = ?",
	.list = SHOWN "LOCATE(?, CONCAT_WS(' ', Ad_Login, Ad_Nom)) > 0 AND "
	    "Ad_Login > ? ORDER BY Ad_Login LIMIT ?",
	.scope = SCOPE_ALL,
	.uses = {
		{ "SELECT COUNT(*) FROM Client WHERE Cl_IdAdministrateur = ?",
		    "clients" },
		{ "SELECT COUNT(*) FROM Societe WHERE So_IdAdministrateur = ?",
		    "companies" },
	},
	.check = check, .going = not_the_last,
};
