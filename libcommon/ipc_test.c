#include "config.h"
#include "libcommon/ipc.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "tap.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* queued serves smtpd over a socketpair, both ends in this process. */
static struct event_base *base;
static struct ipc *server, *client;
static unsigned served, answered, lost, gone;
static uint32_t held_id;
static enum { ANSWER, HOLD, REFUSE, FAIL } mode;

static void
turn(void)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
server_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct buf b;
	int p[2];

	(void)arg;
	served++;
	if (mode == REFUSE)
		return ipc_refuse(ipc, m, "told to");
	if (mode == HOLD) {
		held_id = m->id;
		return 0;
	}
	if (mode == FAIL) {
		ipc_fail(ipc, m->id, FAIL_FULL, "no room");
		return 0;
	}
	buf_init(&b, 64);
	wire_put_u64(&b, 42);
	if (m->type == MSG_QUEUE_SUBMIT) {
		ipc_reply(ipc, m->id, MSG_QUEUE_ACCEPTED, &b, -1);
	} else if (m->type == MSG_QUEUE_BODY_OPEN) {
		if (pipe(p) == -1)
			fatal("pipe");
		close(p[0]);
		ipc_reply(ipc, m->id, MSG_QUEUE_BODY_OPENED, &b, p[1]);
	}
	buf_clear(&b);
	return 0;
}

static void
count_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	gone++;
}

static int got_fd = -1;
static enum fail got_fail;

static int
on_answer(struct ipc_msg *m, void *arg)
{
	char reason[201];
	struct wire w;

	(void)arg;
	if (m == NULL) {
		lost++;
		return 0;
	}
	answered++;
	if (m->type == MSG_FAIL)
		return msg_fail_get(m->payload, &got_fail, reason);
	if (m->fd != -1)
		got_fd = ipc_take_fd(m);
	wire_init(&w, m->payload);
	if (wire_u64(&w) != 42)
		return -1;
	return wire_done(&w);
}

static const struct ipc_ops server_ops = { .msg = server_msg,
	.gone = count_gone };
static const struct ipc_ops client_ops = { .gone = count_gone };

static int raw_fd;

static void
start(bool raw)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		fatal("socketpair");
	served = answered = lost = gone = 0;
	mode = ANSWER;
	server = ipc_attach(base, sv[0], ROLE_QUEUED, ROLE_SMTPD, &server_ops,
	    NULL);
	if (raw)
		raw_fd = sv[1];
	else
		client = ipc_attach(base, sv[1], ROLE_SMTPD, ROLE_QUEUED,
		    &client_ops, NULL);
}

static int
ask(enum msg_type type, size_t bytes, unsigned deadline_ms)
{
	static unsigned char zero[IPC_MAX + 1];
	struct buf b;
	int r;

	buf_init(&b, sizeof(zero));
	buf_put(&b, zero, bytes);
	r = ipc_request(client, type, &b, -1, deadline_ms, on_answer, NULL);
	buf_clear(&b);
	return r;
}

static void
test_requests(void)
{
	uint64_t token;

	start(false);
	token = ipc_token(server);
	ok(ipc_by_token(token) == server, "a token finds its channel");
	for (int i = 0; i < 100; i++)
		ask(MSG_QUEUE_SUBMIT, (size_t)i * 3000, 60000);
	turn();
	is_int(served, 100, "pipelined requests arrive");
	is_int(answered, 100, "and each is answered once");
	ask(MSG_QUEUE_BODY_OPEN, 8, 60000);
	ask(MSG_QUEUE_SUBMIT, 8, 60000);
	turn();
	ok(got_fd != -1 && fcntl(got_fd, F_GETFD) == FD_CLOEXEC,
	    "a descriptor travels with its message, close-on-exec");
	close(got_fd);
	is_int(answered, 102, "and does not disturb the next");
	is_int(ask(MSG_QUEUE_SUBMIT, IPC_MAX + 1, 60000), -1, "too big");
	is_int(errno, EMSGSIZE, "says EMSGSIZE");
	mode = FAIL;
	ask(MSG_QUEUE_SUBMIT, 0, 60000);
	turn();
	is_int(got_fail, FAIL_FULL, "a failure is an answer");
	mode = HOLD;
	ask(MSG_QUEUE_SUBMIT, 0, 1);
	while (lost == 0)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(lost, 1, "a deadline passes");
	ipc_fail(server, held_id, FAIL_TEMP, "late");
	turn();
	ok(ipc_is_up(client), "a late answer is dropped, not an error");
	ask(MSG_QUEUE_SUBMIT, 0, 60000);
	turn();
	ipc_close(server);
	turn();
	is_int(lost, 2, "open requests end when the channel goes");
	is_int(gone, 2, "both sides are told");
	ok(ipc_by_token(token) == NULL, "its token finds nothing any more");
}

static void
test_window(void)
{
	unsigned n = 0;

	start(false);
	mode = HOLD;
	while (ask(MSG_QUEUE_SUBMIT, 0, 60000) == 0)
		n++;
	is_int(n, IPC_WINDOW, "the window bounds unanswered requests");
	is_int(errno, EAGAIN, "then EAGAIN");
	ipc_close(client);
	turn();
	is_int(lost, IPC_WINDOW, "all are told");
}

static void
test_refuse(void)
{
	static const struct {
		const char *name;
		unsigned char h[16];
	} rows[] = {
		{ "magic",
		    { 0, 0, 1, 0, MSG_QUEUE_SUBMIT, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		        0, 0 } },
		{ "version",
		    { 0x4d, 0x53, 9, 0, MSG_QUEUE_SUBMIT, 0, 0, 0, 0, 0, 0, 0,
		        1, 0, 0, 0 } },
		{ "an unknown type",
		    { 0x4d, 0x53, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0,
		        0 } },
		{ "a message of another edge",
		    { 0x4d, 0x53, 1, 0, MSG_QUEUE_LIST, 0, 0, 0, 0, 0, 0, 0, 1,
		        0, 0, 0 } },
		{ "an answer nobody asked for",
		    { 0x4d, 0x53, 1, 0, MSG_QUEUE_ACCEPTED, 0, 0, 0, 0, 0, 0, 0,
		        1, 0, 0, 0 } },
		{ "a request without id",
		    { 0x4d, 0x53, 1, 0, MSG_QUEUE_SUBMIT, 0, 0, 0, 0, 0, 0, 0,
		        0, 0, 0, 0 } },
		{ "a length past the limit",
		    { 0x4d, 0x53, 1, 0, MSG_QUEUE_SUBMIT, 0, 0, 0, 1, 0, 0x10,
		        0, 1, 0, 0, 0 } },
		{ "a descriptor that is not there",
		    { 0x4d, 0x53, 1, 1, MSG_QUEUE_SUBMIT, 0, 0, 0, 0, 0, 0, 0,
		        1, 0, 0, 0 } },
	};

	for (size_t i = 0; i < nitems(rows); i++) {
		start(true);
		io_write_all(raw_fd, rows[i].h, 16);
		turn();
		ok(gone == 1 && served == 0, "refused: %s", rows[i].name);
		close(raw_fd);
	}
	start(true);
	mode = REFUSE;
	io_write_all(raw_fd, "\x4d\x53\x01\0", 4);
	io_write_all(raw_fd,
	    (unsigned char[]){
	        MSG_QUEUE_SUBMIT, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 },
	    12);
	turn();
	ok(gone == 1, "a handler's refusal closes the channel");
	close(raw_fd);
}

static void
test_bytewise(void)
{
	unsigned char m[20] = { 0x4d, 0x53, 1, 0, MSG_QUEUE_SUBMIT, 0, 0, 0, 4,
		0, 0, 0, 7, 0, 0, 0, 'b', 'o', 'd', 'y' };
	unsigned char answer[16 + 8];

	start(true);
	for (size_t i = 0; i < sizeof(m); i++) {
		io_write_all(raw_fd, m + i, 1);
		turn();
		is_int(served, i == sizeof(m) - 1, "byte %zu", i);
	}
	ok(io_read_all(raw_fd, answer, sizeof(answer)) == 0 && answer[12] == 7,
	    "the answer carries the request's id");
	close(raw_fd);
	turn();
}

int
main(void)
{
	log_init("ipc_test");
	if ((base = event_base_new()) == NULL)
		fatalx("event base");
	test_requests();
	test_window();
	test_refuse();
	test_bytewise();
	event_base_free(base);
	return done_testing();
}
