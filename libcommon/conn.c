#include "config.h"
#include "libcommon/conn.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH (64 * 1024)
#define HANDSHAKE_MS 30000
#define FINISH_MS 10000
#define LINGER_MS 2000
#define LINGER_MAX 200  /* connections lingering at once */
#define RECORDS_A_TURN 8 /* TLS records read before others get their turn */
#define DISCARD_MAX 64   /* reads that throw away what came before TLS */

enum phase {
	PLAIN,
	TLS_WAITING,   /* our "go ahead" is not all sent yet */
	TLS_HANDSHAKE,
	TLS_ON
};

struct conn {
	struct event on_read;  /* also: offer kept input again */
	struct event on_write; /* also: the end of a turn with output */
	struct event_base *base;
	const struct conn_ops *ops; /* NULL: finishing, nobody listens */
	void *arg;
	struct tls *tls;
	struct buf in;   /* what the owner left */
	struct buf out;
	size_t out_sent; /* of out */
	size_t in_max;
	uint64_t deadline; /* of a handshake or of finishing; 0: none */
	int fd;
	unsigned timeout_ms;
	enum phase phase;
	unsigned busy;      /* callbacks we are inside of */
	bool used;          /* something was read or put */
	bool offer;         /* kept input is to be offered as soon as may be */
	bool paused;
	bool ended;         /* the owner was told; no more reading */
	bool mute;          /* the socket takes nothing any more */
	bool freed;         /* memory goes when busy falls to 0 */
	bool lingering;
	bool blocked;       /* waiting to write */
	bool read_on, write_on;
	bool read_wants_write, write_wants_read; /* TLS */
	char peer[INET6_ADDRSTRLEN];
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} addr;
};

static unsigned char scratch[SCRATCH];
static unsigned lingering;

static void readable(evutil_socket_t, short, void *);
static void writable(evutil_socket_t, short, void *);

/* ---- life ------------------------------------------------------------- */

static void
take_peer(struct conn *c)
{
	socklen_t len = sizeof(c->addr);
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	int one = 1;

	memcpy(c->peer, "local", sizeof("local"));
	if (getpeername(c->fd, &c->addr.sa, &len) == -1 ||
	    len > sizeof(c->addr) ||
	    (c->addr.sa.sa_family != AF_INET &&
	        c->addr.sa.sa_family != AF_INET6)) {
		memset(&c->addr, 0, sizeof(c->addr));
		c->addr.sa.sa_family = AF_UNIX;
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (c->addr.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&c->addr.in6.sin6_addr)) {
		in4.sin_port = c->addr.in6.sin6_port;
		memcpy(&in4.sin_addr, c->addr.in6.sin6_addr.s6_addr + 12, 4);
		c->addr.in4 = in4;
	}
	if (c->addr.sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &c->addr.in4.sin_addr, c->peer,
		    sizeof(c->peer));
	else
		inet_ntop(AF_INET6, &c->addr.in6.sin6_addr, c->peer,
		    sizeof(c->peer));
}

static void arm(struct conn *);

struct conn *
conn_new(struct event_base *base, int fd, size_t in_max,
    const struct conn_ops *ops, void *arg)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL || io_nonblock(fd) == -1) {
		int saved = errno;

		free(c);
		close(fd);
		errno = saved;
		return NULL;
	}
	c->base = base;
	c->fd = fd;
	c->in_max = in_max < SCRATCH ? in_max : SCRATCH;
	c->ops = ops;
	c->arg = arg;
	buf_init(&c->in, c->in_max);
	buf_init(&c->out, CONN_OUT_MAX);
	take_peer(c);
	event_assign(&c->on_read, base, fd, EV_READ | EV_PERSIST, readable, c);
	event_assign(&c->on_write, base, fd, EV_WRITE, writable, c);
	arm(c);
	return c;
}

static void
destroy(struct conn *c)
{
	if (!c->freed) {
		event_del(&c->on_read);
		event_del(&c->on_write);
		if (c->tls != NULL && !c->mute && c->phase == TLS_ON)
			tls_close_notify(c->tls);
		tls_free(&c->tls);
		close(c->fd);
		if (c->lingering)
			lingering--;
		buf_clear(&c->in);
		buf_clear(&c->out);
		c->freed = true;
	}
	if (c->busy == 0)
		free(c);
}

void
conn_free(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c != NULL)
		destroy(c);
}

/* Around each call of the owner: is the connection still there after it? */
static void
enter(struct conn *c)
{
	c->busy++;
}

static bool
leave(struct conn *c)
{
	c->busy--;
	if (!c->freed)
		return true;
	if (c->busy == 0)
		free(c);
	return false;
}

/* Tell the owner, once; false if the connection is gone with that. */
static bool
end(struct conn *c, enum conn_end why)
{
	const struct conn_ops *ops = c->ops;

	if (why != CONN_EOF) {
		c->mute = true;
		buf_clear(&c->out);
		c->out_sent = 0;
	}
	if (ops == NULL) {
		destroy(c);
		return false;
	}
	if (c->ended)
		return true;
	c->ended = true;
	buf_clear(&c->in);
	if (why == CONN_HANDSHAKE)
		log_info("tls-failed client=%s reason=%s", c->peer,
		    log_quote_str(tls_reason(c->tls)));
	arm(c);
	enter(c);
	ops->ended(c, why, c->arg);
	return leave(c);
}

/* ---- what to wait for -------------------------------------------------- */

static size_t
unsent(const struct conn *c)
{
	return c->out.len - c->out_sent;
}

static const struct timeval *
wait_time(const struct conn *c, struct timeval *tv)
{
	uint64_t ms = c->timeout_ms, now;

	if (c->deadline != 0) {
		now = io_now_ms();
		now = c->deadline > now ? c->deadline - now : 1;
		if (ms == 0 || now < ms)
			ms = now;
	}
	if (ms == 0)
		return NULL;
	tv->tv_sec = (time_t)(ms / 1000);
	tv->tv_usec = (suseconds_t)(ms % 1000 * 1000);
	return tv;
}

static void
set(struct conn *c, struct event *ev, bool *is_on, bool want)
{
	struct timeval tv;

	if (want == *is_on)
		return;
	if (want) {
		event_add(ev, wait_time(c, &tv));
	} else {
		/* Else a persistent event, woken by hand, adds itself anew. */
		event_remove_timer(ev);
		event_del(ev);
	}
	*is_on = want;
}

/* Begin to count the time anew. */
static void
restart_timer(struct conn *c)
{
	struct timeval tv;
	const struct timeval *t = wait_time(c, &tv);

	if (t == NULL) {
		event_remove_timer(&c->on_read);
		event_remove_timer(&c->on_write);
	}
	if (c->read_on)
		event_add(&c->on_read, t);
	if (c->write_on)
		event_add(&c->on_write, t);
}

static void
arm(struct conn *c)
{
	bool rd, was_on = c->read_on, wr = c->blocked || c->read_wants_write;

	switch (c->phase) {
	case TLS_WAITING:
		rd = false;
		break;
	case TLS_HANDSHAKE:
		rd = !c->ended;
		break;
	default:
		rd = !c->paused && unsent(c) <= CONN_OUT_HIGH && !c->ended;
	}
	if (c->write_wants_read)
		rd = true;
	if (c->ops == NULL) /* finishing: read and drop, unless mute */
		rd = c->lingering;
	set(c, &c->on_read, &c->read_on, rd);
	set(c, &c->on_write, &c->write_on, wr);
	/* No event tells of input we keep, nor of what lies decrypted inside
	 * TLS: when reading begins (again), look. */
	if (rd && (c->offer || (!was_on && c->phase == TLS_ON)))
		event_active(&c->on_read, EV_READ, 0);
}

void
conn_timeout(struct conn *c, unsigned ms)
{
	if (ms == c->timeout_ms)
		return;
	c->timeout_ms = ms;
	restart_timer(c);
}

void
conn_pause(struct conn *c)
{
	c->paused = true;
	if (!c->freed)
		arm(c);
}

void
conn_resume(struct conn *c)
{
	if (!c->paused || c->freed)
		return;
	c->paused = false;
	c->offer = !c->ended;
	arm(c);
}

/* ---- output ------------------------------------------------------------ */

struct buf *
conn_out(struct conn *c)
{
	return &c->out;
}

void
conn_flush(struct conn *c)
{
	if (c->freed)
		return;
	c->used = true;
	if (c->mute) {
		buf_clear(&c->out);
		c->out_sent = 0;
	}
	/* At the end of the turn: everything said in it goes in one piece. */
	if (!c->blocked || c->mute)
		event_active(&c->on_write, EV_WRITE, 0);
}

void
conn_put(struct conn *c, const void *p, size_t n)
{
	if (!c->mute)
		buf_put(&c->out, p, n);
	conn_flush(c);
}

void
conn_puts(struct conn *c, const char *s)
{
	conn_put(c, s, strlen(s));
}

size_t
conn_unsent(const struct conn *c)
{
	return unsent(c);
}

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

static bool shake(struct conn *);
static bool finish_step(struct conn *);

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
		return end(c, CONN_ERROR);
	}
	while (unsent(c) > 0) {
		n = raw_write(c, c->out.data + c->out_sent, unsent(c));
		if (n == TLS_WANT_WRITE || n == TLS_WANT_READ) {
			c->blocked = n == TLS_WANT_WRITE;
			c->write_wants_read = n == TLS_WANT_READ;
			return true;
		}
		if (n <= 0) {
			if (!c->ended)
				return end(c, CONN_ERROR);
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
	bool had = unsent(c) > 0 || c->mute;

	if (!send_out(c))
		return;
	if (unsent(c) == 0 && had && c->ops != NULL) {
		/* What we took long to say is no fault of the peer's. */
		restart_timer(c);
		if (c->phase == TLS_WAITING) {
			c->phase = TLS_HANDSHAKE;
			c->deadline = io_now_ms() + HANDSHAKE_MS;
			if (!shake(c))
				return;
		} else if (c->ops->drained != NULL) {
			enter(c);
			c->ops->drained(c, c->arg);
			if (!leave(c))
				return;
		}
	}
	if (c->ops == NULL && !finish_step(c))
		return;
	arm(c);
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

	enter(c);
	used = c->ops->input(c, s, c->arg);
	if (!leave(c))
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
	return !is_stuck(c) || end(c, CONN_ERROR);
}

/* Read once and offer.  1: there may be more; 0: not now; -1: gone. */
static int
read_once(struct conn *c)
{
	size_t room = c->in_max - c->in.len, used = 0;
	bool gone = false;
	void *p;
	ssize_t n;

	p = c->in.len > 0 ? buf_reserve(&c->in, room) : scratch;
	if (p == NULL)
		return end(c, CONN_ERROR) ? 0 : -1;
	n = raw_read(c, p, room);
	if (n == TLS_WANT_READ || n == TLS_WANT_WRITE) {
		c->read_wants_write = n == TLS_WANT_WRITE;
		return 0;
	}
	if (n <= 0)
		return end(c, n == 0 ? CONN_EOF : CONN_ERROR) ? 0 : -1;
	c->used = true;
	if (p != scratch) {
		buf_commit(&c->in, (size_t)n);
		return offer_kept(c) ? 1 : -1;
	}
	gone = !offer(c, span_from(scratch, (size_t)n), &used);
	if (!gone && used < (size_t)n) {
		buf_put(&c->in, scratch + used, (size_t)n - used);
		if (buf_error(&c->in) != 0 || is_stuck(c))
			gone = !end(c, CONN_ERROR);
	}
	explicit_bzero(scratch, (size_t)n);
	return gone ? -1 : 1;
}

static bool
may_read(const struct conn *c)
{
	return !c->paused && !c->ended && c->ops != NULL &&
	    unsent(c) <= CONN_OUT_HIGH && (c->phase == PLAIN || c->phase == TLS_ON);
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
	arm(c);
}

/* ---- TLS --------------------------------------------------------------- */

static bool
shake(struct conn *c)
{
	int r = tls_handshake(c->tls);

	c->blocked = r == TLS_WANT_WRITE;
	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
		arm(c);
		return true;
	}
	if (r == -1)
		return end(c, CONN_HANDSHAKE);
	c->phase = TLS_ON;
	c->deadline = 0;
	if (c->ops == NULL)
		return finish_step(c);
	if (c->ops->secured != NULL) {
		enter(c);
		c->ops->secured(c, c->arg);
		if (!leave(c))
			return false;
	}
	if (unsent(c) > 0)
		event_active(&c->on_write, EV_WRITE, 0);
	/* The first command may have come with the handshake. */
	c->offer = !c->ended && c->ops != NULL;
	arm(c);
	restart_timer(c);
	return true;
}

void
conn_start_tls(struct conn *c, struct tls_ctx *ctx)
{
	/* Not scratch: the owner is perhaps still looking into it. */
	unsigned char waste[4096];

	if (c->freed || c->ended || c->phase != PLAIN)
		return;
	if (c->used) {
		for (int i = 0; i < DISCARD_MAX; i++)
			if (recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
				break;
		explicit_bzero(waste, sizeof(waste));
		buf_clear(&c->in);
	}
	c->tls = tls_server(ctx, c->fd);
	if (c->tls == NULL) {
		log_warn("tls client=%s", c->peer);
		buf_clear(&c->out);
		c->out.err = ENOMEM; /* output() will end it */
	}
	c->phase = TLS_WAITING;
	c->offer = false;
	arm(c);
	if (unsent(c) == 0 && c->tls != NULL) {
		c->phase = TLS_HANDSHAKE;
		c->deadline = io_now_ms() + HANDSHAKE_MS;
		arm(c);
	} else if (!c->blocked)
		event_active(&c->on_write, EV_WRITE, 0);
}

bool
conn_is_tls(const struct conn *c)
{
	return c->phase == TLS_ON;
}

const char *
conn_tls_text(const struct conn *c)
{
	return c->phase == TLS_ON ? tls_text(c->tls) : "";
}

/* ---- the end ----------------------------------------------------------- */

/* Everything sent: say goodbye and linger until the peer has gone.  False when
 * the connection is. */
static bool
finish_step(struct conn *c)
{
	uint64_t linger = io_now_ms() + LINGER_MS;

	if (unsent(c) > 0 && !c->mute)
		return true;
	if (c->lingering)
		return true;
	if (c->mute || c->ended || lingering >= LINGER_MAX) {
		destroy(c);
		return false;
	}
	if (c->tls != NULL)
		tls_close_notify(c->tls);
	shutdown(c->fd, SHUT_WR);
	c->lingering = true;
	lingering++;
	if (linger < c->deadline)
		c->deadline = linger;
	arm(c);
	restart_timer(c);
	return true;
}

/* Drop what the peer still says. */
static void
linger_read(struct conn *c)
{
	ssize_t n = recv(c->fd, scratch, SCRATCH, MSG_DONTWAIT);

	if (n > 0)
		explicit_bzero(scratch, (size_t)n);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		destroy(c);
}

void
conn_finish(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->phase == TLS_HANDSHAKE || c->phase == TLS_WAITING)
		c->mute = true; /* there is no way to say anything */
	if (c->freed || c->mute) {
		destroy(c);
		return;
	}
	c->ops = NULL;
	c->offer = false;
	c->deadline = io_now_ms() + FINISH_MS;
	c->timeout_ms = 0;
	buf_clear(&c->in);
	arm(c);
	restart_timer(c);
	if (!c->blocked)
		event_active(&c->on_write, EV_WRITE, 0);
}

/* ---- from libevent ----------------------------------------------------- */

/* The time is up.  False if the connection is gone. */
static bool
timed_out(struct conn *c)
{
	if (c->ops == NULL) {
		destroy(c);
		return false;
	}
	if (c->ended) { /* it takes no more */
		c->mute = true;
		buf_clear(&c->out);
		c->out_sent = 0;
		output(c);
		return false;
	}
	return end(c, CONN_TIMEOUT);
}

static bool
is_late(const struct conn *c)
{
	return c->deadline != 0 && io_now_ms() >= c->deadline;
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (is_late(c)) {
		timed_out(c);
		return;
	}
	if (what & EV_TIMEOUT) {
		/* With output on its way the other clock counts. */
		if (c->blocked && c->phase != TLS_HANDSHAKE)
			return;
		timed_out(c);
		return;
	}
	if (c->ops == NULL) {
		if (c->lingering)
			linger_read(c);
		else
			output(c);
		return;
	}
	if (c->phase == TLS_HANDSHAKE) {
		shake(c);
		return;
	}
	if (c->write_wants_read) {
		enter(c);
		output(c);
		if (!leave(c))
			return;
	}
	input(c);
}

static void
writable(evutil_socket_t fd, short what, void *arg)
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
		enter(c);
		input(c);
		if (!leave(c))
			return;
	}
	output(c);
}

/* ---- the peer ---------------------------------------------------------- */

const char *
conn_peer(const struct conn *c)
{
	return c->peer;
}

unsigned
conn_peer_port(const struct conn *c)
{
	/* The two have it at the same place. */
	return c->addr.sa.sa_family == AF_UNIX ? 0 : ntohs(c->addr.in4.sin_port);
}

const struct sockaddr *
conn_peer_sa(const struct conn *c)
{
	return &c->addr.sa;
}

bool
conn_peer_is_loopback(const struct conn *c)
{
	switch (c->addr.sa.sa_family) {
	case AF_INET:
		return ntohl(c->addr.in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&c->addr.in6.sin6_addr);
	default:
		return true;
	}
}
