/*
 * smtpd - take mail from the network and hand it to queued.
 *
 * Runs as   root until proc_drop(), then semail-smtp in a chroot that holds
 *           only its peers' sockets; one process a processor.
 * Listens   on the Internet sockets semaild bound and hands over.
 * Talks to  authd: may this recipient be written to, is this password right.
 *           queued: here is a message; the answer is the client's 250.
 * Never     opens a file or a connection other than those two.
 */
#include "config.h"
#include "libcommon/addr.h"
#include "libcommon/handover.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"
#include "smtpd/smtpd.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STOP_MS 5000
#define STOP_LOOK_MS 100
#define NLISTENERS 64

static struct smtpd smtpd;
static struct event *listeners[NLISTENERS], *again_timer, *stop_timer;
static unsigned stop_waited_ms;
static bool none_left;

static int
kind_of(const char *service, enum listener_kind *kind)
{
	static const char *const names[] = { "smtp", "submission",
		"submissions" };

	for (unsigned i = 0; i < nitems(names); i++) {
		if (strcmp(service, names[i]) == 0) {
			*kind = (enum listener_kind)i;
			return 0;
		}
	}
	return -1;
}

static void
listen_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	for (unsigned i = 0; i < NLISTENERS && listeners[i] != NULL; i++)
		if (!smtpd.stopping)
			event_add(listeners[i], NULL);
}

/* No descriptor for another client: the listeners would stay readable and the
 * loop would spin.  Look again when some may have gone. */
static void
listen_later(void)
{
	static const struct timeval second = { 1, 0 };

	log_warn("accept sessions=%u", smtpd.nclients);
	for (unsigned i = 0; i < NLISTENERS && listeners[i] != NULL; i++)
		event_del(listeners[i]);
	event_add(again_timer, &second);
}

static void
on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	enum listener_kind kind = (enum listener_kind)(uintptr_t)arg;

	(void)what;
	for (unsigned i = 0; i < 32; i++) {
		int fd = accept4((int)listen_fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd == -1) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno != EAGAIN)
				listen_later();
			return;
		}
		client_new(&smtpd, fd, kind);
	}
}

static void
start_listening(void)
{
	const char *service;
	enum listener_kind kind;
	int fd;

	again_timer = evtimer_new(smtpd.proc.base, listen_again, NULL);
	if (again_timer == NULL)
		fatalx("timer");
	for (unsigned i = 0;
	     (fd = proc_listener(&smtpd.proc, i, &service)) != -1; i++) {
		if (i >= NLISTENERS || kind_of(service, &kind) == -1)
			fatalx("bug listener service=%s", service);
		listeners[i] = event_new(smtpd.proc.base, fd,
		    EV_READ | EV_PERSIST, on_accept, (void *)(uintptr_t)kind);
		if (listeners[i] == NULL || event_add(listeners[i], NULL) == -1)
			fatalx("listener event");
	}
}

/* ---- configuration ------------------------------------------------------- */

void
settings_unref(struct settings **sp)
{
	struct settings *s = *sp;

	*sp = NULL;
	if (s == NULL || --s->refs > 0)
		return;
	tls_ctx_free(&s->tls);
	free(s);
}

/* NULL with a reason. */
static struct settings *
settings_new(const struct handover *ho, char why[static 201])
{
	struct settings *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(why, 201, "out of memory");
		return NULL;
	}
	s->refs = 1;
	snprintf(s->hostname, sizeof(s->hostname), "%s",
	    ho_str(ho, "hostname"));
	s->timeout_ms = (unsigned)ho_num(ho, "smtp-timeout");
	s->conf.hostname = s->hostname;
	s->conf.size_limit = ho_num(ho, "message-size-limit");
	s->conf.rcpt_limit = (unsigned)ho_num(ho, "recipient-limit");
	s->conf.received_limit = (unsigned)ho_num(ho, "received-limit");
	s->conf.vrfy = ho_flag(ho, "vrfy");
	s->conf.own_senders = ho_flag(ho, "sender-must-be-own");
	s->conf.normalise = strcmp(ho_str(ho, "submission-bare-newline"),
	                        "normalise") == 0;
	if (netlist_parse(span_of(ho_str(ho, "trusted-networks")), &s->trusted,
	        why) == -1) {
		settings_unref(&s);
		return NULL;
	}
	if (tls_ctx_handed(ho, &s->tls, why) == -1)
		settings_unref(&s);
	else
		s->conf.tls = s->tls != NULL;
	return s;
}

static int
smtpd_check(struct proc *p, struct handover *ho, char why[static 201])
{
	struct settings *s = settings_new(ho, why);

	(void)p;
	if (s == NULL)
		return -1;
	settings_unref(&s);
	return 0;
}

static void
smtpd_take_conf(struct proc *p)
{
	char why[201] = "";
	struct settings *s = settings_new(p->ho, why);

	if (s == NULL) /* it was good a moment ago */
		fatalx("settings reason=%s", log_quote_str(why));
	settings_unref(&smtpd.settings);
	smtpd.settings = s;
	smtpd.client_limit = (unsigned)conf_num("session-limit");
	smtpd.address_limit = (unsigned)conf_num("address-session-limit");
}

/* ---- the end --------------------------------------------------------------- */

static void
stop_look(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv = { 0, STOP_LOOK_MS * 1000 };

	(void)fd;
	(void)what;
	(void)arg;
	clients_quit_idle(&smtpd);
	stop_waited_ms += STOP_LOOK_MS;
	/* One look more than there are clients: our last words go out at the end
	 * of a turn. */
	if (none_left || stop_waited_ms > STOP_MS)
		proc_exit(&smtpd.proc, 0);
	else
		event_add(stop_timer, &tv);
	none_left = smtpd.nclients == 0;
}

/* No new connections; who is in the middle of a message may finish it. */
static void
smtpd_stop(struct proc *p)
{
	smtpd.stopping = true;
	for (unsigned i = 0; i < NLISTENERS && listeners[i] != NULL; i++)
		event_del(listeners[i]);
	stop_timer = evtimer_new(p->base, stop_look, NULL);
	if (stop_timer == NULL) {
		proc_exit(p, 0);
		return;
	}
	stop_look(-1, 0, NULL);
}

static void
smtpd_stats(struct proc *p, void (*add)(void *, const char *, uint64_t),
    void *arg)
{
	(void)p;
	add(arg, "sessions", smtpd.nclients);
	add(arg, "accepted", smtpd.accepted);
	add(arg, "connections-refused", smtpd.refused);
}

static const struct proc_ops ops = { .check = smtpd_check,
	.reload = smtpd_take_conf,
	.stop = smtpd_stop,
	.stats = smtpd_stats };
static const struct ipc_ops channel_ops = { .msg = NULL };

int
main(int argc, char *argv[])
{
	proc_init(&smtpd.proc, ROLE_SMTPD, &ops, argc, argv);
	secret_init();
	smtpd_take_conf(&smtpd.proc);
	proc_drop(&smtpd.proc);
	smtpd.authd = proc_connect(&smtpd.proc, ROLE_AUTHD, &channel_ops,
	    &smtpd);
	smtpd.queued = proc_connect(&smtpd.proc, ROLE_QUEUED, &channel_ops,
	    &smtpd);
	proc_confine(&smtpd.proc, CONFINE_ACCEPT | CONFINE_CONNECT);
	start_listening();
	return proc_loop(&smtpd.proc);
}
