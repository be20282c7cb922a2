/* Mailboxes: finding them, and what becomes of them as a whole. */
#include "config.h"
#include "admind/dir_box_int.h"

#include <stdio.h>

uint8_t
box_state_of(struct span s)
{
	return span_is(s, "CREATION")   ? BOX_CREATING
	    : span_is(s, "ACTIVE")      ? BOX_ACTIVE
	    : span_is(s, "SUPPRESSION") ? BOX_DELETING
	                                : BOX_DISABLED;
}

void
dir_box_object(const struct dir_mailbox *m, char out[static 330])
{
	snprintf(out, 330, "%s@%s", m->login, m->domain);
}

int
box_find(struct db *db, const struct dir_who *who, const struct dir_mailbox *m,
    struct dir_domain *d, struct box_row *out, char *comment)
{
	struct db_value v[2];
	struct db_rows r;
	int rc = dir_find_domain(db, who, m->domain, d, comment);

	if (rc != 0)
		return rc;
	v[0] = db_u64(d->id);
	v[1] = db_str(m->login);
	if (db_query(db, &r,
	        "SELECT Ba_IdBAL, Ba_Etat, Ba_Quota, "
	        "Ba_LoginCourt, Ba_Uid FROM BAL WHERE Ba_IdDomaine = ? AND "
	        "Ba_Login = ? FOR UPDATE",
	        v, 2) == -1) {
		rc = DB_FAILED;
	} else if (!db_next(&r) ||
	    (who->kind == WHO_MAILBOX && strcmp(m->login, who->login) != 0)) {
		dir_say(comment, "there is no mailbox %.64s in %.100s",
		    m->login, m->domain);
		rc = REFUSE(CODE_NO_MAILBOX);
	} else {
		out->id = db_column_u64(&r, 0);
		out->state = box_state_of(r.column[1]);
		out->quota_kb = db_column_u64(&r, 2);
		out->uid = (uint32_t)db_column_u64(&r, 4);
		if (span_copy(r.column[3], out->short_login,
		        sizeof(out->short_login)) == -1)
			out->short_login[0] = '\0';
	}
	db_rows_clear(&r);
	return rc;
}

static int
find_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct dir_domain d;
	struct box_row row;
	struct db_value v[1];
	struct db_rows r;
	int rc = box_find(db, t->who, t->in, &d, &row, t->comment);

	if (rc != 0)
		return rc;
	*t->out = *t->in;
	t->out->id = (uint32_t)row.id;
	t->out->uid = row.uid;
	t->out->state = row.state;
	t->out->verifier[0] = '\0';
	v[0] = db_u64(row.id);
	rc = db_query(db, &r,
	    "SELECT Id_Verificateur FROM Identifiant WHERE "
	    "Id_IdBAL = ? AND Id_Type IN (1, 3) AND Id_Revoque IS NULL "
	    "ORDER BY Id_IdIdentifiant LIMIT 1",
	    v, 1);
	if (rc == 0 && db_next(&r) &&
	    span_copy(r.column[0], t->out->verifier,
	        sizeof(t->out->verifier)) == -1)
		t->out->verifier[0] = '\0';
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
}

int
dir_find(struct db *db, const struct dir_who *who, const struct dir_mailbox *in,
    struct dir_mailbox *out, char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = {
		.who = who, .in = in, .out = out, .comment = comment
	};

	return dir_code(db_txn(db, find_txn, &t), comment);
}

int
box_changed(struct db *db, uint64_t id, unsigned effects)
{
	struct db_value v[2] = { db_u64(effects), db_u64(id) };

	if (dir_journal(db, FEED_MAILBOX, id) == -1)
		return DB_FAILED;
	if (effects != 0 &&
	    db_do(db, NULL, NULL,
	        "UPDATE BAL SET Ba_Effet = "
	        "Ba_Effet | ?, Ba_EffetNumero = (SELECT Co_Valeur FROM Compteur "
	        "WHERE Co_Nom = 'journal') WHERE Ba_IdBAL = ?",
	        v, 2) == -1)
		return DB_FAILED;
	return 0;
}

/* ---- on and off ------------------------------------------------------------- */

struct enable {
	struct box_txn t;
	bool on;
};

static int
enable_txn(struct db *db, void *arg)
{
	struct enable *e = arg;
	struct dir_domain d;
	struct box_row row;
	struct db_value v[2];
	char object[330];
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = box_find(db, e->t.who, e->t.in, &d, &row, e->t.comment)) != 0)
		return rc;
	if (row.state != BOX_ACTIVE && row.state != BOX_DISABLED) {
		dir_say(e->t.comment, "the mailbox is being %s",
		    row.state == BOX_CREATING ? "made" : "deleted");
		return REFUSE(CODE_TEMP);
	}
	if (row.state == (e->on ? BOX_ACTIVE : BOX_DISABLED))
		return 0; /* again: nothing to change */
	v[0] = db_str(e->on ? "ACTIVE" : "DESACTIVEE");
	v[1] = db_u64(row.id);
	dir_box_object(e->t.in, object);
	if ((rc = dir_is_again(db, e->t.who, e->on ? "ENABLEBAL" : "DISABLEBAL",
	         object, NULL)) != 0)
		return rc;
	if (db_do(db, NULL, NULL,
	        "UPDATE BAL SET Ba_Etat = ? WHERE "
	        "Ba_IdBAL = ?",
	        v, 2) == -1 ||
	    box_changed(db, row.id, 0) == -1 ||
	    dir_audit(db, e->t.who, e->on ? "ENABLEBAL" : "DISABLEBAL",
	        object) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_enable(struct db *db, const struct dir_who *who,
    const struct dir_mailbox *m, bool on, char comment[static COMMENT_MAX + 1])
{
	struct enable e = { { .who = who, .in = m, .comment = comment }, on };

	return dir_code(db_txn(db, enable_txn, &e), comment);
}

/* ---- purging ------------------------------------------------------------------ */

struct purge {
	struct box_txn t;
	bool again;
};

static int
purge_txn(struct db *db, void *arg)
{
	struct purge *p = arg;
	struct box_txn *t = &p->t;
	struct dir_domain d;
	struct box_row row;
	struct db_value v[1];
	char object[330];
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = box_find(db, t->who, t->in, &d, &row, t->comment)) != 0)
		return rc;
	if (row.state != BOX_ACTIVE && row.state != BOX_DISABLED) {
		dir_say(t->comment, "the mailbox is being %s",
		    row.state == BOX_CREATING ? "made" : "deleted");
		return REFUSE(CODE_TEMP);
	}
	v[0] = db_u64(row.id);
	dir_box_object(t->in, object);
	if ((rc = dir_is_again(db, t->who, "PURGEBAL", object, NULL)) != 0) {
		p->again = rc == DIR_DONE;
		return rc;
	}
	/* Mail of this very second is meant, too. */
	if (db_do(db, NULL, NULL,
	        "UPDATE BAL SET Ba_PurgeAvant = "
	        "UNIX_TIMESTAMP() + 1 WHERE Ba_IdBAL = ?",
	        v, 1) == -1 ||
	    box_changed(db, row.id, EFFECT_PURGE) == -1 ||
	    dir_audit(db, t->who, "PURGEBAL", object) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_purge(struct db *db, const struct dir_who *who, const struct dir_mailbox *m,
    bool *again_out, char comment[static COMMENT_MAX + 1])
{
	struct purge p = { { .who = who, .in = m, .comment = comment }, false };
	int code = dir_code(db_txn(db, purge_txn, &p), comment);

	*again_out = p.again;
	return code;
}

/* ---- deleting ------------------------------------------------------------------- */

static int
doom_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	struct dir_domain d;
	struct box_row row;
	struct db_value v[1];
	char object[330];
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = box_find(db, t->who, t->in, &d, &row, t->comment)) != 0)
		return rc;
	t->out->id = (uint32_t)row.id;
	if (row.state == BOX_DELETING)
		return 0; /* again: it goes on */
	v[0] = db_u64(row.id);
	dir_box_object(t->in, object);
	/* Made anew since this very request deleted it. */
	if ((rc = dir_is_again(db, t->who, "DELBAL", object, NULL)) != 0)
		return rc == DB_FAILED ? rc : REFUSE(CODE_NO_MAILBOX);
	if (dir_drop_virtuals(db, t->who, 0, row.id) != 0 ||
	    db_do(db, NULL, NULL,
	        "UPDATE BAL SET Ba_Etat = 'SUPPRESSION' "
	        "WHERE Ba_IdBAL = ?",
	        v, 1) == -1 ||
	    box_changed(db, row.id, 0) == -1 ||
	    dir_audit(db, t->who, "DELBAL", object) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_doom(struct db *db, const struct dir_who *who, struct dir_mailbox *m,
    char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = {
		.who = who, .in = m, .out = m, .comment = comment
	};

	return dir_code(db_txn(db, doom_txn, &t), comment);
}

int
dir_was_deleted(struct db *db, const struct dir_mailbox *m)
{
	struct db_value v[1];
	char object[330];
	struct db_rows r;
	int found = 0;

	dir_box_object(m, object);
	v[0] = db_str(object);
	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Au_Id FROM Audit "
	        "WHERE Au_Objet = ? AND Au_Type = 'DELBAL' LIMIT 1",
	        v, 1) == -1) {
		db_lost(db);
		return CODE_TEMP;
	}
	found = db_next(&r);
	db_rows_clear(&r);
	return found;
}
