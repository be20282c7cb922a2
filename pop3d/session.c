#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "pop3d/pop3d.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- limits ------------------------------------------------------------- */

/* The same host, as far as limits go: a /64 is one for IPv6. */
static bool
is_like(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)(const void *)a)
		           ->sin_addr.s_addr ==
		    ((const struct sockaddr_in *)(const void *)b)
		        ->sin_addr.s_addr;
	if (a->sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)(const void *)a)
		                   ->sin6_addr,
		           &((const struct sockaddr_in6 *)(const void *)b)
		                ->sin6_addr,
		           8) == 0;
	return true;
}

unsigned
session_count_like(const struct front *f, const struct sockaddr *sa)
{
	const struct session *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &f->waiting, entry)
		n += is_like(conn_peer_sa(s->conn), sa);
	TAILQ_FOREACH(s, &f->attached, entry)
		n += is_like(conn_peer_sa(s->conn), sa);
	return n;
}

void
session_sweep(struct front *f)
{
	uint64_t now = io_now_ms();
	struct session *s;

	while ((s = TAILQ_FIRST(&f->waiting)) != NULL &&
	    s->since_ms + LOGIN_TIME_MS <= now)
		session_say_and_end(&s, "-ERR no login in time");
}

/* When all places are taken the one who waits longest without logging in makes
 * room: idle strangers must not keep users out. */
static bool
make_room(struct front *f)
{
	struct session *s;

	if (f->nsessions < conf_num("pop3-session-limit"))
		return true;
	TAILQ_FOREACH(s, &f->waiting, entry)
		if (s->state != S_ASKING)
			break;
	if (s == NULL)
		return false;
	log_info("evicted client=%s", conn_peer(s->conn));
	session_say_and_end(&s, "-ERR [SYS/TEMP] too many sessions");
	return true;
}

/* ---- life --------------------------------------------------------------- */

/* Everything but the connection. */
static void
forget(struct session *s)
{
	struct front *f = s->front;

	if (s->state == S_ASKING) {
		ipc_forget(f->authd, s);
		ipc_forget(f->spawnd, s);
	}
	TAILQ_REMOVE(s->state == S_ATTACHED ? &f->attached : &f->waiting, s,
	    entry);
	f->nsessions--;
	if (s->address != NULL)
		log_info("session-end client=%s login=%s seconds=%llu",
		    conn_peer(s->conn), log_quote_str(s->address),
		    (unsigned long long)(io_now_ms() - s->since_ms) / 1000);
	proto_clear(&s->proto);
	relay_free(&s->relay);
	if (s->pair != -1)
		close(s->pair);
	free(s->address);
}

void
session_end(struct session **sp)
{
	struct session *s = *sp;

	*sp = NULL;
	forget(s);
	conn_free(&s->conn);
	free(s);
}

void
session_say_and_end(struct session **sp, const char *line)
{
	struct session *s = *sp;

	*sp = NULL;
	if (line != NULL) {
		conn_puts(s->conn, line);
		conn_puts(s->conn, "\r\n");
	}
	forget(s);
	conn_finish(&s->conn);
	free(s);
}

/* ---- the dialogue -------------------------------------------------------- */

static void
facts(const struct session *s, struct proto_facts *out)
{
	const char *rule = conf_str("plaintext-login");

	out->hostname = conf_str("hostname");
	out->is_tls = conn_is_tls(s->conn);
	out->can_tls = s->front->tls != NULL;
	out->may_password = out->is_tls || strcmp(rule, "yes") == 0 ||
	    (strcmp(rule, "loopback") == 0 && conn_peer_is_loopback(s->conn));
}

static void
greet(struct session *s)
{
	struct proto_facts f;

	facts(s, &f);
	proto_greet(&f, conn_out(s->conn));
	conn_flush(s->conn);
}

static size_t
on_input(struct conn *c, struct span in, void *arg)
{
	struct session *s = arg;
	struct proto_facts f;
	size_t all = 0, used;

	if (s->state == S_ATTACHED)
		return relay_input(s->relay, in);
	facts(s, &f);
	for (;;) {
		struct span rest = span_sub(in, all, in.len);

		if (conn_unsent(c) > CONN_OUT_HIGH) {
			/* It talks and does not listen: drained() goes on. */
			conn_pause(c);
			return all;
		}
		switch (proto_input(&s->proto, &f, rest, conn_out(c), &used)) {
		case PROTO_WAIT:
			conn_flush(c);
			return all + used;
		case PROTO_MORE:
			conn_flush(c);
			break;
		case PROTO_TLS:
			conn_flush(c);
			conn_start_tls(c, s->front->tls);
			return in.len;
		case PROTO_LOGIN:
			/* What follows is the worker's, if all goes well. */
			s->state = S_ASKING;
			conn_pause(c);
			login_start(s);
			return all + used;
		case PROTO_CLOSE:
			conn_flush(c);
			session_say_and_end(&s, NULL);
			return in.len;
		}
		all += used;
	}
}

static void
on_drained(struct conn *c, void *arg)
{
	struct session *s = arg;

	if (s->state == S_ATTACHED)
		relay_drained(s->relay);
	else if (s->state == S_COMMAND)
		conn_resume(c);
}

static void
on_secured(struct conn *c, void *arg)
{
	struct session *s = arg;

	(void)c;
	if (s->state == S_SECURING) {
		s->state = S_COMMAND;
		greet(s);
	}
}

static void
on_ended(struct conn *c, enum conn_end why, void *arg)
{
	struct session *s = arg;

	(void)c;
	if (s->state == S_ATTACHED && why == CONN_EOF)
		relay_client_eof(s->relay);
	else if (why == CONN_EOF)
		session_say_and_end(&s, NULL);
	else
		session_end(&s);
}

static const struct conn_ops ops = { on_input, on_drained, on_secured,
	on_ended };

void
session_new(struct front *f, int fd, bool tls_at_once)
{
	struct session *s = calloc(1, sizeof(*s));
	uint64_t idle_ms = conf_num("pop3-timeout");
	const char *full = NULL;
	unsigned like;

	if (s == NULL) {
		log_warn("session");
		close(fd);
		return;
	}
	s->front = f;
	s->pair = -1;
	s->since_ms = io_now_ms();
	proto_init(&s->proto);
	s->conn = conn_new(f->proc.base, fd, SESSION_IN_MAX, &ops, s);
	if (s->conn == NULL) {
		log_warn("session");
		free(s);
		return;
	}
	s->state = tls_at_once ? S_SECURING : S_COMMAND;
	conn_timeout(s->conn,
	    (unsigned)(idle_ms < LOGIN_TIME_MS ? idle_ms : LOGIN_TIME_MS));
	like = session_count_like(f, conn_peer_sa(s->conn));
	if (like >= conf_num("pop3-address-session-limit"))
		full = "-ERR [SYS/TEMP] too many sessions from your address";
	else if (!make_room(f))
		full = "-ERR [SYS/TEMP] too many sessions";
	TAILQ_INSERT_TAIL(&f->waiting, s, entry);
	f->nsessions++;
	if (full != NULL) {
		f->refused++;
		log_info("refused client=%s from-there=%u sessions=%u",
		    conn_peer(s->conn), like, f->nsessions - 1);
		session_say_and_end(&s, tls_at_once ? NULL : full);
		return;
	}
	if (tls_at_once)
		conn_start_tls(s->conn, f->tls);
	else
		greet(s);
}

/* ---- the end of a login -----------------------------------------------------
 */

static void
answer(struct session *s, enum proto_answer a)
{
	enum proto_next next = proto_failed(&s->proto, a, conn_out(s->conn));

	conn_flush(s->conn);
	if (next == PROTO_CLOSE) {
		session_say_and_end(&s, NULL);
		return;
	}
	s->state = S_COMMAND;
	conn_resume(s->conn);
}

static void
log_login(struct session *s, const char *result, const char *why)
{
	const struct sasl *l = proto_login(&s->proto);
	const char *tls = conn_tls_text(s->conn);

	log_info(
	    "login client=%s port=%u login=%s method=%s tls=%s result=%s%s%s",
	    conn_peer(s->conn), conn_peer_port(s->conn),
	    log_quote_str(l->login), proto_method(&s->proto),
	    *tls ? log_quote_str(tls) : "no", result, *why ? " reason=" : "",
	    *why ? log_quote_str(why) : "");
}

void
session_failed(struct session *s, enum proto_answer a, const char *why)
{
	log_login(s,
	    a == PROTO_DENIED       ? "denied"
	        : a == PROTO_IN_USE ? "in-use"
	                            : "failed",
	    why);
	proto_forget(&s->proto);
	if (s->pair != -1) {
		close(s->pair);
		s->pair = -1;
	}
	free(s->address);
	s->address = NULL;
	if (a == PROTO_DENIED)
		s->front->denied++;
	else
		s->front->failed++;
	answer(s, a);
}

void
session_attached(struct session *s)
{
	int fd = s->pair;

	s->pair = -1;
	if ((s->relay = relay_new(s, fd)) == NULL) {
		session_failed(s, PROTO_TEMP, "out of memory");
		return;
	}
	log_login(s, "ok", "");
	proto_clear(&s->proto);
	s->front->logins++;
	TAILQ_REMOVE(&s->front->waiting, s, entry);
	TAILQ_INSERT_TAIL(&s->front->attached, s, entry);
	s->state = S_ATTACHED;
	conn_timeout(s->conn, (unsigned)conf_num("pop3-timeout"));
	conn_resume(s->conn);
}
