/*
 * directory - the changes admind makes in the database.  Each is one
 * transaction that also appends to the journal and the audit log, and each
 * looks at what it finds first, so that it may be repeated.
 *
 * Functions that return a code (code.h) write its comment, too.
 */
#ifndef ADMIND_DIRECTORY_H
#define ADMIND_DIRECTORY_H

#include "admind/code.h"
#include "admind/rows.h"
#include "libcommon/db.h"
#include "libcommon/msg_feed.h"

/* Who asks. */
enum dir_kind {
	WHO_ALL,   /* root, group semail-admin, an administrator of all */
	WHO_ADMIN, /* an administrator, for what is his clients' */
	WHO_CLIENT,
	WHO_MAILBOX, /* for itself */
};

struct dir_who {
	char name[160]; /* for the audit log */
	char origin[64];
	enum dir_kind kind;
	uint32_t id;      /* of the administrator, client, mailbox; 0: root */
	char domain[256]; /* WHO_MAILBOX: its address */
	char login[65];
	bool has_request; /* the panel gave a number to know it again by */
	unsigned char request[16];
};

/* Write a comment. */
__attribute__((format(printf, 2, 3))) void
dir_say(char comment[static COMMENT_MAX + 1], const char *fmt, ...);

/* Bring the schema up to date and see that there is an identity.  0, or -1
 * after logging (try again later). */
int dir_open(struct db *);
/* The text of the migrations, in order (made from schema/ by make). */
extern const char *const dir_migrations[];
extern const unsigned dir_nmigrations;

/*
 * A snapshot to read from (db_snapshot(), db_snapshot_end()), and what it shows:
 * all changes up to the number, and none after it.  0, or -1 with the connection
 * dropped; then try again later.
 *
 * MariaDB promises as much, but on a node of a Galera cluster one in some ten
 * thousand snapshots shows the journal's counter of a transaction without its
 * row.  So the newest rows of the journal are looked at, and another snapshot is
 * taken; one whose journal still has a gap then is logged, and used.
 */
struct dir_snapshot {
	uint64_t directory, journal;
};
int dir_snapshot(struct db *, struct dir_snapshot *out);

/*
 * Remove the oldest rows of the journal: those authd has acknowledged that are
 * older than keep_s, a bounded number.  1: there may be more, 0, or -1.  Who
 * missed them (another server's authd) loads everything anew.
 */
int dir_prune(struct db *, uint64_t acknowledged, uint64_t keep_s);

/* Whose login it is: CODE_OK with who->kind and id, and the verifier of the
 * password ("": nobody logs in with it); CODE_DENIED when it is neither an
 * administrator's nor a client's; CODE_TEMP with a comment. */
int dir_login(struct db *, struct span login, struct dir_who *,
    char verifier[static VERIFIER_MAX + 1],
    char comment[static COMMENT_MAX + 1]);

/* Which part of a list. */
struct dir_page {
	struct span match, after; /* "": all, from the beginning */
	uint64_t max;             /* rows, 0: as many as fit */
	const char *domain;       /* of the header; "": all */
};

/* ---- hooks (dir_hook.c) ---- */

/* The hooks there are: "domain-new,mailbox-mod". */
void dir_hooks_set(struct span names);
bool dir_hooks_any(void);
/* The hook of a TYPE (of hook_names), or -1. */
int dir_hook_of(struct span type, unsigned *hook_out);

/* A change whose hook is to be run. */
struct dir_hook {
	uint64_t id;      /* of its audit row */
	uint64_t journal; /* authd must know all up to here */
	char type[17], who[4 * 160 + 1], origin[4 * 64 + 1], object[331];
	char date[20];
};
/* The first that may be run now: 1, 0 if there is none, -1. */
int dir_hook_next(struct db *, struct dir_hook *out);
/* It has been run.  0, or -1. */
int dir_hook_done(struct db *, uint64_t id, bool good, const char *comment);

#endif
