#include "config.h"
#include "libcommon/conn_int.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <sys/socket.h>

#define HANDSHAKE_MS 30000
#define RECORDS_A_TURN 8 /* TLS records read before others get their turn */
#define DISCARD_MAX 64   /* reads that throw away what came before TLS */

static bool shake(struct conn *);

/* ---- output ---------------------------------------------------------- */

static ssize_t
raw_write(struct conn *c, const void *p, size_t n)
{
	ssize_t r;

	if (c->phase == TLS_ON)
		return tls_write(c->tls, p, n);
	do
		r = send(c->fd, p, n, MSG_NOSIGNAL);
	while (r == -1 && errno == EINTR);
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return TLS_WANT_WRITE;
	return r;
}

/* Send what goes.  False if the connection is gone. */
static bool
send_out(struct conn *c)
{
	ssize_t n;

	c->blocked = c->write_wants_read = false;
	if (c->phase == TLS_HANDSHAKE)
		return true; /* nothing of ours goes before it is done */
	if (buf_error(&c->out) != 0) {
		log_warnx("output-full client=%s", c->peer);
		return conn_end_as(c, CONN_ERROR);
	}
	while (conn_unsent(c) > 0) {
		n = raw_write(c, c->out.data + c->out_sent, conn_unsent(c));
		if (n == TLS_WANT_WRITE || n == TLS_WANT_READ) {
			c->blocked = n == TLS_WANT_WRITE;
			c->write_wants_read = n == TLS_WANT_READ;
			return true;
		}
		if (n <= 0) {
			if (!c->ended)
				return conn_end_as(c, CONN_ERROR);
			c->mute = true;
			buf_clear(&c->out);
			c->out_sent = 0;
			break;
		}
		c->out_sent += (size_t)n;
	}
	buf_clear(&c->out);
	c->out_sent = 0;
	return true;
}

static void
output(struct conn *c)
{
	bool had = conn_unsent(c) > 0 || c->mute;

	if (!send_out(c))
		return;
	if (conn_unsent(c) == 0 && had && c->ops != NULL) {
		/* What we took long to say is no fault of the peer's. */
		conn_restart_timer(c);
		if (c->phase == TLS_WAITING) {
			c->phase = TLS_HANDSHAKE;
			c->deadline = io_now_ms() + HANDSHAKE_MS;
			if (!shake(c))
				return;
		} else if (c->ops->drained != NULL) {
			conn_enter(c);
			c->ops->drained(c, c->arg);
			if (!conn_leave(c))
				return;
		}
	}
	if (c->ops == NULL && !conn_finish_step(c))
		return;
	conn_arm(c);
}

/* ---- input ------------------------------------------------------------- */

/* Bytes, 0 at the end, TLS_WANT_* or -1. */
static ssize_t
raw_read(struct conn *c, void *p, size_t n)
{
	ssize_t r;

	if (c->phase == TLS_ON)
		return tls_read(c->tls, p, n);
	do
		r = recv(c->fd, p, n, 0);
	while (r == -1 && errno == EINTR);
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return TLS_WANT_READ;
	return r;
}

/* Offer bytes to the owner.  False if the connection is gone.  used_out counts
 * everything as used when there is no use for the rest (TLS, finishing). */
static bool
offer(struct conn *c, struct span s, size_t *used_out)
{
	enum phase before = c->phase;
	size_t used;

	conn_enter(c);
	used = c->ops->input(c, s, c->arg);
	if (!conn_leave(c))
		return false;
	if (used > s.len)
		fatalx("conn: %zu bytes used of %zu", used, s.len);
	if (c->phase != before || c->ops == NULL || c->ended)
		used = s.len;
	*used_out = used;
	return true;
}

static bool
is_stuck(struct conn *c)
{
	if (c->in.len < c->in_max || c->paused || c->offer || c->ops == NULL)
		return false;
	log_warnx("input-stuck client=%s bytes=%zu", c->peer, c->in.len);
	return true;
}

static bool
offer_kept(struct conn *c)
{
	size_t used;

	if (!offer(c, buf_span(&c->in), &used))
		return false;
	buf_drop(&c->in, used);
	if (c->in.len == 0)
		buf_clear(&c->in);
	return !is_stuck(c) || conn_end_as(c, CONN_ERROR);
}

/* Read once and offer.  1: there may be more; 0: not now; -1: gone. */
static int
read_once(struct conn *c)
{
	size_t room = c->in_max - c->in.len, used = 0;
	bool gone = false;
	void *p;
	ssize_t n;

	p = c->in.len > 0 ? buf_reserve(&c->in, room) : conn_scratch;
	if (p == NULL)
		return conn_end_as(c, CONN_ERROR) ? 0 : -1;
	n = raw_read(c, p, room);
	if (n == TLS_WANT_READ || n == TLS_WANT_WRITE) {
		c->read_wants_write = n == TLS_WANT_WRITE;
		return 0;
	}
	if (n <= 0)
		return conn_end_as(c, n == 0 ? CONN_EOF : CONN_ERROR) ? 0 : -1;
	c->used = true;
	if (p != conn_scratch) {
		buf_commit(&c->in, (size_t)n);
		return offer_kept(c) ? 1 : -1;
	}
	gone = !offer(c, span_from(conn_scratch, (size_t)n), &used);
	if (!gone && used < (size_t)n) {
		buf_put(&c->in, conn_scratch + used, (size_t)n - used);
		if (buf_error(&c->in) != 0 || is_stuck(c))
			gone = !conn_end_as(c, CONN_ERROR);
	}
	explicit_bzero(conn_scratch, (size_t)n);
	return gone ? -1 : 1;
}

static bool
may_read(const struct conn *c)
{
	return !c->paused && !c->ended && c->ops != NULL &&
	    conn_unsent(c) <= CONN_OUT_HIGH &&
	    (c->phase == PLAIN || c->phase == TLS_ON);
}

static void
input(struct conn *c)
{
	bool again = c->offer && may_read(c);
	int r;

	c->read_wants_write = false;
	if (again) {
		c->offer = false;
		if (c->in.len > 0 && !offer_kept(c))
			return;
	}
	/* What a plain socket still has wakes us again; what lies decrypted
	 * inside TLS does not. */
	for (int i = again; may_read(c) && !c->offer; i++) {
		if (i > 0 && c->phase == PLAIN)
			break;
		if (i == RECORDS_A_TURN) {
			event_active(&c->on_read, EV_READ, 0);
			break;
		}
		if ((r = read_once(c)) == -1)
			return;
		if (r == 0)
			break;
	}
	conn_arm(c);
}

/* ---- TLS --------------------------------------------------------------- */

static bool
shake(struct conn *c)
{
	int r = tls_handshake(c->tls);

	c->blocked = r == TLS_WANT_WRITE;
	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
		conn_arm(c);
		return true;
	}
	if (r == -1)
		return conn_end_as(c, CONN_HANDSHAKE);
	c->phase = TLS_ON;
	c->deadline = 0;
	if (c->ops == NULL)
		return conn_finish_step(c);
	if (c->ops->secured != NULL) {
		conn_enter(c);
		c->ops->secured(c, c->arg);
		if (!conn_leave(c))
			return false;
	}
	if (conn_unsent(c) > 0)
		event_active(&c->on_write, EV_WRITE, 0);
	/* The first command may have come with the handshake. */
	c->offer = !c->ended && c->ops != NULL;
	conn_arm(c);
	conn_restart_timer(c);
	return true;
}

/* first: it is for us to begin. */
static void
start_tls(struct conn *c, struct tls *tls, bool first)
{
	c->tls = tls;
	if (c->tls == NULL) {
		log_warn("tls client=%s", c->peer);
		buf_clear(&c->out);
		c->out.err = ENOMEM; /* output() will end it */
	}
	c->phase = TLS_WAITING;
	c->offer = false;
	conn_arm(c);
	if (conn_unsent(c) == 0 && c->tls != NULL) {
		c->phase = TLS_HANDSHAKE;
		c->deadline = io_now_ms() + HANDSHAKE_MS;
		c->blocked = first;
		conn_arm(c);
	} else if (!c->blocked)
		event_active(&c->on_write, EV_WRITE, 0);
}

/* What came in the clear is thrown away. */
static bool
may_start_tls(struct conn *c)
{
	/* Not scratch: the owner is perhaps still looking into it. */
	unsigned char waste[4096];

	if (c->freed || c->ended || c->phase != PLAIN)
		return false;
	if (c->used) {
		for (int i = 0; i < DISCARD_MAX; i++)
			if (recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT) <=
			    0)
				break;
		explicit_bzero(waste, sizeof(waste));
		buf_clear(&c->in);
	}
	return true;
}

void
conn_start_tls(struct conn *c, struct tls_ctx *ctx)
{
	if (may_start_tls(c))
		start_tls(c, tls_server(ctx, c->fd), false);
}

void
conn_start_tls_to(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	if (may_start_tls(c))
		start_tls(c, tls_client(ctx, c->fd, name), true);
}

bool
conn_is_tls(const struct conn *c)
{
	return c->phase == TLS_ON;
}

const char *
conn_tls_reason(const struct conn *c)
{
	return c->tls != NULL ? tls_reason(c->tls) : "no TLS";
}

const char *
conn_tls_text(const struct conn *c)
{
	return c->phase == TLS_ON ? tls_text(c->tls) : "";
}

/* ---- from libevent ----------------------------------------------------- */

/* The time is up.  False if the connection is gone. */
static bool
timed_out(struct conn *c)
{
	if (c->ops == NULL) {
		conn_destroy(c);
		return false;
	}
	if (c->ended) { /* it takes no more */
		c->mute = true;
		buf_clear(&c->out);
		c->out_sent = 0;
		output(c);
		return false;
	}
	return conn_end_as(c, CONN_TIMEOUT);
}

static bool
is_late(const struct conn *c)
{
	return c->deadline != 0 && io_now_ms() >= c->deadline;
}

void
conn_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (is_late(c)) {
		timed_out(c);
		return;
	}
	if (conn_is_idle(c))
		return;
	if (what & EV_TIMEOUT) {
		/* With output on its way the other clock counts. */
		if (c->blocked && c->phase != TLS_HANDSHAKE)
			return;
		timed_out(c);
		return;
	}
	if (c->ops == NULL) {
		if (c->lingering)
			conn_linger_read(c);
		else
			output(c);
		return;
	}
	if (c->phase == TLS_HANDSHAKE) {
		shake(c);
		return;
	}
	if (c->write_wants_read) {
		conn_enter(c);
		output(c);
		if (!conn_leave(c))
			return;
	}
	input(c);
}

void
conn_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	c->write_on = false; /* not a persistent event */
	if (is_late(c) || (what & EV_TIMEOUT)) {
		timed_out(c);
		return;
	}
	if (c->phase == TLS_HANDSHAKE) {
		shake(c);
		return;
	}
	if (c->read_wants_write && c->ops != NULL) {
		conn_enter(c);
		input(c);
		if (!conn_leave(c))
			return;
	}
	output(c);
}
