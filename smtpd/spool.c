#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "smtpd/smtpd.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define STUCK_S 60 /* queued takes nothing for so long: the body is given up */

struct spool {
	int fd;
	struct event *ev;
	struct buf out; /* what the pipe did not take yet */
	size_t sent;
	void (*drained)(void *, bool);
	void *arg;
};

static void
spool_wait(struct spool *sp)
{
	static const struct timeval stuck = { STUCK_S, 0 };

	event_add(sp->ev, &stuck);
}

/* 0 all written, 1 not yet, -1 broken. */
static int
spool_flush(struct spool *sp)
{
	ssize_t r;

	while (sp->sent < sp->out.len) {
		r = write(sp->fd, sp->out.data + sp->sent,
		    sp->out.len - sp->sent);
		if (r == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN)
				return 1;
			log_warn("body pipe");
			return -1;
		}
		sp->sent += (size_t)r;
	}
	buf_reset(&sp->out);
	sp->sent = 0;
	return 0;
}

static void
spool_on_write(evutil_socket_t fd, short what, void *arg)
{
	struct spool *sp = arg;
	int r = spool_flush(sp);

	(void)fd;
	if (r == 1 && (what & EV_TIMEOUT)) {
		log_warnx("body pipe stuck seconds=%d", STUCK_S);
		r = -1;
	}
	if (r == 1)
		spool_wait(sp);
	else
		sp->drained(sp->arg, r == 0);
}

struct spool *
spool_new(struct event_base *base, int fd, void (*drained)(void *, bool),
    void *arg)
{
	struct spool *sp = calloc(1, sizeof(*sp));

	if (sp == NULL || io_nonblock(fd) == -1 ||
	    (sp->ev = event_new(base, fd, EV_WRITE, spool_on_write, sp)) ==
	        NULL) {
		free(sp);
		close(fd);
		return NULL;
	}
	sp->fd = fd;
	buf_init(&sp->out, 1024 * 1024);
	sp->drained = drained;
	sp->arg = arg;
	return sp;
}

int
spool_write(struct spool *sp, struct span in)
{
	ssize_t r = 0;

	/* Straight into the pipe as long as it takes it. */
	while (sp->out.len == 0 && in.len > 0) {
		r = write(sp->fd, in.data, in.len);
		if (r == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN)
				break;
			log_warn("body pipe");
			return -1;
		}
		in = span_sub(in, (size_t)r, in.len);
	}
	if (in.len == 0)
		return 0;
	buf_put_span(&sp->out, in);
	if (buf_error(&sp->out) != 0)
		return -1;
	spool_wait(sp);
	return 1;
}

bool
spool_empty(const struct spool *sp)
{
	return sp->out.len == sp->sent;
}

void
spool_free(struct spool **spp)
{
	struct spool *sp = *spp;

	*spp = NULL;
	if (sp == NULL)
		return;
	event_free(sp->ev);
	close(sp->fd);
	buf_clear(&sp->out);
	free(sp);
}
