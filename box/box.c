/*
 * box-worker - everything inside one mailbox: its deliveries and its clients'
 * sessions, all at once.
 *
 * Runs as   the mailbox's own uid, started by spawnd; one process a mailbox.
 * Has       descriptor 3, spawnd's channel; 4, what it is told (box_setup.h);
 *           5, the mailbox's home.  More come over 3: sessions of clients who
 *           have logged in, and local's channel.
 * Confined  before it reads anything from the home: it can open files below
 *           the home and nothing else, make no socket, start no program.
 * Never     says which mailbox it is: spawnd knows, and believes nothing else.
 */
#include "config.h"
#include "box/box.h"
#include "libcommon/confine.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/proc.h"
#include "libcommon/secret.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FD_CONTROL 3
#define FD_SETUP 4
#define FD_HOME 5
#define SETUP_MAX (16 * 1024)
#define USED_MS 200

static void box_count(struct box *);

struct folder *
box_folder(struct box *b)
{
	if (b->folder != NULL)
		return b->folder;
	b->folder = maildir_open(b->home, b->setup.hostname);
	if (b->folder == NULL) {
		log_warn("maildir mailbox=%u", b->setup.box.mailbox);
		return NULL;
	}
	if (usage_open(&b->usage, b->home, b->setup.box.quota_kb * 1024) == -1)
		log_warn("usage mailbox=%u", b->setup.box.mailbox);
	b->usage_told = STORE_UNKNOWN;
	box_count(b);
	return b->folder;
}

/* A message a line would cost about as much as the message: those of a
 * moment share one.  Killed before, we lose count of these until the next
 * recount. */
static void
box_count(struct box *b)
{
	struct buf m;

	if (b->folder == NULL)
		return;
	if (b->used_bytes != 0 || b->used_count != 0)
		usage_add(&b->usage, b->used_bytes, b->used_count);
	b->used_bytes = b->used_count = 0;
	warning_look(&b->warning, b->home, &b->setup, b->folder, &b->usage,
	    io_wall_s());
	if (!b->usage.known || b->usage.bytes == b->usage_told ||
	    b->control == NULL)
		return;
	b->usage_told = b->usage.bytes;
	buf_init(&m, 16);
	wire_put_u64(&m, b->usage.bytes);
	ipc_note(b->control, MSG_BOX_USAGE, &m, -1);
	buf_clear(&m);
}

static void
on_used(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	box_count(arg);
}

void
box_used(struct box *b, int64_t bytes, int64_t count)
{
	struct timeval tv = { 0, USED_MS * 1000 };

	b->used_bytes += bytes;
	b->used_count += count;
	if (!event_pending(b->used_event, EV_TIMEOUT, NULL))
		event_add(b->used_event, &tv);
}

/* Nothing to do: spawnd decides whether we go (something may be on its way). */
static void
box_idle(struct box *b)
{
	struct buf m;

	if (b->control == NULL)
		return;
	box_count(b);
	buf_init(&m, 16);
	wire_put_u32(&m, b->taken);
	ipc_note(b->control, MSG_BOX_IDLE, &m, -1);
	buf_clear(&m);
}

void
box_session_begin(struct box *b)
{
	b->taken++;
	b->sessions++;
}

void
box_session_end(struct box *b)
{
	if (--b->sessions == 0)
		box_idle(b);
}

/* ---- spawnd ------------------------------------------------------------ */

static int
on_attach(struct box *b, struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_box_attach in;

	if (msg_box_attach_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	box_session_begin(b);
	switch (in.service) {
	case SERVICE_DELIVER:
		deliver_take(b, ipc_take_fd(m));
		return 0;
	case SERVICE_POP3:
		pop3_take(b, ipc_take_fd(m), in.remote);
		return 0;
	default:
		box_session_end(b);
		return ipc_refuse(ipc, m, "no such service");
	}
}

/* authd has another quota for us: maildirsize shows it to others. */
static int
on_quota(struct box *b, struct ipc *ipc, struct ipc_msg *m)
{
	struct wire w;
	uint64_t kb;

	wire_init(&w, m->payload);
	kb = wire_u64(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	b->setup.box.quota_kb = kb;
	if (b->folder != NULL) {
		usage_set_quota(&b->usage, kb * 1024);
		box_count(b);
	}
	return 0;
}

static int
control_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct box *b = arg;

	switch (m->type) {
	case MSG_BOX_ATTACH:
		return on_attach(b, ipc, m);
	case MSG_BOX_QUOTA:
		return on_quota(b, ipc, m);
	case MSG_BOX_SETTINGS:
		return work_settings(b, ipc, m);
	case MSG_BOX_PURGE:
		return work_purge(b, ipc, m);
	case MSG_BOX_BACKUP:
		return copy_backup(b, ipc, m);
	case MSG_BOX_RESTORE:
		return copy_restore(b, ipc, m);
	case MSG_BOX_EXIT:
		event_base_loopbreak(b->base);
		return 0;
	default:
		return ipc_refuse(ipc, m, "not for a worker");
	}
}

/* Without spawnd another worker may start for this mailbox: end. */
static void
control_gone(struct ipc *ipc, void *arg)
{
	struct box *b = arg;

	(void)ipc;
	b->control = NULL;
	event_base_loopbreak(b->base);
}

static const struct ipc_ops control_ops = { .msg = control_msg,
	.gone = control_gone };

/* ---- life -------------------------------------------------------------- */

static int
setup_take(struct box_setup *out)
{
	struct buf b;
	int r = -1;

	buf_init(&b, SETUP_MAX);
	if (fcntl(FD_CONTROL, F_GETFD) != -1 && fcntl(FD_HOME, F_GETFD) != -1 &&
	    io_slurp(FD_SETUP, SETUP_MAX, &b) == 0)
		r = box_setup_get(buf_span(&b), out);
	buf_clear(&b);
	close(FD_SETUP);
	return r;
}

int
main(int argc, char *argv[])
{
	struct box b = { .home = FD_HOME };

	(void)argv;
	log_init("box-worker");
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (argc != 1 || setup_take(&b.setup) == -1) {
		fprintf(stderr, "usage: semail-spawnd starts this program.\n");
		return 64;
	}
	log_set_debug(b.setup.debug);
	fcntl(FD_CONTROL, F_SETFD, FD_CLOEXEC);
	fcntl(FD_HOME, F_SETFD, FD_CLOEXEC);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl");
	secret_init();
	if ((b.base = event_base_new()) == NULL)
		fatalx("event base");
	confine(CONFINE_FILES, &b.home, 1);

	if (b.setup.job == BOX_ERASE)
		return erase_all(b.home) == 0 ? 0 : 75;
	b.control = ipc_attach(b.base, FD_CONTROL, ROLE_BOX, ROLE_SPAWND,
	    &control_ops, &b);
	if (b.control == NULL)
		fatal("control channel");
	if ((b.used_event = evtimer_new(b.base, on_used, &b)) == NULL)
		fatalx("event");
	box_folder(&b);
	if (event_base_dispatch(b.base) == -1)
		fatalx("event loop");
	box_count(&b);
	return 0;
}
