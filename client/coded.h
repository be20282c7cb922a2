/*
 * coded - the exchange between a panel and admind as bytes: key strings, the
 * handshake, records; semail-admin-protocol(7) has every one of them.
 *
 * Both sides use this: the client library and admind.  No input or output, no
 * allocation, and nothing but libsodium, so that the library depends on it
 * alone; therefore the prefix semail_, too.  Functions that read return 0, or
 * -1 for bytes the other side with the right key has not sent, and after a -1
 * the exchange is over: its keys are wiped.
 */
#ifndef CLIENT_CODED_H
#define CLIENT_CODED_H

#include <stddef.h>
#include <stdint.h>

#define CODED_KEY 32
#define CODED_NAME_MAX 64
#define CODED_HELLO \
	136 /* magic 8, ephemeral 32, sealed name 64 + 16, proof 16 */
#define CODED_WELCOME 48 /* ephemeral 32, proof 16 */
#define CODED_TAG 16
#define CODED_HEAD 21 /* type 1, length 4, tag 16 */
#define CODED_ID 16   /* a request's id, before its text */
#define CODED_TEXT_MAX 262144
#define CODED_BODY_MAX (CODED_ID + CODED_TEXT_MAX)
/* "semail1:" name ":" secret ":" server ":" checksum, and a NUL */
#define CODED_KEY_STRING (8 + CODED_NAME_MAX + 1 + 64 + 1 + 64 + 1 + 16 + 1)

/* Types of records. */
enum {
	CODED_REQUEST = 1, /* client to server: id, text */
	CODED_ANSWER = 2,  /* server to client: id, text */
	CODED_END = 3      /* either, without a body: nothing follows */
};

/* What a panel has. */
struct semail_key {
	char name[CODED_NAME_MAX + 1];
	unsigned char secret[CODED_KEY]; /* X25519, its own */
	unsigned char server[CODED_KEY]; /* admind's public key */
};

/* One side of an exchange. */
struct semail_coded {
	unsigned char chain[CODED_KEY];
	unsigned char own[CODED_KEY];   /* our ephemeral secret */
	unsigned char peer[CODED_KEY];  /* the panel's ephemeral public key */
	unsigned char panel[CODED_KEY]; /* the panel's public key */
	unsigned char send_key[CODED_KEY], recv_key[CODED_KEY];
	uint64_t sent, received; /* nonces used */
};

/* ---- keys ---------------------------------------------------------------- */

/* libsodium is ready (or -1): before anything else. */
int semail_coded_start(void);
/* Is it a panel's name: 1 to 64 of a-z 0-9 . _ -, a letter or digit first. */
int semail_name_good(const char *name, size_t len);
void semail_key_public(unsigned char pub[CODED_KEY],
    const unsigned char secret[CODED_KEY]);
/* The one line of a panel's key; a line end after it is allowed. */
int semail_key_parse(struct semail_key *, const char *line, size_t len);
void semail_key_format(const struct semail_key *, char out[CODED_KEY_STRING]);

/* ---- the handshake -------------------------------------------------------- */

/* The panel's side.  ephemeral: 32 random bytes, used once. */
int semail_hello_make(struct semail_coded *, const struct semail_key *,
    const unsigned char ephemeral[CODED_KEY], unsigned char out[CODED_HELLO]);
int semail_welcome_take(struct semail_coded *, const struct semail_key *,
    const unsigned char in[CODED_WELCOME]);

/* Our version of the protocol?  Of the first 8 bytes. */
int semail_hello_version(const unsigned char in[8]);
/* admind's side: who says hello; with that panel's public key, is it so; then
 * the answer.  server: admind's X25519 secret. */
int semail_hello_open(struct semail_coded *,
    const unsigned char server[CODED_KEY], const unsigned char in[CODED_HELLO],
    char name[CODED_NAME_MAX + 1]);
int semail_hello_prove(struct semail_coded *,
    const unsigned char server[CODED_KEY], const unsigned char panel[CODED_KEY],
    const unsigned char in[CODED_HELLO]);
int semail_welcome_make(struct semail_coded *,
    const unsigned char ephemeral[CODED_KEY],
    const unsigned char in[CODED_HELLO], unsigned char out[CODED_WELCOME]);

/* ---- records --------------------------------------------------------------- */

/* Seal a record of type with a body of len bytes (id and text; none for
 * CODED_END) to out; returns its length, CODED_HEAD and, when there is a body,
 * len + CODED_TAG. */
size_t semail_record_seal(struct semail_coded *, int type,
    const unsigned char id[CODED_ID], const void *text, size_t len,
    unsigned char *out);
/* The length that makes. */
size_t semail_record_size(int type, size_t text_len);
/* A head: its type, and how many bytes of body follow it (0: none). */
int semail_head_open(struct semail_coded *, const unsigned char in[CODED_HEAD],
    int *type, size_t *body_len);
/* A body of body_len bytes, from the body_len + CODED_TAG at in; out may be
 * in. */
int semail_body_open(struct semail_coded *, const unsigned char *in,
    size_t body_len, unsigned char *out);

/* Wipe. */
void semail_coded_clear(struct semail_coded *);

#endif
