#include "config.h"
#include "admind/dir_purge.h"
#include "admind/dir_int.h"

#include <stdio.h>

struct purge_txn {
	const struct dir_who *who;
	const char *domain;
	char *comment;
	uint64_t days;
	char what[80]; /* of the audit row */
};

static int
days_txn(struct db *db, void *arg)
{
	struct purge_txn *t = arg;
	struct db_value v[1];
	struct dir_domain d;
	struct db_rows r;
	int rc = dir_find_domain(db, t->who, t->domain, &d, t->comment);

	if (rc != 0)
		return rc;
	v[0] = db_u64(d.id);
	rc = db_query(db, &r,
	    "SELECT Do_DureePurge FROM Domaine WHERE "
	    "Do_IdDomaine = ?",
	    v, 1);
	t->days = rc == 0 && db_next(&r) ? db_column_u64(&r, 0) : 0;
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
}

int
dir_purge_days(struct db *db, const struct dir_who *who, const char *domain,
    uint64_t *days_out, char comment[static COMMENT_MAX + 1])
{
	struct purge_txn t = {
		.who = who, .domain = domain, .comment = comment
	};
	int code = dir_code(db_txn(db, days_txn, &t), comment);

	*days_out = t.days;
	if (code == CODE_OK && t.days == 0) {
		dir_say(comment,
		    "mail of %.100s is never purged: its days "
		    "(MODDOM, PURGE) are 0",
		    domain);
		return CODE_VALUE;
	}
	return code;
}

int
dir_purge_next(struct db *db, const char *domain, const char *after,
    struct dir_mailbox *out)
{
	struct db_value v[2] = { db_str(domain), db_str(after) };
	struct db_rows r;
	int found = 0;

	*out = (struct dir_mailbox){ .id = 0 };
	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Ba_IdBAL, Ba_Login "
	        "FROM BAL JOIN Domaine ON Do_IdDomaine = Ba_IdDomaine WHERE "
	        "Do_NomDomaine = ? AND Ba_Login > ? AND Ba_Etat IN ('ACTIVE', "
	        "'DESACTIVEE') ORDER BY Ba_Login LIMIT 1",
	        v, 2) == -1) {
		db_lost(db);
		return CODE_TEMP;
	}
	if (db_next(&r) &&
	    span_copy(r.column[1], out->login, sizeof(out->login)) == 0) {
		out->id = (uint32_t)db_column_u64(&r, 0);
		found = 1;
	}
	db_rows_clear(&r);
	return found;
}

static int
purged_txn(struct db *db, void *arg)
{
	struct purge_txn *t = arg;
	struct db_value v[1] = { db_str(t->what) };

	return dir_lock(db) == -1 || dir_touch(db) == -1 ||
	        dir_audit(db, t->who, "PURGE", t->domain) == -1 ||
	        db_do(db, NULL, NULL,
	            "UPDATE Audit SET Au_Commentaire = ? WHERE "
	            "Au_Id = LAST_INSERT_ID()",
	            v, 1) == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_purged(struct db *db, const struct dir_who *who, const char *domain,
    uint64_t messages, uint64_t bytes, char comment[static COMMENT_MAX + 1])
{
	struct purge_txn t = { .who = who, .domain = domain };

	snprintf(t.what, sizeof(t.what), "%llu messages, %llu bytes",
	    (unsigned long long)messages, (unsigned long long)bytes);
	return dir_code(db_txn(db, purged_txn, &t), comment);
}
