/* The owner of a connection, for conn_test.c and conn_tls_test.c. */
#include "config.h"
#include "libcommon/conn_test.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <stdio.h>
#include <sys/socket.h>

struct event_base *base;

static size_t
on_line(struct owner *o, struct conn *c, struct span line)
{
	size_t n = line.len + 1;

	buf_put(&o->got, line.data, n);
	if (o->stls != NULL && span_is(line, "STLS\r")) {
		conn_puts(c, "+OK\r\n");
		conn_start_tls(c, o->stls);
	} else if (o->finish_on_quit && span_is(line, "QUIT\r")) {
		conn_puts(c, "bye\r\n");
		conn_finish(&o->conn);
	} else if (o->echo) {
		conn_put(c, line.data, n);
	}
	if (o->pause_after_line) {
		conn_pause(c);
		if (o->resume_at_once)
			conn_resume(c);
	}
	return n;
}

static size_t
on_input(struct conn *c, struct span s, void *arg)
{
	struct owner *o = arg;
	size_t used = 0;
	ptrdiff_t nl;

	o->inputs++;
	if (o->free_on_input) {
		conn_free(&o->conn);
		return s.len;
	}
	if (!o->by_line) {
		buf_put(&o->got, s.data, s.len);
		if (o->echo)
			conn_put(c, s.data, s.len);
		return s.len;
	}
	while ((nl = span_chr(span_sub(s, used, s.len), '\n')) != -1) {
		used += on_line(o, c, span_sub(s, used, (size_t)nl));
		if (o->pause_after_line || o->conn == NULL || o->stls != NULL)
			break;
	}
	o->left = s.len - used;
	return used;
}

static void
on_drained(struct conn *c, void *arg)
{
	(void)c;
	((struct owner *)arg)->drained++;
}

static void
on_secured(struct conn *c, void *arg)
{
	(void)c;
	((struct owner *)arg)->secured++;
}

static void
on_ended(struct conn *c, enum conn_end why, void *arg)
{
	struct owner *o = arg;

	(void)c;
	o->ended++;
	o->why = why;
}

const struct conn_ops owner_ops = { on_input, on_drained, on_secured,
	on_ended };

void
owner_init(struct owner *o)
{
	memset(o, 0, sizeof(*o));
	buf_init(&o->got, 64 << 20);
}

void
owner_clear(struct owner *o)
{
	conn_free(&o->conn);
	buf_clear(&o->got);
}

int
owner_connect(struct owner *o, size_t in_max)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		fatal("socketpair");
	io_nonblock(sv[0]);
	if ((o->conn = conn_new(base, sv[1], in_max, &owner_ops, o)) == NULL)
		fatal("conn");
	return sv[0];
}

bool
run_until(bool (*cond)(void *), void *arg)
{
	uint64_t deadline = io_now_ms() + 5000;
	struct timeval tick = { 0, 1000 };

	while (!cond(arg)) {
		if (io_now_ms() > deadline)
			return false;
		event_base_loopexit(base, &tick);
		event_base_loop(base, EVLOOP_ONCE);
	}
	return true;
}

struct want_text {
	struct owner *o;
	const char *text;
};

static bool
has_text(void *arg)
{
	struct want_text *w = arg;

	return span_is(buf_span(&w->o->got), w->text);
}

bool
got_text(struct owner *o, const char *text)
{
	struct want_text w = { o, text };
	bool good = run_until(has_text, &w);

	if (!good)
		printf("# got %s\n", log_quote(buf_span(&o->got)));
	return good;
}
