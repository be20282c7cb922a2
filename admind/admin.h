/*
 * admin - what an administrator types: "semail admin", and what shares its
 * code.  Every request of the table (message.h) is a command here; nothing is
 * listed a second time.
 */
#ifndef ADMIND_ADMIN_H
#define ADMIND_ADMIN_H

#include "admind/admin_dial.h"
#include "admind/message.h"

#include <stdio.h>

/* Exit statuses, those of sysexits.h and ours. */
enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE = 64,
	EXIT_INPUT = 65,
	EXIT_OUTPUT = 74,
	EXIT_TEMP = 75,
	EXIT_PROTOCOL = 76,
	EXIT_RIGHTS = 77,
	EXIT_CONFIG = 78,
};

#define WHY_MAX 300 /* bytes of a reason, with its NUL */
#define SECRET_LINE_MAX 4096

/* ---- a command line (admin_args.c) ------------------------------------------ */

/* One argument without a name: what it is a command is about. */
enum slot_kind {
	SLOT_ADDRESS, /* LOGIN@DOMAIN: DOMAIN of the header and the field */
	SLOT_DOMAIN,  /* the field and DOMAIN of the header */
	SLOT_PAIR,    /* USER@DOMAIN: the field and the one after it */
	SLOT_ONE,
};

struct slot {
	enum slot_kind kind;
	unsigned field;
};

/* The arguments without a name of a message, in order. */
unsigned admin_slots(const struct message *, struct slot out[MESSAGE_FIELDS]);
/* Field i is X and the next one X-domain: "user@domain" fills both. */
bool admin_is_pair(const struct message *, unsigned i);

/* Where a value that is no argument comes from. */
enum secret_from { FROM_STDIN, FROM_FILE, FROM_TERMINAL };

#define FIELD_LOGIN MESSAGE_FIELDS /* the password of --login */
#define VALUES (MESSAGE_FIELDS + 1)

struct admin_secret {
	unsigned field;
	enum secret_from from;
	const char *file;
};

struct admin_command {
	const struct message *message;
	bool json, help;
	struct span domain, login;
	struct span value[VALUES]; /* of argv, or of text */
	bool given[VALUES];
	struct admin_secret secret[VALUES]; /* in order of the command line */
	unsigned nsecrets;
	struct buf text[VALUES]; /* owns what was read; wiped */
};

/* Take the arguments after the command's word.  0, or -1 with the reason. */
int admin_parse(struct admin_command *, const struct message *, int argc,
    char *argv[], char why[static WHY_MAX]);
/* Read what is not on the command line (admin_secret.c).  0, or an exit
 * status with the reason. */
int admin_secrets(struct admin_command *, char why[static WHY_MAX]);
/* The request of it; after replaces the field of this name when not NULL. */
void admin_request(const struct admin_command *, const struct span *after,
    struct buf *out);
void admin_clear(struct admin_command *);
/* "NEWBAL" of "newbal"; NULL: there is none. */
const struct message *admin_find(const char *word);
/* The field with this option name, or -1. */
int admin_field(const struct message *, struct span option);

/* ---- what people read (admin_help.c, admin_text.c, admin_show.c) -------------- */

void admin_help(FILE *);
void admin_help_of(FILE *, const struct message *);
void admin_usage_of(FILE *, const struct message *);
void admin_completion(FILE *);

/* For people: control characters and what is not UTF-8 become '?'. */
void text_put(FILE *, struct span);
/* The columns it takes, one a character. */
size_t text_width(struct span);
void text_pad(FILE *, struct span, size_t width);
/* A JSON string, with its quotes. */
void text_json(FILE *, struct span);

/* Answers, maybe many pages of one list, as one output. */
#define SHOW_COLUMNS 40
struct show {
	bool json;
	FILE *out;
	bool begun; /* something has been written */
	bool rows;  /* a list of rows has been begun */
	unsigned ncolumns;
	size_t width[SHOW_COLUMNS];
};
/* An answer; with a page after it when more. */
int show_answer(struct show *, const struct fields *answer, bool more);
/* NEXT of a list's answer; empty: there is no more. */
struct span show_next(const struct fields *answer);
/* The exit status of RETURN CODE. */
int show_status(const struct fields *answer);
/* A row of an answer taken apart; i counts from 0; -1 past the last, or when it
 * cannot be read.  Row -1 is COLUMNS. */
int show_row(const struct fields *answer, int i, struct fields *out);

/* admin_copy.c: "backup ADDRESS [FILE]" and "restore ADDRESS [FILE]". */
struct admin_options;
void admin_copy_help(FILE *);
int admin_backup(const struct admin_options *, int argc, char *argv[]);
int admin_restore(const struct admin_options *, int argc, char *argv[]);

/* ---- the command -------------------------------------------------------------- */

struct admin_options {
	struct admin_where where;
	bool json;
};

__attribute__((format(printf, 2, 3), noreturn)) void admin_die(int status,
    const char *fmt, ...);

/* "semail purge" (admin_purge.c): an exit status. */
int admin_purge(const struct admin_options *, int argc, char *argv[]);

#endif
