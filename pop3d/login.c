#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/msg_box.h"
#include "pop3d/pop3d.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Only answers are awaited from either. */
static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "not for pop3d");
}

static const struct ipc_ops edge_ops = { .msg = on_msg };

int
login_connect(struct front *f)
{
	f->authd = proc_connect(&f->proc, ROLE_AUTHD, &edge_ops, f);
	f->spawnd = proc_connect(&f->proc, ROLE_SPAWND, &edge_ops, f);
	return f->authd != NULL && f->spawnd != NULL ? 0 : -1;
}

/* A failure of authd or spawnd in the client's terms.  -1 if malformed. */
static int
take_failure(struct session *s, struct ipc_msg *m, const char *who)
{
	char reason[201], why[256];
	enum fail fail;

	if (msg_fail_get(m->payload, &fail, reason) == -1) {
		session_failed(s, PROTO_TEMP, "malformed answer");
		return -1;
	}
	snprintf(why, sizeof(why), "%s: %s", who, reason);
	switch (fail) {
	case FAIL_DENIED:
	case FAIL_NONE:
		session_failed(s, PROTO_DENIED, why);
		break;
	case FAIL_BUSY:
		session_failed(s, PROTO_IN_USE, why);
		break;
	default:
		session_failed(s, PROTO_TEMP, why);
	}
	return 0;
}

/* ---- spawnd ---------------------------------------------------------------
 */

static int
on_spawned(struct ipc_msg *m, void *arg)
{
	struct session *s = arg;

	if (m == NULL) {
		session_failed(s, PROTO_TEMP, "no answer from spawnd");
		return 0;
	}
	if (m->type == MSG_FAIL)
		return take_failure(s, m, "spawnd");
	if (m->type != MSG_SPAWN_OK || m->payload.len != 0) {
		session_failed(s, PROTO_TEMP, "malformed answer");
		return -1;
	}
	session_attached(s);
	return 0;
}

static void
ask_spawnd(struct session *s, const unsigned char ticket[TICKET_BYTES])
{
	struct msg_spawn_attach a = { .service = SERVICE_POP3 };
	struct buf b;
	int sv[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	        sv) == -1) {
		log_warn("socketpair");
		session_failed(s, PROTO_TEMP, "no descriptor");
		return;
	}
	s->pair = sv[0];
	memcpy(a.ticket, ticket, sizeof(a.ticket));
	a.remote = span_of(conn_peer(s->conn));
	buf_init(&b, 1024);
	msg_spawn_attach_put(&b, &a);
	r = ipc_request(s->front->spawnd, MSG_SPAWN_ATTACH, &b, sv[1],
	    IPC_DEADLINE_MS, on_spawned, s);
	buf_clear(&b);
	explicit_bzero(&a, sizeof(a));
	if (r == -1)
		session_failed(s, PROTO_TEMP, "spawnd is not there");
}

/* ---- authd -----------------------------------------------------------------
 */

static int
on_authenticated(struct ipc_msg *m, void *arg)
{
	struct session *s = arg;
	unsigned char ticket[TICKET_BYTES];
	struct span address;
	struct wire w;

	if (m == NULL) {
		session_failed(s, PROTO_TEMP, "no answer from authd");
		return 0;
	}
	if (m->type == MSG_FAIL)
		return take_failure(s, m, "authd");
	wire_init(&w, m->payload);
	(void)wire_u32(&w); /* the mailbox is spawnd's business */
	address = wire_text(&w, LOGIN_MAX);
	wire_raw(&w, ticket, sizeof(ticket));
	if (m->type != MSG_AUTH_LOGIN_IS || wire_done(&w) == -1) {
		session_failed(s, PROTO_TEMP, "malformed answer");
		return -1;
	}
	if ((s->address = span_strdup(address)) == NULL)
		session_failed(s, PROTO_TEMP, "out of memory");
	else
		ask_spawnd(s, ticket);
	explicit_bzero(ticket, sizeof(ticket));
	return 0;
}

void
login_start(struct session *s)
{
	const struct sasl *l = proto_login(&s->proto);
	struct msg_login ask = {
		.login = span_of(l->login),
		.password = span_from(l->password.data, l->password.len),
		.service = SERVICE_POP3,
		.remote = span_of(conn_peer(s->conn)),
	};
	struct buf b;
	int r;

	buf_init(&b, 4096);
	msg_login_put(&b, &ask);
	r = ipc_request(s->front->authd, MSG_AUTH_LOGIN, &b, -1,
	    IPC_DEADLINE_MS, on_authenticated, s);
	buf_clear(&b); /* wipes the password */
	if (r == -1)
		session_failed(s, PROTO_TEMP, "authd is not there");
}
