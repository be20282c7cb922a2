/* How many of everything. */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/dir_int.h"

/* A row: its place, a word, and what sql counts within the scope. */
#define COUNT(place, what, from) \
	"SELECT " place ", '" what "', COUNT(*) FROM " from " WHERE " SCOPE_SQL
#define OF_CLIENT(table, key) table " JOIN Client ON Cl_IdClient = " key
#define OF_DOMAIN(table, key) \
	table " JOIN Domaine ON Do_IdDomaine = " key \
	      " JOIN Client ON Cl_IdClient = Do_IdClient"

int
dir_stat(struct db *db, const struct dir_who *who, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[6 * 4 + 1];

	for (unsigned i = 0; i < 6; i++)
		dir_scope(who, v + 4 * i);
	v[24] = db_u64(who->kind == WHO_ALL);
	return dir_rows(db, rows,
	    COUNT("1", "clients", "Client") " UNION ALL " COUNT("2", "domains",
	        OF_CLIENT("Domaine", "Do_IdClient")) " UNION ALL " COUNT("3",
	        "mailboxes",
	        OF_DOMAIN("BAL", "Ba_IdDomaine")) " UNION ALL " COUNT("4",
	        "users",
	        OF_CLIENT("Utilisateur",
	            "Ut_IdClient")) " UNION ALL " COUNT("5", "aliases",
	        OF_CLIENT("Alias", "Al_IdClient")) " UNION ALL " COUNT("6",
	        "virtual-users",
	        OF_DOMAIN("VirtualUser",
	            "Vi_IdDomaine")) " UNION ALL SELECT n, w, c FROM ("
	                             "SELECT 7 AS n, 'companies' AS w, COUNT(*) AS c FROM Societe UNION "
	                             "ALL SELECT 8, 'administrators', COUNT(*) FROM Administrateur UNION "
	                             "ALL SELECT 9, 'servers', COUNT(*) FROM ServeurMail) AS more "
	                             "WHERE ? = 1 ORDER BY 1 LIMIT ?",
	    v, nitems(v), comment);
}

/* ---- one domain -------------------------------------------------------------------- */

struct domain_is {
	const struct dir_who *who;
	const char *name;
	char *comment;
};

static int
domain_is_txn(struct db *db, void *arg)
{
	struct domain_is *t = arg;
	struct dir_domain d;

	return dir_find_domain(db, t->who, t->name, &d, t->comment);
}

int
dir_domain_is(struct db *db, const struct dir_who *who, const char *name,
    char comment[static COMMENT_MAX + 1])
{
	struct domain_is t = { who, name, comment };

	return dir_code(db_txn(db, domain_is_txn, &t), comment);
}

struct statdom {
	const struct dir_who *who;
	const char *name;
	uint64_t used_kb;
	struct rows *rows;
	char *comment;
};

static int
statdom_txn(struct db *db, void *arg)
{
	struct statdom *s = arg;
	struct db_value v[2];
	struct dir_domain d;
	int rc = dir_find_domain(db, s->who, s->name, &d, s->comment);

	if (rc != 0)
		return rc;
	v[0] = db_u64(s->used_kb);
	v[1] = db_u64(d.id);
	rows_reset(s->rows);
	return dir_rows_add(db, s->rows,
	    "SELECT Do_NomDomaine, Do_NomDomaine, "
	    "COUNT(Ba_IdBAL), COALESCE(SUM(Ba_Etat = 'ACTIVE'), 0), "
	    "COALESCE(SUM(Ba_Etat = 'DESACTIVEE'), 0), Do_MaxMail, "
	    "COALESCE(SUM(Ba_Quota), 0), Do_QuotaMail, ?, (SELECT COUNT(*) FROM "
	    "Alias WHERE Al_IdDomaine = Do_IdDomaine), (SELECT COUNT(*) FROM "
	    "VirtualUser WHERE Vi_IdDomaine = Do_IdDomaine) FROM Domaine LEFT "
	    "JOIN BAL ON Ba_IdDomaine = Do_IdDomaine WHERE Do_IdDomaine = ? "
	    "GROUP BY Do_IdDomaine",
	    v, 2);
}

int
dir_statdom(struct db *db, const struct dir_who *who, const char *name,
    uint64_t used_kb, struct rows *rows, char comment[static COMMENT_MAX + 1])
{
	struct statdom s = { who, name, used_kb, rows, comment };

	return dir_code(db_txn(db, statdom_txn, &s), comment);
}
