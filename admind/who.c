#include "config.h"
#include "admind/who.h"
#include "admind/admind.h"
#include "admind/hasher.h"
#include "admind/message.h"
#include "admind/nursery.h"
#include "admind/passcache.h"
#include "admind/slow.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define HASHERS 2
#define HASHER_AS_BYTES (384ull << 20) /* as authd's */
#define LOGIN_MS 30000
#define LATE_STEP_MS 250 /* as authd's: what a check took does not show */

struct ask {
	struct dir_who who;
	void (*done)(void *, int, const struct dir_who *, const char *);
	void *arg;
	uint64_t arrived_ms;
	char login[LOGIN_MAX + 1];
	char remote[65];
	uint64_t owner; /* for the cache */
	unsigned char key[PASSCACHE_KEY_BYTES];
	struct event *late;
};

static const struct nursery_info children[CHILD__COUNT] = {
	[CHILD_HASHER] = { "hasher", HASHER_AS_BYTES, 0, hasher_child },
};
static struct passcache *cache;
static struct ipc *authd;

/* ---- the end ----------------------------------------------------------------- */

static void
ask_end(struct ask *a, int code, const char *comment)
{
	a->done(a->arg, code, &a->who, comment);
	if (a->late != NULL)
		event_free(a->late);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

static void
ask_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask_end(arg, CODE_DENIED, "wrong client login or password");
}

static void
ask_deny(struct ask *a)
{
	uint64_t now = io_now_ms(), took = now - a->arrived_ms;
	uint64_t ms = slow_failed(span_of(a->remote), span_of(a->login), now);
	struct timeval tv;

	log_info("admin login-denied remote=%s name=%s",
	    log_quote_str(a->remote), log_quote_str(a->login));
	ms = ms > took ? ms - took : LATE_STEP_MS - took % LATE_STEP_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	a->late = event_new(admind.proc.base, -1, 0, ask_late, a);
	if (a->late == NULL || event_add(a->late, &tv) == -1)
		ask_late(-1, 0, a);
}

/* name: for the audit log; what does not fit is cut between characters. */
static void
ask_allow(struct ask *a, struct span name)
{
	size_t n = name.len;

	slow_passed(span_of(a->login));
	if (n >= sizeof(a->who.name))
		for (n = sizeof(a->who.name) - 1;
		     n > 0 && (name.data[n] & 0xc0) == 0x80; n--)
			;
	memcpy(a->who.name, name.data, n);
	a->who.name[n] = '\0';
	ask_end(a, CODE_OK, "");
}

/* ---- administrators and clients ------------------------------------------------ */

static void
ask_checked(void *arg, const struct hasher_result *r)
{
	struct ask *a = arg;

	if (r->which >= 0) {
		passcache_put(cache, a->owner, a->key, io_now_ms(),
		    conf_num("auth-cache-time"));
		ask_allow(a, span_of(a->login));
	} else if (r->which == HASHER_TROUBLE) {
		ask_end(a, CODE_TEMP,
		    "the password cannot be checked now, try "
		    "again later");
	} else {
		ask_deny(a);
	}
}

static void
ask_verifier(struct ask *a, struct span password, const char *verifier)
{
	struct span v = span_of(verifier[0] != '\0'
	        ? verifier
	        : secret_dummy_verifier()); /* without one nobody logs in */

	a->owner = (uint64_t)a->who.kind << 32 | a->who.id;
	passcache_key(cache, a->owner, v, password, a->key);
	if (passcache_has(cache, a->key, io_now_ms()))
		ask_allow(a, span_of(a->login));
	else if (hasher_check(password, &v, 1, ask_checked, a) == -1)
		ask_end(a, CODE_TEMP,
		    "too many logins at once, try again "
		    "later");
}

/* ---- mailboxes -------------------------------------------------------------------- */

static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "not for admind");
}

static const struct ipc_ops authd_ops = { .msg = authd_msg };

/* "login@domain": neither is empty, the login has no @. */
static int
take_address(struct ask *a, struct span address)
{
	ptrdiff_t at = span_chr(address, '@');

	if (at <= 0 ||
	    span_copy(span_sub(address, 0, (size_t)at), a->who.login,
	        sizeof(a->who.login)) == -1 ||
	    span_copy(span_sub(address, (size_t)at + 1, address.len),
	        a->who.domain, sizeof(a->who.domain)) == -1)
		return -1;
	a->who.kind = WHO_MAILBOX;
	return 0;
}

static int
ask_answered(struct ipc_msg *m, void *arg)
{
	char reason[201] = "authd does not answer";
	unsigned char ticket[TICKET_BYTES];
	enum fail fail = FAIL_TEMP;
	struct ask *a = arg;
	struct span address;
	struct wire w;
	int r = 0;

	if (m != NULL && m->type == MSG_AUTH_LOGIN_IS) {
		wire_init(&w, m->payload);
		a->who.id = wire_u32(&w);
		address = wire_text(&w, 320);
		wire_raw(&w, ticket, sizeof(ticket));
		if (wire_done(&w) == 0 && take_address(a, address) == 0) {
			ask_allow(a, address); /* however it was written */
			return 0;
		}
		r = -1;
	} else if (m != NULL) {
		r = msg_fail_get(m->payload, &fail, reason);
	}
	if (r == 0 && fail == FAIL_DENIED)
		ask_deny(a);
	else
		ask_end(a, CODE_TEMP,
		    "the login cannot be checked now, try "
		    "again later");
	return r;
}

static void
ask_authd(struct ask *a, struct span login, struct span password)
{
	struct msg_login in = { login, password, SERVICE_ADMIN,
		span_of(a->remote) };
	struct buf b;
	int r;

	buf_init(&b, 4096);
	msg_login_put(&b, &in);
	r = ipc_request(authd, MSG_AUTH_LOGIN, &b, -1, LOGIN_MS, ask_answered,
	    a);
	buf_clear(&b);
	if (r == -1)
		ask_end(a, CODE_TEMP,
		    "authd cannot be reached, try again "
		    "later");
}

/* ---- asking ------------------------------------------------------------------------ */

static void
ask_start(struct ask *a, struct span login, struct span password)
{
	char comment[COMMENT_MAX + 1], verifier[VERIFIER_MAX + 1];

	if (slow_refuses(span_of(a->remote), io_now_ms())) {
		ask_deny(a);
		return;
	}
	switch (dir_login(admind.db, login, &a->who, verifier, comment)) {
	case CODE_OK:
		ask_verifier(a, password, verifier);
		explicit_bzero(verifier, sizeof(verifier));
		break;
	case CODE_DENIED: /* there is none: a mailbox? */
		ask_authd(a, login, password);
		break;
	default:
		ask_end(a, CODE_TEMP, comment);
	}
}

void
who_ask(struct span login, struct span password, const struct who_from *from,
    void (*done)(void *, int, const struct dir_who *, const char *), void *arg)
{
	struct ask *a;

	if (login.len == 0 && password.len > 0) {
		done(arg, CODE_BAD, &from->who,
		    "a password without a client "
		    "login");
	} else if (login.len == 0 && from->stranger) {
		done(arg, CODE_DENIED, &from->who,
		    "over TCP a request needs a "
		    "client login and password");
	} else if (login.len == 0) {
		done(arg, CODE_OK, &from->who, "");
	} else if (!message_is_utf8(login) || span_chr(login, '\n') >= 0 ||
	    span_chr(login, '\r') >= 0 || span_chr(login, '\0') >= 0 ||
	    login.len > LOGIN_MAX || password.len > PASSWORD_MAX) {
		done(arg, CODE_BAD, &from->who,
		    "CLIENT LOGIN is not one line "
		    "of UTF-8, or it or PASSWORD is too long");
	} else if (!admind.open) {
		done(arg, CODE_TEMP, &from->who,
		    "the database is not ready "
		    "yet, try again later");
	} else if ((a = calloc(1, sizeof(*a))) == NULL) {
		done(arg, CODE_TEMP, &from->who, "no memory");
	} else {
		a->who = from->who;
		a->done = done;
		a->arg = arg;
		a->arrived_ms = io_now_ms();
		snprintf(a->login, sizeof(a->login), "%.*s", (int)login.len,
		    (const char *)login.data);
		memcpy(a->remote, from->remote, sizeof(a->remote));
		ask_start(a, login, password);
	}
}

void
who_nursery(struct proc *p)
{
	nursery_start(p, children);
}

void
who_start(struct proc *p)
{
	if ((cache = passcache_new()) == NULL)
		fatalx("memory");
	hasher_start(p->base, HASHERS);
	authd = proc_connect(p, ROLE_AUTHD, &authd_ops, NULL);
}

struct ipc *
who_authd(void)
{
	return authd;
}
