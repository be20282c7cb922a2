/*
 * What is in it:
 *	meta   "state" -> u32 version, u64 directory, u64 journal, u8 complete
 *	row    table, id (big-endian) -> the row as fed
 *	key    'd' name -> domain id, local; 'm' domain id, login -> mailbox id;
 *	       'c' mailbox id, credential id -> nothing
 *	usage  mailbox id -> u64 bytes
 *
 * Every commit is synced but for LMDB's meta page (MDB_NOMETASYNC): power loss
 * may take back the last commit as a whole, and admind, told the older number,
 * sends it again.
 */
#include "config.h"
#include "admind/store.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_VERSION 1
#ifdef SANITIZED
#define MAP_BYTES (1ull << 30)
#else
#define MAP_BYTES (16ull << 30) /* address space, not memory or disk */
#endif
#define DATA "data.mdb"
#define LOCK "lock.mdb"
#define KEY_MAX 300

struct store {
	MDB_env *env;
	MDB_txn *read;  /* reset between look-ups, renewed for each */
	MDB_txn *write; /* a feed is under way */
	MDB_txn *before; /* during a feed: what held when it began */
	MDB_dbi meta, row, key, usage;
	struct store_state now;
	uint64_t loading;  /* directory of the full load under way */
	bool full;
	bool failed;       /* this feed cannot be committed */
	bool damaged;
	uint32_t *revoked; /* of this feed, then of the last commit */
	size_t nrevoked, revoked_cap;
	size_t revoked_ready;
};

/* LMDB takes void pointers for what it only reads. */
static MDB_val
val(const void *p, size_t n)
{
	union { const void *c; void *m; } u = { .c = p };

	return (MDB_val){ n, u.m };
}

static struct span
val_span(MDB_val v)
{
	return span_from(v.mv_data, v.mv_size);
}

static void
be32_put(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

static uint32_t
be32_get(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* LMDB said rc: is it damage, which only a new store mends? */
static int
trouble(struct store *s, const char *what, int rc)
{
	log_warnx("store what=%s error=\"%s\"", what, mdb_strerror(rc));
	if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	    rc == MDB_PANIC || rc == MDB_INVALID || rc == MDB_BAD_TXN ||
	    rc == MDB_CURSOR_FULL || rc == MDB_INCOMPATIBLE)
		s->damaged = true;
	s->failed = true;
	return -1;
}

/* ---- the file ------------------------------------------------------------ */

void
store_remove(int dirfd)
{
	if ((unlinkat(dirfd, DATA, 0) == -1 && errno != ENOENT) ||
	    (unlinkat(dirfd, LOCK, 0) == -1 && errno != ENOENT))
		log_warn("store remove");
}

/* A file cut short would be a SIGBUS later. */
static bool
store_is_whole(MDB_env *env)
{
	struct stat st;
	MDB_envinfo info;
	MDB_stat ms;
	int fd;

	return mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &ms) == 0 &&
	    mdb_env_get_fd(env, &fd) == 0 && fstat(fd, &st) == 0 &&
	    (uint64_t)st.st_size >=
	    ((uint64_t)info.me_last_pgno + 1) * ms.ms_psize;
}

static int
store_read_state(struct store *s, MDB_txn *txn)
{
	MDB_val k = val("state", 5), v;
	struct wire w;
	uint32_t version;
	int rc = mdb_get(txn, s->meta, &k, &v);

	memset(&s->now, 0, sizeof(s->now));
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return rc;
	wire_init(&w, val_span(v));
	version = wire_u32(&w);
	s->now.directory = wire_u64(&w);
	s->now.journal = wire_u64(&w);
	s->now.complete = wire_u8(&w) == 1;
	/* Written by another version: as if there were nothing. */
	if (wire_done(&w) == -1 || version != STORE_VERSION)
		memset(&s->now, 0, sizeof(s->now));
	return 0;
}

static int
store_try_open(struct store *s)
{
	MDB_txn *txn = NULL;
	int rc;

	if ((rc = mdb_env_create(&s->env)) != 0 ||
	    (rc = mdb_env_set_mapsize(s->env, MAP_BYTES)) != 0 ||
	    (rc = mdb_env_set_maxdbs(s->env, 4)) != 0 ||
	    (rc = mdb_env_open(s->env, ".", MDB_NOTLS | MDB_NOMETASYNC |
	    MDB_NORDAHEAD, 0600)) != 0)
		goto fail;
	rc = MDB_CORRUPTED;
	if (!store_is_whole(s->env))
		goto fail;
	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0 ||
	    (rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &s->meta)) != 0 ||
	    (rc = mdb_dbi_open(txn, "row", MDB_CREATE, &s->row)) != 0 ||
	    (rc = mdb_dbi_open(txn, "key", MDB_CREATE, &s->key)) != 0 ||
	    (rc = mdb_dbi_open(txn, "usage", MDB_CREATE, &s->usage)) != 0 ||
	    (rc = store_read_state(s, txn)) != 0)
		goto fail;
	rc = mdb_txn_commit(txn);
	txn = NULL;
	if (rc != 0 ||
	    (rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read)) != 0)
		goto fail;
	mdb_txn_reset(s->read);
	return 0;
fail:
	if (txn != NULL)
		mdb_txn_abort(txn);
	log_warnx("store open error=\"%s\"", mdb_strerror(rc));
	mdb_env_close(s->env);
	s->env = NULL;
	return -1;
}

struct store *
store_open(int dirfd)
{
	struct store *s = calloc(1, sizeof(*s));
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* LMDB opens by name only, and we may be in a chroot that does not
	 * hold the directory: step into it for the moment. */
	if (s == NULL || here == -1 || fchdir(dirfd) == -1) {
		log_warn("store directory");
		free(s);
		if (here != -1)
			close(here);
		return NULL;
	}
	if (store_try_open(s) == -1) {
		log_warnx("store damaged, starting an empty one");
		store_remove(dirfd);
		if (store_try_open(s) == -1) {
			free(s);
			s = NULL;
		}
	}
	if (fchdir(here) == -1)
		fatal("store: the way back");
	close(here);
	return s;
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;

	if (s == NULL)
		return;
	store_rollback(s);
	mdb_txn_abort(s->read);
	mdb_env_close(s->env);
	free(s->revoked);
	free(s);
	*sp = NULL;
}

bool
store_is_damaged(const struct store *s)
{
	return s->damaged;
}

struct store_state
store_state(const struct store *s)
{
	return s->now;
}

/* ---- look-ups ------------------------------------------------------------ */

static enum store_answer
look(struct store *s, MDB_dbi dbi, MDB_val k, MDB_val *v)
{
	int rc;

	if (!s->now.complete || s->damaged)
		return STORE_UNKNOWN;
	if ((rc = mdb_txn_renew(s->read)) != 0) {
		trouble(s, "renew", rc);
		return STORE_UNKNOWN;
	}
	rc = mdb_get(s->read, dbi, &k, v);
	/* The pages stay where they are until we write: v may be used
	 * until then, and a store call that writes says so. */
	mdb_txn_reset(s->read);
	if (rc == 0)
		return STORE_FOUND;
	if (rc == MDB_NOTFOUND)
		return STORE_NONE;
	trouble(s, "get", rc);
	return STORE_UNKNOWN;
}

static enum store_answer
bad_row(struct store *s)
{
	log_warnx("store: a row that cannot be read");
	s->damaged = true;
	return STORE_UNKNOWN;
}

static size_t
row_key(unsigned char k[5], uint8_t table, uint32_t id)
{
	k[0] = table;
	be32_put(k + 1, id);
	return 5;
}

/* 'd' name; 0 if it cannot be one. */
static size_t
domain_key(unsigned char *k, struct span name)
{
	if (name.len == 0 || name.len > 255)
		return 0;
	k[0] = 'd';
	memcpy(k + 1, name.data, name.len);
	return name.len + 1;
}

static size_t
login_key(unsigned char *k, uint32_t domain, struct span login)
{
	if (login.len == 0 || login.len > 64)
		return 0;
	k[0] = 'm';
	be32_put(k + 1, domain);
	memcpy(k + 5, login.data, login.len);
	return login.len + 5;
}

static size_t
credential_key(unsigned char *k, uint32_t mailbox, uint32_t id)
{
	k[0] = 'c';
	be32_put(k + 1, mailbox);
	be32_put(k + 5, id);
	return 9;
}

enum store_answer
store_domain(struct store *s, struct span name, uint32_t *id_out,
    bool *local_out)
{
	unsigned char k[KEY_MAX];
	size_t n = domain_key(k, name);
	enum store_answer a;
	MDB_val v;

	if (n == 0)
		return s->now.complete ? STORE_NONE : STORE_UNKNOWN;
	if ((a = look(s, s->key, val(k, n), &v)) != STORE_FOUND)
		return a;
	if (v.mv_size != 5)
		return bad_row(s);
	*id_out = be32_get(v.mv_data);
	*local_out = ((unsigned char *)v.mv_data)[4] != 0;
	return STORE_FOUND;
}

enum store_answer
store_find(struct store *s, uint32_t domain, struct span login,
    uint32_t *mailbox_out)
{
	unsigned char k[KEY_MAX];
	size_t n = login_key(k, domain, login);
	enum store_answer a;
	MDB_val v;

	if (n == 0)
		return s->now.complete ? STORE_NONE : STORE_UNKNOWN;
	if ((a = look(s, s->key, val(k, n), &v)) != STORE_FOUND)
		return a;
	if (v.mv_size != 4)
		return bad_row(s);
	*mailbox_out = be32_get(v.mv_data);
	return STORE_FOUND;
}

enum store_answer
store_box(struct store *s, uint32_t mailbox, struct store_box *out)
{
	unsigned char k[5];
	struct feed_mailbox m;
	struct feed_domain d;
	enum store_answer a;
	MDB_val v;

	row_key(k, FEED_MAILBOX, mailbox);
	if ((a = look(s, s->row, val(k, 5), &v)) != STORE_FOUND)
		return a;
	if (feed_mailbox_get(val_span(v), &m) == -1 ||
	    span_copy(m.login, out->login, sizeof(out->login)) == -1)
		return bad_row(s);
	out->mailbox = mailbox;
	out->domain = m.domain;
	out->uid = m.uid;
	out->state = m.state;
	out->quota_kb = m.quota_kb;
	row_key(k, FEED_DOMAIN, m.domain);
	a = look(s, s->row, val(k, 5), &v);
	if (a == STORE_UNKNOWN)
		return a;
	if (a == STORE_NONE || feed_domain_get(val_span(v), &d) == -1 ||
	    span_copy(d.name, out->domain_name, sizeof(out->domain_name)) == -1)
		return bad_row(s);
	return STORE_FOUND;
}

/* Walk keys or rows that begin with prefix. */
struct walk {
	MDB_cursor *cursor;
	unsigned char prefix[8];
	size_t prefix_len;
	bool started;
};

static int
walk_next(struct walk *w, MDB_val *k, MDB_val *v)
{
	int rc;

	if (!w->started)
		*k = val(w->prefix, w->prefix_len);
	rc = mdb_cursor_get(w->cursor, k, v, w->started ? MDB_NEXT : MDB_SET_RANGE);
	w->started = true;
	if (rc == 0 && (k->mv_size < w->prefix_len ||
	    memcmp(k->mv_data, w->prefix, w->prefix_len) != 0))
		return MDB_NOTFOUND;
	return rc;
}

enum store_answer
store_find_anywhere(struct store *s, struct span login, uint32_t *mailbox_out)
{
	struct walk w = { .prefix = { FEED_DOMAIN }, .prefix_len = 1 };
	enum store_answer a = STORE_NONE;
	unsigned char key[KEY_MAX];
	size_t n = login_key(key, 0, login);
	unsigned looked = 0;
	MDB_val k, v, mk;
	int rc;

	if (!s->now.complete || s->damaged)
		return STORE_UNKNOWN;
	if (n == 0)
		return STORE_NONE;
	if ((rc = mdb_txn_renew(s->read)) != 0 ||
	    (rc = mdb_cursor_open(s->read, s->row, &w.cursor)) != 0) {
		trouble(s, "walk", rc);
		mdb_txn_reset(s->read);
		return STORE_UNKNOWN;
	}
	while ((rc = walk_next(&w, &k, &v)) == 0 && looked++ < 1000) {
		if (k.mv_size != 5)
			break;
		memcpy(key + 1, (unsigned char *)k.mv_data + 1, 4);
		mk = val(key, n);
		if ((rc = mdb_get(s->read, s->key, &mk, &v)) == 0 &&
		    v.mv_size == 4) {
			*mailbox_out = be32_get(v.mv_data);
			a = STORE_FOUND;
			break;
		}
		if (rc != MDB_NOTFOUND)
			break;
	}
	if (rc != 0 && rc != MDB_NOTFOUND) {
		trouble(s, "walk", rc);
		a = STORE_UNKNOWN;
	}
	mdb_cursor_close(w.cursor);
	mdb_txn_reset(s->read);
	return a;
}

enum store_answer
store_credentials(struct store *s, uint32_t mailbox, uint8_t service,
    struct span out[static STORE_CREDENTIALS_MAX], unsigned *n_out)
{
	struct walk w = { .prefix = { 'c' }, .prefix_len = 5 };
	enum store_answer a = STORE_FOUND;
	unsigned char key[5];
	struct feed_credential c;
	MDB_val k, v, rk;
	int rc;

	*n_out = 0;
	if (!s->now.complete || s->damaged)
		return STORE_UNKNOWN;
	be32_put(w.prefix + 1, mailbox);
	if ((rc = mdb_txn_renew(s->read)) != 0 ||
	    (rc = mdb_cursor_open(s->read, s->key, &w.cursor)) != 0) {
		trouble(s, "walk", rc);
		mdb_txn_reset(s->read);
		return STORE_UNKNOWN;
	}
	while ((rc = walk_next(&w, &k, &v)) == 0 &&
	    *n_out < STORE_CREDENTIALS_MAX) {
		if (k.mv_size != 9) {
			rc = MDB_CORRUPTED;
			break;
		}
		row_key(key, FEED_CREDENTIAL,
		    be32_get((unsigned char *)k.mv_data + 5));
		rk = val(key, 5);
		if ((rc = mdb_get(s->read, s->row, &rk, &v)) != 0 ||
		    feed_credential_get(val_span(v), &c) == -1) {
			rc = MDB_CORRUPTED;
			break;
		}
		if (c.services == 0 || (c.services & (1u << service)) != 0)
			out[(*n_out)++] = c.verifier;
	}
	if (rc != 0 && rc != MDB_NOTFOUND) {
		trouble(s, "credentials", rc);
		a = STORE_UNKNOWN;
	}
	mdb_cursor_close(w.cursor);
	mdb_txn_reset(s->read);
	return a;
}

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
		trouble(s, "begin", rc);
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
		return trouble(s, "state", rc);
	return 0;
}

static int
drop_rows(struct store *s)
{
	int rc;

	if ((rc = mdb_drop(s->write, s->row, 0)) != 0 ||
	    (rc = mdb_drop(s->write, s->key, 0)) != 0)
		return trouble(s, "drop", rc);
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
			trouble(s, "commit", rc);
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
		return trouble(s, "key", rc);
	/* A later row may have taken the name over already. */
	if (id != NULL && (v.mv_size < 4 || memcmp(v.mv_data, id, 4) != 0))
		return 0;
	if ((rc = mdb_del(s->write, s->key, &k, NULL)) != 0)
		return trouble(s, "key", rc);
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
		return trouble(s, "key", rc);
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
		return trouble(s, "row", rc);
	was = rc == 0 ? val_span(v) : span_from(NULL, 0);
	if (row_revokes(s, r->table, r->id, was, r->bytes) == -1)
		return -1;
	/* The row may have changed in this very feed: its key now. */
	rc = mdb_get(s->write, s->row, &k, &v);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return trouble(s, "row", rc);
	if (rc == 0) {
		if (row_index(s, r->table, r->id, val_span(v), false) == -1)
			return -1;
		if (!r->put && (rc = mdb_del(s->write, s->row, &k, NULL)) != 0)
			return trouble(s, "row", rc);
	}
	if (!r->put)
		return 0;
	v = val(r->bytes.data, r->bytes.len);
	if ((rc = mdb_put(s->write, s->row, &k, &v, 0)) != 0)
		return trouble(s, "row", rc);
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
			return trouble(s, "walk", rc);
		while ((rc = walk_next(&w, &k, &v)) == 0) {
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
		trouble(s, "commit", rc);
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
		return trouble(s, "usage", rc);
	for (size_t i = 0; i < n; i++) {
		be32_put(key, mailboxes[i]);
		le64_put(value, bytes[i]);
		k = val(key, sizeof(key));
		v = val(value, sizeof(value));
		if ((rc = mdb_put(txn, s->usage, &k, &v, 0)) != 0) {
			mdb_txn_abort(txn);
			return trouble(s, "usage", rc);
		}
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		return trouble(s, "usage", rc);
	return 0;
}

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
		return bad_row(s);
	*bytes_out = le64_get(v.mv_data);
	return STORE_FOUND;
}
