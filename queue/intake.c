#include "config.h"
#include "queue/queued.h"
#include "queue/body.h"
#include "queue/disk.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define BODIES_MAX 4000
#define PIPE_BYTES (256 * 1024)       /* a user may have 64 MB of them */
#define SPLICE_TURN (4 * 1024 * 1024) /* before others have their turn */
#define FLUSH_BYTES (1024 * 1024)

/* A large body on its way: from smtpd's end of a pipe into body/tmp/. */
struct body_in {
	struct queued *q;
	uint64_t token;
	uint64_t owner; /* the channel it was opened on */
	int pipe_fd, fd;
	struct event *ev;
	uint64_t bytes, flushed;
	bool eof, failed;
	uint32_t request;  /* of the QUEUE_SUBMIT that waits for EOF, or 0 */
	struct buf submit; /* its payload */
};

/* ---- messages ------------------------------------------------------------ */

/* The recipients with the targets authd vouched for; none where the grant is
 * missing or not authd's. */
static void
put_rcpts(struct queued *q, const struct msg_submit *in)
{
	struct span rest = in->rcpts;
	struct msg_rcpt r;
	struct grant g;

	buf_reset(&q->rcpts);
	while (msg_rcpt_next(&rest, &r) == 1) {
		if (q->grant_key == NULL || r.grant.len == 0 ||
		    grant_get(r.grant, q->grant_key, r.address, &g) == -1)
			g.n = 0;
		envelope_rcpt_put(&q->rcpts, r.address, g.targets, g.n);
	}
}

/* Into the next batch.  The answer goes out when that is durable. */
static int
add(struct queued *q, uint64_t id, const struct msg_submit *in,
    uint64_t client_token, uint32_t request)
{
	struct envelope e = { .arrived_s = io_wall_s(),
		.flags = in->flags,
		.reverse_path = in->reverse_path,
		.client = in->client,
		.auth = in->auth,
		.nrcpts = in->nrcpts,
		.body_file = in->body_token != 0,
		.body_bytes = in->body_bytes };
	struct qmsg *m;

	put_rcpts(q, in);
	if ((errno = buf_error(&q->rcpts)) != 0)
		return -1;
	e.rcpts = buf_span(&q->rcpts);
	e.body_crc = io_crc32c(0, in->body.data, in->body.len);
	if (qlog_batch(q->spool->log)->len + in->body.len + e.rcpts.len >
	    QLOG_BATCH_MAX)
		spool_flush(q->spool, false);
	if ((m = spool_add(q->spool, id, &e, in->body)) == NULL)
		return -1;
	m->client_token = client_token;
	m->client_request = request;
	queued_turn(q);
	return 0;
}

static void
refuse(struct ipc *ipc, uint32_t request, int err)
{
	if (ipc == NULL)
		return;
	if (err == ENOSPC || err == EDQUOT)
		ipc_fail(ipc, request, FAIL_FULL, "the queue is full");
	else
		ipc_fail(ipc, request, FAIL_TEMP,
		    "the message could not be stored");
}

void
intake_committed(struct queued *q, struct qmsg *m, bool ok)
{
	struct ipc *ipc = ipc_by_token(m->client_token);
	char id[QUEUE_ID_TEXT];
	struct buf b;

	queue_id_text(m->id, id);
	if (!ok) {
		log_warnx("not-queued id=%s", id);
		refuse(ipc, m->client_request, EIO);
		return;
	}
	if (m->parent != 0) {
		char parent[QUEUE_ID_TEXT];

		queue_id_text(m->parent, parent);
		log_info("caused id=%s by=%s from=%s rcpts=%u", id, parent,
		    log_quote(m->reverse_path), m->nrcpts);
		return;
	}
	q->bytes_in += m->body_bytes;
	log_info("queued id=%s from=%s rcpts=%u bytes=%llu client=%s", id,
	    log_quote(m->reverse_path), m->nrcpts,
	    (unsigned long long)m->body_bytes, log_quote(m->client));
	if (ipc == NULL)
		return; /* it will ask nobody; its client may send again */
	buf_init(&b, 16);
	wire_put_u64(&b, m->id);
	ipc_reply(ipc, m->client_request, MSG_QUEUE_ACCEPTED, &b, -1);
	buf_clear(&b);
}

/* ---- large bodies ----------------------------------------------------------
 */

static void
body_free(struct body_in *b, bool keep_file)
{
	idtab_remove(&b->q->bodies, b->token);
	if (b->ev != NULL)
		event_free(b->ev);
	if (b->pipe_fd != -1)
		close(b->pipe_fd);
	if (b->fd != -1)
		close(b->fd);
	if (!keep_file)
		body_drop(b->q->dirfd, b->token);
	buf_clear(&b->submit);
	free(b);
}

/* All of the body is here and its message is known. */
static void
body_finish(struct body_in *b)
{
	struct queued *q = b->q;
	struct ipc *ipc = ipc_by_token(b->owner);
	struct msg_submit in;
	uint64_t id;

	if (msg_submit_get(buf_span(&b->submit), &in) == -1)
		fatalx("bug a submit that was good is bad");
	if (b->failed || b->bytes != in.body_bytes) {
		if (!b->failed)
			log_warnx("body-length got=%llu want=%llu",
			    (unsigned long long)b->bytes,
			    (unsigned long long)in.body_bytes);
		refuse(ipc, b->request, EIO);
		body_free(b, false);
		return;
	}
	id = spool_new_id(q->spool);
	if (body_keep(q->dirfd, b->fd, b->token, id) == -1) {
		int saved = errno;

		log_warn("body-keep");
		refuse(ipc, b->request, saved);
		/* Which of its names it has is not known: both go. */
		body_unlink(q->dirfd, id);
		body_free(b, false);
		return;
	}
	if (add(q, id, &in, b->owner, b->request) == -1) {
		refuse(ipc, b->request, errno);
		body_unlink(q->dirfd, id);
	}
	body_free(b, true);
}

static void
body_fail(struct body_in *b, const char *why)
{
	log_warn("body-in reason=%s", why);
	b->failed = true;
	event_free(b->ev);
	b->ev = NULL;
	close(b->pipe_fd); /* smtpd gets EPIPE */
	b->pipe_fd = -1;
}

/* Take what is in the pipe. */
static void
body_drain(struct body_in *b)
{
	uint64_t turn = 0;
	off_t off;
	ssize_t n;

	while (!b->eof && !b->failed && turn < SPLICE_TURN) {
		off = (off_t)b->bytes;
		n = disk->splice(b->pipe_fd, b->fd, &off, PIPE_BYTES);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1) {
			body_fail(b, "write");
			return;
		}
		if (n == 0) {
			b->eof = true;
			event_free(b->ev);
			b->ev = NULL;
			return;
		}
		b->bytes += (uint64_t)n;
		turn += (uint64_t)n;
		if (b->bytes > b->q->message_max) {
			errno = EFBIG;
			body_fail(b, "message-size-limit");
			return;
		}
		/* Start the writing early: the sync at the end is short. */
		if (b->bytes - b->flushed >= FLUSH_BYTES) {
			sync_file_range(b->fd, (off_t)b->flushed,
			    (off_t)(b->bytes - b->flushed),
			    SYNC_FILE_RANGE_WRITE);
			b->flushed = b->bytes;
		}
	}
}

static void
body_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct body_in *b = arg;

	(void)fd;
	(void)what;
	body_drain(b);
	if (b->request != 0 && (b->eof || b->failed))
		body_finish(b);
}

static struct body_in *
body_new(struct queued *q, struct ipc *ipc, int *write_end)
{
	struct body_in *b = calloc(1, sizeof(*b));
	int p[2];

	if (b == NULL)
		return NULL;
	*b = (struct body_in){ .q = q, .owner = ipc_token(ipc), .fd = -1 };
	buf_init(&b->submit, IPC_MAX);
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1) {
		free(b);
		return NULL;
	}
	b->pipe_fd = p[0];
	fcntl(p[0], F_SETPIPE_SZ, PIPE_BYTES); /* or what we may have */
	do {
		if (getrandom(&b->token, sizeof(b->token), 0) == -1)
			fatal("random");
	} while (b->token == 0 || idtab_get(&q->bodies, b->token) != NULL);
	idtab_put(&q->bodies, b->token, b);
	b->fd = body_create(q->dirfd, b->token);
	b->ev = event_new(q->proc->base, p[0], EV_READ | EV_PERSIST,
	    body_on_read, b);
	if (b->fd == -1 || b->ev == NULL || event_add(b->ev, NULL) == -1) {
		int saved = errno;

		close(p[1]);
		body_free(b, false);
		errno = saved;
		return NULL;
	}
	*write_end = p[1];
	return b;
}

/* ---- what smtpd says
 * --------------------------------------------------------- */

static int
on_body_open(struct queued *q, struct ipc *ipc, struct ipc_msg *m)
{
	struct body_in *b;
	struct wire w;
	struct buf out;
	uint64_t hint;
	int fd;

	wire_init(&w, m->payload);
	hint = wire_u64(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	if (q->disk_low || hint > q->message_max) {
		ipc_fail(ipc, m->id, FAIL_FULL, "the queue's disk is full");
		return 0;
	}
	if (q->bodies.used >= BODIES_MAX ||
	    (b = body_new(q, ipc, &fd)) == NULL) {
		log_warn("body-open open=%zu", q->bodies.used);
		refuse(ipc, m->id, errno);
		return 0;
	}
	buf_init(&out, 16);
	wire_put_u64(&out, b->token);
	ipc_reply(ipc, m->id, MSG_QUEUE_BODY_OPENED, &out, fd);
	buf_clear(&out);
	return 0;
}

/* A body of this channel, or NULL: one peer cannot name another's. */
static struct body_in *
body_of(struct queued *q, const struct ipc *ipc, uint64_t token)
{
	struct body_in *b = idtab_get(&q->bodies, token);

	return b != NULL && b->owner == ipc_token(ipc) ? b : NULL;
}

static int
on_submit_body(struct queued *q, struct ipc *ipc, struct ipc_msg *m,
    uint64_t token)
{
	struct body_in *b = body_of(q, ipc, token);

	if (b == NULL || b->request != 0)
		return ipc_refuse(ipc, m, "no such body");
	buf_put_span(&b->submit, m->payload);
	if (buf_error(&b->submit) != 0) {
		refuse(ipc, m->id, ENOMEM);
		body_free(b, false);
		return 0;
	}
	b->request = m->id;
	if (!b->eof && !b->failed)
		body_drain(b);
	if (b->eof || b->failed)
		body_finish(b);
	return 0;
}

static int
on_submit(struct queued *q, struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_submit in;

	if (msg_submit_get(m->payload, &in) == -1)
		return ipc_refuse(ipc, m, "form");
	if (in.body_token != 0)
		return on_submit_body(q, ipc, m, in.body_token);
	if (in.body_bytes > q->message_max) {
		ipc_fail(ipc, m->id, FAIL_BAD, "message-size-limit");
		return 0;
	}
	if (q->disk_low) {
		ipc_fail(ipc, m->id, FAIL_FULL, "the queue's disk is full");
		return 0;
	}
	if (add(q, spool_new_id(q->spool), &in, ipc_token(ipc), m->id) == -1)
		refuse(ipc, m->id, errno);
	return 0;
}

static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct queued *q = arg;
	struct body_in *b;
	struct wire w;
	uint64_t token;

	switch (m->type) {
	case MSG_QUEUE_SUBMIT:
		return on_submit(q, ipc, m);
	case MSG_QUEUE_BODY_OPEN:
		return on_body_open(q, ipc, m);
	case MSG_QUEUE_BODY_DROP:
		wire_init(&w, m->payload);
		token = wire_u64(&w);
		if (wire_done(&w) == -1)
			return ipc_refuse(ipc, m, "form");
		if ((b = body_of(q, ipc, token)) != NULL && b->request == 0)
			body_free(b, false);
		return 0;
	default:
		return ipc_refuse(ipc, m, "not for queued");
	}
}

/* Its sessions are gone with it, and so are their bodies. */
static void
on_gone(struct ipc *ipc, void *arg)
{
	struct queued *q = arg;
	uint64_t owner = ipc_token(ipc), token;
	struct body_in *b;
	size_t at = 0;

	while ((b = idtab_next(&q->bodies, &at, &token)) != NULL) {
		if (b->owner == owner) {
			body_free(b, false);
			at = 0; /* the table has changed */
		}
	}
}

const struct ipc_ops intake_ops = { .msg = on_msg, .gone = on_gone };
