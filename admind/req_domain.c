/* NEWDOM. */
#include "config.h"
#include "admind/job.h"

static void
newdom(struct job *j)
{
	int code = dir_newdom(admind.db, &j->who, j->domain, j->comment);

	if (code != CODE_OK)
		job_finish(j, code);
	else
		job_settle(j);
}

const struct request domain_requests[] = {
	{ "NEWDOM", newdom },
	{ NULL, NULL },
};
