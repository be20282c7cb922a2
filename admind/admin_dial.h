/*
 * admin_dial - to admind and back, for commands: over the Unix socket of this
 * host, or over TCP.
 */
#ifndef ADMIND_ADMIN_DIAL_H
#define ADMIND_ADMIN_DIAL_H

#include "admind/field.h"

struct admin_where {
	const char *conf_path;
	const char *server;   /* "HOST:PORT"; NULL: this host's admind */
	const char *key_file; /* a panel's key, for server; NULL: it is in
	                       * the environment as SEMAIL_ADMIN_KEY */
};

struct admin_link;

/* NULL with an exit status and the reason: 75 try later, 77 no right, 78 the
 * configuration is wrong. */
struct admin_link *admin_dial(const struct admin_where *, int *status_out,
    char *why, size_t size);
void admin_hang_up(struct admin_link **);
/* Requests under way together: send without waiting, then receive in the same
 * order.  0; ADMIN_LOST when nobody answers: all that has no answer yet may be
 * sent again, with the same id; or an exit status with the reason. */
#define ADMIN_LOST 1
#define ADMIN_ID 16
void admin_new_id(unsigned char id[static ADMIN_ID]);
int admin_send(struct admin_link *, const unsigned char id[static ADMIN_ID],
    const struct buf *request, char *why, size_t size);
int admin_receive(struct admin_link *, const unsigned char id[static ADMIN_ID],
    struct fields *answer, char *why, size_t size);
/* One request, its answer.  0, or an exit status with the reason. */
int admin_exchange(struct admin_link *, const struct buf *request,
    struct fields *answer, char *why, size_t size);

#endif
