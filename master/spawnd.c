/*
 * spawnd - make mailbox homes, start mailbox workers, connect sessions and
 * deliveries with them.
 *
 * Runs as   root with CAP_SETUID, CAP_SETGID, CAP_CHOWN and CAP_KILL only.
 * Listens   to admind (SPAWN_HOME, SPAWN_REMOVE, SPAWN_SETTINGS, SPAWN_PURGE,
 *           SPAWN_BACKUP, SPAWN_RESTORE, SPAWN_HOOK), pop3d (SPAWN_ATTACH) and
 *           local (SPAWN_DELIVER), each on its own edge.
 * Talks to  authd, whose word alone says which uid and which folders a mailbox
 *           has and whether a ticket is good; and to the workers it started.
 * Never     parses mail, follows a path inside a home, or believes a uid, path
 *           or name a caller gives: callers name a mailbox by its number or a
 *           ticket.  Which uids are Unix accounts, and where those have their
 *           homes, is semaild's word.
 */
#include "config.h"
#include "master/spawnd.h"
#include "libcommon/addr.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLD_MS 15000 /* for authd to come back; local waits longer */
#define JOBS_MAX 4096 /* asked of authd and not answered */

struct spawnd spawnd;
static unsigned njobs;
static struct jobs held = TAILQ_HEAD_INITIALIZER(held); /* oldest first */
static struct event *held_event;

/* ---- jobs -------------------------------------------------------------- */

struct job *
job_new(struct ipc *ipc, struct ipc_msg *m)
{
	struct job *j = njobs >= JOBS_MAX ? NULL : calloc(1, sizeof(*j));

	if (j == NULL) {
		ipc_fail(ipc, m->id, FAIL_TEMP, "too many requests");
		return NULL;
	}
	njobs++;
	j->type = m->type;
	j->peer = ipc_token(ipc);
	j->id = m->id;
	j->fd = -1;
	buf_init(&j->work, IPC_MAX);
	return j;
}

static void
job_free(struct job *j)
{
	if (j->fd != -1)
		close(j->fd);
	buf_clear(&j->work);
	njobs--;
	free(j);
}

void
job_fail(struct job *j, enum fail why, const char *reason)
{
	struct ipc *ipc = ipc_by_token(j->peer);

	log_info("refused request=%s mailbox=%u reason=%s",
	    msg_info(j->type)->name, j->mailbox, log_quote_str(reason));
	if (ipc != NULL)
		ipc_fail(ipc, j->id, why, reason);
	job_free(j);
}

void
job_done(struct job *j, enum msg_type answer, int fd)
{
	struct ipc *ipc = ipc_by_token(j->peer);

	if (ipc != NULL)
		ipc_reply(ipc, j->id, answer, NULL, fd);
	else if (fd != -1)
		close(fd);
	job_free(j);
}

void
job_answer(struct job *j, enum msg_type answer, const struct buf *b)
{
	struct ipc *ipc = ipc_by_token(j->peer);

	if (ipc != NULL)
		ipc_reply(ipc, j->id, answer, b, -1);
	job_free(j);
}

bool
uid_is_ours(uid_t uid)
{
	return uid >= conf_num("uid-first") && uid <= conf_num("uid-last");
}

/* As it is now: a job may have waited, and accounts changed meanwhile. */
struct home
job_home(const struct job *j)
{
	uid_t uid = spawnd.change_user ? j->box.uid : geteuid();
	struct home h = { .mail = spawnd.mail,
		.mailbox = j->mailbox,
		.owner = uid,
		.group = (gid_t)uid,
		.domain = j->box.domain,
		.login = j->box.login };
	const struct account *a;

	if (!uid_is_ours(j->box.uid)) {
		a = accounts_by_uid(spawnd.accounts, j->box.uid);
		h.account = a == NULL ? "" : a->home;
		if (a != NULL)
			h.group = a->gid;
	}
	return h;
}

/* ---- authd's word ------------------------------------------------------ */

/* Of a mailbox of ours, that is: a home may be left by another range of
 * uids. */
static bool
has_home_below_mail(const struct job *j)
{
	struct home h = job_home(j);
	int fd;

	h.account = NULL;
	if ((fd = home_open(&h)) == -1)
		return errno != ENOENT;
	close(fd);
	return true;
}

/* authd is trusted more than any caller; that it names a system user's uid or
 * a path is still refused.  Of an account that is none any more nothing is to
 * be removed. */
static bool
box_is_sane(const struct job *j)
{
	const struct msg_box *box = &j->box;

	return addr_is_folder_name(span_of(box->domain), 255) &&
	    addr_is_folder_name(span_of(box->login), 64) &&
	    (uid_is_ours(box->uid) ||
	        accounts_by_uid(spawnd.accounts, box->uid) != NULL ||
	        (j->type == MSG_SPAWN_REMOVE && !has_home_below_mail(j)));
}

static void
job_home_make(struct job *j)
{
	struct home h = job_home(j);

	if (j->box.state != BOX_CREATING && j->box.state != BOX_ACTIVE) {
		job_fail(j, FAIL_BAD, "the mailbox is not being created");
		return;
	}
	if (home_make(&h) == -1) {
		log_warn("home mailbox=%u domain=%s login=%s", j->mailbox,
		    h.domain, h.login);
		job_fail(j, FAIL_TEMP,
		    h.account != NULL
		        ? "the account has no home that is its own"
		        : "the home could not be made");
		return;
	}
	log_info("home mailbox=%u domain=%s login=%s uid=%u", j->mailbox,
	    h.domain, h.login, (unsigned)h.owner);
	job_done(j, MSG_SPAWN_OK, -1);
}

static void
job_known(struct job *j)
{
	switch (j->type) {
	case MSG_SPAWN_HOME:
		job_home_make(j);
		break;
	case MSG_SPAWN_REMOVE:
		if (j->box.state != BOX_DELETING)
			job_fail(j, FAIL_BAD,
			    "the mailbox is not being deleted");
		else
			worker_erase(j);
		break;
	case MSG_SPAWN_SETTINGS:
	case MSG_SPAWN_PURGE:
	case MSG_SPAWN_BACKUP:
	case MSG_SPAWN_RESTORE:
		work_known(j);
		break;
	default:
		if (j->box.state != BOX_ACTIVE)
			job_fail(j, FAIL_DENIED, "the mailbox is not active");
		else
			worker_attach(j);
		break;
	}
}

static void
held_wake(void)
{
	struct job *first = TAILQ_FIRST(&held);
	uint64_t now = io_now_ms(), ms;
	struct timeval tv;

	if (first == NULL)
		return;
	ms = first->deadline_ms > now ? first->deadline_ms - now : 0;
	tv = (struct timeval){ (time_t)(ms / 1000),
		(suseconds_t)(ms % 1000) * 1000 };
	event_add(held_event, &tv);
}

static void
on_held(evutil_socket_t fd, short what, void *arg)
{
	struct job *j;

	(void)fd;
	(void)what;
	(void)arg;
	while ((j = TAILQ_FIRST(&held)) != NULL &&
	    j->deadline_ms <= io_now_ms()) {
		TAILQ_REMOVE(&held, j, entry);
		job_fail(j, FAIL_TEMP, "authd does not answer");
	}
	held_wake();
}

/* authd is away, or has a channel that nobody reads yet.  A delivery waits for
 * it: refused, it would wait in the queue for much longer.  Who else asks can
 * ask again. */
static void
job_hold(struct job *j)
{
	if (j->deadline_ms == 0)
		j->deadline_ms = io_now_ms() + HOLD_MS;
	if (j->type != MSG_SPAWN_DELIVER || j->deadline_ms <= io_now_ms()) {
		job_fail(j, FAIL_TEMP, "authd does not answer");
	} else if (ipc_is_up(spawnd.authd)) {
		job_ask_box(j, j->mailbox);
	} else {
		TAILQ_INSERT_TAIL(&held, j, entry);
		held_wake();
	}
}

static int
on_box(struct ipc_msg *m, void *arg)
{
	struct job *j = arg;
	char reason[201];
	enum fail why;

	if (m == NULL) {
		job_hold(j);
		return 0;
	}
	if (m->type == MSG_FAIL) {
		if (msg_fail_get(m->payload, &why, reason) == -1) {
			job_fail(j, FAIL_TEMP, "authd's answer is malformed");
			return -1;
		}
		job_fail(j, why, reason);
		return 0;
	}
	if (m->type != MSG_AUTH_BOX_IS ||
	    msg_box_get(m->payload, &j->box) == -1) {
		job_fail(j, FAIL_TEMP, "authd's answer is malformed");
		return -1;
	}
	if (!box_is_sane(j) ||
	    (j->mailbox != 0 && j->box.mailbox != j->mailbox)) {
		log_warnx("out-of-range mailbox=%u uid=%u", j->box.mailbox,
		    j->box.uid);
		job_fail(j, FAIL_TEMP,
		    uid_is_ours(j->box.uid)
		        ? "authd's answer is out of range"
		        : "the mailbox's uid is none of uid-first to uid-last or "
		          "unix-accounts");
		return 0;
	}
	j->mailbox = j->box.mailbox;
	job_known(j);
	return 0;
}

static void
job_ask(struct job *j, enum msg_type question, const struct buf *b)
{
	if (buf_error(b) == 0 &&
	    ipc_request(spawnd.authd, question, b, -1, AUTH_MS, on_box, j) == 0)
		return;
	if (ipc_is_up(spawnd.authd))
		job_fail(j, FAIL_TEMP, "authd cannot be asked now");
	else
		job_hold(j);
}

void
job_ask_box(struct job *j, uint32_t mailbox)
{
	struct buf b;

	j->mailbox = mailbox;
	buf_init(&b, 16);
	wire_put_u32(&b, mailbox);
	job_ask(j, MSG_AUTH_BOX, &b);
	buf_clear(&b);
}

static void
authd_up(struct ipc *ipc, void *arg)
{
	struct jobs again = TAILQ_HEAD_INITIALIZER(again);
	static bool before;
	struct job *j;

	(void)ipc;
	(void)arg;
	if (before)
		workers_look();
	before = true;
	TAILQ_CONCAT(&again, &held, entry);
	while ((j = TAILQ_FIRST(&again)) != NULL) {
		TAILQ_REMOVE(&again, j, entry);
		job_ask_box(j, j->mailbox);
	}
}

static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct wire w;
	uint32_t mailbox;

	(void)arg;
	if (m->type != MSG_AUTH_REVOKED)
		return ipc_refuse(ipc, m, "not for spawnd");
	wire_init(&w, m->payload);
	mailbox = wire_u32(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	worker_revoke(mailbox);
	return 0;
}

static const struct ipc_ops authd_ops = { .msg = authd_msg, .up = authd_up };

/* ---- requests ---------------------------------------------------------- */

/* SPAWN_HOME, SPAWN_REMOVE, SPAWN_DELIVER: a mailbox's number. */
static int
msg_by_number(struct ipc *ipc, struct ipc_msg *m)
{
	struct wire w;
	struct job *j;

	wire_init(&w, m->payload);
	wire_u32(&w);
	if (wire_done(&w) == -1 || le32_get(m->payload.data) == 0)
		return ipc_refuse(ipc, m, "form");
	if ((j = job_new(ipc, m)) == NULL)
		return 0;
	j->service = SERVICE_DELIVER;
	job_ask_box(j, le32_get(m->payload.data));
	return 0;
}

static int
msg_attach(struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_spawn_attach in;
	struct job *j;
	struct buf b;

	if (msg_spawn_attach_get(m->payload, &in) == -1 ||
	    in.service != SERVICE_POP3)
		return ipc_refuse(ipc, m, "form");
	if ((j = job_new(ipc, m)) == NULL)
		return 0;
	j->service = in.service;
	span_copy(in.remote, j->remote, sizeof(j->remote));
	j->fd = ipc_take_fd(m);
	buf_init(&b, 64);
	buf_put(&b, in.ticket, sizeof(in.ticket));
	wire_put_u8(&b, in.service);
	job_ask(j, MSG_AUTH_REDEEM, &b);
	buf_clear(&b);
	return 0;
}

static int
msg_from_admind(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	switch (m->type) {
	case MSG_SPAWN_HOME:
	case MSG_SPAWN_REMOVE:
		return msg_by_number(ipc, m);
	case MSG_SPAWN_SETTINGS:
	case MSG_SPAWN_PURGE:
	case MSG_SPAWN_BACKUP:
	case MSG_SPAWN_RESTORE:
		return work_take(ipc, m);
	case MSG_SPAWN_HOOK:
		return hook_request(ipc, m);
	default:
		return ipc_refuse(ipc, m, "not for spawnd");
	}
}

static int
msg_from_pop3d(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	switch (m->type) {
	case MSG_SPAWN_ATTACH:
		return msg_attach(ipc, m);
	default:
		return ipc_refuse(ipc, m, "not for spawnd");
	}
}

static int
msg_from_local(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	switch (m->type) {
	case MSG_SPAWN_DELIVER:
		return msg_by_number(ipc, m);
	default:
		return ipc_refuse(ipc, m, "not for spawnd");
	}
}

static const struct ipc_ops admind_ops = { .msg = msg_from_admind };
static const struct ipc_ops pop3d_ops = { .msg = msg_from_pop3d };
static const struct ipc_ops local_ops = { .msg = msg_from_local };

static void
spawnd_stats(struct proc *p, void (*add)(void *, const char *, uint64_t),
    void *arg)
{
	(void)p;
	workers_stats(add, arg);
}

/* ---- configuration ----------------------------------------------------- */

static int
spawnd_check(struct proc *p, struct handover *ho, char why[static 201])
{
	struct accounts *t = accounts_new(ho_blob(ho, "unix-accounts"));

	(void)p;
	if (t == NULL) {
		snprintf(why, 201, "unix-accounts cannot be taken");
		return -1;
	}
	accounts_free(&t);
	return 0;
}

static void
take_accounts(void)
{
	struct accounts *old = spawnd.accounts;

	spawnd.accounts = accounts_new(conf_blob("unix-accounts"));
	if (spawnd.accounts == NULL)
		fatal("unix-accounts");
	if (old != NULL)
		workers_accounts(old, spawnd.accounts);
	accounts_free(&old);
}

static void
spawnd_reload(struct proc *p)
{
	(void)p;
	take_accounts();
}

int
main(int argc, char *argv[])
{
	static const struct proc_ops ops = { .check = spawnd_check,
		.reload = spawnd_reload,
		.stats = spawnd_stats };
	struct proc proc;

	proc_init(&proc, ROLE_SPAWND, &ops, argc, argv);
	spawnd.proc = &proc;
	spawnd.mail = proc_dir(&proc, "mail");
	spawnd.change_user = proc.privileged;
	take_accounts();
	proc_drop(&proc); /* stays root: nothing it starts does */
	if (proc.privileged)
		priv_keep_few();
	hooks_init();

	held_event = evtimer_new(proc.base, on_held, NULL);
	if (held_event == NULL)
		fatalx("event");
	spawnd.authd = proc_connect(&proc, ROLE_AUTHD, &authd_ops, NULL);
	proc_listen(&proc, ROLE_ADMIND, &admind_ops, NULL);
	proc_listen(&proc, ROLE_POP3D, &pop3d_ops, NULL);
	proc_listen(&proc, ROLE_LOCAL, &local_ops, NULL);
	workers_init();
	/* No Landlock: what it forbids here would bind the workers' own
	 * programs and libraries too.  They confine themselves first thing. */
	proc_confine(&proc,
	    CONFINE_EXEC | CONFINE_FORK | CONFINE_FILES | CONFINE_ACCEPT |
	        CONFINE_CONNECT);
	return proc_loop(&proc);
}
