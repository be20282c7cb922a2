/* Users: people whom a client's mailboxes belong to. */
#include "config.h"
#include "admind/entity.h"

#include <string.h>

enum { NAME, FIRST_NAME, MOBILE, PHONE, ADDRESS, COMMENT, CLIENT };

/* Whose a new one will be, to place; its login to what is asked for, so that
 * the same request again is seen to be the same. */
static int
begin(struct db *db, struct dir_change *c)
{
	struct buf *login = &c->in[CLIENT];
	struct dir_owner owner;
	struct db_value v[3] = { db_bytes(buf_span(login)),
		db_u64(login->len == 0), db_u64(c->who->id) };
	struct db_rows r;
	int rc = 0;

	if (!c->given[CLIENT])
		return 0; /* it is there, or not */
	if (login->len == 0 && c->who->kind != WHO_CLIENT)
		return entity_refuse(c, CODE_VALUE,
		    "CLIENT: whose the user is "
		    "must be said");
	if (db_query(db, &r,
	        "SELECT Cl_IdClient, Cl_IdAdministrateur, Cl_Login "
	        "FROM Client WHERE Cl_Login = ? OR (? = 1 AND Cl_IdClient = ?)",
	        v, 3) == -1) {
		rc = DB_FAILED;
	} else if (!db_next(&r) ||
	    (owner = (struct dir_owner){ db_column_u64(&r, 0),
	         db_column_u64(&r, 1) },
	        !dir_owns(c->who, &owner))) {
		rc = entity_refuse(c, CODE_NONE, "there is no such client");
	} else {
		c->place = owner.client;
		buf_reset(login);
		buf_put_span(login, r.column[2]);
	}
	db_rows_clear(&r);
	return rc;
}

static int
normal(struct dir_change *c)
{
	if (entity_text(c, NAME).len == 0 &&
	    entity_text(c, FIRST_NAME).len == 0)
		return entity_refuse(c, CODE_VALUE,
		    "a user needs a name or a "
		    "first name");
	return 0;
}

static int
check(struct db *db, struct dir_change *c)
{
	(void)db;
	c->now[CLIENT] = db_u64(c->exists ? c->owner.client : c->place);
	return 0;
}

#define ROW \
	"SELECT Ut_IdUtilisateur, Ut_IdClient, Cl_IdAdministrateur, " \
	"Ut_Nom, Ut_Prenom, Ut_NumTelPortable, Ut_NumTelFixe, Ut_Adresse, " \
	"Ut_Commentaire, Cl_Login FROM Utilisateur JOIN Client ON " \
	"Cl_IdClient = Ut_IdClient WHERE "
#define SHOWN \
	"SELECT STRAIGHT_JOIN Ut_IdUtilisateur, Ut_IdUtilisateur, " \
	"Cl_Login, Ut_Nom, Ut_Prenom, Ut_NumTelPortable, Ut_NumTelFixe, " \
	"Ut_Adresse, Ut_Commentaire FROM Utilisateur JOIN Client ON " \
	"Cl_IdClient = Ut_IdClient WHERE "

const struct entity entity_user = {
	.name = "USER", .what = "user",
	.key = "user", .key_kind = KEY_NUMBER, .none = CODE_NONE,
	.columns = {
		[NAME] = { "name", COLUMN_TEXT },
		[FIRST_NAME] = { "first-name", COLUMN_TEXT },
		[MOBILE] = { "mobile", COLUMN_TEXT },
		[PHONE] = { "phone", COLUMN_TEXT },
		[ADDRESS] = { "address", COLUMN_TEXT },
		[COMMENT] = { "comment", COLUMN_TEXT },
		[CLIENT] = { "client", COLUMN_NAME },
	},
	.find = ROW "Ut_IdUtilisateur = ?",
	/* As for companies: who is alike in everything is the same. */
	.same = ROW "Ut_Nom = ?",
	.insert = "INSERT INTO Utilisateur (Ut_Nom, Ut_Prenom, "
	    "Ut_NumTelPortable, Ut_NumTelFixe, Ut_Adresse, Ut_Commentaire, "
	    "Ut_IdClient) VALUES (?, ?, ?, ?, ?, ?, ?)",
	.update = "UPDATE Utilisateur SET Ut_Nom = ?, Ut_Prenom = ?, "
	    "Ut_NumTelPortable = ?, Ut_NumTelFixe = ?, Ut_Adresse = ?, "
	    "Ut_Commentaire = ?, Ut_IdClient = ? WHERE Ut_IdUtilisateur = ?",
	.remove = "DELETE FROM Utilisateur WHERE Ut_IdUtilisateur = ?",
	.shown = "user|client|name|first-name|mobile|phone|address|comment",
	.show = SHOWN "Ut_IdUtilisateur = ?",
	.list = SHOWN SCOPE_SQL " AND LOCATE(?, CONCAT_WS(' ', Ut_Prenom, "
	    "Ut_Nom)) > 0 AND Ut_IdUtilisateur > ? AND Ut_IdUtilisateur <= ? "
	    "ORDER BY Ut_IdUtilisateur LIMIT ?",
	.slice = "SELECT Ut_IdUtilisateur FROM Utilisateur WHERE "
	    "Ut_IdUtilisateur > ? ORDER BY Ut_IdUtilisateur LIMIT 1 OFFSET "
	    ENTITY_SLICE,
	.scope = SCOPE_CLIENT,
	.uses = {
		{ "SELECT COUNT(*) FROM BAL WHERE Ba_IdUtilisateur = ?",
		    "mailboxes" },
	},
	.begin = begin, .normal = normal, .check = check,
};
