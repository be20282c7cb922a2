/*
 * relay - after login: bytes between the client's connection (decrypted) and
 * our end of the worker's socketpair, both ways, each side stopped when the
 * other does not take what came.  Nothing is kept here: the client's bytes wait
 * in the connection, the worker's in the socket.
 */
#include "config.h"
#include "libcommon/log.h"
#include "pop3d/pop3d.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay {
	struct event from_worker, to_worker;
	struct session *session;
	int fd;
	bool spoken; /* the worker said something */
	bool done;   /* and will say no more: end when all is sent */
};

static unsigned char scratch[64 * 1024];

static void
on_worker(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct session *s = r->session;
	ssize_t n;

	(void)what;
	n = recv((int)fd, scratch, sizeof(scratch), MSG_DONTWAIT);
	if (n > 0) {
		r->spoken = true;
		conn_put(s->conn, scratch, (size_t)n);
		if (conn_unsent(s->conn) > CONN_OUT_HIGH)
			event_del(&r->from_worker);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	/* It said all it had to say, or died. */
	if (conn_unsent(s->conn) > 0) {
		event_del(&r->from_worker);
		r->done = true;
		return;
	}
	session_say_and_end(&s,
	    r->spoken ? NULL
	              : "-ERR [SYS/TEMP] your mailbox cannot be "
	                "opened now, try again later");
}

/* The worker takes bytes again. */
static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	(void)what;
	conn_resume(r->session->conn);
}

struct relay *
relay_new(struct session *s, int fd)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct event_base *base = s->front->proc.base;

	if (r == NULL) {
		close(fd);
		return NULL;
	}
	r->session = s;
	r->fd = fd;
	event_assign(&r->from_worker, base, fd, EV_READ | EV_PERSIST, on_worker,
	    r);
	event_assign(&r->to_worker, base, fd, EV_WRITE, on_room, r);
	event_add(&r->from_worker, NULL);
	return r;
}

void
relay_free(struct relay **rp)
{
	struct relay *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	event_del(&r->from_worker);
	event_del(&r->to_worker);
	close(r->fd);
	free(r);
}

size_t
relay_input(struct relay *r, struct span in)
{
	ssize_t n = send(r->fd, in.data, in.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == (ssize_t)in.len)
		return in.len;
	/* Gone: on_worker() will read its last words, then the end. */
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return in.len;
	conn_pause(r->session->conn);
	event_add(&r->to_worker, NULL);
	return n == -1 ? 0 : (size_t)n;
}

void
relay_drained(struct relay *r)
{
	struct session *s = r->session;

	if (r->done)
		session_say_and_end(&s, NULL);
	else
		event_add(&r->from_worker, NULL);
}

void
relay_client_eof(struct relay *r)
{
	shutdown(r->fd, SHUT_WR);
}
