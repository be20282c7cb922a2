/*
 * local_test - the daemon itself, over its real sockets: this process plays
 * semaild, queued, spawnd and the mailboxes' workers.
 */
#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/ipc.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"
#include "libcommon/msg_queue.h"
#include "tap.h"
#include "tmpdir.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000
#define IDS 1000

static struct event_base *base;
static pid_t pid;
static bool is_ready;
static struct ipc *control, *queued;

/* A worker says yes, or does something else; by mailbox number. */
enum manner { GOOD, ALREADY, FULL, SILENT, DIES, HALF, NONE, BUSY,
	FORWARDS, FORWARDS_AND_KEEPS, NONSENSE };
static enum manner manners[16];
static struct ipc *workers[16];

/* What they saw. */
static unsigned credit, nchannels, nwritten, npublished, nanswered, ngone;
static unsigned nwrites[16];
static int result[IDS]; /* of a delivery by its queue id; -1: none yet */
static char status[IDS][200];
static unsigned nforward[IDS]; /* addresses its answer asks for */
static bool published_before_written;
static bool written[IDS];

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

/* ---- semaild ----------------------------------------------------------- */

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

/* ---- the workers ------------------------------------------------------- */

static int
box_write(struct ipc *ipc, struct ipc_msg *m, unsigned number)
{
	struct msg_written w = { .how = WRITTEN_DRAFT };
	enum manner manner = manners[number];
	struct msg_deliver d;
	struct buf b, list;

	if (msg_deliver_get(m->payload, &d) == -1 || d.mailbox != number)
		return -1;
	nwrites[number]++;
	if (manners[number] == SILENT)
		return 0;
	if (manners[number] == DIES)
		return -1;
	if (manners[number] == FULL) {
		ipc_fail(ipc, m->id, FAIL_FULL, "the disk is full");
		return 0;
	}
	written[d.queue_id] = true;
	nwritten++;
	buf_init(&b, 8192);
	buf_init(&list, 4096);
	if (manner == ALREADY)
		w.how = WRITTEN_ALREADY;
	if (manner == FORWARDS || manner == NONSENSE)
		w.how = WRITTEN_NOT;
	if (manner == FORWARDS || manner == FORWARDS_AND_KEEPS) {
		msg_actions_forward(&w.actions, &list, span_of("c@d.test"));
		w.actions.forward = buf_span(&list);
		w.actions.answer = span_of("Subject: x\r\n\r\ny\r\n");
	}
	msg_written_put(&b, &w);
	ipc_reply(ipc, m->id, MSG_BOX_WRITTEN, &b, -1);
	buf_clear(&b);
	buf_clear(&list);
	return 0;
}

static int
box_publish(struct ipc *ipc, struct ipc_msg *m, unsigned number)
{
	static uint64_t ids[BOX_PUBLISH_MAX];
	struct msg_publish in;
	struct buf b;
	uint32_t n = 0;

	if (msg_publish_get(m->payload, &in) == -1)
		return -1;
	for (uint32_t i = 0; i < in.n; i++) {
		uint64_t id = msg_publish_id(&in, i);

		if (!written[id])
			published_before_written = true;
		npublished++;
		if (manners[number] != HALF || id % 2 == 0)
			ids[n++] = id;
	}
	buf_init(&b, 16 + 8 * BOX_PUBLISH_MAX);
	msg_publish_put(&b, ids, n);
	ipc_reply(ipc, m->id, MSG_BOX_PUBLISHED, &b, -1);
	buf_clear(&b);
	return 0;
}

static int
box_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	unsigned number = (unsigned)((struct ipc **)arg - workers);

	return m->type == MSG_BOX_WRITE ? box_write(ipc, m, number)
	                                : box_publish(ipc, m, number);
}

static void
box_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	*(struct ipc **)arg = NULL;
	ngone++;
}

static const struct ipc_ops box_ops = { .msg = box_msg, .gone = box_gone };

/* ---- spawnd ------------------------------------------------------------ */

static int
spawnd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	uint32_t number = le32_get(m->payload.data);
	int pair[2];

	(void)arg;
	if (m->type != MSG_SPAWN_DELIVER || number >= nitems(workers))
		return -1;
	nchannels++;
	if (manners[number] == NONE) {
		ipc_fail(ipc, m->id, FAIL_NONE, "no such mailbox");
		return 0;
	}
	if (manners[number] == BUSY)
		return 0; /* no place for a worker: no answer yet */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		abort();
	workers[number] = ipc_attach(base, pair[1], ROLE_BOX, ROLE_LOCAL,
	    &box_ops, &workers[number]);
	ipc_reply(ipc, m->id, MSG_SPAWN_CHANNEL, NULL, pair[0]);
	return 0;
}

static const struct ipc_ops spawnd_ops = { .msg = spawnd_msg };

/* ---- queued ------------------------------------------------------------ */

static int
queued_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	if (m->type != MSG_LOCAL_CREDIT)
		return -1;
	queued = ipc;
	credit += le32_get(m->payload.data);
	return 0;
}

static void
queued_gone(struct ipc *ipc, void *arg)
{
	(void)arg;
	if (queued == ipc)
		queued = NULL;
	credit = 0;
}

static const struct ipc_ops queued_ops = { .msg = queued_msg,
	.gone = queued_gone };

static int
on_delivered(struct ipc_msg *m, void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct msg_delivered d;

	if (m == NULL)
		return 0;
	if (m->type != MSG_DELIVERED ||
	    msg_delivered_get(m->payload, &d) == -1)
		return -1;
	nanswered++;
	result[id] = d.result;
	nforward[id] = d.actions.nforward;
	if (msg_has_actions(&d.actions) &&
	    !span_is(d.actions.answer, "Subject: x\r\n\r\ny\r\n"))
		return -1;
	span_copy(d.status, status[id], sizeof(status[id]));
	return 0;
}

static void
give(uint32_t number, unsigned id)
{
	struct msg_deliver d = { .queue_id = id, .mailbox = number,
		.arrived_s = 1, .reverse_path = span_of("a@x.test"),
		.recipient = span_of("b@y.test"), .body_bytes = 4,
		.body = span_of("x\r\n\n") };
	struct buf b;

	buf_init(&b, 4096);
	msg_deliver_put(&b, &d);
	if (ipc_request(queued, MSG_DELIVER, &b, -1, WAIT_MS, on_delivered,
	        (void *)(uintptr_t)id) == -1)
		abort();
	buf_clear(&b);
	credit--;
	result[id] = -1;
}

/* ---- the daemon -------------------------------------------------------- */

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

static void
start(const char *argv0)
{
	struct handover *ho = ho_new();
	char path[4096];
	const char *slash = strrchr(argv0, '/');
	int pair[2], memfd, mail;
	struct buf b;

	mail = open(tmpdir_path, O_RDONLY | O_DIRECTORY);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		abort();
	ho->role = ROLE_LOCAL;
	ho->instances = 1;
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		ho->role_uid[i] = getuid();
	snprintf(ho->dir, sizeof(ho->dir), "%s", tmpdir_path);
	ho_add_fd(ho, HO_DIR, "mail", 5);
	ho_set(ho, "hostname", span_of("mx.test"));
	ho_set(ho, "worker-limit", span_of("200"));
	buf_init(&b, HO_MAX);
	ho_put(&b, ho);
	memfd = io_sealed_memfd("handover", buf_span(&b));
	ho_free(&ho);
	buf_clear(&b);
	snprintf(path, sizeof(path), "%.*s/semail-local",
	    slash == NULL ? 1 : (int)(slash - argv0),
	    slash == NULL ? "." : argv0);
	if ((pid = fork()) == 0) {
		int c = fcntl(pair[1], F_DUPFD, 20);
		int h = fcntl(memfd, F_DUPFD, 20);
		int d = fcntl(mail, F_DUPFD, 20);

		dup2(c, 3);
		dup2(h, 4);
		dup2(d, 5);
		close_range(6, ~0u, 0);
		execl(path, "semail-local", (char *)NULL);
		_exit(127);
	}
	close(memfd);
	close(pair[1]);
	close(mail);
	control = ipc_attach(
	    base, pair[0], ROLE_MASTER, ROLE_LOCAL, &control_ops, NULL);
}

/* ---- tests ------------------------------------------------------------- */

static unsigned want;

static bool
has_credit(void)
{
	return is_ready && queued != NULL && credit >= want;
}

static bool
has_answers(void)
{
	return nanswered >= want;
}

static bool
is_up_again(void)
{
	return queued != NULL && credit >= 100;
}

static bool
is_stopped(void)
{
	return control == NULL;
}

static void
deliveries(void)
{
	want = 200;
	ok(wait_until(has_credit), "local asks for 200 deliveries");
	for (unsigned i = 0; i < 100; i++)
		give(1 + i % 3, i);
	want = 100;
	ok(wait_until(has_answers), "100 deliveries are answered");
	is_int(nchannels, 3, "by one channel a mailbox");
	is_int(npublished, 100, "each was published");
	ok(!published_before_written, "after it was written");
	for (unsigned i = 0; i < 100; i++)
		if (result[i] != DELIVER_OK)
			is_int(result[i], DELIVER_OK, "%u", i);
	is_str(status[5], "2.0.0 delivered", "and is told");
	want = 200;
	ok(wait_until(has_credit), "the credit is given back");

	manners[1] = ALREADY;
	npublished = nanswered = 0;
	give(1, 0);
	want = 1;
	ok(wait_until(has_answers) && result[0] == DELIVER_OK,
	    "delivered before: told so");
	is_int(npublished, 0, "and not published again");
	manners[1] = GOOD;
}

static void
troubles(void)
{
	nanswered = 0;
	manners[2] = FULL;
	manners[3] = HALF;
	manners[4] = NONE;
	give(2, 200);
	give(3, 300);
	give(3, 301);
	give(4, 400);
	want = 4;
	ok(wait_until(has_answers), "troubles are answered");
	is_int(result[200], DELIVER_TEMP, "a full disk: later");
	is_str(status[200], "4.3.1 the disk is full", "with its reason");
	is_int(result[300], DELIVER_OK, "of two, one is published");
	is_int(result[301], DELIVER_TEMP, "and the other is not");
	is_int(result[400], DELIVER_PERM, "no such mailbox");

	nanswered = ngone = 0;
	manners[2] = DIES;
	give(2, 201);
	give(2, 202);
	give(1, 10);
	want = 3;
	ok(wait_until(has_answers), "a worker that dies");
	ok(result[201] == DELIVER_TEMP && result[202] == DELIVER_TEMP,
	    "its deliveries come later");
	is_int(result[10], DELIVER_OK, "another's are made");
	manners[2] = GOOD;
	nanswered = 0;
	give(2, 203);
	want = 1;
	ok(wait_until(has_answers) && result[203] == DELIVER_OK,
	    "the next worker takes its mail");
}

/* What a worker asks for goes to queued, with the answer and not before. */
static void
actions(void)
{
	nanswered = npublished = ngone = 0;
	manners[8] = FORWARDS;
	give(8, 800);
	want = 1;
	ok(wait_until(has_answers) && result[800] == DELIVER_OK &&
	    nforward[800] == 1, "a message that is only forwarded");
	is_int(npublished, 0, "is not published");
	manners[8] = FORWARDS_AND_KEEPS;
	give(8, 801);
	want = 2;
	ok(wait_until(has_answers) && result[801] == DELIVER_OK &&
	    nforward[801] == 1, "one that is kept, too");
	is_int(npublished, 1, "is published first");
	manners[8] = GOOD;
	give(8, 802);
	want = 3;
	ok(wait_until(has_answers) && nforward[802] == 0,
	    "the next is only kept");
	manners[8] = NONSENSE;
	give(8, 803);
	want = 4;
	ok(wait_until(has_answers) && result[803] == DELIVER_TEMP &&
	    nforward[803] == 0,
	    "a worker that neither keeps nor forwards: later");
	is_int(ngone, 1, "and its channel is closed");
	manners[8] = GOOD;
}

static void
slow(void)
{
	unsigned id = 500;

	manners[5] = SILENT;
	manners[6] = BUSY;
	want = 200;
	wait_until(has_credit);
	nanswered = 0;
	while (credit > 0) {
		give(id % 2 ? 5 : 6, id);
		id++;
	}
	want = 100;
	ok(wait_until(has_credit),
	    "two mailboxes hold all credit and do nothing: more is lent");
	nanswered = 0;
	give(5, 900);
	give(1, 901);
	want = 2;
	ok(wait_until(has_answers), "others go on");
	is_int(result[901], DELIVER_OK, "a quick one is delivered");
	is_str(status[900], "4.3.0 the mailbox is slow",
	    "the slow one gets no more");
}

/* queued ends and comes back, and gives again what is under way. */
static void
again(void)
{
	unsigned before;

	before = nwrites[5];
	ipc_close(queued);
	ok(wait_until(is_up_again), "local finds queued again");
	manners[7] = SILENT;
	for (unsigned id = 501; id < 521; id += 2)
		give(5, id);
	nanswered = 0;
	give(1, 11);
	want = 1;
	ok(wait_until(has_answers), "and works");
	is_int(nwrites[5], before, "what is under way is not begun again");
	/* The silent worker ends: the answers go to the new channel. */
	nanswered = 0;
	ngone = 0;
	ipc_close(workers[5]);
	want = 10;
	ok(wait_until(has_answers), "all ten are answered here");
	is_int(result[501], DELIVER_TEMP, "to come later");
}

int
main(int argc, char *argv[])
{
	int fd[2];

	(void)argc;
	signal(SIGPIPE, SIG_IGN);
	tmpdir_make();
	if ((base = event_base_new()) == NULL)
		return 1;
	fd[0] = listen_at("queued");
	fd[1] = listen_at("spawnd");
	ipc_listen(base, fd[0], ROLE_QUEUED, ROLE_LOCAL, getuid(), true,
	    &queued_ops, NULL);
	ipc_listen(base, fd[1], ROLE_SPAWND, ROLE_LOCAL, getuid(), true,
	    &spawnd_ops, NULL);
	start(argv[0]);
	deliveries();
	troubles();
	actions();
	slow();
	again();
	ipc_note(control, MSG_CTL_STOP, NULL, -1);
	ok(wait_until(is_stopped), "it stops when told to");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd[0]);
	close(fd[1]);
	tmpdir_remove();
	return done_testing();
}
