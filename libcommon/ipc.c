#include "config.h"
#include "libcommon/ipc_int.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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

void
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
	ipc->rd = event_new(ipc->base, fd, EV_READ | EV_PERSIST, ipc_on_read,
	    ipc);
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

void
ipc_arm(struct ipc *ipc, unsigned ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	if (!event_pending(ipc->timer, EV_TIMEOUT, NULL))
		event_add(ipc->timer, &tv);
}

/* Call reply with m or NULL; the slot is free before. */
int
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

void
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

static void
ipc_try(struct ipc *ipc)
{
	int fd = ipc_unix_connect(ipc->path, SOCK_NONBLOCK);

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
	a->ev = event_new(base, listen_fd, EV_READ | EV_PERSIST, ipc_on_accept,
	    a);
	if (a->ev == NULL || event_add(a->ev, NULL) == -1)
		fatalx("ipc listen event");
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
