/* AUDIT: the audit log. */
#include "config.h"
#include "admind/dir_audit.h"
#include "admind/job.h"

static int
take_filter(struct job *j, struct audit_filter *f)
{
	struct span hook = job_arg(j, "hook");

	*f = (struct audit_filter){ .object = job_arg(j, "object"),
		.who = job_arg(j, "who"),
		.what = job_arg(j, "what"),
		.since = job_arg(j, "since"),
		.until = job_arg(j, "until"),
		.failed = hook.len > 0 };
	if (hook.len > 0 && !span_is(hook, "failed")) {
		dir_say(j->comment, "HOOK can be \"failed\" only");
		return CODE_VALUE;
	}
	if ((f->since.len > 0 && !audit_is_time(f->since)) ||
	    (f->until.len > 0 && !audit_is_time(f->until))) {
		dir_say(j->comment,
		    "SINCE and UNTIL are written YYYY-MM-DD or "
		    "YYYY-MM-DDTHH:MM:SS, in UTC");
		return CODE_VALUE;
	}
	if (f->what.len > 0 && message_find(f->what) == NULL) {
		dir_say(j->comment, "WHAT is no TYPE, in capitals");
		return CODE_VALUE;
	}
	for (size_t i = 0; i < f->object.len; i++)
		if (f->object.data[i] >= 0x80)
			f->object = span_of("\x01"); /* no object has one */
	if (job_arg(j, "after").len > 0 &&
	    span_u64(job_arg(j, "after"), INT64_MAX, &f->after) == -1) {
		dir_say(j->comment, "AFTER is no NEXT of an answer");
		return CODE_VALUE;
	}
	return CODE_OK;
}

static void
audit(struct job *j)
{
	struct audit_filter f;
	struct rows rows;
	int code = take_filter(j, &f);

	rows_init(&rows, job_number(j, "max"));
	if (code == CODE_OK)
		code = dir_audit_list(admind.db, &f, &rows, j->comment);
	job_rows(j, code, AUDIT_COLUMNS, &rows);
}

const struct request audit_requests[] = {
	{ "AUDIT", audit },
	{ NULL, NULL },
};
