#include "config.h"
#include "box/box.h"
#include "box/pop3.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_MAX 4096 /* pipelined commands kept */

struct pop3_session {
	struct box *box;
	int fd;
	struct event *rd, *wr, *again;
	struct pop3 pop3;
	bool holds;  /* the maildrop */
	size_t sent; /* of pop3.out */
	size_t in_len;
	unsigned char in[IN_MAX];
};

static void
session_end(struct pop3_session *s)
{
	struct box *box = s->box;

	if (s->holds) {
		box->pop3 = NULL;
		if (s->pop3.removed_count > 0)
			box_used(box, -(int64_t)s->pop3.removed_bytes,
			    -(int64_t)s->pop3.removed_count);
		pop3_clear(&s->pop3);
	}
	if (s->rd != NULL)
		event_free(s->rd);
	if (s->wr != NULL)
		event_free(s->wr);
	if (s->again != NULL)
		event_free(s->again);
	close(s->fd);
	free(s);
	box_session_end(box);
}

/* Write what there is: 1 all, 0 the socket is full, -1 the client has gone. */
static int
session_write(struct pop3_session *s)
{
	struct buf *out = &s->pop3.out;

	while (s->sent < out->len) {
		ssize_t n = send(s->fd, out->data + s->sent, out->len - s->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? 0 : -1;
		}
		s->sent += (size_t)n;
	}
	s->sent = 0;
	buf_reset(out);
	return 1;
}

/*
 * Commands and work until the output is full or nothing is left to do.
 * Measuring and deleting put nothing out: these give the mailbox's other
 * sessions their turn after each slice.
 */
static void
session_run(struct pop3_session *s)
{
	struct pop3 *p = &s->pop3;
	size_t used, before;

	for (;;) {
		if (p->broken) {
			session_end(s);
			return;
		}
		switch (session_write(s)) {
		case -1:
			session_end(s);
			return;
		case 0:
			event_add(s->wr, NULL);
			return;
		}
		if (p->ended) {
			session_end(s);
			return;
		}
		before = p->out.len;
		if (pop3_busy(p)) {
			pop3_work(p);
			if (p->out.len == before && pop3_busy(p)) {
				event_active(s->again, EV_TIMEOUT, 0);
				return;
			}
			continue;
		}
		used = pop3_input(p, span_from(s->in, s->in_len));
		s->in_len -= used;
		memmove(s->in, s->in + used, s->in_len);
		if (used == 0)
			break;
	}
	event_add(s->rd, NULL);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct pop3_session *s = arg;
	ssize_t n;

	(void)what;
	n = recv((int)fd, s->in + s->in_len, IN_MAX - s->in_len, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		event_add(s->rd, NULL);
		return;
	}
	/* The end without QUIT: no message is deleted (RFC 1939 6). */
	if (n <= 0) {
		session_end(s);
		return;
	}
	s->in_len += (size_t)n;
	session_run(s);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_run(arg);
}

static void
refuse(int fd, const char *line)
{
	/* A new session's socket has room for one line. */
	if (send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		log_debug("pop3 refuse");
	close(fd);
}

void
pop3_take(struct box *box, int fd, struct span remote)
{
	struct folder *folder = box_folder(box);
	struct pop3_session *s;

	if (folder == NULL || box->pop3 != NULL) {
		refuse(fd,
		    folder == NULL
		        ? "-ERR [SYS/TEMP] the mailbox cannot be opened now\r\n"
		        : "-ERR [IN-USE] another session has this mailbox\r\n");
		box_session_end(box);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL || io_nonblock(fd) == -1 ||
	    (s->rd = event_new(box->base, fd, EV_READ, on_read, s)) == NULL ||
	    (s->wr = event_new(box->base, fd, EV_WRITE, on_ready, s)) == NULL ||
	    (s->again = event_new(box->base, -1, 0, on_ready, s)) == NULL) {
		refuse(fd, "-ERR [SYS/TEMP] no memory\r\n");
		if (s != NULL && s->rd != NULL)
			event_free(s->rd);
		if (s != NULL && s->wr != NULL)
			event_free(s->wr);
		free(s);
		box_session_end(box);
		return;
	}
	log_debug("pop3 mailbox=%u remote=%s", box->setup.box.mailbox,
	    log_quote(remote));
	s->box = box;
	s->fd = fd;
	s->holds = true;
	box->pop3 = s;
	pop3_init(&s->pop3, folder);
	session_run(s);
}
