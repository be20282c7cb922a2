#include "config.h"
#include "libcommon/ipc_int.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t
ipc_unsent(const struct ipc *ipc)
{
	return ipc->out.len - ipc->out_sent;
}

bool
ipc_is_up(const struct ipc *ipc)
{
	return ipc->up && !ipc->dead;
}

bool
ipc_is_full(const struct ipc *ipc)
{
	return ipc_unsent(ipc) > IPC_OUT_HIGH;
}

enum role
ipc_peer(const struct ipc *ipc)
{
	return ipc->peer;
}

void
ipc_set_data(struct ipc *ipc, void *data)
{
	ipc->data = data;
}

void *
ipc_data(const struct ipc *ipc)
{
	return ipc->data;
}

/* One sendmsg(): up to the next message that carries a descriptor, or from
 * exactly there with it. */
static ssize_t
ipc_send_some(struct ipc *ipc)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_out *f = ipc->fds_out;
	uint64_t at = ipc->out_base + ipc->out_sent;
	ssize_t r;

	iov.iov_base = ipc->out.data + ipc->out_sent;
	iov.iov_len = ipc_unsent(ipc);
	if (f != NULL && f->at > at) {
		if (f->at - at < iov.iov_len)
			iov.iov_len = (size_t)(f->at - at);
		f = NULL;
	}
	if (f != NULL) {
		struct cmsghdr *c;

		/* Stop before the next one that has a descriptor too. */
		if (f->next != NULL && f->next->at - at < iov.iov_len)
			iov.iov_len = (size_t)(f->next->at - at);
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &f->fd, sizeof(int));
	}
	r = sendmsg(ipc->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (r > 0 && f != NULL) {
		ipc->fds_out = f->next;
		if (ipc->fds_out == NULL)
			ipc->fds_out_tail = &ipc->fds_out;
		close(f->fd);
		free(f);
	}
	return r;
}

static void
ipc_write(struct ipc *ipc)
{
	ssize_t r;

	while (ipc_unsent(ipc) > 0) {
		if ((r = ipc_send_some(ipc)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == ENOBUFS) {
				if (ipc->out_sent > IPC_OUT_HIGH) {
					buf_drop(&ipc->out, ipc->out_sent);
					ipc->out_base += ipc->out_sent;
					ipc->out_sent = 0;
				}
				event_add(ipc->wr, NULL);
				break;
			}
			if (errno != EPIPE && errno != ECONNRESET)
				log_warn("ipc write peer=%s",
				    role_name(ipc->peer));
			ipc_down(ipc);
			return;
		}
		ipc->out_sent += (size_t)r;
	}
	if (ipc_unsent(ipc) == 0) {
		ipc->out_base += ipc->out_sent;
		ipc->out_sent = 0;
		ipc->owed = 0;
		if (ipc->out.cap > 4 * IPC_OUT_HIGH)
			buf_clear(&ipc->out);
		buf_reset(&ipc->out);
	}
	if (ipc->paused && ipc->owed == 0) {
		ipc->paused = false;
		event_add(ipc->rd, NULL);
		/* What was read before the pause is still to be handled. */
		event_active(ipc->rd, EV_READ, 0);
	}
	if (ipc->was_full && !ipc_is_full(ipc)) {
		ipc->was_full = false;
		if (ipc->ops->drained != NULL)
			ipc->ops->drained(ipc, ipc->arg);
	}
}

void
ipc_on_write(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;

	(void)fd;
	(void)what;
	ipc->busy++;
	ipc_write(ipc);
	ipc->busy--;
	ipc_free_if_idle(ipc);
}

void
ipc_on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;

	ipc->flushing = false;
	if (ipc->up)
		ipc_on_write(fd, what, arg);
}

static void
ipc_check_send(const struct ipc *ipc, enum msg_type type, enum msg_kind kind,
    int fd)
{
	const struct msg_info *info = msg_info(type);

	if (info == NULL || info->kind != kind ||
	    !(info->sent_by & 1u << ipc->self) ||
	    !(info->read_by & 1u << ipc->peer) ||
	    (info->fd == FD_0 && fd != -1) || (info->fd == FD_1 && fd == -1))
		fatalx("bug %s may not send %s to %s", role_name(ipc->self),
		    info == NULL ? "?" : info->name, role_name(ipc->peer));
}

/* Append a message to the output.  The descriptor is taken in any case. */
static int
ipc_put(struct ipc *ipc, enum msg_type type, uint32_t id,
    const struct buf *payload, int fd)
{
	unsigned char h[HDR];
	struct fd_out *f = NULL;
	size_t n = payload == NULL ? 0 : payload->len;

	if (payload != NULL && (buf_error(payload) != 0 || n > IPC_MAX)) {
		errno = EMSGSIZE;
		goto fail;
	}
	if (fd != -1) {
		if ((f = malloc(sizeof(*f))) == NULL)
			goto fail;
		f->at = ipc->out_base + ipc->out.len;
		f->fd = fd;
		f->next = NULL;
	}
	le16_put(h, WIRE_MAGIC);
	h[2] = WIRE_VERSION;
	h[3] = fd != -1 ? FLAG_FD : 0;
	le16_put(h + 4, (uint16_t)type);
	le16_put(h + 6, 0);
	le32_put(h + 8, (uint32_t)n);
	le32_put(h + 12, id);
	if (buf_reserve(&ipc->out, HDR + n) == NULL) {
		ipc->out.err = 0; /* nothing was appended: still in order */
		free(f);
		errno = ENOMEM;
		goto fail;
	}
	buf_put(&ipc->out, h, sizeof(h));
	if (n > 0)
		buf_put(&ipc->out, payload->data, n);
	if (f != NULL) {
		*ipc->fds_out_tail = f;
		ipc->fds_out_tail = &f->next;
	}
	if (ipc_is_full(ipc))
		ipc->was_full = true;
	if (!ipc->flushing) {
		ipc->flushing = true;
		event_active(ipc->flush, EV_WRITE, 0);
	}
	return 0;
fail:
	if (fd != -1)
		close(fd);
	return -1;
}

int
ipc_request(struct ipc *ipc, enum msg_type type, const struct buf *payload,
    int fd, unsigned deadline_ms, ipc_reply_fn reply, void *arg)
{
	struct request *r;

	ipc_check_send(ipc, type, MSG_REQ, fd);
	if (!ipc_is_up(ipc) || ipc->nrequests >= IPC_WINDOW ||
	    ipc_unsent(ipc) > OUT_MAX) {
		if (fd != -1)
			close(fd);
		errno = EAGAIN;
		return -1;
	}
	if (ipc->requests == NULL) {
		ipc->requests = calloc(IPC_WINDOW, sizeof(*r));
		if (ipc->requests == NULL)
			fatal("ipc requests");
	}
	while (ipc->requests[ipc->next_id % IPC_WINDOW].reply != NULL ||
	    ipc->next_id == 0)
		ipc->next_id++;
	r = &ipc->requests[ipc->next_id % IPC_WINDOW];
	if (ipc_put(ipc, type, ipc->next_id, payload, fd) == -1)
		return -1;
	r->reply = reply;
	r->arg = arg;
	r->id = ipc->next_id++;
	r->deadline_ms = io_now_ms() + deadline_ms;
	ipc->nrequests++;
	ipc_arm(ipc, SWEEP_MS);
	return 0;
}

static int
ipc_forgotten(struct ipc_msg *m, void *arg)
{
	(void)m;
	(void)arg;
	return 0;
}

void
ipc_forget(struct ipc *ipc, void *arg)
{
	/* The answer may still come: the slot waits for it. */
	for (unsigned i = 0; ipc->requests != NULL && i < IPC_WINDOW; i++)
		if (ipc->requests[i].reply != NULL &&
		    ipc->requests[i].arg == arg) {
			ipc->requests[i].reply = ipc_forgotten;
			ipc->requests[i].arg = NULL;
		}
}

void
ipc_reply(struct ipc *ipc, uint32_t id, enum msg_type type,
    const struct buf *payload, int fd)
{
	size_t before;

	ipc_check_send(ipc, type, MSG_REP, fd);
	if (!ipc_is_up(ipc)) {
		if (fd != -1)
			close(fd);
		return;
	}
	before = ipc->out.len;
	if (ipc_put(ipc, type, id, payload, fd) == -1) {
		if (errno == EMSGSIZE && type != MSG_FAIL)
			ipc_fail(ipc, id, FAIL_TEMP, "the answer is too long");
		else
			ipc_down(ipc); /* an answer cannot be left out */
		return;
	}
	ipc->owed += ipc->out.len - before;
	if (ipc->owed > IPC_OUT_HIGH && !ipc->paused) {
		ipc->paused = true;
		event_del(ipc->rd);
	}
}

void
ipc_fail(struct ipc *ipc, uint32_t id, enum fail why, const char *reason)
{
	struct buf b;

	buf_init(&b, 256);
	wire_put_u16(&b, (uint16_t)why);
	wire_put_bytes(&b, span_sub(span_of(reason), 0, 200));
	ipc_reply(ipc, id, MSG_FAIL, &b, -1);
	buf_clear(&b);
}

int
ipc_note(struct ipc *ipc, enum msg_type type, const struct buf *payload, int fd)
{
	ipc_check_send(ipc, type, MSG_NOTE, fd);
	if (!ipc_is_up(ipc) || ipc_unsent(ipc) > OUT_MAX) {
		if (fd != -1)
			close(fd);
		errno = EAGAIN;
		return -1;
	}
	return ipc_put(ipc, type, 0, payload, fd);
}
