/*
 * Connections of panels: who may connect, requests to job.c and answers back,
 * and how long anybody may take for anything.
 *
 * One request of a connection at a time: while it is carried out nothing more
 * is read.
 */
#include "config.h"
#include "admind/admind.h"
#include "admind/exchange.h"
#include "admind/key.h"

#include "libcommon/conn.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define PANELS_MAX 64
#define IN_MAX (32 * 1024) /* bytes taken at once */
#define HELLO_MS 10000     /* until a panel has said who it is */
#define FIRST_MS 30000     /* until its first request begins */
#define RECORD_MS 60000    /* for one request to come in */
#define IDLE_MS 300000
#define LOG_LINES 20       /* refusals logged in LOG_MS */
#define LOG_MS 60000
#define GROUPS_MAX 1024

_Static_assert(REQUEST_MAX <= CODED_TEXT_MAX, "requests fit into records");

struct panel {
	LIST_ENTRY(panel) next;
	uint64_t token;
	struct conn *conn;
	struct exchange x;
	struct dir_who who;
	struct event *deadline; /* of the hello, or the record under way */
	bool busy;              /* a request of it is with job.c */
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
	exchange_clear(&p->x);
	conn_free(&p->conn);
	event_free(p->deadline);
	free(p);
}

/* After what is still to be sent. */
static void
panel_finish(struct panel *p)
{
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
		    log_quote_str(p->who.origin), log_quote_str(p->x.panel),
		    log_quote_str(why));
	panel_free(p);
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

	_Static_assert(sizeof(p->who.request) == CODED_ID, "ids");
	p->busy = true;
	p->who.has_request = memcmp(p->x.id, none, sizeof(none)) != 0;
	memcpy(p->who.request, p->x.id, sizeof(p->who.request));
	conn_pause(p->conn);
	panel_set_deadline(p, 0);
	job_add(p->x.text, &p->who, panel_answer, NULL, p->token);
	exchange_taken(&p->x);
}

/* ---- the connection ---------------------------------------------------------- */

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
			panel_request(p);
			break;
		case EXCHANGE_END:
			exchange_end(&p->x, conn_out(c));
			panel_finish(p);
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
	if (hello && p->x.panel[0] != '\0' && !p->x.proved)
		panel_set_deadline(p, FIRST_MS);
	else if (!p->busy && p->x.proved && exchange_is_partial(&p->x) &&
	    (!partial || !proved))
		panel_set_deadline(p, RECORD_MS);
	return used;
}

static void
panel_ended(struct conn *c, enum conn_end end, void *arg)
{
	struct panel *p = arg;

	if (end == CONN_TIMEOUT && !exchange_is_partial(&p->x)) {
		exchange_end(&p->x, conn_out(c));
		conn_flush(c);
		panel_finish(p);
		return;
	}
	/* A request under way is carried out; its answer finds nobody. */
	panel_refuse(p, end == CONN_TIMEOUT ? "it takes too long" :
	    p->x.proved ? "cut without an end" : "no hello");
}

static const struct conn_ops panel_ops = { .input = panel_input,
	.ended = panel_ended };

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

static int
panel_find(void *arg, const char *name, unsigned char key[static CODED_KEY])
{
	(void)arg;
	if (strcmp(name, "local") != 0)
		return -1;
	semail_key_public(key, key_local());
	return 0;
}

/* Who has not proved who it is makes room for who comes now, the oldest first:
 * so a crowd of strangers keeps nobody out for long. */
static bool
make_room(void)
{
	struct panel *p, *oldest = NULL;

	if (npanels < PANELS_MAX)
		return true;
	LIST_FOREACH(p, &panels, next)
		if (!p->x.proved)
			oldest = p; /* new ones are put in front */
	if (oldest == NULL)
		return false;
	panel_refuse(oldest, "too many connections");
	return true;
}

static void
panel_accept(evutil_socket_t fd, short what, void *arg)
{
	struct panel *p;
	int c;

	(void)what;
	(void)arg;
	if ((c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) == -1)
		return;
	if (!make_room() || (p = calloc(1, sizeof(*p))) == NULL) {
		close(c);
		return;
	}
	p->token = ++last_token;
	p->deadline = event_new(admind.proc.base, -1, 0, panel_late, p);
	if (p->deadline == NULL)
		fatalx("panel memory");
	if (!panel_may(c, &p->who)) {
		close(c);
		event_free(p->deadline);
		free(p);
		return;
	}
	exchange_init(&p->x, key_server(), panel_find, p);
	if ((p->conn = conn_new(admind.proc.base, c, IN_MAX, &panel_ops, p)) ==
	    NULL)
		fatalx("panel memory");
	conn_timeout(p->conn, IDLE_MS);
	panel_set_deadline(p, HELLO_MS);
	LIST_INSERT_HEAD(&panels, p, next);
	npanels++;
}

void
panel_start(void)
{
	if (semail_coded_start() == -1)
		fatalx("panel libsodium");
	accepting = event_new(admind.proc.base,
	    proc_edge_fd(&admind.proc, ROLE_CLI), EV_READ | EV_PERSIST,
	    panel_accept, NULL);
	if (accepting == NULL || event_add(accepting, NULL) == -1)
		fatalx("panel memory");
}
