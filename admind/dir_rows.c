/* Lists: pages of rows. */
#include "config.h"
#include "admind/dir_int.h"

void
dir_scope(const struct dir_who *who, struct db_value out[static 4])
{
	/* No row has the number of somebody who owns nothing. */
	out[0] = out[1] = db_u64(who->kind == WHO_ALL || who->kind == WHO_CLIENT
	        ? 0
	        : who->kind == WHO_ADMIN ? who->id
	                                 : UINT32_MAX);
	out[2] = out[3] = db_u64(who->kind == WHO_CLIENT ? who->id : 0);
}

int
dir_rows_add(struct db *db, struct rows *rows, const char *sql,
    const struct db_value *v, unsigned n)
{
	struct db_rows r;
	int rc = db_query(db, &r, sql, v, n);
	bool fits = rc == 0;

	while (fits && db_next(&r)) {
		for (unsigned i = 1; i < r.ncolumns; i++)
			rows_cell(rows, r.column[i]);
		if (rows->more_cells != NULL)
			rows->more_cells(rows, r.column);
		fits = rows_end(rows, r.column[0]);
	}
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
}

struct rows_txn {
	struct rows *rows;
	const char *sql;
	struct db_value v[DB_COLUMNS_MAX];
	unsigned n;
};

static int
rows_txn(struct db *db, void *arg)
{
	struct rows_txn *t = arg;

	rows_reset(t->rows);
	return dir_rows_add(db, t->rows, t->sql, t->v, t->n);
}

int
dir_rows(struct db *db, struct rows *rows, const char *sql,
    const struct db_value *v, unsigned n, char comment[static COMMENT_MAX + 1])
{
	struct rows_txn t = { .rows = rows, .sql = sql, .n = n + 1 };

	memcpy(t.v, v, n * sizeof(*v));
	t.v[n] = db_u64(rows_limit(rows));
	return dir_code(db_txn(db, rows_txn, &t), comment);
}
