#include "config.h"
#include "libcommon/db.h"

#include "libcommon/io.h"
#include "libcommon/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_S 5
#define STATEMENTS_MAX 64
#define TRIES 6
#define TRYING_MS 8000 /* and no new try after that */
#define TEXT_MAX (64 * 1024 * 1024) /* rows of one statement */

/* Error numbers of the protocol, fixed for ever. */
enum {
	E_WSREP = 1047,   /* this Galera node cannot serve now */
	E_DUPLICATE = 1062,
	E_NO_DATABASE = 1049,
	E_LOCK_TIMEOUT = 1205,
	E_DEADLOCK = 1213, /* also: certification failed on another node */
	E_CONNECT = 2002,
	E_CONNECT_TCP = 2003,
	E_GONE = 2006,
	E_LOST = 2013,
};

struct db {
	struct db_where where;
	MYSQL *my; /* NULL: not connected */
	struct {
		const char *sql;
		MYSQL_STMT *stmt;
	} statements[STATEMENTS_MAX];
	unsigned nstatements;
	unsigned error;
	char reason[256];
};

/* ---- connecting ------------------------------------------------------------ */

int
db_where_parse(const char *s, struct db_where *out)
{
	const char *at = strrchr(s, '@'), *slash, *colon = NULL, *host;
	struct in6_addr addr;
	size_t host_len;
	uint64_t port;

	memset(out, 0, sizeof(*out));
	if (at == NULL || (slash = strchr(at, '/')) == NULL)
		goto bad;
	for (const char *p = at; p < slash; p++)
		if (*p == ':')
			colon = p;
	if (colon == NULL)
		goto bad;
	host = at + 1;
	host_len = (size_t)(colon - host);
	if (host[0] == '[') {
		if (host_len < 3 || host[host_len - 1] != ']')
			goto bad;
		host++;
		host_len -= 2;
	}
	if (span_copy(span_from(s, (size_t)(at - s)), out->user,
	    sizeof(out->user)) == -1 || out->user[0] == '\0' ||
	    span_copy(span_from(host, host_len), out->host,
	    sizeof(out->host)) == -1 ||
	    span_copy(span_of(slash + 1), out->name, sizeof(out->name)) == -1 ||
	    span_u64(span_from(colon + 1, (size_t)(slash - colon) - 1), 65535,
	    &port) == -1 || port == 0)
		goto bad;
	/* Names are not resolved in a chroot. */
	if (inet_pton(AF_INET, out->host, &addr) != 1 &&
	    inet_pton(AF_INET6, out->host, &addr) != 1)
		goto bad;
	for (const char *p = out->name; *p != '\0'; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || *p == '_'))
			goto bad;
	if (out->name[0] == '\0')
		goto bad;
	out->port = (uint16_t)port;
	return 0;
bad:
	errno = EINVAL;
	return -1;
}

struct db *
db_new(const struct db_where *where)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db != NULL)
		db->where = *where;
	return db;
}

void
db_lost(struct db *db)
{
	for (unsigned i = 0; i < db->nstatements; i++)
		mysql_stmt_close(db->statements[i].stmt);
	db->nstatements = 0;
	if (db->my != NULL)
		mysql_close(db->my);
	db->my = NULL;
}

void
db_free(struct db **dbp)
{
	struct db *db = *dbp;

	if (db == NULL)
		return;
	db_lost(db);
	explicit_bzero(&db->where, sizeof(db->where));
	free(db);
	*dbp = NULL;
}

const char *
db_reason(const struct db *db)
{
	return db->reason;
}

bool
db_is_duplicate(const struct db *db)
{
	return db->error == E_DUPLICATE;
}

static bool
is_lost(unsigned error)
{
	return error == E_CONNECT || error == E_CONNECT_TCP ||
	    error == E_GONE || error == E_LOST;
}

static bool
is_passing(unsigned error)
{
	return is_lost(error) || error == E_WSREP || error == E_DEADLOCK ||
	    error == E_LOCK_TIMEOUT;
}

static int
failed(struct db *db, unsigned error, const char *text)
{
	db->error = error;
	snprintf(db->reason, sizeof(db->reason), "%u %s", error, text);
	return -1;
}

static int
failed_my(struct db *db)
{
	return failed(db, mysql_errno(db->my), mysql_error(db->my));
}

static bool
db_dial(struct db *db, const char *name)
{
	const struct db_where *w = &db->where;
	unsigned timeout = TIMEOUT_S;

	if ((db->my = mysql_init(NULL)) == NULL)
		fatalx("db memory");
	mysql_options(db->my, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
	mysql_options(db->my, MYSQL_OPT_READ_TIMEOUT, &timeout);
	mysql_options(db->my, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
	mysql_options(db->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* CLIENT_FOUND_ROWS: an UPDATE that changes nothing has matched. */
	return mysql_real_connect(db->my, w->host[0] != '\0' ? w->host : NULL,
	    w->user, w->password, name, w->port,
	    w->host[0] != '\0' ? NULL : w->socket, CLIENT_FOUND_ROWS) != NULL;
}

int
db_ready(struct db *db)
{
	char make[160];

	if (db->my != NULL)
		return 0;
	if (!db_dial(db, db->where.name)) {
		if (mysql_errno(db->my) != E_NO_DATABASE)
			goto fail;
		db_lost(db);
		/* The name is ours or db_where_parse() has checked it. */
		snprintf(make, sizeof(make),
		    "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4",
		    db->where.name);
		if (!db_dial(db, NULL) || mysql_query(db->my, make) != 0 ||
		    mysql_select_db(db->my, db->where.name) != 0)
			goto fail;
	}
	if (mysql_query(db->my, "SET SESSION sql_mode = 'STRICT_ALL_TABLES,"
	    "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', "
	    "time_zone = '+00:00', innodb_lock_wait_timeout = 4") != 0 ||
	    mysql_query(db->my, "SET SESSION TRANSACTION ISOLATION LEVEL "
	    "REPEATABLE READ") != 0)
		goto fail;
	return 0;
fail:
	failed_my(db);
	db_lost(db);
	return -1;
}

/* ---- statements ------------------------------------------------------------- */

static MYSQL_STMT *
prepared(struct db *db, const char *sql)
{
	MYSQL_STMT *stmt;
	my_bool yes = 1;

	for (unsigned i = 0; i < db->nstatements; i++)
		if (db->statements[i].sql == sql)
			return db->statements[i].stmt;
	if (db->nstatements == STATEMENTS_MAX)
		fatalx("db too many statements");
	if ((stmt = mysql_stmt_init(db->my)) == NULL)
		fatalx("db memory");
	if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
		failed(db, mysql_stmt_errno(stmt), mysql_stmt_error(stmt));
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
	*stmt_out = NULL;
	if (db->my == NULL)
		return failed(db, E_GONE, "not connected");
	if ((stmt = prepared(db, sql)) == NULL)
		return -1;
	if (mysql_stmt_param_count(stmt) != n || n > DB_COLUMNS_MAX)
		fatalx("db values=%u for: %s", n, sql);
	for (unsigned i = 0; i < n; i++) {
		union { const void *c; void *m; } u;

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
			u.c = v[i].bytes.data != NULL ? v[i].bytes.data :
			    (const void *)"";
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
		return failed(db, mysql_stmt_errno(stmt),
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
		return failed(db, mysql_stmt_errno(stmt),
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
		failed(db, r == MYSQL_DATA_TRUNCATED ? 1 :
		    mysql_stmt_errno(stmt), r == MYSQL_DATA_TRUNCATED ?
		    "a column was cut" : mysql_stmt_error(stmt));
	} else if (buf_error(&out->text) != 0) {
		failed(db, 1, "too many rows");
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

	if (db_ready(db) == -1)
		return -1;
	while ((end = strstr(text, ";\n")) != NULL) {
		if (mysql_real_query(db->my, text,
		    (unsigned long)(end - text)) != 0)
			return failed_my(db);
		text = end + 2;
	}
	return 0;
}

/* ---- transactions ------------------------------------------------------------- */

static int
simple(struct db *db, const char *sql)
{
	db->error = 0;
	if (db->my == NULL)
		return failed(db, E_GONE, "not connected");
	return mysql_query(db->my, sql) == 0 ? 0 : failed_my(db);
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
	if (r == DB_FAILED && (db->error == 0 || is_lost(db->error)))
		return r;
	if (db->my != NULL && mysql_query(db->my, "ROLLBACK") != 0)
		db_lost(db);
	return r;
}

int
db_txn(struct db *db, int (*fn)(struct db *, void *arg), void *arg)
{
	uint64_t until = io_now_ms() + TRYING_MS;
	struct timespec ts = { 0, 0 };
	int r = DB_FAILED;

	for (unsigned i = 0; i < TRIES && io_now_ms() < until; i++) {
		if ((r = txn_try(db, fn, arg)) != DB_FAILED)
			return r;
		if (is_lost(db->error) || db->error == 0)
			db_lost(db);
		if (!is_passing(db->error))
			break;
		/* A server that is not there will not be in a moment. */
		if (db->error == E_CONNECT || db->error == E_CONNECT_TCP)
			break;
		ts.tv_nsec = (long)(i * 20) * 1000000;
		nanosleep(&ts, NULL);
	}
	log_warnx("database error=\"%s\"", db->reason);
	return r;
}

int
db_snapshot(struct db *db)
{
	if (db_ready(db) == -1)
		return -1;
	if (simple(db, "START TRANSACTION WITH CONSISTENT SNAPSHOT") == 0)
		return 0;
	if (!is_lost(db->error))
		return -1;
	db_lost(db);
	return db_ready(db) == -1 ? -1 :
	    simple(db, "START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

void
db_snapshot_end(struct db *db)
{
	if (db->my != NULL && mysql_query(db->my, "COMMIT") != 0)
		db_lost(db);
}
