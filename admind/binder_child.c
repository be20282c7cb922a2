/*
 * The binder: many checks at once in one event loop, each with a connection of
 * its own, which libcommon/conn drives (TLS by OpenSSL, never blocking);
 * libldap reads and writes the messages in memory (binder_ldap.h).
 *
 * A check tries the servers of its source in turn, the one that answered last
 * first, until one says yes or no or the time is up; and of a server that is a
 * name its addresses, in the same way, within the time that server has.
 */
#include "config.h"
#include "admind/binder.h"
#include "admind/binder_ldap.h"

#include "libcommon/conn.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <event2/event.h>
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_AUTHD 3
#define FD_CONNECTOR 4
#define FD_CONF 5

#define IN_MAX 65536        /* bytes of an answer, all of its entries */
#define SOURCE_OPEN_MAX 128 /* checks of one source: others have room, too */

/* What a check is waiting for. */
enum step { CONNECTOR, STARTTLS, HANDSHAKE, SERVICE_BIND, SEARCH, BIND };

struct check {
	LIST_ENTRY(check) next;
	uint32_t id;
	unsigned source, tries, endpoint;
	struct {
		unsigned nth, n, tries; /* of the endpoint's addresses */
		uint64_t until_ms;
	} at;
	uint32_t asked; /* of the connector */
	enum step step;
	struct binder_pipe pipe;
	LDAP *ldap; /* speaks through it */
	int msgid;
	size_t read; /* bytes in all, from this server */
	uint64_t until_ms;
	struct event *late;
	struct buf login, domain;
	struct secret password;
};

static struct binder_conf conf;
static struct source {
	unsigned first; /* the server to try first, and */
	unsigned nth;   /* which of its addresses */
	unsigned open;
	bool down; /* so it was logged */
} sources[LDAPSRC_MAX];
static LIST_HEAD(, check) checks = LIST_HEAD_INITIALIZER(checks);
static struct event_base *base;
static struct tls_ctx *tls;

static void check_try(struct check *);
static void check_dial(struct check *);

/* ---- the end of a check ------------------------------------------------------- */

/* polite: say goodbye, and wait for it to be sent. */
static void
disconnect(struct check *c, bool polite)
{
	if (c->ldap != NULL)
		ldap_unbind_ext(c->ldap, NULL, NULL); /* through conn */
	c->ldap = NULL;
	if (c->pipe.conn != NULL && polite)
		conn_finish(&c->pipe.conn);
	conn_free(&c->pipe.conn);
	buf_clear(&c->pipe.in);
	c->read = 0;
}

static void
check_end(struct check *c, enum binder_answer how)
{
	struct buf b;

	disconnect(c, how != BINDER_TROUBLE);
	LIST_REMOVE(c, next);
	sources[c->source].open--;
	buf_init(&b, 16);
	wire_put_u32(&b, c->id);
	wire_put_u8(&b, (uint8_t)how);
	/* authd reads, or is gone and so are we soon. */
	if (send(FD_AUTHD, b.data, b.len, MSG_NOSIGNAL) == -1)
		log_warn("binder");
	buf_clear(&b);
	if (c->late != NULL)
		event_free(c->late);
	buf_clear(&c->login);
	buf_clear(&c->domain);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

static struct ldapsrc *
source_of(const struct check *c)
{
	return &conf.sources[c->source];
}

/* A server said yes or no. */
static void
check_answered(struct check *c, enum binder_answer how)
{
	struct source *s = &sources[c->source];

	s->first = c->endpoint;
	s->nth = c->at.nth;
	if (s->down)
		log_info("ldap up source=%s", source_of(c)->name);
	s->down = false;
	check_end(c, how);
}

/* This server does not: its next address, the next one, or none.  Logged once for
 * each time that it begins, not for each of a thousand logins or of thirty
 * addresses. */
static void
check_failed(struct check *c, const char *why)
{
	struct ldapsrc *src = source_of(c);
	struct source *s = &sources[c->source];

	if (!s->down && c->at.tries <= 1)
		log_warnx("ldap trouble source=%s server=%s reason=%s",
		    src->name, src->endpoints[c->endpoint].host,
		    log_quote_str(why));
	disconnect(c, false);
	if (c->at.tries < c->at.n && io_now_ms() < c->at.until_ms) {
		c->at.nth++;
		check_dial(c);
		return;
	}
	if (c->tries < src->nendpoints && io_now_ms() < c->until_ms) {
		check_try(c);
		return;
	}
	if (!s->down)
		log_warnx("ldap down source=%s", src->name);
	s->down = true;
	check_end(c, BINDER_TROUBLE);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct check *c = arg;

	(void)fd;
	(void)what;
	check_failed(c,
	    c->step == CONNECTOR ? "its name was not found out in time"
	                         : "no answer in time");
}

/* ---- what is said ----------------------------------------------------------------- */

/* A simple bind.  Never with an empty name or password: that would be one
 * without authentication, and "yes" (RFC 4513 5.1.2). */
static void
say_bind(struct check *c, const char *dn, struct span password, enum step step)
{
	union {
		const unsigned char *in;
		char *out;
	} p = { .in = password.data };
	struct berval cred = { password.len, p.out };

	if (dn[0] == '\0' || password.len == 0) {
		check_failed(c, "a bind without name or password");
		return;
	}
	c->step = step;
	if (ldap_sasl_bind(c->ldap, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL,
	        &c->msgid) != LDAP_SUCCESS)
		check_failed(c, "bind");
}

/* The template with its values, as a C string; NULL if it is too long. */
static const char *
expand(struct check *c, struct buf *b)
{
	struct ldapsrc_who who = { buf_span(&c->login), buf_span(&c->domain) };

	buf_init(b, LDAPSRC_EXPANDED_MAX);
	ldapsrc_expand(source_of(c)->template, &who, b);
	buf_putc(b, '\0');
	return buf_error(b) != 0 ? NULL : (const char *)b->data;
}

static void
say_search(struct check *c)
{
	static char no_attributes[] = LDAP_NO_ATTRS;
	static const int scopes[] = { LDAP_SCOPE_BASE, LDAP_SCOPE_ONELEVEL,
		LDAP_SCOPE_SUBTREE };
	char *attributes[] = { no_attributes, NULL };
	const char *filter;
	struct buf b;
	int r = LDAP_FILTER_ERROR;

	filter = expand(c, &b);
	c->step = SEARCH;
	/* Two entries are as bad as many. */
	if (filter != NULL)
		r = ldap_search_ext(c->ldap, source_of(c)->base,
		    scopes[source_of(c)->scope], filter, attributes, 1, NULL,
		    NULL, NULL, 2, &c->msgid);
	buf_clear(&b);
	if (r != LDAP_SUCCESS)
		check_failed(c, ldap_err2string(r));
}

/* The connection is as secure as it should be. */
static void
say_first(struct check *c)
{
	const char *dn;
	struct buf b;

	if (source_of(c)->search && conf.search_dn[0] != '\0') {
		say_bind(c, conf.search_dn, conf.search_password, SERVICE_BIND);
		return;
	}
	if (source_of(c)->search) {
		say_search(c);
		return;
	}
	dn = expand(c, &b);
	if (dn == NULL)
		check_failed(c, "the DN is too long");
	else
		say_bind(c, dn, secret_span(&c->password), BIND);
	buf_clear(&b);
}

/* ---- what is answered --------------------------------------------------------------- */

static void
got_starttls(struct check *c, int code)
{
	const struct ldapsrc_endpoint *e =
	    &source_of(c)->endpoints[c->endpoint];

	if (code != LDAP_SUCCESS) {
		check_failed(c, "STARTTLS is refused");
		return;
	}
	/* What came with the answer came from anybody. */
	buf_clear(&c->pipe.in);
	c->step = HANDSHAKE;
	conn_start_tls_to(c->pipe.conn, tls, e->host);
}

static void
got_search(struct check *c, int code, LDAPMessage *res)
{
	int n = ldap_count_entries(c->ldap, res);
	char *dn;

	if (code == LDAP_SIZELIMIT_EXCEEDED || n > 1) {
		check_failed(c, "the filter fits more than one entry");
	} else if (code != LDAP_SUCCESS) {
		check_failed(c, ldap_err2string(code));
	} else if (n == 0) {
		check_answered(c, BINDER_WRONG); /* nobody of that name */
	} else if ((dn = ldap_get_dn(c->ldap,
	                ldap_first_entry(c->ldap, res))) == NULL) {
		check_failed(c, "an entry without a name");
	} else {
		say_bind(c, dn, secret_span(&c->password), BIND);
		ldap_memfree(dn);
	}
}

static void
got_bind(struct check *c, int code)
{
	switch (code) {
	case LDAP_SUCCESS:
		check_answered(c, BINDER_RIGHT);
		break;
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_NO_SUCH_OBJECT:       /* the template's DN is nobody's */
	case LDAP_INAPPROPRIATE_AUTH:   /* an entry without a password */
	case LDAP_CONSTRAINT_VIOLATION: /* locked, expired: as some say it */
	case LDAP_UNWILLING_TO_PERFORM:
		check_answered(c, BINDER_WRONG);
		break;
	default:
		check_failed(c, ldap_err2string(code));
	}
}

/* One whole answer; libldap's memory of it is freed by the caller. */
static void
got(struct check *c, int type, LDAPMessage *res)
{
	static const int wanted[] = { [CONNECTOR] = -1,
		[STARTTLS] = LDAP_RES_EXTENDED,
		[HANDSHAKE] = -1,
		[SERVICE_BIND] = LDAP_RES_BIND,
		[SEARCH] = LDAP_RES_SEARCH_RESULT,
		[BIND] = LDAP_RES_BIND };
	int code = LDAP_OTHER;

	if (type != wanted[c->step] ||
	    ldap_parse_result(c->ldap, res, &code, NULL, NULL, NULL, NULL, 0) !=
	        LDAP_SUCCESS) {
		check_failed(c, "an answer that makes no sense");
		return;
	}
	switch (c->step) {
	case STARTTLS:
		got_starttls(c, code);
		break;
	case SERVICE_BIND:
		if (code == LDAP_SUCCESS)
			say_search(c);
		else
			check_failed(c, "ldap-search-dn cannot log in");
		break;
	case SEARCH:
		got_search(c, code, res);
		break;
	default:
		got_bind(c, code);
	}
}

/* ---- the connection ------------------------------------------------------------------ */

static size_t
on_input(struct conn *conn, struct span s, void *arg)
{
	struct timeval now = { 0, 0 };
	struct check *c = arg;
	LDAPMessage *res = NULL;
	int type;

	(void)conn;
	buf_put_span(&c->pipe.in, s);
	c->read += s.len;
	if (buf_error(&c->pipe.in) != 0 || c->read > IN_MAX) {
		check_failed(c, "the answer is too long");
		return s.len;
	}
	type = ldap_result(c->ldap, c->msgid, LDAP_MSG_ALL, &now, &res);
	if (type == -1)
		check_failed(c, "an answer that is no LDAP");
	else if (type != 0)
		got(c, type, res); /* c is perhaps no more */
	ldap_msgfree(res);
	return s.len;
}

static void
on_secured(struct conn *conn, void *arg)
{
	(void)conn;
	say_first(arg);
}

static void
on_ended(struct conn *conn, enum conn_end why, void *arg)
{
	check_failed(arg,
	    why == CONN_EOF             ? "it hung up"
	        : why == CONN_HANDSHAKE ? conn_tls_reason(conn)
	                                : "no connection");
}

static const struct conn_ops conn_ops = { on_input, NULL, on_secured,
	on_ended };

static void
check_connected(struct check *c)
{
	const struct ldapsrc_endpoint *e =
	    &source_of(c)->endpoints[c->endpoint];

	if ((e->tls || !e->loopback || conf.starttls_on_loopback) &&
	    tls == NULL) {
		check_failed(c, "TLS cannot be set up");
	} else if (e->tls) {
		c->step = HANDSHAKE;
		conn_start_tls_to(c->pipe.conn, tls, e->host);
	} else if (!e->loopback || conf.starttls_on_loopback) {
		c->step = STARTTLS;
		if (ldap_extended_operation(c->ldap, LDAP_EXOP_START_TLS, NULL,
		        NULL, NULL, &c->msgid) != LDAP_SUCCESS)
			check_failed(c, "STARTTLS");
	} else {
		say_first(c);
	}
}

static void
set_late(struct check *c, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000),
		(suseconds_t)(ms % 1000 * 1000) };

	event_add(c->late, &tv);
}

/* The connector is asked for a connection; on_connected() goes on. */
static void
check_dial(struct check *c)
{
	static uint32_t asked;
	uint64_t now = io_now_ms();

	c->step = CONNECTOR;
	c->asked = ++asked;
	set_late(c, c->at.until_ms > now ? c->at.until_ms - now : 0);
	connector_ask(FD_CONNECTOR, c->asked, c->source, c->endpoint,
	    c->at.nth);
}

/* The next server, with its share of the time that is left. */
static void
check_try(struct check *c)
{
	const struct ldapsrc *src = source_of(c);
	const struct source *s = &sources[c->source];
	uint64_t now = io_now_ms();

	c->endpoint = (s->first + c->tries) % src->nendpoints;
	c->at.nth = c->tries == 0 ? s->nth : 0;
	c->at.n = c->at.tries = 0;
	c->at.until_ms = now +
	    (c->until_ms > now ? c->until_ms - now : 0) /
	        (src->nendpoints - c->tries);
	c->tries++;
	check_dial(c);
}

/* Its next address has its share of the time the server has left. */
static void
check_go_on(struct check *c, const struct connected *is)
{
	uint64_t now = io_now_ms();

	c->at.n = is->n;
	c->at.nth = is->nth;
	if (is->fd == -1) {
		c->at.tries++;
		check_failed(c, is->why);
		return;
	}
	set_late(c,
	    (c->at.until_ms > now ? c->at.until_ms - now : 0) /
	        (is->n > c->at.tries ? is->n - c->at.tries : 1));
	c->at.tries++;
	if ((c->pipe.conn = conn_new(base, is->fd, IN_MAX, &conn_ops, c)) ==
	    NULL) {
		check_failed(c, "no connection");
		return;
	}
	if ((c->ldap = binder_ldap(is->fd, &c->pipe, IN_MAX)) == NULL) {
		check_failed(c, "memory");
		return;
	}
	check_connected(c);
}

static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct connected is;
	struct check *c;

	(void)what;
	(void)arg;
	connector_answer(fd, &is);
	LIST_FOREACH(c, &checks, next) {
		if (c->step == CONNECTOR && c->asked == is.id) {
			check_go_on(c, &is);
			return;
		}
	}
	if (is.fd != -1) /* whose time was up */
		close(is.fd);
}

/* ---- from authd ------------------------------------------------------------------------ */

static struct check *
check_read(struct span in)
{
	struct check *c = calloc(1, sizeof(*c));
	struct span name, password;
	struct wire w;

	if (c == NULL)
		fatal("binder");
	buf_init(&c->pipe.in, IN_MAX);
	buf_init(&c->login, LOGIN_MAX);
	buf_init(&c->domain, LOGIN_MAX);
	wire_init(&w, in);
	c->id = wire_u32(&w);
	name = wire_bytes(&w, LDAPSRC_NAME_MAX);
	buf_put_span(&c->login, wire_bytes(&w, LOGIN_MAX));
	buf_put_span(&c->domain, wire_bytes(&w, LOGIN_MAX));
	password = wire_bytes(&w, PASSWORD_MAX);
	if (wire_done(&w) == -1 || secret_set(&c->password, password) == -1)
		fatalx("binder question");
	for (c->source = 0; c->source < conf.nsources; c->source++)
		if (span_is(name, source_of(c)->name))
			break;
	if (c->source == conf.nsources)
		fatalx("binder source=%s", log_quote(name));
	return c;
}

static void
on_question(evutil_socket_t fd, short what, void *arg)
{
	static unsigned char in[BINDER_JOB_MAX];
	struct check *c;
	ssize_t n;

	(void)what;
	(void)arg;
	n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		_exit(0);
	c = check_read(span_from(in, (size_t)n));
	explicit_bzero(in, (size_t)n);
	c->until_ms = io_now_ms() + conf.timeout_ms;
	LIST_INSERT_HEAD(&checks, c, next);
	c->late = event_new(base, -1, 0, on_late, c);
	if (c->late == NULL)
		fatalx("binder memory");
	if (++sources[c->source].open > SOURCE_OPEN_MAX)
		check_end(c, BINDER_TROUBLE);
	else
		check_try(c);
}

void
binder_child(void)
{
	char why[201];
	struct event *ev, *connected;

	/* Nobody's settings but semail.conf's. */
	setenv("LDAPNOINIT", "1", 1);
	binder_conf_take(FD_CONF, &conf);
	if (conf.ca.len > 0 && (tls = tls_ctx_client(conf.ca, why)) == NULL)
		log_warnx("ldap-ca-file reason=%s", log_quote_str(why));
	if ((base = event_base_new()) == NULL ||
	    (ev = event_new(base, FD_AUTHD, EV_READ | EV_PERSIST, on_question,
	         NULL)) == NULL ||
	    event_add(ev, NULL) == -1 ||
	    (connected = event_new(base, FD_CONNECTOR, EV_READ | EV_PERSIST,
	         on_connected, NULL)) == NULL ||
	    event_add(connected, NULL) == -1)
		fatalx("binder event");
	event_base_dispatch(base);
	_exit(0);
}
