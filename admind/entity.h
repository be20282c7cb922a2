/*
 * entity - NEW, MOD, DEL, SHOW and LIST of everything in the directory that is
 * a row of a table: aliases, virtual users, domains, clients, companies,
 * administrators, servers.
 *
 * An entity (struct entity) says what its columns are, which SQL finds and
 * changes it, whose it is, and what more must hold; entity.c does the rest, in
 * the one order of dir_int.h.
 */
#ifndef ADMIND_ENTITY_H
#define ADMIND_ENTITY_H

#include "admind/dir_int.h"
#include "admind/message.h"

#define ENTITY_COLUMNS 12
#define ENTITY_USES 4
#define ENTITY_SLICE "5000" /* rows that a LIST looks at at a time */

enum column_kind {
	COLUMN_TEXT,
	COLUMN_NUMBER,   /* of an INT */
	COLUMN_YESNO,    /* yes, no; OUI, NON in the database */
	COLUMN_WORD,     /* one of words */
	COLUMN_NAME,     /* of another entity: check() makes it its number */
	COLUMN_ACCOUNT,  /* as a login; empty is NULL */
	COLUMN_LDAP,     /* the name of an LDAP source, or empty */
	COLUMN_FILE,     /* a file's name without a path, or empty */
	COLUMN_HOST,     /* an address or a host's name, or empty */
	COLUMN_LIST,     /* maillist.h */
	COLUMN_VERIFIER, /* of a password, hashed by who calls; or empty */
	COLUMN_SEALED,   /* sealed by who calls; empty is NULL */
	/* No option sets these.  NEW tells two apart by the first only. */
	COLUMN_MADE,  /* normal() does */
	COLUMN_FOUND, /* check() does */
};

struct entity_column {
	const char *option; /* of the requests; "": COLUMN_MADE, _FOUND */
	enum column_kind kind;
	const char *initial; /* what NEW stores if it is not given */
	const char *words;   /* COLUMN_WORD: "POP|IMAP" */
	unsigned by; /* who may set it (message.h); 0: who may send it */
};

enum key_kind {
	KEY_LOGIN,
	KEY_SERVER,
	KEY_DOMAIN,
	KEY_LOCAL,
	KEY_USER,
	KEY_NUMBER
};

/* Whose rows a LIST shows. */
enum entity_scope {
	SCOPE_ALL,    /* who may send it sees them all */
	SCOPE_CLIENT, /* SCOPE_SQL */
	SCOPE_ADMIN,  /* three times: 0, or the number of the administrator */
	SCOPE_DOMAIN, /* SCOPE_SQL, then twice the domain's number or 0 */
};

struct dir_change;

struct entity {
	const char *name; /* "ALIAS": NEWALIAS, MODALIAS ... */
	const char *what; /* "alias", in comments */
	const char *key;  /* option of its key */
	enum key_kind key_kind;
	int none;             /* the code when there is none */
	enum feed_table feed; /* 0: authd does not know it */
	struct entity_column columns[ENTITY_COLUMNS + 1];
	/*
	 * find: (key[, place]) -> number, client, administrator, columns.  What
	 * changes something holds dir_lock(), so no row need be locked, and
	 * SHOW locks none.
	 * same: NEW looks for one like it by this instead (numbered ones).
	 * insert: (key, columns), update: (columns, number), remove: (number).
	 * show: (number), list: (scope, MATCH, AFTER, LIMIT) -> key, shown.
	 * slice: of what there may be a million of (number) -> the number of
	 * the row that is ENTITY_SLICE rows later; list has (scope, MATCH,
	 * AFTER, UPTO, LIMIT) then, and its keys are numbers.  STRAIGHT_JOIN:
	 * MariaDB would begin with a small table and sort what hangs on it.
	 */
	const char *find, *same, *insert, *update, *remove, *show, *list,
	    *slice;
	const char *shown; /* the columns of show and list */
	enum entity_scope scope;
	bool placed; /* its key is unique in c->place only */
	struct {
		const char *sql; /* (number) -> how many */
		const char *what;
	} uses[ENTITY_USES]; /* what must not be there when it goes */
	/* Each may be NULL; they return as transactions do.  begin: the domain
	 * asked for, place, object.  owns: is what was found the sender's?  1
	 * or 0.  normal: what of c->now is kept in another form.  check: may
	 * it become so?  going: it goes. */
	int (*begin)(struct db *, struct dir_change *);
	int (*owns)(struct db *, struct dir_change *, bool to_read);
	int (*normal)(struct dir_change *);
	int (*check)(struct db *, struct dir_change *);
	int (*going)(struct db *, struct dir_change *);
};

/* One request for one entity. */
struct dir_change {
	const struct entity *entity;
	const struct dir_who *who;
	const char *type; /* for the audit log */
	char *comment;    /* COMMENT_MAX + 1 */
	char key[256];
	char domain[256]; /* on whose behalf; "": none */
	bool given[ENTITY_COLUMNS];
	struct buf in[ENTITY_COLUMNS];
	/* what the transaction finds and makes */
	bool exists; /* old is a row */
	uint64_t id;
	struct dir_owner owner;
	struct span old[ENTITY_COLUMNS];
	struct db_value now[ENTITY_COLUMNS];
	char made[2][256];   /* bytes of now that normal() has made */
	struct dir_domain d; /* c->domain, by begin() */
	uint64_t place;
	char object[330]; /* for the audit log; begin() or the key */
	bool was_there;   /* NEW: the same one, but for its password */
	char verifier[VERIFIER_MAX + 1]; /* then: of its password */
	char note[COMMENT_MAX + 1];      /* added to the comment of a success */
};

extern const struct entity entity_alias, entity_virtual, entity_domain,
    entity_client, entity_company, entity_administrator, entity_server,
    entity_user;

const struct entity *entity_find(struct span name); /* NULL: none */

/* A change, to be cleared.  comment has COMMENT_MAX + 1 bytes. */
void change_init(struct dir_change *, const struct entity *,
    const struct dir_who *, const char *type, char *comment);
void change_clear(struct dir_change *);
/* CODE_OK or CODE_VALUE, CODE_DENIED. */
int change_key(struct dir_change *, struct span);
int change_set(struct dir_change *, unsigned column, struct span);

/* Codes; the comment says what was done, too. */
int entity_new(struct db *, struct dir_change *);
int entity_mod(struct db *, struct dir_change *);
int entity_del(struct db *, struct dir_change *);
int entity_show(struct db *, struct dir_change *, struct rows *);
int entity_list(struct db *, struct dir_change *, const struct dir_page *,
    struct rows *);

/* For the entities' own functions. */
__attribute__((format(printf, 3, 4))) int entity_refuse(struct dir_change *,
    int code, const char *fmt, ...);
/* Will it be another than it was (NEW: always)? */
bool entity_changes(const struct dir_change *, unsigned column);
struct span entity_text(const struct dir_change *,
    unsigned column); /* of now */
/* The first number that sql finds: 1, 0 if nothing, DB_FAILED. */
int entity_number(struct db *, const char *sql, const struct db_value *,
    unsigned n, uint64_t *out);
/* Reserved names (names.h) are the administrator's, unless c->d may have them:
 * 0 or REFUSE(CODE_DENIED). */
int entity_reserved(struct dir_change *);

#endif
