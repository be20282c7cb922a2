#include "config.h"
#include "admind/dir_int.h"

#include <stdio.h>

static uint8_t
state_of(struct span s)
{
	return span_is(s, "CREATION") ? BOX_CREATING :
	    span_is(s, "ACTIVE") ? BOX_ACTIVE :
	    span_is(s, "SUPPRESSION") ? BOX_DELETING : BOX_DISABLED;
}

static void
object_of(const struct dir_mailbox *m, char out[static 330])
{
	snprintf(out, 330, "%s@%s", m->login, m->domain);
}

struct box_txn {
	const struct dir_who *who;
	const struct dir_mailbox *in;
	struct dir_mailbox *out;
	uint32_t uid_first, uid_last;
	char *comment;
};

static int
find_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct dir_domain row;
	struct db_value v[2];
	struct db_rows r;
	int rc;

	if ((rc = dir_find_domain(db, t->who, t->in->domain, &row, t->comment)) != 0)
		return rc;
	v[0] = db_u64(row.id);
	v[1] = db_str(t->in->login);
	*t->out = *t->in;
	rc = db_query(db, &r, "SELECT Ba_IdBAL, Ba_Etat, Ba_Quota, "
	    "Ba_Commentaire, (SELECT Id_Verificateur FROM Identifiant WHERE "
	    "Id_IdBAL = Ba_IdBAL AND Id_Type IN (1, 3) AND Id_Revoque IS NULL "
	    "ORDER BY Id_IdIdentifiant LIMIT 1) FROM BAL WHERE Ba_IdDomaine = ? "
	    "AND Ba_Login = ?", v, 2);
	if (rc == -1) {
		rc = DB_FAILED;
	} else if (!db_next(&r)) {
		dir_say(t->comment, "there is no mailbox %.64s in %.100s",
		    t->in->login, t->in->domain);
		rc = REFUSE(CODE_NO_MAILBOX);
	} else {
		t->out->id = (uint32_t)db_column_u64(&r, 0);
		t->out->state = state_of(r.column[1]);
		t->out->quota_kb = db_column_u64(&r, 2);
		if (span_copy(r.column[3], t->out->comment,
		    sizeof(t->out->comment)) == -1)
			t->out->comment[0] = '\0';
		if (span_copy(r.column[4], t->out->verifier,
		    sizeof(t->out->verifier)) == -1)
			t->out->verifier[0] = '\0';
	}
	db_rows_clear(&r);
	return rc;
}

int
dir_find(struct db *db, const struct dir_who *who, const struct dir_mailbox *in,
    struct dir_mailbox *out, char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = { .who = who, .in = in, .out = out,
		.comment = comment };

	return dir_code(db_txn(db, find_txn, &t), comment);
}

/* Do_MaxMail and Do_QuotaMail, under the lock of the domain's row. */
static int
check_limits(struct db *db, const struct dir_domain *d, uint64_t quota_kb,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[1] = { db_u64(d->id) };
	uint64_t boxes, given;
	struct db_rows r;

	if (d->max_mailboxes == 0 && d->quota_kb == 0)
		return 0;
	if (db_query(db, &r, "SELECT COUNT(*), COALESCE(SUM(Ba_Quota), 0) "
	    "FROM BAL WHERE Ba_IdDomaine = ?", v, 1) == -1 || !db_next(&r)) {
		db_rows_clear(&r);
		return DB_FAILED;
	}
	boxes = db_column_u64(&r, 0);
	given = db_column_u64(&r, 1);
	db_rows_clear(&r);
	if (d->max_mailboxes > 0 && boxes >= d->max_mailboxes) {
		dir_say(comment, "the domain has its %llu mailboxes",
		    (unsigned long long)d->max_mailboxes);
		return REFUSE(CODE_LIMIT);
	}
	if (d->quota_kb > 0 && quota_kb == 0) {
		dir_say(comment, "the domain's storage is limited: the mailbox "
		    "needs a quota");
		return REFUSE(CODE_LIMIT);
	}
	if (d->quota_kb > 0 && (quota_kb > d->quota_kb ||
	    given > d->quota_kb - quota_kb)) {
		dir_say(comment, "of the domain's %llu Kbytes %llu are given",
		    (unsigned long long)d->quota_kb, (unsigned long long)given);
		return REFUSE(CODE_LIMIT);
	}
	return 0;
}

static int
add_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct dir_mailbox *m = t->out;
	struct dir_domain d;
	struct db_value v[5];
	char object[330];
	uint64_t uid, id, credential;
	int r;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((r = dir_find_domain(db, t->who, m->domain, &d, t->comment)) != 0 ||
	    (r = check_limits(db, &d, m->quota_kb, t->comment)) != 0)
		return r;
	/* A uid is never used again (DI-7): the counter only grows. */
	v[0] = db_u64(t->uid_first);
	if (db_do(db, &uid, NULL, "UPDATE Compteur SET Co_Valeur = "
	    "LAST_INSERT_ID(GREATEST(Co_Valeur + 1, ?)) WHERE Co_Nom = 'uid'",
	    v, 1) == -1)
		return DB_FAILED;
	if (uid > t->uid_last) {
		dir_say(t->comment, "all uids from uid-first to uid-last are used");
		return REFUSE(CODE_LIMIT);
	}
	v[0] = db_str(m->login);
	v[1] = db_u64(d.id);
	v[2] = db_str(m->comment);
	v[3] = db_u64(uid);
	v[4] = db_u64(m->quota_kb);
	if (db_do(db, &id, NULL, "INSERT INTO BAL (Ba_Login, Ba_IdDomaine, "
	    "Ba_Commentaire, Ba_Uid, Ba_Quota, Ba_Etat) VALUES (?, ?, ?, ?, ?, "
	    "'CREATION')", v, 5) == -1) {
		if (!db_is_duplicate(db))
			return DB_FAILED;
		dir_say(t->comment, "the mailbox exists");
		return REFUSE(CODE_EXISTS);
	}
	v[0] = db_u64(id);
	v[1] = db_str(m->verifier);
	object_of(m, object);
	if (db_do(db, &credential, NULL, "INSERT INTO Identifiant (Id_IdBAL, "
	    "Id_Type, Id_Verificateur) VALUES (?, 1, ?)", v, 2) == -1 ||
	    dir_journal(db, FEED_MAILBOX, id) == -1 ||
	    dir_journal(db, FEED_CREDENTIAL, credential) == -1 ||
	    dir_audit(db, t->who, "NEWBAL", object) == -1)
		return DB_FAILED;
	m->id = (uint32_t)id;
	m->state = BOX_CREATING;
	return 0;
}

int
dir_add(struct db *db, const struct dir_who *who, struct dir_mailbox *m,
    uint32_t uid_first, uint32_t uid_last, char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = { .who = who, .out = m, .uid_first = uid_first,
		.uid_last = uid_last, .comment = comment };

	return dir_code(db_txn(db, add_txn, &t), comment);
}

static int
activate_txn(struct db *db, void *arg)
{
	struct db_value v[1] = { db_u64(*(uint32_t *)arg) };
	struct db_rows r;
	uint8_t state = 0;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if (db_query(db, &r, "SELECT Ba_Etat FROM BAL WHERE Ba_IdBAL = ? "
	    "FOR UPDATE", v, 1) == -1) {
		db_rows_clear(&r);
		return DB_FAILED;
	}
	if (db_next(&r))
		state = state_of(r.column[0]);
	db_rows_clear(&r);
	if (state == BOX_ACTIVE)
		return 0;
	if (state != BOX_CREATING)
		return REFUSE(CODE_NO_MAILBOX);
	if (db_do(db, NULL, NULL, "UPDATE BAL SET Ba_Etat = 'ACTIVE' WHERE "
	    "Ba_IdBAL = ?", v, 1) == -1 ||
	    dir_journal(db, FEED_MAILBOX, v[0].u64) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_activate(struct db *db, uint32_t id, char comment[static COMMENT_MAX + 1])
{
	int code = dir_code(db_txn(db, activate_txn, &id), comment);

	if (code == CODE_NO_MAILBOX)
		dir_say(comment, "the mailbox is gone");
	return code;
}

static int
doom_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct db_value v[1] = { db_u64(t->in->id) };
	uint64_t changed;

	if (dir_lock(db) == -1 ||
	    db_do(db, NULL, &changed, "UPDATE BAL SET Ba_Etat = 'SUPPRESSION' "
	    "WHERE Ba_IdBAL = ?", v, 1) == -1)
		return DB_FAILED;
	if (changed == 0) {
		dir_say(t->comment, "the mailbox is gone");
		return REFUSE(CODE_NO_MAILBOX);
	}
	return dir_journal(db, FEED_MAILBOX, v[0].u64) == -1 ? DB_FAILED : 0;
}

int
dir_doom(struct db *db, const struct dir_who *who, const struct dir_mailbox *m,
    char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = { .who = who, .in = m, .comment = comment };

	return dir_code(db_txn(db, doom_txn, &t), comment);
}

static int
remove_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct db_value v[1] = { db_u64(t->in->id) };
	char object[330];
	struct db_rows r;
	uint64_t gone;
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	rc = db_query(db, &r, "SELECT Id_IdIdentifiant FROM Identifiant WHERE "
	    "Id_IdBAL = ? FOR UPDATE", v, 1);
	while (rc == 0 && db_next(&r))
		rc = dir_journal(db, FEED_CREDENTIAL, db_column_u64(&r, 0));
	db_rows_clear(&r);
	object_of(t->in, object);
	if (rc == -1 || dir_drop_virtuals(db, t->who, 0, v[0].u64) != 0 ||
	    db_do(db, NULL, NULL, "DELETE FROM Identifiant WHERE Id_IdBAL = ?",
	    v, 1) == -1 ||
	    db_do(db, NULL, &gone, "DELETE FROM BAL WHERE Ba_IdBAL = ?", v,
	    1) == -1)
		return DB_FAILED;
	if (gone == 0)
		return 0; /* done before */
	if (dir_journal(db, FEED_MAILBOX, v[0].u64) == -1 ||
	    dir_audit(db, t->who, "DELBAL", object) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_remove(struct db *db, const struct dir_who *who, const struct dir_mailbox *m,
    char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = { .who = who, .in = m, .comment = comment };

	return dir_code(db_txn(db, remove_txn, &t), comment);
}

int
dir_was_deleted(struct db *db, const struct dir_mailbox *m)
{
	struct db_value v[1];
	char object[330];
	struct db_rows r;
	int found = 0;

	object_of(m, object);
	v[0] = db_str(object);
	if (db_ready(db) == -1 || db_query(db, &r, "SELECT Au_Id FROM Audit "
	    "WHERE Au_Objet = ? AND Au_Type = 'DELBAL' LIMIT 1", v, 1) == -1) {
		db_lost(db);
		return CODE_TEMP;
	}
	found = db_next(&r);
	db_rows_clear(&r);
	return found;
}

int
dir_unfinished(struct db *db, uint32_t after, struct dir_mailbox *out)
{
	struct db_value v[1] = { db_u64(after) };
	struct db_rows r;
	int found = 0;

	if (db_ready(db) == -1 || db_query(db, &r, "SELECT Ba_IdBAL, Ba_Etat, "
	    "Ba_Login, Do_NomDomaine FROM BAL FORCE INDEX (Ba_Etat) JOIN "
	    "Domaine ON Do_IdDomaine = Ba_IdDomaine WHERE Ba_Etat IN ('CREATION', 'SUPPRESSION') AND "
	    "Ba_IdBAL > ? ORDER BY Ba_IdBAL LIMIT 1", v, 1) == -1) {
		db_lost(db);
		return -1;
	}
	memset(out, 0, sizeof(*out));
	if (db_next(&r) &&
	    span_copy(r.column[2], out->login, sizeof(out->login)) == 0 &&
	    span_copy(r.column[3], out->domain, sizeof(out->domain)) == 0) {
		out->id = (uint32_t)db_column_u64(&r, 0);
		out->state = state_of(r.column[1]);
		found = 1;
	}
	db_rows_clear(&r);
	return found;
}
