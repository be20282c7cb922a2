#include "config.h"
#include "libcommon/ipc_int.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int
ipc_refuse(struct ipc *ipc, const struct ipc_msg *m, const char *why)
{
	const struct msg_info *info = msg_info(m->type);

	log_warnx("ipc refused peer=%s message=%s bytes=%zu reason=%s",
	    role_name(ipc->peer), info == NULL ? "?" : info->name,
	    m->payload.len, log_quote_str(why));
	return -1;
}

int
ipc_take_fd(struct ipc_msg *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}

/* Refuse what the table does not allow. */
static int
ipc_allowed(struct ipc *ipc, struct ipc_msg *m, unsigned type, bool with_fd)
{
	const struct msg_info *info = msg_info(type);

	if (info == NULL || !(info->sent_by & 1u << ipc->peer) ||
	    !(info->read_by & 1u << ipc->self))
		return ipc_refuse(ipc, m, "not allowed on this edge");
	if ((info->fd == FD_0 && with_fd) || (info->fd == FD_1 && !with_fd))
		return ipc_refuse(ipc, m, "descriptor missing or too many");
	if ((m->id == 0) != (info->kind == MSG_NOTE))
		return ipc_refuse(ipc, m, "request id");
	return 0;
}

static int
ipc_dispatch(struct ipc *ipc, struct ipc_msg *m)
{
	struct request *r;

	if (msg_info(m->type)->kind != MSG_REP)
		return ipc->ops->msg == NULL ? ipc_refuse(ipc, m, "no reader")
		                             : ipc->ops->msg(ipc, m, ipc->arg);
	r = ipc->requests == NULL ? NULL : &ipc->requests[m->id % IPC_WINDOW];
	if (r == NULL || r->reply == NULL || r->id != m->id) {
		/* Its deadline has passed: nobody waits for it any more. */
		log_debug("ipc late answer peer=%s message=%s",
		    role_name(ipc->peer), msg_info(m->type)->name);
		return 0;
	}
	return ipc_finish(ipc, r, m);
}

/* Handle the first whole message: its size, 0 if there is none, or -1. */
static ssize_t
ipc_take(struct ipc *ipc, struct span in)
{
	struct ipc_msg m = { .fd = -1 };
	bool with_fd;
	uint32_t n;
	int r;

	if (in.len < HDR)
		return 0;
	m.type = (enum msg_type)le16_get(in.data + 4);
	n = le32_get(in.data + 8);
	m.id = le32_get(in.data + 12);
	with_fd = in.data[3] == FLAG_FD;
	if (le16_get(in.data) != WIRE_MAGIC || in.data[2] != WIRE_VERSION ||
	    in.data[3] > FLAG_FD || le16_get(in.data + 6) != 0 || n > IPC_MAX)
		return ipc_refuse(ipc, &m, "bad header");
	/* Before its payload has come: nothing is kept for a stranger. */
	if (ipc_allowed(ipc, &m, le16_get(in.data + 4), with_fd) == -1)
		return -1;
	if (in.len - HDR < n)
		return 0;
	m.payload = span_from(in.data + HDR, n);
	if (with_fd) {
		if (ipc->nfds_in == 0)
			return ipc_refuse(ipc, &m, "descriptor did not come");
		m.fd = ipc->fds_in[0];
		memmove(ipc->fds_in, ipc->fds_in + 1,
		    --ipc->nfds_in * sizeof(int));
	}
	r = ipc_dispatch(ipc, &m);
	if (m.fd != -1)
		close(m.fd);
	return r == -1 ? -1 : (ssize_t)(HDR + n);
}

/* 1: bytes came, 0: none now, -1: the end. */
static int
ipc_fill(struct ipc *ipc)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FDS_PER_RECV * sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t r;

	if ((iov.iov_base = buf_reserve(&ipc->in, READ_CHUNK)) == NULL) {
		log_warnx("ipc no memory peer=%s", role_name(ipc->peer));
		return -1;
	}
	iov.iov_len = READ_CHUNK;
	r = recvmsg(ipc->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (r == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		if (errno != ECONNRESET)
			log_warn("ipc read peer=%s", role_name(ipc->peer));
		return -1;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c != NULL;
	     c = CMSG_NXTHDR(&mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (ipc->nfds_in == FDS_IN_MAX)
				close(fd);
			else
				ipc->fds_in[ipc->nfds_in++] = fd;
		}
	}
	if (mh.msg_flags & MSG_CTRUNC) {
		log_warnx("ipc descriptors lost peer=%s (descriptor limit?)",
		    role_name(ipc->peer));
		return -1;
	}
	if (r == 0)
		return -1;
	buf_commit(&ipc->in, (size_t)r);
	return 1;
}

void
ipc_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	size_t used = 0;
	ssize_t n = 0;
	int r;

	(void)fd;
	(void)what;
	ipc->busy++;
	r = ipc_fill(ipc);
	while (ipc->up && !ipc->paused && used < ipc->in.len) {
		n = ipc_take(ipc,
		    span_from(ipc->in.data + used, ipc->in.len - used));
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (ipc->up) {
		buf_drop(&ipc->in, used);
		if (ipc->in.len == 0 && ipc->in.cap > 2 * READ_CHUNK)
			buf_clear(&ipc->in);
	}
	if (n == -1 || (r == -1 && !ipc->paused))
		ipc_down(ipc);
	ipc->busy--;
	ipc_free_if_idle(ipc);
}
