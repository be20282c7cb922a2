/*
 * client - one connection: octets between conn and session, the session's
 * questions to authd and queued, and the limits in time.
 */
#include "config.h"
#include "libcommon/io.h"
#include "libcommon/limit.h"
#include "libcommon/log.h"
#include "smtpd/smtpd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define IN_MAX (64 * 1024)
#define LOOKUP_MS 10000
#define LOGIN_MS 30000
#define SUBMIT_MS 120000 /* a large body's fsync on a slow disk */
#define BODY_FACTOR 6    /* a whole body may take so many command waits */

/* Questions are built here, one at a time, and copied by ipc_request().  Not
 * those with a password in them. */
static struct buf *
fresh(void)
{
	static struct buf b;

	if (b.max == 0)
		buf_init(&b, IPC_MAX);
	buf_reset(&b);
	return &b;
}

/* A question under way. It outlives its client, so that an answer that comes
 * too late is still put in order. */
struct ask {
	struct client *client; /* NULL: gone */
	struct smtpd *smtpd;
};

/* ---- the session speaks ----------------------------------------------------- */

static void
op_reply(void *arg, const void *data, size_t n)
{
	struct client *c = arg;

	conn_put(c->conn, data, n);
}

static int
ask(struct client *c, struct ipc *ipc, enum msg_type type,
    const struct buf *payload, unsigned ms, ipc_reply_fn answer)
{
	struct ask *a = malloc(sizeof(*a));
	int r = -1;

	if (a != NULL) {
		a->client = c;
		a->smtpd = c->smtpd;
		r = ipc_request(ipc, type, payload, -1, ms, answer, a);
	}
	if (r == -1)
		free(a);
	else
		c->ask = a;
	return r;
}

/* The client an answer is for, or NULL; the question is over. */
static struct client *
answered(struct ask *a)
{
	struct client *c = a->client;

	free(a);
	if (c != NULL)
		c->ask = NULL;
	return c;
}

static void client_over(struct client *);

/* The session goes on with what has come meanwhile. */
static void
go_on(struct client *c)
{
	bool waits = session_waits(&c->session);

	if (c->session.phase == PHASE_END || (c->eof && !waits))
		client_over(c);
	else if (!waits)
		conn_resume(c->conn);
}

static int
rcpt_answer(struct ipc_msg *m, void *arg)
{
	struct client *c = answered(arg);
	enum rcpt_verdict verdict = RCPT_TEMP;
	struct span grant = span_from("", 0);
	struct wire w;
	int r = 0;

	if (m != NULL && m->type == MSG_AUTH_RCPT_IS) {
		wire_init(&w, m->payload);
		verdict = (enum rcpt_verdict)wire_u8(&w);
		grant = wire_bytes(&w, GRANT_MAX);
		if ((r = wire_done(&w)) == -1 || verdict >= RCPT__COUNT) {
			verdict = RCPT_TEMP;
			r = -1;
		}
	}
	if (c != NULL) {
		session_rcpt_answer(&c->session, verdict, grant);
		go_on(c);
	}
	return r;
}

static int
op_ask_rcpt(void *arg, const char *address)
{
	struct client *c = arg;
	struct buf *b = fresh();

	wire_put_str(b, address);
	return ask(c, c->smtpd->authd, MSG_AUTH_RCPT, b, LOOKUP_MS,
	    rcpt_answer);
}

static int
sender_answer(struct ipc_msg *m, void *arg)
{
	struct client *c = answered(arg);
	struct wire w;
	int may = -1, r = 0;

	if (m != NULL && m->type == MSG_AUTH_SENDER_IS) {
		wire_init(&w, m->payload);
		may = wire_u8(&w) != 0;
		if ((r = wire_done(&w)) == -1)
			may = -1;
	}
	if (c != NULL) {
		session_sender_answer(&c->session, may);
		go_on(c);
	}
	return r;
}

static int
op_ask_sender(void *arg, uint32_t mailbox, const char *path)
{
	struct client *c = arg;
	struct buf *b = fresh();

	wire_put_u32(b, mailbox);
	wire_put_str(b, path);
	return ask(c, c->smtpd->authd, MSG_AUTH_SENDER, b, LOOKUP_MS,
	    sender_answer);
}

static int
login_answer(struct ipc_msg *m, void *arg)
{
	struct client *c = answered(arg);
	unsigned char ticket[TICKET_BYTES];
	struct span address = span_from("", 0);
	uint32_t mailbox = 0;
	bool temporary = true;
	char reason[201];
	enum fail why;
	struct wire w;
	int r = 0;

	if (m != NULL && m->type == MSG_AUTH_LOGIN_IS) {
		wire_init(&w, m->payload);
		mailbox = wire_u32(&w);
		address = wire_text(&w, ADDR_MAX - 1);
		wire_raw(&w, ticket, sizeof(ticket)); /* not needed here */
		if ((r = wire_done(&w)) == -1)
			mailbox = 0;
	} else if (m != NULL &&
	    (r = msg_fail_get(m->payload, &why, reason)) == 0) {
		temporary = why != FAIL_DENIED;
	}
	if (c != NULL) {
		session_login_answer(&c->session, mailbox, address, temporary);
		go_on(c);
	}
	return r;
}

static int
op_ask_login(void *arg, const struct sasl *sasl)
{
	struct client *c = arg;
	struct msg_login login = {
		.login = span_of(sasl->login),
		.password = secret_span(&sasl->password),
		.service = SERVICE_SMTP,
		.remote = span_of(c->session.peer),
	};
	struct buf b;
	int r;

	buf_init(&b, 2048);
	msg_login_put(&b, &login);
	r = ask(c, c->smtpd->authd, MSG_AUTH_LOGIN, &b, LOGIN_MS, login_answer);
	buf_clear(&b); /* wipes */
	return r;
}

/* ---- a large body -------------------------------------------------------------- */

static void
drop_body(struct smtpd *smtpd, uint64_t token)
{
	struct buf *b = fresh();

	wire_put_u64(b, token);
	ipc_note(smtpd->queued, MSG_QUEUE_BODY_DROP, b, -1);
}

static void submit_now(struct client *);

/* The pipe is empty (or broken): the session goes on, or the message goes. */
static void
spool_drained(void *arg, bool good)
{
	struct client *c = arg;

	if (c->submit.len > 0) {
		if (good)
			submit_now(c);
		else {
			spool_free(&c->spool);
			buf_clear(&c->submit);
			drop_body(c->smtpd, c->session.txn->token);
			session_submit_answer(&c->session, false, 0, FAIL_TEMP);
			go_on(c);
		}
		return;
	}
	session_body_answer(&c->session, good ? c->session.txn->token : 0);
	go_on(c);
}

static int
body_answer(struct ipc_msg *m, void *arg)
{
	struct smtpd *smtpd = ((struct ask *)arg)->smtpd;
	struct client *c = answered(arg);
	uint64_t token = 0;
	struct wire w;

	if (m != NULL && m->type == MSG_QUEUE_BODY_OPENED) {
		wire_init(&w, m->payload);
		token = wire_u64(&w);
		if (wire_done(&w) == -1)
			token = 0;
	}
	if (c == NULL) {
		if (token != 0)
			drop_body(smtpd, token);
		return 0;
	}
	if (token != 0) {
		c->spool = spool_new(smtpd->proc.base, ipc_take_fd(m),
		    spool_drained, c);
		if (c->spool == NULL) {
			drop_body(smtpd, token);
			token = 0;
		}
	}
	session_body_answer(&c->session, token);
	go_on(c);
	return 0;
}

static int
op_body_begin(void *arg)
{
	struct client *c = arg;
	struct buf *b = fresh();

	wire_put_u64(b, 0); /* what SIZE= promised is not to be relied on */
	return ask(c, c->smtpd->queued, MSG_QUEUE_BODY_OPEN, b, LOOKUP_MS,
	    body_answer);
}

static int
op_body_write(void *arg, struct span text)
{
	struct client *c = arg;

	return c->spool == NULL ? -1 : spool_write(c->spool, text);
}

static void
op_body_drop(void *arg, uint64_t token)
{
	struct client *c = arg;

	spool_free(&c->spool);
	drop_body(c->smtpd, token);
}

/* ---- the message goes --------------------------------------------------------------- */

static int
submit_answer(struct ipc_msg *m, void *arg)
{
	struct smtpd *smtpd = ((struct ask *)arg)->smtpd;
	struct client *c = answered(arg);
	enum fail why = FAIL_TEMP;
	bool accepted = false;
	char reason[201];
	uint64_t id = 0;
	struct wire w;
	int r = 0;

	if (m != NULL && m->type == MSG_QUEUE_ACCEPTED) {
		wire_init(&w, m->payload);
		id = wire_u64(&w);
		r = wire_done(&w);
		accepted = r == 0;
	} else if (m != NULL &&
	    (r = msg_fail_get(m->payload, &why, reason)) == 0) {
		log_info("queue refused reason=%s", log_quote_str(reason));
	}
	smtpd->accepted += accepted;
	if (c == NULL && accepted) {
		char text[QUEUE_ID_TEXT];

		queue_id_text(id, text);
		log_info("accepted queue=%s, and the client is gone", text);
	}
	if (c != NULL) {
		session_submit_answer(&c->session, accepted, id, why);
		go_on(c);
	}
	return r;
}

static void
submit_now(struct client *c)
{
	int r;

	spool_free(&c->spool); /* closes the pipe: that is all of the body */
	r = ask(c, c->smtpd->queued, MSG_QUEUE_SUBMIT, &c->submit, SUBMIT_MS,
	    submit_answer);
	buf_clear(&c->submit);
	if (r == -1) {
		drop_body(c->smtpd, c->session.txn->token);
		session_submit_answer(&c->session, false, 0, FAIL_TEMP);
		go_on(c);
	}
}

static int
op_submit(void *arg, const struct msg_submit *m)
{
	struct client *c = arg;
	struct buf *b = fresh();

	msg_submit_put(b, m);
	if (c->spool != NULL && !spool_empty(c->spool)) {
		buf_put_span(&c->submit, buf_span(b));
		if (buf_error(b) == 0 && buf_error(&c->submit) == 0)
			return 0;
		buf_clear(&c->submit);
		b->err = ENOMEM;
	}
	spool_free(&c->spool);
	if (ask(c, c->smtpd->queued, MSG_QUEUE_SUBMIT, b, SUBMIT_MS,
	        submit_answer) == 0)
		return 0;
	if (m->body_token != 0)
		drop_body(c->smtpd, m->body_token);
	return -1;
}

static void
op_start_tls(void *arg)
{
	struct client *c = arg;

	conn_start_tls(c->conn, c->settings->tls);
}

/* ---- life ------------------------------------------------------------------------------ */

static const struct session_ops session_ops = {
	.reply = op_reply,
	.ask_rcpt = op_ask_rcpt,
	.ask_login = op_ask_login,
	.ask_sender = op_ask_sender,
	.submit = op_submit,
	.body_begin = op_body_begin,
	.body_write = op_body_write,
	.body_drop = op_body_drop,
	.start_tls = op_start_tls,
};

static void
client_free(struct client *c)
{
	struct smtpd *smtpd = c->smtpd;

	if (c->ask != NULL)
		c->ask->client = NULL;
	session_clear(&c->session);
	spool_free(&c->spool);
	buf_clear(&c->submit);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	smtpd->nclients--;
	settings_unref(&c->settings);
	free(c);
}

/* Say what is still to be said, and go. */
static void
client_over(struct client *c)
{
	limit_leave(conn_peer_sa(c->conn));
	conn_finish(&c->conn);
	client_free(c);
}

static void
client_ended(struct conn *conn, enum conn_end how, void *arg)
{
	struct client *c = arg;

	if (how == CONN_TIMEOUT) {
		session_quit(&c->session, "421 4.4.2 Timeout, closing");
		client_over(c);
		return;
	}
	if (how == CONN_EOF) {
		/* It may still listen to what we have to say: go_on() closes
		 * when the answer that is awaited has come. */
		c->eof = true;
		if (!session_waits(&c->session))
			client_over(c);
		return;
	}
	log_debug("ended session=%s client=%s how=%d", c->session.id,
	    c->session.peer, (int)how);
	limit_leave(conn_peer_sa(conn));
	conn_free(&c->conn);
	client_free(c);
}

/* A client that drips octets never times out by waiting: a command and a body
 * have a time for the whole, too. */
static bool
client_too_slow(struct client *c, bool pending)
{
	uint64_t now = io_now_ms(), allowed = c->settings->timeout_ms;

	if (c->session.phase == PHASE_DATA || c->session.phase == PHASE_BDAT)
		allowed *= BODY_FACTOR;
	if (c->since_phase != c->session.phase ||
	    (!pending &&
	        (c->session.phase == PHASE_COMMAND ||
	            c->session.phase == PHASE_AUTH))) {
		c->since_phase = c->session.phase;
		c->since_ms = now;
	}
	return now - c->since_ms > allowed;
}

static size_t
client_input(struct conn *conn, struct span in, void *arg)
{
	struct client *c = arg;
	size_t used;

	if (session_waits(&c->session)) {
		conn_pause(conn);
		return 0;
	}
	used = session_input(&c->session, in);
	if (c->session.phase != PHASE_END &&
	    client_too_slow(c, used < in.len && !session_waits(&c->session)))
		session_quit(&c->session, "421 4.4.2 Too slow, closing");
	if (c->session.phase == PHASE_END)
		client_over(c);
	else if (session_waits(&c->session) &&
	    (used < in.len || c->settings->timeout_ms <= SUBMIT_MS))
		/* Most clients wait too, and the answer is quick: to stop
		 * reading would cost two system calls each time.  When the
		 * client does say more it is paused above, and when its time
		 * is short the pause stops the clock. */
		conn_pause(conn);
	return used;
}

static void
client_secured(struct conn *conn, void *arg)
{
	struct client *c = arg;

	session_secured(&c->session, conn_tls_text(conn));
	conn_resume(conn);
}

static const struct conn_ops conn_ops = {
	.input = client_input,
	.secured = client_secured,
	.ended = client_ended,
};

static void
client_refuse(struct client *c, const char *line)
{
	c->smtpd->refused++;
	log_info("connection refused client=%s reply=%.3s", conn_peer(c->conn),
	    line);
	conn_puts(c->conn, line);
	conn_finish(&c->conn);
	free(c);
}

void
client_new(struct smtpd *smtpd, int fd, enum listener_kind kind)
{
	struct client *c = calloc(1, sizeof(*c));
	const char *login = conf_str("plaintext-login");
	char id[24];

	if (c == NULL) {
		close(fd);
		return;
	}
	c->smtpd = smtpd;
	buf_init(&c->submit, IPC_MAX);
	c->conn = conn_new(smtpd->proc.base, fd, IN_MAX, &conn_ops, c);
	if (c->conn == NULL) {
		free(c);
		return;
	}
	if (smtpd->nclients >= smtpd->client_limit) {
		client_refuse(c,
		    "421 4.7.0 Too many connections, try again later\r\n");
		return;
	}
	if (!limit_enter(conn_peer_sa(c->conn), smtpd->address_limit)) {
		client_refuse(c, "421 4.7.0 Too many connections from you\r\n");
		return;
	}
	snprintf(id, sizeof(id), "%08x%x%05x", (unsigned)io_wall_s(),
	    smtpd->proc.instance & 0xff, ++smtpd->serial & 0xfffff);
	c->settings = smtpd->settings;
	c->settings->refs++;
	session_init(&c->session, kind, &c->settings->conf, &session_ops, c,
	    conn_peer(c->conn), id,
	    strcmp(login, "yes") == 0 ||
	        (strcmp(login, "loopback") == 0 &&
	            conn_peer_is_loopback(c->conn)));
	c->session.trusted = netlist_has(&c->settings->trusted,
	    c->session.peer);
	c->prev = &smtpd->clients;
	if ((c->next = smtpd->clients) != NULL)
		c->next->prev = &c->next;
	smtpd->clients = c;
	smtpd->nclients++;
	c->since_ms = io_now_ms();
	conn_timeout(c->conn, c->settings->timeout_ms);
	log_debug("connected session=%s client=%s", id, c->session.peer);
	if (kind == KIND_SUBMISSIONS) /* conf.c sees to it that there is TLS */
		conn_start_tls(c->conn, c->settings->tls);
	else
		session_greet(&c->session);
}

void
clients_quit_idle(struct smtpd *smtpd)
{
	struct client *c, *next;

	for (c = smtpd->clients; c != NULL; c = next) {
		next = c->next;
		if (session_idle(&c->session)) {
			session_quit(&c->session,
			    "421 4.3.2 The server is going down");
			client_over(c);
		}
	}
}
