/*
 * cmd - the commands of RFC 5321 section 4.1 and of the extensions, but for
 * the message's octets (body.c) and AUTH (auth.c).
 */
#include "config.h"
#include "libcommon/log.h"
#include "smtpd/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* When a command is legal. */
enum {
	ST_ANY = 1 << 0,  /* always */
	ST_HELO = 1 << 1, /* after HELO or EHLO, outside a transaction */
	ST_TXN = 1 << 2,  /* in a transaction */
};
enum {
	F_NOARG = 1 << 0,
	F_IDLE = 1 << 1, /* brings no message nearer */
};

struct smtp_cmd {
	const char *verb;
	void (*run)(struct session *, struct span arg);
	unsigned states, flags;
};

/* ---- HELO and EHLO ------------------------------------------------------- */

static bool
auth_offered(const struct session *s)
{
	return s->kind != KIND_SMTP && s->mailbox == 0 &&
	    (s->tls || s->plain_ok);
}

static int
take_helo(struct session *s, struct span arg)
{
	arg = span_trim(arg);
	if (!addr_is_helo(arg)) {
		reply_error(s,
		    "501 5.5.4 Say who you are: a host name or "
		    "[address]");
		return -1;
	}
	session_reset(s);
	span_copy(arg, s->helo, sizeof(s->helo));
	s->helo_said = true;
	return 0;
}

static void
cmd_helo(struct session *s, struct span arg)
{
	char line[300];

	if (take_helo(s, arg) == -1)
		return;
	s->esmtp = false;
	snprintf(line, sizeof(line), "250 %s", s->conf->hostname);
	reply(s, line);
}

static void
cmd_ehlo(struct session *s, struct span arg)
{
	char line[300];

	if (take_helo(s, arg) == -1)
		return;
	s->esmtp = true;
	snprintf(line, sizeof(line), "250-%s", s->conf->hostname);
	reply(s, line);
	reply(s, "250-PIPELINING");
	snprintf(line, sizeof(line), "250-SIZE %llu",
	    (unsigned long long)s->conf->size_limit);
	reply(s, line);
	if (s->conf->tls && !s->tls)
		reply(s, "250-STARTTLS");
	if (auth_offered(s))
		reply(s, "250-AUTH PLAIN LOGIN");
	reply(s, "250-8BITMIME");
	reply(s, "250-SMTPUTF8");
	reply(s, "250-CHUNKING");
	reply(s, "250 ENHANCEDSTATUSCODES");
}

/* ---- MAIL ------------------------------------------------------------------ */

static void
path_error(struct session *s, const char *what, int err)
{
	char line[128];

	if (err == EILSEQ)
		snprintf(line, sizeof(line),
		    "553 5.6.7 %s: not ASCII; say SMTPUTF8 and valid UTF-8",
		    what);
	else if (err == ENAMETOOLONG)
		snprintf(line, sizeof(line), "501 5.1.%c %s: too long",
		    what[0] == 'S' ? '7' : '3', what);
	else
		snprintf(line, sizeof(line), "501 5.1.%c %s: bad syntax",
		    what[0] == 'S' ? '7' : '3', what);
	reply_error(s, line);
}

/* xtext (RFC 3461 4): "+" and two upper case hexadecimal digits. */
static bool
is_xtext(struct span v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.data[i] < 33 || v.data[i] > 126 || v.data[i] == '=')
			return false;
		if (v.data[i] != '+')
			continue;
		if (i + 2 >= v.len ||
		    !memchr("0123456789ABCDEF", v.data[i + 1], 16) ||
		    !memchr("0123456789ABCDEF", v.data[i + 2], 16))
			return false;
		i += 2;
	}
	return v.len > 0;
}

struct mail_params {
	bool size, body, utf8, auth;
	uint64_t size_bytes;
	uint32_t flags;
};

/* One KEY[=VALUE]; the reply it deserves, or NULL when it is good. */
static const char *
mail_param(struct session *s, struct span p, struct mail_params *mp)
{
	ptrdiff_t eq = span_chr(p, '=');
	struct span key = eq == -1 ? p : span_sub(p, 0, (size_t)eq);
	struct span value = eq == -1 ? span_from("", 0)
	                             : span_sub(p, (size_t)eq + 1, p.len);

	if (span_is_icase(key, "SIZE") && !mp->size) {
		mp->size = true;
		if (value.len > 20) /* RFC 1870 6.1 */
			return "501 5.5.4 SIZE: not a number";
		if (span_u64(value, UINT64_MAX, &mp->size_bytes) == -1) {
			if (errno != ERANGE)
				return "501 5.5.4 SIZE: not a number";
			mp->size_bytes = UINT64_MAX;
		}
		if (mp->size_bytes > s->conf->size_limit)
			return "552 5.3.4 Message larger than this server takes";
		return NULL;
	}
	if (span_is_icase(key, "BODY") && !mp->body) {
		mp->body = true;
		if (span_is_icase(value, "8BITMIME"))
			mp->flags |= BODY_8BIT;
		else if (!span_is_icase(value, "7BIT"))
			return "501 5.5.4 BODY: 7BIT or 8BITMIME";
		return NULL;
	}
	if (span_is_icase(key, "SMTPUTF8") && !mp->utf8 && eq == -1) {
		mp->utf8 = true;
		mp->flags |= BODY_UTF8;
		return NULL;
	}
	if (span_is_icase(key, "AUTH") && !mp->auth && s->kind != KIND_SMTP) {
		/* Who the client says sent it first (RFC 4954 5): we trust
		 * only who logged in here, so it is checked and ignored. */
		mp->auth = true;
		return is_xtext(value) ? NULL : "501 5.5.4 AUTH: bad value";
	}
	return "555 5.5.4 Unknown or repeated parameter";
}

/* The parameters behind a path: separated by single blanks (more are
 * forgiven). */
static const char *
mail_params(struct session *s, struct span rest, struct mail_params *mp)
{
	while (rest.len > 0) {
		const char *why;
		size_t n = 0;

		if (rest.data[0] != ' ')
			return "501 5.5.4 Bad parameters";
		rest = span_trim(rest);
		while (n < rest.len && rest.data[n] != ' ')
			n++;
		if (n == 0)
			break;
		if ((why = mail_param(s, span_sub(rest, 0, n), mp)) != NULL)
			return why;
		rest = span_sub(rest, n, rest.len);
	}
	return NULL;
}

/* SMTPUTF8 decides whether the path may be UTF-8, and stands behind it. */
static bool
says_utf8(struct span arg)
{
	for (size_t i = 0; i + 9 <= arg.len; i++)
		if (arg.data[i] == ' ' &&
		    span_is_icase(span_sub(arg, i + 1, 8), "SMTPUTF8") &&
		    (i + 9 == arg.len || arg.data[i + 9] == ' '))
			return true;
	return false;
}

static void
mail_accepted(struct session *s)
{
	reply(s, "250 2.1.0 Ok");
}

static void
cmd_mail(struct session *s, struct span arg)
{
	struct mail_params mp = { 0 };
	struct transaction *t;
	struct addr from;
	struct span rest;
	const char *why;

	if (s->kind != KIND_SMTP && !session_submits(s)) {
		reply_error(s, "530 5.7.0 Authentication required");
		return;
	}
	if (!span_has_prefix_icase(arg, "FROM:")) {
		reply_error(s, "501 5.5.4 Syntax: MAIL FROM:<address>");
		return;
	}
	arg = span_trim(span_sub(arg, 5, arg.len));
	if (addr_path(arg, ADDR_EMPTY | (says_utf8(arg) ? ADDR_UTF8 : 0), &from,
	        &rest) == -1) {
		path_error(s, "Sender", errno);
		return;
	}
	if (!s->esmtp && rest.len > 0)
		why = "555 5.5.4 Parameters need EHLO";
	else
		why = mail_params(s, rest, &mp);
	if (why != NULL) {
		reply_error(s, why);
		return;
	}
	/* says_utf8() may have found the word inside a quoted string. */
	if (!mp.utf8 && addr_path(arg, ADDR_EMPTY, &from, &rest) == -1) {
		path_error(s, "Sender", errno);
		return;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		reply(s, "452 4.3.1 Out of memory");
		return;
	}
	t->from = from;
	t->flags = mp.flags | (session_submits(s) ? BODY_AUTHED : 0);
	buf_init(&t->rcpts, ENVELOPE_MAX);
	buf_init(&t->body, BODY_INLINE_MAX + 128 * 1024);
	s->txn = t;
	if (s->mailbox == 0 || !s->conf->own_senders || from.text[0] == '\0') {
		mail_accepted(s);
		return;
	}
	if (s->ops->ask_sender(s->arg, s->mailbox, from.text) == -1)
		session_sender_answer(s, -1);
	else
		s->wait = WAIT_SENDER;
}

void
session_sender_answer(struct session *s, int may_use)
{
	s->wait = WAIT_NOTHING;
	if (may_use == 1) {
		mail_accepted(s);
		return;
	}
	if (may_use == 0) {
		log_info("sender refused session=%s client=%s auth=%s from=%s",
		    s->id, s->peer, log_quote_str(s->auth),
		    log_quote_str(s->txn->from.text));
		session_reset(s);
		reply_error(s,
		    "553 5.7.1 This address is not yours to send from");
		return;
	}
	session_reset(s);
	reply(s, "451 4.3.0 Cannot check the sender now, try again later");
}

/* ---- RCPT ---------------------------------------------------------------------- */

static void
rcpt_refused(struct session *s, const char *line)
{
	log_info(
	    "recipient refused session=%s client=%s from=%s to=%s reply=%.3s",
	    s->id, s->peer, log_quote_str(s->txn->from.text),
	    log_quote_str(s->txn->rcpt.text), line);
	/* "Later" and "too many at once" are answers to behave by, not to be
	 * punished for (5321 4.5.3.1.10). */
	if (line[0] == '5' && ++s->rejects >= REJECTS_MAX)
		session_quit(s,
		    "421 4.7.0 Too many refused recipients, closing");
	else
		reply(s, line);
}

/* Named twice is named once. */
static bool
rcpt_is_known(const struct transaction *t)
{
	struct span rest = buf_span(&t->rcpts);
	struct msg_rcpt r;

	while (msg_rcpt_next(&rest, &r))
		if (span_is(r.address, t->rcpt.text))
			return true;
	return false;
}

static void
cmd_rcpt(struct session *s, struct span arg)
{
	struct transaction *t = s->txn;
	unsigned flags = ADDR_POSTMASTER;
	struct span rest;

	if (t->began) {
		reply_error(s, "503 5.5.1 The message has begun");
		return;
	}
	if (!span_has_prefix_icase(arg, "TO:")) {
		reply_error(s, "501 5.5.4 Syntax: RCPT TO:<address>");
		return;
	}
	arg = span_trim(span_sub(arg, 3, arg.len));
	if (t->flags & BODY_UTF8)
		flags |= ADDR_UTF8;
	if (addr_path(arg, flags, &t->rcpt, &rest) == -1) {
		path_error(s, "Recipient", errno);
		return;
	}
	if (span_trim(rest).len > 0) {
		reply_error(s, "555 5.5.4 Unknown parameter");
		return;
	}
	if (!t->rcpt.has_domain) {
		/* Every server has a postmaster (5321 4.5.1). */
		snprintf(t->rcpt.text, sizeof(t->rcpt.text),
		    "postmaster@%.250s", s->conf->hostname);
		t->rcpt.local_len = strlen("postmaster");
		t->rcpt.has_domain = true;
	}
	if (rcpt_is_known(t)) {
		reply(s, "250 2.1.5 Ok");
		return;
	}
	if (t->nrcpts >= s->conf->rcpt_limit) {
		rcpt_refused(s, "452 4.5.3 Too many recipients");
		return;
	}
	if (s->ops->ask_rcpt(s->arg, t->rcpt.text) == -1)
		session_rcpt_answer(s, RCPT_TEMP, span_from("", 0));
	else
		s->wait = WAIT_RCPT;
}

void
session_rcpt_answer(struct session *s, enum rcpt_verdict verdict,
    struct span grant)
{
	struct transaction *t = s->txn;
	struct msg_rcpt r;
	size_t before;

	s->wait = WAIT_NOTHING;
	if (verdict == RCPT_NOT_OURS && session_submits(s) && grant.len > 0)
		verdict = RCPT_OK; /* one of ours may write to anybody */
	switch (verdict) {
	case RCPT_OK:
		break;
	case RCPT_NO_USER:
		rcpt_refused(s, "550 5.1.1 No such user here");
		return;
	case RCPT_NOT_OURS:
		rcpt_refused(s, "550 5.7.1 Relaying denied");
		return;
	case RCPT_FULL:
		rcpt_refused(s, "452 4.2.2 Mailbox is full");
		return;
	case RCPT_TOO_MANY:
		rcpt_refused(s,
		    "451 4.3.5 The recipient stands for too many "
		    "mailboxes");
		return;
	case RCPT_TEMP:
	case RCPT__COUNT:
	default:
		reply(s,
		    "451 4.3.0 Cannot look up the recipient now, try again "
		    "later");
		return;
	}
	r.address = span_of(t->rcpt.text);
	r.grant = grant;
	before = t->rcpts.len;
	msg_rcpt_put(&t->rcpts, &r);
	if (buf_error(&t->rcpts) != 0) {
		t->rcpts.err = 0; /* those before it are whole */
		buf_truncate(&t->rcpts, before);
		rcpt_refused(s, "452 4.5.3 Too many recipients");
		return;
	}
	if (++t->nrcpts == 1)
		t->only = t->rcpt;
	reply(s, "250 2.1.5 Ok");
}

/* ---- the message ----------------------------------------------------------------- */

static void
cmd_data(struct session *s, struct span arg)
{
	(void)arg;
	if (s->txn->began) {
		reply_error(s, "503 5.5.1 BDAT has begun; no DATA now");
		return;
	}
	if (s->txn->nrcpts == 0) {
		reply_error(s, "554 5.5.1 No valid recipients");
		return;
	}
	reply(s, "354 End data with <CR><LF>.<CR><LF>");
	body_data(s);
}

/* The octets come whatever we think of the command: when the size can be read
 * they are taken and thrown away, so that none is taken for a command. */
static void
cmd_bdat(struct session *s, struct span arg)
{
	struct span size;
	uint64_t n;
	size_t i = 0;
	bool last = false;

	arg = span_trim(arg);
	while (i < arg.len && arg.data[i] != ' ')
		i++;
	size = span_sub(arg, 0, i);
	arg = span_trim(span_sub(arg, i, arg.len));
	if (arg.len > 0 && !(last = span_is_icase(arg, "LAST"))) {
		session_quit(s, "421 4.5.4 Syntax: BDAT size [LAST]; closing");
		return;
	}
	if (size.len > 20 || span_u64(size, INT64_MAX, &n) == -1) {
		/* Where the next command begins cannot be known. */
		session_quit(s, "421 4.5.4 BDAT: bad size; closing");
		return;
	}
	body_bdat(s, n, last, s->txn == NULL || s->txn->nrcpts == 0);
}

/* ---- the rest ---------------------------------------------------------------------- */

static void
cmd_rset(struct session *s, struct span arg)
{
	(void)arg;
	session_reset(s);
	reply(s, "250 2.0.0 Ok");
}

static void
cmd_noop(struct session *s, struct span arg)
{
	(void)arg;
	reply(s, "250 2.0.0 Ok");
}

static void
cmd_help(struct session *s, struct span arg)
{
	(void)arg;
	reply(s,
	    "214 2.0.0 RFC 5321: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP "
	    "VRFY STARTTLS AUTH QUIT");
}

static void
cmd_vrfy(struct session *s, struct span arg)
{
	if (!s->conf->vrfy)
		reply_error(s, "502 5.5.1 VRFY is not served");
	else if (span_trim(arg).len == 0)
		reply_error(s, "501 5.5.4 Syntax: VRFY address");
	else
		reply(s, "252 2.0.0 Send some mail, it will be tried");
}

static void
cmd_expn(struct session *s, struct span arg)
{
	(void)arg;
	reply_error(s, "502 5.5.1 EXPN is not served");
}

static void
cmd_quit(struct session *s, struct span arg)
{
	(void)arg;
	session_quit(s, "221 2.0.0 Bye");
}

/* A web browser was talked into this: what follows are not its user's words. */
static void
cmd_http(struct session *s, struct span arg)
{
	(void)arg;
	session_quit(s, "554 5.5.1 This is SMTP");
}

static void
cmd_starttls(struct session *s, struct span arg)
{
	(void)arg;
	if (s->tls) {
		reply_error(s, "503 5.5.1 TLS is up already");
	} else if (!s->conf->tls) {
		reply_error(s, "502 5.5.1 STARTTLS is not served");
	} else {
		session_reset(s);
		reply(s, "220 2.0.0 Ready to start TLS");
		/* Nothing more of what the client sent in the clear. */
		s->wait = WAIT_TLS;
		s->ops->start_tls(s->arg);
	}
}

static void
cmd_auth(struct session *s, struct span arg)
{
	if (s->kind == KIND_SMTP)
		reply_error(s, "502 5.5.1 AUTH is not served on this port");
	else if (!s->tls && !s->plain_ok)
		reply_error(s,
		    "538 5.7.11 Encryption required: STARTTLS first");
	else if (s->mailbox != 0)
		reply_error(s, "503 5.5.1 Already authenticated");
	else
		auth_begin(s, arg);
}

/* clang-format off */
static const struct smtp_cmd commands[] = {
	{ "HELO",     cmd_helo,     ST_ANY,  F_IDLE },  /* 5321 4.1.1.1 */
	{ "EHLO",     cmd_ehlo,     ST_ANY,  F_IDLE },
	{ "MAIL",     cmd_mail,     ST_HELO, 0 },       /* 5321 4.1.1.2 */
	{ "RCPT",     cmd_rcpt,     ST_TXN,  0 },       /* 5321 4.1.1.3 */
	{ "DATA",     cmd_data,     ST_TXN,  F_NOARG }, /* 5321 4.1.1.4 */
	{ "BDAT",     cmd_bdat,     ST_ANY,  0 },       /* 3030 2 */
	{ "RSET",     cmd_rset,     ST_ANY,  F_NOARG | F_IDLE }, /* 4.1.1.5 */
	{ "VRFY",     cmd_vrfy,     ST_ANY,  F_IDLE },     /* 5321 4.1.1.6 */
	{ "EXPN",     cmd_expn,     ST_ANY,  F_IDLE },     /* 5321 4.1.1.7 */
	{ "HELP",     cmd_help,     ST_ANY,  F_IDLE },     /* 5321 4.1.1.8 */
	{ "NOOP",     cmd_noop,     ST_ANY,  F_IDLE },     /* 5321 4.1.1.9 */
	{ "QUIT",     cmd_quit,     ST_ANY,  F_NOARG }, /* 5321 4.1.1.10 */
	{ "STARTTLS", cmd_starttls, ST_HELO, F_NOARG }, /* 3207 4 */
	{ "AUTH",     cmd_auth,     ST_HELO, 0 },       /* 4954 4 */
	{ "GET",      cmd_http,     ST_ANY,  0 },
	{ "POST",     cmd_http,     ST_ANY,  0 },
	{ "CONNECT",  cmd_http,     ST_ANY,  0 },
};
/* clang-format on */

static const struct smtp_cmd *
find_command(struct span verb)
{
	for (size_t i = 0; i < nitems(commands); i++)
		if (span_is_icase(verb, commands[i].verb))
			return &commands[i];
	return NULL;
}

void
session_command(struct session *s, struct span line)
{
	const struct smtp_cmd *c;
	struct span arg;
	size_t n = 0;

	while (n < line.len && line.data[n] != ' ')
		n++;
	c = find_command(span_sub(line, 0, n));
	arg = span_sub(line, n < line.len ? n + 1 : n, line.len);
	if (c == NULL) {
		reply_error(s, "500 5.5.1 Unknown command");
		return;
	}
	if ((c->flags & F_NOARG) && span_trim(arg).len > 0) {
		reply_error(s, "501 5.5.4 This command takes no argument");
		return;
	}
	if (!(c->states & ST_ANY) && !s->helo_said) {
		reply_error(s, "503 5.5.1 Say HELO or EHLO first");
		return;
	}
	if ((c->states & ST_HELO) && s->txn != NULL) {
		reply_error(s, "503 5.5.1 Not during a mail transaction");
		return;
	}
	if ((c->states & ST_TXN) && s->txn == NULL) {
		reply_error(s, "503 5.5.1 Say MAIL first");
		return;
	}
	if ((c->flags & F_IDLE) && ++s->idle > IDLE_MAX &&
	    ++s->errors >= ERRORS_MAX) {
		session_quit(s,
		    "421 4.7.0 Too many commands without a message");
		return;
	}
	c->run(s, arg);
}
