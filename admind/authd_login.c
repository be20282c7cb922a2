/*
 * Logins and tickets.
 *
 *	was it right a moment ago?   passcache.h
 *	does a local verifier fit?   hasher.h; with LDAP app passwords only
 *	does LDAP say so?            binder.h, if the domain or its server has it
 *
 * An unknown name, one that may not log in and a wrong password cost the same
 * and are answered the same, at the same time: a refusal waits for the next
 * quarter of a second counted from the question, so that what its check took
 * does not show (more than a quarter of work, a mailbox with many app
 * passwords, still does).  An unknown name in a domain with LDAP is asked for
 * there, too, and its answer thrown away: else a server that is down would
 * tell which names exist.
 */
#include "config.h"
#include "admind/authd.h"
#include "admind/binder.h"
#include "admind/hasher.h"
#include "admind/login_name.h"
#include "admind/nursery.h"
#include "admind/passcache.h"
#include "admind/rehash.h"
#include "admind/resolver.h"
#include "admind/slow.h"
#include "admind/ticket.h"

#include "libcommon/addr.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define HASHERS 2
#define LATE_MAX 1024 /* failures whose answer waits */
#define LATE_STEP_MS 250
/* Argon2id's memory (scheme.h: at most 128 MB), the program, its libraries. */
#define HASHER_AS_BYTES (384ull << 20)
#define BINDER_AS_BYTES (256ull << 20)

#define TRIES_MAX (STORE_CREDENTIALS_MAX + 1) /* verifiers, and LDAP */

/* A login whose password is being checked, or whose refusal waits. */
struct login {
	uint64_t channel; /* ipc_token() */
	uint32_t id;
	uint8_t service;
	uint32_t mailbox; /* 0: whatever the check says, it is a refusal */
	uint64_t arrived_ms;
	char name[LOGIN_MAX + 1];
	char remote[65];
	char address[321];
	struct event *late;
	unsigned n; /* local verifiers that are tried */
	uint32_t credentials[STORE_CREDENTIALS_MAX];
	unsigned char keys[TRIES_MAX][PASSCACHE_KEY_BYTES]; /* LDAP: the nth */
	bool local_trouble; /* one of them could not be checked */
	/* for LDAP */
	char ldap[FEED_LDAP_MAX + 1]; /* the source; "": none */
	char who[LOGIN_MAX + 1], domain[LOGIN_MAX + 1];
	struct secret password;
};

static const struct nursery_info children[CHILD__COUNT] = {
	[CHILD_HASHER] = { "hasher", HASHER_AS_BYTES, 0, hasher_child },
	[CHILD_BINDER] = { "binder", BINDER_AS_BYTES, 0, binder_child },
	[CHILD_CONNECTOR] = { "connector", BINDER_AS_BYTES, CONFINE_INET,
	    connector_child },
	[CHILD_RESOLVER] = { "resolver", BINDER_AS_BYTES, 0, resolver_child },
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
login_reload(void)
{
	binder_configure(authd.proc.base);
	/* What another server said was right is not what this one says, and
	 * the time may be shorter now. */
	passcache_drop_all(cache);
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
	if (l->service == SERVICE_ADMIN) { /* admind lets it wait (who.c) */
		login_refuse(l);
		return;
	}
	ms = ms > took ? ms - took : LATE_STEP_MS - took % LATE_STEP_MS;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	/* With too many waiting the answer comes at once: memory first. */
	if (nlate >= LATE_MAX ||
	    (l->late = event_new(authd.proc.base, -1, 0, login_late, l)) ==
	        NULL ||
	    event_add(l->late, &tv) == -1) {
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
	/* A submission and a request have no session to hand on. */
	if (l->service != SERVICE_SMTP && l->service != SERVICE_ADMIN)
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
login_temp(struct login *l, const char *why)
{
	struct ipc *ipc = ipc_by_token(l->channel);

	if (ipc != NULL)
		ipc_fail(ipc, l->id, FAIL_TEMP, why);
	login_free(l);
}

/* Right: by the nth thing that was tried. */
static void
login_right(struct login *l, unsigned n)
{
	passcache_put(cache, l->mailbox, l->keys[n], io_now_ms(),
	    conf_num("auth-cache-time"));
	login_allow(l);
}

/* ---- LDAP --------------------------------------------------------------------- */

static void
login_bound(void *arg, enum binder_answer how)
{
	struct login *l = arg;

	if (how == BINDER_TROUBLE ||
	    (how == BINDER_WRONG && l->local_trouble && l->mailbox != 0))
		login_temp(l, "cannot check now");
	else if (how == BINDER_RIGHT && l->mailbox != 0)
		login_right(l, l->n);
	else
		login_deny(l);
}

static void
login_bind(struct login *l)
{
	struct ldapsrc_who who = { span_of(l->who), span_of(l->domain) };
	struct span source = span_of(l->ldap);

	if (!ldapsrc_is_named(conf_blob("ldap"), source) &&
	    !ldapsrc_is_named(conf_blob("ldap-search"), source)) {
		log_warnx("ldap unknown source=%s domain=%s",
		    log_quote_str(l->ldap), log_quote_str(l->domain));
		login_temp(l, "cannot check now");
	} else if (l->password.len == 0) {
		login_deny(l); /* to LDAP it would be a bind of nobody's */
	} else if (binder_check(source, &who, secret_span(&l->password),
	               login_bound, l) == -1) {
		login_temp(l, "too many logins at once");
	}
}

/* The domain an unknown name speaks of; 0: none of ours. */
static uint32_t
login_domain(struct span name)
{
	char domain[ADDR_DOMAIN_MAX + 1];
	unsigned tries = 0;
	uint32_t id;
	bool local;

	for (size_t i = 0; i < name.len && tries < 16; i++) {
		if (name.data[i] != '@' && name.data[i] != '.')
			continue;
		tries++;
		if (addr_domain(span_sub(name, i + 1, name.len), domain) == 0 &&
		    store_domain(authd.store, span_of(domain), &id, &local) ==
		        STORE_FOUND)
			return id;
	}
	return 0;
}

/* What LDAP would have to be asked with: -1 if that is not known now. */
static int
login_ldap(struct login *l, struct span name, const struct store_box *box)
{
	ptrdiff_t at = span_chr(name, '@');

	if (store_ldap(authd.store,
	        box != NULL ? box->domain : login_domain(name),
	        l->ldap) == STORE_UNKNOWN)
		return -1;
	if (box != NULL) {
		snprintf(l->who, sizeof(l->who), "%s", box->login);
		snprintf(l->domain, sizeof(l->domain), "%s", box->domain_name);
		return 0;
	}
	if (at == -1)
		at = (ptrdiff_t)name.len;
	/* A name with a NUL is nobody's, there as here. */
	if (span_copy(span_sub(name, 0, (size_t)at), l->who, sizeof(l->who)) ==
	        -1 ||
	    span_copy(span_sub(name, (size_t)at + 1, name.len), l->domain,
	        sizeof(l->domain)) == -1)
		l->ldap[0] = '\0';
	return 0;
}

/* ---- local verifiers ------------------------------------------------------------ */

static void
login_better(struct login *l, const struct hasher_result *r)
{
	struct feed_better better = { l->credentials[r->which], r->verifier,
		r->better };

	if (feed_better_send(&better))
		rehash_expect(better.credential, r->verifier, r->better);
}

static void
login_checked(void *arg, const struct hasher_result *r)
{
	struct login *l = arg;

	if (r->which >= 0 && l->mailbox != 0) {
		if (r->better.len > 0)
			login_better(l, r);
		login_right(l, (unsigned)r->which);
		return;
	}
	l->local_trouble = r->which == HASHER_TROUBLE;
	if (l->ldap[0] != '\0')
		login_bind(l);
	else if (l->local_trouble && l->mailbox != 0)
		login_temp(l, "cannot check now");
	else
		login_deny(l);
}

/* The same work for every name, whether there is such a mailbox or not. */
static bool
login_is_cached(struct login *l, struct span password,
    const struct span *verifiers)
{
	uint64_t now = io_now_ms();
	bool found = false;
	char ldap[sizeof(l->ldap) + 8];

	for (unsigned i = 0; i < l->n; i++) {
		passcache_key(cache, l->mailbox, verifiers[i], password,
		    l->keys[i]);
		if (passcache_has(cache, l->keys[i], now))
			found = true;
	}
	if (l->ldap[0] != '\0') {
		snprintf(ldap, sizeof(ldap), "{LDAP}%s", l->ldap);
		passcache_key(cache, l->mailbox, span_of(ldap), password,
		    l->keys[l->n]);
		if (passcache_has(cache, l->keys[l->n], now))
			found = true;
	}
	return found && l->mailbox != 0;
}

/* ---- a question ------------------------------------------------------------------ */

/* Who is meant and what the password is tried against.  -1: not known now. */
static int
login_look(struct login *l, const struct msg_login *in,
    struct span verifiers[static STORE_CREDENTIALS_MAX])
{
	struct store_credential found[STORE_CREDENTIALS_MAX];
	enum store_answer a;
	struct store_box box;
	unsigned n = 0;
	bool is;

	a = login_find(authd.store, in->login, in->service, &box);
	is = a == STORE_FOUND && box.state == BOX_ACTIVE;
	if (a == STORE_UNKNOWN ||
	    login_ldap(l, in->login, is ? &box : NULL) == -1 ||
	    (is &&
	        store_credentials(authd.store, box.mailbox, in->service, found,
	            &n) == STORE_UNKNOWN))
		return -1;
	for (unsigned i = 0; i < n; i++) {
		/* LDAP has the password; those of devices are ours. */
		if (l->ldap[0] != '\0' && found[i].kind != CREDENTIAL_APP)
			continue;
		l->credentials[l->n] = found[i].id;
		verifiers[l->n++] = found[i].verifier;
	}
	if (is && (l->n > 0 || l->ldap[0] != '\0')) {
		l->mailbox = box.mailbox;
		box_address(&box, l->address);
	}
	if (l->n == 0 && l->ldap[0] == '\0')
		verifiers[l->n++] = span_of(secret_dummy_verifier());
	return 0;
}

static int
login_start_check(struct ipc *ipc, struct ipc_msg *m,
    const struct msg_login *in)
{
	struct span verifiers[STORE_CREDENTIALS_MAX];
	struct login *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		ipc_fail(ipc, m->id, FAIL_TEMP, "memory");
		return 0;
	}
	l->channel = ipc_token(ipc);
	l->id = m->id;
	l->service = in->service;
	l->arrived_ms = io_now_ms();
	if (span_copy(in->login, l->name, sizeof(l->name)) == -1 ||
	    span_copy(in->remote, l->remote, sizeof(l->remote)) == -1 ||
	    secret_set(&l->password, in->password) == -1) {
		login_free(l);
		return ipc_refuse(ipc, m, "form");
	}
	if (login_look(l, in, verifiers) == -1) {
		login_temp(l, "the directory is not complete");
	} else if (slow_refuses(in->remote, io_now_ms())) {
		login_deny(l);
	} else if (login_is_cached(l, in->password, verifiers)) {
		authd.cached++;
		login_allow(l);
	} else if (l->n == 0) {
		login_bind(l);
	} else if (hasher_check(in->password, verifiers, l->n, login_checked,
	               l) == -1) {
		login_temp(l, "too many logins at once");
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
	if (in.service !=
	    (ipc_peer(ipc) == ROLE_POP3D           ? SERVICE_POP3
	            : ipc_peer(ipc) == ROLE_ADMIND ? SERVICE_ADMIN
	                                           : SERVICE_SMTP))
		return ipc_refuse(ipc, m, "not its service");
	return login_start_check(ipc, m, &in);
}

int
login_redeem(struct ipc *ipc, struct ipc_msg *m)
{
	unsigned char ticket[TICKET_BYTES];
	struct store_box box;
	uint32_t mailbox;
	uint8_t service;
	struct wire w;

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
	box_tell(ipc, m->id, mailbox, &box);
	return 0;
}

void
login_revoke(uint32_t mailbox)
{
	ticket_revoke(mailbox);
	passcache_drop(cache, mailbox);
}
