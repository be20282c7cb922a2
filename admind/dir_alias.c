/*
 * Aliases: names of a server, owned by a client and, where it has one, a
 * domain; who owns the domain may change them.  Those without a domain are the
 * administrator's and hold for the whole server.
 */
#include "config.h"
#include "admind/entity.h"
#include "admind/names.h"

enum { LIST, COMMENT, SERVER, CLIENT, DOMAIN };

static int
begin(struct db *db, struct dir_change *c)
{
	int r;

	c->place = SERVER_HERE;
	if (c->domain[0] == '\0')
		return 0;
	r = dir_find_domain(db, c->who, c->domain, &c->d, c->comment);
	if (r == 0)
		c->place = c->d.server;
	return r;
}

/* With a domain: this domain's.  Without: whatever the sender owns. */
static int
owns(struct db *db, struct dir_change *c, bool to_read)
{
	uint64_t domain = 0;

	(void)db;
	(void)to_read;
	if (c->domain[0] == '\0')
		return dir_owns(c->who, &c->owner);
	return span_u64(c->old[DOMAIN], UINT32_MAX, &domain) == 0 &&
	    domain == c->d.id;
}

static int
normal(struct dir_change *c)
{
	if (c->exists)
		return 0;
	c->now[SERVER] = db_u64(c->place);
	if (c->domain[0] == '\0') {
		c->now[CLIENT] = db_u64(CLIENT_OWN);
		return 0;
	}
	c->now[CLIENT] = db_u64(c->d.owner.client);
	c->now[DOMAIN] = db_u64(c->d.id);
	return 0;
}

static int
check(struct db *db, struct dir_change *c)
{
	struct db_value v[2] = { db_u64(c->d.id), db_str(c->key) };
	uint64_t there;
	int r;

	if (c->exists)
		return 0;
	if (c->domain[0] == '\0')
		return c->who->kind == WHO_ALL
		    ? 0
		    : entity_refuse(c, CODE_DENIED,
		          "an alias without DOMAIN is the whole "
		          "server's: it needs an administrator who may do everything");
	if ((r = entity_reserved(c)) != 0)
		return r;
	/* What stands before an alias would hide it. */
	r = entity_number(db,
	    "SELECT 1 FROM BAL WHERE Ba_IdDomaine = ? AND "
	    "Ba_Login = ?",
	    v, 2, &there);
	if (r == 1)
		return entity_refuse(c, CODE_EXISTS,
		    "%.64s@%.100s is a mailbox", c->key, c->domain);
	if (r == 0 &&
	    (r = entity_number(db,
	         "SELECT 1 FROM VirtualUser WHERE "
	         "Vi_IdDomaine = ? AND Vi_UtilisateurVirtuel = ?",
	         v, 2, &there)) == 1)
		return entity_refuse(c, CODE_EXISTS,
		    "%.64s@%.100s is a virtual user", c->key, c->domain);
	return r;
}

static int
going(struct db *db, struct dir_change *c)
{
	return dir_drop_virtuals(db, c->who, c->id, 0);
}

#define SHOWN \
	"SELECT STRAIGHT_JOIN Al_IdAlias, Al_Nom, " \
	"COALESCE(Do_NomDomaine, ''), Cl_Login, Se_Nom, " \
	"Al_ListeEmail, Al_Commentaire FROM Alias " \
	"JOIN Client ON Cl_IdClient = Al_IdClient " \
	"JOIN ServeurMail ON Se_IdServeur = Al_IdServeur " \
	"LEFT JOIN Domaine ON Do_IdDomaine = Al_IdDomaine WHERE "

const struct entity entity_alias = {
	.name = "ALIAS", .what = "alias",
	.key = "alias", .key_kind = KEY_LOCAL, .placed = true,
	.none = CODE_NONE, .feed = FEED_ALIAS,
	.columns = {
		[LIST] = { "list", COLUMN_LIST },
		[COMMENT] = { "comment", COLUMN_TEXT },
		[SERVER] = { "", COLUMN_FOUND },
		[CLIENT] = { "", COLUMN_FOUND },
		[DOMAIN] = { "", COLUMN_MADE },
	},
	.find = "SELECT Al_IdAlias, Al_IdClient, Cl_IdAdministrateur, "
	    "Al_ListeEmail, Al_Commentaire, Al_IdServeur, Al_IdClient, "
	    "Al_IdDomaine FROM Alias JOIN Client ON Cl_IdClient = Al_IdClient "
	    "WHERE Al_Nom = ? AND Al_IdServeur = ?",
	.insert = "INSERT INTO Alias (Al_Nom, Al_ListeEmail, Al_Commentaire, "
	    "Al_IdServeur, Al_IdClient, Al_IdDomaine) VALUES (?, ?, ?, ?, ?, ?)",
	.update = "UPDATE Alias SET Al_ListeEmail = ?, Al_Commentaire = ?, "
	    "Al_IdServeur = ?, Al_IdClient = ?, Al_IdDomaine = ? WHERE "
	    "Al_IdAlias = ?",
	.remove = "DELETE FROM Alias WHERE Al_IdAlias = ?",
	.shown = "alias|domain|client|server|list|comment",
	.show = SHOWN "Al_IdAlias = ?",
	.list = SHOWN SCOPE_SQL " AND (? = 0 OR Al_IdDomaine = ?) AND "
	    "LOCATE(?, CONVERT(Al_Nom USING utf8mb4)) > 0 AND "
	    "Al_IdAlias > ? AND Al_IdAlias <= ? ORDER BY Al_IdAlias LIMIT ?",
	.slice = "SELECT Al_IdAlias FROM Alias WHERE Al_IdAlias > ? ORDER BY "
	    "Al_IdAlias LIMIT 1 OFFSET " ENTITY_SLICE,
	.scope = SCOPE_DOMAIN,
	.begin = begin, .owns = owns, .normal = normal, .check = check,
	.going = going,
};
