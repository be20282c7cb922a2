/*
 * PURGE: mail of a domain that is older than its days, mailbox after mailbox
 * for TURN_MS, then NEXT says where to go on: other requests come in between.
 *
 * Nothing of it is written down as under way, see dir_purge.h.
 */
#include "config.h"
#include "admind/dir_purge.h"
#include "admind/job.h"
#include "admind/names.h"

#include "libcommon/io.h"
#include "libcommon/msg_box.h"

#define TURN_MS 1000
#define MAILBOX_MS 15000 /* the worker's, for one; the rest is tomorrow's */
#define COLUMNS "mailbox|domain|messages|kbytes|trouble"

/* The request under way: there is one at a time. */
static struct {
	struct rows rows;
	uint64_t before_s, until_ms, messages, bytes;
	bool dry_run;
	struct dir_mailbox now;
} run;

static void next_mailbox(struct job *);

/* The end of a turn; more: there are other mailboxes. */
static void
finish(struct job *j, bool more)
{
	int code = CODE_OK;

	run.rows.more = run.rows.more || more;
	if (more) {
		buf_reset(&run.rows.next);
		buf_puts(&run.rows.next, run.now.login);
	}
	if (run.messages > 0 && !run.dry_run)
		code = dir_purged(admind.db, &j->who, j->domain, run.messages,
		    run.bytes, j->comment);
	/* It is deleted, whatever becomes of the log. */
	if (code == CODE_OK)
		dir_say(j->comment, "%llu messages %s been deleted",
		    (unsigned long long)run.messages,
		    run.dry_run ? "would have" : "have");
	job_rows(j, code, COLUMNS, &run.rows);
}

/* A row of the answer: what went, or why not. */
static void
put_row(struct job *j, const struct msg_purged *p, const char *trouble)
{
	rows_cell(&run.rows, span_of(run.now.login));
	rows_cell(&run.rows, span_of(j->domain));
	rows_cell_u64(&run.rows, p->messages);
	rows_cell_u64(&run.rows, (p->bytes + 1023) / 1024);
	rows_cell(&run.rows, span_of(trouble));
	rows_end(&run.rows, span_of(run.now.login));
}

static int
on_purged(struct ipc_msg *m, void *arg)
{
	struct job *j = arg;
	struct msg_purged purged = { 0, 0 };
	char reason[201] = "it takes too long";
	enum fail fail;

	if (m != NULL && m->type == MSG_FAIL) {
		if (msg_fail_get(m->payload, &fail, reason) == -1)
			return -1;
	} else if (m != NULL &&
	    (m->type != MSG_SPAWN_PURGED ||
	        msg_purged_get(m->payload, &purged) == -1)) {
		return -1;
	} else if (m != NULL) {
		reason[0] = '\0';
	}
	run.messages += purged.messages;
	run.bytes += purged.bytes;
	if (purged.messages > 0 || reason[0] != '\0')
		put_row(j, &purged, reason);
	next_mailbox(j);
	return 0;
}

static void
ask(struct job *j)
{
	struct msg_purge m = { run.before_s, run.dry_run };
	struct buf b;
	int r;

	buf_init(&b, 64);
	wire_put_u32(&b, run.now.id);
	msg_purge_put(&b, &m);
	r = ipc_request(admind.spawnd, MSG_SPAWN_PURGE, &b, -1, MAILBOX_MS,
	    on_purged, j);
	buf_clear(&b);
	if (r == 0)
		return;
	rows_clear(&run.rows);
	job_finish_with(j, CODE_TEMP,
	    "spawnd cannot be reached, try again "
	    "later");
}

static void
next_mailbox(struct job *j)
{
	struct dir_mailbox box;
	int r;

	if (io_now_ms() >= run.until_ms || run.rows.n >= run.rows.max) {
		finish(j, true);
		return;
	}
	r = dir_purge_next(admind.db, j->domain, run.now.login, &box);
	if (r == 1) {
		run.now = box;
		ask(j);
	} else if (r == 0) {
		finish(j, false);
	} else {
		rows_clear(&run.rows);
		job_finish_with(j, CODE_TEMP,
		    "the database cannot be reached, "
		    "try again later");
	}
}

static void
purge(struct job *j)
{
	uint64_t days, now_s = io_wall_s();
	int code = dir_purge_days(admind.db, &j->who, j->domain, &days,
	    j->comment);

	run.now.login[0] = '\0';
	if (code == CODE_OK && job_arg(j, "after").len > 0 &&
	    !name_local(job_arg(j, "after"), run.now.login)) {
		dir_say(j->comment, "AFTER is no NEXT of an answer");
		code = CODE_VALUE;
	}
	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	rows_clear(&run.rows); /* of one that was cut short */
	rows_init(&run.rows, 0);
	run.before_s = days * 86400 < now_s ? now_s - days * 86400 : 1;
	run.until_ms = io_now_ms() + TURN_MS;
	run.messages = run.bytes = 0;
	run.dry_run = span_is(job_arg(j, "dry-run"), "yes");
	next_mailbox(j);
}

const struct request purge_requests[] = {
	{ "PURGE", purge },
	{ NULL, NULL },
};
