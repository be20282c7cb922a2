/*
 * Look-ups: each is a transaction of its own, so it sees a feed whole or not
 * at all.
 */
#include "config.h"
#include "admind/store_int.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#define SHORT_WALK_MAX 64 /* mailboxes looked at for one short login */
#define POSTMASTER_WALK_MAX 64

/* The pages stay where they are until we write: v may be used until then, and
 * a store call that writes says so. */
static enum store_answer
look(struct store *s, MDB_dbi dbi, MDB_val k, MDB_val *v)
{
	int rc;

	if (!s->now.complete || s->damaged)
		return STORE_UNKNOWN;
	if (k.mv_size == 0) /* too long for a name we could have */
		return STORE_NONE;
	if ((rc = mdb_txn_renew(s->read)) != 0) {
		store_trouble(s, "renew", rc);
		return STORE_UNKNOWN;
	}
	rc = mdb_get(s->read, dbi, &k, v);
	mdb_txn_reset(s->read);
	if (rc == 0)
		return STORE_FOUND;
	if (rc == MDB_NOTFOUND)
		return STORE_NONE;
	store_trouble(s, "get", rc);
	return STORE_UNKNOWN;
}

enum store_answer
store_bad_row(struct store *s)
{
	log_warnx("store: a row that cannot be read");
	s->damaged = true;
	return STORE_UNKNOWN;
}

enum store_answer
store_look_row(struct store *s, uint8_t table, uint32_t id, struct span *out)
{
	unsigned char k[5];
	enum store_answer a;
	MDB_val v;

	row_key(k, table, id);
	a = look(s, s->table[s->active].row, val(k, sizeof(k)), &v);
	if (a == STORE_FOUND)
		*out = val_span(v);
	return a;
}

static enum store_answer
look_id(struct store *s, const unsigned char *key, size_t n, uint32_t *id_out)
{
	enum store_answer a;
	MDB_val v;

	a = look(s, s->table[s->active].key, val(key, n), &v);
	if (a != STORE_FOUND)
		return a;
	if (v.mv_size < 4)
		return store_bad_row(s);
	*id_out = be32_get(v.mv_data);
	return STORE_FOUND;
}

/* ---- domains and mailboxes ---------------------------------------------- */

enum store_answer
store_domain(struct store *s, struct span name, uint32_t *id_out,
    bool *local_out)
{
	unsigned char k[KEY_MAX];
	size_t n = domain_key(k, name);
	enum store_answer a;
	MDB_val v;

	a = look(s, s->table[s->active].key, val(k, n), &v);
	if (a != STORE_FOUND)
		return a;
	if (v.mv_size != 5)
		return store_bad_row(s);
	*id_out = be32_get(v.mv_data);
	*local_out = ((unsigned char *)v.mv_data)[4] != 0;
	return STORE_FOUND;
}

enum store_answer
store_find(struct store *s, uint32_t domain, struct span login,
    uint32_t *mailbox_out)
{
	unsigned char k[KEY_MAX];

	return look_id(s, k, login_key(k, domain, login), mailbox_out);
}

enum store_answer
store_box(struct store *s, uint32_t mailbox, struct store_box *out)
{
	struct feed_mailbox m;
	struct feed_domain d;
	enum store_answer a;
	struct span row;

	if ((a = store_look_row(s, FEED_MAILBOX, mailbox, &row)) != STORE_FOUND)
		return a;
	if (feed_mailbox_get(row, &m) == -1 ||
	    span_copy(m.login, out->login, sizeof(out->login)) == -1)
		return store_bad_row(s);
	out->mailbox = mailbox;
	out->domain = m.domain;
	out->uid = m.uid;
	out->state = m.state;
	out->quota_kb = m.quota_kb;
	a = store_look_row(s, FEED_DOMAIN, m.domain, &row);
	if (a == STORE_UNKNOWN)
		return a;
	if (a == STORE_NONE || feed_domain_get(row, &d) == -1 ||
	    span_copy(d.name, out->domain_name, sizeof(out->domain_name)) == -1)
		return store_bad_row(s);
	out->local = d.local;
	out->server = d.server;
	return STORE_FOUND;
}

/* ---- names that lead on --------------------------------------------------- */

enum store_answer
store_server_here(struct store *s, uint32_t *id_out)
{
	static const unsigned char k[1] = { 's' };

	return look_id(s, k, sizeof(k), id_out);
}

enum store_answer
store_find_alias(struct store *s, struct span name, uint32_t *alias_out)
{
	unsigned char k[KEY_MAX];
	enum store_answer a;
	uint32_t here;

	if ((a = store_server_here(s, &here)) != STORE_FOUND)
		return a;
	return look_id(s, k, alias_key(k, here, name), alias_out);
}

enum store_answer
store_alias(struct store *s, uint32_t alias, struct feed_alias *out)
{
	enum store_answer a;
	struct span row;

	if ((a = store_look_row(s, FEED_ALIAS, alias, &row)) != STORE_FOUND)
		return a;
	return feed_alias_get(row, out) == -1 ? store_bad_row(s) : STORE_FOUND;
}

enum store_answer
store_virtual(struct store *s, uint32_t domain, struct span user,
    struct feed_virtual *out)
{
	unsigned char k[KEY_MAX];
	enum store_answer a;
	struct span row;
	uint32_t id;

	a = look_id(s, k, virtual_key(k, domain, user), &id);
	if (a != STORE_FOUND)
		return a;
	a = store_look_row(s, FEED_VIRTUAL, id, &row);
	if (a == STORE_UNKNOWN)
		return a;
	return a == STORE_NONE || feed_virtual_get(row, out) == -1
	    ? store_bad_row(s)
	    : STORE_FOUND;
}

enum store_answer
store_server(struct store *s, uint32_t server, struct feed_server *out)
{
	enum store_answer a;
	struct span row;

	if ((a = store_look_row(s, FEED_SERVER, server, &row)) != STORE_FOUND)
		return a;
	return feed_server_get(row, out) == -1 ? store_bad_row(s) : STORE_FOUND;
}

/* ---- walks ------------------------------------------------------------------ */

int
store_walk_next(struct walk *w, MDB_val *k, MDB_val *v)
{
	int rc;

	if (!w->started)
		*k = val(w->prefix, w->prefix_len);
	rc = mdb_cursor_get(w->cursor, k, v,
	    w->started ? MDB_NEXT : MDB_SET_RANGE);
	w->started = true;
	if (rc == 0 &&
	    (k->mv_size < w->prefix_len ||
	        memcmp(k->mv_data, w->prefix, w->prefix_len) != 0))
		return MDB_NOTFOUND;
	return rc;
}

/* Over the keys.  False: not now. */
static bool
walk_begin(struct store *s, struct walk *w)
{
	int rc;

	if (!s->now.complete || s->damaged)
		return false;
	if ((rc = mdb_txn_renew(s->read)) == 0 &&
	    (rc = mdb_cursor_open(s->read, s->table[s->active].key,
	         &w->cursor)) == 0)
		return true;
	store_trouble(s, "walk", rc);
	mdb_txn_reset(s->read);
	return false;
}

/* rc: what ended it. */
static bool
walk_end(struct store *s, struct walk *w, int rc)
{
	mdb_cursor_close(w->cursor);
	mdb_txn_reset(s->read);
	if (rc == 0 || rc == MDB_NOTFOUND)
		return true;
	store_trouble(s, "walk", rc);
	return false;
}

enum store_answer
store_find_short(struct store *s, struct span login,
    bool (*fits)(void *, uint32_t mailbox), void *arg, uint32_t *mailbox_out)
{
	uint32_t found[SHORT_WALK_MAX];
	struct walk w = { .started = false };
	unsigned n = 0, fitting = 0;
	MDB_val k, v;
	int rc = 0;

	if (!s->now.complete)
		return STORE_UNKNOWN;
	if ((w.prefix_len = short_key(w.prefix, login)) == 0)
		return STORE_NONE;
	if (!walk_begin(s, &w))
		return STORE_UNKNOWN;
	while (n < nitems(found) && (rc = store_walk_next(&w, &k, &v)) == 0)
		if (k.mv_size == w.prefix_len + 4)
			found[n++] = be32_get((unsigned char *)k.mv_data +
			    w.prefix_len);
	if (!walk_end(s, &w, rc))
		return STORE_UNKNOWN;
	for (unsigned i = 0; i < n; i++) {
		if (!fits(arg, found[i]))
			continue;
		*mailbox_out = found[i];
		fitting++;
	}
	/* With more than we looked at, who knows. */
	return fitting == 1 && n < nitems(found) ? STORE_FOUND : STORE_NONE;
}

enum store_answer
store_find_postmaster(struct store *s, uint32_t *mailbox_out)
{
	uint32_t found[POSTMASTER_WALK_MAX];
	struct walk w = { .prefix = { 'p' }, .prefix_len = 1 };
	enum store_answer a;
	struct store_box box;
	MDB_val k, v;
	unsigned n = 0;
	int rc = 0;

	if (!walk_begin(s, &w))
		return STORE_UNKNOWN;
	while (n < nitems(found) && (rc = store_walk_next(&w, &k, &v)) == 0)
		if (v.mv_size == 4)
			found[n++] = be32_get(v.mv_data);
	if (!walk_end(s, &w, rc))
		return STORE_UNKNOWN;
	for (unsigned i = 0; i < n; i++) {
		if ((a = store_box(s, found[i], &box)) == STORE_UNKNOWN)
			return a;
		if (a == STORE_FOUND && box.local) {
			*mailbox_out = found[i];
			return STORE_FOUND;
		}
	}
	return STORE_NONE;
}

enum store_answer
store_credentials(struct store *s, uint32_t mailbox, uint8_t service,
    struct store_credential out[static STORE_CREDENTIALS_MAX], unsigned *n_out)
{
	struct walk w = { .prefix = { 'c' }, .prefix_len = 5 };
	struct feed_credential c;
	unsigned char key[5];
	bool bad = false;
	MDB_val k, v, rk;
	int rc = 0;

	*n_out = 0;
	be32_put(w.prefix + 1, mailbox);
	if (!walk_begin(s, &w))
		return STORE_UNKNOWN;
	while (*n_out < STORE_CREDENTIALS_MAX && !bad &&
	    (rc = store_walk_next(&w, &k, &v)) == 0) {
		if (k.mv_size != 9) {
			bad = true;
			break;
		}
		row_key(key, FEED_CREDENTIAL,
		    be32_get((unsigned char *)k.mv_data + 5));
		rk = val(key, 5);
		if ((rc = mdb_get(s->read, s->table[s->active].row, &rk, &v)) !=
		        0 ||
		    feed_credential_get(val_span(v), &c) == -1) {
			bad = rc == 0 || rc == MDB_NOTFOUND;
			break;
		}
		/* What a device holds must not change the password itself. */
		if (service == SERVICE_ADMIN && c.kind == CREDENTIAL_APP)
			continue;
		if (c.services == 0 || (c.services & 1u << service) != 0)
			out[(*n_out)++] = (struct store_credential){
				be32_get(key + 1), c.kind, c.verifier
			};
	}
	if (!walk_end(s, &w, rc))
		return STORE_UNKNOWN;
	return bad ? store_bad_row(s) : STORE_FOUND;
}

/* ---- usage -------------------------------------------------------------------- */

enum store_answer
store_usage(struct store *s, uint32_t mailbox, uint64_t *bytes_out)
{
	unsigned char key[4];
	enum store_answer a;
	MDB_val v;

	be32_put(key, mailbox);
	if ((a = look(s, s->usage, val(key, 4), &v)) != STORE_FOUND)
		return a;
	if (v.mv_size != 8)
		return store_bad_row(s);
	*bytes_out = le64_get(v.mv_data);
	return STORE_FOUND;
}
