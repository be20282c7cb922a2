/* A mailbox is copied out or in: nothing changes in the database but the audit
 * log. */
#include "config.h"
#include "admind/dir_box_int.h"

struct copy {
	struct box_txn t;
	const char *type;
};

static int
copy_txn(struct db *db, void *arg)
{
	struct copy *c = arg;
	struct dir_domain d;
	struct box_row row;
	char object[330];
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = box_find(db, c->t.who, c->t.in, &d, &row, c->t.comment)) != 0)
		return rc;
	dir_box_object(c->t.in, object);
	return dir_touch(db) == -1 ||
	        dir_audit(db, c->t.who, c->type, object) == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_copy(struct db *db, const struct dir_who *who, const struct dir_mailbox *m,
    const char *type, char comment[static COMMENT_MAX + 1])
{
	struct copy c = { { .who = who, .in = m, .comment = comment }, type };

	return dir_code(db_txn(db, copy_txn, &c), comment);
}
