/*
 * Logins and tickets.  An unknown name, one that may not log in and a wrong
 * password cost the same and are answered the same, at the same time: a
 * refusal waits for the next quarter of a second counted from the question, so
 * that what its check took does not show (more than four quarters of work, a
 * mailbox with many app passwords, still does).  A password that was right a
 * moment ago is not checked again: passcache.h says why a stopwatch learns
 * nothing from that.
 */
#include "config.h"
#include "admind/authd.h"
#include "admind/hasher.h"
#include "admind/login_name.h"
#include "admind/nursery.h"
#include "admind/passcache.h"
#include "admind/slow.h"
#include "admind/ticket.h"

#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <event2/event.h>
#include <stdlib.h>

#define HASHERS 2
#define LATE_MAX 1024 /* failures whose answer waits */
#define LATE_STEP_MS 250
/* Argon2id's memory (scheme.h: at most 128 MB), the program, its libraries. */
#define HASHER_AS_BYTES (384ull << 20)

/* A login whose password is being checked, or whose refusal waits. */
struct login {
	uint64_t channel;  /* ipc_token() */
	uint32_t id;
	uint8_t service;
	uint32_t mailbox;  /* 0: whatever the check says, it is a refusal */
	uint64_t arrived_ms;
	char name[LOGIN_MAX + 1];
	char remote[65];
	char address[321];
	struct event *late;
	/* for the cache, of each verifier that is tried */
	unsigned char keys[STORE_CREDENTIALS_MAX][PASSCACHE_KEY_BYTES];
};

static const struct nursery_info children[CHILD__COUNT] = {
	[CHILD_HASHER] = { "hasher", HASHER_AS_BYTES, 0, hasher_child },
};
static struct passcache *cache;
static unsigned nlate;

void
login_nursery(void)
{
	nursery_start(&authd.proc, children);
}

void
login_start(void)
{
	if ((cache = passcache_new()) == NULL)
		fatalx("memory");
	hasher_start(authd.proc.base, HASHERS);
}

void
login_stop(void)
{
	passcache_free(&cache);
}

static void
login_free(struct login *l)
{
	if (l->late != NULL)
		event_free(l->late);
	explicit_bzero(l, sizeof(*l));
	free(l);
}

static void
login_refuse(struct login *l)
{
	struct ipc *ipc = ipc_by_token(l->channel);

	if (ipc != NULL)
		ipc_fail(ipc, l->id, FAIL_DENIED, "wrong name or password");
	login_free(l);
}

static void
login_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	nlate--;
	login_refuse(arg);
}

static void
login_deny(struct login *l)
{
	uint64_t now = io_now_ms(), took = now - l->arrived_ms;
	uint64_t ms = slow_failed(span_of(l->remote), span_of(l->name), now);
	struct timeval tv;

	authd.denied++;
	log_info("login-denied service=%u remote=%s name=%s", l->service,
	    log_quote_str(l->remote), log_quote_str(l->name));
	ms = ms > took ? ms - took : LATE_STEP_MS - took % LATE_STEP_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	/* With too many waiting the answer comes at once: memory first. */
	if (nlate >= LATE_MAX || (l->late = event_new(authd.proc.base, -1, 0,
	    login_late, l)) == NULL || event_add(l->late, &tv) == -1) {
		login_refuse(l);
		return;
	}
	nlate++;
}

static void
login_allow(struct login *l)
{
	unsigned char ticket[TICKET_BYTES] = { 0 };
	struct ipc *ipc = ipc_by_token(l->channel);
	struct store_box box;
	struct buf b;

	if (ipc == NULL) {
		login_free(l);
		return;
	}
	/* It may have been disabled while the password was checked. */
	if (store_box(authd.store, l->mailbox, &box) != STORE_FOUND ||
	    box.state != BOX_ACTIVE) {
		login_deny(l);
		return;
	}
	authd.logins++;
	slow_passed(span_of(l->name));
	/* A submission has no session to hand on. */
	if (l->service != SERVICE_SMTP)
		ticket_make(ticket, l->mailbox, l->service, io_now_ms());
	buf_init(&b, 512);
	wire_put_u32(&b, l->mailbox);
	wire_put_str(&b, l->address);
	buf_put(&b, ticket, sizeof(ticket));
	ipc_reply(ipc, l->id, MSG_AUTH_LOGIN_IS, &b, -1);
	buf_clear(&b);
	explicit_bzero(ticket, sizeof(ticket));
	log_info("login service=%u remote=%s mailbox=%s", l->service,
	    log_quote_str(l->remote), log_quote_str(l->address));
	login_free(l);
}

static void
login_checked(void *arg, const struct hasher_result *r)
{
	struct login *l = arg;
	struct ipc *ipc;

	if (r->which == HASHER_TROUBLE && l->mailbox != 0) {
		if ((ipc = ipc_by_token(l->channel)) != NULL)
			ipc_fail(ipc, l->id, FAIL_TEMP, "cannot check now");
		login_free(l);
	} else if (r->which >= 0 && l->mailbox != 0) {
		passcache_put(cache, l->mailbox, l->keys[r->which],
		    io_now_ms(), conf_num("auth-cache-time"));
		login_allow(l);
	} else {
		login_deny(l);
	}
}

/* The same work for every name, whether there is such a mailbox or not. */
static bool
login_is_cached(struct login *l, struct span password,
    const struct span *verifiers, unsigned n)
{
	uint64_t now = io_now_ms();
	bool found = false;

	for (unsigned i = 0; i < n; i++) {
		passcache_key(cache, l->mailbox, verifiers[i], password,
		    l->keys[i]);
		if (passcache_has(cache, l->keys[i], now))
			found = true;
	}
	return found && l->mailbox != 0;
}

static int
login_prepare(struct ipc *ipc, struct ipc_msg *m, const struct msg_login *in)
{
	struct span verifiers[STORE_CREDENTIALS_MAX];
	enum store_answer a;
	struct store_box box;
	struct login *l;
	unsigned n = 0;

	a = login_find(authd.store, in->login, in->service, &box);
	if (a == STORE_FOUND && box.state == BOX_ACTIVE &&
	    store_credentials(authd.store, box.mailbox, in->service, verifiers,
	    &n) == STORE_UNKNOWN)
		a = STORE_UNKNOWN;
	if (a == STORE_UNKNOWN) {
		ipc_fail(ipc, m->id, FAIL_TEMP, "the directory is not complete");
		return 0;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		ipc_fail(ipc, m->id, FAIL_TEMP, "memory");
		return 0;
	}
	l->channel = ipc_token(ipc);
	l->id = m->id;
	l->service = in->service;
	l->arrived_ms = io_now_ms();
	if (span_copy(in->login, l->name, sizeof(l->name)) == -1 ||
	    span_copy(in->remote, l->remote, sizeof(l->remote)) == -1) {
		login_free(l);
		return ipc_refuse(ipc, m, "form");
	}
	if (n > 0) {
		l->mailbox = box.mailbox;
		box_address(&box, l->address);
	} else {
		verifiers[n++] = span_of(secret_dummy_verifier());
	}
	if (slow_refuses(in->remote, io_now_ms())) {
		login_deny(l);
	} else if (login_is_cached(l, in->password, verifiers, n)) {
		authd.cached++;
		login_allow(l);
	} else if (hasher_check(in->password, verifiers, n, login_checked, l) ==
	    -1) {
		ipc_fail(ipc, m->id, FAIL_TEMP, "too many logins at once");
		login_free(l);
	}
	return 0;
}

int
login_ask(struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_login in;

	if (msg_login_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	/* A front that was taken over gets no ticket for another's service. */
	if (in.service != (ipc_peer(ipc) == ROLE_POP3D ? SERVICE_POP3 :
	    SERVICE_SMTP))
		return ipc_refuse(ipc, m, "not its service");
	return login_prepare(ipc, m, &in);
}

int
login_redeem(struct ipc *ipc, struct ipc_msg *m)
{
	unsigned char ticket[TICKET_BYTES];
	struct msg_box out = { 0 };
	struct store_box box;
	uint32_t mailbox;
	uint8_t service;
	struct wire w;
	struct buf b;

	wire_init(&w, m->payload);
	wire_raw(&w, ticket, sizeof(ticket));
	service = wire_u8(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	mailbox = ticket_redeem(ticket, service, io_now_ms());
	if (mailbox == 0 ||
	    store_box(authd.store, mailbox, &box) != STORE_FOUND ||
	    box.state != BOX_ACTIVE) {
		ipc_fail(ipc, m->id, FAIL_DENIED, "no such ticket");
		return 0;
	}
	out.mailbox = mailbox;
	out.uid = box.uid;
	out.state = box.state;
	out.quota_kb = box.quota_kb;
	memcpy(out.domain, box.domain_name, sizeof(out.domain));
	memcpy(out.login, box.login, sizeof(out.login));
	box_address(&box, out.address);
	buf_init(&b, 1024);
	msg_box_put(&b, &out);
	ipc_reply(ipc, m->id, MSG_AUTH_BOX_IS, &b, -1);
	buf_clear(&b);
	return 0;
}

void
login_revoke(uint32_t mailbox)
{
	ticket_revoke(mailbox);
	passcache_drop(cache, mailbox);
}
