/*
 * The socket of the semail command: u32 little-endian length, then the fields
 * of a request; the answer in the same form.  One request of a connection at a
 * time.  Who may reach the socket and is root, in our group, or us, is the
 * administrator.
 */
#include "config.h"
#include "admind/admind.h"

#include "libcommon/handover.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define PANELS_MAX 64
#define IDLE_S 300
#define GROUPS_MAX 1024

struct panel {
	LIST_ENTRY(panel) next;
	uint64_t token;
	int fd;
	struct event *read, *write;
	struct buf in, out;
	struct dir_who who;
	bool busy; /* a request of it is with job.c */
};

static LIST_HEAD(, panel) panels = LIST_HEAD_INITIALIZER(panels);
static unsigned npanels;
static uint64_t last_token;
static struct event *accepting;

static void
panel_free(struct panel *p)
{
	LIST_REMOVE(p, next);
	npanels--;
	event_free(p->read);
	event_free(p->write);
	buf_clear(&p->in);
	buf_clear(&p->out);
	close(p->fd);
	free(p);
}

static void
panel_write(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { IDLE_S, 0 };
	struct panel *p = arg;
	ssize_t n;

	if (what & EV_TIMEOUT) {
		panel_free(p);
		return;
	}
	n = send(fd, p->out.data, p->out.len, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		panel_free(p);
		return;
	}
	if (n > 0)
		buf_drop(&p->out, (size_t)n);
	if (p->out.len > 0)
		event_add(p->write, &tv);
}

static void panel_requests(struct panel *);

static void
panel_answer(void *arg, uint64_t token, struct span answer)
{
	struct panel *p;
	unsigned char len[4];

	(void)arg;
	LIST_FOREACH(p, &panels, next)
		if (p->token == token)
			break;
	if (p == NULL)
		return; /* it went away; what it asked for is done */
	le32_put(len, (uint32_t)answer.len);
	buf_put(&p->out, len, sizeof(len));
	buf_put_span(&p->out, answer);
	p->busy = false;
	if (buf_error(&p->out) != 0) {
		shutdown(p->fd, SHUT_RDWR);
		return;
	}
	event_active(p->write, EV_WRITE, 0);
	event_active(p->read, 0, 0); /* the next one may be there */
}

static void
panel_requests(struct panel *p)
{
	uint32_t len;

	if (p->busy || p->in.len < 4)
		return;
	len = le32_get(p->in.data);
	if (len > REQUEST_MAX) {
		log_warnx("panel who=%s request too long=%u",
		    log_quote_str(p->who.name), len);
		panel_free(p);
		return;
	}
	if (p->in.len < 4 + (size_t)len)
		return;
	p->busy = true;
	job_add(span_from(p->in.data + 4, len), &p->who, panel_answer, NULL,
	    p->token);
	explicit_bzero(p->in.data + 4, len); /* passwords */
	buf_drop(&p->in, 4 + (size_t)len);
}

static void
panel_read(evutil_socket_t fd, short what, void *arg)
{
	struct panel *p = arg;
	void *room;
	ssize_t n;

	if (what & EV_TIMEOUT) {
		if (!p->busy)
			panel_free(p);
		return;
	}
	/* One whole request at most is kept: the rest waits in the socket. */
	if ((what & EV_READ) && p->in.len < 4 + REQUEST_MAX) {
		size_t want = 4 + REQUEST_MAX - p->in.len;

		if ((room = buf_reserve(&p->in, want)) == NULL) {
			panel_free(p);
			return;
		}
		n = recv(fd, room, want, 0);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			panel_free(p);
			return;
		}
		if (n > 0)
			buf_commit(&p->in, (size_t)n);
	}
	panel_requests(p);
}

/* ---- who is it ------------------------------------------------------------------------ */

static bool
in_group(int fd, gid_t gid)
{
	static gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool
panel_may(int fd, struct dir_who *who)
{
	socklen_t len;
	struct ucred c;

	len = sizeof(c);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == -1)
		return false;
	who->kind = WHO_ALL;
	snprintf(who->name, sizeof(who->name), "uid=%ld", (long)c.uid);
	snprintf(who->origin, sizeof(who->origin), "unix");
	if (c.uid == 0 || c.uid == geteuid() ||
	    (admind.proc.privileged && (c.gid == admind.proc.ho->gid ||
	    in_group(fd, admind.proc.ho->gid))))
		return true;
	log_warnx("panel uid=%ld is no administrator", (long)c.uid);
	return false;
}

static void
panel_accept(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { IDLE_S, 0 };
	struct panel *p;
	int c;

	(void)what;
	(void)arg;
	if ((c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) == -1)
		return;
	if (npanels >= PANELS_MAX || (p = calloc(1, sizeof(*p))) == NULL) {
		close(c);
		return;
	}
	if (!panel_may(c, &p->who)) {
		close(c);
		free(p);
		return;
	}
	p->fd = c;
	p->token = ++last_token;
	buf_init(&p->in, 4 + REQUEST_MAX);
	buf_init(&p->out, 8 + 2 * REQUEST_MAX);
	p->read = event_new(admind.proc.base, c, EV_READ | EV_PERSIST, panel_read,
	    p);
	p->write = event_new(admind.proc.base, c, EV_WRITE, panel_write, p);
	if (p->read == NULL || p->write == NULL ||
	    event_add(p->read, &tv) == -1)
		fatalx("panel memory");
	LIST_INSERT_HEAD(&panels, p, next);
	npanels++;
}

void
panel_start(void)
{
	accepting = event_new(admind.proc.base,
	    proc_edge_fd(&admind.proc, ROLE_CLI), EV_READ | EV_PERSIST,
	    panel_accept, NULL);
	if (accepting == NULL || event_add(accepting, NULL) == -1)
		fatalx("panel memory");
}
