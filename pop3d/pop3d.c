/*
 * pop3d - POP3 before login, and TLS for the whole session.
 *
 * Runs as   root until proc_drop(), then semail-pop3 in a chroot that holds
 *           only its peers' sockets.
 * Listens   on the descriptors semaild bound and hands over.
 * Talks to  authd: is this password right?  (answer: a single-use ticket)
 *           spawnd: here is a ticket and one end of a socketpair.
 * Never     opens a file or a mailbox.  After login it copies bytes between
 *           the client and the mailbox's worker, which runs as the mailbox's
 *           own user.  Taken over, it reaches only mailboxes whose passwords
 *           it is given.
 */
#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "pop3d/pop3d.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_A_TURN 16
#define LISTENERS_MAX 64
#define SWEEP_S 1

struct listener {
	struct event *ev;
	bool is_tls;
};

static struct front front;
static struct listener listeners[LISTENERS_MAX];
static unsigned nlisteners;
static struct event *unpause;

/* ---- configuration ------------------------------------------------------ */

static int
on_check(struct proc *p, struct handover *ho, char why[static 201])
{
	struct tls_ctx *tls;

	(void)p;
	if (tls_ctx_handed(ho, &tls, why) == -1)
		return -1;
	tls_ctx_free(&tls);
	return 0;
}

static void
on_reload(struct proc *p)
{
	char why[201] = "";
	struct tls_ctx *tls;

	if (tls_ctx_handed(p->ho, &tls, why) == -1) {
		/* It was good a moment ago: no memory.  Keep the old one. */
		log_warnx("tls reason=%s", log_quote_str(why));
		return;
	}
	tls_ctx_free(&front.tls);
	front.tls = tls;
}

static void
on_stats(struct proc *p, void (*add)(void *, const char *, uint64_t), void *arg)
{
	(void)p;
	add(arg, "sessions", front.nsessions);
	add(arg, "logins", front.logins);
	add(arg, "logins-denied", front.denied);
	add(arg, "logins-failed", front.failed);
	add(arg, "refused", front.refused);
}

static const struct proc_ops proc_ops = {
	.check = on_check,
	.reload = on_reload,
	.stats = on_stats,
};

/* ---- clients come -------------------------------------------------------- */

static void
on_unpause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	for (unsigned i = 0; i < nlisteners; i++)
		event_add(listeners[i].ev, NULL);
}

/* Out of descriptors: accepting again at once would only burn the processor. */
static void
pause_listeners(void)
{
	struct timeval tv = { 0, 200 * 1000 };

	log_warn("accept");
	for (unsigned i = 0; i < nlisteners; i++)
		event_del(listeners[i].ev);
	event_add(unpause, &tv);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct listener *l = arg;
	int fd;

	(void)what;
	for (int i = 0; i < ACCEPT_A_TURN; i++) {
		fd = accept4((int)lfd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM)
				pause_listeners();
			return;
		}
		session_new(&front, fd, l->is_tls);
	}
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	session_sweep(arg);
}

static void
start_listeners(void)
{
	const char *service;
	struct timeval tv = { SWEEP_S, 0 };
	struct event *sweep;
	int fd;

	for (unsigned n = 0; n < LISTENERS_MAX; n++) {
		struct listener *l = &listeners[nlisteners];

		if ((fd = proc_listener(&front.proc, n, &service)) == -1)
			break;
		l->is_tls = strcmp(service, "pop3s") == 0;
		if (l->is_tls && front.tls == NULL) {
			log_warnx("listener service=pop3s is closed: "
			          "no certificate is set");
			continue;
		}
		if (io_nonblock(fd) == -1)
			fatal("listener");
		l->ev = event_new(front.proc.base, fd, EV_READ | EV_PERSIST,
		    on_accept, l);
		if (l->ev == NULL || event_add(l->ev, NULL) == -1)
			fatalx("event listener");
		nlisteners++;
	}
	unpause = evtimer_new(front.proc.base, on_unpause, NULL);
	sweep = event_new(front.proc.base, -1, EV_PERSIST, on_sweep, &front);
	if (unpause == NULL || sweep == NULL || event_add(sweep, &tv) == -1)
		fatalx("event");
}

int
main(int argc, char *argv[])
{
	char why[201] = "";

	proc_init(&front.proc, ROLE_POP3D, &proc_ops, argc, argv);
	TAILQ_INIT(&front.waiting);
	TAILQ_INIT(&front.attached);
	if (tls_ctx_handed(front.proc.ho, &front.tls, why) == -1)
		fatalx("tls reason=%s", log_quote_str(why));
	proc_drop(&front.proc);

	/* As semail-pop3: everything the outside world can reach. */
	if (login_connect(&front) == -1)
		fatal("edges");
	proc_confine(&front.proc, CONFINE_ACCEPT | CONFINE_CONNECT);
	start_listeners();
	return proc_loop(&front.proc);
}
