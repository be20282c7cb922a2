/*
 * authd - answer what the directory says: addresses, mailboxes, passwords.
 *
 * Runs as   semail-auth in a chroot that holds no sockets: it connects to
 *           nobody.  Passwords are checked in children without any rights,
 *           which a process forked at the start makes (nursery.h).
 * Listens   to smtpd, queued, pop3d (addresses, logins), spawnd (mailboxes,
 *           tickets, usage) and admind (the feed).
 * Keeps     its copy of the directory in state-dir/auth (store.c).
 * Never     writes the database, and never says "no such user" while its copy
 *           is not whole.
 */
#include "config.h"
#include "admind/authd.h"
#include "admind/binder.h"
#include "admind/hasher.h"

#include "libcommon/addr.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

struct authd authd;

void
authd_check_store(void)
{
	if (!store_is_damaged(authd.store))
		return;
	/* LMDB opens files by name only, which we gave up: a fresh process
	 * makes a fresh store and admind fills it. */
	log_warnx("store damaged, it will be made anew");
	store_remove(proc_dir(&authd.proc, "auth"));
	proc_exit(&authd.proc, 1);
}

/* ---- addresses -------------------------------------------------------------- */

static int
ask_rcpt(struct ipc *ipc, struct ipc_msg *m)
{
	static struct resolution r;
	struct span address, key = conf_blob("grant-key");
	enum rcpt_verdict v;
	struct buf b, g;
	struct wire w;

	wire_init(&w, m->payload);
	address = wire_text(&w, ADDR_MAX - 1);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	authd.lookups++;
	v = resolve_rcpt(authd.store, address, &r);
	buf_init(&g, GRANT_MAX);
	if (r.grant.n > 0 && key.len == GRANT_KEY_BYTES)
		grant_put(&g, key.data, address, &r.grant);
	buf_init(&b, GRANT_MAX + 16);
	wire_put_u8(&b, v);
	wire_put_bytes(&b, buf_span(&g));
	if (buf_error(&g) != 0)
		ipc_fail(ipc, m->id, FAIL_TEMP, "memory");
	else
		ipc_reply(ipc, m->id, MSG_AUTH_RCPT_IS, &b, -1);
	buf_clear(&g);
	buf_clear(&b);
	return 0;
}

static int
ask_sender(struct ipc *ipc, struct ipc_msg *m)
{
	struct span path;
	uint32_t mailbox;
	struct wire w;
	struct buf b;
	bool may;

	wire_init(&w, m->payload);
	mailbox = wire_u32(&w);
	path = wire_text(&w, ADDR_MAX - 1);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	if (resolve_sender(authd.store, mailbox, path, &may) == STORE_UNKNOWN) {
		ipc_fail(ipc, m->id, FAIL_TEMP,
		    "the directory is not complete");
		return 0;
	}
	buf_init(&b, 16);
	wire_put_u8(&b, may);
	ipc_reply(ipc, m->id, MSG_AUTH_SENDER_IS, &b, -1);
	buf_clear(&b);
	return 0;
}

/* smtpd, pop3d and queued; the table of msg.h says who may ask what. */
static int
front_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	int r;

	(void)arg;
	switch (m->type) {
	case MSG_AUTH_RCPT:
		r = ask_rcpt(ipc, m);
		break;
	case MSG_AUTH_SENDER:
		r = ask_sender(ipc, m);
		break;
	case MSG_AUTH_LOGIN:
		r = login_ask(ipc, m);
		break;
	default:
		return ipc_refuse(ipc, m, "not for authd");
	}
	authd_check_store();
	return r;
}

static const struct ipc_ops front_ops = { .msg = front_msg };

/* ---- life ------------------------------------------------------------------- */

static void
authd_stop(struct proc *p)
{
	store_rollback(authd.store);
	usage_flush();
	store_close(&authd.store);
	login_stop();
	proc_exit(p, 0);
}

static void
authd_stats(struct proc *p, void (*add)(void *, const char *, uint64_t),
    void *arg)
{
	struct store_state st = store_state(authd.store);

	(void)p;
	add(arg, "complete", st.complete);
	add(arg, "journal", st.journal);
	add(arg, "lookups", authd.lookups);
	add(arg, "logins", authd.logins);
	add(arg, "logins-denied", authd.denied);
	add(arg, "logins-cached", authd.cached);
	add(arg, "logins-waiting", hasher_waiting());
	add(arg, "feeds", authd.feeds);
}

static int
authd_check(struct proc *p, struct handover *ho, char why[static 201])
{
	(void)p;
	return binder_try(ho, why);
}

static void
authd_reload(struct proc *p)
{
	(void)p;
	resolve_init(conf_str("hostname"));
	login_reload();
}

static const struct proc_ops ops = { .stop = authd_stop,
	.check = authd_check,
	.reload = authd_reload,
	.stats = authd_stats };

int
main(int argc, char *argv[])
{
	struct proc *p = &authd.proc;

	proc_init(p, ROLE_AUTHD, &ops, argc, argv);
	proc_drop(p);
	secret_init();
	login_nursery(); /* before there is anything a child should not see */
	if ((authd.store = store_open(proc_dir(p, "auth"))) == NULL)
		fatalx("store cannot be opened");

	proc_listen(p, ROLE_SMTPD, &front_ops, NULL);
	proc_listen(p, ROLE_POP3D, &front_ops, NULL);
	proc_listen(p, ROLE_QUEUED, &front_ops, NULL);
	proc_listen(p, ROLE_SPAWND, &spawnd_ops, NULL);
	proc_listen(p, ROLE_ADMIND, &feed_ops, NULL);
	proc_confine(p, CONFINE_ACCEPT | CONFINE_FILES);

	login_start();
	authd_reload(p);
	usage_start();
	return proc_loop(p);
}
