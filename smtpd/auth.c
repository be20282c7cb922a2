/*
 * auth - AUTH (RFC 4954): the exchange is libcommon/sasl, the password goes to
 * authd, and neither it nor the login name is ever logged as given.
 */
#include "config.h"
#include "libcommon/log.h"
#include "smtpd/session.h"

#include <stdio.h>
#include <stdlib.h>

static void
auth_end(struct session *s)
{
	s->phase = PHASE_COMMAND;
	if (s->sasl != NULL) {
		sasl_clear(s->sasl);
		free(s->sasl);
		s->sasl = NULL;
	}
}

static void
auth_denied(struct session *s)
{
	auth_end(s);
	log_info("login refused session=%s client=%s", s->id, s->peer);
	if (++s->login_failures >= LOGINS_MAX)
		session_quit(s, "421 4.7.0 Too many failed logins, closing");
	else
		reply(s, "535 5.7.8 Wrong login or password");
}

static void
auth_go_on(struct session *s, enum sasl_result r)
{
	char line[128];

	switch (r) {
	case SASL_MORE:
		s->phase = PHASE_AUTH;
		snprintf(line, sizeof(line), "334 %s", sasl_challenge(s->sasl));
		reply(s, line);
		break;
	case SASL_DONE:
		s->phase = PHASE_COMMAND;
		if (s->ops->ask_login(s->arg, s->sasl) == -1)
			session_login_answer(s, 0, span_from("", 0), true);
		else
			s->wait = WAIT_LOGIN;
		break;
	case SASL_DENIED:
		auth_denied(s);
		break;
	case SASL_CANCELLED:
		auth_end(s);
		reply_error(s, "501 5.7.0 Authentication cancelled");
		break;
	case SASL_MALFORMED:
	default:
		auth_end(s);
		reply_error(s, "501 5.5.2 Not the base64 that was asked for");
		break;
	}
}

void
auth_begin(struct session *s, struct span arg)
{
	struct span mech;
	size_t n = 0;

	arg = span_trim(arg);
	while (n < arg.len && arg.data[n] != ' ')
		n++;
	mech = span_sub(arg, 0, n);
	arg = span_trim(span_sub(arg, n, arg.len));
	if ((s->sasl = calloc(1, sizeof(*s->sasl))) == NULL) {
		reply(s, "454 4.7.0 Out of memory");
		return;
	}
	if (sasl_start(s->sasl, mech) == -1) {
		auth_end(s);
		reply_error(s, "504 5.5.4 Unknown mechanism");
		return;
	}
	auth_go_on(s, arg.len > 0 ? sasl_initial(s->sasl, arg) : SASL_MORE);
}

void
auth_line(struct session *s, struct span line)
{
	auth_go_on(s, sasl_response(s->sasl, line));
}

void
session_login_answer(struct session *s, uint32_t mailbox, struct span address,
    bool temporary)
{
	s->wait = WAIT_NOTHING;
	if (mailbox == 0 && !temporary) {
		auth_denied(s);
		return;
	}
	auth_end(s);
	if (mailbox == 0 ||
	    span_copy(address, s->auth, sizeof(s->auth)) == -1) {
		reply(s,
		    "454 4.7.0 Cannot check passwords now, try again later");
		return;
	}
	s->mailbox = mailbox;
	log_info("login session=%s client=%s auth=%s tls=%s", s->id, s->peer,
	    log_quote_str(s->auth), s->tls ? log_quote_str(s->tls_text) : "no");
	reply(s, "235 2.7.0 Authentication successful");
}
