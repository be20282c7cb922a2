/*
 * semail/admin.h - requests to SEMail's admind, over its Unix socket or TCP,
 * coded: see semail-admin(3), and semail-admind(8) for the requests.
 *
 *	a = semail_admin_new(key, "192.0.2.1:2500");
 *	semail_admin_begin(a, "NEWDOM", login, password, "");
 *	semail_admin_add(a, "example.org");
 *	if (semail_admin_call(a) != 0)
 *		fprintf(stderr, "%s\n", semail_admin_comment(a));
 *	semail_admin_free(a);
 *
 * Calls block, with a time-out.  One object is for one thread at a time.
 */
#ifndef SEMAIL_ADMIN_H
#define SEMAIL_ADMIN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct semail_admin;

/* What semail_admin_call() returns beside 0 and admind's negative codes. */
enum semail_admin_trouble {
	SEMAIL_ADMIN_LOST = 1, /* not reached, or the connection broke: the
	                        * request may or may not have been done;
	                        * semail_admin_again() finds out */
	SEMAIL_ADMIN_REFUSED,  /* the handshake failed: the key does not fit */
	SEMAIL_ADMIN_BROKEN,   /* the answer was changed, or is none */
	SEMAIL_ADMIN_TOO_LONG, /* the request is longer than 262144 bytes */
	SEMAIL_ADMIN_MEMORY
};

/* key: the one line that NEWPANEL gave.  where: "/path/of/the/socket",
 * "HOST:PORT" or "[V6-ADDRESS]:PORT".  Nothing is connected yet.  NULL with
 * errno: EINVAL if key or where cannot be read, ENOMEM. */
struct semail_admin *semail_admin_new(const char *key, const char *where);
void semail_admin_free(struct semail_admin *); /* says goodbye; NULL is fine */
/* For connecting, and for an answer (60000). */
void semail_admin_timeout(struct semail_admin *, unsigned ms);

/* A new request, with an id of its own.  NULL is an empty field. */
void semail_admin_begin(struct semail_admin *, const char *type,
    const char *login, const char *password, const char *domain);
void semail_admin_add(struct semail_admin *, const char *field);
void semail_admin_add_bytes(struct semail_admin *, const void *, size_t);
/* Instead: a whole request as it is written, escapes and all. */
void semail_admin_begin_raw(struct semail_admin *, const void *, size_t);

/* Connect if need be, send, wait for the answer.  Returns its RETURN CODE (0,
 * or negative), or a positive enum semail_admin_trouble. */
int semail_admin_call(struct semail_admin *);
/* The same request with the same id, on a new connection: what was done before
 * is not done twice. */
int semail_admin_again(struct semail_admin *);

/*
 * Many requests at once: send the one begun last without waiting for its
 * answer, then wait for answers, which come in the order of sending.  The ids
 * are the caller's: what is sent again after SEMAIL_ADMIN_LOST (all that has no
 * answer yet) goes with the id it had.  semail_admin_send() returns 0 or
 * trouble, semail_admin_receive() what semail_admin_call() does.  Keep some
 * tens under way, not thousands.
 */
#define SEMAIL_ADMIN_ID 16 /* bytes */
void semail_admin_new_id(unsigned char id[SEMAIL_ADMIN_ID]);
int semail_admin_send(struct semail_admin *,
    const unsigned char id[SEMAIL_ADMIN_ID]);
int semail_admin_receive(struct semail_admin *,
    const unsigned char id[SEMAIL_ADMIN_ID]);

/* COMMENT of the answer; after trouble, what it was. */
const char *semail_admin_comment(const struct semail_admin *);
/* The nth field of the answer ("" if there is none), NUL-terminated; its
 * length is put to len if that is not NULL.  TYPE is the 0th. */
const char *semail_admin_field(const struct semail_admin *, size_t n,
    size_t *len);
size_t semail_admin_nfields(const struct semail_admin *);
/* The answer as it came. */
const char *semail_admin_text(const struct semail_admin *, size_t *len);

/* Answers to LIST and SHOW: a table, and what AFTER to ask for the next page
 * ("": there is none). */
const char *semail_admin_next(const struct semail_admin *);
size_t semail_admin_columns(const struct semail_admin *);
size_t semail_admin_rows(const struct semail_admin *);
const char *semail_admin_column(const struct semail_admin *, size_t column);
const char *semail_admin_cell(const struct semail_admin *, size_t row,
    size_t column, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
