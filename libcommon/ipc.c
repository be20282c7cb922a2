#include "config.h"
#include "libcommon/ipc.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HDR 16
#define WIRE_MAGIC 0x534d
#define WIRE_VERSION 1
#define FLAG_FD 1
#define READ_CHUNK (128 * 1024)
#define OUT_MAX (32 * 1024 * 1024) /* unsent bytes before EAGAIN */
#define FDS_IN_MAX 64   /* descriptors that came before their message */
#define FDS_PER_RECV 8
#define SWEEP_MS 250
#define BACKOFF_MIN_MS 10
#define BACKOFF_MAX_MS 1000

struct request {
	ipc_reply_fn reply; /* NULL: free slot */
	void *arg;
	uint64_t deadline_ms;
	uint32_t id;
};

struct fd_out {
	uint64_t at; /* stream offset its message begins at */
	int fd;
	struct fd_out *next;
};

struct ipc {
	struct event_base *base;
	struct event *rd, *wr, *flush, *timer;
	int fd;
	enum role self, peer;
	const struct ipc_ops *ops;
	void *arg, *data;
	char *path; /* of an ipc_connect() */
	unsigned backoff_ms;
	bool up, dead, paused, flushing, was_full;
	unsigned busy;     /* inside a callback: free later */
	uint32_t slot, generation;

	struct buf in, out;
	size_t out_sent;   /* of out, already in the socket */
	uint64_t out_base; /* stream offset of out.data[0] */
	size_t owed;       /* unsent bytes of answers, at most */
	struct fd_out *fds_out, **fds_out_tail;
	int fds_in[FDS_IN_MAX];
	unsigned nfds_in;

	struct request *requests; /* IPC_WINDOW slots by id, or NULL */
	unsigned nrequests;
	uint32_t next_id;
};

/* ---- tokens -------------------------------------------------------- */

static struct ipc **slots;
static uint32_t *generations;
static uint32_t nslots;

static void
slot_take(struct ipc *ipc)
{
	uint32_t i;

	for (i = 0; i < nslots; i++)
		if (slots[i] == NULL)
			break;
	if (i == nslots) {
		uint32_t n = nslots ? nslots * 2 : 16;

		slots = realloc(slots, n * sizeof(slots[0]));
		generations = realloc(generations, n * sizeof(generations[0]));
		if (slots == NULL || generations == NULL)
			fatal("ipc slots");
		for (uint32_t k = nslots; k < n; k++) {
			slots[k] = NULL;
			generations[k] = 0;
		}
		nslots = n;
	}
	slots[i] = ipc;
	ipc->slot = i;
	ipc->generation = ++generations[i];
}

uint64_t
ipc_token(const struct ipc *ipc)
{
	return (uint64_t)ipc->generation << 32 | (ipc->slot + 1);
}

struct ipc *
ipc_by_token(uint64_t token)
{
	uint32_t i = (uint32_t)token - 1;

	if ((uint32_t)token == 0 || i >= nslots || slots[i] == NULL ||
	    slots[i]->generation != token >> 32 || slots[i]->dead)
		return NULL;
	return slots[i];
}

/* ---- life ---------------------------------------------------------- */

static void ipc_on_read(evutil_socket_t, short, void *);
static void ipc_on_write(evutil_socket_t, short, void *);
static void ipc_on_flush(evutil_socket_t, short, void *);
static void ipc_on_timer(evutil_socket_t, short, void *);

static struct ipc *
ipc_new(struct event_base *base, enum role self, enum role peer,
    const struct ipc_ops *ops, void *arg)
{
	struct ipc *ipc = calloc(1, sizeof(*ipc));

	if (ipc == NULL)
		return NULL;
	ipc->base = base;
	ipc->fd = -1;
	ipc->self = self;
	ipc->peer = peer;
	ipc->ops = ops;
	ipc->arg = arg;
	ipc->next_id = 1;
	ipc->fds_out_tail = &ipc->fds_out;
	buf_init(&ipc->in, HDR + IPC_MAX + READ_CHUNK);
	buf_init(&ipc->out, OUT_MAX + 2 * (HDR + IPC_MAX));
	ipc->flush = event_new(base, -1, 0, ipc_on_flush, ipc);
	ipc->timer = event_new(base, -1, 0, ipc_on_timer, ipc);
	if (ipc->flush == NULL || ipc->timer == NULL) {
		if (ipc->flush != NULL)
			event_free(ipc->flush);
		if (ipc->timer != NULL)
			event_free(ipc->timer);
		free(ipc);
		errno = ENOMEM;
		return NULL;
	}
	slot_take(ipc);
	return ipc;
}

static void
ipc_free_if_idle(struct ipc *ipc)
{
	if (!ipc->dead || ipc->busy > 0)
		return;
	slots[ipc->slot] = NULL;
	event_free(ipc->flush);
	event_free(ipc->timer);
	buf_clear(&ipc->in);
	buf_clear(&ipc->out);
	free(ipc->requests);
	free(ipc->path);
	free(ipc);
}

static int
ipc_open(struct ipc *ipc, int fd)
{
	if (io_nonblock(fd) == -1)
		return -1;
	ipc->rd = event_new(ipc->base, fd, EV_READ | EV_PERSIST, ipc_on_read, ipc);
	ipc->wr = event_new(ipc->base, fd, EV_WRITE, ipc_on_write, ipc);
	if (ipc->rd == NULL || ipc->wr == NULL ||
	    event_add(ipc->rd, NULL) == -1) {
		if (ipc->rd != NULL)
			event_free(ipc->rd);
		if (ipc->wr != NULL)
			event_free(ipc->wr);
		ipc->rd = ipc->wr = NULL;
		errno = ENOMEM;
		return -1;
	}
	ipc->fd = fd;
	ipc->up = true;
	return 0;
}

static void
ipc_arm(struct ipc *ipc, unsigned ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (!event_pending(ipc->timer, EV_TIMEOUT, NULL))
		event_add(ipc->timer, &tv);
}

/* Call reply with m or NULL; the slot is free before. */
static int
ipc_finish(struct ipc *ipc, struct request *r, struct ipc_msg *m)
{
	ipc_reply_fn reply = r->reply;
	void *arg = r->arg;

	r->reply = NULL;
	ipc->nrequests--;
	return reply(m, arg);
}

static void
ipc_drop_fds(struct ipc *ipc)
{
	struct fd_out *f;

	while ((f = ipc->fds_out) != NULL) {
		ipc->fds_out = f->next;
		close(f->fd);
		free(f);
	}
	ipc->fds_out_tail = &ipc->fds_out;
	for (unsigned i = 0; i < ipc->nfds_in; i++)
		close(ipc->fds_in[i]);
	ipc->nfds_in = 0;
}

static void
ipc_down(struct ipc *ipc)
{
	if (!ipc->up)
		return;
	ipc->busy++;
	ipc->up = false;
	event_free(ipc->rd);
	event_free(ipc->wr);
	ipc->rd = ipc->wr = NULL;
	close(ipc->fd);
	ipc->fd = -1;
	event_del(ipc->flush);
	event_del(ipc->timer);
	ipc->flushing = ipc->paused = ipc->was_full = false;
	ipc_drop_fds(ipc);
	buf_reset(&ipc->out);
	buf_reset(&ipc->in);
	ipc->out_sent = 0;
	ipc->out_base = 0;
	ipc->owed = 0;
	for (unsigned i = 0; ipc->nrequests > 0 && i < IPC_WINDOW; i++)
		if (ipc->requests[i].reply != NULL)
			ipc_finish(ipc, &ipc->requests[i], NULL);
	if (ipc->ops->gone != NULL)
		ipc->ops->gone(ipc, ipc->arg);
	if (ipc->path == NULL) {
		ipc->dead = true;
	} else if (!ipc->dead) {
		/* The next connection is another one to whoever keeps a
		 * token: request ids begin anew on it. */
		ipc->generation = ++generations[ipc->slot];
		ipc->backoff_ms = BACKOFF_MIN_MS;
		ipc_arm(ipc, ipc->backoff_ms);
	}
	ipc->busy--;
	ipc_free_if_idle(ipc);
}

void
ipc_close(struct ipc *ipc)
{
	ipc_down(ipc);
}

struct ipc *
ipc_attach(struct event_base *base, int fd, enum role self, enum role peer,
    const struct ipc_ops *ops, void *arg)
{
	struct ipc *ipc = ipc_new(base, self, peer, ops, arg);

	if (ipc == NULL || ipc_open(ipc, fd) == -1) {
		close(fd);
		if (ipc != NULL) {
			ipc->dead = true;
			ipc_free_if_idle(ipc);
		}
		return NULL;
	}
	if (ops->up != NULL)
		ops->up(ipc, arg);
	return ipc;
}

/* ---- connecting and accepting --------------------------------------- */

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

static int
unix_connect(const char *path, int flags)
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

static void
ipc_try(struct ipc *ipc)
{
	int fd = unix_connect(ipc->path, SOCK_NONBLOCK);

	if (fd != -1 && ipc_open(ipc, fd) == -1) {
		close(fd);
		fd = -1;
	}
	if (fd == -1) {
		if (ipc->backoff_ms == 0)
			ipc->backoff_ms = BACKOFF_MIN_MS;
		ipc_arm(ipc, ipc->backoff_ms);
		if (ipc->backoff_ms * 2 <= BACKOFF_MAX_MS)
			ipc->backoff_ms *= 2;
		else if (ipc->backoff_ms != BACKOFF_MAX_MS) {
			ipc->backoff_ms = BACKOFF_MAX_MS;
			log_warn("connect peer=%s", role_name(ipc->peer));
		}
		return;
	}
	ipc->backoff_ms = 0;
	if (ipc->ops->up != NULL) {
		ipc->busy++;
		ipc->ops->up(ipc, ipc->arg);
		ipc->busy--;
		ipc_free_if_idle(ipc);
	}
}

struct ipc *
ipc_connect(struct event_base *base, const char *path, enum role self,
    enum role peer, const struct ipc_ops *ops, void *arg)
{
	struct ipc *ipc = ipc_new(base, self, peer, ops, arg);

	if (ipc == NULL || (ipc->path = strdup(path)) == NULL)
		fatal("ipc peer=%s", role_name(peer));
	ipc_arm(ipc, 0);
	return ipc;
}

struct acceptor {
	struct event_base *base;
	struct event *ev;
	enum role self, peer;
	uid_t uid;
	bool allow_root;
	const struct ipc_ops *ops;
	void *arg;
};

static void
ipc_on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct acceptor *a = arg;
	struct ucred cred;
	socklen_t n;
	int fd;

	(void)what;
	for (unsigned i = 0; i < 16; i++) {
		fd = accept4((int)listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1) {
			if (errno != EAGAIN && errno != EINTR &&
			    errno != ECONNABORTED)
				log_warn("accept peer=%s", role_name(a->peer));
			return;
		}
		n = sizeof(cred);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == -1 ||
		    (cred.uid != a->uid && !(a->allow_root && cred.uid == 0))) {
			log_warnx("refused peer=%s uid=%ld", role_name(a->peer),
			    (long)cred.uid);
			close(fd);
			continue;
		}
		if (ipc_attach(a->base, fd, a->self, a->peer, a->ops, a->arg) ==
		    NULL)
			log_warn("channel peer=%s", role_name(a->peer));
	}
}

void
ipc_listen(struct event_base *base, int listen_fd, enum role self,
    enum role peer, uid_t peer_uid, bool allow_root, const struct ipc_ops *ops,
    void *arg)
{
	struct acceptor *a = calloc(1, sizeof(*a));

	if (a == NULL)
		fatal("ipc listen");
	*a = (struct acceptor){ base, NULL, self, peer, peer_uid, allow_root,
		ops, arg };
	if (io_nonblock(listen_fd) == -1)
		fatal("ipc listen peer=%s", role_name(peer));
	a->ev = event_new(
	    base, listen_fd, EV_READ | EV_PERSIST, ipc_on_accept, a);
	if (a->ev == NULL || event_add(a->ev, NULL) == -1)
		fatalx("ipc listen event");
}

/* ---- writing --------------------------------------------------------- */

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

static void
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

static void
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
		fatalx("bug %s may not send %s to %s",
		    role_name(ipc->self), info == NULL ? "?" : info->name,
		    role_name(ipc->peer));
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

/* ---- reading --------------------------------------------------------- */

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
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
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

static void
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

/* ---- time ------------------------------------------------------------- */

static void
ipc_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	uint64_t now;

	(void)fd;
	(void)what;
	if (!ipc->up) {
		ipc_try(ipc);
		return;
	}
	ipc->busy++;
	now = io_now_ms();
	for (unsigned i = 0; ipc->up && ipc->nrequests > 0 && i < IPC_WINDOW;
	     i++) {
		struct request *r = &ipc->requests[i];

		if (r->reply != NULL && r->deadline_ms <= now)
			ipc_finish(ipc, r, NULL);
	}
	if (ipc->up && ipc->nrequests > 0)
		ipc_arm(ipc, SWEEP_MS);
	ipc->busy--;
	ipc_free_if_idle(ipc);
}

/* ---- for commands ------------------------------------------------------ */

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
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
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

	if ((fd = unix_connect(path, 0)) == -1)
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
