/*
 * spawnd_test - the daemon itself with real workers, over its real sockets:
 * this process plays semaild, authd, admind, pop3d and local.
 */
#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/ipc.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"
#include "libcommon/msg_copy.h"
#include "libcommon/msg_hook.h"
#include "libcommon/msg_queue.h"
#include "tap.h"
#include "tmpdir.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000
#define UID 1900000005

static struct event_base *base;
static pid_t pid;
static bool is_ready;
static struct ipc *control, *authd, *admind, *pop3d, *local;
static unsigned nauthd, npop3d_gone;
static struct msg_box box; /* what authd says of every mailbox */
static enum { SAY_BOX, SAY_OTHER, SAY_DENIED, SAY_GARBAGE } authd_says;

/* The answer to the last request. */
static int answer; /* -1: none yet; else its type, and of a FAIL its kind */
static enum fail answer_fail;
static int answer_fd = -1;
static struct msg_purged purged;
static struct msg_copied copied;
static struct buf piece; /* its data */
static uint32_t hooked;  /* the status of SPAWN_HOOKED */
static char said[HOOK_SAID_MAX + 1];

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static bool
wait_until(bool (*what)(void))
{
	uint64_t until = io_now_ms() + WAIT_MS;
	struct timeval tv = { 0, 20000 };
	struct event *ev = event_new(base, -1, EV_PERSIST, tick, NULL);

	event_add(ev, &tv);
	while (!what() && io_now_ms() < until)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	return what();
}

/* ---- semaild and authd ------------------------------------------------- */

static int
control_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)ipc;
	(void)arg;
	is_ready |= m->type == MSG_CTL_READY;
	return 0;
}

static void
control_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	control = NULL;
}

static const struct ipc_ops control_ops = { .msg = control_msg,
	.gone = control_gone };

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

static const struct ipc_ops authd_ops = { .msg = authd_msg, .up = authd_up,
	.gone = authd_gone };

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
static const struct ipc_ops pop3d_ops = { .msg = no_msg,
	.gone = pop3d_gone };

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

static bool
is_answered(void)
{
	return answer != -1;
}

static int
ask(struct ipc *ipc, enum msg_type type, const struct buf *b, int fd)
{
	answer = -1;
	if (ipc_request(ipc, type, b, fd, WAIT_MS, on_answer, NULL) == -1)
		return -1;
	wait_until(is_answered);
	return answer;
}

static int
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

/* A session for whom the ticket is; our end of it to *fd_out. */
static int
attach(int *fd_out)
{
	struct msg_spawn_attach m = { .ticket = "a ticket, good?",
		.service = SERVICE_POP3, .remote = span_of("192.0.2.1") };
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

/* What a session says next, "" at its end. */
static const char *
hear(int fd)
{
	static char line[512];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, WAIT_MS) == 1)
		n = read(fd, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* ---- the daemon ------------------------------------------------------------ */

static int
listen_at(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", tmpdir_path,
	    name);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		abort();
	return fd;
}

static const enum role callers[] = { ROLE_ADMIND, ROLE_POP3D, ROLE_LOCAL };

/* programs: where semail-spawnd is; the worker lies in ../box. */
static void
start(const char *programs)
{
	struct handover *ho = ho_new();
	char path[4200], worker[4200];
	int fds[6], pair[2];
	struct buf b;

	snprintf(path, sizeof(path), "%s/semail-spawnd", programs);
	snprintf(worker, sizeof(worker), "%s/../box/semail-box-worker",
	    programs);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		abort();
	fds[0] = pair[1];
	ho->role = ROLE_SPAWND;
	ho->instances = 1;
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		ho->role_uid[i] = getuid();
	snprintf(ho->dir, sizeof(ho->dir), "%s", tmpdir_path);
	fds[2] = openat(AT_FDCWD, tmpdir_path, O_RDONLY | O_DIRECTORY);
	ho_add_fd(ho, HO_DIR, "mail", 5);
	for (unsigned i = 0; i < nitems(callers); i++) {
		fds[3 + i] = listen_at(role_name(callers[i]));
		ho_add_fd(ho, HO_EDGE, role_name(callers[i]), (int)(6 + i));
	}
	ho_set(ho, "hostname", span_of("mx.test"));
	ho_set(ho, "worker-limit", span_of("10"));
	ho_set(ho, "worker-linger", span_of("100"));
	ho_set(ho, "received-limit", span_of("50"));
	ho_set(ho, "vacation-period", span_of("604800000"));
	ho_set(ho, "uid-first", span_of("1900000000"));
	ho_set(ho, "uid-last", span_of("1999999999"));
	ho_set(ho, "unix-accounts", span_of(""));
	ho_set(ho, "worker-program", span_of(worker));
	ho_set(ho, "state-dir", span_of("/state"));
	snprintf(worker, sizeof(worker), "%s/hooks", tmpdir_path);
	ho_set(ho, "hook-dir", span_of(worker));
	ho_set(ho, "hook-user", span_of("nobody"));
	ho_set(ho, "hook-timeout", span_of("10000"));
	buf_init(&b, HO_MAX);
	ho_put(&b, ho);
	fds[1] = io_sealed_memfd("handover", buf_span(&b));
	ho_free(&ho);
	buf_clear(&b);
	if ((pid = fork()) == 0) {
		for (unsigned i = 0; i < nitems(fds); i++)
			fds[i] = fcntl(fds[i], F_DUPFD, 40);
		for (unsigned i = 0; i < nitems(fds); i++)
			dup2(fds[i], (int)(3 + i));
		close_range(3 + nitems(fds), ~0u, 0);
		execl(path, "semail-spawnd", (char *)NULL);
		_exit(127);
	}
	for (unsigned i = 0; i < nitems(fds); i++)
		close(fds[i]);
	control = ipc_attach(
	    base, pair[0], ROLE_MASTER, ROLE_SPAWND, &control_ops, NULL);
}

static struct ipc *
call(enum role role, const struct ipc_ops *ops)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", tmpdir_path, role_name(role));
	return ipc_connect(base, path, role, ROLE_SPAWND, ops, NULL);
}

static bool
all_up(void)
{
	return is_ready && authd != NULL && ipc_is_up(admind) &&
	    ipc_is_up(pop3d) && ipc_is_up(local);
}

static bool
is_stopped(void)
{
	return control == NULL;
}

static bool
pop3d_refused(void)
{
	return npop3d_gone > 0;
}

/* ---- tests --------------------------------------------------------------- */

static void
homes(void)
{
	static const struct {
		const char *name;
		uint32_t uid;
		const char *domain, *login;
	} rows[] = {
		{ "a uid below the range", 1899999999, "x.test", "eve" },
		{ "a uid above it", 2000000000, "x.test", "eve" },
		{ "a system user's uid", 1000, "x.test", "eve" },
		{ "a domain that is a path", UID, "../x", "eve" },
		{ "a domain with a dot first", UID, ".removed", "eve" },
		{ "a login that is a path", UID, "x.test", "a/b" },
		{ "an empty login", UID, "x.test", "" },
	};
	struct msg_box good = box;
	char path[256];

	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK,
	    "a home is made");
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK, "again");
	snprintf(path, sizeof(path), "%s/x.test/ann", tmpdir_path);
	is_int(access(path, X_OK), 0, "it is there");
	for (size_t i = 0; i < nitems(rows); i++) {
		box.uid = rows[i].uid;
		snprintf(box.domain, sizeof(box.domain), "%s", rows[i].domain);
		snprintf(box.login, sizeof(box.login), "%s", rows[i].login);
		wait_until(all_up);
		is_int(ask_number(admind, MSG_SPAWN_HOME, 6), MSG_FAIL,
		    "%s is refused", rows[i].name);
	}
	box = good;
	wait_until(all_up);
	authd_says = SAY_OTHER;
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_FAIL,
	    "an answer about another mailbox is refused");
	authd_says = SAY_BOX;
	box.state = BOX_DELETING;
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_FAIL,
	    "no home for a mailbox that is being deleted");
	box.state = BOX_ACTIVE;
	is_int(ask_number(admind, MSG_SPAWN_REMOVE, 5), MSG_FAIL,
	    "an active mailbox's home is not removed");
	is_int(access(path, X_OK), 0, "it is still there");
}

static void
say_revoked(uint32_t mailbox)
{
	struct buf b;

	buf_init(&b, 8);
	wire_put_u32(&b, mailbox);
	ipc_note(authd, MSG_AUTH_REVOKED, &b, -1);
	buf_clear(&b);
	event_base_loop(base, EVLOOP_NONBLOCK); /* send it */
}

static void
sessions(void)
{
	unsigned before;
	int one, two;

	authd_says = SAY_DENIED;
	is_int(attach(&one), MSG_FAIL, "a bad ticket gets no worker");
	is_int(answer_fail, FAIL_DENIED, "it is denied");
	is_str(hear(one), "", "the session ends");
	close(one);
	authd_says = SAY_BOX;
	box.state = BOX_DISABLED;
	is_int(attach(&one), MSG_FAIL, "nor does a disabled mailbox");
	close(one);
	box.state = BOX_ACTIVE;

	is_int(attach(&one), MSG_SPAWN_OK, "a good ticket does");
	is_str(hear(one), "+OK 0 messages (0 octets)", "the worker speaks");
	is_int(attach(&two), MSG_SPAWN_OK, "a second session");
	is_str(hear(two), "-ERR [IN-USE] another session has this mailbox",
	    "comes to the same worker");
	close(two);

	say_revoked(5);
	is_str(hear(one), "", "revoked: the session ends");
	close(one);
	is_int(attach(&one), MSG_SPAWN_OK, "the next one has a new worker");
	is_str(hear(one), "+OK 0 messages (0 octets)", "at once");

	/* authd goes and comes back. */
	before = nauthd;
	ipc_close(authd);
	wait_until(all_up);
	ok(nauthd == before + 1, "authd is found again");
	is_str(hear(one), "",
	    "sessions end, as something may have been revoked");
	close(one);
}

static void
deliveries(void)
{
	int fd[20], n;
	char byte;

	box.state = BOX_CREATING;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_FAIL,
	    "no delivery before a mailbox is active");
	box.state = BOX_ACTIVE;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_SPAWN_CHANNEL,
	    "a channel to a worker");
	ok(answer_fd != -1, "comes with a descriptor");
	close(answer_fd);
	/* The worker lingers 100 ms and goes; others come all the time. */
	for (n = 0; n < 40; n++) {
		struct timespec nap = { 0, (n % 13) * 20000000 };

		if (ask_number(local, MSG_SPAWN_DELIVER, 5) !=
		    MSG_SPAWN_CHANNEL)
			break;
		if (send(answer_fd, "x", 1, MSG_NOSIGNAL) != 1)
			break;
		/* Nonsense: the worker closes this channel, nothing else. */
		shutdown(answer_fd, SHUT_WR);
		while (read(answer_fd, &byte, 1) > 0)
			;
		close(answer_fd);
		nanosleep(&nap, NULL);
	}
	is_int(n, 40, "a worker that comes and goes takes each of 40");
	for (n = 0; n < 10; n++) {
		ask_number(admind, MSG_SPAWN_HOME, 100 + (uint32_t)n);
		ask_number(local, MSG_SPAWN_DELIVER, 100 + (uint32_t)n);
		fd[n] = answer_fd;
		if (answer != MSG_SPAWN_CHANNEL)
			break;
	}
	is_int(n, 10, "ten mailboxes have a worker each");
	while (n-- > 0)
		close(fd[n]);
	ask_number(admind, MSG_SPAWN_HOME, 200);
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 200), MSG_SPAWN_CHANNEL,
	    "another waits for one to go, and gets its place");
	close(answer_fd);
}

/* What the home holds under a name, "" if nothing. */
static const char *
home_file(const char *name)
{
	static char text[512];
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/x.test/ann/%s", tmpdir_path, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW);
	n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return text;
}

static int
settings(uint32_t mailbox, const char *forward, const char *vacation)
{
	struct msg_settings m = { span_of(forward), span_of(vacation) };
	struct buf b;
	int r;

	buf_init(&b, 1 << 20);
	wire_put_u32(&b, mailbox);
	msg_settings_put(&b, &m);
	r = ask(admind, MSG_SPAWN_SETTINGS, &b, -1);
	buf_clear(&b);
	return r;
}

static int
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

/* Pieces of an archive; what of it was put is in the answer. */
static int
copy(enum msg_type type, struct copy_cursor cursor, struct span data)
{
	struct msg_restore m = { cursor, data.len == 0, data };
	struct buf b;
	int r;

	buf_init(&b, 1 << 20);
	wire_put_u32(&b, 5);
	if (type == MSG_SPAWN_BACKUP)
		msg_backup_put(&b, &cursor);
	else
		msg_restore_put(&b, &m);
	r = ask(admind, type, &b, -1);
	buf_clear(&b);
	return r == MSG_SPAWN_COPIED ? copied.how : -r;
}

static void
put_message(unsigned n)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/x.test/ann/Maildir/new/%u.test",
	    tmpdir_path, n);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, "Subject: x\n\ntext\n", 17) != 17 ||
	    fchown(fd, getuid() == 0 ? UID : getuid(), (gid_t)-1) == -1)
		abort();
	close(fd);
}

static bool
quota_is_shown(void)
{
	return strncmp(home_file("Maildir/maildirsize"), "7168S\n", 6) == 0;
}

static void
copies(void)
{
	static const struct copy_cursor begin;
	struct copy_cursor one, two;
	struct buf archive;

	buf_init(&archive, 1 << 20);
	put_message(71);
	put_message(72);
	is_int(copy(MSG_SPAWN_BACKUP, begin, span_of("")), COPIED_OVER,
	    "a backup of two messages is one piece");
	is_int((int)copied.messages, 2, "it has two");
	is_int((int)piece.len, 4 * 512 + 2 * 512, "in six blocks");
	buf_put_span(&archive, buf_span(&piece));
	box.state = BOX_CREATING;
	is_int(copy(MSG_SPAWN_BACKUP, begin, span_of("")), -MSG_FAIL,
	    "not of a mailbox that is being created");
	box.state = BOX_DISABLED;
	is_int(copy(MSG_SPAWN_BACKUP, begin, span_of("")), COPIED_OVER,
	    "of a disabled one");
	box.state = BOX_ACTIVE;
	is_int(purge(5, 0, false), MSG_SPAWN_PURGED, "all of it is deleted");
	is_int(copy(MSG_SPAWN_RESTORE, begin,
	    span_sub(buf_span(&archive), 0, 1500)), COPIED_MORE, "a restore");
	one = copied.cursor;
	is_int((int)one.at, 1500, "says how far it is");
	is_int(copy(MSG_SPAWN_RESTORE, one,
	    span_sub(buf_span(&archive), 1500, 2000)), COPIED_MORE,
	    "the rest");
	two = copied.cursor;
	is_int(copy(MSG_SPAWN_RESTORE, one,
	    span_sub(buf_span(&archive), 1500, 2000)), COPIED_MORE,
	    "the same again");
	ok(copied.cursor.at == two.at && two.at == 3072, "changes nothing");
	is_int(copy(MSG_SPAWN_RESTORE, (struct copy_cursor){ two.session, 7 },
	    span_of("x")), COPIED_LOST, "from elsewhere it does not go on");
	is_int(copy(MSG_SPAWN_RESTORE, (struct copy_cursor){ 1, 3072 },
	    span_of("")), COPIED_LOST, "nor is it another's");
	is_int(copy(MSG_SPAWN_RESTORE, two, span_of("")), COPIED_OVER, "done");
	is_int((int)copied.messages, 2, "with two messages");
	is_int(copy(MSG_SPAWN_RESTORE, two, span_of("")), COPIED_OVER,
	    "the last answer, again");
	is_int(copy(MSG_SPAWN_RESTORE, begin, buf_span(&archive)), COPIED_MORE,
	    "once more");
	one = copied.cursor;
	say_revoked(5);
	is_int(copy(MSG_SPAWN_RESTORE, one, span_of("")), COPIED_LOST,
	    "a worker that is killed takes it with it");
	is_int(copy(MSG_SPAWN_RESTORE, begin, buf_span(&archive)), COPIED_MORE,
	    "anew");
	is_int(copy(MSG_SPAWN_RESTORE, copied.cursor, span_of("")),
	    COPIED_OVER, "it is done");
	is_int((int)(copied.messages * 10 + copied.already), 2,
	    "all was there");
	is_int(copy(MSG_SPAWN_RESTORE, begin, span_of("")), COPIED_BAD,
	    "nothing is no archive");
	purge(5, 0, false);
	buf_clear(&archive);
}

static void
work(void)
{
	int one;

	is_int(settings(5, "b@c.test,\\ann", "away"), MSG_SPAWN_OK,
	    "settings are written");
	is_str(home_file(".forward"), "b@c.test\n\\ann\n", "the forward");
	is_str(home_file(".vacation.msg"), "away", "the vacation text");
	is_int(settings(5, "|/bin/sh", ""), MSG_FAIL, "a program is refused");
	is_int(answer_fail, FAIL_BAD, "as bad");
	is_int(settings(5, "", ""), MSG_SPAWN_OK, "and erased");
	is_str(home_file(".forward"), "", "the forward");
	is_str(home_file(".vacation.msg"), "", "the vacation text");
	box.state = BOX_CREATING;
	is_int(settings(5, "b@c.test", ""), MSG_SPAWN_OK,
	    "also of a mailbox that is being created");
	is_int(purge(5, 0, false), MSG_FAIL, "which is not purged");
	box.state = BOX_DELETING;
	is_int(settings(5, "", ""), MSG_FAIL, "not of one that goes");
	is_int(answer_fail, FAIL_BAD, "which makes no sense");
	is_int(purge(5, 0, false), MSG_FAIL, "nor is that purged");
	box.state = BOX_ACTIVE;

	/* A session has the worker: the same one does the work. */
	put_message(1);
	put_message(2);
	is_int(attach(&one), MSG_SPAWN_OK, "a session");
	is_str(hear(one), "+OK 2 messages (40 octets)", "sees two messages");
	box.quota_kb = 7;
	is_int(settings(5, "b@c.test", ""), MSG_SPAWN_OK,
	    "settings with another quota");
	ok(wait_until(quota_is_shown), "the running worker learns of that");
	box.quota_kb = 0;
	put_message(3);
	is_int(purge(5, 0, true), MSG_SPAWN_PURGED, "a dry run");
	is_int((int)purged.messages, 3, "counts three");
	is_int((int)purged.bytes, 51, "and their bytes");
	is_int(purge(5, 1000000, false), MSG_SPAWN_PURGED,
	    "a purge of what is very old");
	is_int((int)purged.messages, 0, "finds nothing");
	is_int(purge(5, 0, false), MSG_SPAWN_PURGED, "one of all");
	is_int((int)purged.messages, 3, "finds three");
	if (write(one, "RETR 1\r\n", 8) != 8)
		abort();
	is_str(hear(one), "-ERR message is gone",
	    "the session is told that its message is gone");
	if (write(one, "QUIT\r\n", 6) != 6)
		abort();
	is_str(hear(one), "+OK bye", "and goes on");
	close(one);

	/* A worker that is killed over it. */
	for (unsigned n = 0; n < 8; n++) {
		struct msg_settings m = { span_of("b@c.test"),
			span_of(n % 2 ? "one" : "two") };
		struct buf b;

		buf_init(&b, 256);
		wire_put_u32(&b, 5);
		msg_settings_put(&b, &m);
		answer = -1;
		ipc_request(admind, MSG_SPAWN_SETTINGS, &b, -1, WAIT_MS,
		    on_answer, NULL);
		buf_clear(&b);
		event_base_loop(base, EVLOOP_ONCE);
		say_revoked(5);
		wait_until(is_answered);
		if (answer != MSG_SPAWN_OK ||
		    strcmp(home_file(".vacation.msg"), n % 2 ? "one" : "two"))
			ok(false, "killed over settings, try %u: %d", n,
			    answer);
	}
	is_str(home_file(".vacation.msg"), "one",
	    "revoked meanwhile, settings are written all the same");
	is_int(settings(5, "", ""), MSG_SPAWN_OK, "erased");
}

/* A request for a hook; as bytes, so that they may be wrong. */
static int
ask_hook(const char *hook, const char *name, const char *value, bool wait)
{
	struct buf b;
	int r = 0;

	buf_init(&b, 4096);
	wire_put_str(&b, hook);
	wire_put_u32(&b, 3);
	wire_put_str(&b, "SEMAIL_DOMAIN");
	wire_put_str(&b, "x.test");
	wire_put_str(&b, "SEMAIL_AUDIT_ID");
	wire_put_str(&b, "12");
	wire_put_str(&b, name);
	wire_put_str(&b, value);
	if (wait)
		r = ask(admind, MSG_SPAWN_HOOK, &b, -1);
	else
		ipc_request(admind, MSG_SPAWN_HOOK, &b, -1, WAIT_MS, on_answer,
		    NULL);
	buf_clear(&b);
	return r;
}

static void
put_hook(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/hooks/%s", tmpdir_path, name);
	if ((f = fopen(path, "w")) == NULL || fputs(text, f) == EOF ||
	    fclose(f) == EOF || chmod(path, 0755) == -1)
		abort();
}

static void
hooks(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/hooks", tmpdir_path);
	if (chmod(tmpdir_path, 0711) == -1 || mkdir(path, 0755) == -1 ||
	    chmod(path, 0755) == -1)
		abort();
	put_hook("mailbox-new", "#!/bin/sh\necho \"$SEMAIL_HOOK $SEMAIL_HOME "
	    "$SEMAIL_MAILBOX $SEMAIL_WHO $HOME $LANG\"; exit 5\n");
	put_hook("mailbox-mod", "#!/bin/sh\nsleep 1\n");
	is_int(ask_hook("mailbox-new", "SEMAIL_MAILBOX", "ann", true),
	    MSG_SPAWN_HOOKED, "a hook");
	is_int((int)hooked, 5, "its exit status");
	is_str(said, "mailbox-new /state/mail/x.test/ann ann  / C.UTF-8",
	    "what it was told");
	ask_hook("mailbox-new", "SEMAIL_WHO", "$(id) `id` ;", true);
	is_str(said, "mailbox-new   $(id) `id` ; / C.UTF-8",
	    "values are values; no mailbox, no home");
	ask_hook("mailbox-new", "SEMAIL_MAILBOX", "../../etc", true);
	is_str(said, "mailbox-new  ../../etc  / C.UTF-8",
	    "a name that makes no path makes no home");
	is_int(ask_hook("mailbox-del", "SEMAIL_MAILBOX", "ann", true),
	    MSG_SPAWN_HOOKED, "one that is not there");
	is_int((int)hooked, HOOK_MISSING, "says so");
	ask_hook("mailbox-mod", "SEMAIL_MAILBOX", "ann", false);
	is_int(ask_hook("mailbox-new", "SEMAIL_MAILBOX", "ann", true), MSG_FAIL,
	    "one at a time");
	is_int(answer_fail, FAIL_BUSY, "later");
	answer = -1;
	wait_until(is_answered);
	is_int(answer, MSG_SPAWN_HOOKED, "the first goes on");

	is_int(ask_hook("../mailbox-new", "SEMAIL_MAILBOX", "ann", true),
	    MSG__COUNT, "a path is no name: the channel is closed");
	wait_until(all_up);
	is_int(ask_hook("mailbox-new", "LD_PRELOAD", "/tmp/x", true),
	    MSG__COUNT, "nor is any variable");
	wait_until(all_up);
	is_int(ask_hook("mailbox-new", "SEMAIL_MAILBOX", "a\nb", true),
	    MSG__COUNT, "nor any value");
	ok(wait_until(all_up), "and spawnd lives");
}

static void
removal(void)
{
	char path[256];

	box.state = BOX_DELETING;
	is_int(ask_number(admind, MSG_SPAWN_REMOVE, 5), MSG_SPAWN_OK,
	    "the home is removed");
	snprintf(path, sizeof(path), "%s/x.test/ann", tmpdir_path);
	is_int(access(path, F_OK), -1, "it is gone");
	is_int(ask_number(admind, MSG_SPAWN_REMOVE, 5), MSG_SPAWN_OK, "again");
	box.state = BOX_ACTIVE;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_FAIL,
	    "without a home there is no worker");
}

int
main(int argc, char *argv[])
{
	const char *slash = strrchr(argv[0], '/');
	char programs[2048], full[4096];
	int fd;

	(void)argc;
	signal(SIGPIPE, SIG_IGN);
	tmpdir_make();
	snprintf(programs, sizeof(programs), "%.*s",
	    slash == NULL ? 1 : (int)(slash - argv[0]),
	    slash == NULL ? "." : argv[0]);
	if ((base = event_base_new()) == NULL ||
	    realpath(programs, full) == NULL)
		return 1;
	box = (struct msg_box){ .mailbox = 5, .uid = UID, .state = BOX_ACTIVE,
		.domain = "x.test", .login = "ann", .address = "ann@x.test" };
	fd = listen_at("authd");
	ipc_listen(base, fd, ROLE_AUTHD, ROLE_SPAWND, getuid(), true,
	    &authd_ops, NULL);
	start(full);
	admind = call(ROLE_ADMIND, &caller_ops);
	pop3d = call(ROLE_POP3D, &pop3d_ops);
	local = call(ROLE_LOCAL, &caller_ops);
	ok(wait_until(all_up), "spawnd serves");
	homes();
	sessions();
	deliveries();
	buf_init(&piece, COPY_PIECE);
	work();
	copies();
	buf_clear(&piece);
	hooks();
	removal();

	/* Nonsense costs the caller its channel, and only that. */
	{
		struct buf b;

		buf_init(&b, 64);
		buf_puts(&b, "too short");
		answer = -1;
		ipc_request(pop3d, MSG_SPAWN_ATTACH, &b, dup(fd), WAIT_MS,
		    on_answer, NULL);
		buf_clear(&b);
	}
	ok(wait_until(pop3d_refused), "a malformed request closes the channel");
	ok(wait_until(all_up), "which may be opened again");
	ipc_note(control, MSG_CTL_STOP, NULL, -1);
	ok(wait_until(is_stopped), "it stops when told to");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	tmpdir_remove();
	return done_testing();
}
