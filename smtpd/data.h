/*
 * data - the octets between DATA and its end (RFC 5321 4.1.1.4, 4.5.2), and
 * of BDAT chunks (RFC 3030).
 *
 * Only CRLF ends a line and only CRLF "." CRLF ends DATA.  A bare CR, a bare
 * LF or a NUL makes the whole message bad, and never ends it: what a looser
 * server would take for the end is text here, so that no second message can be
 * smuggled in or out.  Where bare ones are normalised, CRLF comes into the place
 * of each; what ends DATA, and which dots are stuffing, is the same as ever.
 */
#ifndef SMTPD_DATA_H
#define SMTPD_DATA_H

#include "libcommon/buf.h"

enum data_state {
	DATA_BOL,
	DATA_DOT,
	DATA_DOT_CR,
	DATA_TEXT,
	DATA_CR,
	DATA_LF,
	DATA_END
};

struct data {
	enum data_state state;
	bool dots;     /* DATA: unstuff and look for the end; BDAT: not */
	bool bad_line; /* a bare CR or LF was seen */
	bool bad_nul;
	bool normalise; /* none is bad: it becomes CRLF */
	bool held_cr;   /* DATA_CR: it came last and waits for the next byte */
};

void data_init(struct data *, bool dots, bool normalise);

/* Scan in; runs of text, dots unstuffed, go to put in order.  Returns how many
 * bytes were used: all, unless the end was found (state DATA_END), behind which
 * nothing is touched.  Of a bad message all but what is bad goes to put. */
size_t data_scan(struct data *, struct span in,
    void (*put)(void *, struct span), void *arg);

#endif
