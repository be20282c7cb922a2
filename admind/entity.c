#include "config.h"
#include "admind/entity.h"

#include "admind/maillist.h"
#include "admind/names.h"

#include "libcommon/ldapsrc.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

_Static_assert(BY_ALL == 1 << WHO_ALL && BY_ADMIN == 1 << WHO_ADMIN &&
        BY_CLIENT == 1 << WHO_CLIENT && BY_MAILBOX == 1 << WHO_MAILBOX,
    "entity_column.by is tested by kind");

static const struct entity *const entities[] = { &entity_alias, &entity_virtual,
	&entity_domain, &entity_client, &entity_company, &entity_administrator,
	&entity_server, &entity_user };

const struct entity *
entity_find(struct span name)
{
	for (size_t i = 0; i < nitems(entities); i++)
		if (span_is(name, entities[i]->name))
			return entities[i];
	return NULL;
}

int
entity_refuse(struct dir_change *c, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->comment, COMMENT_MAX + 1, fmt, ap);
	va_end(ap);
	return REFUSE(code);
}

static unsigned
ncolumns(const struct entity *e)
{
	unsigned n = 0;

	while (e->columns[n].option != NULL)
		n++;
	return n;
}

/* ---- what is asked for ----------------------------------------------------------- */

void
change_init(struct dir_change *c, const struct entity *e,
    const struct dir_who *who, const char *type, char *comment)
{
	memset(c, 0, sizeof(*c));
	c->entity = e;
	c->who = who;
	c->type = type;
	c->comment = comment;
	for (unsigned i = 0; i < ENTITY_COLUMNS; i++)
		buf_init(&c->in[i], 65536);
}

void
change_clear(struct dir_change *c)
{
	for (unsigned i = 0; i < ENTITY_COLUMNS; i++)
		buf_clear(&c->in[i]);
	explicit_bzero(c->verifier, sizeof(c->verifier));
}

int
change_key(struct dir_change *c, struct span s)
{
	const char *rule = NULL;
	uint64_t number;

	switch (c->entity->key_kind) {
	case KEY_LOGIN:
		if (!name_login(s) ||
		    span_copy(s, c->key, sizeof(c->key)) == -1)
			rule = NAME_LOGIN_RULE;
		break;
	case KEY_SERVER:
		if (!name_server(s, c->key))
			rule = NAME_SERVER_RULE;
		break;
	case KEY_DOMAIN:
		if (!name_domain(s, c->key))
			rule = "is no domain name";
		break;
	case KEY_USER:
		if (s.len == 0) {
			c->key[0] = '\0';
			break;
		}
		/* FALLTHROUGH */
	case KEY_LOCAL:
		if (!name_local(s, c->key))
			rule = NAME_LOCAL_RULE;
		break;
	case KEY_NUMBER:
		if (span_u64(s, INT32_MAX, &number) == -1)
			rule = "is no number of one";
		else
			snprintf(c->key, sizeof(c->key), "%llu",
			    (unsigned long long)number);
		break;
	}
	if (rule == NULL)
		return CODE_OK;
	dir_say(c->comment, "%s %s", c->entity->key, rule);
	return CODE_VALUE;
}

/* One of "A|B", as it is written there. */
static bool
is_word(struct span s, const char *words)
{
	struct span rest = span_of(words), one;
	ptrdiff_t bar;

	do {
		bar = span_chr(rest, '|');
		one = bar < 0 ? rest : span_sub(rest, 0, (size_t)bar);
		if (span_eq(s, one))
			return true;
		rest = span_sub(rest, one.len + 1, rest.len);
	} while (bar >= 0);
	return false;
}

static bool
is_host(struct span s)
{
	unsigned char address[16];
	char text[65];

	if (span_copy(s, text, sizeof(text)) == -1)
		return false;
	return inet_pton(AF_INET, text, address) == 1 ||
	    inet_pton(AF_INET6, text, address) == 1 ||
	    name_server(s, (char[129]){ 0 });
}

static bool
is_file(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f ||
		    strchr("/\\\"'<>|&;", s.data[i]) != NULL)
			return false;
	return s.len == 0 || s.data[0] != '.';
}

/* What is wrong with a value, or NULL with out as it is kept. */
static const char *
column_take(const struct entity_column *col, struct span s, struct buf *out,
    char why[static MAILLIST_WHY])
{
	uint64_t number;

	switch (col->kind) {
	case COLUMN_NUMBER:
		number = 0;
		if (s.len > 0 && span_u64(s, INT32_MAX, &number) == -1)
			return "is too large";
		buf_printf(out, "%llu", (unsigned long long)number);
		return NULL;
	case COLUMN_YESNO:
		buf_puts(out, span_is(s, "yes") ? "OUI" : "NON");
		return NULL;
	case COLUMN_WORD:
		if (!is_word(s, col->words))
			return "must be one of its words";
		break;
	case COLUMN_NAME:
	case COLUMN_ACCOUNT:
		if (s.len > 0 && !name_login(s))
			return NAME_LOGIN_RULE;
		break;
	case COLUMN_LDAP:
		if (s.len > 0 && !ldapsrc_name_ok(s))
			return "may have letters, digits, '-', '_', '.'";
		break;
	case COLUMN_FILE:
		if (!is_file(s))
			return "must be a file's name without a path";
		break;
	case COLUMN_HOST:
		if (s.len > 0 && !is_host(s))
			return "is neither an address nor a host's name";
		break;
	case COLUMN_LIST:
		return maillist_take(s, MAILLIST_NAMES, out, why) == -1 ? why
		                                                        : NULL;
	case COLUMN_TEXT:
	case COLUMN_VERIFIER:
	case COLUMN_SEALED:
	case COLUMN_MADE:
	case COLUMN_FOUND:
		break;
	}
	buf_put_span(out, s);
	return NULL;
}

int
change_set(struct dir_change *c, unsigned column, struct span s)
{
	const struct entity_column *col = &c->entity->columns[column];
	char why[MAILLIST_WHY];
	const char *wrong;

	if (col->by != 0 && !(col->by & (1u << c->who->kind))) {
		dir_say(c->comment, "%s is for administrators", col->option);
		return CODE_DENIED;
	}
	buf_reset(&c->in[column]);
	wrong = column_take(col, s, &c->in[column], why);
	if (wrong == NULL && buf_error(&c->in[column]) != 0)
		wrong = "is too long";
	if (wrong != NULL) {
		dir_say(c->comment, "%s: %.170s", col->option, wrong);
		return CODE_VALUE;
	}
	c->given[column] = true;
	return CODE_OK;
}

/* ---- what it was and what it becomes ------------------------------------------------- */

struct span
entity_text(const struct dir_change *c, unsigned column)
{
	return c->now[column].kind == DB_BYTES ? c->now[column].bytes
	                                       : span_of("");
}

static bool
is_same(const struct db_value *now, struct span old)
{
	uint64_t number;

	switch (now->kind) {
	case DB_NULL:
		return old.len == 0;
	case DB_U64:
		return span_u64(old, UINT64_MAX, &number) == 0 &&
		    number == now->u64;
	case DB_BYTES:
		break;
	}
	return span_eq(now->bytes, old);
}

bool
entity_changes(const struct dir_change *c, unsigned column)
{
	return !c->exists || !is_same(&c->now[column], c->old[column]);
}

static bool
is_null_if_empty(enum column_kind kind)
{
	return kind == COLUMN_SEALED || kind == COLUMN_ACCOUNT ||
	    kind == COLUMN_MADE || kind == COLUMN_FOUND;
}

/* What is given, else what there is, else what a new one has. */
static int
merge(struct dir_change *c)
{
	const struct entity_column *col = c->entity->columns;

	for (unsigned i = 0; col[i].option != NULL; i++) {
		struct span s = c->given[i] ? buf_span(&c->in[i])
		    : c->exists
		    ? c->old[i]
		    : span_of(col[i].initial != NULL ? col[i].initial : "");

		c->now[i] = s.len == 0 && is_null_if_empty(col[i].kind)
		    ? db_null()
		    : db_bytes(s);
	}
	return c->entity->normal == NULL ? 0 : c->entity->normal(c);
}

static int
begin(struct db *db, struct dir_change *c)
{
	c->exists = false;
	c->id = 0;
	c->note[0] = '\0';
	snprintf(c->object, sizeof(c->object), "%s", c->key);
	return c->entity->begin == NULL ? 0 : c->entity->begin(db, c);
}

/* The next row of find or same: 1, 0. */
static bool
take_row(struct dir_change *c, struct db_rows *r)
{
	unsigned n = ncolumns(c->entity);

	c->exists = db_next(r);
	if (!c->exists)
		return false;
	c->id = db_column_u64(r, 0);
	c->owner.client = db_column_u64(r, 1);
	c->owner.administrator = db_column_u64(r, 2);
	for (unsigned i = 0; i < n; i++)
		c->old[i] = r->column[3 + i];
	return true;
}

static int
owns(struct db *db, struct dir_change *c, bool to_read)
{
	if (c->who->kind == WHO_ALL && !c->entity->placed)
		return 1;
	if (c->entity->owns != NULL)
		return c->entity->owns(db, c, to_read);
	return dir_owns(c->who, &c->owner);
}

/* Find and lock it, and is it the sender's?  0, REFUSE or DB_FAILED; old stays
 * until the rows are cleared. */
static int
find(struct db *db, struct dir_change *c, struct db_rows *r, bool to_read)
{
	struct db_value v[2];
	int rc;

	memset(r, 0, sizeof(*r));
	if ((rc = begin(db, c)) != 0)
		return rc;
	v[0] = db_str(c->key);
	v[1] = db_u64(c->place);
	if (db_query(db, r, c->entity->find, v, c->entity->placed ? 2 : 1) ==
	    -1)
		return DB_FAILED;
	if (take_row(c, r)) {
		if ((rc = owns(db, c, to_read)) == 1)
			return 0;
		if (rc == DB_FAILED)
			return rc;
		c->exists = false;
	}
	return entity_refuse(c, c->entity->none, "there is no %s \"%.128s\"",
	    c->entity->what, c->object);
}

static int
done(struct db *db, struct dir_change *c)
{
	if ((c->entity->feed != 0 ? dir_journal(db, c->entity->feed, c->id)
	                          : dir_touch(db)) == -1 ||
	    dir_audit(db, c->who, c->type, c->object) == -1)
		return DB_FAILED;
	return 0;
}

int
entity_reserved(struct dir_change *c)
{
	if (c->who->kind != WHO_CLIENT || c->d.reserved ||
	    !name_is_reserved(c->key))
		return 0;
	return entity_refuse(c, CODE_DENIED,
	    "\"%.64s\" is the "
	    "administrator's",
	    c->key);
}

/* ---- NEW ---------------------------------------------------------------------------------- */

/* Is the row what is asked for?  A sealed secret is never twice the same, and
 * a password is checked by who calls. */
static bool
is_asked_for(const struct dir_change *c)
{
	const struct entity_column *col = c->entity->columns;

	for (unsigned i = 0; col[i].option != NULL; i++) {
		if (col[i].kind == COLUMN_VERIFIER ||
		    col[i].kind == COLUMN_SEALED ||
		    col[i].kind == COLUMN_FOUND ||
		    (!c->given[i] && col[i].kind != COLUMN_MADE))
			continue;
		if (!is_same(&c->now[i], c->old[i]))
			return false;
	}
	return true;
}

static void
keep_verifier(struct dir_change *c)
{
	const struct entity_column *col = c->entity->columns;

	c->verifier[0] = '\0';
	for (unsigned i = 0; col[i].option != NULL; i++)
		if (col[i].kind == COLUMN_VERIFIER &&
		    span_copy(c->old[i], c->verifier, sizeof(c->verifier)) ==
		        -1)
			c->verifier[0] = '\0';
}

/* Is it there already?  1 the same one, 0 no, REFUSE, DB_FAILED. */
static int
find_same(struct db *db, struct dir_change *c)
{
	const struct entity *e = c->entity;
	bool numbered = e->same != NULL;
	struct db_value v[2] = { numbered ? c->now[0] : db_str(c->key),
		db_u64(c->place) };
	struct db_rows r;
	int rc = 0, mine;

	if (db_query(db, &r, numbered ? e->same : e->find, v,
	        e->placed ? 2 : 1) == -1) {
		db_rows_clear(&r);
		return DB_FAILED;
	}
	while (rc == 0 && take_row(c, &r)) {
		if ((mine = owns(db, c, false)) == DB_FAILED) {
			rc = DB_FAILED;
		} else if (mine == 1 && is_asked_for(c)) {
			keep_verifier(c);
			rc = 1;
		} else if (!numbered) {
			rc = entity_refuse(c, CODE_EXISTS,
			    mine == 1
			        ? "the %s \"%.128s\" exists with other values"
			        : "the %s \"%.128s\" is taken",
			    e->what, c->object);
		}
	}
	db_rows_clear(&r);
	c->exists = false;
	return rc;
}

/* Only now is it known what the new one is called. */
static void
name_number(struct dir_change *c)
{
	if (c->entity->key_kind == KEY_NUMBER)
		snprintf(c->object, sizeof(c->object), "%llu",
		    (unsigned long long)c->id);
}

static int
new_txn(struct db *db, void *arg)
{
	struct dir_change *c = arg;
	const struct entity *e = c->entity;
	struct db_value v[ENTITY_COLUMNS + 1];
	unsigned n = ncolumns(e), first = e->key_kind == KEY_NUMBER ? 0 : 1;
	int r;

	c->was_there = false;
	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((r = begin(db, c)) != 0 || (r = merge(c)) != 0)
		return r;
	if ((r = find_same(db, c)) != 0) {
		c->was_there = r == 1;
		if (r == 1)
			name_number(c);
		return r == 1 ? 0 : r;
	}
	if (e->check != NULL && (r = e->check(db, c)) != 0)
		return r;
	v[0] = db_str(c->key);
	memcpy(v + first, c->now, n * sizeof(*v));
	if (db_do(db, &c->id, NULL, e->insert, v, n + first) == -1) {
		if (!db_is_duplicate(db))
			return DB_FAILED;
		return entity_refuse(c, CODE_EXISTS,
		    "the %s \"%.128s\" is taken", e->what, c->object);
	}
	name_number(c);
	return done(db, c);
}

static int
finish(struct dir_change *c, int txn_result, const char *done_what)
{
	int code = dir_code(txn_result, c->comment);

	if (code == CODE_OK)
		dir_say(c->comment, "the %s \"%.80s\" %s%.90s", c->entity->what,
		    c->object, done_what, c->note);
	return code;
}

int
entity_new(struct db *db, struct dir_change *c)
{
	int r = db_txn(db, new_txn, c);

	return finish(c, r, c->was_there ? "is there" : "has been made");
}

/* ---- MOD ---------------------------------------------------------------------------------- */

static int
mod_txn(struct db *db, void *arg)
{
	struct dir_change *c = arg;
	const struct entity *e = c->entity;
	struct db_value v[ENTITY_COLUMNS + 1];
	unsigned n = ncolumns(e);
	bool changes = false;
	struct db_rows rows;
	int r;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((r = find(db, c, &rows, false)) != 0)
		goto out;
	if ((r = dir_is_again(db, c->who, c->type, c->object, NULL)) != 0)
		goto out;
	if ((r = merge(c)) != 0)
		goto out;
	for (unsigned i = 0; i < n; i++)
		changes |= c->given[i] && entity_changes(c, i);
	if (!changes)
		goto out; /* again: nothing to change */
	if (e->check != NULL && (r = e->check(db, c)) != 0)
		goto out;
	memcpy(v, c->now, n * sizeof(*v));
	v[n] = db_u64(c->id);
	if (db_do(db, NULL, NULL, e->update, v, n + 1) == -1)
		r = DB_FAILED;
	else
		r = done(db, c);
out:
	db_rows_clear(&rows);
	return r;
}

int
entity_mod(struct db *db, struct dir_change *c)
{
	return finish(c, db_txn(db, mod_txn, c), "is as you say");
}

/* ---- DEL ---------------------------------------------------------------------------------- */

int
entity_number(struct db *db, const char *sql, const struct db_value *v,
    unsigned n, uint64_t *out)
{
	struct db_rows r;
	int rc = db_query(db, &r, sql, v, n);

	*out = 0;
	if (rc == 0 && db_next(&r)) {
		*out = db_column_u64(&r, 0);
		rc = 1;
	}
	db_rows_clear(&r);
	return rc;
}

/* It is not there: because this one deleted it? */
static int
was_deleted(struct db *db, struct dir_change *c, int refusal)
{
	int r = dir_has_done(db, c->who, c->type, c->object, NULL);

	c->was_there = r == DIR_DONE;
	return r == 0 ? refusal : r;
}

static int
del_txn(struct db *db, void *arg)
{
	struct dir_change *c = arg;
	const struct entity *e = c->entity;
	struct db_value v[1];
	struct db_rows rows;
	uint64_t count;
	int r;

	c->was_there = false;
	if (dir_lock(db) == -1)
		return DB_FAILED;
	r = find(db, c, &rows, false);
	v[0] = db_u64(c->id);
	if (r == REFUSE(e->none)) {
		r = was_deleted(db, c, r);
		goto out;
	}
	if (r != 0)
		goto out;
	if ((r = dir_is_again(db, c->who, c->type, c->object, NULL)) != 0) {
		/* Made anew since this very request deleted it. */
		c->was_there = r == DIR_DONE;
		goto out;
	}
	if (e->going != NULL && (r = e->going(db, c)) != 0)
		goto out;
	for (unsigned i = 0; i < ENTITY_USES && e->uses[i].sql != NULL; i++) {
		if (entity_number(db, e->uses[i].sql, v, 1, &count) ==
		    DB_FAILED) {
			r = DB_FAILED;
			goto out;
		}
		if (count > 0) {
			r = entity_refuse(c, CODE_IN_USE,
			    "the %s \"%.128s\" "
			    "still has %llu %s",
			    e->what, c->object, (unsigned long long)count,
			    e->uses[i].what);
			goto out;
		}
	}
	if (db_do(db, NULL, NULL, e->remove, v, 1) == -1)
		r = DB_FAILED;
	else
		r = done(db, c);
out:
	db_rows_clear(&rows);
	return r;
}

int
entity_del(struct db *db, struct dir_change *c)
{
	int r = db_txn(db, del_txn, c);

	return finish(c, r,
	    c->was_there ? "is deleted already" : "has been deleted");
}

/* ---- SHOW -------------------------------------------------------------------------- */

struct show {
	struct dir_change *c;
	struct rows *rows;
};

static int
show_txn(struct db *db, void *arg)
{
	struct show *s = arg;
	struct db_value v[1];
	struct db_rows r;
	int rc;

	rc = find(db, s->c, &r, true);
	db_rows_clear(&r);
	if (rc != 0)
		return rc;
	v[0] = db_u64(s->c->id);
	rows_reset(s->rows);
	return dir_rows_add(db, s->rows, s->c->entity->show, v, 1);
}

int
entity_show(struct db *db, struct dir_change *c, struct rows *rows)
{
	struct show s = { c, rows };

	return dir_code(db_txn(db, show_txn, &s), c->comment);
}
