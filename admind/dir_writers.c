/*
 * dir_writers - one of several writers or readers of the directory, for tests:
 *
 *	dir_writers write WHERE PASSWORD SEED COUNT
 *		make, activate, doom and remove COUNT times one of a few
 *		mailboxes of writers.test, as other writers do
 *	dir_writers watch WHERE PASSWORD
 *		until it is terminated: does each snapshot hold all changes up
 *		to its number
 *
 * WHERE is as in semail.conf(5).  At the end one line says what was seen.
 */
#include "config.h"
#include "admind/dir_domain.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES 8

static const struct dir_who who = {
	.name = "test", .origin = "unix", .kind = WHO_ALL
};
static volatile sig_atomic_t terminated;
static char comment[COMMENT_MAX + 1];
static struct {
	unsigned made, removed, lost_race, temporary, other;
	uint64_t longest_ms;
} seen;

static void
on_term(int sig)
{
	(void)sig;
	terminated = 1;
}

static void
count(int code, unsigned *good)
{
	switch (code) {
	case CODE_OK:
		(*good)++;
		break;
	case CODE_EXISTS:
	case CODE_NO_MAILBOX:
		seen.lost_race++;
		break;
	case CODE_TEMP:
		seen.temporary++;
		break;
	default:
		seen.other++;
		fprintf(stderr, "code %d %s\n", code, comment);
	}
}

static void
turn(struct db *db, unsigned dice)
{
	static const struct settings none;
	static const struct dir_new new = { .type = "NEWBAL",
		.set = &none,
		.verifier = "$argon2id$none",
		.kind = CREDENTIAL_PASSWORD,
		.uid_first = 1900000000,
		.uid_last = 1999999999 };
	struct dir_mailbox m = { .domain = "writers.test" }, found;
	unsigned activated = 0;
	int code;

	snprintf(m.login, sizeof(m.login), "m%u", dice % NAMES);
	code = dir_find(db, &who, &m, &found, comment);
	if (code == CODE_NO_MAILBOX) {
		code = dir_add(db, &who, &m, &new, comment);
		count(code, &seen.made);
		if (code == CODE_OK)
			count(dir_activate(db, m.id, comment), &activated);
	} else if (code == CODE_OK && found.state == BOX_ACTIVE) {
		code = dir_doom(db, &who, &found, comment);
		if (code == CODE_OK)
			code = dir_remove(db, &who, &found, comment);
		count(code, &seen.removed);
	} else if (code != CODE_OK) {
		count(code, &activated);
	} /* else: another writer is at it */
}

static int
write_some(struct db *db, unsigned seed, unsigned n)
{
	uint64_t started, took, begun = io_now_ms();
	unsigned i;

	srandom(seed);
	for (i = 0; i < n && !terminated; i++) {
		started = io_now_ms();
		turn(db, (unsigned)random());
		took = io_now_ms() - started;
		if (took > seen.longest_ms)
			seen.longest_ms = took;
	}
	printf("turns=%u made=%u removed=%u lost-race=%u temporary=%u other=%u "
	       "longest-ms=%llu ms=%llu\n",
	    i, seen.made, seen.removed, seen.lost_race, seen.temporary,
	    seen.other, (unsigned long long)seen.longest_ms,
	    (unsigned long long)(io_now_ms() - begun));
	return seen.other == 0 ? 0 : 1;
}

static int
watch(struct db *db)
{
	unsigned looks = 0, bad = 0, away = 0;
	struct dir_snapshot is;
	uint64_t last = 0;
	struct db_rows r;

	while (!terminated) {
		if (dir_snapshot(db, &is) == -1 ||
		    db_query(db, &r,
		        "SELECT "
		        "COUNT(*), MAX(Jo_Numero) FROM Journal",
		        NULL, 0) == -1 ||
		    !db_next(&r)) {
			away++;
			db_lost(db);
			continue;
		}
		if (is.journal != db_column_u64(&r, 0) ||
		    is.journal != db_column_u64(&r, 1) || is.journal < last) {
			bad++;
			fprintf(stderr,
			    "number=%llu rows=%llu newest=%llu "
			    "before=%llu\n",
			    (unsigned long long)is.journal,
			    (unsigned long long)db_column_u64(&r, 0),
			    (unsigned long long)db_column_u64(&r, 1),
			    (unsigned long long)last);
		}
		last = is.journal;
		looks++;
		db_rows_clear(&r);
		db_snapshot_end(db);
	}
	printf("looks=%u bad=%u away=%u last=%llu\n", looks, bad, away,
	    (unsigned long long)last);
	return bad == 0 && looks > 0 ? 0 : 1;
}

int
main(int argc, char *argv[])
{
	struct db_where where;
	struct db *db;
	int r = 2;

	log_init("dir_writers");
	log_set_debug(true);
	secret_init();
	signal(SIGTERM, on_term);
	if (argc < 4 || db_where_parse(argv[2], &where) == -1 ||
	    span_copy(span_of(argv[3]), where.password,
	        sizeof(where.password)) == -1 ||
	    (db = db_new(&where)) == NULL)
		return 2;
	if (strcmp(argv[1], "write") == 0 && argc == 6) {
		if (dir_open(db) == 0 &&
		    dir_newdom(db, &who, "writers.test", "", comment) ==
		        CODE_OK)
			r = write_some(db, (unsigned)strtoul(argv[4], NULL, 10),
			    (unsigned)strtoul(argv[5], NULL, 10));
	} else if (strcmp(argv[1], "watch") == 0) {
		r = watch(db);
	}
	db_free(&db);
	return r;
}
