/*
 * message - every request of the admin protocol, declared once: admind reads
 * requests by this table, "semail admin" and its manual are written by it.
 *
 * The ten messages of a panel have their fields by position.  The others have
 * the first ones (FIELD_PLACE) by position, then any of "NAME=VALUE": what is
 * not there stays as it is, what is there and empty is emptied.
 */
#ifndef ADMIND_MESSAGE_H
#define ADMIND_MESSAGE_H

#include "admind/field.h"

#define MESSAGE_FIELDS 20
#define MESSAGE_HEADER 4 /* TYPE, CLIENT LOGIN, PASSWORD, DOMAIN */

enum {
	FIELD_PLACE = 1,  /* by position; otherwise NAME=VALUE */
	FIELD_NEEDED = 2, /* not empty */
	FIELD_SECRET = 4, /* never shown, logged or given as an argument */
	FIELD_LINES = 8,  /* may have several lines */
	FIELD_NUMBER = 16,
	FIELD_YESNO = 32,
	FIELD_BYTES = 64, /* any bytes: not text, never shown */
};

struct message_field {
	const char *name;   /* as in the manual: "MAILBOX LOGIN" */
	const char *option; /* --quota, quota= */
	unsigned flags;
	unsigned max; /* bytes */
	const char *help;
};

/* Who may send it at all; what of is another question (dir_int.h). */
enum {
	BY_ALL = 1,   /* administrators who may do everything */
	BY_ADMIN = 2, /* every administrator, for what is his clients' */
	BY_CLIENT = 4,
	BY_MAILBOX = 8, /* a mailbox's own login, for itself */
};

enum message_form {
	FORM_PLAIN, /* DOMAIN of the header is empty or says on whose behalf */
	FORM_DOMAIN, /* DOMAIN of the header is the domain, also the first field */
	FORM_MAILBOX, /* DOMAIN and the first field make a mailbox's address */
};

struct message {
	const char *type;
	unsigned by;
	enum message_form form;
	const char *help;
	struct message_field
	    fields[MESSAGE_FIELDS]; /* up to one without name */
};

extern const struct message messages[];
extern const unsigned nmessages;

const struct message *message_find(struct span type); /* NULL: none */
unsigned message_nfields(const struct message *);

/* A request's fields after the header, in the order of the table. */
struct message_args {
	const struct message *message;
	struct span value[MESSAGE_FIELDS]; /* borrowed from the fields */
	bool given[MESSAGE_FIELDS];        /* by position: always */
};

/*
 * Take the fields of a request apart: number, length, UTF-8, no NUL, no line
 * end where none may be, numbers, yes and no.  0, or a negative code (code.h)
 * with the reason in comment.
 */
int message_take(const struct message *, const struct fields *,
    struct message_args *out, char *comment, size_t comment_size);
/* What is wrong with a field's value ("is too long"), or NULL. */
const char *message_wrong(const struct message_field *, struct span value);
/* By option name, which must be in the table. */
struct span message_arg(const struct message_args *, const char *option);
bool message_given(const struct message_args *, const char *option);
/* The field of an option, or NULL. */
const struct message_field *message_field(const struct message *,
    const char *option);

/* RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
bool message_is_utf8(struct span);

#endif
