/* internal.h - what the files of the client library share. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "client/admin.h"
#include "client/coded.h"
#include "client/field.h"

#include <stdint.h>

/* Bytes that grow; wiped when freed.  Once bad nothing is added. */
struct semail_bytes {
	char *data; /* a NUL follows the len bytes, if there is data at all */
	size_t len, cap;
	int bad;
};
void semail_bytes_put(struct semail_bytes *, const void *, size_t);
void semail_bytes_put_field(struct semail_bytes *, const void *, size_t);
/* n bytes more at the end, to be written by the caller; NULL if bad. */
void *semail_bytes_room(struct semail_bytes *, size_t n);
void semail_bytes_clear(struct semail_bytes *);

struct semail_fields { /* one line of fields, taken apart */
	char *bytes;   /* owned: the fields, each with a NUL after it */
	char **at;     /* owned */
	size_t *len;   /* owned */
	size_t n;
};

struct semail_admin {
	struct semail_key key;
	char *where;
	unsigned timeout_ms;
	int fd;   /* -1: not connected */
	int used; /* a request of this connection was answered */
	struct semail_coded coded;
	unsigned char id[CODED_ID];
	struct semail_bytes request, answer, record;
	struct semail_fields fields;
	struct semail_fields columns;
	struct semail_fields *rows; /* owned, nrows of them */
	size_t nrows;
	char trouble[256]; /* "" when there is an answer */
};

/* answer.c: take a->answer apart; 0, or -1 if it is no answer or memory is
 * short.  semail_answer_clear() forgets the last one. */
int semail_answer_take(struct semail_admin *);
void semail_answer_clear(struct semail_admin *);

/* dial.c: all with a moment (of semail_now_ms()) by which they give up.
 * -1 with errno (ETIMEDOUT; EPIPE when the other side closed). */
uint64_t semail_now_ms(void);
int semail_where_good(const char *where);
int semail_dial(const char *where, uint64_t until_ms);
int semail_send(int fd, const void *, size_t, uint64_t until_ms);
int semail_receive(int fd, void *, size_t, uint64_t until_ms);

#endif
