/*
 * Sessions that must end: authd says so, an account is another than it was, or
 * authd was away and its mailbox's passwords are others than they began with.
 */
#include "config.h"
#include "master/spawnd_worker.h"
#include "libcommon/log.h"

#include <stdlib.h>

/* Sessions that were admitted but not yet handed over; mailbox 0: of all. */
static void
jobs_revoke(struct jobs *list, uint32_t mailbox)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(list); j != NULL; j = next) {
		next = TAILQ_NEXT(j, entry);
		if ((mailbox != 0 && j->mailbox != mailbox) ||
		    j->type != MSG_SPAWN_ATTACH)
			continue;
		TAILQ_REMOVE(list, j, entry);
		job_fail(j, FAIL_DENIED, "rights have changed");
	}
}

void
worker_revoke(uint32_t mailbox)
{
	struct worker *w = worker_find(mailbox);

	jobs_revoke(&jobs_waiting, mailbox);
	if (w == NULL)
		return;
	jobs_revoke(&w->waiting, mailbox);
	if (w->erase != NULL)
		return;
	log_info("revoked mailbox=%u pid=%ld", mailbox, (long)w->pid);
	worker_kill(w);
}

static void
list_accounts(struct workers *list, const struct accounts *old,
    const struct accounts *new)
{
	struct worker *w, *next;

	for (w = TAILQ_FIRST(list); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->state == LEAVING ||
		    account_same(accounts_by_uid(old, w->uid),
		        accounts_by_uid(new, w->uid)))
			continue;
		log_info("revoked mailbox=%u pid=%ld", w->mailbox,
		    (long)w->pid);
		worker_kill(w);
	}
}

void
workers_accounts(const struct accounts *old, const struct accounts *new)
{
	list_accounts(&workers_busy, old, new);
	list_accounts(&workers_idle, old, new);
}

static void ask_rights(struct worker *);

/* A worker that authd was asked of: it may be gone by the answer. */
struct asked {
	uint32_t mailbox;
	pid_t pid;
};

static int
on_rights(struct ipc_msg *m, void *arg)
{
	struct asked *a = arg;
	struct worker *w = worker_find(a->mailbox);
	pid_t pid = a->pid;
	struct msg_box box;

	free(a);
	if (w == NULL || w->pid != pid || !w->sessions || w->state == LEAVING)
		return 0;
	/* Still away, with a channel that nobody reads yet, or away again: then
	 * it is asked when it is back. */
	if (m == NULL) {
		if (ipc_is_up(spawnd.authd))
			ask_rights(w);
		return 0;
	}
	if (m->type == MSG_AUTH_BOX_IS && msg_box_get(m->payload, &box) == 0 &&
	    box.mailbox == w->mailbox && box.uid == w->uid &&
	    box.state == BOX_ACTIVE && w->rights != 0 &&
	    box.rights == w->rights)
		return 0;
	log_info("revoked mailbox=%u pid=%ld authd=back", w->mailbox,
	    (long)w->pid);
	worker_kill(w);
	return 0;
}

static void
ask_rights(struct worker *w)
{
	struct asked *a = malloc(sizeof(*a));
	struct buf b;

	if (a == NULL)
		fatal("rights");
	*a = (struct asked){ w->mailbox, w->pid };
	buf_init(&b, 16);
	wire_put_u32(&b, w->mailbox);
	if (ipc_request(spawnd.authd, MSG_AUTH_BOX, &b, -1, AUTH_MS, on_rights,
	        a) == -1) {
		free(a);
		worker_kill(w);
	}
	buf_clear(&b);
}

void
workers_look(void)
{
	struct worker *w, *next;

	jobs_revoke(&jobs_waiting, 0);
	for (w = TAILQ_FIRST(&workers_busy); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		jobs_revoke(&w->waiting, 0);
		if (w->sessions && w->state != LEAVING)
			ask_rights(w);
	}
}
