/*
 * exchange - admind's end of a panel's connection: bytes of a stranger in,
 * requests out.  See semail-admin-protocol(7) and client/coded.h.
 *
 * Until the panel has proved with its first record that it holds its key and
 * is not a replay, it has cost us five multiplications at most and never more
 * memory than a hello.  Nothing of a record is looked at before all of it has
 * been found genuine.
 */
#ifndef ADMIND_EXCHANGE_H
#define ADMIND_EXCHANGE_H

#include "client/coded.h"
#include "libcommon/buf.h"

enum exchange_event {
	EXCHANGE_MORE,    /* all taken, more is needed */
	EXCHANGE_REQUEST, /* id and text are there, until exchange_taken() */
	EXCHANGE_END,     /* the panel has said that nothing follows */
	EXCHANGE_BAD      /* why says it; the exchange is over */
};

struct exchange {
	struct semail_coded coded;
	const unsigned char *server; /* admind's secret; borrowed */
	/* The public key of a panel: 0, or -1 if there is none. */
	int (*find)(void *arg, const char *name,
	    unsigned char key[static CODED_KEY]);
	void *arg;
	enum { X_HELLO, X_HEAD, X_BODY, X_REQUEST, X_OVER } state;
	bool proved;                    /* it is the panel, and now */
	char panel[CODED_NAME_MAX + 1]; /* its name; "" before the hello */
	size_t body_len;
	struct buf in; /* of what is not whole yet */
	unsigned char id[CODED_ID];
	struct span text;
	const char *why;
};

void exchange_init(struct exchange *, const unsigned char *server,
    int (*find)(void *, const char *, unsigned char key[static CODED_KEY]),
    void *arg);
void exchange_clear(struct exchange *); /* wipes */
/* Take bytes, up to the first event; used_out says how many.  What is to be
 * sent is appended to out. */
enum exchange_event exchange_feed(struct exchange *, struct span in,
    size_t *used_out, struct buf *out);
/* Something has come of what is not whole yet. */
bool exchange_is_partial(const struct exchange *);
/* The request is done with: its bytes are wiped, the next may come. */
void exchange_taken(struct exchange *);
/* Append the answer to a request, or our end. */
void exchange_answer(struct exchange *, const unsigned char id[static CODED_ID],
    struct span text, struct buf *out);
void exchange_end(struct exchange *, struct buf *out);

#endif
