#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "master/master.h"

#include <stdlib.h>
#include <unistd.h>

#define STATS_MS 1000

/* An answer that waits for the daemons. */
struct waiting {
	struct master *master;
	uint64_t channel; /* ipc_token() */
	uint32_t id;
	unsigned left;
};

struct stat_asked {
	struct waiting *w;
	struct child *c;
};

static struct ipc *
waiting_channel(const struct waiting *w)
{
	return ipc_by_token(w->channel);
}

/* ---- status ------------------------------------------------------------- */

static void
status_answer(struct waiting *w)
{
	struct master *m = w->master;
	struct ipc *ipc = waiting_channel(w);
	struct buf b;

	buf_init(&b, IPC_MAX);
	wire_put_str(&b, PACKAGE_VERSION);
	wire_put_u32(&b, m->nchildren);
	for (unsigned i = 0; i < m->nchildren; i++) {
		const struct child *c = &m->children[i];

		wire_put_str(&b, child_name(c));
		wire_put_u32(&b, c->instance);
		wire_put_u32(&b, (uint32_t)c->pid);
		wire_put_str(&b, child_state_name(c->state));
		wire_put_u32(&b, c->restarts);
		wire_put_u64(&b,
		    c->pid > 0 ? (io_now_ms() - c->started_ms) / 1000 : 0);
		wire_put_bytes(&b, buf_span(&c->stats));
	}
	if (ipc != NULL)
		ipc_reply(ipc, w->id, MSG_MASTER_STATUS_IS, &b, -1);
	buf_clear(&b);
	free(w);
}

static int
status_stats(struct ipc_msg *msg, void *arg)
{
	struct stat_asked *a = arg;

	buf_reset(&a->c->stats);
	if (msg != NULL && msg->type == MSG_CTL_STATS_IS)
		buf_put_span(&a->c->stats, msg->payload);
	if (--a->w->left == 0)
		status_answer(a->w);
	free(a);
	return 0;
}

static void
ctl_status(struct master *m, struct ipc *ipc, uint32_t id)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL)
		fatal("status");
	*w = (struct waiting){ m, ipc_token(ipc), id, 1 };
	for (unsigned i = 0; i < m->nchildren; i++) {
		struct child *c = &m->children[i];
		struct stat_asked *a;

		buf_reset(&c->stats);
		if (c->control == NULL || c->state != CHILD_READY)
			continue;
		if ((a = malloc(sizeof(*a))) == NULL)
			fatal("status");
		a->w = w;
		a->c = c;
		if (ipc_request(c->control, MSG_CTL_STATS, NULL, -1, STATS_MS,
		        status_stats, a) == -1)
			free(a);
		else
			w->left++;
	}
	if (--w->left == 0)
		status_answer(w);
}

/* ---- reload and stop --------------------------------------------------------- */

static void
reload_done(void *arg, const char *why)
{
	struct waiting *w = arg;
	struct ipc *ipc = waiting_channel(w);
	struct buf b;

	buf_init(&b, 64);
	wire_put_str(&b, "reloaded");
	if (ipc != NULL && why == NULL)
		ipc_reply(ipc, w->id, MSG_MASTER_OK, &b, -1);
	else if (ipc != NULL)
		ipc_fail(ipc, w->id, FAIL_BAD, why);
	buf_clear(&b);
	free(w);
}

static int
ctl_msg(struct ipc *ipc, struct ipc_msg *msg, void *arg)
{
	struct master *m = arg;
	struct waiting *w;
	struct buf b;

	if (msg->payload.len != 0)
		return ipc_refuse(ipc, msg, "form");
	switch (msg->type) {
	case MSG_MASTER_STATUS:
		ctl_status(m, ipc, msg->id);
		return 0;
	case MSG_MASTER_RELOAD:
		if ((w = calloc(1, sizeof(*w))) == NULL)
			fatal("reload");
		*w = (struct waiting){ m, ipc_token(ipc), msg->id, 0 };
		master_reload(m, reload_done, w);
		return 0;
	case MSG_MASTER_STOP:
		buf_init(&b, 64);
		wire_put_str(&b, "stopping");
		ipc_reply(ipc, msg->id, MSG_MASTER_OK, &b, -1);
		buf_clear(&b);
		master_stop(m);
		return 0;
	default:
		return ipc_refuse(ipc, msg, "not for semaild");
	}
}

static const struct ipc_ops ctl_ops = { .msg = ctl_msg };

void
master_ctl_listen(struct master *m)
{
	ipc_listen(m->base, m->ctl_fd[ROLE_MASTER], ROLE_MASTER, ROLE_CLI,
	    geteuid(), true, &ctl_ops, m);
}
