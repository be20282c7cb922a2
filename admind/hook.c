/*
 * Hooks, from the audit log to spawnd and back: one at a time, in the order of
 * the changes, after the panel has had its answer.
 *
 * A row is changed only when its hook has ended, so a crash of anybody runs it
 * again: at least once.
 */
#include "config.h"
#include "admind/admind.h"

#include "libcommon/handover.h"
#include "libcommon/log.h"
#include "libcommon/msg_hook.h"

#include <event2/event.h>
#include <stdio.h>

#define LOOK_MS 5000    /* for what nobody told us of */
#define AGAIN_MS 250    /* spawnd or authd is not ready */
#define MARGIN_MS 15000 /* spawnd knows the hook's limit; we its own */

static struct event *look;
static struct dir_hook now; /* what runs, or has run */
static enum { IDLE, RUNNING, ENDED } state;
static struct {
	bool good;
	char comment[256];
} end;

static void
look_in(unsigned ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	event_add(look, &tv);
}

void
hooks_kick(void)
{
	if (look != NULL && dir_hooks_any())
		look_in(0);
}

/* ---- its end --------------------------------------------------------------------- */

static void
say_end(const struct msg_hooked *m)
{
	const char *said = m->said.len > 0 ? ": " : "";
	int len = (int)m->said.len;
	const char *text = (const char *)m->said.data;

	end.good = m->status == 0 || m->status == HOOK_MISSING;
	if (m->status == 0)
		end.comment[0] = '\0';
	else if (m->status == HOOK_MISSING)
		snprintf(end.comment, sizeof(end.comment),
		    "there is no such hook any more");
	else if (m->status == HOOK_UNFIT)
		snprintf(end.comment, sizeof(end.comment), "%.*s", len, text);
	else if (m->status == HOOK_TIMEOUT)
		snprintf(end.comment, sizeof(end.comment),
		    "killed at its time "
		    "limit%s%.*s",
		    said, len, text);
	else if (m->status >= HOOK_SIGNAL)
		snprintf(end.comment, sizeof(end.comment),
		    "killed by signal "
		    "%u%s%.*s",
		    m->status - HOOK_SIGNAL, said, len, text);
	else
		snprintf(end.comment, sizeof(end.comment),
		    "exit status %u%s"
		    "%.*s",
		    m->status, said, len, text);
}

static void
store_end(void)
{
	if (dir_hook_done(admind.db, now.id, end.good, end.comment) == -1) {
		look_in(AGAIN_MS);
		return;
	}
	state = IDLE;
	look_in(0);
}

static int
on_hooked(struct ipc_msg *m, void *arg)
{
	struct msg_hooked h;

	(void)arg;
	if (m == NULL || m->type == MSG_FAIL) {
		state = IDLE;
		look_in(AGAIN_MS);
		return 0;
	}
	if (msg_hooked_get(m->payload, &h) == -1) {
		state = IDLE;
		look_in(AGAIN_MS);
		return -1;
	}
	say_end(&h);
	if (!end.good)
		log_warnx("hook failed audit=%llu type=%s object=%s reason=%s",
		    (unsigned long long)now.id, now.type,
		    log_quote_str(now.object), log_quote_str(end.comment));
	state = ENDED;
	store_end();
	return 0;
}

/* ---- what it is told ----------------------------------------------------------------- */

static void
tell(struct msg_hook *m, const char *name, struct span value)
{
	if (m->n == HOOK_VARS_MAX || value.len > HOOK_VALUE_MAX)
		fatalx("hook variable=%s", name);
	for (unsigned i = 0; i < nhook_vars; i++)
		if (strcmp(hook_vars[i], name) == 0) {
			m->var[m->n].name = i;
			m->var[m->n].value = value;
			m->n++;
			return;
		}
	fatalx("hook variable=%s", name);
}

/* The audit log holds what a client called himself. */
static struct span
clean(char *s)
{
	for (char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return span_of(s);
}

static void
describe(struct msg_hook *m, char id[static 24])
{
	const char *name = hook_names[m->hook];
	struct span object = clean(now.object);
	ptrdiff_t at = span_chr(object, '@');
	struct span domain = at == -1
	    ? object
	    : span_sub(object, (size_t)at + 1, object.len);

	snprintf(id, 24, "%llu", (unsigned long long)now.id);
	tell(m, "SEMAIL_AUDIT_ID", span_of(id));
	tell(m, "SEMAIL_TYPE", span_of(now.type));
	tell(m, "SEMAIL_WHO", clean(now.who));
	tell(m, "SEMAIL_ORIGIN", clean(now.origin));
	tell(m, "SEMAIL_DATE", span_of(now.date));
	tell(m, "SEMAIL_OBJECT", object);
	if (strncmp(name, "domain-", 7) == 0) {
		tell(m, "SEMAIL_DOMAIN", domain);
	} else if (strncmp(name, "mailbox-", 8) == 0 && at != -1) {
		tell(m, "SEMAIL_DOMAIN", domain);
		tell(m, "SEMAIL_MAILBOX", span_sub(object, 0, (size_t)at));
		tell(m, "SEMAIL_ADDRESS", object);
	} else if (strncmp(name, "virtual-", 8) == 0) {
		tell(m, "SEMAIL_DOMAIN", domain);
		tell(m, "SEMAIL_ADDRESS", object);
	} else if (strncmp(name, "alias-", 6) == 0) {
		tell(m, "SEMAIL_ALIAS", object);
	} else if (strncmp(name, "client-", 7) == 0) {
		tell(m, "SEMAIL_CLIENT", object);
	}
}

static void
run(void)
{
	struct msg_hook m = { .n = 0 };
	char id[24];
	struct buf b;

	if (dir_hook_of(span_of(now.type), &m.hook) == -1) {
		snprintf(end.comment, sizeof(end.comment),
		    "no hook is known "
		    "for it");
		end.good = false;
		state = ENDED;
		store_end();
		return;
	}
	buf_init(&b, 64 * 1024);
	describe(&m, id);
	msg_hook_put(&b, &m);
	if (ipc_request(admind.spawnd, MSG_SPAWN_HOOK, &b, -1,
	        (unsigned)conf_num("hook-timeout") + MARGIN_MS, on_hooked,
	        NULL) == -1)
		look_in(AGAIN_MS);
	else
		state = RUNNING;
	buf_clear(&b);
}

/* ---- when ------------------------------------------------------------------------------ */

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (state == RUNNING || !admind.open)
		return;
	if (state == ENDED) {
		store_end();
		return;
	}
	if (!dir_hooks_any())
		return;
	if (!ipc_is_up(admind.spawnd)) {
		look_in(AGAIN_MS);
		return;
	}
	switch (dir_hook_next(admind.db, &now)) {
	case 1:
		/* authd knows of it first: the hook may send it mail. */
		if (feeder_journal() < now.journal)
			look_in(AGAIN_MS);
		else
			run();
		break;
	case 0:
		look_in(LOOK_MS);
		break;
	default:
		look_in(AGAIN_MS);
	}
}

void
hooks_reload(void)
{
	dir_hooks_set(span_of(ho_str(admind.proc.ho, "hooks")));
	hooks_kick();
}

void
hooks_start(void)
{
	if ((look = event_new(admind.proc.base, -1, 0, on_look, NULL)) == NULL)
		fatalx("hook memory");
	hooks_reload();
}
