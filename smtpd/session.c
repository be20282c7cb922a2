#include "config.h"
#include "smtpd/session.h"
#include "libcommon/log.h"

#include <stdio.h>
#include <stdlib.h>

void
reply(struct session *s, const char *line)
{
	s->ops->reply(s->arg, line, strlen(line));
	s->ops->reply(s->arg, "\r\n", 2);
}

void
reply_error(struct session *s, const char *line)
{
	if (++s->errors >= ERRORS_MAX) {
		log_info("too many errors session=%s client=%s", s->id,
		    s->peer);
		session_quit(s, "421 4.7.0 Too many errors, closing");
		return;
	}
	reply(s, line);
}

void
session_quit(struct session *s, const char *line)
{
	if (s->phase == PHASE_END)
		return;
	reply(s, line);
	session_reset(s);
	s->phase = PHASE_END;
}

/*
 * The one place a transaction ends, for RSET, EHLO, STARTTLS, the end of a
 * message and of a session: everything it held is freed, nothing is left to
 * be carried over into the next.
 */
void
session_reset(struct session *s)
{
	struct transaction *t = s->txn;

	if (t == NULL)
		return;
	s->txn = NULL;
	if (t->piped)
		s->ops->body_drop(s->arg, t->token);
	buf_clear(&t->rcpts);
	buf_clear(&t->body);
	free(t);
}

void
session_init(struct session *s, enum listener_kind kind,
    const struct session_conf *conf, const struct session_ops *ops, void *arg,
    const char *peer, const char *id, bool plain_ok)
{
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->conf = conf;
	s->ops = ops;
	s->arg = arg;
	s->plain_ok = plain_ok;
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
	snprintf(s->id, sizeof(s->id), "%s", id);
}

void
session_clear(struct session *s)
{
	session_reset(s);
	if (s->sasl != NULL) {
		sasl_clear(s->sasl);
		free(s->sasl);
		s->sasl = NULL;
	}
}

bool
session_submits(const struct session *s)
{
	return s->mailbox != 0 || s->trusted;
}

void
session_greet(struct session *s)
{
	char line[400];

	snprintf(line, sizeof(line), "220 %s ESMTP SEMail", s->conf->hostname);
	reply(s, line);
}

void
session_secured(struct session *s, const char *tls_text)
{
	session_clear(s);
	s->mailbox = 0;
	s->auth[0] = '\0';
	s->tls = true;
	snprintf(s->tls_text, sizeof(s->tls_text), "%s", tls_text);
	s->helo_said = s->esmtp = false;
	s->helo[0] = '\0';
	s->phase = PHASE_COMMAND;
	s->wait = WAIT_NOTHING;
	if (s->kind == KIND_SUBMISSIONS)
		session_greet(s);
}

bool
session_waits(const struct session *s)
{
	return s->wait != WAIT_NOTHING;
}

bool
session_idle(const struct session *s)
{
	return s->txn == NULL && s->wait == WAIT_NOTHING &&
	    s->phase == PHASE_COMMAND;
}

/* Drop the rest of a line that has had its answer. */
static size_t
skip_line(struct session *s, struct span in)
{
	bool cr = s->skip_cr;

	for (size_t i = 0; i < in.len; i++) {
		if (cr && in.data[i] == '\n') {
			s->skipping = s->skip_cr = false;
			return i + 1;
		}
		cr = in.data[i] == '\r';
	}
	s->skip_cr = cr;
	return in.len;
}

/* The length of the first line with its CRLF, 0 if there is none. */
static size_t
whole_line(struct span in)
{
	size_t at = 0;
	ptrdiff_t lf;

	while ((lf = span_chr(span_sub(in, at, in.len), '\n')) != -1) {
		at += (size_t)lf + 1;
		if (at >= 2 && in.data[at - 2] == '\r')
			return at;
	}
	return 0;
}

/*
 * The line at the start of in.  Returns how many bytes it took, 0 when more
 * have to come.  *line is without its end; *why is the reply it deserves when
 * it is no line that SMTP knows.  Only CRLF ends a line (RFC 5321 2.3.8): what
 * stands behind a bare LF or a line too long is never taken for a command.
 */
static size_t
take_line(struct session *s, struct span in, struct span *line,
    const char **why)
{
	size_t limit = s->phase == PHASE_AUTH ? SASL_LINE_MAX + 2 : LINE_LIMIT;
	struct span head = span_sub(in, 0, limit);
	size_t n = whole_line(head);

	*why = NULL;
	if (n == 0) {
		if (span_chr(head, '\n') != -1)
			*why =
			    "500 5.5.2 Lines end with CR LF, not with LF alone";
		else if (in.len >= limit)
			*why = s->phase == PHASE_AUTH
			    ? "500 5.5.6 Line too long"
			    : "500 5.5.2 Line too long";
		else
			return 0;
		s->skipping = true;
		s->skip_cr = head.data[head.len - 1] == '\r';
		return head.len;
	}
	*line = span_sub(in, 0, n - 2);
	if (span_chr(*line, '\n') != -1)
		*why = "500 5.5.2 Lines end with CR LF, not with LF alone";
	else if (span_chr(*line, '\r') != -1)
		*why = "500 5.5.2 CR without LF";
	else if (span_chr(*line, '\0') != -1)
		*why = "500 5.5.2 NUL in a command";
	return n;
}

static size_t
line_input(struct session *s, struct span in)
{
	struct span line;
	const char *why;
	size_t n;

	if (s->skipping)
		return skip_line(s, in);
	if ((n = take_line(s, in, &line, &why)) == 0)
		return 0;
	if (why != NULL) {
		if (s->phase == PHASE_AUTH)
			session_clear(s);
		s->phase = s->phase == PHASE_AUTH ? PHASE_COMMAND : s->phase;
		reply_error(s, why);
	} else if (s->phase == PHASE_AUTH) {
		auth_line(s, line);
	} else {
		session_command(s, line);
	}
	return n;
}

size_t
session_input(struct session *s, struct span in)
{
	size_t used = 0, n;

	while (used < in.len && s->wait == WAIT_NOTHING) {
		struct span rest = span_sub(in, used, in.len);

		switch (s->phase) {
		case PHASE_COMMAND:
		case PHASE_AUTH:
			n = line_input(s, rest);
			break;
		case PHASE_DATA:
		case PHASE_BDAT:
			n = body_input(s, rest);
			break;
		case PHASE_END:
		default:
			return in.len;
		}
		if (n == 0)
			break;
		used += n;
	}
	return used;
}
