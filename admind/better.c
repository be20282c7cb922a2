/*
 * authd has seen the password of an old verifier and made a better one from it:
 * store it in the old one's place (DI-1).
 *
 * Compare and set: only while the row still holds the verifier that was
 * checked, not revoked.  A password changed meanwhile stays what it is.  What
 * is lost here (no database, a crash) is made again at the next login.
 */
#include "config.h"
#include "admind/admind.h"
#include "admind/dir_int.h"
#include "admind/scheme.h"

#include "libcommon/io.h"
#include "libcommon/log.h"

/* With the database away each would wait for its time-out; nothing else of
 * admind's work should. */
#define PAUSE_MS 10000

enum { STORED, STALE };

struct better_txn {
	const struct feed_better *in;
	char object[330];
	int outcome;
};

static int
better_txn(struct db *db, void *arg)
{
	static const struct dir_who who = { .name = "authd",
		.origin = "login" };
	struct better_txn *t = arg;
	struct db_value v[4] = { db_u64(t->in->credential),
		db_bytes(t->in->verifier) };
	struct db_rows r;
	uint64_t changed = 0;
	int rc;

	t->outcome = STALE;
	if (dir_lock(db) == -1)
		return DB_FAILED;
	rc = db_query(db, &r,
	    "SELECT CONCAT(Ba_Login, '@', Do_NomDomaine) FROM "
	    "Identifiant JOIN BAL ON Ba_IdBAL = Id_IdBAL JOIN Domaine ON "
	    "Do_IdDomaine = Ba_IdDomaine WHERE Id_IdIdentifiant = ? AND "
	    "Id_Verificateur = ? AND Id_Revoque IS NULL FOR UPDATE",
	    v, 2);
	if (rc == 0 && db_next(&r) &&
	    span_copy(r.column[0], t->object, sizeof(t->object)) == 0)
		t->outcome = STORED;
	db_rows_clear(&r);
	if (rc == -1)
		return DB_FAILED;
	if (t->outcome == STALE)
		return 0;
	/* An app password stays one. */
	v[0] = db_bytes(t->in->better);
	v[1] = db_u64(CREDENTIAL_IMPORTED);
	v[2] = db_u64(CREDENTIAL_PASSWORD);
	v[3] = db_u64(t->in->credential);
	if (db_do(db, NULL, &changed,
	        "UPDATE Identifiant SET Id_Verificateur "
	        "= ?, Id_Type = IF(Id_Type = ?, ?, Id_Type) WHERE "
	        "Id_IdIdentifiant = ?",
	        v, 4) == -1 ||
	    changed != 1 ||
	    dir_journal(db, FEED_CREDENTIAL, t->in->credential) == -1 ||
	    dir_audit(db, &who, "REHASH", t->object) == -1)
		return DB_FAILED;
	return 0;
}

int
better_note(struct ipc *ipc, struct ipc_msg *m)
{
	static uint64_t not_before_ms;
	struct feed_better in;
	struct better_txn t = { .in = &in };

	if (feed_better_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	if (!scheme_is_known(in.better) || scheme_is_weak(in.better))
		return ipc_refuse(ipc, m, "not a better verifier");
	if (!admind.open || io_now_ms() < not_before_ms)
		return 0;
	if (db_txn(admind.db, better_txn, &t) == DB_FAILED) {
		log_warnx("rehash database error=\"%s\"", db_reason(admind.db));
		not_before_ms = io_now_ms() + PAUSE_MS;
	} else if (t.outcome == STORED) {
		log_info("rehash mailbox=%s", log_quote_str(t.object));
		feeder_kick();
	}
	return 0;
}
