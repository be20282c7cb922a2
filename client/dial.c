/* Sockets with a moment by which everything must have happened. */
#include "client/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t
semail_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int
wait_for(int fd, short events, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now;
	int r;

	do {
		now = semail_now_ms();
		r = now >= until_ms ? 0 : poll(&p, 1, (int)(until_ms - now));
	} while (r == -1 && errno == EINTR);
	if (r == 0)
		errno = ETIMEDOUT;
	return r > 0 ? 0 : -1;
}

/* ---- where ------------------------------------------------------------------ */

struct host_port {
	char host[256], port[8];
};

/* "HOST:PORT" or "[V6-ADDRESS]:PORT". */
static int
split(const char *where, struct host_port *out)
{
	const char *colon = strrchr(where, ':'), *host = where;
	size_t n, digits;

	if (colon == NULL)
		return -1;
	n = (size_t)(colon - where);
	if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (memchr(where, ':', n) != NULL) {
		return -1;
	}
	digits = strspn(colon + 1, "0123456789");
	if (n == 0 || n >= sizeof(out->host) || digits == 0 || digits > 5 ||
	    colon[1 + digits] != '\0')
		return -1;
	memcpy(out->host, host, n);
	out->host[n] = '\0';
	memcpy(out->port, colon + 1, digits + 1);
	return 0;
}

int
semail_where_good(const char *where)
{
	struct host_port hp;
	struct sockaddr_un sun;

	if (where[0] == '/')
		return strlen(where) < sizeof(sun.sun_path);
	return split(where, &hp) == 0;
}

/* ---- connecting ---------------------------------------------------------------- */

static int
dial_one(int family, const struct sockaddr *sa, socklen_t len,
    uint64_t until_ms)
{
	int fd, saved, one = 1;
	socklen_t n = sizeof(saved);

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, sa, len) == -1) {
		if (errno != EINPROGRESS ||
		    wait_for(fd, POLLOUT, until_ms) == -1)
			goto fail;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &saved, &n) == -1)
			goto fail;
		if ((errno = saved) != 0)
			goto fail;
	}
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
dial_tcp(const char *where, uint64_t until_ms)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *ai;
	struct host_port hp;
	int fd = -1;

	if (split(where, &hp) == -1) {
		errno = EINVAL;
		return -1;
	}
	if (getaddrinfo(hp.host, hp.port, &hints, &found) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	for (ai = found; ai != NULL && fd == -1; ai = ai->ai_next)
		fd = dial_one(ai->ai_family, ai->ai_addr, ai->ai_addrlen,
		    until_ms);
	freeaddrinfo(found);
	return fd;
}

int
semail_dial(const char *where, uint64_t until_ms)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (where[0] != '/')
		return dial_tcp(where, until_ms);
	if (strlen(where) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, where, strlen(where));
	return dial_one(AF_UNIX, (struct sockaddr *)&sun, sizeof(sun),
	    until_ms);
}

/* ---- bytes ------------------------------------------------------------------------ */

int
semail_send(int fd, const void *bytes, size_t n, uint64_t until_ms)
{
	const char *p = bytes;
	ssize_t r;

	while (n > 0) {
		r = send(fd, p, n, MSG_NOSIGNAL);
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		} else if (errno != EAGAIN && errno != EINTR) {
			return -1;
		} else if (errno == EAGAIN &&
		    wait_for(fd, POLLOUT, until_ms) == -1) {
			return -1;
		}
	}
	return 0;
}

int
semail_receive(int fd, void *bytes, size_t n, uint64_t until_ms)
{
	char *p = bytes;
	ssize_t r;

	while (n > 0) {
		r = recv(fd, p, n, 0);
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		} else if (r == 0) {
			errno = EPIPE;
			return -1;
		} else if (errno != EAGAIN && errno != EINTR) {
			return -1;
		} else if (errno == EAGAIN &&
		    wait_for(fd, POLLIN, until_ms) == -1) {
			return -1;
		}
	}
	return 0;
}
