/*
 * The feed: authd says what it has, we send what has changed since, or all.
 *
 * The rows are read in one snapshot of the database, as they are at its
 * journal number; a row that changed several times is sent as it is last.
 */
#include "config.h"
#include "admind/admind.h"

#include "libcommon/log.h"
#include "libcommon/msg_feed.h"

#include <event2/event.h>

#define CHANGES_MAX 4000 /* journal rows in one feed */
#define PAGE 500         /* rows read at once in a full load */
#define PAGE_SQL "500"
#define COMMIT_MS 60000 /* a large feed takes authd its time */
#define AGAIN_MS 500

static enum { DOWN, ASKING, READY, LOADING, COMMITTING } state;
static struct ipc *authd;
static struct db *db;
static struct event *again;
static bool open_now;
static uint64_t known, known_directory, target;
static bool known_complete;
static void (*waiter)(void *);
static void *waiter_arg;
static struct {
	uint64_t directory;
	unsigned table;
	uint64_t after;
} load;

static void feeder_run(void);
static void load_more(void);

static void
try_again(unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(again, &tv);
}

/* ---- rows ---------------------------------------------------------------------- */

/* A table's rows: one of them, or a page of them after a number. */
#define ROWS(columns, from, id, where) \
	{ \
		"SELECT " columns " FROM " from " WHERE " id " = ?" where, \
		    "SELECT " columns " FROM " from " WHERE " id " > ?" where \
		    " ORDER BY " id " LIMIT " PAGE_SQL \
	}

static const struct {
	const char *one, *page;
} tables[FEED_TABLE__COUNT] = {
	[FEED_DOMAIN] = ROWS("Do_IdDomaine, Do_IdServeur = 1, Do_IdServeur, "
	                     "Do_IdClient, Do_NomDomaine, Do_Ldap",
	    "Domaine", "Do_IdDomaine", ""),
	[FEED_MAILBOX] = ROWS("Ba_IdBAL, Ba_IdDomaine, Ba_Uid, Ba_Etat + 0, "
	                      "Ba_Quota, Ba_Login, Ba_LoginCourt",
	    "BAL", "Ba_IdBAL", ""),
	[FEED_CREDENTIAL] = ROWS("Id_IdIdentifiant, Id_IdBAL, Id_Type, "
	                         "Id_Services, Id_Verificateur",
	    "Identifiant", "Id_IdIdentifiant", " AND Id_Revoque IS NULL"),
	[FEED_ALIAS] = ROWS("Al_IdAlias, Al_IdServeur, Al_IdDomaine, Al_Nom, "
	                    "Al_ListeEmail",
	    "Alias", "Al_IdAlias", ""),
	[FEED_VIRTUAL] =
	    ROWS("Vi_IdVirtual, Vi_IdDomaine, "
	         "Vi_UtilisateurVirtuel, Vi_UtilisateurReel, Vi_DomaineReel, "
	         "Vi_IdAlias, Vi_IdBAL",
	        "VirtualUser", "Vi_IdVirtual", ""),
	[FEED_SERVER] =
	    ROWS("Se_IdServeur, Se_IdServeur = 1, "
	         "Se_TypeServeur + 0, Se_StructLogin + 0, Se_Nom, Se_Ldap",
	        "ServeurMail", "Se_IdServeur", ""),
};

/* A row of the database as authd wants it; column 0 is its number. */
static void
encode(struct buf *b, unsigned table, const struct db_rows *r)
{
	uint32_t n[8];
	const struct span *text = r->column;

	for (unsigned i = 0; i < nitems(n); i++)
		n[i] = i < r->ncolumns ? (uint32_t)db_column_u64(r, i) : 0;
	switch (table) {
	case FEED_DOMAIN:
		feed_domain_put(b,
		    &(struct feed_domain){
		        (uint8_t)n[1], n[2], n[3], text[4], text[5] });
		break;
	case FEED_MAILBOX:
		/* The ENUM's order is enum box_state's. */
		feed_mailbox_put(b,
		    &(struct feed_mailbox){ n[1], n[2], (uint8_t)n[3],
		        db_column_u64(r, 4), text[5], text[6] });
		break;
	case FEED_CREDENTIAL:
		feed_credential_put(b,
		    &(struct feed_credential){
		        n[1], (uint8_t)n[2], n[3], text[4] });
		break;
	case FEED_ALIAS:
		feed_alias_put(b,
		    &(struct feed_alias){ n[1], n[2], text[3], text[4] });
		break;
	case FEED_VIRTUAL:
		feed_virtual_put(b,
		    &(struct feed_virtual){
		        n[1], text[2], text[3], text[4], n[5], n[6] });
		break;
	case FEED_SERVER:
		feed_server_put(b,
		    &(struct feed_server){ (uint8_t)n[1], (uint8_t)n[2],
		        (uint8_t)n[3], text[4], text[5] });
		break;
	}
}

static void
send_row(unsigned table, uint32_t id, const struct db_rows *r)
{
	struct feed_row row = { (uint8_t)table, id, r != NULL, { 0 } };
	struct buf bytes, b;

	buf_init(&bytes, FEED_ROW_MAX);
	buf_init(&b, FEED_ROW_MAX + 64);
	if (r != NULL)
		encode(&bytes, table, r);
	row.bytes = buf_span(&bytes);
	feed_row_put(&b, &row);
	if (buf_error(&bytes) != 0 || buf_error(&b) != 0)
		log_warnx("feed table=%u id=%u is too large", table, id);
	else
		ipc_note(authd, MSG_FEED_ROW, &b, -1);
	buf_clear(&bytes);
	buf_clear(&b);
}

/* ---- the commit ------------------------------------------------------------------- */

static void ask_state(void);

static int
on_commit(struct ipc_msg *m, void *arg)
{
	char reason[201] = "no answer";
	enum fail fail;

	(void)arg;
	if (state != COMMITTING)
		return 0;
	if (m != NULL && m->type == MSG_FEED_DONE) {
		if (load.table == FEED_TABLE__COUNT)
			log_info("feed loaded journal=%llu",
			    (unsigned long long)target);
		load.table = 0;
		known = target;
		known_directory = load.directory;
		known_complete = true;
		state = READY;
		feeder_run();
		return 0;
	}
	if (m != NULL && msg_fail_get(m->payload, &fail, reason) == -1)
		return -1;
	log_warnx("feed journal=%llu refused reason=%s",
	    (unsigned long long)target, log_quote_str(reason));
	state = ASKING;
	try_again(AGAIN_MS);
	return 0;
}

static void
commit(uint64_t from, uint64_t to)
{
	struct buf b;

	db_snapshot_end(db);
	target = to;
	state = COMMITTING;
	buf_init(&b, 16);
	wire_put_u64(&b, from);
	wire_put_u64(&b, to);
	if (ipc_request(authd, MSG_FEED_COMMIT, &b, -1, COMMIT_MS, on_commit,
	        NULL) == -1) {
		state = ASKING;
		try_again(AGAIN_MS);
	}
	buf_clear(&b);
}

/* ---- changes, or all ---------------------------------------------------------------- */

static void
database_trouble(void)
{
	log_warnx("feed database error=\"%s\"", db_reason(db));
	db_lost(db);
	/* Rows may be on their way: authd forgets them when asked anew. */
	state = ASKING;
	try_again(AGAIN_MS);
}

/* The changes after known.  1 sent, 0 the journal does not reach back that
 * far, -1. */
static int
send_changes(uint64_t journal)
{
	struct db_value v[1] = { db_u64(known) };
	struct db_rows changes, row;
	uint64_t expect = known;
	int r = 1;

	if (db_query(db, &changes,
	        "SELECT Jo_Numero, Jo_Table, Jo_Id FROM "
	        "Journal WHERE Jo_Numero > ? ORDER BY Jo_Numero LIMIT 4000",
	        v, 1) == -1)
		r = -1;
	_Static_assert(CHANGES_MAX == 4000, "the LIMIT above");
	while (r == 1 && db_next(&changes)) {
		unsigned table = (unsigned)db_column_u64(&changes, 1);

		if (db_column_u64(&changes, 0) != ++expect || table == 0 ||
		    table >= FEED_TABLE__COUNT) {
			r = 0;
			break;
		}
		v[0] = db_u64(db_column_u64(&changes, 2));
		if (db_query(db, &row, tables[table].one, v, 1) == -1)
			r = -1;
		else
			send_row(table, (uint32_t)v[0].u64,
			    db_next(&row) ? &row : NULL);
		db_rows_clear(&row);
	}
	db_rows_clear(&changes);
	if (r == 1 && (expect == known || expect > journal))
		r = 0;
	if (r == 1)
		commit(known, expect);
	return r;
}

static void
load_start(uint64_t directory, uint64_t journal)
{
	struct buf b;

	log_info("feed full load journal=%llu", (unsigned long long)journal);
	buf_init(&b, 16);
	wire_put_u64(&b, directory);
	ipc_note(authd, MSG_FEED_BEGIN, &b, -1);
	buf_clear(&b);
	load.table = FEED_DOMAIN;
	load.after = 0;
	target = journal;
	state = LOADING;
	load_more();
}

static void
load_more(void)
{
	struct db_value v[1];
	struct db_rows rows;
	unsigned n;

	while (state == LOADING && !ipc_is_full(authd)) {
		if (load.table == FEED_TABLE__COUNT) {
			commit(0, target);
			return;
		}
		v[0] = db_u64(load.after);
		if (db_query(db, &rows, tables[load.table].page, v, 1) == -1) {
			db_rows_clear(&rows);
			database_trouble();
			return;
		}
		for (n = 0; db_next(&rows); n++) {
			load.after = db_column_u64(&rows, 0);
			send_row(load.table, (uint32_t)load.after, &rows);
		}
		db_rows_clear(&rows);
		if (n < PAGE) {
			load.table++;
			load.after = 0;
		}
	}
}

static void
feeder_run(void)
{
	void (*done)(void *) = waiter;
	struct dir_snapshot is;
	int rc;

	if (state != READY || !open_now)
		return;
	if (dir_snapshot(db, &is) == -1) {
		log_debug("feed database error=\"%s\"", db_reason(db));
		try_again(AGAIN_MS);
		return;
	}
	load.directory = is.directory;
	if (known_complete && known_directory == is.directory &&
	    known == is.journal) {
		db_snapshot_end(db);
		waiter = NULL;
		if (done != NULL)
			done(waiter_arg);
		return;
	}
	if (known_complete && known_directory == is.directory &&
	    known < is.journal) {
		if ((rc = send_changes(is.journal)) == 1)
			return;
		if (rc == -1) {
			database_trouble();
			return;
		}
		log_warnx("feed the journal does not hold all after=%llu",
		    (unsigned long long)known);
		/* What was sent of it is dropped by FEED_BEGIN. */
	}
	load_start(is.directory, is.journal);
}

/* ---- authd --------------------------------------------------------------------------- */

static int
on_state(struct ipc_msg *m, void *arg)
{
	struct wire w;

	(void)arg;
	if (state != ASKING)
		return 0;
	if (m == NULL || m->type != MSG_FEED_STATE_IS) {
		try_again(AGAIN_MS);
		return 0;
	}
	wire_init(&w, m->payload);
	known_directory = wire_u64(&w);
	known = wire_u64(&w);
	known_complete = wire_u8(&w) == 1;
	if (wire_done(&w) == -1)
		return -1;
	state = READY;
	feeder_run();
	return 0;
}

static void
ask_state(void)
{
	state = ASKING;
	if (ipc_request(authd, MSG_FEED_STATE, NULL, -1, IPC_DEADLINE_MS,
	        on_state, NULL) == -1)
		try_again(AGAIN_MS);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (state == ASKING)
		ask_state();
	else
		feeder_run();
}

static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	if (m->type == MSG_AUTH_BETTER)
		return better_note(ipc, m);
	return ipc_refuse(ipc, m, "not for admind");
}

static void
authd_up(struct ipc *ipc, void *arg)
{
	(void)arg;
	authd = ipc;
	ask_state();
}

static void
authd_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	if (state == LOADING)
		db_snapshot_end(db);
	state = DOWN;
	known_complete = false;
}

static void
authd_drained(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	load_more();
}

static const struct ipc_ops authd_ops = { .msg = authd_msg,
	.up = authd_up,
	.gone = authd_gone,
	.drained = authd_drained };

void
feeder_start(void)
{
	if ((db = db_beside(admind.db)) == NULL ||
	    (again = event_new(admind.proc.base, -1, 0, on_again, NULL)) ==
	        NULL)
		fatalx("feeder memory");
	authd = proc_connect(&admind.proc, ROLE_AUTHD, &authd_ops, NULL);
}

void
feeder_open(void)
{
	open_now = true;
	feeder_run();
}

void
feeder_look(void)
{
	feeder_run();
}

void
feeder_sync(void (*done)(void *arg), void *arg)
{
	waiter = done;
	waiter_arg = arg;
	/* From the event loop, so that done() never runs inside this call. */
	if (state == READY)
		try_again(0);
}

void
feeder_kick(void)
{
	if (state == READY)
		try_again(0);
}

void
feeder_forget(void)
{
	waiter = NULL;
}

uint64_t
feeder_journal(void)
{
	return known;
}

bool
feeder_is_up(void)
{
	return state != DOWN;
}
