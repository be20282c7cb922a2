#include "config.h"
#include "admind/dir_int.h"

/* Rows of the journal looked at, and removed, in one transaction. */
#define SOME 1000
#define SOME_SQL "1000"

struct prune {
	uint64_t acknowledged, keep_s, gone;
};

static int
prune_txn(struct db *db, void *arg)
{
	struct prune *p = arg;
	struct db_value v[2] = { db_u64(p->keep_s), db_u64(p->acknowledged) };
	uint64_t last = 0;
	struct db_rows r;
	int rc;

	/* From the oldest on, up to the first that stays: whatever the clock
	 * has done, what is left has no gap. */
	rc = db_query(db, &r,
	    "SELECT Jo_Numero, Jo_Date < UTC_TIMESTAMP() - "
	    "INTERVAL ? SECOND FROM Journal WHERE Jo_Numero <= ? ORDER BY "
	    "Jo_Numero LIMIT " SOME_SQL,
	    v, 2);
	while (rc == 0 && db_next(&r) && db_column_u64(&r, 1) == 1)
		last = db_column_u64(&r, 0);
	db_rows_clear(&r);
	p->gone = 0;
	if (rc == -1)
		return DB_FAILED;
	if (last == 0)
		return 0;
	v[0] = db_u64(last);
	return db_do(db, NULL, &p->gone,
	           "DELETE FROM Journal WHERE Jo_Numero "
	           "<= ?",
	           v, 1) == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_prune(struct db *db, uint64_t acknowledged, uint64_t keep_s)
{
	struct prune p = { acknowledged, keep_s, 0 };

	if (db_txn(db, prune_txn, &p) != 0)
		return -1;
	return p.gone >= SOME;
}
