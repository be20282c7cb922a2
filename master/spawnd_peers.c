#include "config.h"
#include "master/spawnd_peers.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct ipc *authd, *admind, *pop3d, *local;
unsigned nauthd, npop3d_gone;
enum authd_says authd_says;
struct msg_box box = { .mailbox = 5,
	.uid = UID,
	.state = BOX_ACTIVE,
	.domain = "x.test",
	.login = "ann",
	.address = "ann@x.test" };
int answer, answer_fd = -1;
enum fail answer_fail;
struct msg_purged purged;
struct msg_copied copied;
struct buf piece;
uint32_t hooked;
char said[HOOK_SAID_MAX + 1];

bool
all_up(void)
{
	return daemon_is_ready() && authd != NULL && ipc_is_up(admind) &&
	    ipc_is_up(pop3d) && ipc_is_up(local);
}

/* ---- authd ---------------------------------------------------------------- */

static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct msg_box b = box;
	struct buf out;

	(void)arg;
	if (m->type == MSG_AUTH_USAGE)
		return 0;
	if (authd_says == SAY_DENIED) {
		ipc_fail(ipc, m->id, FAIL_DENIED, "no such ticket");
		return 0;
	}
	if (m->type == MSG_AUTH_BOX)
		b.mailbox = le32_get(m->payload.data);
	if (b.mailbox >= 100) /* homes of their own */
		snprintf(b.login, sizeof(b.login), "u%u", b.mailbox);
	if (authd_says == SAY_OTHER)
		b.mailbox++;
	buf_init(&out, 4096);
	msg_box_put(&out, &b);
	if (authd_says == SAY_GARBAGE)
		buf_putc(&out, 0);
	ipc_reply(ipc, m->id, MSG_AUTH_BOX_IS, &out, -1);
	buf_clear(&out);
	return 0;
}

static void
authd_up(struct ipc *ipc, void *arg)
{
	(void)arg;
	authd = ipc;
	nauthd++;
}

static void
authd_gone(struct ipc *ipc, void *arg)
{
	(void)arg;
	if (authd == ipc)
		authd = NULL;
}

static const struct ipc_ops authd_ops = {
	.msg = authd_msg, .up = authd_up, .gone = authd_gone
};

void
say_revoked(uint32_t mailbox)
{
	struct buf b;

	buf_init(&b, 8);
	wire_put_u32(&b, mailbox);
	ipc_note(authd, MSG_AUTH_REVOKED, &b, -1);
	buf_clear(&b);
	event_base_loop(daemon_base, EVLOOP_NONBLOCK); /* send it */
}

/* ---- the callers -------------------------------------------------------- */

static int
no_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)ipc;
	(void)m;
	(void)arg;
	return -1;
}

static void
pop3d_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	npop3d_gone++;
}

static const struct ipc_ops caller_ops = { .msg = no_msg };
static const struct ipc_ops pop3d_ops = { .msg = no_msg, .gone = pop3d_gone };

static int
on_answer(struct ipc_msg *m, void *arg)
{
	char reason[201];

	(void)arg;
	if (m == NULL) {
		answer = MSG__COUNT;
		return 0;
	}
	answer = (int)m->type;
	if (m->type == MSG_FAIL)
		return msg_fail_get(m->payload, &answer_fail, reason);
	if (m->type == MSG_SPAWN_PURGED)
		return msg_purged_get(m->payload, &purged);
	if (m->type == MSG_SPAWN_COPIED) {
		if (msg_copied_get(m->payload, &copied) == -1)
			return -1;
		buf_reset(&piece);
		buf_put_span(&piece, copied.data);
		return buf_error(&piece);
	}
	if (m->type == MSG_SPAWN_HOOKED) {
		struct msg_hooked h;

		if (msg_hooked_get(m->payload, &h) == -1)
			return -1;
		hooked = h.status;
		return span_copy(h.said, said, sizeof(said));
	}
	if (m->fd != -1)
		answer_fd = ipc_take_fd(m);
	return 0;
}

bool
is_answered(void)
{
	return answer != -1;
}

void
ask_only(struct ipc *ipc, enum msg_type type, const struct buf *b, int fd)
{
	answer = -1;
	ipc_request(ipc, type, b, fd, DAEMON_WAIT_MS, on_answer, NULL);
}

int
ask(struct ipc *ipc, enum msg_type type, const struct buf *b, int fd)
{
	answer = -1;
	if (ipc_request(ipc, type, b, fd, DAEMON_WAIT_MS, on_answer, NULL) ==
	    -1)
		return -1;
	daemon_wait(is_answered);
	return answer;
}

int
ask_number(struct ipc *ipc, enum msg_type type, uint32_t mailbox)
{
	struct buf b;
	int r;

	buf_init(&b, 8);
	wire_put_u32(&b, mailbox);
	r = ask(ipc, type, &b, -1);
	buf_clear(&b);
	return r;
}

int
attach(int *fd_out)
{
	struct msg_spawn_attach m = { .ticket = "a ticket, good?",
		.service = SERVICE_POP3,
		.remote = span_of("192.0.2.1") };
	struct buf b;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		abort();
	buf_init(&b, 256);
	msg_spawn_attach_put(&b, &m);
	r = ask(pop3d, MSG_SPAWN_ATTACH, &b, pair[1]);
	buf_clear(&b);
	*fd_out = pair[0];
	return r;
}

const char *
hear(int fd)
{
	static char line[512];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, DAEMON_WAIT_MS) == 1)
		n = read(fd, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* ---- mailbox 5 ------------------------------------------------------------ */

const char *
home_file(const char *name)
{
	static char text[512];
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/x.test/ann/%s", daemon_dir, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW);
	n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return text;
}

int
purge(uint32_t mailbox, uint64_t before_s, bool dry_run)
{
	struct msg_purge m = { before_s, dry_run };
	struct buf b;
	int r;

	buf_init(&b, 64);
	wire_put_u32(&b, mailbox);
	msg_purge_put(&b, &m);
	r = ask(admind, MSG_SPAWN_PURGE, &b, -1);
	buf_clear(&b);
	return r;
}

void
put_message(unsigned n)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/x.test/ann/Maildir/new/%u.test",
	    daemon_dir, n);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, "Subject: x\n\ntext\n", 17) != 17 ||
	    fchown(fd, getuid() == 0 ? UID : getuid(), (gid_t)-1) == -1)
		abort();
	close(fd);
}

/* ---- the daemon ----------------------------------------------------------- */

/* The worker lies in ../box. */
static void
start(void)
{
	static const enum role callers[] = { ROLE_ADMIND, ROLE_POP3D,
		ROLE_LOCAL };
	struct handover *ho = daemon_handover();
	int mail = open(daemon_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char worker[4200], hooks[128];

	daemon_give(ho, HO_DIR, "mail", mail);
	for (unsigned i = 0; i < nitems(callers); i++)
		daemon_give(ho, HO_EDGE, role_name(callers[i]),
		    daemon_listen(role_name(callers[i])));
	snprintf(worker, sizeof(worker), "%s/../box/semail-box-worker",
	    daemon_programs);
	snprintf(hooks, sizeof(hooks), "%s/hooks", daemon_dir);
	ho_set(ho, "worker-program", span_of(worker));
	ho_set(ho, "hook-dir", span_of(hooks));
	ho_set(ho, "hostname", span_of("mx.test"));
	ho_set(ho, "worker-limit", span_of("10"));
	ho_set(ho, "worker-linger", span_of("100"));
	ho_set(ho, "received-limit", span_of("50"));
	ho_set(ho, "vacation-period", span_of("604800000"));
	ho_set(ho, "quota-warning", span_of("90"));
	ho_set(ho, "uid-first", span_of("1900000000"));
	ho_set(ho, "uid-last", span_of("1999999999"));
	ho_set(ho, "unix-accounts", span_of(""));
	ho_set(ho, "state-dir", span_of("/state"));
	ho_set(ho, "hook-user", span_of("nobody"));
	ho_set(ho, "hook-timeout", span_of("10000"));
	daemon_start(&ho);
	close(mail);
}

void
peers_start(const char *argv0)
{
	daemon_init(argv0, ROLE_SPAWND);
	buf_init(&piece, COPY_PIECE);
	daemon_serve(ROLE_AUTHD, &authd_ops);
	start();
	admind = daemon_call(ROLE_ADMIND, &caller_ops);
	pop3d = daemon_call(ROLE_POP3D, &pop3d_ops);
	local = daemon_call(ROLE_LOCAL, &caller_ops);
	if (!daemon_wait(all_up)) {
		printf("Bail out! spawnd does not serve\n");
		exit(1);
	}
}

bool
peers_stop(void)
{
	bool stopped;

	ipc_note(daemon_control, MSG_CTL_STOP, NULL, -1);
	stopped = daemon_wait(daemon_is_gone);
	daemon_end();
	buf_clear(&piece);
	return stopped;
}
