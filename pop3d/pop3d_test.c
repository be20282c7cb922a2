/*
 * The real semail-pop3d, with this test in the place of semaild, authd, spawnd
 * and the worker, so that each can be made slow, wrong or dead.
 */
#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/msg_box.h"
#include "daemon.h"
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static in_port_t front_port;
static char log_path[128];

/* How the peers behave, and what they saw. */
static enum {
	GOOD,
	DENY,
	TEMP,
	BUSY,
	MALFORMED,
	HANG_UP,
	LATE
} authd_does,
    spawnd_does;
static uint64_t late_channel;
static uint32_t late_id;
static char seen[256];
static unsigned char ticket[TICKET_BYTES];
static int worker = -1;

#define run_until(cond, arg) daemon_until(cond, arg, 10000)

/* ---- the peers ----------------------------------------------------------- */

static int
behave(struct ipc *ipc, struct ipc_msg *m, int how)
{
	switch (how) {
	case LATE:
		late_channel = ipc_token(ipc);
		late_id = m->id;
		return 0;
	case DENY:
		ipc_fail(ipc, m->id, FAIL_DENIED, "no");
		return 0;
	case BUSY:
		ipc_fail(ipc, m->id, FAIL_BUSY, "busy");
		return 0;
	case HANG_UP:
		return ipc_refuse(ipc, m, "told to");
	default:
		ipc_fail(ipc, m->id, FAIL_TEMP, "not now");
		return 0;
	}
}

static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct msg_login l;
	struct buf b;

	(void)arg;
	if (m->type != MSG_AUTH_LOGIN || msg_login_get(m->payload, &l) == -1)
		return ipc_refuse(ipc, m, "form");
	snprintf(seen, sizeof(seen), "%.*s %.*s %u %.*s", (int)l.login.len,
	    l.login.data, (int)l.password.len, l.password.data, l.service,
	    (int)l.remote.len, l.remote.data);
	if (authd_does != GOOD && authd_does != MALFORMED)
		return behave(ipc, m, (int)authd_does);
	buf_init(&b, 1024);
	wire_put_u32(&b, 7);
	wire_put_str(&b, "a@mail.test");
	for (size_t i = 0; i < sizeof(ticket); i++)
		ticket[i]++;
	buf_put(&b, ticket, sizeof(ticket));
	if (authd_does == MALFORMED)
		buf_putc(&b, 'x');
	ipc_reply(ipc, m->id, MSG_AUTH_LOGIN_IS, &b, -1);
	buf_clear(&b);
	return 0;
}

static int
spawnd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct msg_spawn_attach a;

	(void)arg;
	if (m->type != MSG_SPAWN_ATTACH ||
	    msg_spawn_attach_get(m->payload, &a) == -1)
		return ipc_refuse(ipc, m, "form");
	if (memcmp(a.ticket, ticket, sizeof(ticket)) != 0 ||
	    a.service != SERVICE_POP3 || !span_is(a.remote, "127.0.0.1"))
		return ipc_refuse(ipc, m, "not what authd said");
	if (spawnd_does != GOOD && spawnd_does != MALFORMED)
		return behave(ipc, m, (int)spawnd_does);
	if (worker != -1)
		close(worker);
	worker = ipc_take_fd(m);
	ipc_reply(ipc, m->id, MSG_SPAWN_OK, NULL, -1);
	return 0;
}

static const struct ipc_ops authd_ops = { .msg = authd_msg };
static const struct ipc_ops spawnd_ops = { .msg = spawnd_msg };

static int
listener(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&in, len) == -1 || listen(fd, 64) == -1 ||
	    getsockname(fd, (void *)&in, &len) == -1)
		fatal("listen");
	front_port = in.sin_port;
	return fd;
}

static void
front_start(const char *plaintext, const char *sessions, const char *from_one,
    const char *timeout_ms)
{
	struct handover *ho = daemon_handover();
	int fd = listener();

	daemon_give(ho, HO_LISTENER, "pop3", fd);
	ho_set(ho, "hostname", span_of("mail.test"));
	ho_set(ho, "plaintext-login", span_of(plaintext));
	ho_set(ho, "pop3-session-limit", span_of(sessions));
	ho_set(ho, "pop3-address-session-limit", span_of(from_one));
	ho_set(ho, "pop3-timeout", span_of(timeout_ms));
	daemon_start(&ho);
	close(fd);
	if (!daemon_wait(daemon_is_ready))
		fatalx("semail-pop3d does not come up");
}

static void
front_stop(void)
{
	ipc_note(daemon_control, MSG_CTL_STOP, NULL, -1);
	ok(daemon_wait(daemon_is_gone), "it stops");
	is_int(daemon_join(), 0, "with status 0");
}

/* ---- clients ----------------------------------------------------------------
 */

struct client {
	int fd;
	char text[1024]; /* everything said to it since the last expect() */
	size_t len;
	bool eof;
	const char *want;
};

static bool
client_step(void *arg)
{
	struct client *c = arg;
	ssize_t n = recv(c->fd, c->text + c->len, sizeof(c->text) - 1 - c->len,
	    MSG_DONTWAIT);

	if (n > 0)
		c->len += (size_t)n;
	if (n == 0 || (n == -1 && errno != EAGAIN))
		c->eof = true;
	c->text[c->len] = '\0';
	return c->eof || (c->want != NULL && strstr(c->text, c->want) != NULL);
}

/* Wait for a reply that holds want; forget what came up to its end. */
static bool
expect(struct client *c, const char *want)
{
	const char *at;

	c->want = want;
	run_until(client_step, c);
	if ((at = strstr(c->text, want)) == NULL) {
		printf("#  got %s\n# want %s\n", log_quote_str(c->text), want);
		return false;
	}
	at += strlen(want);
	c->len -= (size_t)(at - c->text);
	memmove(c->text, at, c->len + 1);
	return true;
}

static bool
expect_eof(struct client *c)
{
	c->want = NULL;
	run_until(client_step, c);
	return c->eof;
}

static void
client_connect(struct client *c)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = front_port };

	memset(c, 0, sizeof(*c));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c->fd, (void *)&in, sizeof(in)) == -1)
		fatal("connect");
}

static void
say(struct client *c, const char *s)
{
	if (send(c->fd, s, strlen(s), MSG_NOSIGNAL) == -1)
		printf("# send: %s\n", strerror(errno));
}

static void
worker_say(const char *s)
{
	if (send(worker, s, strlen(s), MSG_NOSIGNAL) == -1)
		printf("# worker: %s\n", strerror(errno));
}

static bool
has_worker(void *arg)
{
	(void)arg;
	return worker != -1;
}

static bool
has_worker_or_no(void *arg)
{
	return worker != -1 || client_step(arg);
}

/* A channel that was refused comes back by itself: until then, try again. */
static void
log_in(struct client *c)
{
	if (worker != -1)
		close(worker);
	worker = -1;
	for (int tries = 0; tries < 200 && worker == -1; tries++) {
		if (tries > 0)
			close(c->fd);
		client_connect(c);
		expect(c, "ready\r\n");
		say(c, "USER a@mail.test\r\nPASS geheim\r\n");
		expect(c, "+OK send PASS\r\n");
		c->want = "-ERR [SYS/TEMP]";
		run_until(has_worker_or_no, c);
	}
	if (worker == -1)
		fatalx("no worker was asked for");
	io_nonblock(worker);
	worker_say("+OK 0 messages\r\n");
	if (!expect(c, "+OK 0 messages\r\n"))
		fatalx("no login");
}

static bool
worker_reads(void *arg)
{
	struct client *w = arg;

	w->fd = worker;
	return client_step(w);
}

/* ---- tests
 * --------------------------------------------------------------------- */

static void
test_login(void)
{
	struct client c, w = { .fd = -1 };

	log_in(&c);
	is_str(seen, "a@mail.test geheim 2 127.0.0.1", "authd is asked");
	say(&c, "STAT\r\n");
	w.want = "STAT\r\n";
	ok(run_until(worker_reads, &w), "commands go to the worker");
	worker_say("+OK 0 0\r\n");
	ok(expect(&c, "+OK 0 0\r\n"), "answers to the client");
	close(worker);
	worker = -1;
	ok(expect_eof(&c), "the worker closes, so do we");
	close(c.fd);

	/* Pipelined behind PASS, and QUIT with half a close. */
	memset(&w, 0, sizeof(w));
	client_connect(&c);
	say(&c, "USER a@mail.test\r\nPASS geheim\r\nSTAT\r\nQUIT\r\n");
	shutdown(c.fd, SHUT_WR);
	run_until(has_worker, NULL);
	w.want = "nothing";
	run_until(worker_reads, &w);
	is_str(w.text, "STAT\r\nQUIT\r\n", "what is pipelined goes on");
	ok(w.eof, "and so does the end");
	worker_say("+OK 0 messages\r\n+OK 0 0\r\n+OK bye\r\n");
	close(worker);
	worker = -1;
	ok(expect(&c, "+OK 0 0\r\n+OK bye\r\n"), "all answers arrive");
	ok(expect_eof(&c), "then the end");
	close(c.fd);

	log_in(&c);
	close(c.fd);
	memset(&w, 0, sizeof(w));
	ok(run_until(worker_reads, &w),
	    "a client that goes is told the worker");
}

static bool
was_asked_late(void *arg)
{
	(void)arg;
	return late_id != 0;
}

static void
fails(const char *what, int authd, int spawnd, const char *want)
{
	struct client c;

	authd_does = authd;
	spawnd_does = spawnd;
	client_connect(&c);
	say(&c, "USER a@mail.test\r\nPASS geheim\r\n");
	expect(&c, "+OK send PASS\r\n");
	ok(expect(&c, want), "%s: %s", what, want);
	authd_does = spawnd_does = GOOD;
	say(&c, "QUIT\r\n");
	ok(expect(&c, "+OK bye\r\n"), "and it goes on");
	close(c.fd);
}

static void
test_failures(void)
{
	struct client c, d;
	fails("authd has trouble", TEMP, GOOD, "-ERR [SYS/TEMP]");
	fails("authd hangs up", HANG_UP, GOOD, "-ERR [SYS/TEMP]");
	log_in(&c); /* connects again by itself */
	close(c.fd);
	fails("authd talks nonsense", MALFORMED, GOOD, "-ERR [SYS/TEMP]");
	log_in(&c);
	close(c.fd);
	fails("spawnd has trouble", GOOD, TEMP, "-ERR [SYS/TEMP]");
	fails("spawnd is busy", GOOD, BUSY, "-ERR [IN-USE]");
	fails("spawnd hangs up", GOOD, HANG_UP, "-ERR [SYS/TEMP]");
	log_in(&c);
	close(c.fd);
	fails("the ticket is no good", GOOD, DENY, "-ERR [AUTH]");

	/* authd answers a wrong password late: others do not wait, what was
	 * pipelined behind it does. */
	authd_does = LATE;
	client_connect(&c);
	say(&c, "USER b\r\nPASS x\r\nQUIT\r\n");
	ok(run_until(was_asked_late, NULL), "authd is asked");
	authd_does = GOOD;
	log_in(&d);
	ok(true, "another logs in meanwhile");
	expect(&c, "+OK send PASS\r\n");
	is_int((int64_t)c.len, 0, "the first still waits");
	ipc_fail(ipc_by_token(late_channel), late_id, FAIL_DENIED, "no");
	ok(expect(&c, "-ERR [AUTH] wrong name or password\r\n+OK bye"),
	    "then it is denied, and goes on");
	close(c.fd);
	close(d.fd);

	/* The worker dies before its first word. */
	client_connect(&c);
	if (worker != -1)
		close(worker);
	worker = -1;
	say(&c, "USER a\r\nPASS x\r\n");
	run_until(has_worker, NULL);
	close(worker);
	worker = -1;
	ok(expect(&c, "-ERR [SYS/TEMP] your mailbox"), "a worker that dies");
	ok(expect_eof(&c), "ends the session");
	close(c.fd);
}

struct flow {
	int from, to;
	size_t total, sent, got;
	unsigned char sum_sent, sum_got;
	bool reading;
};

static bool
flow_once(struct flow *f)
{
	unsigned char chunk[30000];
	ssize_t n;

	if (f->sent < f->total) {
		size_t len = f->total - f->sent < sizeof(chunk)
		    ? f->total - f->sent
		    : sizeof(chunk);

		for (size_t i = 0; i < len; i++)
			chunk[i] = (unsigned char)((f->sent + i) * 13 >> 3);
		n = send(f->from, chunk, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		for (ssize_t i = 0; i < n; i++)
			f->sum_sent = (unsigned char)(f->sum_sent * 31 +
			    chunk[i]);
		f->sent += n > 0 ? (size_t)n : 0;
	}
	if (f->reading) {
		n = recv(f->to, chunk, sizeof(chunk), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++)
			f->sum_got = (unsigned char)(f->sum_got * 31 +
			    chunk[i]);
		f->got += n > 0 ? (size_t)n : 0;
	}
	return f->got == f->total;
}

static bool
flow_step(void *arg)
{
	for (int i = 0; i < 20; i++)
		if (flow_once(arg))
			return true;
	return false;
}

static void
test_flow(bool down)
{
	struct flow f = { .total = 30 << 20 };
	struct client c;

	log_in(&c);
	f.from = down ? worker : c.fd;
	f.to = down ? c.fd : worker;
	daemon_until(flow_step, &f, 500);
	ok(f.sent < 16 << 20, "%s: who does not read stops the other (%zu KiB)",
	    down ? "down" : "up", f.sent / 1024);
	f.reading = true;
	ok(daemon_until(flow_step, &f, 30000), "then all of it comes");
	is_int(f.sum_got, f.sum_sent, "in order");
	if (down) { /* the end waits for a slow reader */
		f.reading = false;
		f.total += 1 << 20;
		daemon_until(flow_step, &f, 100);
		close(worker);
		worker = -1;
		f.total = f.sent;
		daemon_until(flow_step, &f, 100);
		f.reading = true;
		ok(run_until(flow_step, &f), "the rest after the worker's end");
		ok(expect_eof(&c), "and the end");
	}
	close(c.fd);
}

static void
test_limits(void)
{
	struct client c[6], d;

	for (int i = 0; i < 3; i++) {
		client_connect(&c[i]);
		expect(&c[i], "+OK");
	}
	log_in(&c[3]);
	client_connect(&c[4]); /* the limit is 4: the oldest makes room */
	ok(expect(&c[4], "+OK"), "a new client is let in");
	ok(expect(&c[0], "-ERR [SYS/TEMP] too many"), "the oldest idler goes");
	say(&c[3], "NOOP\r\n");
	d = (struct client){ .fd = worker, .want = "NOOP" };
	ok(run_until(client_step, &d), "not one who is logged in");
	for (int i = 0; i < 5; i++)
		close(c[i].fd);
}

static void
test_strict(void)
{
	struct client c[3];
	uint64_t start;

	for (int i = 0; i < 2; i++) {
		client_connect(&c[i]);
		ok(expect(&c[i], "+OK mail.test"), "greeting");
	}
	client_connect(&c[2]);
	ok(expect(&c[2], "-ERR [SYS/TEMP] too many sessions from"),
	    "a third from one address");
	ok(expect_eof(&c[2]), "is sent away");
	close(c[2].fd);
	start = io_now_ms();
	seen[0] = '\0';
	say(&c[0], "USER a\r\nPASS geheim\r\n");
	ok(expect(&c[0],
	       "-ERR [AUTH] not without encryption\r\n"
	       "-ERR [AUTH] not without encryption\r\n"),
	    "no password in the clear");
	is_str(seen, "", "authd never heard of it");
	ok(expect_eof(&c[0]), "an idle client is sent away");
	ok(io_now_ms() - start >= 300, "in its time");
	for (int i = 0; i < 2; i++)
		close(c[i].fd);
}

static void
test_log(void)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	io_slurp_path(log_path, 1 << 20, &b);
	buf_putc(&b, '\0');
	ok(strstr((char *)b.data,
	       "login=\"a@mail.test\" method=PASS tls=no "
	       "result=ok") != NULL,
	    "logins are logged");
	ok(strstr((char *)b.data, "geheim") == NULL, "passwords are not");
	buf_clear(&b);
}

int
main(int argc, char *argv[])
{
	(void)argc;
	log_init("pop3d_test");
	daemon_init(argv[0], ROLE_POP3D);
	snprintf(log_path, sizeof(log_path), "%s/log", daemon_dir);
	daemon_log_fd = open(log_path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	daemon_serve(ROLE_AUTHD, &authd_ops);
	daemon_serve(ROLE_SPAWND, &spawnd_ops);

	front_start("loopback", "100", "100", "600000");
	test_login();
	test_failures();
	test_flow(true);
	test_flow(false);
	front_stop();
	test_log();
	front_start("yes", "4", "100", "600000");
	test_limits();
	front_stop();
	front_start("no", "100", "2", "400");
	test_strict();
	front_stop();
	daemon_end();
	return done_testing();
}
