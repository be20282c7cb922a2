/*
 * A reload is whole or not at all: the new configuration is read and checked,
 * every running daemon gets its part and says good or not, and only when all
 * said good does any of them switch.  A renewal is a reload of the
 * certificates alone: what else has changed in the configuration, or is just
 * being written there, waits for the administrator's word.
 */
#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "master/master.h"

#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS 10000

struct reload {
	struct master *master;
	struct conf *conf; /* NULL: a renewal; what we have stays */
	struct certs *certs;
	void (*done)(void *, const char *);
	void *arg;
	unsigned waiting;
	char why[512];
};

static struct reload *running; /* one at a time */

static void
reload_complain(void *arg, const char *text)
{
	struct reload *r = arg;

	log_warnx("reload %s", text);
	if (r->why[0] == '\0')
		snprintf(r->why, sizeof(r->why), "%s", text);
}

static void
reload_warn(void *arg, const char *text)
{
	(void)arg;
	log_warnx("reload %s", text);
}

/* Sockets, folders and processes stay as they were started. */
static int
reload_changes_fixed(struct reload *r)
{
	static const char *const fixed[] = { "state-dir", "run-dir", "log-file",
		"smtp-processes", "database", "database-tls", "queue-log-size",
		"queue-segment-size" };
	const struct conf *old = r->master->conf;
	char text[512];

	for (size_t i = 0; i < nitems(fixed); i++) {
		if (strcmp(conf_get(old, fixed[i]),
		        conf_get(r->conf, fixed[i])) == 0)
			continue;
		snprintf(text, sizeof(text),
		    "%s: %s cannot change while running; restart for it",
		    conf_where(r->conf, fixed[i]), fixed[i]);
		reload_complain(r, text);
		return -1;
	}
	for (size_t i = 0; i < nlisten_infos; i++) {
		const char *name = listen_infos[i].setting, *a, *b;
		unsigned n = 0;

		do {
			a = conf_get_nth(old, name, n);
			b = conf_get_nth(r->conf, name, n++);
			if ((a == NULL) != (b == NULL) ||
			    (a != NULL && strcmp(a, b) != 0)) {
				snprintf(text, sizeof(text),
				    "%s cannot change while running; restart "
				    "for it",
				    name);
				reload_complain(r, text);
				return -1;
			}
		} while (a != NULL);
	}
	return 0;
}

static void
reload_finish(struct reload *r)
{
	struct master *m = r->master;
	bool good = r->why[0] == '\0';
	struct buf b;

	buf_init(&b, 8);
	wire_put_u8(&b, good);
	for (unsigned i = 0; i < m->nchildren; i++)
		if (m->children[i].verdict == 1 &&
		    m->children[i].control != NULL)
			ipc_note(m->children[i].control, MSG_CTL_SWITCH, &b,
			    -1);
	buf_clear(&b);
	if (good && r->conf != NULL) {
		conf_free(&m->conf);
		certs_free(&m->certs);
		m->conf = r->conf;
		m->certs = r->certs;
		log_info("reloaded");
	} else if (good) {
		log_info("reloaded certificates only");
	} else {
		conf_free(&r->conf);
		certs_free(&r->certs);
		log_warnx("reload refused reason=%s", log_quote_str(r->why));
	}
	running = NULL;
	r->done(r->arg, good ? NULL : r->why);
	free(r);
}

static int
reload_answer(struct ipc_msg *msg, void *arg)
{
	struct child *c = arg;
	struct reload *r = running;
	char reason[201], text[512];
	enum fail why;

	if (r == NULL)
		return 0;
	if (msg != NULL && msg->type == MSG_CTL_GOOD) {
		c->verdict = 1;
	} else if (msg == NULL) {
		/* It died: its next start reads what then holds. */
		snprintf(text, sizeof(text), "%s did not answer",
		    child_name(c));
		reload_complain(r, text);
	} else {
		if (msg_fail_get(msg->payload, &why, reason) == -1)
			snprintf(reason, sizeof(reason), "refused");
		snprintf(text, sizeof(text), "%s: %s", child_name(c), reason);
		reload_complain(r, text);
	}
	if (--r->waiting == 0)
		reload_finish(r);
	return 0;
}

/* Give one daemon its candidate. */
static void
reload_offer(struct reload *r, struct child *c)
{
	struct handover *ho;
	struct buf part;
	int fd;

	if (r->conf == NULL)
		ho = child_handover(c, r->master->conf, r->master->certs,
		    reload_complain, r);
	else
		ho = child_handover(c, r->conf, r->certs, reload_complain, r);
	if (ho == NULL)
		return;
	buf_init(&part, HO_MAX);
	ho_put(&part, ho);
	ho_free(&ho);
	fd = buf_error(&part) != 0
	    ? -1
	    : io_sealed_memfd("semail-conf", buf_span(&part));
	buf_clear(&part);
	if (fd == -1 ||
	    ipc_request(c->control, MSG_CTL_RELOAD, NULL, fd, DEADLINE_MS,
	        reload_answer, c) == -1)
		reload_complain(r, "a daemon could not be asked");
	else
		r->waiting++;
}

static struct reload *
reload_new(struct master *m, void (*done)(void *, const char *), void *arg)
{
	struct reload *r;

	if (running != NULL || m->stopping) {
		done(arg, "another reload or a stop is under way");
		return NULL;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("reload");
	r->master = m;
	r->done = done;
	r->arg = arg;
	return r;
}

static void
reload_start(struct reload *r)
{
	struct master *m = r->master;

	running = r;
	r->waiting = 1; /* ours, until all have been asked */
	for (unsigned i = 0; i < m->nchildren; i++) {
		struct child *c = &m->children[i];

		c->verdict = 0;
		if (c->control != NULL &&
		    (r->conf != NULL || certs_are_for(c->info->role)))
			reload_offer(r, c);
	}
	if (--r->waiting == 0)
		reload_finish(r);
}

void
master_reload(struct master *m, void (*done)(void *, const char *), void *arg)
{
	struct reload *r = reload_new(m, done, arg);

	if (r == NULL)
		return;
	r->conf = conf_read(m->conf_path, reload_complain, r);
	if (r->conf != NULL)
		r->certs = certs_read(r->conf, reload_complain, reload_warn, r);
	if (r->certs == NULL || reload_changes_fixed(r) == -1) {
		conf_free(&r->conf);
		certs_free(&r->certs);
		done(arg, r->why);
		free(r);
		return;
	}
	reload_start(r);
}

void
master_renew(struct master *m, void (*done)(void *, const char *), void *arg)
{
	struct reload *r = reload_new(m, done, arg);

	if (r != NULL)
		reload_start(r);
}

bool
master_reloads(void)
{
	return running != NULL;
}
