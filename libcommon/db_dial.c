/* Connecting: which server, TLS, what to do when none answers. */
#include "config.h"
#include "libcommon/db_int.h"

#include "libcommon/io.h"
#include "libcommon/log.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_S 2
#define TRYING_MS 4000
#define AWAY_MS 2000
#define PATIENT_S 600

static bool
has_hosts(const struct db *db)
{
	return db->servers->where.nhosts > 0;
}

/* ---- failures ------------------------------------------------------------- */

bool
db_is_lost(const struct db *db)
{
	switch (db->error) {
	case DB_E_KILLED:
	case DB_E_CONNECT:
	case DB_E_CONNECT_TCP:
	case DB_E_GONE:
	case DB_E_LOST:
	case DB_E_TLS:
	case DB_E_LOST_AT:
		return true;
	}
	return false;
}

bool
db_is_unfit(const struct db *db)
{
	return db->error == DB_E_WSREP || db->error == DB_E_SHUTDOWN ||
	    db->error == DB_E_TOO_MANY || db->error == DB_E_READ_ONLY;
}

void
db_away(struct db *db)
{
	uint64_t now = io_now_ms();

	/* Who asks meanwhile must not make it longer and longer. */
	if (now >= db->servers->away_until)
		db->servers->away_until = now + db->servers->away_ms;
}

int
db_failed(struct db *db, unsigned error, const char *text)
{
	struct db_servers *s = db->servers;

	db->error = error;
	snprintf(db->reason, sizeof(db->reason), "%u %s", error, text);
	db->silent = db_is_lost(db) && !db->patient && db->my != NULL &&
	    io_now_ms() - db->asked_ms >= DB_STATEMENT_S * 1000 - 100;
	if ((db->silent || db_is_unfit(db)) && db->host == s->at) {
		if (s->where.nhosts > 1)
			s->at = (s->at + 1) % s->where.nhosts;
		else if (db->silent)
			db_away(db);
	}
	return -1;
}

int
db_failed_my(struct db *db)
{
	return db_failed(db, mysql_errno(db->my), mysql_error(db->my));
}

const char *
db_reason(const struct db *db)
{
	return db->reason;
}

bool
db_is_duplicate(const struct db *db)
{
	return db->error == DB_E_DUPLICATE;
}

/* ---- life -------------------------------------------------------------------- */

static struct db *
db_of(struct db_servers *s)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return NULL;
	db->servers = s;
	s->users++;
	return db;
}

struct db *
db_new(const struct db_where *where)
{
	struct db_servers *s = calloc(1, sizeof(*s));
	struct db *db;

	if (s == NULL)
		return NULL;
	s->where = *where;
	s->trying_ms = TRYING_MS;
	s->away_ms = AWAY_MS;
	if ((db = db_of(s)) == NULL)
		free(s);
	return db;
}

struct db *
db_beside(struct db *other)
{
	return db_of(other->servers);
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
	if (--db->servers->users == 0) {
		explicit_bzero(db->servers, sizeof(*db->servers));
		free(db->servers);
	}
	free(db);
	*dbp = NULL;
}

void
db_password(struct db *db, struct span password)
{
	struct db_where *w = &db->servers->where;

	if (span_copy(password, w->password, sizeof(w->password)) == -1)
		w->password[0] = '\0';
}

void
db_trying(struct db *db, unsigned ms)
{
	db->servers->trying_ms = db->servers->away_ms = ms;
}

/* ---- calling --------------------------------------------------------------------- */

static void
set_tls(struct db *db)
{
	const struct db_where *w = &db->servers->where;
	my_bool yes = 1, verify = w->tls == DB_TLS_VERIFY;

	if (w->tls == DB_TLS_NO)
		return;
	/* A server that offers none is refused, not used without. */
	mysql_options(db->my, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_options(db->my, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
	/* With an authority's file the chain is checked in any case; this
	 * adds the name. */
	mysql_options(db->my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (w->tls >= DB_TLS_VERIFY_CA)
		mysql_options(db->my, MYSQL_OPT_SSL_CA, w->ca_file);
}

static bool
dial(struct db *db, const char *name)
{
	const struct db_where *w = &db->servers->where;
	unsigned connect = CONNECT_S;
	unsigned statement = db->patient ? PATIENT_S : DB_STATEMENT_S;

	if ((db->my = mysql_init(NULL)) == NULL)
		fatalx("db memory");
	mysql_options(db->my, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
	mysql_options(db->my, MYSQL_OPT_READ_TIMEOUT, &statement);
	mysql_options(db->my, MYSQL_OPT_WRITE_TIMEOUT, &statement);
	mysql_options(db->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	set_tls(db);
	/* CLIENT_FOUND_ROWS: an UPDATE that changes nothing has matched. */
	if (mysql_real_connect(db->my,
	        has_hosts(db) ? w->hosts[db->host].name : NULL, w->user,
	        w->password, name, has_hosts(db) ? w->hosts[db->host].port : 0,
	        has_hosts(db) ? NULL : w->socket, CLIENT_FOUND_ROWS) == NULL) {
		db_failed_my(db);
		return false;
	}
	if (w->tls != DB_TLS_NO && mysql_get_ssl_cipher(db->my) == NULL) {
		db_failed(db, DB_E_TLS, "the connection is not encrypted");
		return false;
	}
	return true;
}

static int
ask(struct db *db, const char *sql)
{
	return mysql_query(db->my, sql) == 0 ? 0 : db_failed_my(db);
}

static int
create(struct db *db)
{
	char sql[160];

	/* The name is ours or db_where_parse() has checked it. */
	snprintf(sql, sizeof(sql),
	    "CREATE DATABASE IF NOT EXISTS `%s` "
	    "CHARACTER SET utf8mb4",
	    db->servers->where.name);
	if (!dial(db, NULL) || ask(db, sql) == -1)
		return -1;
	return mysql_select_db(db->my, db->servers->where.name) == 0
	    ? 0
	    : db_failed_my(db);
}

static int
call(struct db *db)
{
	if (!dial(db, db->servers->where.name)) {
		if (db->error != DB_E_NO_DATABASE)
			return -1;
		db_lost(db);
		if (create(db) == -1)
			return -1;
	}
	if (ask(db,
	        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,"
	        "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', "
	        "time_zone = '+00:00', innodb_lock_wait_timeout = 2") == -1 ||
	    ask(db,
	        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE "
	        "READ") == -1)
		return -1;
	/* On a Galera node a transaction begins when all that was committed
	 * before, on whatever node, is there: so we read what we wrote after
	 * a change of nodes.  Elsewhere it does nothing, or is not known. */
	if (ask(db, "SET SESSION wsrep_sync_wait = 1") == -1 &&
	    db->error != DB_E_NO_VARIABLE)
		return -1;
	return 0;
}

/* What the library calls a failed validation says nothing to anybody.  It is
 * no reason to try again at once: a certificate stays as it is. */
static void
explain(struct db *db)
{
	const struct db_where *w = &db->servers->where;
	char text[256];

	if (db->error != DB_E_TLS || !has_hosts(db))
		return;
	if (strstr(db->reason, "Validation of SSL server certificate") != NULL)
		snprintf(text, sizeof(text),
		    "the certificate of the database "
		    "server %s port %u is not for this address (database-tls)",
		    w->hosts[db->host].name, w->hosts[db->host].port);
	else
		snprintf(text, sizeof(text),
		    "TLS with the database server %s "
		    "port %u: %.150s (database-tls, database-ca-file)",
		    w->hosts[db->host].name, w->hosts[db->host].port,
		    mysql_error(db->my));
	db_failed(db, DB_E_OURS, text);
}

int
db_ready(struct db *db)
{
	struct db_servers *s = db->servers;
	uint64_t started = io_now_ms();
	unsigned n = has_hosts(db) ? s->where.nhosts : 1;

	if (db->my != NULL && db->host == s->at)
		return 0;
	db_lost(db); /* if the other connection has found a better server */
	if (started < s->away_until)
		return db_failed(db, DB_E_CONNECT,
		    "no database server answered a moment ago");
	for (unsigned i = 0, at = s->at; i < n; i++) {
		db->host = (at + i) % n;
		db->asked_ms = io_now_ms();
		if (call(db) == 0) {
			if (n > 1 && s->served != db->host + 1)
				log_info("database host=%s port=%u",
				    s->where.hosts[db->host].name,
				    s->where.hosts[db->host].port);
			s->at = db->host;
			s->served = db->host + 1;
			s->away_until = 0;
			return 0;
		}
		explain(db);
		db_lost(db);
		if (io_now_ms() - started >= 2 * CONNECT_S * 1000) {
			s->at = (db->host + 1) % n; /* go on there next time */
			break;
		}
	}
	if (io_now_ms() - started >= CONNECT_S * 1000 - 100)
		db_away(db);
	return -1;
}
