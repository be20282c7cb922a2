#include "config.h"
#include "admind/dir_int.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <stdarg.h>
#include <stdio.h>

void
dir_say(char comment[static COMMENT_MAX + 1], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(comment, COMMENT_MAX + 1, fmt, ap);
	va_end(ap);
}

int
dir_code(int r, char comment[static COMMENT_MAX + 1])
{
	if (r == DB_FAILED) {
		dir_say(comment,
		    "the database cannot do this now, try again later");
		return CODE_TEMP;
	}
	return r == 0 ? CODE_OK : -(r - 100);
}

/* ---- what every change does ------------------------------------------------- */

int
dir_lock(struct db *db)
{
	struct db_rows r;
	int rc = db_query(db, &r,
	    "SELECT Co_Valeur FROM Compteur "
	    "WHERE Co_Nom = 'journal' FOR UPDATE",
	    NULL, 0);

	db_rows_clear(&r);
	return rc;
}

int
dir_journal(struct db *db, enum feed_table table, uint64_t id)
{
	struct db_value v[3];
	uint64_t number;

	if (db_do(db, &number, NULL,
	        "UPDATE Compteur SET Co_Valeur = "
	        "LAST_INSERT_ID(Co_Valeur + 1) WHERE Co_Nom = 'journal'",
	        NULL, 0) == -1)
		return -1;
	v[0] = db_u64(number);
	v[1] = db_u64(table);
	v[2] = db_u64(id);
	return db_do(db, NULL, NULL,
	    "INSERT INTO Journal (Jo_Numero, Jo_Table, "
	    "Jo_Id) VALUES (?, ?, ?)",
	    v, 3);
}

int
dir_touch(struct db *db)
{
	return db_do(db, NULL, NULL,
	    "UPDATE Compteur SET Co_Valeur = "
	    "Co_Valeur + 1 WHERE Co_Nom = 'change'",
	    NULL, 0);
}

int
dir_audit(struct db *db, const struct dir_who *who, const char *type,
    const char *object)
{
	struct db_value v[6] = { db_str(who->name), db_str(who->origin),
		db_str(type), db_str(object), db_null(),
		db_str(dir_hook_state(type)) };

	if (who->has_request)
		v[4] = db_bytes(span_from(who->request, sizeof(who->request)));
	return db_do(db, NULL, NULL,
	    "INSERT INTO Audit (Au_Qui, Au_Origine, "
	    "Au_Type, Au_Objet, Au_Code, Au_Requete, Au_Crochet) VALUES "
	    "(?, ?, ?, ?, 0, ?, ?)",
	    v, 6);
}

/* The end of a hook may stand behind the device (dir_hook.c).  Four values. */
#define OF_DEVICE \
	" AND (? = '' OR Au_Commentaire = ? OR " \
	"LEFT(Au_Commentaire, CHAR_LENGTH(?) + 2) = CONCAT(?, ': ')) LIMIT 1"

/* Is there such an audit row? */
static int
look_back(struct db *db, const char *sql, struct db_value v[static 8],
    const struct span *device)
{
	struct db_rows r;
	int rc;

	for (unsigned i = 4; i < 8; i++)
		v[i] = device == NULL ? db_str("") : db_bytes(*device);
	rc = db_query(db, &r, sql, v, 8);
	if (rc == 0 && db_next(&r))
		rc = DIR_DONE;
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : rc;
}

int
dir_has_done(struct db *db, const struct dir_who *who, const char *type,
    const char *object, const struct span *device)
{
	struct db_value v[8] = { db_str(object), db_str(type),
		db_u64(who->kind == WHO_ALL), db_str(who->name) };

	return look_back(db,
	    "SELECT 1 FROM Audit WHERE Au_Objet = ? AND "
	    "Au_Type = ? AND (? = 1 OR Au_Qui = ?)" OF_DEVICE,
	    v, device);
}

int
dir_is_again(struct db *db, const struct dir_who *who, const char *type,
    const char *object, const struct span *device)
{
	struct db_value v[8] = {
		db_bytes(span_from(who->request, sizeof(who->request))),
		db_str(type), db_str(object), db_str(who->name)
	};

	if (!who->has_request)
		return 0;
	return look_back(db,
	    "SELECT 1 FROM Audit WHERE Au_Requete = ? AND "
	    "Au_Type = ? AND Au_Objet = ? AND Au_Qui = ?" OF_DEVICE,
	    v, device);
}

/* ---- opening ------------------------------------------------------------------ */

static int
migrate(struct db *db)
{
	struct db_value v[1];
	struct db_rows r;
	unsigned at = 0;

	if (db_do(db, NULL, NULL,
	        "CREATE TABLE IF NOT EXISTS VersionSchema ("
	        "Ve_Version INT NOT NULL, Ve_Date DATETIME NOT NULL DEFAULT "
	        "CURRENT_TIMESTAMP, PRIMARY KEY (Ve_Version)) ENGINE=InnoDB",
	        NULL, 0) == -1)
		return -1;
	if (db_query(db, &r, "SELECT MAX(Ve_Version) FROM VersionSchema", NULL,
	        0) == 0 &&
	    db_next(&r))
		at = (unsigned)db_column_u64(&r, 0);
	else
		at = ~0u;
	db_rows_clear(&r);
	if (at == ~0u)
		return -1;
	if (at > dir_nmigrations)
		fatalx("the database has schema version %u, this program knows "
		       "%u: it is of a newer SEMail",
		    at, dir_nmigrations);
	for (; at < dir_nmigrations; at++) {
		log_info("schema migration=%u", at + 1);
		v[0] = db_u64(at + 1);
		if (db_script(db, dir_migrations[at]) == -1 ||
		    db_do(db, NULL, NULL,
		        "INSERT IGNORE INTO VersionSchema "
		        "(Ve_Version) VALUES (?)",
		        v, 1) == -1)
			return -1;
	}
	return 0;
}

int
dir_open(struct db *db)
{
	struct db_value v[1];
	uint64_t id = 0;

	/* Never zero: that is "no directory" to authd. */
	while (id == 0)
		secret_random(&id, sizeof(id));
	v[0] = db_u64(id);
	if (db_ready(db) == 0 && migrate(db) == 0 &&
	    db_do(db, NULL, NULL,
	        "INSERT IGNORE INTO Annuaire (An_Un, An_Id, "
	        "An_Cree) VALUES (1, ?, UTC_TIMESTAMP())",
	        v, 1) == 0)
		return 0;
	log_warnx("database error=\"%s\"", db_reason(db));
	db_lost(db);
	return -1;
}

/* ---- who ------------------------------------------------------------------------ */

int
dir_login(struct db *db, struct span login, struct dir_who *who,
    char verifier[static VERIFIER_MAX + 1],
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[2] = { db_bytes(login), db_bytes(login) };
	struct db_rows r;
	int code = CODE_DENIED;

	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Ad_Tout + 0, "
	        "Ad_IdAdministrateur, Ad_Password FROM Administrateur WHERE "
	        "Ad_Login = ? UNION ALL SELECT 0, Cl_IdClient, Cl_Password FROM "
	        "Client WHERE Cl_Login = ?",
	        v, 2) == -1) {
		db_lost(db);
		return dir_code(DB_FAILED, comment);
	}
	if (db_next(&r)) {
		switch (db_column_u64(&r, 0)) { /* the ENUM: OUI, NON */
		case 1:
			who->kind = WHO_ALL;
			break;
		case 2:
			who->kind = WHO_ADMIN;
			break;
		default:
			who->kind = WHO_CLIENT;
		}
		who->id = (uint32_t)db_column_u64(&r, 1);
		if (span_copy(r.column[2], verifier, VERIFIER_MAX + 1) == 0)
			code = CODE_OK;
	}
	db_rows_clear(&r);
	return code;
}

bool
dir_owns(const struct dir_who *who, const struct dir_owner *owner)
{
	switch (who->kind) {
	case WHO_ALL:
		return true;
	case WHO_ADMIN:
		return owner->administrator == who->id;
	case WHO_CLIENT:
		return owner->client == who->id;
	case WHO_MAILBOX:
		break;
	}
	return false;
}

/* ---- domains ---------------------------------------------------------------------- */

int
dir_look_domain(struct db *db, const char *name, struct dir_domain *out)
{
	struct db_value v[1] = { db_str(name) };
	struct db_rows r;
	int rc = db_query(db, &r,
	    "SELECT Do_IdDomaine, Do_IdServeur, "
	    "Do_QuotaMail, Do_MaxMail, Do_NomsReserves = 'OUI', Do_Etat = "
	    "'SUPPRESSION', Do_IdClient, Cl_IdAdministrateur, Do_NombreBAL, "
	    "Do_QuotaDonne FROM Domaine JOIN Client ON Cl_IdClient = "
	    "Do_IdClient WHERE Do_NomDomaine = ? FOR UPDATE",
	    v, 1);

	memset(out, 0, sizeof(*out));
	if (rc == 0 && db_next(&r)) {
		out->id = db_column_u64(&r, 0);
		out->server = db_column_u64(&r, 1);
		out->quota_kb = db_column_u64(&r, 2);
		out->max_mailboxes = db_column_u64(&r, 3);
		out->reserved = db_column_u64(&r, 4) == 1;
		out->going = db_column_u64(&r, 5) == 1;
		out->owner.client = db_column_u64(&r, 6);
		out->owner.administrator = db_column_u64(&r, 7);
		out->mailboxes = db_column_u64(&r, 8);
		out->given_kb = db_column_u64(&r, 9);
		rc = 1;
	}
	db_rows_clear(&r);
	return rc;
}

int
dir_is_going(char comment[static COMMENT_MAX + 1], const char *name)
{
	dir_say(comment, "%.150s is being deleted", name);
	return REFUSE(CODE_TEMP);
}

int
dir_find_domain(struct db *db, const struct dir_who *who, const char *name,
    struct dir_domain *out, char comment[static COMMENT_MAX + 1])
{
	int r = dir_look_domain(db, name, out);

	if (r == DB_FAILED)
		return r;
	if (r == 0 ||
	    (!dir_owns(who, &out->owner) &&
	        (who->kind != WHO_MAILBOX || strcmp(name, who->domain) != 0))) {
		dir_say(comment, "there is no domain %.150s", name);
		return REFUSE(CODE_NO_DOMAIN);
	}
	return out->going ? dir_is_going(comment, name) : 0;
}
