#include "config.h"
#include "admind/dir_proxy.h"

#include "libcommon/io.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS_MAX 16
/* Commands that are not answered. */
#define COM_QUIT 0x01
#define COM_STMT_CLOSE 0x19

/* Between the test and the proxy. */
struct control {
	atomic_uint nth, seen;
	atomic_int loss;
	atomic_bool away, lost;
};

struct pair {
	int client, server; /* -1: free */
	size_t left;        /* bytes of the packet under way */
	unsigned char head[5];
	size_t nhead;  /* of the next packet: 4, and its command */
	bool lose_now; /* as soon as the server has answered */
};

static struct control *control;
static struct pair pairs[PAIRS_MAX];
static const char *server_path;
static pid_t child;

static int
unix_socket(const char *path, bool listening)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int r;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (fd == -1)
		return -1;
	if (listening)
		r = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0
		    ? listen(fd, 16)
		    : -1;
	else
		r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	if (r == 0)
		return fd;
	close(fd);
	return -1;
}

static void
pair_end(struct pair *p)
{
	close(p->client);
	close(p->server);
	p->client = p->server = -1;
}

/* A command begins: is it the one? */
static bool
is_the_one(unsigned char command)
{
	if (command == COM_QUIT || command == COM_STMT_CLOSE)
		return false;
	return atomic_fetch_add(&control->seen, 1) + 1 == control->nth;
}

/* The client's packets are u24 length, u8 number in its command, bytes.
 * Returns how many of the bytes may be passed on. */
static size_t
scan(struct pair *p, const unsigned char *b, size_t n)
{
	size_t i = 0, skip;

	while (i < n) {
		if (p->left > 0) {
			skip = p->left < n - i ? p->left : n - i;
			p->left -= skip;
			i += skip;
			continue;
		}
		p->head[p->nhead++] = b[i++];
		if (p->nhead < 5)
			continue;
		p->nhead = 0;
		p->left = (p->head[0] | (size_t)p->head[1] << 8 |
		              (size_t)p->head[2] << 16) -
		    1;
		if (p->head[3] != 0 || !is_the_one(p->head[4]))
			continue;
		control->lost = true;
		if (control->loss == PROXY_BEFORE)
			return 0;
		p->lose_now = true;
	}
	return n;
}

static void
from_client(struct pair *p)
{
	unsigned char b[65536];
	ssize_t n = read(p->client, b, sizeof(b));

	if (n <= 0 || scan(p, b, (size_t)n) == 0 ||
	    io_write_all(p->server, b, (size_t)n) == -1)
		pair_end(p);
}

static void
from_server(struct pair *p)
{
	unsigned char b[65536];
	ssize_t n = read(p->server, b, sizeof(b));

	if (n <= 0 || p->lose_now ||
	    io_write_all(p->client, b, (size_t)n) == -1)
		pair_end(p);
}

static void
take(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd == -1)
		return;
	for (struct pair *p = pairs; p < pairs + PAIRS_MAX; p++) {
		if (p->client != -1)
			continue;
		memset(p, 0, sizeof(*p));
		p->client = fd;
		p->server = control->lost && control->away
		    ? -1
		    : unix_socket(server_path, false);
		if (p->server == -1)
			pair_end(p);
		return;
	}
	close(fd);
}

static void
serve(int listener)
{
	struct pollfd p[1 + 2 * PAIRS_MAX];

	for (;;) {
		p[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
		for (int i = 0; i < PAIRS_MAX; i++) {
			p[1 + 2 * i] = (struct pollfd){ .fd = pairs[i].client,
				.events = POLLIN };
			p[2 + 2 * i] = (struct pollfd){ .fd = pairs[i].server,
				.events = POLLIN };
		}
		if (poll(p, nitems(p), -1) == -1)
			continue;
		for (int i = 0; i < PAIRS_MAX; i++) {
			if (p[1 + 2 * i].revents != 0)
				from_client(&pairs[i]);
			if (p[2 + 2 * i].revents != 0 && pairs[i].server != -1)
				from_server(&pairs[i]);
		}
		if (p[0].revents != 0)
			take(listener);
	}
}

int
proxy_start(const char *path, const char *server)
{
	int listener = unix_socket(path, true);

	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (listener == -1 || control == MAP_FAILED)
		return -1;
	server_path = server;
	for (int i = 0; i < PAIRS_MAX; i++)
		pairs[i].client = pairs[i].server = -1;
	if ((child = fork()) == 0) {
		signal(SIGPIPE, SIG_IGN);
		serve(listener);
	}
	close(listener);
	return child == -1 ? -1 : 0;
}

void
proxy_end(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

void
proxy_lose(unsigned nth, enum proxy_loss loss, bool away)
{
	control->nth = 0;
	control->seen = 0;
	control->loss = loss;
	control->away = away;
	control->lost = false;
	control->nth = nth;
}

bool
proxy_has_lost(void)
{
	return control->lost;
}
