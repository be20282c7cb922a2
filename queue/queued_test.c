/*
 * queued_test - the daemon itself, over its real sockets: this process plays
 * semaild, smtpd, local, authd and the queue command.
 */
#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/ipc.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/msg_queue.h"
#include "libcommon/secret.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000

static struct event_base *base;
static char daemon_path[4096], dir[4096];
static pid_t pid;
static bool is_ready;
static int listen_fd[3]; /* smtpd, local, cli: open across restarts */
static struct ipc *control, *smtpd, *local;
static const unsigned char key[GRANT_KEY_BYTES] =
    "a key for the tests, 32 bytes..";
static const char *retry_min = "100", *log_size = "8388608";

/* What the others saw. */
static unsigned naccepted, nrefused, ndelivered, nasked, nsmtpd_gone;
static uint64_t last_id;
static struct msg_deliver last;
static char last_from[PATH_MAX_BYTES + 1], last_prefix[PREFIX_MAX + 1];
static char last_body[2 * 1024 * 1024], last_rcpt[400];
static enum { SAY_OK, SAY_TEMP, SAY_NOTHING } local_says;
static uint64_t stat_syncs;

/* ---- loop --------------------------------------------------------------- */

static void
nap_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static bool
wait_until(bool (*what)(void))
{
	uint64_t until = io_now_ms() + WAIT_MS;
	struct timeval tick = { 0, 20000 };
	struct event *ev = event_new(base, -1, EV_PERSIST, nap_over, NULL);
	bool so;

	/* Asked once more at the end, what is so for a moment only (a reason
	 * between two attempts) might be over. */
	event_add(ev, &tick);
	while (!(so = what()) && io_now_ms() < until)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	return so;
}

/* ---- the others ------------------------------------------------------------
 */

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
	(void)arg;
	if (control == ipc) /* of the daemon before, late */
		control = NULL;
}

static const struct ipc_ops control_ops = { .msg = control_msg,
	.gone = control_gone };

static void
smtpd_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	nsmtpd_gone++;
}

static const struct ipc_ops smtpd_ops = { .gone = smtpd_gone };

/* What the delivery of the next message causes. */
static struct {
	const char *to, *answer;
	bool always; /* and of all that follow */
	bool anyway; /* also if it may not */
} causes;

static void
add_actions(struct msg_delivered *d, struct buf *list)
{
	if ((causes.to == NULL && causes.answer == NULL) ||
	    (!last.may_act && !causes.anyway))
		return;
	if (causes.to != NULL)
		msg_actions_forward(&d->actions, list, span_of(causes.to));
	d->actions.forward = buf_span(list);
	if (causes.answer != NULL)
		d->actions.answer = span_of(causes.answer);
	if (!causes.always)
		causes.to = causes.answer = NULL;
}

static void
deliver_answer(struct ipc *ipc, uint32_t id)
{
	struct msg_delivered d = { .result = DELIVER_OK,
		.status = span_of("2.0.0 ok") };
	struct buf b, list;

	buf_init(&list, 4096);
	if (local_says == SAY_OK)
		add_actions(&d, &list);

	if (local_says == SAY_TEMP)
		d = (struct msg_delivered){ .result = DELIVER_TEMP,
			.status = span_of("4.2.2 full") };
	buf_init(&b, 8192);
	msg_delivered_put(&b, &d);
	ipc_reply(ipc, id, MSG_DELIVERED, &b, -1);
	buf_clear(&list);
	buf_reset(&b);
	wire_put_u32(&b, 1);
	ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
	buf_clear(&b);
}

static int
local_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	if (m->type != MSG_DELIVER || msg_deliver_get(m->payload, &last) == -1)
		return -1;
	ndelivered++;
	if (last.body_bytes > sizeof(last_body))
		return -1;
	if (last.body_file)
		io_pread_all(m->fd, last_body, last.body_bytes, 0);
	else
		memcpy(last_body, last.body.data, last.body.len);
	span_copy(last.recipient, last_rcpt, sizeof(last_rcpt));
	span_copy(last.reverse_path, last_from, sizeof(last_from));
	memcpy(last_prefix, last.prefix.data, last.prefix.len);
	last_prefix[last.prefix.len] = '\0';
	if (local_says != SAY_NOTHING)
		deliver_answer(ipc, m->id);
	return 0;
}

static void
local_up(struct ipc *ipc, void *arg)
{
	struct buf b;

	(void)arg;
	buf_init(&b, 16);
	wire_put_u32(&b, 64);
	ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
	buf_clear(&b);
}

static const struct ipc_ops local_ops = { .msg = local_msg, .up = local_up };

static void
put_grant(struct buf *b, struct span rcpt, uint32_t mailbox)
{
	struct grant g = { .n = 1 };

	g.targets[0] = (struct target){ TARGET_MAILBOX, mailbox, rcpt };
	grant_put(b, key, rcpt, &g);
}

/* As many as a recipient may have, with long names. */
static void
put_list_grant(struct buf *b, struct span rcpt)
{
	static char names[TARGETS_MAX][48];
	static struct grant g = { .n = TARGETS_MAX };

	for (uint32_t i = 0; i < g.n; i++) {
		snprintf(names[i], sizeof(names[i]),
		    "a.member.of.the.list.%05u@x.test", i);
		g.targets[i] = (struct target){ TARGET_MAILBOX, 1000 + i,
			span_of(names[i]) };
	}
	grant_put(b, key, rcpt, &g);
}

/* far@... is elsewhere, list... a long list, all others are mailbox 9. */
static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct span address;
	struct buf b, grant;
	struct wire w;

	(void)arg;
	wire_init(&w, m->payload);
	address = wire_text(&w, PATH_MAX_BYTES);
	nasked++;
	buf_init(&b, GRANT_MAX + 1024);
	buf_init(&grant, GRANT_MAX);
	if (address.len > 4 && memcmp(address.data, "far@", 4) == 0) {
		wire_put_u8(&b, RCPT_NOT_OURS);
	} else if (address.len > 4 && memcmp(address.data, "list", 4) == 0) {
		wire_put_u8(&b, RCPT_OK);
		put_list_grant(&grant, address);
	} else {
		wire_put_u8(&b, RCPT_OK);
		put_grant(&grant, address, 9);
	}
	wire_put_bytes(&b, buf_span(&grant));
	ipc_reply(ipc, m->id, MSG_AUTH_RCPT_IS, &b, -1);
	buf_clear(&b);
	buf_clear(&grant);
	return 0;
}

static const struct ipc_ops authd_ops = { .msg = authd_msg };

/* ---- semaild's work
 * ----------------------------------------------------------- */

static int
unix_listen(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.60s/%.30s", dir, name);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1) {
		printf("Bail out! listen: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static int
handover(void)
{
	static const char *const same[] = { "hostname", "mail.test",
		"message-size-limit", "5000000", "queue-segment-size",
		"2097152", "queue-retry-max", "400", "queue-min-free", "0" };
	struct handover *ho = ho_new();
	struct buf b;
	int fd;

	ho->role = ROLE_QUEUED;
	ho->instances = 1;
	ho->uid = geteuid();
	ho->gid = getegid();
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		ho->role_uid[i] = geteuid();
	snprintf(ho->dir, sizeof(ho->dir), "%.60s", dir);
	ho_add_fd(ho, HO_EDGE, "smtpd", 5);
	ho_add_fd(ho, HO_EDGE, "local", 6);
	ho_add_fd(ho, HO_EDGE, "cli", 7);
	ho_add_fd(ho, HO_DIR, "queue", 8);
	for (size_t i = 0; i < nitems(same); i += 2)
		ho_set(ho, same[i], span_of(same[i + 1]));
	ho_set(ho, "queue-retry-min", span_of(retry_min));
	ho_set(ho, "queue-log-size", span_of(log_size));
	ho_set(ho, "grant-key", span_from(key, sizeof(key)));
	buf_init(&b, HO_MAX);
	ho_put(&b, ho);
	fd = io_sealed_memfd("handover", buf_span(&b));
	buf_clear(&b);
	ho_free(&ho);
	return fd;
}

static bool
ready(void)
{
	return is_ready;
}

static void
start(void)
{
	char queue[4200];
	int sv[2], ho = handover();

	snprintf(queue, sizeof(queue), "%s/queue", dir);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		exit(1);
	is_ready = false;
	if ((pid = fork()) == 0) {
		/* Out of the way first: 3 to 8 may be in use. */
		int from[6] = { sv[1], ho, listen_fd[0], listen_fd[1],
			listen_fd[2], open(queue, O_RDONLY | O_DIRECTORY) };

		for (int i = 0; i < 6; i++)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 100);
		for (int i = 0; i < 6; i++)
			dup2(from[i], 3 + i);
		execl(daemon_path, "semail-queued", (char *)NULL);
		_exit(127);
	}
	close(sv[1]);
	close(ho);
	control = ipc_attach(
	    base, sv[0], ROLE_MASTER, ROLE_QUEUED, &control_ops, NULL);
	if (!wait_until(ready)) {
		printf("Bail out! queued did not start\n");
		exit(1);
	}
}

static int
stop(int sig)
{
	int status = -1;

	kill(pid, sig);
	waitpid(pid, &status, 0);
	pid = 0;
	return status;
}

static int
on_stats(struct ipc_msg *m, void *arg)
{
	struct wire w;
	uint32_t n;

	(void)arg;
	if (m == NULL)
		return 0;
	wire_init(&w, m->payload);
	for (n = wire_u32(&w); n > 0; n--) {
		struct span name = wire_text(&w, 100);
		uint64_t v = wire_u64(&w);

		if (span_is(name, "syncs"))
			stat_syncs = v + 1;
	}
	return 0;
}

static bool
have_stats(void)
{
	return stat_syncs != 0;
}

static uint64_t
syncs(void)
{
	stat_syncs = 0;
	ipc_request(control, MSG_CTL_STATS, NULL, -1, 5000, on_stats, NULL);
	wait_until(have_stats);
	return stat_syncs - 1;
}

/* ---- smtpd's work
 * ---------------------------------------------------------------- */

static int
on_accepted(struct ipc_msg *m, void *arg)
{
	struct wire w;

	(void)arg;
	if (m == NULL || m->type != MSG_QUEUE_ACCEPTED) {
		nrefused++;
		return 0;
	}
	wire_init(&w, m->payload);
	last_id = wire_u64(&w);
	naccepted++;
	return wire_done(&w);
}

/* mailbox 0: without a grant. */
static void
submit(const char *to, uint32_t mailbox, const char *to2, uint32_t mailbox2,
    const char *body, uint64_t token, uint64_t bytes)
{
	struct msg_submit in = { .reverse_path = span_of("a@x.test"),
		.client = span_of("127.0.0.1"),
		.auth = span_of(""),
		.nrcpts = 1,
		.body_token = token,
		.body_bytes = bytes };
	struct msg_rcpt r = { span_of(to), span_of("") };
	struct buf b, rcpts, grant;

	buf_init(&b, IPC_MAX);
	buf_init(&rcpts, 10000);
	buf_init(&grant, 10000);
	if (mailbox != 0)
		put_grant(&grant, r.address, mailbox);
	r.grant = buf_span(&grant);
	msg_rcpt_put(&rcpts, &r);
	if (to2 != NULL) {
		buf_reset(&grant);
		put_grant(&grant, span_of(to2), mailbox2);
		r = (struct msg_rcpt){ span_of(to2), buf_span(&grant) };
		msg_rcpt_put(&rcpts, &r);
		in.nrcpts = 2;
	}
	in.rcpts = buf_span(&rcpts);
	in.body = span_from(body, token == 0 ? bytes : 0);
	msg_submit_put(&b, &in);
	ipc_request(smtpd, MSG_QUEUE_SUBMIT, &b, -1, 10000, on_accepted, NULL);
	buf_clear(&b);
	buf_clear(&rcpts);
	buf_clear(&grant);
}

static unsigned want_accepted, want_delivered;

/* list0@x.test, list1@x.test ..., of which authd has said nothing. */
static void
submit_lists(unsigned n)
{
	struct msg_submit in = { .reverse_path = span_of("a@x.test"),
		.client = span_of("127.0.0.1"),
		.auth = span_of(""),
		.nrcpts = n,
		.body_bytes = 4,
		.body = span_of("hi\r\n") };
	struct buf b, rcpts;
	char name[32];

	buf_init(&b, IPC_MAX);
	buf_init(&rcpts, IPC_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct msg_rcpt r;

		snprintf(name, sizeof(name), "list%u@x.test", i);
		r = (struct msg_rcpt){ span_of(name), span_of("") };
		msg_rcpt_put(&rcpts, &r);
	}
	in.rcpts = buf_span(&rcpts);
	msg_submit_put(&b, &in);
	ipc_request(smtpd, MSG_QUEUE_SUBMIT, &b, -1, 10000, on_accepted, NULL);
	buf_clear(&b);
	buf_clear(&rcpts);
}

static bool
all_there(void)
{
	return naccepted == want_accepted && ndelivered == want_delivered;
}

static bool
edges_up(void)
{
	return ipc_is_up(smtpd) && ipc_is_up(local);
}

static void
simple(void)
{
	submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
	want_accepted = want_delivered = 1;
	ok(wait_until(all_there), "a message is accepted and handed out");
	is_int((int64_t)last.queue_id, (int64_t)last_id, "under its id");
	is_int(last.mailbox, 4, "for its mailbox");
	is_int(last.again, 0, "for the first time");
	is_str(last_rcpt, "b@x.test", "with its recipient");
	ok(memcmp(last_body, "hello\r\n", 7) == 0, "and its body");

	submit("b@x.test", 4, "also-b@x.test", 4, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered++;
	ok(wait_until(all_there), "two addresses of one mailbox");
	syncs(); /* a turn of the daemon */
	is_int(ndelivered, want_delivered, "are one delivery");

	submit("c@x.test", 0, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered++;
	ok(wait_until(all_there), "without a grant");
	is_int(nasked, 1, "authd is asked");
	is_int(last.mailbox, 9, "and believed");
}

static void
group(void)
{
	uint64_t before = syncs();

	for (int i = 0; i < 50; i++)
		submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
	want_accepted += 50;
	want_delivered += 50;
	ok(wait_until(all_there), "fifty at once");
	ok(syncs() - before < 20, "share their syncs");
}

static bool
is_listed(const char *reason)
{
	struct msg_queue_row row;
	struct buf b, answer;
	struct wire w;
	char path[4200];
	bool found = false;

	snprintf(path, sizeof(path), "%s/cli", dir);
	buf_init(&b, 64);
	buf_init(&answer, IPC_MAX);
	wire_put_u64(&b, 0);
	wire_put_u32(&b, 100);
	if (ipc_call(path, ROLE_QUEUED, MSG_QUEUE_LIST, &b, 5000, &answer,
		NULL) == MSG_QUEUE_LIST_IS) {
		wire_init(&w, buf_span(&answer));
		for (uint32_t n = wire_u32(&w); n > 0; n--) {
			msg_queue_row_get(&w, &row);
			found |= span_is(row.reason, reason) && row.deferred;
		}
		if (wire_done(&w) == -1)
			found = false;
	}
	buf_clear(&b);
	buf_clear(&answer);
	return found;
}

static bool
full_is_listed(void)
{
	return is_listed("4.2.2 full");
}

static bool
all_gone(void)
{
	return !is_listed("4.3.0 the mailbox asks for what it may not") &&
	       !is_listed("4.2.2 full");
}

static bool
remote_is_listed(void)
{
	return is_listed("4.4.0 remote delivery is not there yet");
}

static bool
tried_twice(void)
{
	return ndelivered >= want_delivered + 2;
}

static bool
delivered_again(void)
{
	return ndelivered > want_delivered && local_says == SAY_OK &&
	       last.again == 1;
}

static void
retry(void)
{
	unsigned before;

	local_says = SAY_TEMP;
	submit("b@x.test", 4, NULL, 0, "later\r\n", 0, 7);
	want_accepted++;
	ok(wait_until(full_is_listed), "a failed one is deferred and listed");
	ok(wait_until(tried_twice), "and tried again");
	before = want_delivered = ndelivered;
	local_says = SAY_OK;
	ok(wait_until(delivered_again), "until it is delivered");
	ok(memcmp(last_body, "later\r\n", 7) == 0, "whole");
	syncs();
	is_int(ndelivered, before + 1, "once");
	ok(!full_is_listed(), "and gone from the list");
	want_delivered = ndelivered;

	submit("far@else.test", 0, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	ok(wait_until(remote_is_listed), "mail for elsewhere stays, with why");
}

static bool
too_many_is_listed(void)
{
	return is_listed("4.3.0 trouble with the recipient's targets");
}

/* What 60 lists of a thousand say is more than a batch of the log, and more
 * than one message may hold. */
static void
lists(void)
{
	submit_lists(60);
	want_accepted++;
	want_delivered += TARGETS_MAX;
	ok(wait_until(all_there), "each member of many lists has it once");
	ok(wait_until(too_many_is_listed), "what is too much waits, with why");
	syncs();
	is_int(ndelivered, want_delivered, "and nobody has it twice");
	submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered++;
	ok(wait_until(all_there), "others are delivered as before");
}

static void
killed(void)
{
	local_says = SAY_NOTHING;
	submit("b@x.test", 4, NULL, 0, "kill me\r\n", 0, 9);
	want_accepted++;
	want_delivered++;
	ok(wait_until(all_there), "handed out, not answered");
	stop(SIGKILL);
	local_says = SAY_OK;
	start();
	ok(wait_until(delivered_again), "after kill -9 it comes again");
	ok(memcmp(last_body, "kill me\r\n", 9) == 0, "whole");
	ok(remote_is_listed(), "the deferred one is there");
	want_delivered = ndelivered;
	wait_until(edges_up);
}

/* ---- large bodies
 * ------------------------------------------------------------------- */

static uint64_t body_token;
static int body_fd = -1;
static char large[1500000];

static int
on_opened(struct ipc_msg *m, void *arg)
{
	struct wire w;

	(void)arg;
	if (m == NULL || m->type != MSG_QUEUE_BODY_OPENED)
		return 0;
	wire_init(&w, m->payload);
	body_token = wire_u64(&w);
	body_fd = ipc_take_fd(m);
	return wire_done(&w);
}

static bool
opened(void)
{
	return body_fd != -1;
}

static bool
refused(void)
{
	return nrefused > 0;
}

static void
open_body(void)
{
	struct buf b;

	buf_init(&b, 16);
	wire_put_u64(&b, sizeof(large));
	ipc_request(smtpd, MSG_QUEUE_BODY_OPEN, &b, -1, 5000, on_opened, NULL);
	buf_clear(&b);
	ok(wait_until(opened), "a pipe for a large body");
	fcntl(body_fd, F_SETFL, 0); /* block: queued empties it */
}

static void
large_body(void)
{
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7 + i / 1000);
	open_body();
	is_int(io_write_all(body_fd, large, sizeof(large)), 0, "is filled");
	close(body_fd);
	body_fd = -1;
	submit("b@x.test", 4, NULL, 0, NULL, body_token, sizeof(large));
	want_accepted++;
	want_delivered++;
	ok(wait_until(all_there), "accepted and delivered");
	ok(last.body_file == 1 && last.body_bytes == sizeof(large) &&
		memcmp(last_body, large, sizeof(large)) == 0,
	    "as a descriptor with the whole body");

	open_body();
	is_int(io_write_all(body_fd, large, 1000), 0, "one is cut short");
	close(body_fd);
	body_fd = -1;
	nrefused = 0;
	submit("b@x.test", 4, NULL, 0, NULL, body_token, sizeof(large));
	ok(wait_until(refused), "and refused");
	open_body();
	close(body_fd);
	body_fd = -1;
}

static bool
smtpd_was_cut(void)
{
	return nsmtpd_gone > 0 && ipc_is_up(smtpd);
}

/* ---- what deliveries cause ------------------------------------------------ */

static unsigned
count_in(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static bool
is_refused_listed(void)
{
	return is_listed("4.3.0 the mailbox asks for what it may not");
}

static void
children(void)
{
	char want[QUEUE_ID_TEXT];
	uint64_t parent;

	causes.to = "c@x.test";
	submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered += 2;
	ok(wait_until(all_there), "a forwarded message is delivered on");
	is_str(last_rcpt, "c@x.test", "to the other address");
	is_int(last.mailbox, 9, "which authd knows");
	is_str(last_from, "a@x.test", "from the same sender");
	ok(last.queue_id > last_id, "under an id of its own");
	ok(memcmp(last_body, "hello\r\n", 7) == 0 && last.body_bytes == 7,
	    "with the same body");
	queue_id_text(last.queue_id, want);
	ok(strncmp(last_prefix, "Delivered-To: b@x.test\r\nReceived: by "
				"mail.test (SEMail forward) id ",
	       66) == 0 &&
		strstr(last_prefix, want) != NULL,
	    "after the lines that say so");

	causes.answer = "Subject: away\r\n\r\nlater\r\n";
	submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered += 2;
	ok(wait_until(all_there), "an answer is delivered");
	is_str(last_rcpt, "a@x.test", "to the sender");
	is_str(last_from, "", "from nobody");
	ok(last.body_bytes == 24 &&
		memcmp(last_body, "Subject: away\r\n\r\nlater\r\n", 24) == 0,
	    "as it was given");

	causes.to = "c@x.test";
	causes.answer = "Subject: away\r\n\r\nlater\r\n";
	local_says = SAY_TEMP;
	submit("b@x.test", 4, "d@x.test", 5, "hello\r\n", 0, 7);
	want_accepted++;
	ok(wait_until(full_is_listed), "one that has to wait first");
	want_delivered = ndelivered + 4;
	local_says = SAY_OK;
	ok(wait_until(all_there), "is then forwarded and answered, once");
	syncs();
	is_int(ndelivered, want_delivered, "and no more");
	ok(!full_is_listed(), "and gone");

	/* A large body: both have it, each in its own time. */
	open_body();
	io_write_all(body_fd, large, sizeof(large));
	close(body_fd);
	body_fd = -1;
	causes.to = "c@x.test";
	submit("b@x.test", 4, NULL, 0, NULL, body_token, sizeof(large));
	want_accepted++;
	want_delivered += 2;
	ok(wait_until(all_there), "a large one is forwarded");
	ok(last.body_file == 1 && last.body_bytes == sizeof(large) &&
		memcmp(last_body, large, sizeof(large)) == 0 &&
		last.queue_id > last_id,
	    "whole");

	causes.to = "c@x.test";
	causes.always = true;
	submit("b@x.test", 4, NULL, 0, "round and round\r\n", 0, 17);
	want_accepted++;
	want_delivered += 11;
	ok(wait_until(all_there), "a chain ends after ten");
	syncs();
	is_int(ndelivered, want_delivered, "it does");
	is_int(last.may_act, 0, "because the last may only be kept");
	is_int(count_in(last_prefix, "Delivered-To:"), 10,
	    "each has left its line");
	parent = last.queue_id;
	causes.anyway = true;
	submit("b@x.test", 4, NULL, 0, "round and round\r\n", 0, 17);
	want_accepted++;
	ok(wait_until(is_refused_listed), "a worker that insists is refused");
	causes.anyway = causes.always = false;
	causes.to = NULL;
	want_delivered = ndelivered + 1;
	ok(wait_until(all_there) && last.queue_id > parent,
	    "and gets it again, to keep it");
	ok(wait_until(all_gone), "nothing but what was there is left");
	want_delivered = ndelivered;
}

static void
nonsense(void)
{
	struct buf b;

	nsmtpd_gone = 0;
	buf_init(&b, 64);
	buf_puts(&b, "nonsense");
	ipc_request(smtpd, MSG_QUEUE_SUBMIT, &b, -1, 5000, on_accepted, NULL);
	buf_clear(&b);
	ok(wait_until(smtpd_was_cut), "nonsense costs the channel");
	submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
	want_accepted++;
	want_delivered++;
	ok(wait_until(all_there), "and not the daemon");
}

/* Nobody fetches: the log is emptied into files, all comes in the end. */
static void
relief(void)
{
	char body[4000];
	int status;

	memset(body, 'x', sizeof(body));
	ipc_close(local);
	for (int i = 0; i < 3000; i++) {
		submit("b@x.test", 4, NULL, 0, body, 0, sizeof(body));
		want_accepted++;
		while (naccepted + 200 < want_accepted && nrefused == 0)
			event_base_loop(base, EVLOOP_ONCE);
		ipc_close(local);
	}
	want_delivered += 3000;
	nrefused = 0;
	ok(wait_until(all_there),
	    "12 MB for a log of 8 while local is away, and then delivered");
	is_int(nrefused, 0, "none refused");
	status = stop(SIGTERM);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a clean stop");
}

int
main(int argc, char *argv[])
{
	char path[4200];
	char *slash;

	(void)argc;
	snprintf(daemon_path, sizeof(daemon_path), "%s", argv[0]);
	slash = strrchr(daemon_path, '/');
	snprintf(slash == NULL ? daemon_path : slash + 1, 32, "semail-queued");
	signal(SIGPIPE, SIG_IGN);
	/* The daemon is not dumpable, which the leak checker cannot bear. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	secret_init();
	snprintf(dir, sizeof(dir), "%s", tmpdir_make());
	snprintf(path, sizeof(path), "%s/queue", dir);
	mkdir(path, 0700);
	base = event_base_new();
	listen_fd[0] = unix_listen("smtpd");
	listen_fd[1] = unix_listen("local");
	listen_fd[2] = unix_listen("cli");
	ipc_listen(base, unix_listen("authd"), ROLE_AUTHD, ROLE_QUEUED,
	    geteuid(), false, &authd_ops, NULL);
	snprintf(path, sizeof(path), "%s/smtpd", dir);
	smtpd =
	    ipc_connect(base, path, ROLE_SMTPD, ROLE_QUEUED, &smtpd_ops, NULL);
	snprintf(path, sizeof(path), "%s/local", dir);
	local =
	    ipc_connect(base, path, ROLE_LOCAL, ROLE_QUEUED, &local_ops, NULL);
	start();
	wait_until(edges_up);
	simple();
	group();
	retry();
	killed();
	large_body();
	children();
	lists();
	nonsense();
	relief();
	tmpdir_remove();
	return done_testing();
}
