/*
 * local_test - the daemon itself, over its real sockets: this process plays
 * semaild, queued, spawnd and the mailboxes' workers.
 */
#include "config.h"
#include "libcommon/msg_box.h"
#include "libcommon/msg_queue.h"
#include "daemon.h"
#include "tap.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDS 1000

static struct ipc *queued;

/* A worker says yes, or does something else; by mailbox number. */
enum manner {
	GOOD,
	ALREADY,
	FULL,
	SILENT,
	DIES,
	HALF,
	NONE,
	BUSY,
	FORWARDS,
	FORWARDS_AND_KEEPS,
	NONSENSE
};
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
	workers[number] = ipc_attach(daemon_base, pair[1], ROLE_BOX, ROLE_LOCAL,
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
	if (m->type != MSG_DELIVERED || msg_delivered_get(m->payload, &d) == -1)
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
	struct msg_deliver d = { .queue_id = id,
		.mailbox = number,
		.arrived_s = 1,
		.reverse_path = span_of("a@x.test"),
		.recipient = span_of("b@y.test"),
		.body_bytes = 4,
		.body = span_of("x\r\n\n") };
	struct buf b;

	buf_init(&b, 4096);
	msg_deliver_put(&b, &d);
	if (ipc_request(queued, MSG_DELIVER, &b, -1, DAEMON_WAIT_MS,
	        on_delivered, (void *)(uintptr_t)id) == -1)
		abort();
	buf_clear(&b);
	credit--;
	result[id] = -1;
}

/* ---- the daemon -------------------------------------------------------- */

static void
start(void)
{
	struct handover *ho = daemon_handover();
	int mail = open(daemon_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	daemon_give(ho, HO_DIR, "mail", mail);
	ho_set(ho, "hostname", span_of("mx.test"));
	ho_set(ho, "worker-limit", span_of("200"));
	daemon_start(&ho);
	close(mail);
}

/* ---- tests ------------------------------------------------------------- */

static unsigned want;

static bool
has_credit(void)
{
	return daemon_is_ready() && queued != NULL && credit >= want;
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

static void
deliveries(void)
{
	want = 200;
	ok(daemon_wait(has_credit), "local asks for 200 deliveries");
	for (unsigned i = 0; i < 100; i++)
		give(1 + i % 3, i);
	want = 100;
	ok(daemon_wait(has_answers), "100 deliveries are answered");
	is_int(nchannels, 3, "by one channel a mailbox");
	is_int(npublished, 100, "each was published");
	ok(!published_before_written, "after it was written");
	for (unsigned i = 0; i < 100; i++)
		if (result[i] != DELIVER_OK)
			is_int(result[i], DELIVER_OK, "%u", i);
	is_str(status[5], "2.0.0 delivered", "and is told");
	want = 200;
	ok(daemon_wait(has_credit), "the credit is given back");

	manners[1] = ALREADY;
	npublished = nanswered = 0;
	give(1, 0);
	want = 1;
	ok(daemon_wait(has_answers) && result[0] == DELIVER_OK,
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
	ok(daemon_wait(has_answers), "troubles are answered");
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
	ok(daemon_wait(has_answers), "a worker that dies");
	ok(result[201] == DELIVER_AGAIN && result[202] == DELIVER_AGAIN,
	    "its deliveries come again at once");
	is_int(result[10], DELIVER_OK, "another's are made");
	manners[2] = GOOD;
	nanswered = 0;
	give(2, 203);
	want = 1;
	ok(daemon_wait(has_answers) && result[203] == DELIVER_OK,
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
	ok(daemon_wait(has_answers) && result[800] == DELIVER_OK &&
	        nforward[800] == 1,
	    "a message that is only forwarded");
	is_int(npublished, 0, "is not published");
	manners[8] = FORWARDS_AND_KEEPS;
	give(8, 801);
	want = 2;
	ok(daemon_wait(has_answers) && result[801] == DELIVER_OK &&
	        nforward[801] == 1,
	    "one that is kept, too");
	is_int(npublished, 1, "is published first");
	manners[8] = GOOD;
	give(8, 802);
	want = 3;
	ok(daemon_wait(has_answers) && nforward[802] == 0,
	    "the next is only kept");
	manners[8] = NONSENSE;
	give(8, 803);
	want = 4;
	ok(daemon_wait(has_answers) && result[803] == DELIVER_TEMP &&
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
	daemon_wait(has_credit);
	nanswered = 0;
	while (credit > 0) {
		give(id % 2 ? 5 : 6, id);
		id++;
	}
	want = 100;
	ok(daemon_wait(has_credit),
	    "two mailboxes hold all credit and do nothing: more is lent");
	nanswered = 0;
	give(5, 900);
	give(1, 901);
	want = 2;
	ok(daemon_wait(has_answers), "others go on");
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
	ok(daemon_wait(is_up_again), "local finds queued again");
	manners[7] = SILENT;
	for (unsigned id = 501; id < 521; id += 2)
		give(5, id);
	nanswered = 0;
	give(1, 11);
	want = 1;
	ok(daemon_wait(has_answers), "and works");
	is_int(nwrites[5], before, "what is under way is not begun again");
	/* The silent worker ends: the answers go to the new channel. */
	nanswered = 0;
	ngone = 0;
	ipc_close(workers[5]);
	want = 10;
	ok(daemon_wait(has_answers), "all ten are answered here");
	is_int(result[501], DELIVER_AGAIN, "to come again");
}

int
main(int argc, char *argv[])
{
	(void)argc;
	daemon_init(argv[0], ROLE_LOCAL);
	daemon_serve(ROLE_QUEUED, &queued_ops);
	daemon_serve(ROLE_SPAWND, &spawnd_ops);
	start();
	deliveries();
	troubles();
	actions();
	slow();
	again();
	ipc_note(daemon_control, MSG_CTL_STOP, NULL, -1);
	ok(daemon_wait(daemon_is_gone), "it stops when told to");
	daemon_end();
	return done_testing();
}
