/* A new mailbox: NEWBAL and IMPORTBAL. */
#include "config.h"
#include "admind/dir_box_int.h"

/* The next uid: one is never used again (DI-7), the counter only grows. */
static int
take_uid(struct db *db, const struct dir_new *n, uint64_t *out, char *comment)
{
	struct db_value v[1] = { db_u64(n->uid_first) };

	if (db_do(db, out, NULL,
	        "UPDATE Compteur SET Co_Valeur = "
	        "LAST_INSERT_ID(GREATEST(Co_Valeur + 1, ?)) WHERE Co_Nom = 'uid'",
	        v, 1) == -1)
		return DB_FAILED;
	if (*out > n->uid_last) {
		dir_say(comment,
		    "all uids from uid-first to uid-last are used");
		return REFUSE(CODE_LIMIT);
	}
	return 0;
}

/* An account's is its own, for one mailbox; used again only for the same
 * account, whose home and mail stay its own. */
static int
account_uid(struct db *db, const struct account *a, uint64_t *out,
    char *comment)
{
	struct db_value v[1] = { db_u64(a->uid) };
	struct db_rows r;
	int rc = 0;

	*out = a->uid;
	if (db_query(db, &r,
	        "SELECT Ba_Login, Do_NomDomaine FROM BAL JOIN "
	        "Domaine ON Do_IdDomaine = Ba_IdDomaine WHERE Ba_Uid = ? "
	        "LIMIT 1",
	        v, 1) == -1) {
		rc = DB_FAILED;
	} else if (db_next(&r)) {
		dir_say(comment, "account %.32s is the mailbox %.*s@%.*s",
		    a->name, (int)r.column[0].len,
		    (const char *)r.column[0].data,
		    (int)(r.column[1].len < 80 ? r.column[1].len : 80),
		    (const char *)r.column[1].data);
		rc = REFUSE(CODE_EXISTS);
	}
	db_rows_clear(&r);
	return rc;
}

/* Everything that may be against it. */
static int
check_new(struct db *db, const struct box_txn *t, struct dir_domain *d)
{
	const struct dir_new *n = t->what;
	int rc;

	if ((rc = dir_find_domain(db, t->who, t->in->domain, d, t->comment)) !=
	        0 ||
	    (rc = box_check_name(db, t->who, d, t->out, t->comment)) != 0)
		return rc;
	if (d->max_mailboxes > 0 && d->mailboxes >= d->max_mailboxes) {
		dir_say(t->comment, "the domain has its %llu mailboxes",
		    (unsigned long long)d->max_mailboxes);
		return REFUSE(CODE_LIMIT);
	}
	if ((rc = box_check_quota(d, n->set->quota_kb, 0, t->comment)) != 0 ||
	    (rc = box_check_short(db, d, 0, n->set->text[SET_SHORT],
	         t->comment)) != 0)
		return rc;
	return box_check_user(db, d, n->set->user, t->comment);
}

static int
insert(struct db *db, const struct box_txn *t, const struct dir_domain *d,
    uint64_t uid, uint64_t *id_out)
{
	struct db_value v[3] = { db_str(t->in->login), db_u64(d->id),
		db_u64(uid) };

	if (db_do(db, id_out, NULL,
	        "INSERT INTO BAL (Ba_Login, Ba_IdDomaine, "
	        "Ba_Uid, Ba_Etat) VALUES (?, ?, ?, 'CREATION')",
	        v, 3) == -1)
		return DB_FAILED;
	v[0] = db_u64(d->id);
	return db_do(db, NULL, NULL,
	    "UPDATE Domaine SET Do_NombreBAL = "
	    "Do_NombreBAL + 1 WHERE Do_IdDomaine = ?",
	    v, 1);
}

static int
add_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	const struct dir_new *n = t->what;
	struct box_row row = { 0 };
	struct dir_domain d;
	char object[330];
	uint64_t uid;
	bool effect;
	int rc;

	t->out->id = 0;
	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = check_new(db, t, &d)) != 0 ||
	    (rc = n->account != NULL
	            ? account_uid(db, n->account, &uid, t->comment)
	            : take_uid(db, n, &uid, t->comment)) != 0)
		return rc;
	effect = n->set->text[SET_FORWARD].len > 0 ||
	    n->set->text[SET_VACATION].len > 0;
	dir_box_object(t->in, object);
	if (insert(db, t, &d, uid, &row.id) == -1 ||
	    box_put(db, &d, &row, n->set) == -1 ||
	    box_put_password(db, row.id, n->verifier, n->kind) == -1 ||
	    box_changed(db, row.id, effect ? EFFECT_SETTINGS : 0) == -1 ||
	    dir_audit(db, t->who, n->type, object) == -1)
		return DB_FAILED;
	if (n->dry_run) {
		dir_say(t->comment, "the mailbox would be made");
		return REFUSE(CODE_OK);
	}
	t->out->id = (uint32_t)row.id;
	t->out->state = BOX_CREATING;
	return 0;
}

int
dir_add(struct db *db, const struct dir_who *who, struct dir_mailbox *m,
    const struct dir_new *n, char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = {
		.who = who, .in = m, .out = m, .what = n, .comment = comment
	};

	return dir_code(db_txn(db, add_txn, &t), comment);
}
