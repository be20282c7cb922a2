/*
 * store_int.h - what store.c (the file, look-ups) and store_feed.c (feeds)
 * share.
 */
#ifndef ADMIND_STORE_INT_H
#define ADMIND_STORE_INT_H

#include "admind/store.h"

#include <lmdb.h>

#define STORE_VERSION 2
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
static inline MDB_val
val(const void *p, size_t n)
{
	union { const void *c; void *m; } u = { .c = p };

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

/* 'd' name; 0 if it cannot be one. */
static inline size_t
domain_key(unsigned char *k, struct span name)
{
	if (name.len == 0 || name.len > 255)
		return 0;
	k[0] = 'd';
	memcpy(k + 1, name.data, name.len);
	return name.len + 1;
}

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
	unsigned char prefix[8];
	size_t prefix_len;
	bool started;
};

int store_walk_next(struct walk *, MDB_val *k, MDB_val *v);

/* LMDB said rc: log it, and see whether it is damage, which only a new store
 * mends.  Always -1. */
int store_trouble(struct store *, const char *what, int rc);

#endif
