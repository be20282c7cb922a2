/*
 * LIST of an entity.
 *
 * What is numbered, there may be a million of it, is read by its number a slice
 * at a time: a statement never looks at more rows than a slice has, whatever is
 * looked for and whoever owns how little of it, and after a second the page ends
 * with what there is.  The rows of one domain are found by their index.
 */
#include "config.h"
#include "admind/entity.h"

#include "libcommon/io.h"

#include <inttypes.h>
#include <stdio.h>

#define END INT32_MAX /* no number is greater */

struct list_txn {
	struct dir_change *c;
	const struct dir_page *page;
	struct rows *rows;
	uint64_t after, until_ms;
};

/* The last number of the slice after this one.  0, -1. */
static int
find_slice(struct db *db, const struct list_txn *l, uint64_t after,
    uint64_t *upto_out)
{
	struct db_value v[1] = { db_u64(after) };
	struct db_rows r;
	int rc;

	*upto_out = END;
	if (l->c->d.id != 0)
		return 0;
	rc = db_query(db, &r, l->c->entity->slice, v, 1);
	if (rc == 0 && db_next(&r))
		*upto_out = db_column_u64(&r, 0);
	db_rows_clear(&r);
	return rc;
}

/* The values that say whose rows are meant, and which; how many. */
static unsigned
put_scope(const struct list_txn *l, struct db_value v[static 7])
{
	const struct dir_change *c = l->c;
	unsigned n = 0;

	switch (c->entity->scope) {
	case SCOPE_ALL:
		break;
	case SCOPE_ADMIN:
		for (; n < 3; n++)
			v[n] = db_u64(c->who->kind == WHO_ALL ? 0 : c->who->id);
		break;
	case SCOPE_CLIENT:
		dir_scope(c->who, v);
		n = 4;
		break;
	case SCOPE_DOMAIN:
		dir_scope(c->who, v);
		v[4] = v[5] = db_u64(c->d.id);
		n = 6;
		break;
	}
	v[n++] = db_bytes(l->page->match);
	return n;
}

/* 0 or DB_FAILED. */
static int
read_slices(struct db *db, const struct list_txn *l, struct db_value *v,
    unsigned n)
{
	uint64_t upto;
	char key[24];

	for (uint64_t after = l->after;; after = upto) {
		if (find_slice(db, l, after, &upto) == -1)
			return DB_FAILED;
		v[n] = db_u64(after);
		v[n + 1] = db_u64(upto);
		v[n + 2] = db_u64(rows_limit(l->rows) - l->rows->n);
		if (dir_rows_add(db, l->rows, l->c->entity->list, v, n + 3) ==
		    DB_FAILED)
			return DB_FAILED;
		if (upto == END || l->rows->more || l->rows->too_large)
			return 0;
		if (io_now_ms() >= l->until_ms) {
			snprintf(key, sizeof(key), "%" PRIu64, upto);
			rows_cut(l->rows, span_of(key));
			return 0;
		}
	}
}

static int
list_txn(struct db *db, void *arg)
{
	struct list_txn *l = arg;
	struct dir_change *c = l->c;
	struct db_value v[10];
	unsigned n;
	int rc;

	rows_reset(l->rows);
	l->until_ms = io_now_ms() + LIST_MS;
	if (c->entity->scope == SCOPE_DOMAIN && c->domain[0] != '\0' &&
	    (rc = dir_find_domain(db, c->who, c->domain, &c->d, c->comment)) !=
	        0)
		return rc;
	n = put_scope(l, v);
	if (c->entity->slice != NULL)
		return read_slices(db, l, v, n);
	v[n++] = db_bytes(l->page->after);
	v[n++] = db_u64(rows_limit(l->rows));
	return dir_rows_add(db, l->rows, c->entity->list, v, n);
}

static bool
take_after(struct list_txn *l)
{
	struct span after = l->page->after;

	if (l->c->entity->slice != NULL)
		return after.len == 0 || span_u64(after, END, &l->after) == 0;
	for (size_t i = 0; i < after.len; i++)
		if (after.data[i] >= 0x80) /* all keys are ASCII */
			return false;
	return true;
}

int
entity_list(struct db *db, struct dir_change *c, const struct dir_page *page,
    struct rows *rows)
{
	struct list_txn l = { .c = c, .page = page, .rows = rows };

	if (!take_after(&l)) {
		dir_say(c->comment, "AFTER is no NEXT of an answer");
		return CODE_VALUE;
	}
	return dir_code(db_txn(db, list_txn, &l), c->comment);
}
