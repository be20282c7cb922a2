/*
 * Virtual users: addresses of a domain that lead to an alias, to a mailbox
 * (both by number, so that the row goes with them) or to an address.  An empty
 * one is the catch-all.
 */
#include "config.h"
#include "admind/entity.h"

#include "admind/maillist.h"
#include "admind/names.h"
#include "libcommon/addr.h"

#include <stdio.h>

enum { REAL, REAL_DOMAIN, COMMENT, ALIAS, MAILBOX, DOMAIN };

static int
begin(struct db *db, struct dir_change *c)
{
	int r = dir_find_domain(db, c->who, c->domain, &c->d, c->comment);

	c->place = c->d.id;
	snprintf(c->object, sizeof(c->object), "%.64s@%.255s", c->key,
	    c->domain);
	return r;
}

/* What is in one's domain is one's own. */
static int
owns(struct db *db, struct dir_change *c, bool to_read)
{
	(void)db;
	(void)c;
	(void)to_read;
	return 1;
}

/* REAL USER and REAL DOMAIN belong together. */
static int
normal(struct dir_change *c)
{
	struct span user = entity_text(c, REAL);
	struct span domain = entity_text(c, REAL_DOMAIN);
	char why[MAILLIST_WHY] = "it is too long";
	struct addr a;
	struct buf b;
	int r;

	c->now[DOMAIN] = db_u64(c->d.id);
	if (domain.len == 0) {
		if (!name_local(user, c->made[0]))
			return entity_refuse(c, CODE_VALUE,
			    "REAL USER " NAME_LOCAL_RULE);
		c->now[REAL] = db_str(c->made[0]);
		return 0;
	}
	buf_init(&b, ADDR_MAX);
	buf_put_span(&b, user);
	buf_putc(&b, '@');
	buf_put_span(&b, domain);
	r = buf_error(&b) != 0 ? -1 : maillist_address(buf_span(&b), &a, why);
	buf_clear(&b);
	if (r == -1 || span_copy(addr_local(&a), c->made[0], 256) == -1 ||
	    span_copy(addr_host(&a), c->made[1], 256) == -1)
		return entity_refuse(c, CODE_VALUE, "REAL USER@REAL DOMAIN: %s",
		    why);
	c->now[REAL] = db_str(c->made[0]);
	c->now[REAL_DOMAIN] = db_str(c->made[1]);
	return 0;
}

/* ---- whom it leads to ------------------------------------------------------------ */

/* An address here that nobody has yet is worth a word (it may still come). */
static int
warn_of_nobody(struct db *db, struct dir_change *c)
{
	struct db_value v[4] = { c->now[REAL_DOMAIN], c->now[REAL],
		c->now[REAL], c->now[REAL] };
	uint64_t domain;
	int r = entity_number(db,
	    "SELECT Do_IdDomaine FROM Domaine WHERE "
	    "Do_NomDomaine = ? AND NOT EXISTS (SELECT 1 FROM BAL WHERE "
	    "Ba_IdDomaine = Do_IdDomaine AND Ba_Login = LOWER(?)) AND "
	    "NOT EXISTS (SELECT 1 FROM Alias WHERE Al_IdDomaine = Do_IdDomaine "
	    "AND Al_Nom = LOWER(?)) AND NOT EXISTS (SELECT 1 FROM VirtualUser "
	    "WHERE Vi_IdDomaine = Do_IdDomaine AND Vi_UtilisateurVirtuel IN "
	    "('', LOWER(?)))",
	    v, 4, &domain);

	if (r == 1)
		snprintf(c->note, sizeof(c->note),
		    ", but there is nobody of that name here yet");
	return r == DB_FAILED ? r : 0;
}

/* An alias of this server: of the domain's client, or the administrator's. */
static int
find_alias(struct db *db, struct dir_change *c)
{
	struct db_value v[3] = { db_u64(c->d.server), c->now[REAL],
		db_u64(c->d.owner.client) };
	uint64_t id;
	int r = entity_number(db,
	    "SELECT Al_IdAlias FROM Alias WHERE "
	    "Al_IdServeur = ? AND Al_Nom = ? AND (Al_IdClient = ? OR "
	    "Al_IdDomaine IS NULL)",
	    v, 3, &id);

	if (r == 1)
		c->now[ALIAS] = db_u64(id);
	return r;
}

/* A mailbox of this server by its login: in this domain, else the only one of
 * its client. */
static int
find_mailbox(struct db *db, struct dir_change *c)
{
	struct db_value v[4] = { c->now[REAL], db_u64(c->d.server),
		db_u64(c->d.owner.client), db_u64(c->d.id) };
	uint64_t first = 0, n = 0;
	bool here = false;
	struct db_rows r;

	if (db_query(db, &r,
	        "SELECT Ba_IdBAL, Ba_IdDomaine FROM BAL JOIN "
	        "Domaine ON Do_IdDomaine = Ba_IdDomaine WHERE Ba_Login = ? AND "
	        "Do_IdServeur = ? AND Do_IdClient = ? AND Ba_Etat <> 'SUPPRESSION' "
	        "ORDER BY Ba_IdDomaine = ? DESC LIMIT 2",
	        v, 4) == -1) {
		db_rows_clear(&r);
		return DB_FAILED;
	}
	for (; db_next(&r); n++) {
		if (n > 0)
			continue;
		first = db_column_u64(&r, 0);
		here = db_column_u64(&r, 1) == c->d.id;
	}
	db_rows_clear(&r);
	if (n == 0)
		return entity_refuse(c, CODE_NONE,
		    "there is no alias and no "
		    "mailbox %.64s here",
		    c->made[0]);
	if (n > 1 && !here)
		return entity_refuse(c, CODE_VALUE,
		    "there are several mailboxes "
		    "%.64s: say which by REAL DOMAIN",
		    c->made[0]);
	c->now[MAILBOX] = db_u64(first);
	return 0;
}

static int
check(struct db *db, struct dir_change *c)
{
	struct db_value v[2] = { db_u64(c->d.id), db_str(c->key) };
	uint64_t there;
	int r;

	if (!c->exists && c->key[0] != '\0') {
		if ((r = entity_reserved(c)) != 0)
			return r;
		/* A mailbox comes before it; it would hide an alias. */
		r = entity_number(db,
		    "SELECT 1 FROM BAL WHERE Ba_IdDomaine = ? "
		    "AND Ba_Login = ?",
		    v, 2, &there);
		if (r == 1)
			return entity_refuse(c, CODE_EXISTS,
			    "%.160s is a mailbox", c->object);
		if (r == 0 &&
		    (r = entity_number(db,
		         "SELECT 1 FROM Alias WHERE "
		         "Al_IdDomaine = ? AND Al_Nom = ?",
		         v, 2, &there)) == 1)
			return entity_refuse(c, CODE_EXISTS,
			    "%.160s is an alias", c->object);
		if (r != 0)
			return r;
	}
	if (c->exists && !entity_changes(c, REAL) &&
	    !entity_changes(c, REAL_DOMAIN))
		return 0;
	c->now[ALIAS] = c->now[MAILBOX] = db_null();
	if (entity_text(c, REAL_DOMAIN).len > 0)
		return warn_of_nobody(db, c);
	r = find_alias(db, c);
	return r == 1 ? 0 : r != 0 ? r : find_mailbox(db, c);
}

int
dir_drop_virtuals(struct db *db, const struct dir_who *who, uint64_t alias,
    uint64_t mailbox)
{
	struct db_value v[2] = { db_u64(alias), db_u64(mailbox) };
	char object[330];
	struct db_rows r;
	int rc = db_query(db, &r,
	    "SELECT Vi_IdVirtual, Vi_UtilisateurVirtuel, "
	    "Do_NomDomaine FROM VirtualUser JOIN Domaine ON Do_IdDomaine = "
	    "Vi_IdDomaine WHERE Vi_IdAlias = ? OR Vi_IdBAL = ? FOR UPDATE",
	    v, 2);

	while (rc == 0 && db_next(&r)) {
		v[0] = db_u64(db_column_u64(&r, 0));
		snprintf(object, sizeof(object), "%.*s@%.*s",
		    (int)r.column[1].len, (const char *)r.column[1].data,
		    (int)r.column[2].len, (const char *)r.column[2].data);
		rc = db_do(db, NULL, NULL,
		         "DELETE FROM VirtualUser WHERE "
		         "Vi_IdVirtual = ?",
		         v, 1) == -1 ||
		        dir_journal(db, FEED_VIRTUAL, v[0].u64) == -1 ||
		        dir_audit(db, who, "DELVIRT", object) == -1
		    ? -1
		    : 0;
	}
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
}

#define SHOWN \
	"SELECT STRAIGHT_JOIN Vi_IdVirtual, Vi_UtilisateurVirtuel, " \
	"Do_NomDomaine, Vi_UtilisateurReel, Vi_DomaineReel, CASE WHEN Vi_IdAlias IS NOT " \
	"NULL THEN 'alias' WHEN Vi_IdBAL IS NOT NULL THEN 'mailbox' ELSE " \
	"'address' END, COALESCE((SELECT CONCAT(Ba_Login, '@', " \
	"m.Do_NomDomaine) FROM BAL JOIN Domaine m ON m.Do_IdDomaine = " \
	"Ba_IdDomaine WHERE Ba_IdBAL = Vi_IdBAL), ''), Vi_Commentaire FROM " \
	"VirtualUser JOIN Domaine ON Domaine.Do_IdDomaine = Vi_IdDomaine " \
	"JOIN Client ON Cl_IdClient = Do_IdClient WHERE "

const struct entity entity_virtual = {
	.name = "VIRT", .what = "virtual user",
	.key = "virtual", .key_kind = KEY_USER, .placed = true,
	.none = CODE_NONE, .feed = FEED_VIRTUAL,
	.columns = {
		[REAL] = { "real", COLUMN_TEXT },
		[REAL_DOMAIN] = { "real-domain", COLUMN_TEXT },
		[COMMENT] = { "comment", COLUMN_TEXT },
		[ALIAS] = { "", COLUMN_FOUND },
		[MAILBOX] = { "", COLUMN_FOUND },
		[DOMAIN] = { "", COLUMN_MADE },
	},
	.find = "SELECT Vi_IdVirtual, 0, 0, Vi_UtilisateurReel, "
	    "Vi_DomaineReel, Vi_Commentaire, Vi_IdAlias, Vi_IdBAL, "
	    "Vi_IdDomaine FROM VirtualUser WHERE Vi_UtilisateurVirtuel = ? AND "
	    "Vi_IdDomaine = ?",
	.insert = "INSERT INTO VirtualUser (Vi_UtilisateurVirtuel, "
	    "Vi_UtilisateurReel, Vi_DomaineReel, Vi_Commentaire, Vi_IdAlias, "
	    "Vi_IdBAL, Vi_IdDomaine) VALUES (?, ?, ?, ?, ?, ?, ?)",
	.update = "UPDATE VirtualUser SET Vi_UtilisateurReel = ?, "
	    "Vi_DomaineReel = ?, Vi_Commentaire = ?, Vi_IdAlias = ?, "
	    "Vi_IdBAL = ?, Vi_IdDomaine = ? WHERE Vi_IdVirtual = ?",
	.remove = "DELETE FROM VirtualUser WHERE Vi_IdVirtual = ?",
	.shown = "virtual|virtual-domain|real|real-domain|leads-to|mailbox|"
	    "comment",
	.show = SHOWN "Vi_IdVirtual = ?",
	.list = SHOWN SCOPE_SQL " AND (? = 0 OR Vi_IdDomaine = ?) AND "
	    "LOCATE(?, CONVERT(CONCAT(Vi_UtilisateurVirtuel, '@', "
	    "Do_NomDomaine) USING utf8mb4)) > 0 AND Vi_IdVirtual > ? AND "
	    "Vi_IdVirtual <= ? ORDER BY Vi_IdVirtual LIMIT ?",
	.slice = "SELECT Vi_IdVirtual FROM VirtualUser WHERE Vi_IdVirtual > ? "
	    "ORDER BY Vi_IdVirtual LIMIT 1 OFFSET " ENTITY_SLICE,
	.scope = SCOPE_DOMAIN,
	.begin = begin, .owns = owns, .normal = normal, .check = check,
};
