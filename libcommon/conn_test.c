/* Plain connections over socketpairs and loopback. */
#include "config.h"
#include "libcommon/conn_test.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* A few turns, for what must not happen. */
static void
run_some(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static bool
is_ended(void *arg)
{
	return ((struct owner *)arg)->ended > 0;
}

static void
say(int fd, const char *s)
{
	if (send(fd, s, strlen(s), MSG_NOSIGNAL) != (ssize_t)strlen(s))
		printf("# send: %s\n", strerror(errno));
}

struct reader {
	int fd;
	char text[256];
	size_t len, want;
	bool eof;
};

static bool
has_read(void *arg)
{
	struct reader *r = arg;
	ssize_t n = recv(r->fd, r->text + r->len, sizeof(r->text) - 1 - r->len,
	    MSG_DONTWAIT);

	if (n > 0)
		r->len += (size_t)n;
	r->eof = n == 0;
	r->text[r->len] = '\0';
	return r->len >= r->want || r->eof;
}

/* ---- tests ----------------------------------------------------------- */

static void
test_bytes(void)
{
	struct reader r = { .want = 12 };
	struct owner o;

	owner_init(&o);
	o.by_line = o.echo = true;
	r.fd = owner_connect(&o, 512);
	for (const char *p = "one\r\ntwo\r\nx\n"; *p != '\0'; p++) {
		send(r.fd, p, 1, 0);
		run_some();
	}
	ok(got_text(&o, "one\r\ntwo\r\nx\n"), "a byte at a time");
	run_until(has_read, &r);
	is_str(r.text, "one\r\ntwo\r\nx\n", "and its echo");
	is_str(conn_peer(o.conn), "local", "a socketpair's peer");
	ok(conn_peer_is_loopback(o.conn), "which is no stranger");
	close(r.fd);
	ok(run_until(is_ended, &o) && o.why == CONN_EOF, "then the end");
	is_int(o.ended, 1, "told once");
	owner_clear(&o);
}

static void
test_rest(void)
{
	struct owner o;
	char line[600];
	int fd;

	owner_init(&o);
	o.by_line = true;
	fd = owner_connect(&o, 512);
	memset(line, 'a', sizeof(line));
	memcpy(line + 400, "\r\n", 2);
	line[402] = '\0';
	say(fd, "half");
	run_some();
	is_int((int64_t)o.got.len, 0, "half a line is not used");
	say(fd, line);
	run_some();
	is_int((int64_t)o.got.len, 406, "kept and offered with what follows");
	/* in_max bytes and no line end: the owner should have done something */
	memset(line, 'b', sizeof(line));
	line[599] = '\0';
	say(fd, line);
	ok(run_until(is_ended, &o) && o.why == CONN_ERROR,
	    "a full buffer of which nothing is used ends it");
	close(fd);
	owner_clear(&o);
}

static void
test_pause(void)
{
	struct owner o;
	int fd;

	owner_init(&o);
	o.by_line = o.pause_after_line = true;
	fd = owner_connect(&o, 64);
	say(fd, "a\nb\nc\n");
	ok(got_text(&o, "a\n"), "one line, then paused");
	say(fd, "d\n");
	run_some();
	is_int(o.inputs, 1, "left alone");
	conn_resume(o.conn);
	is_int(o.inputs, 1, "resumed in a later turn");
	ok(got_text(&o, "a\nb\n"), "kept input again");
	conn_resume(o.conn);
	conn_pause(o.conn);
	run_some();
	is_int((int64_t)o.got.len, 4, "resumed and paused is paused");
	conn_resume(o.conn);
	ok(got_text(&o, "a\nb\nc\n"), "the last that was kept");
	conn_resume(o.conn);
	ok(got_text(&o, "a\nb\nc\nd\n"), "and what came meanwhile");
	owner_clear(&o);
	close(fd);

	/* An owner whose answer is there at once. */
	owner_init(&o);
	o.by_line = o.pause_after_line = o.resume_at_once = true;
	fd = owner_connect(&o, 6);
	say(fd, "a\nb\nc\n");
	ok(got_text(&o, "a\nb\nc\n"), "paused and resumed inside input");
	shutdown(fd, SHUT_WR);
	ok(run_until(is_ended, &o), "and then the end is seen");
	owner_clear(&o);
	close(fd);
}

static size_t
drain(int fd, unsigned char *sum)
{
	static unsigned char b[65536];
	size_t all = 0;
	ssize_t n;

	while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			*sum = (unsigned char)(*sum * 31 + b[i]);
		all += (size_t)n;
	}
	return all;
}

/* A client that talks and does not listen is not read from for ever. */
static void
test_back_pressure(void)
{
	unsigned char chunk[4096], want = 0, sum = 0;
	size_t sent = 0, got = 0, sent_total;
	unsigned quiet = 0;
	struct owner o;
	ssize_t n;
	int fd;

	owner_init(&o);
	o.echo = true;
	fd = owner_connect(&o, 64 * 1024);
	while (quiet < 50) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = (unsigned char)(sent + i * 7);
		n = send(fd, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			for (ssize_t i = 0; i < n; i++)
				want = (unsigned char)(want * 31 + chunk[i]);
			sent += (size_t)n;
			quiet = 0;
		} else {
			quiet++;
		}
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (sent > 8 << 20)
			break;
	}
	ok(sent < 8 << 20, "a peer that does not read is stopped (%zu)", sent);
	ok(conn_unsent(o.conn) > CONN_OUT_HIGH &&
	        conn_unsent(o.conn) <= CONN_OUT_HIGH + 64 * 1024,
	    "with a bounded debt (%zu)", conn_unsent(o.conn));
	sent_total = sent;
	for (unsigned i = 0; i < 100000 && got < sent_total; i++) {
		got += drain(fd, &sum);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	is_int((int64_t)got, (int64_t)sent_total, "all of it comes back");
	is_int(sum, want, "in order");
	ok(o.drained > 0 && conn_unsent(o.conn) == 0, "drained");
	close(fd);
	owner_clear(&o);
}

static void
test_timeouts(void)
{
	unsigned char big[4096] = { 0 };
	uint64_t start;
	struct owner o;
	int fd;

	owner_init(&o);
	fd = owner_connect(&o, 64);
	conn_timeout(o.conn, 500);
	start = io_now_ms();
	for (int i = 0; i < 4; i++) { /* each byte counts anew */
		uint64_t t = io_now_ms();

		send(fd, "x", 1, 0);
		while (io_now_ms() < t + 150)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	is_int(o.ended, 0, "a slow client lives");
	ok(run_until(is_ended, &o) && o.why == CONN_TIMEOUT,
	    "a silent one not");
	ok(io_now_ms() - start >= 700, "not too soon");
	close(fd);
	owner_clear(&o);

	/* One that takes nothing. */
	owner_init(&o);
	fd = owner_connect(&o, 64);
	conn_timeout(o.conn, 60);
	while (o.conn != NULL && conn_unsent(o.conn) < 500000) {
		conn_put(o.conn, big, sizeof(big));
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	start = io_now_ms();
	while (!o.ended && io_now_ms() < start + 3000) {
		send(fd, "x", 1, MSG_DONTWAIT);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ok(o.ended && o.why == CONN_TIMEOUT, "nor one that takes no answer");
	close(fd);
	owner_clear(&o);

	/* Paused: it is we who are slow. */
	owner_init(&o);
	fd = owner_connect(&o, 64);
	conn_timeout(o.conn, 20);
	conn_pause(o.conn);
	start = io_now_ms();
	while (io_now_ms() < start + 60)
		event_base_loop(base, EVLOOP_NONBLOCK);
	is_int(o.ended, 0, "while paused time stands still");
	conn_resume(o.conn);
	ok(run_until(is_ended, &o) && o.why == CONN_TIMEOUT,
	    "and goes on then");
	conn_timeout(o.conn, 0);
	owner_clear(&o);
	close(fd);

	owner_init(&o);
	fd = owner_connect(&o, 64);
	conn_timeout(o.conn, 20);
	conn_timeout(o.conn, 0);
	start = io_now_ms();
	while (io_now_ms() < start + 60)
		event_base_loop(base, EVLOOP_NONBLOCK);
	is_int(o.ended, 0, "0 is never");
	owner_clear(&o);
	close(fd);
}

static void
test_too_much(void)
{
	unsigned char big[65536] = { 0 };
	struct owner o;
	int fd;

	owner_init(&o);
	fd = owner_connect(&o, 64);
	for (int i = 0; i < 40; i++)
		conn_put(o.conn, big, sizeof(big));
	ok(run_until(is_ended, &o) && o.why == CONN_ERROR,
	    "more than CONN_OUT_MAX unsent ends it");
	conn_puts(o.conn, "more");
	run_some();
	is_int(o.ended, 1, "once");
	close(fd);
	owner_clear(&o);
}

/* QUIT and half a close in one piece: the answers still arrive. */
static void
test_half_close(void)
{
	struct reader r = { .want = 200 };
	struct owner o;

	owner_init(&o);
	o.by_line = o.echo = true;
	r.fd = owner_connect(&o, 512);
	say(r.fd, "hello\r\n");
	shutdown(r.fd, SHUT_WR);
	ok(run_until(is_ended, &o) && o.why == CONN_EOF,
	    "half a close is seen");
	conn_puts(o.conn, "late\r\n");
	conn_finish(&o.conn);
	ok(o.conn == NULL, "finish takes the pointer");
	run_until(has_read, &r);
	is_str(r.text, "hello\r\nlate\r\n", "what was put before and after it");
	ok(r.eof, "then closed");
	close(r.fd);
	owner_clear(&o);

	/* The far end is gone altogether: no signal, no endless wait. */
	owner_init(&o);
	r.fd = owner_connect(&o, 512);
	close(r.fd);
	ok(run_until(is_ended, &o), "closed");
	conn_puts(o.conn, "into the void");
	run_some();
	is_int((int64_t)conn_unsent(o.conn), 0, "output is dropped");
	ok(o.drained > 0, "and the owner goes on");
	is_int(o.ended, 1, "told once");
	owner_clear(&o);
}

static void
test_finish(void)
{
	struct reader r = { .want = 200 };
	struct owner o;

	owner_init(&o);
	o.by_line = o.finish_on_quit = true;
	r.fd = owner_connect(&o, 512);
	say(r.fd, "QUIT\r\nNOOP\r\n");
	run_until(has_read, &r);
	is_str(r.text, "bye\r\n", "last words");
	ok(r.eof, "and the close");
	is_str((const char *)(buf_putc(&o.got, 0), o.got.data), "QUIT\r\n",
	    "nothing after QUIT is offered");
	is_int(o.ended, 0, "finish() is the end for the owner");
	say(r.fd, "still here");
	run_some();
	close(r.fd);
	run_some();
	owner_clear(&o);

	owner_init(&o);
	o.free_on_input = true;
	r.fd = owner_connect(&o, 512);
	say(r.fd, "x");
	run_some();
	is_int(o.inputs, 1, "freed inside its own input");
	close(r.fd);
	owner_clear(&o);
}

static bool
listened(void *arg)
{
	(void)arg;
	return true;
}

static void
test_peer(int family, const char *bind_to, const char *want)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 }, got;
	socklen_t len = sizeof(got);
	int l = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), c, s, zero = 0;
	struct sockaddr *sa = (void *)&in6;
	socklen_t salen = sizeof(in6);
	struct owner o;

	(void)bind_to;
	if (l == -1) {
		ok(true, "# SKIP no family for %s", want);
		return;
	}
	setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(l, sa, salen) == -1 || listen(l, 1) == -1 ||
	    getsockname(l, (struct sockaddr *)&got, &len) == -1) {
		ok(true, "# SKIP cannot listen for %s", want);
		close(l);
		return;
	}
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in4.sin_port = got.sin6_port;
	got.sin6_addr = in6addr_loopback;
	c = socket(strchr(want, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	if (strchr(want, ':') ? connect(c, (void *)&got, sizeof(got))
	                      : connect(c, (void *)&in4, sizeof(in4))) {
		ok(true, "# SKIP cannot connect to %s", want);
		close(l);
		close(c);
		return;
	}
	s = accept(l, NULL, NULL);
	owner_init(&o);
	o.conn = conn_new(base, s, 64, &owner_ops, &o);
	is_str(conn_peer(o.conn), want, "peer %s", want);
	ok(conn_peer_is_loopback(o.conn), "is on this host");
	ok(conn_peer_port(o.conn) != 0, "has a port");
	is_int(conn_peer_sa(o.conn)->sa_family,
	    strchr(want, ':') ? AF_INET6 : AF_INET, "is no mapped one");
	run_until(listened, NULL);
	owner_clear(&o);
	close(c);
	close(l);
}

int
main(void)
{
	log_init("conn_test");
	signal(SIGPIPE, SIG_DFL); /* conn must not rely on it */
	base = event_base_new();
	test_bytes();
	test_rest();
	test_pause();
	test_back_pressure();
	test_timeouts();
	test_too_much();
	test_half_close();
	test_finish();
	test_peer(AF_INET6, "::", "127.0.0.1");
	test_peer(AF_INET6, "::", "::1");
	event_base_free(base);
	return done_testing();
}
