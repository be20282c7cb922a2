/* db_int.h - what db.c and db_dial.c share; nobody else includes it. */
#ifndef LIBCOMMON_DB_INT_H
#define LIBCOMMON_DB_INT_H

#include "libcommon/db.h"

struct st_mysql; /* MYSQL, for those two alone */
struct st_mysql_stmt;

#define DB_STATEMENTS_MAX 512

/* Error numbers of the protocol, fixed for ever. */
enum {
	DB_E_OURS = 1,        /* found out here, not by the server */
	DB_E_TOO_MANY = 1040, /* connections */
	DB_E_WSREP = 1047,    /* this Galera node cannot serve now */
	DB_E_NO_DATABASE = 1049,
	DB_E_SHUTDOWN = 1053,
	DB_E_DUPLICATE = 1062,
	DB_E_NO_VARIABLE = 1193,
	DB_E_READ_ONLY = 1290, /* no longer the primary */
	DB_E_KILLED = 1927,
	DB_E_CONNECT = 2002,
	DB_E_CONNECT_TCP = 2003,
	DB_E_GONE = 2006,
	DB_E_LOST = 2013,
	DB_E_TLS = 2026, /* also: any lost connection under TLS */
	DB_E_LOST_AT = 2055,
};

/* What connections of this program to the same servers have learnt of them. */
struct db_servers {
	struct db_where where;
	unsigned trying_ms;  /* no new try of a transaction after that */
	unsigned away_ms;    /* nobody is asked after that for so long */
	unsigned users;      /* connections that share it */
	unsigned at;         /* the host to call, of where.hosts */
	unsigned served;     /* the host that served last, plus one */
	uint64_t away_until; /* io_now_ms(): nobody answers, do not ask */
};

struct db {
	struct db_servers *servers;
	struct st_mysql *my; /* NULL: not connected */
	unsigned host;       /* that my is connected to */
	bool patient;        /* statements may take minutes: migrations */
	struct {
		const char *sql;
		struct st_mysql_stmt *stmt;
	} statements[DB_STATEMENTS_MAX];
	unsigned nstatements;
	uint64_t asked_ms; /* when the last thing was asked of the server */
	bool silent;       /* the last failure: it did not answer in time */
	unsigned error;    /* of the last failure; 0: there was none */
	char reason[400];
};

/* Note a failure; always -1.  A server that does not answer or cannot serve
 * is not called again while there is another one. */
int db_failed(struct db *, unsigned error, const char *text);
int db_failed_my(struct db *);
bool db_is_lost(const struct db *);  /* the connection, by the last failure */
bool db_is_unfit(const struct db *); /* this server cannot serve now */
/* Nobody answers: db_ready() fails at once for a while. */
void db_away(struct db *);

#endif
