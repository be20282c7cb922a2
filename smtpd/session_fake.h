/*
 * session_fake - a world for the engine without daemons: answers by address,
 * keeps what was submitted. For session_test and session_fuzz.
 *
 *	*@here.test exists, but nouser@ does not, full@ is over quota, temp@ is
 *	not known now; login "user", password "secret"; sender stranger@ is not
 *	theirs.
 */
#ifndef SMTPD_SESSION_FAKE_H
#define SMTPD_SESSION_FAKE_H

#include "smtpd/session.h"

struct fake {
	struct session session;
	struct session_conf *conf; /* the session's */
	struct buf out;
	bool tls_asked, pipe_open, refuse_queue, refuse_pipe;
	char asked[ADDR_MAX], path[ADDR_MAX];
	bool login_right;
	struct buf pipe; /* what went into the pipe */
	unsigned submitted, dropped;
	struct buf body;     /* of the last submitted message */
	struct buf envelope; /* "FROM rcpt rcpt ..." */
};

void fake_init(struct fake *, enum listener_kind, bool tls,
    uint64_t size_limit);
void fake_clear(struct fake *);
/* Offer input in pieces of step bytes and answer what is asked. */
void fake_feed(struct fake *, struct span in, size_t step);

#endif
