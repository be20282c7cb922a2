/*
 * db - MariaDB (db.c alone includes its headers).
 *
 * Every statement is prepared, its text a constant of the program: values are
 * bound, never written into it.  Calls block, DB_STATEMENT_S at most each.
 * A connection that is lost is made again at the next db_txn() or db_ready().
 */
#ifndef LIBCOMMON_DB_H
#define LIBCOMMON_DB_H

#include "libcommon/buf.h"

struct db;

#define DB_HOSTS_MAX 16
#define DB_PASSWORD_MAX 256

struct db_host {
	char name[64]; /* a numeric address */
	uint16_t port;
};

enum db_tls {
	DB_TLS_NO,
	DB_TLS_ENCRYPT,   /* the certificate is not looked at */
	DB_TLS_VERIFY_CA, /* signed by the authority, for whatever name */
	DB_TLS_VERIFY     /* and for the address that was called */
};

struct db_where {
	char user[128];
	char password[DB_PASSWORD_MAX]; /* "" for a socket that asks for none */
	struct db_host hosts[DB_HOSTS_MAX]; /* the nodes of one cluster */
	unsigned nhosts;                    /* 0: socket */
	char socket[108];                   /* a path, may be relative */
	char name[65]; /* the database; made if it is missing */
	enum db_tls tls;
	char ca_file[108]; /* PEM, read at each connect; may be relative */
};

/* USER@HOST:PORT[,HOST:PORT...]/NAME; HOST as a.b.c.d or [v6].  0 or -1. */
int db_where_parse(const char *, struct db_where *out);
bool db_where_is_loopback(const struct db_where *); /* all of its hosts */
/* The setting database-tls, and the authority's certificate: 0, or -1 with
 * what to do about it. */
int db_where_tls(struct db_where *, const char *word, struct span ca,
    const char **why_out);

struct db *db_new(const struct db_where *); /* NULL: no memory; not connected */
/* Another connection of the same program: what one of them learns of the
 * servers (which one serves, that none answers) holds for both. */
struct db *db_beside(struct db *);
void db_free(struct db **);
void db_password(struct db *, struct span); /* from the next connection on */
/* For tests: how long a transaction is tried, and afterwards nobody asked. */
void db_trying(struct db *, unsigned ms);
/*
 * Connected (again)?  0, or -1 with the reason in db_reason().  The servers are
 * tried in turn, the one that served last first.  When none of them answered,
 * this fails at once for a while, so that a silent server holds nobody up.
 */
int db_ready(struct db *);
void db_lost(struct db *); /* drop the connection */
const char *db_reason(const struct db *);
bool db_is_duplicate(const struct db *); /* the last error: a key is taken */

enum db_kind { DB_NULL, DB_U64, DB_BYTES };
struct db_value {
	enum db_kind kind;
	uint64_t u64;
	struct span bytes;
};
static inline struct db_value
db_null(void)
{
	return (struct db_value){ .kind = DB_NULL };
}
static inline struct db_value
db_u64(uint64_t v)
{
	return (struct db_value){ .kind = DB_U64, .u64 = v };
}
static inline struct db_value
db_bytes(struct span s)
{
	return (struct db_value){ .kind = DB_BYTES, .bytes = s };
}
static inline struct db_value
db_str(const char *s)
{
	return db_bytes(span_of(s));
}

#define DB_STATEMENT_S 4
#define DB_COLUMNS_MAX 32

/* The rows of a statement, all fetched at once.  sql must be a string literal
 * (prepared statements are kept by its address). */
struct db_rows {
	unsigned ncolumns;
	struct span column[DB_COLUMNS_MAX]; /* of this row; "" for NULL */
	bool is_null[DB_COLUMNS_MAX];
	struct buf text; /* for db.c */
	size_t next;
	uint64_t left;
};

/* 0 or -1.  db_rows_clear() in either case. */
int db_query(struct db *, struct db_rows *out, const char *sql,
    const struct db_value *values, unsigned n);
bool db_next(struct db_rows *);
uint64_t db_column_u64(const struct db_rows *, unsigned column); /* 0 if none */
void db_rows_clear(struct db_rows *);

/* A statement without rows.  Either result may be NULL. */
int db_do(struct db *, uint64_t *insert_id_out, uint64_t *affected_out,
    const char *sql, const struct db_value *values, unsigned n);

/* Statements separated by ";\n" (migrations: no values). */
int db_script(struct db *, const char *text);

/*
 * Run a transaction and commit it; again, for some seconds and perhaps on
 * another server, when it could not be done now (the table in db.c).  A commit
 * whose answer was lost may have been done: so fn must look at the state it
 * finds and not assume that it is the first try.
 * fn returns 0 to commit; DB_FAILED when a statement failed; anything else
 * rolls back and is returned.  Returns 0, DB_FAILED, or what fn returned.
 */
#define DB_FAILED (-1)
int db_txn(struct db *, int (*fn)(struct db *, void *arg), void *arg);

/* A snapshot to read from, over several turns of the event loop. */
int db_snapshot(struct db *);
void db_snapshot_end(struct db *);

#endif
