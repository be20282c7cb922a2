/*
 * A panel's connection: its requests to job.c, the answers back, and how long
 * anybody may take for anything.
 *
 * One request of a connection at a time: while it is carried out nothing more
 * is read.
 */
#include "config.h"
#include "admind/panel.h"
#include "admind/exchange.h"
#include "admind/key.h"

#include "libcommon/conn.h"
#include "libcommon/io.h"
#include "libcommon/limit.h"
#include "libcommon/log.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define ADDRESS_MAX 32     /* connections of one address */
#define IN_MAX (32 * 1024) /* bytes taken at once */
#define HELLO_MS 10000     /* until a panel has said who it is */
#define FIRST_MS 30000     /* until its first request begins */
#define RECORD_MS 60000    /* for one request to come in */
#define IDLE_MS 300000
#define LOG_LINES 20 /* refusals logged in LOG_MS */
#define LOG_MS 60000

_Static_assert(REQUEST_MAX <= CODED_TEXT_MAX, "requests fit into records");

struct panel {
	LIST_ENTRY(panel) next;
	uint64_t token;
	bool is_tcp;
	bool counted; /* in limit.h */
	struct conn *conn;
	struct exchange x;
	struct who_from from;
	struct event *deadline; /* of the hello, or the record under way */
	bool busy;              /* a request of it is with job.c */
};

static LIST_HEAD(, panel) panels = LIST_HEAD_INITIALIZER(panels);
static uint64_t last_token;

static void
panel_free(struct panel *p)
{
	LIST_REMOVE(p, next);
	if (p->counted)
		limit_leave(conn_peer_sa(p->conn));
	exchange_clear(&p->x);
	conn_free(&p->conn);
	event_free(p->deadline);
	free(p);
}

/* After what is still to be sent. */
static void
panel_finish(struct panel *p)
{
	if (p->counted)
		limit_leave(conn_peer_sa(p->conn));
	p->counted = false;
	conn_finish(&p->conn);
	panel_free(p);
}

/* Anybody may have us log this, so only so often. */
static void
panel_refuse(struct panel *p, const char *why)
{
	static uint64_t since_ms, lines;
	uint64_t now = io_now_ms();

	admind.panels_refused++;
	if (now - since_ms >= LOG_MS) {
		if (lines > LOG_LINES)
			log_warnx("panel refused=%llu more",
			    (unsigned long long)(lines - LOG_LINES));
		since_ms = now;
		lines = 0;
	}
	if (++lines <= LOG_LINES)
		log_warnx("panel refused from=%s panel=%s reason=%s",
		    log_quote_str(p->from.remote), log_quote_str(p->x.panel),
		    log_quote_str(why));
	panel_free(p);
}

/* Our end, when the panel is not waiting for an answer. */
static void
panel_end(struct panel *p)
{
	if (!p->busy) {
		exchange_end(&p->x, conn_out(p->conn));
		conn_flush(p->conn);
	}
	panel_finish(p);
}

static void
panel_set_deadline(struct panel *p, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	if (ms == 0)
		event_del(p->deadline);
	else
		event_add(p->deadline, &tv);
}

static void
panel_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	panel_refuse(arg, "it takes too long");
}

/* ---- requests and answers ------------------------------------------------- */

static void
panel_answer(void *arg, uint64_t token, struct span answer)
{
	struct panel *p;

	(void)arg;
	LIST_FOREACH(p, &panels, next)
		if (p->token == token)
			break;
	if (p == NULL)
		return; /* it went away; what it asked for is done */
	p->busy = false;
	exchange_answer(&p->x, p->x.id, answer, conn_out(p->conn));
	conn_flush(p->conn);
	conn_resume(p->conn);
}

static void
panel_request(struct panel *p)
{
	static const unsigned char none[CODED_ID];
	struct dir_who *who = &p->from.who;

	_Static_assert(sizeof(who->request) == CODED_ID, "ids");
	who->has_request = memcmp(p->x.id, none, sizeof(none)) != 0;
	memcpy(who->request, p->x.id, sizeof(who->request));
	p->busy = true;
	conn_pause(p->conn);
	panel_set_deadline(p, 0);
	job_add(p->x.text, &p->from, panel_answer, NULL, p->token);
	exchange_taken(&p->x);
}

/* The local panel is of this host's socket, and all others are in the
 * database. */
static int
panel_find(void *arg, const char *name, unsigned char key[static CODED_KEY])
{
	struct panel *p = arg;

	if (strcmp(name, PANEL_LOCAL) != 0)
		return panel_key(name, key);
	if (p->is_tcp)
		return -1;
	semail_key_public(key, key_local());
	return 0;
}

/* It may have been deleted since it came, on another host, too. */
static bool
panel_is_known(struct panel *p)
{
	unsigned char key[CODED_KEY];

	return panel_find(p, p->x.panel, key) == 0 &&
	    memcmp(key, p->x.coded.panel, sizeof(key)) == 0;
}

void
panel_drop(const char *name)
{
	struct panel *p, *next;

	for (p = LIST_FIRST(&panels); p != NULL; p = next) {
		next = LIST_NEXT(p, next);
		if (strcmp(p->x.panel, name) == 0)
			panel_end(p);
	}
}

/* ---- the connection ---------------------------------------------------------- */

/* Where from, and with which panel's key: for the audit log. */
static void
set_origin(struct panel *p)
{
	char *to = p->from.who.origin;
	size_t size = sizeof(p->from.who.origin);
	int n = snprintf(to, size, "%s", p->is_tcp ? p->from.remote : "unix");

	/* As much of its name as there is room for. */
	if (strcmp(p->x.panel, PANEL_LOCAL) != 0 && n > 0 &&
	    (size_t)n + 2 < size)
		snprintf(to + n, size - (size_t)n, " %.*s",
		    (int)(size - (size_t)n - 2), p->x.panel);
}

static size_t
panel_input(struct conn *c, struct span in, void *arg)
{
	struct panel *p = arg;
	bool hello = p->x.panel[0] == '\0', proved = p->x.proved;
	bool partial = exchange_is_partial(&p->x);
	size_t used = 0, n;

	while (!p->busy && used < in.len) {
		switch (exchange_feed(&p->x, span_sub(in, used, in.len - used),
		    &n, conn_out(c))) {
		case EXCHANGE_REQUEST:
			if (!panel_is_known(p)) {
				panel_end(p);
				return in.len;
			}
			panel_request(p);
			break;
		case EXCHANGE_END:
			panel_end(p);
			return in.len;
		case EXCHANGE_BAD:
			panel_refuse(p, p->x.why);
			return in.len;
		case EXCHANGE_MORE:
			break;
		}
		used += n;
	}
	conn_flush(c);
	/* A record has its time from its first byte to its last. */
	if (hello && p->x.panel[0] != '\0') {
		set_origin(p);
		if (!p->x.proved)
			panel_set_deadline(p, FIRST_MS);
	} else if (!p->busy && p->x.proved && exchange_is_partial(&p->x) &&
	    (!partial || !proved)) {
		panel_set_deadline(p, RECORD_MS);
	}
	return used;
}

static void
panel_ended(struct conn *c, enum conn_end end, void *arg)
{
	struct panel *p = arg;

	(void)c;
	if (end == CONN_TIMEOUT && !exchange_is_partial(&p->x)) {
		panel_end(p);
		return;
	}
	/* A request under way is carried out; its answer finds nobody. */
	panel_refuse(p,
	    end == CONN_TIMEOUT ? "it takes too long"
	        : p->x.proved   ? "cut without an end"
	                        : "no hello");
}

static const struct conn_ops panel_ops = { .input = panel_input,
	.ended = panel_ended };

/* ---- coming --------------------------------------------------------------------- */

bool
panel_make_room(bool is_tcp, unsigned max)
{
	struct panel *p, *oldest = NULL;
	unsigned n = 0;

	LIST_FOREACH(p, &panels, next) {
		n += p->is_tcp == is_tcp;
		if (p->is_tcp == is_tcp && !p->x.proved)
			oldest = p; /* new ones are put in front */
	}
	if (n >= max && oldest != NULL)
		panel_refuse(oldest, "too many connections");
	return n < max || oldest != NULL;
}

void
panel_new(int fd, bool is_tcp, const struct who_from *from)
{
	struct panel *p = calloc(1, sizeof(*p));

	if (p == NULL)
		fatalx("panel memory");
	p->token = ++last_token;
	p->is_tcp = is_tcp;
	p->from = *from;
	exchange_init(&p->x, key_server(), panel_find, p);
	p->deadline = event_new(admind.proc.base, -1, 0, panel_late, p);
	p->conn = conn_new(admind.proc.base, fd, IN_MAX, &panel_ops, p);
	if (p->deadline == NULL || p->conn == NULL)
		fatalx("panel memory");
	LIST_INSERT_HEAD(&panels, p, next);
	conn_timeout(p->conn, IDLE_MS);
	panel_set_deadline(p, HELLO_MS);
	if (!is_tcp)
		return;
	snprintf(p->from.remote, sizeof(p->from.remote), "%s",
	    conn_peer(p->conn));
	p->counted = limit_enter(conn_peer_sa(p->conn), ADDRESS_MAX);
	if (!p->counted)
		panel_refuse(p, "too many connections from there");
}
