/*
 * Feeds: a whole directory or what has changed, in one LMDB transaction; and
 * the numbers of bytes used.
 */
#include "config.h"
#include "admind/store_int.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdlib.h>

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
feed_start(struct store *s)
{
	int rc;

	s->failed = false;
	if ((rc = mdb_txn_begin(s->env, NULL, 0, &s->write)) != 0 ||
	    (rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->before)) != 0) {
		store_trouble(s, "begin", rc);
		store_rollback(s);
		return -1;
	}
	return 0;
}

static int
put_state(struct store *s, const struct store_state *st)
{
	unsigned char bytes[21];
	MDB_val k = val("state", 5), v = val(bytes, sizeof(bytes));
	int rc;

	le32_put(bytes, STORE_VERSION);
	le64_put(bytes + 4, st->directory);
	le64_put(bytes + 12, st->journal);
	bytes[20] = st->complete;
	if ((rc = mdb_put(s->write, s->meta, &k, &v, 0)) != 0)
		return store_trouble(s, "state", rc);
	return 0;
}

static int
drop_rows(struct store *s)
{
	int rc;

	if ((rc = mdb_drop(s->write, s->row, 0)) != 0 ||
	    (rc = mdb_drop(s->write, s->key, 0)) != 0)
		return store_trouble(s, "drop", rc);
	return 0;
}

int
store_begin(struct store *s, uint64_t directory)
{
	struct store_state none = { 0 };
	int rc;

	store_rollback(s);
	if (feed_start(s) == -1)
		return -1;
	if (s->now.complete && s->now.directory != directory) {
		/* What we hold is of another directory: nobody may be
		 * answered from it while the right one is loaded. */
		if (drop_rows(s) == -1 || put_state(s, &none) == -1 ||
		    mdb_drop(s->write, s->usage, 0) != 0) {
			store_rollback(s);
			return -1;
		}
		rc = mdb_txn_commit(s->write);
		s->write = NULL;
		if (rc != 0) {
			store_trouble(s, "commit", rc);
			store_rollback(s);
			return -1;
		}
		s->now = none;
		store_rollback(s);
		if (feed_start(s) == -1)
			return -1;
	}
	if (drop_rows(s) == -1) {
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
key_delete(struct store *s, const unsigned char *key, size_t n, const void *id)
{
	MDB_val k = val(key, n), v;
	int rc = mdb_get(s->write, s->key, &k, &v);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return store_trouble(s, "key", rc);
	/* A later row may have taken the name over already. */
	if (id != NULL && (v.mv_size < 4 || memcmp(v.mv_data, id, 4) != 0))
		return 0;
	if ((rc = mdb_del(s->write, s->key, &k, NULL)) != 0)
		return store_trouble(s, "key", rc);
	return 0;
}

/* Take out (put false) or put in the key that leads to a row. */
static int
row_index(struct store *s, uint8_t table, uint32_t id, struct span bytes,
    bool put)
{
	unsigned char key[KEY_MAX], value[5];
	struct feed_credential c;
	struct feed_mailbox m;
	struct feed_domain d;
	size_t n = 0, value_len = 4;
	MDB_val k, v;
	int rc;

	if (table > FEED_CREDENTIAL)
		return 0; /* found by its number only */
	be32_put(value, id);
	switch (table) {
	case FEED_DOMAIN:
		if (feed_domain_get(bytes, &d) == 0) {
			n = domain_key(key, d.name);
			value[4] = d.local;
			value_len = 5;
		}
		break;
	case FEED_MAILBOX:
		if (feed_mailbox_get(bytes, &m) == 0)
			n = login_key(key, m.domain, m.login);
		break;
	case FEED_CREDENTIAL:
		if (feed_credential_get(bytes, &c) == 0) {
			n = credential_key(key, c.mailbox, id);
			value_len = 0;
		}
		break;
	}
	if (n == 0) {
		log_warnx("feed table=%u id=%u cannot be read", table, id);
		s->failed = true;
		return -1;
	}
	if (!put)
		return key_delete(s, key, n, value_len > 0 ? value : NULL);
	k = val(key, n);
	v = val(value, value_len);
	if ((rc = mdb_put(s->write, s->key, &k, &v, 0)) != 0)
		return store_trouble(s, "key", rc);
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
	    (is.len == 0 || (feed_mailbox_get(is, &m) == 0 &&
	    m.state != BOX_ACTIVE)))
		return note_revoked(s, id);
	if (table == FEED_CREDENTIAL && feed_credential_get(was, &c) == 0 &&
	    (is.len == 0 || feed_credential_get(is, &c2) == -1 ||
	    c2.mailbox != c.mailbox || !span_eq(c.verifier, c2.verifier) ||
	    c.services != c2.services))
		return note_revoked(s, c.mailbox);
	return 0;
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
	if ((rc = mdb_get(s->before, s->row, &k, &v)) != 0 &&
	    rc != MDB_NOTFOUND)
		return store_trouble(s, "row", rc);
	was = rc == 0 ? val_span(v) : span_from(NULL, 0);
	if (row_revokes(s, r->table, r->id, was, r->bytes) == -1)
		return -1;
	/* The row may have changed in this very feed: its key now. */
	rc = mdb_get(s->write, s->row, &k, &v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_trouble(s, "row", rc);
	if (rc == 0) {
		if (row_index(s, r->table, r->id, val_span(v), false) == -1)
			return -1;
		if (!r->put && (rc = mdb_del(s->write, s->row, &k, NULL)) != 0)
			return store_trouble(s, "row", rc);
	}
	if (!r->put)
		return 0;
	v = val(r->bytes.data, r->bytes.len);
	if ((rc = mdb_put(s->write, s->row, &k, &v, 0)) != 0)
		return store_trouble(s, "row", rc);
	return row_index(s, r->table, r->id, r->bytes, true);
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

		if ((rc = mdb_cursor_open(s->before, s->row, &w.cursor)) != 0)
			return store_trouble(s, "walk", rc);
		while ((rc = store_walk_next(&w, &k, &v)) == 0) {
			if (k.mv_size == 5 && mdb_get(s->write, s->row, &k,
			    &v2) == MDB_NOTFOUND &&
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
	int rc;

	if (s->write == NULL && feed_start(s) == -1)
		return -1;
	if (s->full) {
		st.directory = s->loading;
	} else if (!s->now.complete || from != s->now.journal ||
	    journal < from) {
		log_warnx("feed gap: at=%llu from=%llu complete=%d",
		    (unsigned long long)s->now.journal,
		    (unsigned long long)from, s->now.complete);
		store_rollback(s);
		errno = EBUSY;
		return -1;
	}
	if (s->failed || (s->full && revoke_missing(s) == -1) ||
	    put_state(s, &st) == -1) {
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
