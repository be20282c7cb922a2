/*
 * Feeds: a whole directory or what has changed, in one LMDB transaction; and
 * the numbers of bytes used.
 */
#include "config.h"
#include "admind/rehash.h"
#include "admind/store_int.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdlib.h>

#define LOAD_PART 20000 /* rows of a full load in one transaction */

/* ---- feeding ------------------------------------------------------------- */

bool
store_is_feeding(const struct store *s)
{
	return s->write != NULL;
}

void
store_rollback(struct store *s)
{
	if (s->write != NULL)
		mdb_txn_abort(s->write);
	if (s->before != NULL)
		mdb_txn_abort(s->before);
	s->write = s->before = NULL;
	s->full = s->failed = false;
	s->nrevoked = s->revoked_ready;
}

static int
txn_start(struct store *s)
{
	int rc;

	s->uncommitted = 0;
	if ((rc = mdb_txn_begin(s->env, NULL, 0, &s->write)) != 0 ||
	    (rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->before)) != 0) {
		store_trouble(s, "begin", rc);
		store_rollback(s);
		return -1;
	}
	return 0;
}

static int
feed_start(struct store *s)
{
	s->failed = false;
	s->to = &s->table[s->active];
	return txn_start(s);
}

static int
put_state(struct store *s, const struct store_state *st, unsigned active)
{
	unsigned char bytes[22];
	MDB_val k = val("state", 5), v = val(bytes, sizeof(bytes));
	int rc;

	le32_put(bytes, STORE_VERSION);
	le64_put(bytes + 4, st->directory);
	le64_put(bytes + 12, st->journal);
	bytes[20] = st->complete;
	bytes[21] = (unsigned char)active;
	if ((rc = mdb_put(s->write, s->meta, &k, &v, 0)) != 0)
		return store_trouble(s, "state", rc);
	return 0;
}

static int
drop_tables(struct store *s, const struct tables *t)
{
	int rc;

	if ((rc = mdb_drop(s->write, t->row, 0)) != 0 ||
	    (rc = mdb_drop(s->write, t->key, 0)) != 0)
		return store_trouble(s, "drop", rc);
	return 0;
}

/* What we hold is of another directory: nobody may be answered from it while
 * the right one is loaded. */
static int
forget_all(struct store *s)
{
	struct store_state none = { 0 };
	int rc;

	if (drop_tables(s, s->to) == -1 || put_state(s, &none, 0) == -1 ||
	    mdb_drop(s->write, s->usage, 0) != 0) {
		store_rollback(s);
		return -1;
	}
	rc = mdb_txn_commit(s->write);
	s->write = NULL;
	if (rc == 0) {
		s->now = none;
		s->active = 0;
	} else {
		store_trouble(s, "commit", rc);
	}
	store_rollback(s);
	return rc == 0 ? feed_start(s) : -1;
}

int
store_begin(struct store *s, uint64_t directory)
{
	store_rollback(s);
	if (feed_start(s) == -1)
		return -1;
	if (s->now.complete && s->now.directory != directory &&
	    forget_all(s) == -1)
		return -1;
	s->to = &s->table[1 - s->active];
	if (drop_tables(s, s->to) == -1) {
		store_rollback(s);
		return -1;
	}
	s->full = true;
	s->loading = directory;
	return 0;
}

static int
note_revoked(struct store *s, uint32_t mailbox)
{
	uint32_t *p;

	if (s->nrevoked > s->revoked_ready &&
	    s->revoked[s->nrevoked - 1] == mailbox)
		return 0;
	if (s->nrevoked == s->revoked_cap) {
		size_t cap = s->revoked_cap == 0 ? 16 : s->revoked_cap * 2;

		if ((p = reallocarray(s->revoked, cap, sizeof(*p))) == NULL) {
			log_warn("store revoke");
			s->failed = true;
			return -1;
		}
		s->revoked = p;
		s->revoked_cap = cap;
	}
	s->revoked[s->nrevoked++] = mailbox;
	return 0;
}

bool
store_next_revoked(struct store *s, uint32_t *mailbox_out)
{
	if (s->revoked_ready == 0)
		return false;
	*mailbox_out = s->revoked[--s->revoked_ready];
	/* The list is only read between feeds. */
	if (s->write == NULL)
		s->nrevoked = s->revoked_ready;
	return true;
}

static int
key_delete(struct store *s, const struct row_key *key)
{
	MDB_val k = val(key->bytes, key->len), v;
	int rc = mdb_get(s->write, s->to->key, &k, &v);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return store_trouble(s, "key", rc);
	/* A later row may have taken the name over already. */
	if (key->value_len > 0 &&
	    (v.mv_size < 4 || memcmp(v.mv_data, key->value, 4) != 0))
		return 0;
	if ((rc = mdb_del(s->write, s->to->key, &k, NULL)) != 0)
		return store_trouble(s, "key", rc);
	return 0;
}

static bool
has_key(const struct row_key *keys, int n, const struct row_key *k)
{
	for (int i = 0; i < n; i++)
		if (keys[i].len == k->len &&
		    memcmp(keys[i].bytes, k->bytes, k->len) == 0)
			return true;
	return false;
}

/* The row was was and will be is (len 0: none): the keys follow. */
static int
row_index(struct store *s, uint8_t table, uint32_t id, struct span was,
    struct span is)
{
	struct row_key before[ROW_KEYS_MAX], after[ROW_KEYS_MAX];
	int nbefore = 0, nafter = 0, rc;
	MDB_val k, v;

	if (was.len > 0)
		nbefore = store_row_keys(table, id, was, before);
	if (is.len > 0)
		nafter = store_row_keys(table, id, is, after);
	if (nbefore == -1 || nafter == -1) {
		s->failed = true;
		return -1;
	}
	for (int i = 0; i < nbefore; i++)
		if (!has_key(after, nafter, &before[i]) &&
		    key_delete(s, &before[i]) == -1)
			return -1;
	for (int i = 0; i < nafter; i++) {
		k = val(after[i].bytes, after[i].len);
		v = val(after[i].value, after[i].value_len);
		if ((rc = mdb_put(s->write, s->to->key, &k, &v, 0)) != 0)
			return store_trouble(s, "key", rc);
	}
	return 0;
}

/* Does this change end sessions?  was: the row before the feed, len 0 if there
 * was none; is: the row after it, len 0 if it is gone. */
static int
row_revokes(struct store *s, uint8_t table, uint32_t id, struct span was,
    struct span is)
{
	struct feed_credential c, c2;
	struct feed_mailbox m;

	if (was.len == 0)
		return 0;
	if (table == FEED_MAILBOX && feed_mailbox_get(was, &m) == 0 &&
	    m.state == BOX_ACTIVE &&
	    (is.len == 0 ||
	        (feed_mailbox_get(is, &m) == 0 && m.state != BOX_ACTIVE)))
		return note_revoked(s, id);
	if (table == FEED_CREDENTIAL && feed_credential_get(was, &c) == 0 &&
	    (is.len == 0 || feed_credential_get(is, &c2) == -1 ||
	        c2.mailbox != c.mailbox || c.services != c2.services ||
	        (!span_eq(c.verifier, c2.verifier) &&
	            !rehash_is_expected(id, c.verifier, c2.verifier))))
		return note_revoked(s, c.mailbox);
	return 0;
}

/* A full load is no change until it is whole, so it need not be one
 * transaction: its pages would all be in memory. */
static int
load_part(struct store *s)
{
	int rc;

	if (++s->uncommitted < LOAD_PART)
		return 0;
	rc = mdb_txn_commit(s->write);
	s->write = NULL;
	mdb_txn_abort(s->before); /* it would keep old pages in the file */
	s->before = NULL;
	if (rc != 0)
		store_trouble(s, "commit", rc);
	return txn_start(s) == -1 || rc != 0 ? -1 : 0;
}

int
store_apply(struct store *s, const struct feed_row *r)
{
	unsigned char key[5];
	struct span was;
	MDB_val k, v;
	int rc;

	if (s->write == NULL && feed_start(s) == -1)
		return -1;
	if (s->failed)
		return -1;
	row_key(key, r->table, r->id);
	k = val(key, 5);
	rc = mdb_get(s->before, s->table[s->active].row, &k, &v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_trouble(s, "row", rc);
	was = rc == 0 ? val_span(v) : span_from(NULL, 0);
	if (row_revokes(s, r->table, r->id, was, r->bytes) == -1)
		return -1;
	/* The row may have changed in this very feed: its keys now. */
	rc = mdb_get(s->write, s->to->row, &k, &v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_trouble(s, "row", rc);
	was = rc == 0 ? val_span(v) : span_from(NULL, 0);
	if (row_index(s, r->table, r->id, was, r->bytes) == -1)
		return -1;
	v = val(r->bytes.data, r->bytes.len);
	if (r->put)
		rc = mdb_put(s->write, s->to->row, &k, &v, 0);
	else if (was.len > 0)
		rc = mdb_del(s->write, s->to->row, &k, NULL);
	else
		rc = 0;
	if (rc != 0)
		return store_trouble(s, "row", rc);
	return s->full ? load_part(s) : 0;
}

/* A full load says nothing of rows that are gone: find them. */
static int
revoke_missing(struct store *s)
{
	static const uint8_t tables[] = { FEED_MAILBOX, FEED_CREDENTIAL };
	MDB_val k, v, v2;
	int rc;

	for (size_t i = 0; i < nitems(tables); i++) {
		struct walk w = { .prefix = { tables[i] }, .prefix_len = 1 };

		if ((rc = mdb_cursor_open(s->before, s->table[s->active].row,
		         &w.cursor)) != 0)
			return store_trouble(s, "walk", rc);
		while ((rc = store_walk_next(&w, &k, &v)) == 0) {
			if (k.mv_size == 5 &&
			    mdb_get(s->write, s->to->row, &k, &v2) ==
			        MDB_NOTFOUND &&
			    row_revokes(s, tables[i],
			        be32_get((unsigned char *)k.mv_data + 1),
			        val_span(v), span_from(NULL, 0)) == -1)
				break;
		}
		mdb_cursor_close(w.cursor);
		if (rc != MDB_NOTFOUND)
			return -1;
	}
	return 0;
}

int
store_commit(struct store *s, uint64_t from, uint64_t journal)
{
	struct store_state st = { s->now.directory, journal, true };
	unsigned active = s->active;
	int rc;

	if (s->write == NULL && feed_start(s) == -1)
		return -1;
	if (s->full) {
		st.directory = s->loading;
		active = 1 - active;
	} else if (!s->now.complete || from != s->now.journal ||
	    journal < from) {
		log_warnx("feed gap: at=%llu from=%llu complete=%d",
		    (unsigned long long)s->now.journal,
		    (unsigned long long)from, s->now.complete);
		store_rollback(s);
		errno = EBUSY;
		return -1;
	}
	if (s->failed ||
	    (s->full &&
	        (revoke_missing(s) == -1 ||
	            drop_tables(s, &s->table[s->active]) == -1)) ||
	    put_state(s, &st, active) == -1) {
		store_rollback(s);
		errno = EIO;
		return -1;
	}
	rc = mdb_txn_commit(s->write);
	s->write = NULL;
	if (rc != 0) {
		store_trouble(s, "commit", rc);
		store_rollback(s);
		errno = EIO;
		return -1;
	}
	s->now = st;
	s->active = active;
	s->revoked_ready = s->nrevoked;
	store_rollback(s);
	return 0;
}

/* ---- usage --------------------------------------------------------------- */

int
store_put_usage(struct store *s, const uint32_t *mailboxes,
    const uint64_t *bytes, size_t n)
{
	unsigned char key[4], value[8];
	MDB_txn *txn;
	MDB_val k, v;
	int rc;

	/* One writer: a feed goes first, the caller comes again. */
	if (s->write != NULL || s->damaged) {
		errno = EAGAIN;
		return -1;
	}
	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
		return store_trouble(s, "usage", rc);
	for (size_t i = 0; i < n; i++) {
		be32_put(key, mailboxes[i]);
		le64_put(value, bytes[i]);
		k = val(key, sizeof(key));
		v = val(value, sizeof(value));
		if ((rc = mdb_put(txn, s->usage, &k, &v, 0)) != 0) {
			mdb_txn_abort(txn);
			return store_trouble(s, "usage", rc);
		}
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		return store_trouble(s, "usage", rc);
	return 0;
}
