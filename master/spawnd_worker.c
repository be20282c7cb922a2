/*
 * The workers there are: one a mailbox, at most worker-limit.
 *
 * A worker is gone only when its process has been waited for; until then
 * nobody else works on that mailbox.  It ends when we agree: it says
 * BOX_IDLE with the number of sessions it has taken, and only if that is the
 * number we have sent it (so none is on its way) and it has lingered, or its
 * place is needed, we say BOX_EXIT and send it nothing more.
 */
#include "config.h"
#include "master/spawnd_worker.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/msg_box.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 250
#define EXIT_MS 5000 /* what a worker has to end after BOX_EXIT */
#define JOB_MS 20000 /* what a job may wait for a worker's place */

struct workers workers_busy = TAILQ_HEAD_INITIALIZER(workers_busy);
struct workers workers_idle = TAILQ_HEAD_INITIALIZER(workers_idle);
struct jobs jobs_waiting = TAILQ_HEAD_INITIALIZER(jobs_waiting);
static unsigned nworkers;
static uint64_t nstarted;
static struct event *tick, *child_event;

struct worker *
worker_find(uint32_t mailbox)
{
	struct worker *w;

	TAILQ_FOREACH(w, &workers_busy, entry)
		if (w->mailbox == mailbox)
			return w;
	TAILQ_FOREACH(w, &workers_idle, entry)
		if (w->mailbox == mailbox)
			return w;
	return NULL;
}

static void
worker_set(struct worker *w, enum worker_state state)
{
	TAILQ_REMOVE(w->state == IDLE ? &workers_idle : &workers_busy, w,
	    entry);
	TAILQ_INSERT_TAIL(state == IDLE ? &workers_idle : &workers_busy, w,
	    entry);
	w->state = state;
	w->since_ms = io_now_ms();
}

static void
tick_arm(void)
{
	struct timeval tv = { 0, TICK_MS * 1000 };

	if (!event_pending(tick, EV_TIMEOUT, NULL))
		event_add(tick, &tv);
}

void
worker_kill(struct worker *w)
{
	if (kill(w->pid, SIGKILL) == -1)
		log_warn("kill pid=%ld", (long)w->pid);
	w->told = true;
	if (w->state != LEAVING)
		worker_set(w, LEAVING);
}

static void
worker_dismiss(struct worker *w)
{
	worker_set(w, LEAVING);
	w->told = true;
	if (w->control == NULL ||
	    ipc_note(w->control, MSG_BOX_EXIT, NULL, -1) == -1)
		worker_kill(w);
	tick_arm();
}

/* ---- what a worker says ------------------------------------------------ */

static int
on_idle(struct ipc *ipc, struct ipc_msg *m, struct worker *w)
{
	struct wire in;
	uint32_t taken;

	wire_init(&in, m->payload);
	taken = wire_u32(&in);
	if (wire_done(&in) == -1)
		return ipc_refuse(ipc, m, "form");
	/* Less: more is on its way, and it will say so again. */
	if (taken == w->sent && w->state == RUNNING) {
		worker_set(w, IDLE);
		w->sessions = false;
		tick_arm();
		if (!TAILQ_EMPTY(&jobs_waiting))
			worker_dismiss(TAILQ_FIRST(&workers_idle));
	}
	return 0;
}

static int
on_usage(struct ipc *ipc, struct ipc_msg *m, struct worker *w)
{
	struct wire in;
	struct buf b;
	uint64_t bytes;

	wire_init(&in, m->payload);
	bytes = wire_u64(&in);
	if (wire_done(&in) == -1)
		return ipc_refuse(ipc, m, "form");
	/* For its own mailbox, whatever it may think it is. */
	buf_init(&b, 16);
	wire_put_u32(&b, w->mailbox);
	wire_put_u64(&b, bytes);
	ipc_note(spawnd.authd, MSG_AUTH_USAGE, &b, -1);
	buf_clear(&b);
	return 0;
}

static int
worker_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	switch (m->type) {
	case MSG_BOX_IDLE:
		return on_idle(ipc, m, arg);
	case MSG_BOX_USAGE:
		return on_usage(ipc, m, arg);
	default:
		return ipc_refuse(ipc, m, "not for spawnd");
	}
}

/* It is ending, or it sent nonsense and sees its channel closed: the process
 * follows, or is killed in EXIT_MS. */
static void
worker_gone(struct ipc *ipc, void *arg)
{
	struct worker *w = arg;

	(void)ipc;
	w->control = NULL;
	if (w->state != LEAVING)
		worker_set(w, LEAVING);
	tick_arm();
}

static const struct ipc_ops worker_ops = { .msg = worker_msg,
	.gone = worker_gone };

/* ---- beginning and end ------------------------------------------------- */

static struct worker *
worker_start(struct job *j, int home, enum box_job what)
{
	struct box_setup setup = { .box = j->box,
		.job = (uint8_t)what,
		.received_limit = (uint32_t)conf_num("received-limit"),
		.vacation_period_s = conf_num("vacation-period") / 1000,
		.quota_warning = (uint32_t)conf_num("quota-warning"),
		.debug = log_is_debug() };
	struct worker *w;
	int control;

	setup.box.rights = 0; /* nothing of what it may be told */
	if (span_copy(span_of(conf_str("hostname")), setup.hostname,
	        sizeof(setup.hostname)) == -1 ||
	    (w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	if (priv_start_worker(conf_str("worker-program"), &setup, home,
	        spawnd.change_user, job_home(j).group, &w->pid,
	        &control) == -1) {
		free(w);
		return NULL;
	}
	w->mailbox = j->mailbox;
	w->uid = j->box.uid;
	w->quota_kb = j->box.quota_kb;
	w->state = RUNNING;
	w->since_ms = io_now_ms();
	TAILQ_INIT(&w->waiting);
	TAILQ_INSERT_TAIL(&workers_busy, w, entry);
	nworkers++;
	nstarted++;
	w->control = ipc_attach(spawnd.proc->base, control, ROLE_SPAWND,
	    ROLE_BOX, &worker_ops, w);
	if (w->control == NULL)
		worker_kill(w);
	log_debug("worker start mailbox=%u pid=%ld", w->mailbox, (long)w->pid);
	return w;
}

static void
erase_done(struct job *j, int status)
{
	struct home h = job_home(j);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		job_fail(j, FAIL_TEMP, "the home could not be emptied");
	else if (home_drop(&h) == -1) {
		log_warn("remove mailbox=%u", j->mailbox);
		job_fail(j, FAIL_TEMP, "the home could not be removed");
	} else {
		job_done(j, MSG_SPAWN_OK, -1);
	}
}

static void
job_again(struct job *j)
{
	if (j->type == MSG_SPAWN_REMOVE)
		worker_erase(j);
	else
		worker_attach(j);
}

/* Jobs that waited begin anew: they may wait again. */
static void
jobs_again(struct jobs *list)
{
	struct jobs again = TAILQ_HEAD_INITIALIZER(again);
	struct job *j;

	TAILQ_CONCAT(&again, list, entry);
	while ((j = TAILQ_FIRST(&again)) != NULL) {
		TAILQ_REMOVE(&again, j, entry);
		job_again(j);
	}
}

static void
worker_end(struct worker *w, int status)
{
	if (WIFSIGNALED(status) && !w->told)
		log_warnx("worker died mailbox=%u pid=%ld signal=%d",
		    w->mailbox, (long)w->pid, WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warnx("worker failed mailbox=%u pid=%ld status=%d",
		    w->mailbox, (long)w->pid, WEXITSTATUS(status));
	else
		log_debug("worker end mailbox=%u pid=%ld", w->mailbox,
		    (long)w->pid);
	if (w->control != NULL)
		ipc_close(w->control); /* calls worker_gone() */
	TAILQ_REMOVE(w->state == IDLE ? &workers_idle : &workers_busy, w,
	    entry);
	nworkers--;
	if (w->erase != NULL)
		erase_done(w->erase, status);
	jobs_again(&w->waiting);
	free(w);
	jobs_again(&jobs_waiting);
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct worker *w;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH(w, &workers_busy, entry)
			if (w->pid == pid)
				break;
		if (w == NULL)
			TAILQ_FOREACH(w, &workers_idle, entry)
				if (w->pid == pid)
					break;
		if (w != NULL)
			worker_end(w, status);
	}
}

static void
jobs_expire(struct jobs *list, uint64_t now)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(list); j != NULL; j = next) {
		next = TAILQ_NEXT(j, entry);
		if (j->deadline_ms > now)
			continue;
		TAILQ_REMOVE(list, j, entry);
		job_fail(j, FAIL_FULL, "too many mailboxes in use");
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = io_now_ms(), linger = conf_num("worker-linger");
	struct worker *w;
	bool more = false;

	(void)fd;
	(void)what;
	(void)arg;
	while ((w = TAILQ_FIRST(&workers_idle)) != NULL &&
	    now - w->since_ms >= linger)
		worker_dismiss(w);
	TAILQ_FOREACH(w, &workers_busy, entry) {
		jobs_expire(&w->waiting, now);
		more = more || w->state == LEAVING || w->erase != NULL;
		if (w->state == LEAVING && now - w->since_ms >= EXIT_MS)
			kill(w->pid, SIGKILL);
	}
	jobs_expire(&jobs_waiting, now);
	if (more || !TAILQ_EMPTY(&workers_idle) || !TAILQ_EMPTY(&jobs_waiting))
		tick_arm();
}

/* ---- jobs -------------------------------------------------------------- */

/* Sessions leave a quarter of the places to deliveries. */
static bool
have_place(const struct job *j)
{
	uint64_t limit = conf_num("worker-limit");

	if (j->type == MSG_SPAWN_ATTACH && limit >= 4)
		limit -= limit / 4;
	return nworkers < limit;
}

static void
job_wait(struct job *j, struct jobs *list)
{
	if (j->deadline_ms == 0)
		j->deadline_ms = io_now_ms() + JOB_MS;
	TAILQ_INSERT_TAIL(list, j, entry);
	tick_arm();
}

/* Without a place: who has been idle longest makes one. */
static void
job_wait_for_place(struct job *j)
{
	job_wait(j, &jobs_waiting);
	if (!TAILQ_EMPTY(&workers_idle))
		worker_dismiss(TAILQ_FIRST(&workers_idle));
}

/* authd's latest word: a note goes before what comes after it. */
static void
tell_quota(struct worker *w, uint64_t quota_kb)
{
	struct buf b;

	if (w->quota_kb == quota_kb)
		return;
	buf_init(&b, 16);
	wire_put_u64(&b, quota_kb);
	if (ipc_note(w->control, MSG_BOX_QUOTA, &b, -1) == 0)
		w->quota_kb = quota_kb;
	buf_clear(&b);
}

static void
worker_use(struct worker *w)
{
	w->sent++;
	if (w->state == IDLE)
		worker_set(w, RUNNING);
}

static void
hand_over(struct worker *w, struct job *j)
{
	struct msg_box_attach m = { .service = j->service,
		.remote = span_of(j->remote) };
	struct buf b;
	int pair[2] = { -1, -1 }, fd = j->fd, r;

	if (j->type == MSG_SPAWN_DELIVER) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ==
		    -1) {
			log_warn("socketpair");
			job_fail(j, FAIL_TEMP, "no channel to the mailbox");
			return;
		}
		fd = pair[1];
	}
	j->fd = -1;
	buf_init(&b, 256);
	msg_box_attach_put(&b, &m);
	r = ipc_note(w->control, MSG_BOX_ATTACH, &b, fd);
	buf_clear(&b);
	if (r == -1) {
		if (pair[0] != -1)
			close(pair[0]);
		job_fail(j, FAIL_TEMP, "the mailbox does not answer");
		return;
	}
	worker_use(w);
	if (j->type == MSG_SPAWN_ATTACH) {
		w->rights = w->sessions && w->rights != j->box.rights
		    ? 0
		    : j->box.rights;
		w->sessions = true;
	}
	if (j->type == MSG_SPAWN_DELIVER)
		job_done(j, MSG_SPAWN_CHANNEL, pair[0]);
	else
		job_done(j, MSG_SPAWN_OK, -1);
}

void
worker_attach(struct job *j)
{
	struct worker *w = worker_find(j->mailbox);
	struct home h = job_home(j);
	int home;

	if (w != NULL &&
	    (w->state == LEAVING || w->erase != NULL || w->control == NULL)) {
		job_wait(j, &w->waiting);
		return;
	}
	if (w == NULL) {
		if (!have_place(j)) {
			job_wait_for_place(j);
			return;
		}
		if ((home = home_open(&h)) == -1) {
			log_warn("home mailbox=%u domain=%s login=%s",
			    j->mailbox, h.domain, h.login);
			job_fail(j, FAIL_TEMP, "the mailbox has no home");
			return;
		}
		w = worker_start(j, home, BOX_SERVE);
		close(home);
		if (w == NULL || w->control == NULL) {
			log_warn("worker mailbox=%u", j->mailbox);
			job_fail(j, FAIL_TEMP, "no worker could be started");
			return;
		}
	}
	tell_quota(w, j->box.quota_kb);
	if (!job_is_work(j))
		hand_over(w, j);
	else if (work_give(j, w->control))
		worker_use(w);
}

void
worker_attach_again(struct job *j)
{
	struct worker *w = worker_find(j->mailbox);

	/* Its channel has gone and takes the worker with it; to whoever
	 * comes after, the job is given when it has ended. */
	if (w != NULL)
		job_wait(j, &w->waiting);
	else
		worker_attach(j);
}

void
worker_erase(struct job *j)
{
	struct worker *w = worker_find(j->mailbox);
	struct home h = job_home(j);
	int home;

	if (w != NULL) {
		job_wait(j, &w->waiting);
		if (w->erase == NULL)
			worker_kill(w);
		return;
	}
	if (h.account != NULL) { /* it was there before, and stays */
		job_done(j, MSG_SPAWN_OK, -1);
		return;
	}
	if (!have_place(j)) {
		job_wait_for_place(j);
		return;
	}
	if ((home = home_retire(&h)) == -1) {
		if (errno == ENOENT) {
			job_done(j, MSG_SPAWN_OK, -1);
			return;
		}
		log_warn("retire mailbox=%u", j->mailbox);
		job_fail(j, FAIL_TEMP, "the home could not be moved aside");
		return;
	}
	w = worker_start(j, home, BOX_ERASE);
	close(home);
	if (w == NULL) {
		job_fail(j, FAIL_TEMP, "no worker could be started");
		return;
	}
	w->erase = j;
}

void
workers_stats(void (*add)(void *, const char *, uint64_t), void *arg)
{
	struct worker *w;
	uint64_t n = 0;

	TAILQ_FOREACH(w, &workers_idle, entry)
		n++;
	add(arg, "workers", nworkers);
	add(arg, "workers-idle", n);
	add(arg, "workers-started", nstarted);
}

void
workers_init(void)
{
	struct event_base *base = spawnd.proc->base;

	tick = evtimer_new(base, on_tick, NULL);
	child_event = evsignal_new(base, SIGCHLD, on_child, NULL);
	if (tick == NULL || child_event == NULL ||
	    event_add(child_event, NULL) == -1)
		fatalx("events");
}
