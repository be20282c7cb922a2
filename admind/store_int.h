/*
 * store_int.h - what the files of the store share: store.c (the file),
 * store_look.c (look-ups), store_index.c (the keys of a row), store_feed.c
 * (feeds).
 */
#ifndef ADMIND_STORE_INT_H
#define ADMIND_STORE_INT_H

#include "admind/store.h"

#include <lmdb.h>

#define STORE_VERSION 3
#ifdef SANITIZED
#define MAP_BYTES (1ull << 30)
#else
#define MAP_BYTES (16ull << 30) /* address space, not memory or disk */
#endif
#define DATA "data.mdb"
#define LOCK "lock.mdb"
#define KEY_MAX 300

/* Rows and the keys that lead to them. */
struct tables {
	MDB_dbi row, key;
};

struct store {
	MDB_env *env;
	MDB_txn *read;   /* reset between look-ups, renewed for each */
	MDB_txn *write;  /* a feed is under way */
	MDB_txn *before; /* during a feed: what held when it began */
	MDB_dbi meta, usage;
	/* Answers come from table[now.active].  Changes go there too; a full
	 * load goes to the other and in several transactions, and the last
	 * makes that the active one. */
	struct tables table[2];
	unsigned active;
	const struct tables *to; /* of the feed under way */
	unsigned uncommitted;    /* rows of a full load */
	struct store_state now;
	uint64_t loading; /* directory of the full load under way */
	bool full;
	bool failed; /* this feed cannot be committed */
	bool damaged;
	uint32_t *revoked; /* of this feed, then of the last commit */
	size_t nrevoked, revoked_cap;
	size_t revoked_ready;
};

/* LMDB takes void pointers for what it only reads. */
static inline MDB_val
val(const void *p, size_t n)
{
	union {
		const void *c;
		void *m;
	} u = { .c = p };

	return (MDB_val){ n, u.m };
}

static inline struct span
val_span(MDB_val v)
{
	return span_from(v.mv_data, v.mv_size);
}

static inline void
be32_put(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

static inline uint32_t
be32_get(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline size_t
row_key(unsigned char k[5], uint8_t table, uint32_t id)
{
	k[0] = table;
	be32_put(k + 1, id);
	return 5;
}

/* The keys.  Each returns its length, or 0 if there can be none. */

/* 'd' name */
static inline size_t
domain_key(unsigned char *k, struct span name)
{
	if (name.len == 0 || name.len > 255)
		return 0;
	k[0] = 'd';
	memcpy(k + 1, name.data, name.len);
	return name.len + 1;
}

/* 'm' domain, login */
static inline size_t
login_key(unsigned char *k, uint32_t domain, struct span login)
{
	if (login.len == 0 || login.len > 64)
		return 0;
	k[0] = 'm';
	be32_put(k + 1, domain);
	memcpy(k + 5, login.data, login.len);
	return login.len + 5;
}

/* 'a' server, name */
static inline size_t
alias_key(unsigned char *k, uint32_t server, struct span name)
{
	if (name.len == 0 || name.len > FEED_NAME_MAX)
		return 0;
	k[0] = 'a';
	be32_put(k + 1, server);
	memcpy(k + 5, name.data, name.len);
	return name.len + 5;
}

/* 'v' domain, user; no user: what catches all */
static inline size_t
virtual_key(unsigned char *k, uint32_t domain, struct span user)
{
	if (user.len > 64)
		return 0;
	k[0] = 'v';
	be32_put(k + 1, domain);
	if (user.len > 0)
		memcpy(k + 5, user.data, user.len);
	return user.len + 5;
}

/* 'h' length, short login; the mailbox follows: there may be several */
static inline size_t
short_key(unsigned char *k, struct span login)
{
	if (login.len == 0 || login.len > 64)
		return 0;
	k[0] = 'h';
	k[1] = (unsigned char)login.len;
	memcpy(k + 2, login.data, login.len);
	return login.len + 2;
}

/* 'p' domain: its mailbox postmaster */
static inline size_t
postmaster_key(unsigned char *k, uint32_t domain)
{
	k[0] = 'p';
	be32_put(k + 1, domain);
	return 5;
}

/* 'c' mailbox, credential */
static inline size_t
credential_key(unsigned char *k, uint32_t mailbox, uint32_t id)
{
	k[0] = 'c';
	be32_put(k + 1, mailbox);
	be32_put(k + 5, id);
	return 9;
}

/* Walk keys or rows that begin with prefix. */
struct walk {
	MDB_cursor *cursor;
	unsigned char prefix[72];
	size_t prefix_len;
	bool started;
};

int store_walk_next(struct walk *, MDB_val *k, MDB_val *v);

/* The keys of a row as fed; -1 (logged) if it cannot be read. */
#define ROW_KEYS_MAX 3
struct row_key {
	unsigned char bytes[KEY_MAX];
	size_t len;
	unsigned char value[8];
	size_t value_len; /* 0: the key says it all, and is this row's alone */
};
int store_row_keys(uint8_t table, uint32_t id, struct span row,
    struct row_key out[static ROW_KEYS_MAX]);

/* A row as fed, borrowed until the next call of the store. */
enum store_answer store_look_row(struct store *, uint8_t table, uint32_t id,
    struct span *out);
/* It cannot be read: that is damage.  Always STORE_UNKNOWN. */
enum store_answer store_bad_row(struct store *);
enum store_answer store_server_here(struct store *, uint32_t *id_out);

/* LMDB said rc: log it, and see whether it is damage, which only a new store
 * mends.  Always -1. */
int store_trouble(struct store *, const char *what, int rc);

#endif
