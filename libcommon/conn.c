#include "config.h"
#include "libcommon/conn_int.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FINISH_MS 10000
#define LINGER_MS 2000
#define LINGER_MAX 200 /* connections lingering at once */

unsigned char conn_scratch[CONN_SCRATCH];
static unsigned lingering;

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
	c->in_max = in_max < CONN_SCRATCH ? in_max : CONN_SCRATCH;
	c->ops = ops;
	c->arg = arg;
	buf_init(&c->in, c->in_max);
	buf_init(&c->out, CONN_OUT_MAX);
	take_peer(c);
	event_assign(&c->on_read, base, fd, EV_READ | EV_PERSIST, conn_readable,
	    c);
	event_assign(&c->on_write, base, fd, EV_WRITE, conn_writable, c);
	conn_arm(c);
	return c;
}

void
conn_destroy(struct conn *c)
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
		conn_destroy(c);
}

/* Around each call of the owner: is the connection still there after it? */
void
conn_enter(struct conn *c)
{
	c->busy++;
}

bool
conn_leave(struct conn *c)
{
	c->busy--;
	if (!c->freed)
		return true;
	if (c->busy == 0)
		free(c);
	return false;
}

/* Tell the owner, once; false if the connection is gone with that. */
bool
conn_end_as(struct conn *c, enum conn_end why)
{
	const struct conn_ops *ops = c->ops;

	/* To a client that is only slow the owner may still say so. */
	if (why != CONN_EOF &&
	    (why != CONN_TIMEOUT || conn_unsent(c) > 0 ||
	        c->phase == TLS_WAITING || c->phase == TLS_HANDSHAKE)) {
		c->mute = true;
		buf_clear(&c->out);
		c->out_sent = 0;
	}
	if (ops == NULL) {
		conn_destroy(c);
		return false;
	}
	if (c->ended)
		return true;
	c->ended = true;
	buf_clear(&c->in);
	if (why == CONN_HANDSHAKE)
		log_info("tls-failed client=%s reason=%s", c->peer,
		    log_quote_str(tls_reason(c->tls)));
	conn_arm(c);
	conn_enter(c);
	ops->ended(c, why, c->arg);
	return conn_leave(c);
}

/* ---- what to wait for -------------------------------------------------- */

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
void
conn_restart_timer(struct conn *c)
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

/* Is there any use for a readable event? */
static bool
wants_read(const struct conn *c)
{
	if (c->ops == NULL) /* finishing: read and drop, unless mute */
		return c->lingering;
	if (c->write_wants_read)
		return true;
	switch (c->phase) {
	case TLS_WAITING:
		return false;
	case TLS_HANDSHAKE:
		return !c->ended;
	default:
		return !c->paused && conn_unsent(c) <= CONN_OUT_HIGH &&
		    !c->ended;
	}
}

void
conn_arm(struct conn *c)
{
	bool rd = wants_read(c), was_on = c->read_on;
	/* A pause is mostly over before the client says more: the event stays
	 * and conn_is_idle() takes it away if it comes, which saves two calls
	 * of the kernel a pause. */
	bool lazy = c->paused && !c->ended && c->ops != NULL &&
	    conn_unsent(c) <= CONN_OUT_HIGH && c->phase != TLS_WAITING;

	if (rd || !lazy)
		set(c, &c->on_read, &c->read_on, rd);
	set(c, &c->on_write, &c->write_on, c->blocked || c->read_wants_write);
	/* No event tells of input we keep, nor of what lies decrypted inside
	 * TLS: when reading begins (again), look. */
	if (rd && (c->offer || (!was_on && c->phase == TLS_ON)))
		event_active(&c->on_read, EV_READ, 0);
}

bool
conn_is_idle(struct conn *c)
{
	if (wants_read(c))
		return false;
	set(c, &c->on_read, &c->read_on, false);
	return true;
}

void
conn_timeout(struct conn *c, unsigned ms)
{
	if (ms == c->timeout_ms)
		return;
	c->timeout_ms = ms;
	conn_restart_timer(c);
}

void
conn_pause(struct conn *c)
{
	c->paused = true;
	if (!c->freed)
		conn_arm(c);
}

void
conn_resume(struct conn *c)
{
	if (!c->paused || c->freed)
		return;
	c->paused = false;
	c->offer = !c->ended;
	if (c->read_on) /* it was we who took the time */
		conn_restart_timer(c);
	conn_arm(c);
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
	return c->out.len - c->out_sent;
}

/* ---- the end ----------------------------------------------------------- */

/* Everything sent: say goodbye and linger until the peer has gone.  False when
 * the connection is. */
bool
conn_finish_step(struct conn *c)
{
	uint64_t linger = io_now_ms() + LINGER_MS;

	if (conn_unsent(c) > 0 && !c->mute)
		return true;
	if (c->lingering)
		return true;
	if (c->mute || c->ended || lingering >= LINGER_MAX) {
		conn_destroy(c);
		return false;
	}
	if (c->tls != NULL)
		tls_close_notify(c->tls);
	shutdown(c->fd, SHUT_WR);
	c->lingering = true;
	lingering++;
	if (linger < c->deadline)
		c->deadline = linger;
	conn_arm(c);
	conn_restart_timer(c);
	return true;
}

/* Drop what the peer still says. */
void
conn_linger_read(struct conn *c)
{
	ssize_t n = recv(c->fd, conn_scratch, CONN_SCRATCH, MSG_DONTWAIT);

	if (n > 0)
		explicit_bzero(conn_scratch, (size_t)n);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		conn_destroy(c);
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
		conn_destroy(c);
		return;
	}
	c->ops = NULL;
	c->offer = false;
	c->deadline = io_now_ms() + FINISH_MS;
	c->timeout_ms = 0;
	buf_clear(&c->in);
	conn_arm(c);
	conn_restart_timer(c);
	if (!c->blocked)
		event_active(&c->on_write, EV_WRITE, 0);
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
	return c->addr.sa.sa_family == AF_UNIX ? 0
	                                       : ntohs(c->addr.in4.sin_port);
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
		return ntohl(c->addr.in4.sin_addr.s_addr) >> 24 ==
		    IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&c->addr.in6.sin6_addr);
	default:
		return true;
	}
}
