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
#include "admind/store_int.h"

#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int
store_trouble(struct store *s, const char *what, int rc)
{
	log_warnx("store what=%s error=\"%s\"", what, mdb_strerror(rc));
	if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	    rc == MDB_PANIC || rc == MDB_INVALID ||
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
		store_trouble(s, "renew", rc);
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
	store_trouble(s, "get", rc);
	return STORE_UNKNOWN;
}

static enum store_answer
bad_row(struct store *s)
{
	log_warnx("store: a row that cannot be read");
	s->damaged = true;
	return STORE_UNKNOWN;
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

int
store_walk_next(struct walk *w, MDB_val *k, MDB_val *v)
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
		store_trouble(s, "walk", rc);
		mdb_txn_reset(s->read);
		return STORE_UNKNOWN;
	}
	while ((rc = store_walk_next(&w, &k, &v)) == 0 && looked++ < 1000) {
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
		store_trouble(s, "walk", rc);
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
		store_trouble(s, "walk", rc);
		mdb_txn_reset(s->read);
		return STORE_UNKNOWN;
	}
	while ((rc = store_walk_next(&w, &k, &v)) == 0 &&
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
		store_trouble(s, "credentials", rc);
		a = STORE_UNKNOWN;
	}
	mdb_cursor_close(w.cursor);
	mdb_txn_reset(s->read);
	return a;
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
