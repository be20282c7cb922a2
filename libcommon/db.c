#include "config.h"
#include "libcommon/db_int.h"

#include "libcommon/io.h"
#include "libcommon/log.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define TEXT_MAX (64 * 1024 * 1024) /* rows of one statement */

/* ---- statements ------------------------------------------------------------- */

static MYSQL_STMT *
prepared(struct db *db, const char *sql)
{
	MYSQL_STMT *stmt;
	my_bool yes = 1;

	for (unsigned i = 0; i < db->nstatements; i++)
		if (db->statements[i].sql == sql)
			return db->statements[i].stmt;
	if (db->nstatements == DB_STATEMENTS_MAX)
		fatalx("db too many statements");
	if ((stmt = mysql_stmt_init(db->my)) == NULL)
		fatalx("db memory");
	if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
		db_failed(db, mysql_stmt_errno(stmt), mysql_stmt_error(stmt));
		mysql_stmt_close(stmt);
		return NULL;
	}
	mysql_stmt_attr_set(stmt, STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
	db->statements[db->nstatements].sql = sql;
	db->statements[db->nstatements++].stmt = stmt;
	return stmt;
}

static int
run(struct db *db, MYSQL_STMT **stmt_out, const char *sql,
    const struct db_value *v, unsigned n)
{
	MYSQL_BIND bind[DB_COLUMNS_MAX] = { 0 };
	MYSQL_STMT *stmt;

	db->error = 0;
	db->asked_ms = io_now_ms();
	*stmt_out = NULL;
	if (db->my == NULL)
		return db_failed(db, DB_E_GONE, "not connected");
	if ((stmt = prepared(db, sql)) == NULL)
		return -1;
	if (mysql_stmt_param_count(stmt) != n || n > DB_COLUMNS_MAX)
		fatalx("db values=%u for: %s", n, sql);
	for (unsigned i = 0; i < n; i++) {
		union {
			const void *c;
			void *m;
		} u;

		switch (v[i].kind) {
		case DB_NULL:
			bind[i].buffer_type = MYSQL_TYPE_NULL;
			break;
		case DB_U64:
			u.c = &v[i].u64;
			bind[i].buffer_type = MYSQL_TYPE_LONGLONG;
			bind[i].buffer = u.m;
			bind[i].is_unsigned = 1;
			break;
		case DB_BYTES:
			u.c = v[i].bytes.data != NULL ? v[i].bytes.data
			                              : (const void *)"";
			bind[i].buffer_type = MYSQL_TYPE_STRING;
			bind[i].buffer = u.m;
			bind[i].buffer_length = v[i].bytes.len;
			bind[i].length_value = v[i].bytes.len;
			bind[i].length = &bind[i].length_value;
			break;
		}
	}
	if ((n > 0 && mysql_stmt_bind_param(stmt, bind) != 0) ||
	    mysql_stmt_execute(stmt) != 0)
		return db_failed(db, mysql_stmt_errno(stmt),
		    mysql_stmt_error(stmt));
	*stmt_out = stmt;
	return 0;
}

/* One row after the other into out->text: per column u32 length (~0: NULL),
 * bytes. */
static int
fetch(struct db *db, MYSQL_STMT *stmt, struct db_rows *out)
{
	MYSQL_BIND bind[DB_COLUMNS_MAX] = { 0 };
	unsigned long length[DB_COLUMNS_MAX];
	my_bool is_null[DB_COLUMNS_MAX];
	MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
	MYSQL_FIELD *fields;
	uint32_t len;
	int r;

	if (meta == NULL || mysql_num_fields(meta) > DB_COLUMNS_MAX)
		fatalx("db columns");
	out->ncolumns = mysql_num_fields(meta);
	if (mysql_stmt_store_result(stmt) != 0) {
		mysql_free_result(meta);
		return db_failed(db, mysql_stmt_errno(stmt),
		    mysql_stmt_error(stmt));
	}
	mysql_free_result(meta);
	if ((meta = mysql_stmt_result_metadata(stmt)) == NULL)
		fatalx("db columns");
	fields = mysql_fetch_fields(meta);
	for (unsigned i = 0; i < out->ncolumns; i++) {
		/* Numbers have no max_length of use: 24 digits do. */
		unsigned long size = fields[i].max_length + 24;

		bind[i].buffer_type = MYSQL_TYPE_STRING;
		bind[i].buffer = malloc(size);
		bind[i].buffer_length = size;
		bind[i].length = &length[i];
		bind[i].is_null = &is_null[i];
		if (bind[i].buffer == NULL)
			fatalx("db memory");
	}
	mysql_stmt_bind_result(stmt, bind);
	while ((r = mysql_stmt_fetch(stmt)) == 0) {
		out->left++;
		for (unsigned i = 0; i < out->ncolumns; i++) {
			len = is_null[i] ? UINT32_MAX : (uint32_t)length[i];
			buf_put(&out->text, &len, sizeof(len));
			if (!is_null[i])
				buf_put(&out->text, bind[i].buffer, len);
		}
	}
	if (r != MYSQL_NO_DATA) {
		db_failed(db,
		    r == MYSQL_DATA_TRUNCATED ? DB_E_OURS
		                              : mysql_stmt_errno(stmt),
		    r == MYSQL_DATA_TRUNCATED ? "a column was cut"
		                              : mysql_stmt_error(stmt));
	} else if (buf_error(&out->text) != 0) {
		db_failed(db, DB_E_OURS, "too many rows");
		r = 1;
	}
	for (unsigned i = 0; i < out->ncolumns; i++)
		free(bind[i].buffer);
	mysql_free_result(meta);
	mysql_stmt_free_result(stmt);
	return r == MYSQL_NO_DATA ? 0 : -1;
}

int
db_query(struct db *db, struct db_rows *out, const char *sql,
    const struct db_value *values, unsigned n)
{
	MYSQL_STMT *stmt;

	memset(out, 0, sizeof(*out));
	buf_init(&out->text, TEXT_MAX);
	if (run(db, &stmt, sql, values, n) == -1)
		return -1;
	return fetch(db, stmt, out);
}

bool
db_next(struct db_rows *r)
{
	uint32_t len;

	if (r->left == 0)
		return false;
	r->left--;
	for (unsigned i = 0; i < r->ncolumns; i++) {
		memcpy(&len, r->text.data + r->next, sizeof(len));
		r->next += sizeof(len);
		r->is_null[i] = len == UINT32_MAX;
		if (r->is_null[i])
			len = 0;
		r->column[i] = span_from(r->text.data + r->next, len);
		r->next += len;
	}
	return true;
}

uint64_t
db_column_u64(const struct db_rows *r, unsigned column)
{
	uint64_t v;

	return span_u64(r->column[column], UINT64_MAX, &v) == 0 ? v : 0;
}

void
db_rows_clear(struct db_rows *r)
{
	buf_clear(&r->text);
	r->left = 0;
}

int
db_do(struct db *db, uint64_t *insert_id_out, uint64_t *affected_out,
    const char *sql, const struct db_value *values, unsigned n)
{
	MYSQL_STMT *stmt;

	if (run(db, &stmt, sql, values, n) == -1)
		return -1;
	if (insert_id_out != NULL)
		*insert_id_out = mysql_stmt_insert_id(stmt);
	if (affected_out != NULL)
		*affected_out = mysql_stmt_affected_rows(stmt);
	return 0;
}

int
db_script(struct db *db, const char *text)
{
	const char *end;
	int r = 0;

	/* Changing a large table takes its time: on a connection that waits. */
	db_lost(db);
	db->patient = true;
	if (db_ready(db) == -1)
		r = -1;
	while (r == 0 && (end = strstr(text, ";\n")) != NULL) {
		if (mysql_real_query(db->my, text,
		        (unsigned long)(end - text)) != 0)
			r = db_failed_my(db);
		text = end + 2;
	}
	db_lost(db);
	db->patient = false;
	return r == 0 ? db_ready(db) : r;
}

/* ---- transactions ------------------------------------------------------------- */

/* Errors after which a transaction is tried again: at once (another writer was
 * in the way), or over a new connection, perhaps to another server. */
static const unsigned passing[] = {
	1020, /* a row has changed since it was read */
	1180, /* the commit failed: Galera could not send it to the others */
	1205, /* a lock was not had in time; wsrep_sync_wait: the same */
	1213, /* deadlock; Galera: another node was first */
	1317, /* the statement was interrupted */
};

static bool
is_passing(const struct db *db)
{
	for (size_t i = 0; i < nitems(passing); i++)
		if (db->error == passing[i])
			return true;
	return db_is_lost(db) || db_is_unfit(db);
}

static int
simple(struct db *db, const char *sql)
{
	db->error = 0;
	db->asked_ms = io_now_ms();
	if (db->my == NULL)
		return db_failed(db, DB_E_GONE, "not connected");
	return mysql_query(db->my, sql) == 0 ? 0 : db_failed_my(db);
}

static int
txn_try(struct db *db, int (*fn)(struct db *, void *), void *arg)
{
	int r;

	if (db_ready(db) == -1 || simple(db, "START TRANSACTION") == -1)
		return DB_FAILED;
	if ((r = fn(db, arg)) == 0)
		return simple(db, "COMMIT") == -1 ? DB_FAILED : 0;
	/* What went wrong is the statement's error, not the rollback's. */
	if (r == DB_FAILED && (db->error == 0 || db_is_lost(db)))
		return r;
	if (db->my != NULL && mysql_query(db->my, "ROLLBACK") != 0)
		db_lost(db);
	return r;
}

/* Two writers who meet again and again must not do so in step. */
static void
pause_ms(unsigned most)
{
	struct timespec ts = { 0, 0 };
	unsigned random = 0;

	if (getrandom(&random, sizeof(random), 0) == -1)
		random = most / 2;
	ts.tv_nsec = (long)(random % (most + 1)) * 1000000;
	nanosleep(&ts, NULL);
}

int
db_txn(struct db *db, int (*fn)(struct db *, void *arg), void *arg)
{
	const struct db_servers *s = db->servers;
	uint64_t until = io_now_ms() + s->trying_ms;
	unsigned most = 4, others = s->where.nhosts;
	bool told = s->away_until > io_now_ms();
	int r;

	for (;;) {
		if ((r = txn_try(db, fn, arg)) != DB_FAILED)
			return r;
		if (db_is_lost(db) || db_is_unfit(db) || db->error == 0)
			db_lost(db);
		if (!is_passing(db) || s->away_until > io_now_ms())
			break;
		/* The time one server was silent is not the next one's. */
		if (db->silent && others > 1)
			others--;
		else if (io_now_ms() >= until)
			break;
		log_debug("database again error=\"%s\"", db->reason);
		pause_ms(most);
		most = most < 128 ? most * 2 : 128;
	}
	if (db_is_lost(db) || db_is_unfit(db))
		db_away(db);
	if (!told)
		log_warnx("database error=\"%s\"", db->reason);
	return r;
}

int
db_snapshot(struct db *db)
{
	static const char begin[] =
	    "START TRANSACTION WITH CONSISTENT SNAPSHOT";

	for (int tries = 0; tries < 2; tries++) {
		if (db_ready(db) == 0 && simple(db, begin) == 0)
			return 0;
		if (!db_is_lost(db) && !db_is_unfit(db))
			return -1;
		db_lost(db);
	}
	return -1;
}

void
db_snapshot_end(struct db *db)
{
	db->asked_ms = io_now_ms();
	if (db->my != NULL && mysql_query(db->my, "COMMIT") != 0) {
		db_failed_my(db);
		db_lost(db);
	}
}
