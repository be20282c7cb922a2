#include "config.h"
#include "libcommon/ipc_int.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Paths in a sockaddr_un are short; a long one is reached through its open
 * folder, which *dir_out holds until the call is done.
 */
static int
unix_address(const char *path, struct sockaddr_un *sun, int *dir_out)
{
	char folder[4096];
	const char *slash;
	int n;

	*dir_out = -1;
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (strlen(path) < sizeof(sun->sun_path)) {
		memcpy(sun->sun_path, path, strlen(path) + 1);
		return 0;
	}
	slash = strrchr(path, '/');
	if (slash == NULL || (size_t)(slash - path) >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	if ((*dir_out = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d%s",
	    *dir_out, slash);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path)) {
		close(*dir_out);
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
ipc_unix_connect(const char *path, int flags)
{
	struct sockaddr_un sun;
	int fd, dir, saved, r;

	if (unix_address(path, &sun, &dir) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	r = fd == -1 ? -1 : connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	saved = errno;
	if (dir != -1)
		close(dir);
	if (r == -1 && fd != -1)
		close(fd);
	errno = saved;
	return r == -1 ? -1 : fd;
}

int
msg_fail_get(struct span payload, enum fail *why, char reason[static 201])
{
	struct wire w;
	uint16_t v;

	wire_init(&w, payload);
	v = wire_u16(&w);
	wire_cstr(&w, reason, 201);
	if (wire_done(&w) == -1 || v >= FAIL__COUNT) {
		errno = EBADMSG;
		return -1;
	}
	*why = (enum fail)v;
	return 0;
}

static int
call_write(int fd, struct span bytes)
{
	ssize_t r;

	while (bytes.len > 0) {
		r = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
		if (r == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		bytes = span_sub(bytes, (size_t)r, bytes.len);
	}
	return 0;
}

/* Read more of the answer before the deadline. */
static int
call_fill(int fd, uint64_t deadline, struct buf *in, int *fd_out)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t now = io_now_ms();
	struct cmsghdr *c;
	ssize_t r;

	if (now >= deadline ||
	    (r = poll(&pfd, 1, (int)(deadline - now))) == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	if ((iov.iov_base = buf_reserve(in, READ_CHUNK)) == NULL) {
		errno = EBADMSG;
		return -1;
	}
	iov.iov_len = READ_CHUNK;
	r = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	if (r == -1)
		return errno == EINTR ? 0 : -1;
	if (r == 0) {
		errno = ECONNRESET;
		return -1;
	}
	c = CMSG_FIRSTHDR(&mh);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS) {
		if (*fd_out != -1)
			close(*fd_out);
		memcpy(fd_out, CMSG_DATA(c), sizeof(int));
	}
	buf_commit(in, (size_t)r);
	return 0;
}

int
ipc_call(const char *path, enum role peer, enum msg_type type,
    const struct buf *payload, unsigned deadline_ms, struct buf *answer_out,
    int *fd_out)
{
	uint64_t deadline = io_now_ms() + deadline_ms;
	const struct msg_info *info;
	unsigned char h[HDR] = { 0 };
	struct buf in;
	int fd, got_fd = -1, saved, answer = -1;

	if ((fd = ipc_unix_connect(path, 0)) == -1)
		return -1;
	buf_init(&in, HDR + IPC_MAX + READ_CHUNK);
	le16_put(h, WIRE_MAGIC);
	h[2] = WIRE_VERSION;
	le16_put(h + 4, (uint16_t)type);
	le32_put(h + 8, payload == NULL ? 0 : (uint32_t)payload->len);
	le32_put(h + 12, 1);
	if (call_write(fd, span_from(h, HDR)) == -1 ||
	    (payload != NULL && call_write(fd, buf_span(payload)) == -1))
		goto out;
	while (in.len < HDR || in.len - HDR < le32_get(in.data + 8)) {
		if (call_fill(fd, deadline, &in, &got_fd) == -1)
			goto out;
		if (in.len >= HDR && le32_get(in.data + 8) > IPC_MAX)
			break;
	}
	info = msg_info(le16_get(in.data + 4));
	errno = EBADMSG;
	if (le16_get(in.data) != WIRE_MAGIC || in.data[2] != WIRE_VERSION ||
	    info == NULL || info->kind != MSG_REP ||
	    !(info->sent_by & 1u << peer) ||
	    in.len != HDR + le32_get(in.data + 8))
		goto out;
	buf_put(answer_out, in.data + HDR, in.len - HDR);
	if (fd_out != NULL) {
		*fd_out = got_fd;
		got_fd = -1;
	}
	answer = le16_get(in.data + 4);
out:
	saved = errno;
	if (got_fd != -1)
		close(got_fd);
	buf_clear(&in);
	close(fd);
	errno = saved;
	return answer;
}
