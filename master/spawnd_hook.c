/*
 * Hooks: admind says which and of what change, we look at every word of it,
 * make the environment, and give the order to the runner (hook_runner.c).
 */
#include "config.h"
#include "master/spawnd.h"
#include "master/hook_runner.h"

#include "libcommon/addr.h"
#include "libcommon/log.h"
#include "libcommon/msg_hook.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ENV_BYTES (HOOK_VALUE_MAX + 64)

static int runner = -1;
static struct event *on_end;
static struct {
	bool running;
	uint64_t peer; /* token of admind's channel */
	uint32_t id;
	unsigned hook;
	char audit[24];
} now;

struct environment {
	struct hook_order order;
	char text[HOOK_ENV_MAX][ENV_BYTES];
};

/* ---- the environment ------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static void
set(struct environment *e, const char *name, const char *fmt, ...)
{
	char *out = e->text[e->order.nenv];
	va_list ap;
	int n;

	if (e->order.nenv == HOOK_ENV_MAX)
		fatalx("hook environment");
	n = snprintf(out, ENV_BYTES, "%s=", name);
	va_start(ap, fmt);
	vsnprintf(out + n, ENV_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
	e->order.env[e->order.nenv++] = out;
}

/* Where a mailbox's mail is: names alone make no path. */
static void
set_home(struct environment *e, const struct msg_hook *m)
{
	struct span domain = msg_hook_var(m, "SEMAIL_DOMAIN");
	struct span login = msg_hook_var(m, "SEMAIL_MAILBOX");

	if (addr_is_folder_name(domain, 255) && addr_is_folder_name(login, 64))
		set(e, "SEMAIL_HOME", "%s/mail/%.*s/%.*s",
		    conf_str("state-dir"), (int)domain.len,
		    (const char *)domain.data, (int)login.len,
		    (const char *)login.data);
}

static void
make_environment(struct environment *e, const struct msg_hook *m)
{
	const char *tz = getenv("TZ");

	set(e, "PATH",
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
	    "/sbin:/bin");
	set(e, "LANG", "C.UTF-8");
	set(e, "HOME", "/");
	if (tz != NULL)
		set(e, "TZ", "%.100s", tz);
	set(e, "SEMAIL_HOOK", "%s", hook_names[m->hook]);
	for (unsigned i = 0; i < m->n; i++)
		set(e, hook_vars[m->var[i].name], "%.*s",
		    (int)m->var[i].value.len,
		    (const char *)m->var[i].value.data);
	set_home(e, m);
}

/* ---- orders and answers ------------------------------------------------------------ */

int
hook_request(struct ipc *ipc, struct ipc_msg *m)
{
	static struct environment e;
	struct msg_hook in;
	struct buf b;
	bool sent;

	if (msg_hook_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	if (now.running) {
		/* An admind that died asked for it. */
		ipc_fail(ipc, m->id, FAIL_BUSY, "another hook is running");
		return 0;
	}
	if (span_copy(msg_hook_var(&in, "SEMAIL_AUDIT_ID"), now.audit,
	        sizeof(now.audit)) == -1)
		return ipc_refuse(ipc, m, "form");
	e.order = (struct hook_order){
		.timeout_ms = (uint32_t)conf_num("hook-timeout"),
		.dir = conf_str("hook-dir"),
		.user = conf_str("hook-user"),
		.change_user = spawnd.change_user,
		.hook = in.hook,
		.audit = now.audit
	};
	make_environment(&e, &in);
	buf_init(&b, 64 * 1024);
	hook_order_put(&b, &e.order);
	sent = buf_error(&b) == 0 &&
	    send(runner, b.data, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
	buf_clear(&b);
	if (!sent) {
		log_warn("hook order");
		ipc_fail(ipc, m->id, FAIL_TEMP, "the hook cannot be started");
		return 0;
	}
	now.running = true;
	now.peer = ipc_token(ipc);
	now.id = m->id;
	now.hook = in.hook;
	log_info("hook start hook=%s audit=%s", hook_names[in.hook], now.audit);
	return 0;
}

static void
on_runner(evutil_socket_t fd, short what, void *arg)
{
	unsigned char in[1024];
	struct msg_hooked m;
	struct ipc *ipc;
	struct buf b;
	ssize_t n;

	(void)what;
	(void)arg;
	n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	/* It cannot be had again behind the filter: semaild starts us anew. */
	if (n <= 0 || !now.running ||
	    msg_hooked_get(span_from(in, (size_t)n), &m) == -1)
		fatalx("the hook runner is gone");
	now.running = false;
	log_info("hook end hook=%s audit=%s status=%u", hook_names[now.hook],
	    now.audit, m.status);
	if ((ipc = ipc_by_token(now.peer)) == NULL)
		return;
	buf_init(&b, 1024);
	msg_hooked_put(&b, &m);
	ipc_reply(ipc, now.id, MSG_SPAWN_HOOKED, &b, -1);
	buf_clear(&b);
}

void
hooks_init(void)
{
	runner = hook_runner_start();
	on_end = event_new(spawnd.proc->base, runner, EV_READ | EV_PERSIST,
	    on_runner, NULL);
	if (on_end == NULL || event_add(on_end, NULL) == -1)
		fatalx("events");
}
