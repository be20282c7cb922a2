/*
 * Who may have a connection: on the Unix socket root, the group semail-admin
 * and who we run as, over TCP anybody with a panel's key.
 */
#include "config.h"
#include "admind/panel.h"

#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNIX_MAX 64
#define TCP_MAX 256
#define GROUPS_MAX 1024
#define LISTENERS_MAX 64

static struct event *listeners[LISTENERS_MAX], *unpause;
static unsigned nlisteners;

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
may(int fd, struct who_from *from)
{
	socklen_t len;
	struct ucred c;

	len = sizeof(c);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == -1)
		return false;
	from->who.kind = WHO_ALL;
	snprintf(from->who.name, sizeof(from->who.name), "uid=%ld",
	    (long)c.uid);
	snprintf(from->remote, sizeof(from->remote), "uid=%ld", (long)c.uid);
	if (c.uid == 0 || c.uid == geteuid() ||
	    (admind.proc.privileged &&
	        (c.gid == admind.proc.ho->gid ||
	            in_group(fd, admind.proc.ho->gid))))
		return true;
	log_warnx("panel uid=%ld is no administrator", (long)c.uid);
	return false;
}

/* Out of descriptors: accepting again at once would only burn the processor. */
static void
pause_listeners(void)
{
	struct timeval tv = { 0, 200 * 1000 };

	log_warn("accept");
	for (unsigned i = 0; i < nlisteners; i++)
		event_del(listeners[i]);
	event_add(unpause, &tv);
}

static void
on_unpause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	for (unsigned i = 0; i < nlisteners; i++)
		event_add(listeners[i], NULL);
}

static int
accept_one(int fd)
{
	int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (c == -1 &&
	    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	        errno == ENOMEM))
		pause_listeners();
	return c;
}

static void
on_unix(evutil_socket_t fd, short what, void *arg)
{
	struct who_from from = { .stranger = false };
	int c = accept_one((int)fd);

	(void)what;
	(void)arg;
	if (c == -1)
		return;
	if (may(c, &from) && panel_make_room(false, UNIX_MAX))
		panel_new(c, false, &from);
	else
		close(c);
}

static void
on_tcp(evutil_socket_t fd, short what, void *arg)
{
	/* The least there is, should ever anybody forget to ask. */
	struct who_from from = {
		.stranger = true, .who.kind = WHO_MAILBOX, .who.name = "nobody"
	};
	int c = accept_one((int)fd);

	(void)what;
	(void)arg;
	if (c == -1)
		return;
	if (panel_make_room(true, TCP_MAX))
		panel_new(c, true, &from);
	else
		close(c);
}

static void
listener(int fd, event_callback_fn on_accept)
{
	struct event *ev = event_new(admind.proc.base, fd, EV_READ | EV_PERSIST,
	    on_accept, NULL);

	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("panel memory");
	listeners[nlisteners++] = ev;
}

void
panel_start(void)
{
	const char *service;
	int fd;

	if (semail_coded_start() == -1)
		fatalx("panel libsodium");
	if ((unpause = evtimer_new(admind.proc.base, on_unpause, NULL)) == NULL)
		fatalx("panel memory");
	listener(proc_edge_fd(&admind.proc, ROLE_CLI), on_unix);
	for (unsigned n = 0; nlisteners < LISTENERS_MAX &&
	     (fd = proc_listener(&admind.proc, n, &service)) != -1;
	     n++)
		listener(fd, on_tcp);
}
