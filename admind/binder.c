/* authd's side: questions to the binder, answers, deadlines. */
#include "config.h"
#include "admind/binder.h"
#include "admind/nursery.h"

#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/proc.h"
#include "libcommon/tls.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATE_MS 2000  /* more than the child's own deadline */
#define AGAIN_MS 1000 /* one that died is replaced no sooner */

static struct asked {
	uint32_t id; /* slot and count; 0: free */
	binder_done done;
	void *arg;
	uint64_t late_ms;
} asked[BINDER_OPEN_MAX];
static uint32_t count;
static unsigned nasked;
static struct event_base *base;
static struct event *ev, *tick;
static int fd = -1;
static uint64_t not_before_ms;
static struct buf conf; /* as the children have it */

static void
answer(struct asked *a, enum binder_answer what)
{
	struct asked was = *a;

	memset(a, 0, sizeof(*a));
	nasked--;
	was.done(was.arg, what);
}

static void
children_end(void)
{
	if (fd == -1)
		return;
	event_free(ev);
	close(fd);
	ev = NULL;
	fd = -1;
	for (unsigned i = 0; i < BINDER_OPEN_MAX; i++)
		if (asked[i].id != 0)
			answer(&asked[i], BINDER_TROUBLE);
}

static void
on_answer(evutil_socket_t s, short what, void *arg)
{
	unsigned char in[BINDER_JOB_MAX];
	struct wire w;
	struct asked *a;
	uint32_t id;
	uint8_t how;
	ssize_t n;

	(void)what;
	(void)arg;
	n = recv(s, in, sizeof(in), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		log_warnx("binder died");
		not_before_ms = io_now_ms() + AGAIN_MS;
		children_end();
		return;
	}
	wire_init(&w, span_from(in, (size_t)n));
	id = wire_u32(&w);
	how = wire_u8(&w);
	a = &asked[id % BINDER_OPEN_MAX];
	/* One whose time is up has been answered. */
	if (wire_done(&w) == -1 || how >= BINDER__COUNT || id == 0 ||
	    a->id != id)
		return;
	answer(a, (enum binder_answer)how);
}

/* The child keeps the deadline; this is for a child that does not. */
static void
on_tick(evutil_socket_t s, short what, void *arg)
{
	struct timeval second = { 1, 0 };
	uint64_t now = io_now_ms();

	(void)s;
	(void)what;
	(void)arg;
	for (unsigned i = 0; i < BINDER_OPEN_MAX; i++)
		if (asked[i].id != 0 && asked[i].late_ms <= now)
			answer(&asked[i], BINDER_TROUBLE);
	if (nasked > 0)
		event_add(tick, &second);
}

/* ---- the children ------------------------------------------------------------ */

static void
pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		fatal("binder");
}

static int
memfd(struct span bytes)
{
	int mfd = io_sealed_memfd("binder", bytes);

	if (mfd == -1)
		fatal("binder");
	return mfd;
}

static bool
asks_dns(void)
{
	struct binder_conf *c = calloc(1, sizeof(*c));
	bool asks;

	if (c == NULL)
		fatal("binder");
	binder_conf_read(buf_span(&conf), c);
	asks = binder_conf_asks_dns(c);
	free(c);
	return asks;
}

/* Sockets, and children that have the ends they need. */
static int
children_start(void)
{
	int ours[2], theirs[2], names[2], sockets[2];

	if (io_now_ms() < not_before_ms) {
		errno = EAGAIN;
		return -1;
	}
	pair(ours);
	pair(theirs);
	nursery_child(CHILD_BINDER,
	    (int[]){ ours[1], theirs[0], memfd(buf_span(&conf)) }, 3);
	if (asks_dns()) {
		pair(names);
		pair(sockets);
		nursery_child(CHILD_RESOLVER,
		    (int[]){
		        names[0], sockets[0], memfd(conf_blob("resolver")) },
		    3);
		nursery_child(CHILD_CONNECTOR,
		    (int[]){ theirs[1], memfd(buf_span(&conf)), names[1],
		        sockets[1] },
		    4);
	} else {
		nursery_child(CHILD_CONNECTOR,
		    (int[]){ theirs[1], memfd(buf_span(&conf)) }, 2);
	}
	fd = ours[0];
	if ((ev = event_new(base, fd, EV_READ | EV_PERSIST, on_answer, NULL)) ==
	        NULL ||
	    event_add(ev, NULL) == -1)
		fatalx("binder event");
	return 0;
}

int
binder_try(const struct handover *ho, char why[static 201])
{
	struct span ca = ho_blob(ho, "ldap-ca-file");
	struct tls_ctx *tls;
	char reason[201];

	if (ca.len == 0)
		return 0;
	if ((tls = tls_ctx_client(ca, reason)) == NULL) {
		snprintf(why, 201, "ldap-ca-file: %.180s", reason);
		return -1;
	}
	tls_ctx_free(&tls);
	return 0;
}

void
binder_configure(struct event_base *b)
{
	struct buf now;

	base = b;
	if (tick == NULL &&
	    (tick = event_new(base, -1, 0, on_tick, NULL)) == NULL)
		fatalx("binder event");
	buf_init(&now, HO_MAX);
	wire_put_bytes(&now, conf_blob("ldap"));
	wire_put_bytes(&now, conf_blob("ldap-search"));
	wire_put_bytes(&now, conf_blob("ldap-ca-file"));
	wire_put_u8(&now, strcmp(conf_str("ldap-starttls"), "yes") == 0);
	wire_put_u32(&now, (uint32_t)conf_num("ldap-timeout"));
	wire_put_str(&now, conf_str("ldap-search-dn"));
	wire_put_bytes(&now, conf_blob("ldap-search-password-file"));
	wire_put_bytes(&now, conf_blob("resolver"));
	wire_put_bytes(&now, conf_blob("hosts"));
	if (buf_error(&now) != 0)
		fatalx("binder memory");
	if (conf.len > 0 && span_eq(buf_span(&now), buf_span(&conf))) {
		buf_clear(&now);
		return;
	}
	buf_clear(&conf);
	conf = now;
	not_before_ms = 0;
	children_end();
}

/* ---- questions ----------------------------------------------------------------- */

static struct asked *
free_slot(void)
{
	for (unsigned i = 0; i < BINDER_OPEN_MAX; i++)
		if (asked[i].id == 0)
			return &asked[i];
	return NULL;
}

int
binder_check(struct span source, const struct ldapsrc_who *who,
    struct span password, binder_done done, void *arg)
{
	struct timeval second = { 1, 0 };
	struct asked *a = free_slot();
	struct buf b;
	bool sent;

	/* Without any source there are no children: they come with the first
	 * question, also after they died. */
	if (a == NULL || (fd == -1 && children_start() == -1)) {
		errno = EAGAIN;
		return -1;
	}
	if (++count > UINT32_MAX / BINDER_OPEN_MAX - 1)
		count = 1;
	a->id = count * BINDER_OPEN_MAX + (uint32_t)(a - asked);
	buf_init(&b, BINDER_JOB_MAX);
	wire_put_u32(&b, a->id);
	wire_put_bytes(&b, source);
	wire_put_bytes(&b, who->login);
	wire_put_bytes(&b, who->domain);
	wire_put_bytes(&b, password);
	sent = buf_error(&b) == 0 &&
	    send(fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	        (ssize_t)b.len;
	buf_clear(&b);
	if (!sent) {
		a->id = 0;
		errno = EAGAIN;
		return -1;
	}
	a->done = done;
	a->arg = arg;
	a->late_ms = io_now_ms() + conf_num("ldap-timeout") + LATE_MS;
	if (nasked++ == 0)
		event_add(tick, &second);
	return 0;
}

unsigned
binder_waiting(void)
{
	return nasked;
}
