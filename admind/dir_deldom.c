/* How a domain goes: see dir_domain.h. */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/entity.h"

#include <stdio.h>

struct deldom {
	const struct dir_who *who;
	const char *name;
	char found[256]; /* the name of id */
	bool force;
	uint64_t id;
	bool more;
	char *comment;
};

/* The row is not there: was it this one who deleted it? */
static int
not_there(struct db *db, struct deldom *d)
{
	int r = dir_has_done(db, d->who, "DELDOM", d->name, NULL);

	d->id = 0;
	if (r == DIR_DONE)
		dir_say(d->comment, "the domain is deleted already");
	else if (r == 0)
		dir_say(d->comment, "there is no domain %.150s", d->name);
	return r == 0 ? REFUSE(CODE_NO_DOMAIN) : r;
}

static int
deldom_txn(struct db *db, void *arg)
{
	struct deldom *d = arg;
	struct dir_domain row;
	struct db_value v[1];
	uint64_t boxes;
	int r;

	if (dir_lock(db) == -1 ||
	    (r = dir_look_domain(db, d->name, &row)) == DB_FAILED)
		return DB_FAILED;
	if (r == 0 || !dir_owns(d->who, &row.owner))
		return not_there(db, d);
	d->id = row.id;
	if (row.going)
		return 0; /* again: it goes on */
	if ((r = dir_is_again(db, d->who, "DELDOM", d->name, NULL)) != 0)
		return r == DB_FAILED ? r : not_there(db, d); /* made anew */
	v[0] = db_u64(row.id);
	if (entity_number(db, "SELECT COUNT(*) FROM BAL WHERE Ba_IdDomaine = ?",
	        v, 1, &boxes) != 1)
		return DB_FAILED;
	if (boxes > 0 && !d->force) {
		dir_say(d->comment, "the domain still has %llu mailboxes",
		    (unsigned long long)boxes);
		return REFUSE(CODE_IN_USE);
	}
	/* Said now, by who decided it: the rest is carrying it out. */
	if (db_do(db, NULL, NULL,
	        "UPDATE Domaine SET Do_Etat = 'SUPPRESSION' "
	        "WHERE Do_IdDomaine = ?",
	        v, 1) == -1 ||
	    dir_journal(db, FEED_DOMAIN, row.id) == -1 ||
	    dir_audit(db, d->who, "DELDOM", d->name) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_deldom(struct db *db, const struct dir_who *who, const char *name,
    bool force, uint32_t *id_out, char comment[static COMMENT_MAX + 1])
{
	struct deldom d = {
		.who = who, .name = name, .force = force, .comment = comment
	};
	int code = dir_code(db_txn(db, deldom_txn, &d), comment);

	*id_out = (uint32_t)d.id;
	return code;
}

/* ---- what hangs on it -------------------------------------------------------------- */

/* So many rows in a transaction: it takes some tenths of a second, and the
 * journal's lock is held as long. */
#define SOME 200

/* All that sql finds: fn, then the journal.  How many, or DB_FAILED. */
static int
each(struct db *db, struct deldom *d, const char *sql, enum feed_table table,
    int (*fn)(struct db *, struct deldom *, const struct db_rows *))
{
	struct db_value v[1] = { db_u64(d->id) };
	struct db_rows r;
	int n = 0, rc = db_query(db, &r, sql, v, 1);

	for (; rc == 0 && db_next(&r); n++)
		rc = fn(db, d, &r) != 0 ||
		        dir_journal(db, table, db_column_u64(&r, 0)) == -1
		    ? -1
		    : 0;
	db_rows_clear(&r);
	return rc == 0 ? n : DB_FAILED;
}

static int
doom_box(struct db *db, struct deldom *d, const struct db_rows *r)
{
	struct db_value v[1] = { db_u64(db_column_u64(r, 0)) };
	char object[330];

	snprintf(object, sizeof(object), "%.*s@%.255s", (int)r->column[1].len,
	    (const char *)r->column[1].data, d->found);
	if (db_do(db, NULL, NULL,
	        "UPDATE BAL SET Ba_Etat = 'SUPPRESSION' "
	        "WHERE Ba_IdBAL = ?",
	        v, 1) == -1)
		return DB_FAILED;
	return dir_audit(db, d->who, "DELBAL", object);
}

static int
drop_virtual(struct db *db, struct deldom *d, const struct db_rows *r)
{
	struct db_value v[1] = { db_u64(db_column_u64(r, 0)) };
	char object[330];

	snprintf(object, sizeof(object), "%.*s@%.255s", (int)r->column[1].len,
	    (const char *)r->column[1].data, d->found);
	if (db_do(db, NULL, NULL,
	        "DELETE FROM VirtualUser WHERE Vi_IdVirtual "
	        "= ?",
	        v, 1) == -1)
		return DB_FAILED;
	return dir_audit(db, d->who, "DELVIRT", object);
}

static int
drop_alias(struct db *db, struct deldom *d, const struct db_rows *r)
{
	struct db_value v[1] = { db_u64(db_column_u64(r, 0)) };
	char name[129];

	if (span_copy(r->column[1], name, sizeof(name)) == -1 ||
	    dir_drop_virtuals(db, d->who, v[0].u64, 0) != 0 ||
	    db_do(db, NULL, NULL, "DELETE FROM Alias WHERE Al_IdAlias = ?", v,
	        1) == -1)
		return DB_FAILED;
	return dir_audit(db, d->who, "DELALIAS", name);
}

static int
some_txn(struct db *db, void *arg)
{
	struct deldom *d = arg;
	struct db_value v[1] = { db_u64(d->id) };
	struct db_rows r;
	int n, rc;

	d->more = false;
	if (dir_lock(db) == -1)
		return DB_FAILED;
	rc = db_query(db, &r,
	    "SELECT Do_NomDomaine FROM Domaine WHERE "
	    "Do_IdDomaine = ? AND Do_Etat = 'SUPPRESSION'",
	    v, 1);
	if (rc == 0 && db_next(&r) &&
	    span_copy(r.column[0], d->found, sizeof(d->found)) == 0)
		rc = 1;
	db_rows_clear(&r);
	if (rc != 1)
		return rc; /* gone already */
	_Static_assert(SOME == 200, "the LIMITs below");
	n = each(db, d,
	    "SELECT Ba_IdBAL, Ba_Login FROM BAL WHERE Ba_IdDomaine = "
	    "? AND Ba_Etat <> 'SUPPRESSION' LIMIT 200",
	    FEED_MAILBOX, doom_box);
	if (n == 0)
		n = each(db, d,
		    "SELECT Vi_IdVirtual, Vi_UtilisateurVirtuel "
		    "FROM VirtualUser WHERE Vi_IdDomaine = ? LIMIT 200",
		    FEED_VIRTUAL, drop_virtual);
	if (n == 0)
		n = each(db, d,
		    "SELECT Al_IdAlias, Al_Nom FROM Alias WHERE "
		    "Al_IdDomaine = ? LIMIT 200",
		    FEED_ALIAS, drop_alias);
	d->more = n > 0;
	return n == DB_FAILED ? DB_FAILED : 0;
}

int
dir_deldom_some(struct db *db, const struct dir_who *who, uint32_t id,
    bool *more_out, char comment[static COMMENT_MAX + 1])
{
	struct deldom d = { .who = who, .id = id, .comment = comment };
	int code = dir_code(db_txn(db, some_txn, &d), comment);

	*more_out = d.more;
	return code;
}

/* ---- its mailboxes, and the end ----------------------------------------------------- */

int
dir_deldom_box(struct db *db, uint32_t id, struct dir_mailbox *out)
{
	struct db_value v[1] = { db_u64(id) };
	struct db_rows r;
	int found = 0;

	memset(out, 0, sizeof(*out));
	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Ba_IdBAL, Ba_Login, "
	        "Do_NomDomaine FROM BAL JOIN Domaine ON Do_IdDomaine = "
	        "Ba_IdDomaine WHERE Ba_IdDomaine = ? AND Ba_Etat = 'SUPPRESSION' "
	        "ORDER BY Ba_IdBAL LIMIT 1",
	        v, 1) == -1) {
		db_lost(db);
		return CODE_TEMP;
	}
	if (db_next(&r) &&
	    span_copy(r.column[1], out->login, sizeof(out->login)) == 0 &&
	    span_copy(r.column[2], out->domain, sizeof(out->domain)) == 0) {
		out->id = (uint32_t)db_column_u64(&r, 0);
		out->state = BOX_DELETING;
		found = 1;
	}
	db_rows_clear(&r);
	return found;
}

static int
end_txn(struct db *db, void *arg)
{
	struct deldom *d = arg;
	struct db_value v[1] = { db_u64(d->id) };
	uint64_t gone;

	if (dir_lock(db) == -1 ||
	    db_do(db, NULL, &gone,
	        "DELETE FROM Domaine WHERE Do_IdDomaine = ? "
	        "AND Do_Etat = 'SUPPRESSION'",
	        v, 1) == -1)
		return DB_FAILED;
	/* Done before, and not seen. */
	return gone > 0 && dir_journal(db, FEED_DOMAIN, d->id) == -1 ? DB_FAILED
	                                                             : 0;
}

int
dir_deldom_end(struct db *db, uint32_t id, char comment[static COMMENT_MAX + 1])
{
	struct deldom d = { .id = id, .comment = comment };
	int code = dir_code(db_txn(db, end_txn, &d), comment);

	if (code == CODE_OK)
		dir_say(comment, "the domain has been deleted");
	return code;
}

int
dir_deldom_next(struct db *db, uint32_t *id_out, char name[static 256])
{
	struct db_rows r;
	int found = 0;

	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Do_IdDomaine, "
	        "Do_NomDomaine FROM Domaine WHERE Do_Etat = 'SUPPRESSION' ORDER BY "
	        "Do_IdDomaine LIMIT 1",
	        NULL, 0) == -1) {
		db_lost(db);
		return CODE_TEMP;
	}
	if (db_next(&r) && span_copy(r.column[1], name, 256) == 0) {
		*id_out = (uint32_t)db_column_u64(&r, 0);
		found = 1;
	}
	db_rows_clear(&r);
	return found;
}
