/* What can be set of a mailbox: MODBAL, SETBAL, PASSWD. */
#include "config.h"
#include "admind/dir_box_int.h"

#include "admind/key.h"

/* What a mailbox's owner may set himself. */
#define OWN_SETTINGS \
	(1u << SET_COMMENT | 1u << SET_FORWARD | 1u << SET_SMS_TEL | \
	    1u << SET_SMS_FILTER | 1u << SET_VACATION)
/* What the home or a running worker must be told. */
#define HOME_SETTINGS (1u << SET_QUOTA | 1u << SET_FORWARD | 1u << SET_VACATION)

#define SEALED_SMS "BAL.Ba_PasswordSMS"

/* ---- checks ------------------------------------------------------------------- */

int
box_check_quota(const struct dir_domain *d, uint64_t quota_kb, uint64_t was_kb,
    char *comment)
{
	uint64_t given = d->given_kb -
	    (was_kb < d->given_kb ? was_kb : d->given_kb);

	if (d->quota_kb == 0)
		return 0;
	if (quota_kb == 0) {
		dir_say(comment,
		    "the domain's storage is limited: the mailbox "
		    "needs a quota");
		return REFUSE(CODE_LIMIT);
	}
	if (quota_kb > d->quota_kb || given > d->quota_kb - quota_kb) {
		dir_say(comment, "of the domain's %llu Kbytes %llu are given",
		    (unsigned long long)d->quota_kb, (unsigned long long)given);
		return REFUSE(CODE_LIMIT);
	}
	return 0;
}

int
box_check_user(struct db *db, const struct dir_domain *d, uint32_t user,
    char *comment)
{
	struct db_value v[2] = { db_u64(user), db_u64(d->owner.client) };
	struct db_rows r;
	bool found;
	int rc;

	if (user == 0)
		return 0;
	rc = db_query(db, &r,
	    "SELECT 1 FROM Utilisateur WHERE "
	    "Ut_IdUtilisateur = ? AND Ut_IdClient = ? FOR UPDATE",
	    v, 2);
	found = rc == 0 && db_next(&r);
	db_rows_clear(&r);
	if (rc == -1)
		return DB_FAILED;
	if (found)
		return 0;
	dir_say(comment, "the domain's client has no user %u", user);
	return REFUSE(CODE_NONE);
}

/* What of it is another than before, so that a mailbox which is over a limit
 * that was lowered can still be changed. */
static int
check_change(struct db *db, const struct dir_who *who,
    const struct dir_domain *d, const struct box_row *row,
    const struct settings *s, char *comment)
{
	int rc = 0;

	if (who->kind == WHO_MAILBOX && (s->given & ~OWN_SETTINGS) != 0) {
		dir_say(comment,
		    "a mailbox's own login may change comment, "
		    "forward, vacation, sms-tel and sms-filter only");
		return REFUSE(CODE_DENIED);
	}
	if ((s->given & 1u << SET_QUOTA) && s->quota_kb != row->quota_kb &&
	    (s->quota_kb > row->quota_kb || s->quota_kb == 0))
		rc = box_check_quota(d, s->quota_kb, row->quota_kb, comment);
	if (rc == 0 && (s->given & 1u << SET_SHORT) &&
	    !span_is(s->text[SET_SHORT], row->short_login))
		rc = box_check_short(db, d, row->id, s->text[SET_SHORT],
		    comment);
	if (rc == 0 && (s->given & 1u << SET_USER))
		rc = box_check_user(db, d, s->user, comment);
	return rc;
}

/* ---- storing -------------------------------------------------------------------- */

static int
put_quota(struct db *db, const struct dir_domain *d, uint64_t was, uint64_t is)
{
	struct db_value v[4] = { db_u64(is), db_u64(was), db_u64(was),
		db_u64(d->id) };

	return was == is
	    ? 0
	    : db_do(db, NULL, NULL,
	          "UPDATE Domaine SET "
	          "Do_QuotaDonne = GREATEST(Do_QuotaDonne + ?, ?) - ? WHERE "
	          "Do_IdDomaine = ?",
	          v, 4);
}

int
box_put(struct db *db, const struct dir_domain *d, const struct box_row *row,
    const struct settings *s)
{
	struct db_value v[SET__COUNT + 1];
	struct buf sealed;
	int r;

	buf_init(&sealed, 512);
	for (unsigned i = 0; i < SET__COUNT; i++)
		v[i] = s->given & 1u << i ? db_bytes(s->text[i]) : db_null();
	v[SET__COUNT] = db_u64(row->id);
	if (s->text[SET_SMS_PASSWORD].len > 0) {
		seal_put(&sealed, SEALED_SMS, s->text[SET_SMS_PASSWORD]);
		v[SET_SMS_PASSWORD] = db_bytes(buf_span(&sealed));
	}
	/* In the order of enum setting; NULL: not given. */
	r = buf_error(&sealed) != 0
	    ? -1
	    : db_do(db, NULL, NULL,
	          "UPDATE BAL SET Ba_Commentaire = COALESCE(?, Ba_Commentaire), "
	          "Ba_Quota = COALESCE(?, Ba_Quota), "
	          "Ba_Antivirus = COALESCE(?, Ba_Antivirus), "
	          "Ba_Forward = COALESCE(?, Ba_Forward), "
	          "Ba_TelSMS = COALESCE(?, Ba_TelSMS), "
	          "Ba_FiltreSMS = COALESCE(?, Ba_FiltreSMS), "
	          "Ba_EmailSMS = COALESCE(?, Ba_EmailSMS), "
	          "Ba_LoginSMS = COALESCE(?, Ba_LoginSMS), "
	          "Ba_PasswordSMS = NULLIF(COALESCE(?, Ba_PasswordSMS), ''), "
	          "Ba_Vacances = NULLIF(COALESCE(?, Ba_Vacances) COLLATE "
	          "utf8mb4_nopad_bin, ''), "
	          "Ba_LoginCourt = NULLIF(COALESCE(?, Ba_LoginCourt), ''), "
	          "Ba_IdUtilisateur = NULLIF(COALESCE(?, Ba_IdUtilisateur), 0), "
	          "Ba_SMS = IF(Ba_TelSMS = '', 'NON', 'OUI') WHERE Ba_IdBAL = ?",
	          v, SET__COUNT + 1);
	buf_clear(&sealed);
	if (r == 0 && (s->given & 1u << SET_QUOTA))
		r = put_quota(db, d, row->quota_kb, s->quota_kb);
	return r;
}

int
box_put_password(struct db *db, uint64_t id, const char *verifier,
    enum credential_kind kind)
{
	struct db_value v[3] = { db_u64(id), db_u64(kind), db_str(verifier) };
	uint64_t credential;
	struct db_rows r;
	int rc;

	rc = db_query(db, &r,
	    "SELECT Id_IdIdentifiant FROM Identifiant WHERE "
	    "Id_IdBAL = ? AND Id_Type IN (1, 3) FOR UPDATE",
	    v, 1);
	while (rc == 0 && db_next(&r))
		rc = dir_journal(db, FEED_CREDENTIAL, db_column_u64(&r, 0));
	db_rows_clear(&r);
	if (rc == -1 ||
	    db_do(db, NULL, NULL,
	        "DELETE FROM Identifiant WHERE "
	        "Id_IdBAL = ? AND Id_Type IN (1, 3)",
	        v, 1) == -1 ||
	    db_do(db, &credential, NULL,
	        "INSERT INTO Identifiant (Id_IdBAL, "
	        "Id_Type, Id_Verificateur) VALUES (?, ?, ?)",
	        v, 3) == -1)
		return DB_FAILED;
	return dir_journal(db, FEED_CREDENTIAL, credential);
}

static int
change_txn(struct db *db, void *arg)
{
	struct box_txn *t = arg;
	const struct box_change *c = t->what;
	struct dir_domain d;
	struct box_row row;
	char object[330];
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = box_find(db, t->who, t->in, &d, &row, t->comment)) != 0)
		return rc;
	if (row.state == BOX_DELETING) {
		dir_say(t->comment, "the mailbox is being deleted");
		return REFUSE(CODE_TEMP);
	}
	dir_box_object(t->in, object);
	if ((rc = dir_is_again(db, t->who, c->type, object, NULL)) != 0)
		return rc;
	if (c->set != NULL &&
	    (rc = check_change(db, t->who, &d, &row, c->set, t->comment)) != 0)
		return rc;
	if ((c->set != NULL && box_put(db, &d, &row, c->set) == -1) ||
	    (c->verifier != NULL &&
	        box_put_password(db, row.id, c->verifier,
	            CREDENTIAL_PASSWORD) == -1) ||
	    box_changed(db, row.id,
	        c->set != NULL && (c->set->given & HOME_SETTINGS)
	            ? EFFECT_SETTINGS
	            : 0) == -1 ||
	    dir_audit(db, t->who, c->type, object) == -1)
		return DB_FAILED;
	return 0;
}

int
dir_change_box(struct db *db, const struct dir_who *who,
    const struct dir_mailbox *m, const struct box_change *c,
    char comment[static COMMENT_MAX + 1])
{
	struct box_txn t = {
		.who = who, .in = m, .what = c, .comment = comment
	};

	return dir_code(db_txn(db, change_txn, &t), comment);
}

/* ---- comparing ------------------------------------------------------------------ */

static bool
is_same(enum setting which, struct span is, struct span want)
{
	struct buf clear;
	bool same;

	if (which != SET_SMS_PASSWORD || is.len == 0)
		return span_eq(is, want);
	buf_init(&clear, 512);
	same = seal_open(&clear, SEALED_SMS, is) == 0 &&
	    span_eq(buf_span(&clear), want);
	buf_clear(&clear);
	return same;
}

int
dir_box_same(struct db *db, uint32_t id, const struct settings *s,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[1] = { db_u64(id) };
	struct db_rows r;
	int same = 1;

	/* In the order of enum setting. */
	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Ba_Commentaire, "
	        "Ba_Quota, Ba_Antivirus, Ba_Forward, Ba_TelSMS, Ba_FiltreSMS, "
	        "Ba_EmailSMS, Ba_LoginSMS, Ba_PasswordSMS, Ba_Vacances, "
	        "Ba_LoginCourt, COALESCE(Ba_IdUtilisateur, 0) FROM BAL WHERE "
	        "Ba_IdBAL = ?",
	        v, 1) == -1) {
		db_lost(db);
		return dir_code(DB_FAILED, comment);
	}
	if (!db_next(&r))
		same = 0;
	for (unsigned i = 0; same == 1 && i < SET__COUNT; i++)
		if ((s->given & 1u << i) &&
		    !is_same((enum setting)i, r.column[i], s->text[i]))
			same = 0;
	db_rows_clear(&r);
	return same;
}
