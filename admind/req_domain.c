/*
 * NEWDOM and DELDOM, and how many there are of everything.
 *
 * DELDOM goes in the steps of dir_domain.h, with a home removed for each of the
 * domain's mailboxes.  What is cut short, by a crash or because it takes longer
 * than a request may, is gone on with by job_recover().
 */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/job.h"

#include "libcommon/wire.h"

static void
settle_or(struct job *j, int code)
{
	if (code != CODE_OK)
		job_finish(j, code);
	else
		job_settle(j);
}

static void
newdom(struct job *j)
{
	char client[129];

	job_copy(j, "client", client, sizeof(client));
	settle_or(j,
	    dir_newdom(admind.db, &j->who, j->domain, client, j->comment));
}

/* ---- DELDOM ---------------------------------------------------------------------- */

static int
home_gone(struct job *j, struct ipc_msg *m)
{
	int code = dir_remove(admind.db, &j->who, &j->box, j->comment);

	(void)m; /* SPAWN_OK has no payload */
	if (code != CODE_OK)
		job_finish(j, code);
	else
		job_fed(j, domain_finish);
	return 0;
}

static void
next_box(struct job *j)
{
	struct buf b;

	switch (dir_deldom_box(admind.db, j->going, &j->box)) {
	case 0:
		settle_or(j, dir_deldom_end(admind.db, j->going, j->comment));
		return;
	case 1:
		buf_init(&b, 16);
		wire_put_u32(&b, j->box.id);
		job_home(j, MSG_SPAWN_REMOVE, &b, home_gone);
		return;
	default:
		job_finish_with(j, CODE_TEMP,
		    "the database cannot be reached, "
		    "it goes on by itself");
		return;
	}
}

void
domain_finish(struct job *j)
{
	bool more = false;
	int code;

	if (j->answer == NULL && job_is_in_the_way()) {
		job_finish_with(j, CODE_OK, "others first");
		return;
	}
	code = dir_deldom_some(admind.db, &j->who, j->going, &more, j->comment);
	if (code != CODE_OK)
		job_finish(j, code);
	else if (more)
		job_fed(j, domain_finish);
	else
		next_box(j);
}

static void
deldom(struct job *j)
{
	int code = dir_deldom(admind.db, &j->who, j->domain,
	    span_is(job_arg(j, "force"), "yes"), &j->going, j->comment);

	if (code != CODE_OK)
		job_finish(j, code);
	else if (j->going == 0)
		job_settle(j); /* deleted before */
	else
		job_fed(j, domain_finish);
}

/* ---- how many ---------------------------------------------------------------------- */

static void
stat_all(struct job *j)
{
	struct rows rows;
	int code;

	rows_init(&rows, 0);
	code = dir_stat(admind.db, &j->who, &rows, j->comment);
	job_rows(j, code, "what|number", &rows);
}

static void
sync_all(struct job *j)
{
	dir_say(j->comment, "all daemons and files are up to date");
	job_sync(j);
}

const struct request domain_requests[] = {
	{ "NEWDOM", newdom },
	{ "DELDOM", deldom },
	{ "STAT", stat_all },
	{ "SYNC", sync_all },
	{ NULL, NULL },
};
