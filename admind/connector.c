/*
 * The connector: connections to the LDAP servers of the configuration, asked
 * for by number, handed over while they are still connecting.  And how the
 * binder asks.
 */
#include "config.h"
#include "admind/binder.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_BINDER 3
#define FD_CONF 4

static int
open_one(const struct ldapsrc_endpoint *e)
{
	int s = socket(e->addr.sa.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s == -1)
		return -1;
	if (connect(s, &e->addr.sa, e->addr_len) == 0 || errno == EINPROGRESS)
		return s;
	close(s);
	return -1;
}

static int
hand_over(int s)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	unsigned char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (s != -1) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &s, sizeof(int));
	}
	return sendmsg(FD_BINDER, &m, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

void
connector_child(void)
{
	static struct binder_conf conf;
	unsigned char ask[2];
	int s;

	binder_conf_take(FD_CONF, &conf);
	buf_clear(&conf.bytes); /* the servers are all it needs */
	while (read(FD_BINDER, ask, sizeof(ask)) == sizeof(ask)) {
		if (ask[0] >= conf.nsources ||
		    ask[1] >= conf.sources[ask[0]].nendpoints)
			fatalx("connector asked for server=%u.%u", ask[0],
			    ask[1]);
		s = open_one(&conf.sources[ask[0]].endpoints[ask[1]]);
		if (hand_over(s) == -1)
			break;
		if (s != -1)
			close(s);
	}
	_exit(0);
}

int
connector_ask(int fd, unsigned source, unsigned endpoint)
{
	unsigned char ask[2] = { (unsigned char)source,
		(unsigned char)endpoint }, byte;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t r;
	int s;

	if (send(fd, ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask))
		fatal("the connector is gone");
	do
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (r == -1 && errno == EINTR);
	if (r != 1)
		fatal("the connector is gone");
	if ((c = CMSG_FIRSTHDR(&m)) == NULL || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&s, CMSG_DATA(c), sizeof(s));
	return s;
}
