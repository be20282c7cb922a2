/* What conn_test and conn_tls_test share. */
#ifndef LIBCOMMON_CONN_TEST_H
#define LIBCOMMON_CONN_TEST_H

#include "libcommon/conn.h"

#include <event2/event.h>

/* An owner that remembers what it saw. */
struct owner {
	struct conn *conn;
	struct buf got; /* everything used */
	size_t left;    /* bytes on offer at the last call, not used */
	unsigned inputs, drained, secured, ended;
	enum conn_end why;
	/* how it behaves */
	bool by_line; /* use whole lines only */
	bool pause_after_line;
	bool resume_at_once;
	bool echo;
	bool finish_on_quit;
	bool free_on_input;
	struct tls_ctx *stls; /* start TLS at the line STLS */
};

extern struct event_base *base;
extern const struct conn_ops owner_ops;

void owner_init(struct owner *);
void owner_clear(struct owner *);
/* A connected pair: the far end is returned, non-blocking. */
int owner_connect(struct owner *, size_t in_max);
/* Run the loop until cond() or 5 s; whether it came true. */
bool run_until(bool (*cond)(void *), void *);
bool got_text(struct owner *, const char *);

#endif
