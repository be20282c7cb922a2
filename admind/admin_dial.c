#include "config.h"
#include "admind/admin_dial.h"

#include "libcommon/conf.h"
#include "libcommon/io.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_S 60

struct admin_link {
	int fd;
	unsigned char answer[REQUEST_MAX];
};

static void
complain(void *arg, const char *what)
{
	(void)arg;
	fprintf(stderr, "semail: %s\n", what);
}

static int
socket_of(const char *conf_path, struct sockaddr_un *sun)
{
	struct conf *conf = conf_read(conf_path, complain, NULL);
	int n;

	if (conf == NULL)
		return -1;
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/ctl/admind",
	    conf_get(conf, "run-dir"));
	conf_free(&conf);
	return n < 0 || (size_t)n >= sizeof(sun->sun_path) ? -1 : 0;
}

/* Without SIGPIPE: that one is for who reads our output. */
static int
send_all(int fd, const unsigned char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if ((n = send(fd, data, len, MSG_NOSIGNAL)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

struct admin_link *
admin_dial(const struct admin_where *where, int *status_out, char *why,
    size_t size)
{
	struct timeval tv = { ANSWER_S, 0 };
	struct sockaddr_un sun;
	struct admin_link *l;
	int fd;

	if (socket_of(where->conf_path, &sun) == -1) {
		*status_out = 78;
		snprintf(why, size, "the configuration cannot be used");
		return NULL;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		*status_out = errno == EACCES ? 77 : 75;
		snprintf(why, size, "%s: %s", errno == EACCES ?
		    "root and the group semail-admin may do this" :
		    "admind cannot be reached; is SEMail started?",
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return NULL;
	}
	if ((l = malloc(sizeof(*l))) == NULL) {
		*status_out = 75;
		snprintf(why, size, "no memory");
		close(fd);
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	l->fd = fd;
	return l;
}

void
admin_hang_up(struct admin_link **lp)
{
	if (*lp == NULL)
		return;
	close((*lp)->fd);
	explicit_bzero((*lp)->answer, sizeof((*lp)->answer));
	free(*lp);
	*lp = NULL;
}

int
admin_exchange(struct admin_link *l, const struct buf *request,
    struct fields *answer, char *why, size_t size)
{
	unsigned char len[4];
	uint32_t n;

	if (buf_error(request) != 0 || request->len > REQUEST_MAX) {
		snprintf(why, size, "the request is too long");
		return 65;
	}
	le32_put(len, (uint32_t)request->len);
	if (send_all(l->fd, len, sizeof(len)) == -1 ||
	    send_all(l->fd, request->data, request->len) == -1 ||
	    io_read_all(l->fd, len, sizeof(len)) == -1) {
		snprintf(why, size, "admind does not answer: %s",
		    strerror(errno));
		return 75;
	}
	n = le32_get(len);
	if (n > sizeof(l->answer) || io_read_all(l->fd, l->answer, n) == -1 ||
	    fields_parse(answer, span_from(l->answer, n)) == -1 ||
	    answer->n < 6) {
		snprintf(why, size, "admind's answer cannot be read");
		return 76;
	}
	return 0;
}
