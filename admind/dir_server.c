/* Mail servers. */
#include "config.h"
#include "admind/entity.h"

enum { ADDRESS, TYPE, LOGINS, LDAP, COMMENT };

/* Every administrator sees them. */
static int
owns(struct db *db, struct dir_change *c, bool to_read)
{
	(void)db;
	return to_read && c->who->kind == WHO_ADMIN;
}

/* Where logins go without their domain each may be there once. */
static int
check(struct db *db, struct dir_change *c)
{
	struct db_value v[1] = { db_u64(c->id) };
	char name[65] = "";
	struct db_rows r;
	int rc;

	if (!c->exists || !entity_changes(c, LOGINS) ||
	    !span_is(entity_text(c, LOGINS), "SANSDOMAINE"))
		return 0;
	rc = db_query(db, &r,
	    "SELECT Ba_LoginCourt FROM BAL JOIN Domaine ON "
	    "Do_IdDomaine = Ba_IdDomaine WHERE Do_IdServeur = ? AND "
	    "Ba_LoginCourt IS NOT NULL GROUP BY Ba_LoginCourt HAVING "
	    "COUNT(*) > 1 ORDER BY Ba_LoginCourt LIMIT 1",
	    v, 1);
	if (rc == 0 && db_next(&r) &&
	    span_copy(r.column[0], name, sizeof(name)) == 0)
		rc = 1;
	db_rows_clear(&r);
	return rc != 1 ? rc
	               : entity_refuse(c, CODE_IN_USE,
	                     "several mailboxes "
	                     "have the short login \"%.64s\"",
	                     name);
}

static int
going(struct db *db, struct dir_change *c)
{
	(void)db;
	return c->id != SERVER_HERE ? 0
	                            : entity_refuse(c, CODE_IN_USE,
	                                  "\"%.128s\" is this server", c->key);
}

#define SHOWN \
	"SELECT Se_Nom, Se_Nom, Se_Adresse, Se_TypeServeur, " \
	"Se_StructLogin, Se_Ldap, Se_Commentaire FROM ServeurMail WHERE "

const struct entity entity_server = {
	.name = "SERVER", .what = "server",
	.key = "server", .key_kind = KEY_SERVER, .none = CODE_NONE,
	.feed = FEED_SERVER,
	.columns = {
		[ADDRESS] = { "address", COLUMN_HOST },
		[TYPE] = { "server-type", COLUMN_WORD, .initial = "IMAP",
		    .words = "POP|IMAP" },
		[LOGINS] = { "logins", COLUMN_WORD, .initial = "AVECDOMAINE",
		    .words = "AVECDOMAINE|SANSDOMAINE" },
		[LDAP] = { "ldap", COLUMN_LDAP },
		[COMMENT] = { "comment", COLUMN_TEXT },
	},
	.find = "SELECT Se_IdServeur, 0, 0, Se_Adresse, Se_TypeServeur, "
	    "Se_StructLogin, Se_Ldap, Se_Commentaire FROM ServeurMail WHERE "
	    "Se_Nom = ?",
	.insert = "INSERT INTO ServeurMail (Se_Nom, Se_Adresse, "
	    "Se_TypeServeur, Se_StructLogin, Se_Ldap, Se_Commentaire) VALUES "
	    "(?, ?, ?, ?, ?, ?)",
	.update = "UPDATE ServeurMail SET Se_Adresse = ?, Se_TypeServeur = ?, "
	    "Se_StructLogin = ?, Se_Ldap = ?, Se_Commentaire = ? WHERE "
	    "Se_IdServeur = ?",
	.remove = "DELETE FROM ServeurMail WHERE Se_IdServeur = ?",
	.shown = "server|address|server-type|logins|ldap|comment",
	.show = SHOWN "Se_IdServeur = ?",
	.list = SHOWN "LOCATE(?, Se_Nom) > 0 AND Se_Nom > ? ORDER BY Se_Nom "
	    "LIMIT ?",
	.scope = SCOPE_ALL,
	.uses = {
		{ "SELECT COUNT(*) FROM Domaine WHERE Do_IdServeur = ?",
		    "domains" },
		{ "SELECT COUNT(*) FROM Alias WHERE Al_IdServeur = ?",
		    "aliases" },
	},
	.owns = owns, .check = check, .going = going,
};
