/*
 * What is in it:
 *	meta   "state" -> u32 version, u64 directory, u64 journal, u8 complete,
 *	       u8 which of the two below answers
 *	row0   table, id (big-endian) -> the row as fed
 *	key0   what mail and logins look for -> that row: store_index.c
 *	row1, key1
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
	if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_PANIC ||
	    rc == MDB_INVALID || rc == MDB_CURSOR_FULL ||
	    rc == MDB_INCOMPATIBLE)
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
	s->active = wire_u8(&w);
	/* Written by another version: as if there were nothing. */
	if (wire_done(&w) == -1 || version != STORE_VERSION || s->active > 1) {
		memset(&s->now, 0, sizeof(s->now));
		s->active = 0;
	}
	return 0;
}

static int
open_tables(MDB_txn *txn, const char *row, const char *key, struct tables *out)
{
	int rc = mdb_dbi_open(txn, row, MDB_CREATE, &out->row);

	return rc != 0 ? rc : mdb_dbi_open(txn, key, MDB_CREATE, &out->key);
}

static int
store_try_open(struct store *s)
{
	MDB_txn *txn = NULL;
	int rc;

	if ((rc = mdb_env_create(&s->env)) != 0 ||
	    (rc = mdb_env_set_mapsize(s->env, MAP_BYTES)) != 0 ||
	    (rc = mdb_env_set_maxdbs(s->env, 6)) != 0 ||
	    (rc = mdb_env_open(s->env, ".",
	         MDB_NOTLS | MDB_NOMETASYNC | MDB_NORDAHEAD, 0600)) != 0)
		goto fail;
	rc = MDB_CORRUPTED;
	if (!store_is_whole(s->env))
		goto fail;
	if ((rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0 ||
	    (rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &s->meta)) != 0 ||
	    (rc = open_tables(txn, "row0", "key0", &s->table[0])) != 0 ||
	    (rc = open_tables(txn, "row1", "key1", &s->table[1])) != 0 ||
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
