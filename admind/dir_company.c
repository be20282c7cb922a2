/*
 * Companies.  An administrator who may not do everything sees those he made and
 * those of his clients.
 */
#include "config.h"
#include "admind/entity.h"

enum { NAME, ADDRESS, PHONE, FAX, COMMENT, MAKER };

static int
owns(struct db *db, struct dir_change *c, bool to_read)
{
	struct db_value v[4] = { db_u64(c->id), db_u64(c->who->id),
		db_u64(c->who->id), db_u64(c->who->id) };
	uint64_t there;

	(void)to_read;
	if (c->who->kind != WHO_ADMIN)
		return 0;
	return entity_number(db,
	    "SELECT 1 FROM Societe WHERE "
	    "So_IdSociete = ? AND " COMPANY_SCOPE_SQL,
	    v, 4, &there);
}

static int
normal(struct dir_change *c)
{
	if (entity_text(c, NAME).len == 0)
		return entity_refuse(c, CODE_VALUE, "name must not be empty");
	if (!c->exists)
		c->now[MAKER] = db_u64(c->who->id > 0 ? c->who->id
		                                      : ADMINISTRATOR_FIRST);
	return 0;
}

static int
going(struct db *db, struct dir_change *c)
{
	(void)db;
	return c->id != COMPANY_OWN
	    ? 0
	    : entity_refuse(c, CODE_IN_USE, "company %.10s is the server's own",
	          c->key);
}

#define ROW \
	"So_IdSociete, 0, So_IdAdministrateur, So_Nom, So_Adresse, " \
	"So_Telephone, So_Fax, So_Commentaire, So_IdAdministrateur"
#define SHOWN \
	"SELECT So_IdSociete, So_IdSociete, So_Nom, So_Adresse, " \
	"So_Telephone, So_Fax, So_Commentaire FROM Societe WHERE "

const struct entity entity_company = {
	.name = "COMPANY", .what = "company",
	.key = "company", .key_kind = KEY_NUMBER, .none = CODE_NONE,
	.columns = {
		[NAME] = { "name", COLUMN_TEXT },
		[ADDRESS] = { "address", COLUMN_TEXT },
		[PHONE] = { "phone", COLUMN_TEXT },
		[FAX] = { "fax", COLUMN_TEXT },
		[COMMENT] = { "comment", COLUMN_TEXT },
		[MAKER] = { "", COLUMN_FOUND },
	},
	.find = "SELECT " ROW " FROM Societe WHERE So_IdSociete = ?",
	/* Two companies that are alike in everything are one asked for twice:
	 * a panel that lost the answer gets its number. */
	.same = "SELECT " ROW " FROM Societe WHERE So_Nom = ?",
	.insert = "INSERT INTO Societe (So_Nom, So_Adresse, So_Telephone, "
	    "So_Fax, So_Commentaire, So_IdAdministrateur) VALUES (?, ?, ?, ?, "
	    "?, ?)",
	.update = "UPDATE Societe SET So_Nom = ?, So_Adresse = ?, "
	    "So_Telephone = ?, So_Fax = ?, So_Commentaire = ?, "
	    "So_IdAdministrateur = ? WHERE So_IdSociete = ?",
	.remove = "DELETE FROM Societe WHERE So_IdSociete = ?",
	.shown = "company|name|address|phone|fax|comment",
	.show = SHOWN "So_IdSociete = ?",
	.list = SHOWN COMPANY_SCOPE_SQL " AND LOCATE(?, So_Nom) > 0 AND "
	    "So_IdSociete > ? ORDER BY So_IdSociete LIMIT ?",
	.scope = SCOPE_ADMIN,
	.uses = {
		{ "SELECT COUNT(*) FROM Client WHERE Cl_IdSociete = ?",
		    "clients" },
	},
	.owns = owns, .normal = normal, .going = going,
};
