/* A peer that sends anything at all: the channel may close, nothing else. */
#include "config.h"
#include "libcommon/ipc.h"
#include "libcommon/log.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
server_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	if (m->type == MSG_QUEUE_BODY_DROP)
		return m->payload.len == 8 ? 0 : ipc_refuse(ipc, m, "form");
	ipc_fail(ipc, m->id, FAIL_TEMP, "not here");
	return 0;
}

static const struct ipc_ops ops = { .msg = server_msg };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct event_base *base;
	struct ipc *ipc;
	uint64_t token;
	int sv[2], null;

	if (base == NULL) {
		base = event_base_new();
		/* A refusal is logged: not here. */
		if ((null = open("/dev/null", O_WRONLY)) != -1)
			dup2(null, STDERR_FILENO);
	}
	if (n > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		return 0;
	ipc = ipc_attach(base, sv[0], ROLE_QUEUED, ROLE_SMTPD, &ops, NULL);
	if (ipc == NULL)
		return 0;
	token = ipc_token(ipc);
	if (n > 0 && write(sv[1], data, n) == (ssize_t)n)
		for (int i = 0; i < 4 && ipc_by_token(token) != NULL; i++)
			event_base_loop(base, EVLOOP_NONBLOCK);
	close(sv[1]);
	while ((ipc = ipc_by_token(token)) != NULL)
		ipc_close(ipc);
	return 0;
}
