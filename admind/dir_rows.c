/* Lists: pages of rows. */
#include "config.h"
#include "admind/dir_int.h"

void
dir_scope(const struct dir_who *who, struct db_value out[static 4])
{
	/* No row has the number of somebody who owns nothing. */
	out[0] = out[1] = db_u64(who->kind == WHO_ALL ||
	    who->kind == WHO_CLIENT ? 0 : who->kind == WHO_ADMIN ? who->id :
	    UINT32_MAX);
	out[2] = out[3] = db_u64(who->kind == WHO_CLIENT ? who->id : 0);
}

void
dir_rows_take(struct rows *rows, struct db_rows *r)
{
	while (db_next(r)) {
		for (unsigned i = 1; i < r->ncolumns; i++)
			rows_cell(rows, r->column[i]);
		if (!rows_end(rows, r->column[0]))
			return;
	}
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
	struct db_rows r;
	int rc = db_query(db, &r, t->sql, t->v, t->n);

	rows_reset(t->rows);
	if (rc == 0)
		dir_rows_take(t->rows, &r);
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
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
