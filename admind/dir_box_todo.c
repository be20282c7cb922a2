/* What is still under way with a mailbox, and its end. */
#include "config.h"
#include "admind/dir_box_int.h"

void
dir_todo_clear(struct dir_todo *t)
{
	buf_clear(&t->forward);
	buf_clear(&t->vacation);
}

int
dir_todo(struct db *db, uint32_t id, struct dir_todo *out,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[1] = { db_u64(id) };
	struct db_rows r;
	int found = 0;

	memset(out, 0, sizeof(*out));
	buf_init(&out->forward, 65536);
	buf_init(&out->vacation, 65536);
	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Ba_Etat, Ba_Effet, "
	        "Ba_EffetNumero, Ba_PurgeAvant, Ba_Forward, Ba_Vacances, Ba_Login, "
	        "Do_NomDomaine FROM BAL JOIN Domaine ON Do_IdDomaine = Ba_IdDomaine "
	        "WHERE Ba_IdBAL = ?",
	        v, 1) == -1) {
		db_lost(db);
		return dir_code(DB_FAILED, comment);
	}
	if (db_next(&r) &&
	    span_copy(r.column[6], out->box.login, sizeof(out->box.login)) ==
	        0 &&
	    span_copy(r.column[7], out->box.domain, sizeof(out->box.domain)) ==
	        0) {
		found = 1;
		out->box.id = id;
		out->box.state = box_state_of(r.column[0]);
		out->effects = (unsigned)db_column_u64(&r, 1);
		out->number = db_column_u64(&r, 2);
		out->purge_before = db_column_u64(&r, 3);
		buf_put_span(&out->forward, r.column[4]);
		buf_put_span(&out->vacation, r.column[5]);
	}
	db_rows_clear(&r);
	return found;
}

struct done_txn {
	const struct dir_todo *todo;
	unsigned effect;
};

static int
done_txn(struct db *db, void *arg)
{
	struct done_txn *t = arg;
	struct db_value v[3] = { db_u64(t->effect), db_u64(t->todo->box.id),
		db_u64(t->todo->number) };

	/* Changed again meanwhile: then that is to be done as well. */
	return db_do(db, NULL, NULL,
	    "UPDATE BAL SET Ba_Effet = Ba_Effet & ~? "
	    "WHERE Ba_IdBAL = ? AND Ba_EffetNumero = ?",
	    v, 3);
}

int
dir_done(struct db *db, const struct dir_todo *todo, unsigned effect,
    char comment[static COMMENT_MAX + 1])
{
	struct done_txn t = { todo, effect };

	return dir_code(db_txn(db, done_txn, &t), comment);
}

static int
activate_txn(struct db *db, void *arg)
{
	struct db_value v[1] = { db_u64(*(uint32_t *)arg) };
	struct db_rows r;
	uint8_t state = 0;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if (db_query(db, &r,
	        "SELECT Ba_Etat FROM BAL WHERE Ba_IdBAL = ? "
	        "FOR UPDATE",
	        v, 1) == -1) {
		db_rows_clear(&r);
		return DB_FAILED;
	}
	if (db_next(&r))
		state = box_state_of(r.column[0]);
	db_rows_clear(&r);
	if (state == BOX_ACTIVE)
		return 0;
	if (state != BOX_CREATING)
		return REFUSE(CODE_NO_MAILBOX);
	if (db_do(db, NULL, NULL,
	        "UPDATE BAL SET Ba_Etat = 'ACTIVE' WHERE "
	        "Ba_IdBAL = ?",
	        v, 1) == -1)
		return DB_FAILED;
	return box_changed(db, v[0].u64, 0);
}

int
dir_activate(struct db *db, uint32_t id, char comment[static COMMENT_MAX + 1])
{
	int code = dir_code(db_txn(db, activate_txn, &id), comment);

	if (code == CODE_NO_MAILBOX)
		dir_say(comment, "the mailbox is gone");
	return code;
}

/* The domain's counters, and what authd has of its credentials. */
static int
remove_parts(struct db *db, uint64_t id)
{
	struct db_value v[1] = { db_u64(id) };
	struct db_rows r;
	int rc;

	rc = db_query(db, &r,
	    "SELECT Id_IdIdentifiant FROM Identifiant WHERE "
	    "Id_IdBAL = ? FOR UPDATE",
	    v, 1);
	while (rc == 0 && db_next(&r))
		rc = dir_journal(db, FEED_CREDENTIAL, db_column_u64(&r, 0));
	db_rows_clear(&r);
	if (rc == -1 ||
	    db_do(db, NULL, NULL,
	        "DELETE FROM Identifiant WHERE "
	        "Id_IdBAL = ?",
	        v, 1) == -1)
		return -1;
	return db_do(db, NULL, NULL,
	    "UPDATE Domaine JOIN BAL ON Ba_IdDomaine = "
	    "Do_IdDomaine SET Do_NombreBAL = GREATEST(Do_NombreBAL, 1) - 1, "
	    "Do_QuotaDonne = GREATEST(Do_QuotaDonne, Ba_Quota) - Ba_Quota "
	    "WHERE Ba_IdBAL = ?",
	    v, 1);
}

static int
remove_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct db_value v[1] = { db_u64(t->in->id) };
	uint64_t gone;

	/* What has been made to lead here since it was doomed goes, too. */
	if (dir_lock(db) == -1 ||
	    dir_drop_virtuals(db, t->who, 0, v[0].u64) != 0 ||
	    remove_parts(db, v[0].u64) == -1 ||
	    db_do(db, NULL, &gone, "DELETE FROM BAL WHERE Ba_IdBAL = ?", v,
	        1) == -1)
		return DB_FAILED;
	/* Gone: done before. */
	return gone > 0 && dir_journal(db, FEED_MAILBOX, v[0].u64) == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_remove(struct db *db, const struct dir_who *who,
    const struct dir_mailbox *m, char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = { .who = who, .in = m, .comment = comment };

	return dir_code(db_txn(db, remove_txn, &t), comment);
}

int
dir_unfinished(struct db *db, uint32_t after, uint32_t *id_out)
{
	struct db_value v[2] = { db_u64(after), db_u64(after) };
	struct db_rows r;
	int found = 0;

	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "(SELECT Ba_IdBAL FROM BAL "
	        "FORCE INDEX (Ba_Etat) WHERE Ba_Etat IN ('CREATION', "
	        "'SUPPRESSION') AND Ba_IdBAL > ? ORDER BY Ba_IdBAL LIMIT 1) "
	        "UNION ALL (SELECT Ba_IdBAL FROM BAL FORCE INDEX (Ba_Effet) WHERE "
	        "Ba_Effet > 0 AND Ba_IdBAL > ? ORDER BY Ba_IdBAL LIMIT 1) "
	        "ORDER BY 1 LIMIT 1",
	        v, 2) == -1) {
		db_lost(db);
		return -1;
	}
	if (db_next(&r)) {
		*id_out = (uint32_t)db_column_u64(&r, 0);
		found = 1;
	}
	db_rows_clear(&r);
	return found;
}
