#include "config.h"
#include "pop3d/proto.h"

#include <errno.h>
#include <stdlib.h>

#define NOBODY "?" /* a well-formed login that no mailbox has */

/* When a command makes sense. */
enum {
	F_PASSWORD = 1 << 0, /* only where a password may be sent */
	F_ARG = 1 << 1,      /* needs an argument */
	F_NOARG = 1 << 2     /* has none */
};

static void
say(struct buf *out, const char *line)
{
	buf_puts(out, line);
	buf_puts(out, "\r\n");
}

void
proto_init(struct proto *p)
{
	memset(p, 0, sizeof(*p));
}

void
proto_forget(struct proto *p)
{
	if (p->user != NULL)
		explicit_bzero(p->user, strlen(p->user));
	free(p->user);
	p->user = NULL;
	if (p->sasl != NULL)
		sasl_clear(p->sasl);
	free(p->sasl);
	p->sasl = NULL;
	p->exchange = false;
}

void
proto_clear(struct proto *p)
{
	proto_forget(p);
	memset(p, 0, sizeof(*p));
}

void
proto_greet(const struct proto_facts *f, struct buf *out)
{
	/* No <...@...>: that would offer APOP. */
	buf_printf(out, "+OK %s POP3 ready\r\n", f->hostname);
}

/* Nonsense: answered, counted, in the end too much. */
static enum proto_next
wrong(struct proto *p, struct buf *out, const char *reply)
{
	if (++p->errors >= PROTO_ERRORS_MAX) {
		say(out, "-ERR too many errors");
		return PROTO_CLOSE;
	}
	say(out, reply);
	return PROTO_MORE;
}

static enum proto_next
no_memory(struct proto *p, struct buf *out)
{
	proto_forget(p);
	say(out, "-ERR [SYS/TEMP] out of memory, try again later");
	return PROTO_CLOSE;
}

/* ---- commands ---------------------------------------------------------- */

static enum proto_next
cmd_capa(struct proto *p, const struct proto_facts *f, struct span arg,
    struct buf *out)
{
	(void)p;
	(void)arg;
	say(out, "+OK capability list follows");
	say(out, "TOP");
	if (f->may_password) {
		say(out, "USER");
		say(out, "SASL PLAIN LOGIN");
	}
	say(out, "UIDL");
	say(out, "RESP-CODES");
	say(out, "AUTH-RESP-CODE");
	say(out, "PIPELINING");
	if (f->can_tls && !f->is_tls)
		say(out, "STLS");
	say(out, "IMPLEMENTATION SEMail");
	say(out, ".");
	return PROTO_MORE;
}

static enum proto_next
cmd_stls(struct proto *p, const struct proto_facts *f, struct span arg,
    struct buf *out)
{
	(void)arg;
	if (f->is_tls)
		return wrong(p, out, "-ERR TLS is on already");
	if (!f->can_tls)
		return wrong(p, out, "-ERR TLS is not available");
	/* What was said in the clear counts no more (RFC 2595 4). */
	proto_forget(p);
	say(out, "+OK begin TLS");
	return PROTO_TLS;
}

static enum proto_next
cmd_user(struct proto *p, const struct proto_facts *f, struct span arg,
    struct buf *out)
{
	(void)f;
	proto_forget(p);
	/* A name nobody can have is taken as any other. */
	p->user = sasl_login_ok(arg) ? span_strdup(arg) : strdup(NOBODY);
	if (p->user == NULL)
		return no_memory(p, out);
	say(out, "+OK send PASS");
	return PROTO_MORE;
}

static enum proto_next
cmd_pass(struct proto *p, const struct proto_facts *f, struct span arg,
    struct buf *out)
{
	(void)f;
	if (p->user == NULL)
		return wrong(p, out, "-ERR send USER first");
	if ((p->sasl = calloc(1, sizeof(*p->sasl))) == NULL)
		return no_memory(p, out);
	/* 250 bytes at most: they fit.  Blanks belong to the password
	 * (RFC 1939 7). */
	memcpy(p->sasl->password.data, arg.data, arg.len);
	p->sasl->password.len = arg.len;
	span_copy(span_of(p->user), p->sasl->login, sizeof(p->sasl->login));
	return PROTO_LOGIN;
}

static enum proto_next
sasl_next(struct proto *p, enum sasl_result r, struct buf *out)
{
	p->exchange = r == SASL_MORE;
	switch (r) {
	case SASL_MORE:
		buf_printf(out, "+ %s\r\n", sasl_challenge(p->sasl));
		return PROTO_MORE;
	case SASL_DENIED:
		/* Asked all the same, so that it takes the same time. */
		memcpy(p->sasl->login, NOBODY, sizeof(NOBODY));
		p->sasl->password.data[0] = '?';
		p->sasl->password.len = 1;
		return PROTO_LOGIN;
	case SASL_DONE:
		return PROTO_LOGIN;
	case SASL_CANCELLED:
		proto_forget(p);
		return wrong(p, out, "-ERR cancelled");
	default:
		proto_forget(p);
		return wrong(p, out, "-ERR malformed response");
	}
}

static enum proto_next
cmd_auth(struct proto *p, const struct proto_facts *f, struct span arg,
    struct buf *out)
{
	ptrdiff_t sp = span_chr(arg, ' ');
	struct span name = span_sub(arg, 0, sp == -1 ? arg.len : (size_t)sp);

	(void)f;
	proto_forget(p);
	if ((p->sasl = calloc(1, sizeof(*p->sasl))) == NULL)
		return no_memory(p, out);
	if (sasl_start(p->sasl, name) == -1) {
		proto_forget(p);
		return wrong(p, out, "-ERR no such mechanism");
	}
	if (sp == -1)
		return sasl_next(p, SASL_MORE, out);
	return sasl_next(p,
	    sasl_initial(p->sasl, span_sub(arg, name.len + 1, arg.len)), out);
}

static enum proto_next
cmd_quit(struct proto *p, const struct proto_facts *f, struct span arg,
    struct buf *out)
{
	(void)p;
	(void)f;
	(void)arg;
	say(out, "+OK bye");
	return PROTO_CLOSE;
}

/* clang-format off */
static const struct command {
	const char *verb;
	enum proto_next (*run)(struct proto *, const struct proto_facts *,
	    struct span arg, struct buf *out);
	unsigned flags;
} commands[] = {
	{ "CAPA", cmd_capa, F_NOARG },            /* 2449 5 */
	{ "STLS", cmd_stls, F_NOARG },            /* 2595 4 */
	{ "USER", cmd_user, F_PASSWORD | F_ARG }, /* 1939 7 */
	{ "PASS", cmd_pass, F_PASSWORD | F_ARG }, /* 1939 7 */
	{ "AUTH", cmd_auth, F_PASSWORD | F_ARG }, /* 5034 4 */
	{ "QUIT", cmd_quit, F_NOARG },            /* 1939 4 */
};
/* clang-format on */

/* Commands of the TRANSACTION state: known, but not now. */
static const char *const later[] = { "STAT", "LIST", "RETR", "DELE", "NOOP",
	"RSET", "TOP", "UIDL", "APOP", "UTF8", "LANG" };

static enum proto_next
command(struct proto *p, const struct proto_facts *f, struct span line,
    struct buf *out)
{
	ptrdiff_t sp = span_chr(line, ' ');
	struct span verb = span_sub(line, 0, sp == -1 ? line.len : (size_t)sp);
	struct span arg = span_sub(line, verb.len + 1, line.len);

	for (size_t i = 0; i < nitems(commands); i++) {
		const struct command *c = &commands[i];

		if (!span_is_icase(verb, c->verb))
			continue;
		if ((c->flags & F_NOARG) && arg.len > 0)
			return wrong(p, out, "-ERR no argument expected");
		/* Before its argument is looked at: it may be a password. */
		if ((c->flags & F_PASSWORD) && !f->may_password)
			return wrong(p, out,
			    f->can_tls
			        ? "-ERR [AUTH] not without encryption, use STLS"
			        : "-ERR [AUTH] not without encryption");
		if ((c->flags & F_ARG) && arg.len == 0)
			return wrong(p, out, "-ERR an argument is missing");
		return c->run(p, f, arg, out);
	}
	for (size_t i = 0; i < nitems(later); i++)
		if (span_is_icase(verb, later[i]))
			return wrong(p, out, "-ERR log in first");
	return wrong(p, out, "-ERR unknown command");
}

/* ---- lines ------------------------------------------------------------- */

static enum proto_next
one_line(struct proto *p, const struct proto_facts *f, struct span line,
    struct buf *out)
{
	const char *fault = NULL;

	if (line.len == 0 || line.data[line.len - 1] != '\r')
		fault = "-ERR a line ends in CRLF";
	else if (span_chr(line, '\r') != (ptrdiff_t)line.len - 1)
		fault = "-ERR bare CR in a line";
	else if (span_chr(line, '\0') != -1)
		fault = "-ERR NUL in a line";
	if (fault != NULL) {
		proto_forget(p);
		return wrong(p, out, fault);
	}
	line.len--;
	if (p->exchange)
		return sasl_next(p, sasl_response(p->sasl, line), out);
	return command(p, f, line, out);
}

enum proto_next
proto_input(struct proto *p, const struct proto_facts *f, struct span in,
    struct buf *out, size_t *used_out)
{
	size_t max = p->exchange ? SASL_LINE_MAX + 2 : PROTO_LINE_MAX;
	ptrdiff_t lf = span_chr(span_sub(in, 0, p->skipping ? in.len : max),
	    '\n');
	struct span line;

	*used_out = lf == -1 ? 0 : (size_t)lf + 1;
	if (p->skipping) {
		p->skipping = lf == -1;
		*used_out = lf == -1 ? in.len : (size_t)lf + 1;
		return in.len == *used_out ? PROTO_WAIT : PROTO_MORE;
	}
	if (lf == -1 && in.len < max)
		return PROTO_WAIT;
	if (lf == -1) {
		/* Answered now; the rest of it is nobody's command. */
		*used_out = max;
		p->skipping = true;
		proto_forget(p);
		return wrong(p, out, "-ERR line too long");
	}
	line = span_sub(in, 0, (size_t)lf);
	return one_line(p, f, line, out);
}

/* ---- logging in -------------------------------------------------------- */

const struct sasl *
proto_login(const struct proto *p)
{
	return p->sasl;
}

const char *
proto_method(const struct proto *p)
{
	if (p->user != NULL)
		return "PASS";
	return p->sasl->mech == SASL_PLAIN ? "PLAIN" : "LOGIN";
}

enum proto_next
proto_failed(struct proto *p, enum proto_answer a, struct buf *out)
{
	proto_forget(p);
	switch (a) {
	case PROTO_DENIED:
		if (++p->failures >= PROTO_FAILURES_MAX) {
			say(out, "-ERR [AUTH] too many wrong passwords");
			return PROTO_CLOSE;
		}
		say(out, "-ERR [AUTH] wrong name or password");
		return PROTO_MORE;
	case PROTO_IN_USE:
		say(out, "-ERR [IN-USE] this mailbox is in use");
		return PROTO_MORE;
	default:
		say(out,
		    "-ERR [SYS/TEMP] cannot log you in now, try again later");
		return PROTO_MORE;
	}
}
