#include "config.h"
#include "admind/directory.h"

#include "libcommon/log.h"

#include <time.h>

#define NEWEST "500" /* more rows than one transaction journals */
#define TRIES 8

/* 1 exact, 0 not, -1. */
static int
look(struct db *db, struct dir_snapshot *out)
{
	uint64_t rows, newest, oldest;
	struct db_rows r;
	int rc = -1;

	if (db_query(db, &r,
	        "SELECT An_Id, Co_Valeur, n, newest, oldest FROM "
	        "Annuaire, Compteur, (SELECT COUNT(*) AS n, MAX(Jo_Numero) AS "
	        "newest, MIN(Jo_Numero) AS oldest FROM (SELECT Jo_Numero FROM "
	        "Journal ORDER BY Jo_Numero DESC LIMIT " NEWEST ") j) k WHERE "
	        "Co_Nom = 'journal'",
	        NULL, 0) == 0 &&
	    db_next(&r)) {
		out->directory = db_column_u64(&r, 0);
		out->journal = db_column_u64(&r, 1);
		rows = db_column_u64(&r, 2);
		newest = db_column_u64(&r, 3);
		oldest = db_column_u64(&r, 4);
		rc = rows == 0 ||
		    (newest == out->journal && newest - oldest + 1 == rows);
	}
	db_rows_clear(&r);
	return rc;
}

int
dir_snapshot(struct db *db, struct dir_snapshot *out)
{
	static const struct timespec pause = { 0, 1000000 };

	for (unsigned tries = 1;; tries++) {
		int whole = db_snapshot(db) == -1 ? -1 : look(db, out);

		if (whole == -1)
			db_lost(db);
		if (whole != 0)
			return whole == 1 ? 0 : -1;
		if (tries == TRIES)
			break;
		db_snapshot_end(db);
		nanosleep(&pause, NULL);
	}
	/* It is the table that has a gap: somebody else wrote it. */
	log_warnx(
	    "database journal=%llu: rows are missing among the newest " NEWEST
	    " of Journal",
	    (unsigned long long)out->journal);
	return 0;
}
