/* Domains: making and changing them.  How they go: dir_deldom.c. */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/entity.h"

/* ---- NEWDOM ---------------------------------------------------------------------- */

struct newdom {
	const struct dir_who *who;
	const char *name, *client;
	char *comment;
};

/* Who will own it: 0 or REFUSE, DB_FAILED. */
static int
find_owner(struct db *db, const struct newdom *n, uint64_t *out)
{
	struct dir_owner owner = { 0, 0 };
	struct db_value v[1] = { db_str(n->client) };
	struct db_rows r;
	int rc = 0;

	if (n->client[0] == '\0') {
		*out = n->who->kind == WHO_CLIENT ? n->who->id : CLIENT_OWN;
		if (n->who->kind != WHO_ADMIN)
			return 0;
		dir_say(n->comment, "say whose it will be: client=LOGIN");
		return REFUSE(CODE_VALUE);
	}
	if (db_query(db, &r,
	        "SELECT Cl_IdClient, Cl_IdAdministrateur FROM "
	        "Client WHERE Cl_Login = ?",
	        v, 1) == -1) {
		rc = DB_FAILED;
	} else if (db_next(&r)) {
		*out = owner.client = db_column_u64(&r, 0);
		owner.administrator = db_column_u64(&r, 1);
	}
	db_rows_clear(&r);
	if (rc == 0 && (owner.client == 0 || !dir_owns(n->who, &owner))) {
		dir_say(n->comment, "there is no client \"%.128s\"", n->client);
		rc = REFUSE(CODE_NONE);
	}
	return rc;
}

static int
newdom_txn(struct db *db, void *arg)
{
	struct newdom *n = arg;
	struct dir_domain row;
	struct db_value v[3];
	uint64_t id, owner;
	int r;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((r = dir_look_domain(db, n->name, &row)) == DB_FAILED)
		return r;
	if (r == 1 && !dir_owns(n->who, &row.owner)) {
		dir_say(n->comment, "the domain is another client's");
		return REFUSE(CODE_EXISTS);
	}
	if (r == 1 && row.going)
		return dir_is_going(n->comment, n->name);
	if (r == 0 && (r = find_owner(db, n, &owner)) != 0)
		return r;
	if (r == 1 && n->client[0] != '\0') {
		if ((r = find_owner(db, n, &owner)) != 0)
			return r;
		r = 1;
		if (owner != row.owner.client) {
			dir_say(n->comment, "the domain is another client's");
			return REFUSE(CODE_EXISTS);
		}
	}
	if (r == 1) {
		dir_say(n->comment, "the domain is there");
		return 0; /* again: nothing to change */
	}
	v[0] = db_str(n->name);
	v[1] = db_u64(SERVER_HERE);
	v[2] = db_u64(owner);
	if (db_do(db, &id, NULL,
	        "INSERT INTO Domaine (Do_NomDomaine, "
	        "Do_IdServeur, Do_IdClient) VALUES (?, ?, ?)",
	        v, 3) == -1 ||
	    dir_journal(db, FEED_DOMAIN, id) == -1 ||
	    dir_audit(db, n->who, "NEWDOM", n->name) == -1)
		return DB_FAILED;
	dir_say(n->comment, "the domain has been made");
	return 0;
}

int
dir_newdom(struct db *db, const struct dir_who *who, const char *name,
    const char *client, char comment[static COMMENT_MAX + 1])
{
	struct newdom n = { who, name, client, comment };

	return dir_code(db_txn(db, newdom_txn, &n), comment);
}

/* ---- MODDOM, SHOWDOM, LISTDOM ------------------------------------------------------ */

enum {
	CLIENT,
	SERVER,
	QUOTA,
	MAX,
	PURGE,
	LOGO,
	RESERVED,
	LDAP,
	COMMENT,
	STATE
};

/* What a client may not give itself. */
#define ADMINS (BY_ALL | BY_ADMIN)

/* Another owner: of the same administrator, and nobody of the old one has a
 * mailbox in it. */
static int
check_client(struct db *db, struct dir_change *c)
{
	struct newdom n = { c->who, c->key, c->made[0], c->comment };
	struct db_value v[2];
	uint64_t owner, there;
	int r;

	if (span_copy(entity_text(c, CLIENT), c->made[0], 256) == -1 ||
	    c->made[0][0] == '\0')
		return entity_refuse(c, CODE_VALUE, "client must not be empty");
	if (!entity_changes(c, CLIENT)) {
		c->now[CLIENT] = db_u64(c->owner.client);
		return 0;
	}
	if ((r = find_owner(db, &n, &owner)) != 0)
		return r;
	v[0] = db_u64(c->id);
	v[1] = db_u64(owner);
	r = entity_number(db,
	    "SELECT 1 FROM BAL JOIN Utilisateur ON "
	    "Ut_IdUtilisateur = Ba_IdUtilisateur WHERE Ba_IdDomaine = ? AND "
	    "Ut_IdClient <> ? LIMIT 1",
	    v, 2, &there);
	if (r != 0)
		return r == DB_FAILED
		    ? r
		    : entity_refuse(c, CODE_IN_USE,
		          "mailboxes of it belong to users of another client");
	v[0] = db_u64(owner);
	v[1] = db_u64(c->id);
	c->now[CLIENT] = v[0];
	return db_do(db, NULL, NULL,
	           "UPDATE Alias SET Al_IdClient = ? WHERE "
	           "Al_IdDomaine = ?",
	           v, 2) == -1
	    ? DB_FAILED
	    : 0;
}

/* Another server: homes do not move by themselves, aliases go along. */
static int
move_to(struct db *db, struct dir_change *c, uint64_t server)
{
	struct db_value v[2] = { db_u64(c->id) };
	uint64_t there;
	struct db_rows r;
	int rc = entity_number(db,
	    "SELECT 1 FROM BAL WHERE Ba_IdDomaine = ? "
	    "LIMIT 1",
	    v, 1, &there);

	if (rc != 0)
		return rc == DB_FAILED ? rc
		                       : entity_refuse(c, CODE_IN_USE,
		                             "it has mailboxes where it is");
	rc = db_query(db, &r,
	    "SELECT Al_IdAlias FROM Alias WHERE "
	    "Al_IdDomaine = ?",
	    v, 1);
	while (rc == 0 && db_next(&r))
		rc = dir_journal(db, FEED_ALIAS, db_column_u64(&r, 0));
	db_rows_clear(&r);
	v[0] = db_u64(server);
	v[1] = db_u64(c->id);
	if (rc == 0 &&
	    db_do(db, NULL, NULL,
	        "UPDATE Alias SET Al_IdServeur = ? "
	        "WHERE Al_IdDomaine = ?",
	        v, 2) == 0)
		return 0;
	if (!db_is_duplicate(db))
		return DB_FAILED;
	return entity_refuse(c, CODE_EXISTS, "an alias of it is taken there");
}

static int
check_server(struct db *db, struct dir_change *c)
{
	struct db_value v[1] = { c->now[SERVER] };
	uint64_t server, is;
	int r = entity_number(db,
	    "SELECT Se_IdServeur FROM ServeurMail WHERE "
	    "Se_Nom = ?",
	    v, 1, &server);

	if (r != 1)
		return r == DB_FAILED
		    ? r
		    : entity_refuse(c, CODE_NONE, "there is no such server");
	c->now[SERVER] = db_u64(server);
	v[0] = db_u64(c->id);
	if (entity_number(db,
	        "SELECT Do_IdServeur FROM Domaine WHERE "
	        "Do_IdDomaine = ?",
	        v, 1, &is) != 1)
		return DB_FAILED;
	return is == server ? 0 : move_to(db, c, server);
}

static uint64_t
number(const struct dir_change *c, unsigned column)
{
	uint64_t n = 0;

	(void)span_u64(entity_text(c, column), UINT64_MAX, &n);
	return n;
}

/* Do_QuotaMail and Do_MaxMail never fall below what is given already. */
static int
check_limits(struct db *db, struct dir_change *c)
{
	struct db_value v[1] = { db_u64(c->id) };
	uint64_t quota = number(c, QUOTA), max = number(c, MAX);
	uint64_t boxes, given, unlimited;
	struct db_rows r;

	if (!entity_changes(c, QUOTA) && !entity_changes(c, MAX))
		return 0;
	if (db_query(db, &r,
	        "SELECT COUNT(*), COALESCE(SUM(Ba_Quota), 0), "
	        "COALESCE(SUM(Ba_Quota = 0), 0) FROM BAL WHERE Ba_IdDomaine = ?",
	        v, 1) == -1 ||
	    !db_next(&r)) {
		db_rows_clear(&r);
		return DB_FAILED;
	}
	boxes = db_column_u64(&r, 0);
	given = db_column_u64(&r, 1);
	unlimited = db_column_u64(&r, 2);
	db_rows_clear(&r);
	if (max > 0 && boxes > max)
		return entity_refuse(c, CODE_LIMIT,
		    "it has %llu mailboxes "
		    "already",
		    (unsigned long long)boxes);
	if (quota > 0 && unlimited > 0)
		return entity_refuse(c, CODE_LIMIT,
		    "%llu of its mailboxes have "
		    "no quota",
		    (unsigned long long)unlimited);
	if (quota > 0 && given > quota)
		return entity_refuse(c, CODE_LIMIT,
		    "%llu Kbytes are given to "
		    "mailboxes already",
		    (unsigned long long)given);
	return 0;
}

static int
check(struct db *db, struct dir_change *c)
{
	int r;

	if (span_is(c->old[STATE], "SUPPRESSION"))
		return dir_is_going(c->comment, c->key);
	if ((r = check_client(db, c)) != 0 || (r = check_server(db, c)) != 0)
		return r;
	return check_limits(db, c);
}

#define SHOWN \
	"SELECT Do_NomDomaine, Do_NomDomaine, Cl_Login, Se_Nom, " \
	"Do_QuotaMail, Do_MaxMail, Do_DureePurge, Do_FichierGfx, " \
	"IF(Do_NomsReserves = 'OUI', 'yes', 'no'), Do_Ldap, " \
	"IF(Do_Etat = 'ACTIVE', 'active', 'deleting'), Do_Commentaire FROM " \
	"Domaine JOIN Client ON Cl_IdClient = Do_IdClient JOIN ServeurMail " \
	"ON Se_IdServeur = Do_IdServeur WHERE "

const struct entity entity_domain = {
	.name = "DOM", .what = "domain",
	.key = "name", .key_kind = KEY_DOMAIN, .none = CODE_NO_DOMAIN,
	.feed = FEED_DOMAIN,
	.columns = {
		[CLIENT] = { "client", COLUMN_NAME, .by = ADMINS },
		[SERVER] = { "server", COLUMN_NAME, .by = ADMINS },
		[QUOTA] = { "quota", COLUMN_NUMBER, .by = ADMINS },
		[MAX] = { "max", COLUMN_NUMBER, .by = ADMINS },
		[PURGE] = { "purge", COLUMN_NUMBER },
		[LOGO] = { "logo", COLUMN_FILE },
		[RESERVED] = { "reserved", COLUMN_YESNO, .by = ADMINS },
		[LDAP] = { "ldap", COLUMN_LDAP, .by = ADMINS },
		[COMMENT] = { "comment", COLUMN_TEXT },
		[STATE] = { "", COLUMN_FOUND },
	},
	.find = "SELECT Do_IdDomaine, Do_IdClient, Cl_IdAdministrateur, "
	    "Cl_Login, Se_Nom, Do_QuotaMail, Do_MaxMail, Do_DureePurge, "
	    "Do_FichierGfx, Do_NomsReserves, Do_Ldap, Do_Commentaire, Do_Etat "
	    "FROM Domaine JOIN Client ON Cl_IdClient = Do_IdClient JOIN "
	    "ServeurMail ON Se_IdServeur = Do_IdServeur WHERE Do_NomDomaine = ?",
	.update = "UPDATE Domaine SET Do_IdClient = ?, Do_IdServeur = ?, "
	    "Do_QuotaMail = ?, Do_MaxMail = ?, Do_DureePurge = ?, "
	    "Do_FichierGfx = ?, Do_NomsReserves = ?, Do_Ldap = ?, "
	    "Do_Commentaire = ?, Do_Etat = ? WHERE Do_IdDomaine = ?",
	.shown = "name|client|server|quota|max|purge|logo|reserved|ldap|state|"
	    "comment",
	.show = SHOWN "Do_IdDomaine = ?",
	.list = SHOWN SCOPE_SQL " AND LOCATE(?, CONVERT(Do_NomDomaine USING utf8mb4)) > 0 AND "
	    "Do_NomDomaine > ? ORDER BY Do_NomDomaine LIMIT ?",
	.scope = SCOPE_CLIENT,
	.check = check,
};
