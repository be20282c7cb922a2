/*
 * queued - owns the queue: takes mail from smtpd, commits it, gives it to
 * local, and keeps what could not be delivered.
 *
 * Runs as   semail-queue, in a directory that holds only authd's socket.
 * Is given  the queue directory, open.
 * Listens   for smtpd (intake.c), local (deliver.c), the queue command
 *           (list.c).
 * Talks to  authd, about recipients smtpd brought no valid grant for.
 * Never     parses a body; answers a message before it is on stable storage.
 */
#include "config.h"
#include "queue/queued.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#define TRACE_MAX (64 * 1024)
#define LATER_MS 100    /* completions are durable within this */
#define INDEX_MS 600000 /* deferred.idx is written that often */

static struct queued queued;

static void
arm(struct event *ev, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000),
		(suseconds_t)(ms % 1000) * 1000 };

	if (!event_pending(ev, EV_TIMEOUT, NULL))
		event_add(ev, &tv);
}

/*
 * After the next look at the sockets, without waiting: whatever is ready by
 * then shares the batch.
 */
void
queued_turn(struct queued *q)
{
	arm(q->turn, 0);
}

static void
after_flush(struct queued *q)
{
	deliver_dispatch(q);
	if (q->spool->waiting.n > 0)
		sched_arm(q);
	if (spool_is_dirty(q->spool))
		arm(q->later, LATER_MS);
}

/*
 * All that came in during this turn of the loop goes out in one batch, with
 * one sync; meanwhile the sockets collect the next.
 */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct queued *q = arg;

	(void)fd;
	(void)what;
	sched_relieve(q);
	spool_flush(q->spool, false);
	after_flush(q);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct queued *q = arg;

	(void)fd;
	(void)what;
	spool_flush(q->spool, true);
	after_flush(q);
}

static void
check_space(struct queued *q)
{
	struct statvfs st;
	bool low;

	if (fstatvfs(q->dirfd, &st) == -1)
		return;
	low = (uint64_t)st.f_bavail * st.f_frsize < q->min_free;
	if (low && !q->disk_low)
		log_warnx("disk-low free=%llu queue-min-free=%llu",
		    (unsigned long long)st.f_bavail * st.f_frsize,
		    (unsigned long long)q->min_free);
	q->disk_low = low;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct queued *q = arg;
	uint64_t now = io_now_ms();

	(void)fd;
	(void)what;
	check_space(q);
	qlog_tend(q->spool->log, now);
	expand_ask(q);
	list_tick(q);
	if (q->spool->waiting.changed && now - q->index_ms >= INDEX_MS) {
		q->index_ms = now;
		if (waiting_save(&q->spool->waiting, q->dirfd) == -1)
			log_warn("deferred-index");
	}
	on_turn(-1, 0, q);
}

/* ---- the spool tells us ------------------------------------------------ */

static void
on_committed(void *arg, struct qmsg *m, bool ok)
{
	intake_committed(arg, m, ok);
}

static void
on_ready(void *arg, struct qmsg *m)
{
	sched_ready(arg, m);
}

static void
on_gone(void *arg, struct qmsg *m)
{
	sched_forget(arg, m);
}

static const struct spool_ops spool_ops = {
	.committed = on_committed, .ready = on_ready, .gone = on_gone
};

/* ---- semaild tells us ---------------------------------------------------- */

static void
take_settings(struct queued *q)
{
	struct span key = conf_blob("grant-key");

	/* The limit is the client's; our own trace line comes on top. */
	q->message_max = conf_num("message-size-limit") + TRACE_MAX;
	q->min_free = conf_num("queue-min-free");
	q->retry_min_ms = conf_num("queue-retry-min");
	q->retry_max_ms = conf_num("queue-retry-max");
	if (q->retry_max_ms < q->retry_min_ms)
		q->retry_max_ms = q->retry_min_ms;
	q->grant_key = key.len == GRANT_KEY_BYTES ? key.data : NULL;
	if (q->grant_key == NULL)
		log_warnx("grant-key missing (authd is asked for each "
		          "recipient)");
	if (q->spool != NULL)
		q->spool->waiting.max_ms = q->retry_max_ms;
}

static void
on_reload(struct proc *p)
{
	(void)p;
	take_settings(&queued);
	check_space(&queued);
}

static void
on_stop(struct proc *p)
{
	struct queued *q = &queued;

	/* Whatever still waits for a sync is answered by it, or not at all:
	 * nobody was told that it is safe. */
	if (spool_flush(q->spool, true) == -1)
		log_warn("stop flush");
	if (waiting_save(&q->spool->waiting, q->dirfd) == -1)
		log_warn("deferred-index");
	proc_exit(p, 0);
}

static void
on_stats(struct proc *p, void (*add)(void *, const char *, uint64_t), void *arg)
{
	const struct spool *s = queued.spool;

	(void)p;
	add(arg, "log-messages", s->nlog);
	add(arg, "log-percent", qlog_percent(s->log));
	add(arg, "deferred", s->waiting.n + queued.loaded);
	add(arg, "accepted", s->accepted);
	add(arg, "accepted-bytes", queued.bytes_in);
	add(arg, "refused", s->refused);
	add(arg, "forwarded-answered", s->born_total);
	add(arg, "delivered", queued.delivered);
	add(arg, "attempts-failed", queued.failed);
	add(arg, "finished", s->finished_total);
	add(arg, "moved", s->moved);
	add(arg, "batches", s->log->nbatches);
	add(arg, "syncs", s->log->nsyncs);
	add(arg, "segments-recycled", s->log->nrecycled);
	add(arg, "segments-failed", s->log->nfailed);
	add(arg, "quarantined", s->quarantined + s->log->ndamaged);
	add(arg, "local-credit", queued.credit);
}

static const struct proc_ops proc_ops = {
	.reload = on_reload, .stop = on_stop, .stats = on_stats
};

/* ---- life ------------------------------------------------------------------
 */

/* A descriptor for each large body that is coming in. */
static void
raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < 8192) {
		rl.rlim_cur = rl.rlim_max < 8192 ? rl.rlim_max : 8192;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static void
make_events(struct queued *q)
{
	struct timeval second = { 1, 0 };

	q->turn = event_new(q->proc->base, -1, 0, on_turn, q);
	q->later = event_new(q->proc->base, -1, 0, on_later, q);
	q->due = event_new(q->proc->base, -1, 0, sched_on_due, q);
	q->tick = event_new(q->proc->base, -1, EV_PERSIST, on_tick, q);
	if (q->turn == NULL || q->later == NULL || q->due == NULL ||
	    q->tick == NULL || event_add(q->tick, &second) == -1)
		fatalx("events");
}

static void
open_spool(struct queued *q)
{
	struct qlog_conf conf = { conf_num("queue-log-size"),
		conf_num("queue-segment-size") };

	q->spool = spool_open(q->dirfd, &conf, q->retry_max_ms, &spool_ops, q);
	if (q->spool == NULL)
		fatal("queue start");
}

int
main(int argc, char *argv[])
{
	struct queued *q = &queued;
	struct proc proc;

	proc_init(&proc, ROLE_QUEUED, &proc_ops, argc, argv);
	raise_files();
	proc_drop(&proc);
	secret_init();
	q->proc = &proc;
	q->dirfd = proc_dir(&proc, "queue");
	TAILQ_INIT(&q->ready);
	TAILQ_INIT(&q->asking);
	idtab_init(&q->bodies);
	buf_init(&q->rcpts, IPC_MAX);
	buf_init(&q->out, IPC_MAX);
	take_settings(q);
	check_space(q);
	make_events(q);
	open_spool(q);

	proc_listen(&proc, ROLE_SMTPD, &intake_ops, q);
	proc_listen(&proc, ROLE_LOCAL, &deliver_ops, q);
	proc_listen(&proc, ROLE_CLI, &list_ops, q);
	expand_start(q);
	proc_confine(&proc, CONFINE_ACCEPT | CONFINE_CONNECT | CONFINE_FILES);

	spool_start(q->spool);
	sched_arm(q);
	queued_turn(q);
	return proc_loop(&proc);
}
