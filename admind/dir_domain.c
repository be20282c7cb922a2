#include "config.h"
#include "admind/dir_int.h"

struct newdom {
	const struct dir_who *who;
	const char *name;
	char *comment;
};

static int
newdom_txn(struct db *db, void *arg)
{
	struct newdom *n = arg;
	uint32_t owner = n->who->kind == WHO_CLIENT ? n->who->id : CLIENT_OWN;
	struct dir_who anyone = *n->who;
	struct dir_domain row;
	struct db_value v[3];
	uint64_t id;
	int r;

	anyone.kind = WHO_ALL;
	if (dir_lock(db) == -1)
		return DB_FAILED;
	r = dir_find_domain(db, &anyone, n->name, &row, n->comment);
	if (r == 0) {
		if (!dir_owns(n->who, &row.owner)) {
			dir_say(n->comment, "the domain is another client's");
			return REFUSE(CODE_EXISTS);
		}
		dir_say(n->comment, "the domain is there");
		return 0; /* again: nothing to change */
	}
	if (r == DB_FAILED)
		return r;
	v[0] = db_str(n->name);
	v[1] = db_u64(SERVER_HERE);
	v[2] = db_u64(owner);
	if (db_do(db, &id, NULL, "INSERT INTO Domaine (Do_NomDomaine, "
	    "Do_IdServeur, Do_IdClient) VALUES (?, ?, ?)", v, 3) == -1 ||
	    dir_journal(db, FEED_DOMAIN, id) == -1 ||
	    dir_audit(db, n->who, "NEWDOM", n->name) == -1)
		return DB_FAILED;
	dir_say(n->comment, "the domain has been made");
	return 0;
}

int
dir_newdom(struct db *db, const struct dir_who *who, const char *name,
    char comment[static COMMENT_MAX + 1])
{
	struct newdom n = { who, name, comment };

	return dir_code(db_txn(db, newdom_txn, &n), comment);
}
