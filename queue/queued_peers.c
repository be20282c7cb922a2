#include "config.h"
#include "queue/queued_peers.h"
#include "libcommon/io.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct ipc *smtpd, *local;
enum local_says local_says;
bool local_is_away;
struct causes causes;
unsigned naccepted, nrefused, ndelivered, nasked, nsmtpd_gone;
unsigned want_accepted, want_delivered;
uint64_t last_id;
struct msg_deliver last;
char last_from[PATH_MAX_BYTES + 1], last_prefix[PREFIX_MAX + 1];
char last_body[2 * 1024 * 1024], last_rcpt[400];

static int listen_fd[3]; /* smtpd, local, cli: open across restarts */
static const unsigned char key[GRANT_KEY_BYTES] =
    "a key for the tests, 32 bytes..";
static uint64_t stat_syncs;

bool
all_there(void)
{
	return naccepted == want_accepted && ndelivered == want_delivered;
}

bool
edges_up(void)
{
	return ipc_is_up(smtpd) && ipc_is_up(local);
}

bool
full_is_listed(void)
{
	return is_listed("4.2.2 full");
}

/* ---- local ---------------------------------------------------------------- */

static void
add_actions(struct msg_delivered *d, struct buf *list)
{
	if ((causes.to == NULL && causes.answer == NULL) ||
	    (!last.may_act && !causes.anyway))
		return;
	if (causes.to != NULL)
		msg_actions_forward(&d->actions, list, span_of(causes.to));
	d->actions.forward = buf_span(list);
	if (causes.answer != NULL)
		d->actions.answer = span_of(causes.answer);
	if (!causes.always)
		causes.to = causes.answer = NULL;
}

static void
deliver_answer(struct ipc *ipc, uint32_t id)
{
	struct msg_delivered d = { .result = DELIVER_OK,
		.status = span_of("2.0.0 ok") };
	struct buf b, list;

	buf_init(&list, 4096);
	if (local_says == SAY_OK)
		add_actions(&d, &list);

	if (local_says != SAY_OK)
		d = (struct msg_delivered){ .result = local_says == SAY_TEMP
			    ? DELIVER_TEMP
			    : DELIVER_AGAIN,
			.status = span_of("4.2.2 full") };
	buf_init(&b, 8192);
	msg_delivered_put(&b, &d);
	ipc_reply(ipc, id, MSG_DELIVERED, &b, -1);
	buf_clear(&list);
	buf_reset(&b);
	wire_put_u32(&b, 1);
	ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
	buf_clear(&b);
}

static int
local_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	if (m->type != MSG_DELIVER || msg_deliver_get(m->payload, &last) == -1)
		return -1;
	ndelivered++;
	if (last.body_bytes > sizeof(last_body))
		return -1;
	if (last.body_file)
		io_pread_all(m->fd, last_body, last.body_bytes, 0);
	else
		memcpy(last_body, last.body.data, last.body.len);
	span_copy(last.recipient, last_rcpt, sizeof(last_rcpt));
	span_copy(last.reverse_path, last_from, sizeof(last_from));
	memcpy(last_prefix, last.prefix.data, last.prefix.len);
	last_prefix[last.prefix.len] = '\0';
	if (local_says != SAY_NOTHING)
		deliver_answer(ipc, m->id);
	return 0;
}

static void
local_up(struct ipc *ipc, void *arg)
{
	struct buf b;

	(void)arg;
	if (local_is_away)
		return;
	buf_init(&b, 16);
	wire_put_u32(&b, 64);
	ipc_note(ipc, MSG_LOCAL_CREDIT, &b, -1);
	buf_clear(&b);
}

static const struct ipc_ops local_ops = { .msg = local_msg, .up = local_up };

/* ---- authd ---------------------------------------------------------------- */

static void
put_grant(struct buf *b, struct span rcpt, uint32_t mailbox)
{
	struct grant g = { .n = 1 };

	g.targets[0] = (struct target){ TARGET_MAILBOX, mailbox, rcpt };
	grant_put(b, key, rcpt, &g);
}

/* As many as a recipient may have, with long names. */
static void
put_list_grant(struct buf *b, struct span rcpt)
{
	static char names[TARGETS_MAX][48];
	static struct grant g = { .n = TARGETS_MAX };

	for (uint32_t i = 0; i < g.n; i++) {
		snprintf(names[i], sizeof(names[i]),
		    "a.member.of.the.list.%05u@x.test", i);
		g.targets[i] = (struct target){ TARGET_MAILBOX, 1000 + i,
			span_of(names[i]) };
	}
	grant_put(b, key, rcpt, &g);
}

/* far@... is elsewhere, list... a long list, all others are mailbox 9. */
static int
authd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct span address;
	struct buf b, grant;
	struct wire w;

	(void)arg;
	wire_init(&w, m->payload);
	address = wire_text(&w, PATH_MAX_BYTES);
	nasked++;
	buf_init(&b, GRANT_MAX + 1024);
	buf_init(&grant, GRANT_MAX);
	if (address.len > 4 && memcmp(address.data, "far@", 4) == 0) {
		wire_put_u8(&b, RCPT_NOT_OURS);
	} else if (address.len > 4 && memcmp(address.data, "list", 4) == 0) {
		wire_put_u8(&b, RCPT_OK);
		put_list_grant(&grant, address);
	} else {
		wire_put_u8(&b, RCPT_OK);
		put_grant(&grant, address, 9);
	}
	wire_put_bytes(&b, buf_span(&grant));
	ipc_reply(ipc, m->id, MSG_AUTH_RCPT_IS, &b, -1);
	buf_clear(&b);
	buf_clear(&grant);
	return 0;
}

static const struct ipc_ops authd_ops = { .msg = authd_msg };

/* ---- smtpd ---------------------------------------------------------------- */

static void
smtpd_gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	nsmtpd_gone++;
}

static const struct ipc_ops smtpd_ops = { .gone = smtpd_gone };

static int
on_accepted(struct ipc_msg *m, void *arg)
{
	struct wire w;

	(void)arg;
	if (m == NULL || m->type != MSG_QUEUE_ACCEPTED) {
		nrefused++;
		return 0;
	}
	wire_init(&w, m->payload);
	last_id = wire_u64(&w);
	naccepted++;
	return wire_done(&w);
}

/* mailbox 0: without a grant. */
void
submit(const char *to, uint32_t mailbox, const char *to2, uint32_t mailbox2,
    const char *body, uint64_t token, uint64_t bytes)
{
	struct msg_submit in = { .reverse_path = span_of("a@x.test"),
		.client = span_of("127.0.0.1"),
		.auth = span_of(""),
		.nrcpts = 1,
		.body_token = token,
		.body_bytes = bytes };
	struct msg_rcpt r = { span_of(to), span_of("") };
	struct buf b, rcpts, grant;

	buf_init(&b, IPC_MAX);
	buf_init(&rcpts, 10000);
	buf_init(&grant, 10000);
	if (mailbox != 0)
		put_grant(&grant, r.address, mailbox);
	r.grant = buf_span(&grant);
	msg_rcpt_put(&rcpts, &r);
	if (to2 != NULL) {
		buf_reset(&grant);
		put_grant(&grant, span_of(to2), mailbox2);
		r = (struct msg_rcpt){ span_of(to2), buf_span(&grant) };
		msg_rcpt_put(&rcpts, &r);
		in.nrcpts = 2;
	}
	in.rcpts = buf_span(&rcpts);
	in.body = span_from(body, token == 0 ? bytes : 0);
	msg_submit_put(&b, &in);
	ipc_request(smtpd, MSG_QUEUE_SUBMIT, &b, -1, 10000, on_accepted, NULL);
	buf_clear(&b);
	buf_clear(&rcpts);
	buf_clear(&grant);
}

void
submit_hello(void)
{
	submit("b@x.test", 4, NULL, 0, "hello\r\n", 0, 7);
}

void
submit_lists(unsigned n)
{
	struct msg_submit in = { .reverse_path = span_of("a@x.test"),
		.client = span_of("127.0.0.1"),
		.auth = span_of(""),
		.nrcpts = n,
		.body_bytes = 4,
		.body = span_of("hi\r\n") };
	struct buf b, rcpts;
	char name[32];

	buf_init(&b, IPC_MAX);
	buf_init(&rcpts, IPC_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct msg_rcpt r;

		snprintf(name, sizeof(name), "list%u@x.test", i);
		r = (struct msg_rcpt){ span_of(name), span_of("") };
		msg_rcpt_put(&rcpts, &r);
	}
	in.rcpts = buf_span(&rcpts);
	msg_submit_put(&b, &in);
	ipc_request(smtpd, MSG_QUEUE_SUBMIT, &b, -1, 10000, on_accepted, NULL);
	buf_clear(&b);
	buf_clear(&rcpts);
}

void
submit_nonsense(void)
{
	struct buf b;

	buf_init(&b, 64);
	buf_puts(&b, "nonsense");
	ipc_request(smtpd, MSG_QUEUE_SUBMIT, &b, -1, 5000, on_accepted, NULL);
	buf_clear(&b);
}

struct opening {
	uint64_t token;
	int fd;
	bool is_over;
};

static int
on_opened(struct ipc_msg *m, void *arg)
{
	struct opening *o = arg;
	struct wire w;

	o->is_over = true;
	if (m == NULL || m->type != MSG_QUEUE_BODY_OPENED)
		return 0;
	wire_init(&w, m->payload);
	o->token = wire_u64(&w);
	o->fd = ipc_take_fd(m);
	return wire_done(&w);
}

static bool
is_over(void *arg)
{
	return ((struct opening *)arg)->is_over;
}

int
body_open(uint64_t bytes, uint64_t *token_out)
{
	static struct opening o; /* an answer that comes too late finds it */
	struct buf b;

	o = (struct opening){ .fd = -1 };
	buf_init(&b, 16);
	wire_put_u64(&b, bytes);
	ipc_request(smtpd, MSG_QUEUE_BODY_OPEN, &b, -1, 5000, on_opened, &o);
	buf_clear(&b);
	daemon_until(is_over, &o, DAEMON_WAIT_MS);
	if (o.fd != -1)
		fcntl(o.fd, F_SETFL, 0);
	*token_out = o.token;
	return o.fd;
}

uint64_t
body_send(const char *body, size_t len)
{
	uint64_t token;
	int fd = body_open(len, &token);

	if (fd == -1)
		return 0;
	if (io_write_all(fd, body, len) == -1)
		token = 0;
	close(fd);
	return token;
}

/* ---- semaild and the queue command ---------------------------------------- */

static int
on_stats(struct ipc_msg *m, void *arg)
{
	struct wire w;
	uint32_t n;

	(void)arg;
	if (m == NULL)
		return 0;
	wire_init(&w, m->payload);
	for (n = wire_u32(&w); n > 0; n--) {
		struct span name = wire_text(&w, 100);
		uint64_t v = wire_u64(&w);

		if (span_is(name, "syncs"))
			stat_syncs = v + 1;
	}
	return 0;
}

static bool
have_stats(void)
{
	return stat_syncs != 0;
}

uint64_t
syncs(void)
{
	stat_syncs = 0;
	ipc_request(daemon_control, MSG_CTL_STATS, NULL, -1, 5000, on_stats,
	    NULL);
	daemon_wait(have_stats);
	return stat_syncs - 1;
}

bool
is_listed(const char *reason)
{
	struct msg_queue_row row;
	struct buf b, answer;
	struct wire w;
	char path[128];
	bool found = false;

	snprintf(path, sizeof(path), "%s/cli", daemon_dir);
	buf_init(&b, 64);
	buf_init(&answer, IPC_MAX);
	wire_put_u64(&b, 0);
	wire_put_u32(&b, 100);
	if (ipc_call(path, ROLE_QUEUED, MSG_QUEUE_LIST, &b, 5000, &answer,
	        NULL) == MSG_QUEUE_LIST_IS) {
		wire_init(&w, buf_span(&answer));
		for (uint32_t n = wire_u32(&w); n > 0; n--) {
			msg_queue_row_get(&w, &row);
			found |= span_is(row.reason, reason) && row.deferred;
		}
		if (wire_done(&w) == -1)
			found = false;
	}
	buf_clear(&b);
	buf_clear(&answer);
	return found;
}

void
queued_start(void)
{
	static const char *const settings[] = { "hostname", "mail.test",
		"message-size-limit", "5000000", "queue-segment-size",
		"2097152", "queue-log-size", "8388608", "queue-retry-min",
		"100", "queue-retry-max", "400", "queue-min-free", "0" };
	static const char *const peers[] = { "smtpd", "local", "cli" };
	struct handover *ho = daemon_handover();
	char path[128];
	int dir;

	snprintf(path, sizeof(path), "%s/queue", daemon_dir);
	mkdir(path, 0700);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < nitems(peers); i++)
		daemon_give(ho, HO_EDGE, peers[i], listen_fd[i]);
	daemon_give(ho, HO_DIR, "queue", dir);
	for (size_t i = 0; i < nitems(settings); i += 2)
		ho_set(ho, settings[i], span_of(settings[i + 1]));
	ho_set(ho, "grant-key", span_from(key, sizeof(key)));
	daemon_start(&ho);
	close(dir);
	if (!daemon_wait(daemon_is_ready) || !daemon_wait(edges_up)) {
		printf("Bail out! queued did not start\n");
		exit(1);
	}
}

int
queued_stop(void)
{
	return daemon_stop(SIGTERM);
}

void
peers_start(const char *argv0)
{
	daemon_init(argv0, ROLE_QUEUED);
	secret_init();
	listen_fd[0] = daemon_listen("smtpd");
	listen_fd[1] = daemon_listen("local");
	listen_fd[2] = daemon_listen("cli");
	daemon_serve(ROLE_AUTHD, &authd_ops);
	smtpd = daemon_call(ROLE_SMTPD, &smtpd_ops);
	local = daemon_call(ROLE_LOCAL, &local_ops);
	queued_start();
}
