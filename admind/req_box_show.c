/* What is told of mailboxes: SHOWBAL, LISTBAL; how full they are: STATBAL,
 * STATDOM. */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/req_box.h"

#include "libcommon/msg_auth.h"

#define USED_MS 5000

/* The request's mailbox to j->box; false: it is answered. */
static bool
take_box(struct job *j)
{
	struct dir_mailbox is;
	int code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);

	if (code != CODE_OK) {
		job_finish(j, code);
		return false;
	}
	explicit_bzero(is.verifier, sizeof(is.verifier));
	j->box = is;
	return true;
}

/* The Unix account that it is, or nothing. */
static void
account_cell(struct rows *rows, const struct span *column)
{
	const struct account *a = NULL;
	uint64_t uid;

	if (span_u64(column[BOX_COLUMN_UID], UINT32_MAX, &uid) == 0)
		a = accounts_by_uid(admind.accounts, (uint32_t)uid);
	rows_cell(rows, span_of(a != NULL ? a->name : ""));
}

static void
showbal(struct job *j)
{
	struct rows rows;
	int code;

	if (!take_box(j))
		return;
	rows_init(&rows, 1);
	rows.more_cells = account_cell;
	code = dir_box_show(admind.db, j->box.id, &rows, j->comment);
	job_rows(j, code, BOX_COLUMNS "|account", &rows);
}

static void
listbal(struct job *j)
{
	bool hashes = span_is(job_arg(j, "hashes"), "yes");
	struct dir_page page = job_page(j);
	struct rows rows;
	int code;

	rows_init(&rows, page.max);
	rows.more_cells = account_cell;
	code = dir_box_list(admind.db, &j->who, &page, hashes, &rows,
	    j->comment);
	job_rows(j, code,
	    hashes ? BOX_COLUMNS "|hash|account" : BOX_COLUMNS "|account",
	    &rows);
}

/* ---- how full --------------------------------------------------------------- */

static uint64_t
kbytes(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

static void
ask_used(struct job *j, const uint32_t *mailbox, unsigned n, ipc_reply_fn reply)
{
	struct buf b;
	int r;

	buf_init(&b, 16 * 1024);
	msg_used_put(&b, mailbox, n);
	r = ipc_request(who_authd(), MSG_AUTH_USED, &b, -1, USED_MS, reply, j);
	buf_clear(&b);
	if (r == -1)
		job_finish_with(j, CODE_TEMP,
		    "authd cannot be reached, try "
		    "again later");
}

/* authd's answer: 1 with the sum, 0 when the job has ended, -1. */
static int
take_used(struct job *j, struct ipc_msg *m, uint64_t *sum_out)
{
	uint64_t bytes[USED_MAX];
	char reason[201] = "authd does not answer";
	enum fail fail;
	unsigned n;

	*sum_out = 0;
	if (m == NULL || m->type == MSG_FAIL) {
		if (m != NULL && msg_fail_get(m->payload, &fail, reason) == -1)
			return -1;
		job_finish_with(j, CODE_TEMP,
		    "how full it is is not known "
		    "now: %.100s",
		    reason);
		return 0;
	}
	if (m->type != MSG_AUTH_USED_IS ||
	    msg_used_is_get(m->payload, bytes, &n) == -1)
		return -1;
	for (unsigned i = 0; i < n; i++)
		*sum_out += bytes[i];
	return 1;
}

static int
statbal_used(struct ipc_msg *m, void *arg)
{
	struct job *j = arg;
	struct rows rows;
	uint64_t bytes;
	int r = take_used(j, m, &bytes), code;

	if (r != 1)
		return r;
	rows_init(&rows, 1);
	code = dir_statbal(admind.db, j->box.id, kbytes(bytes), &rows,
	    j->comment);
	job_rows(j, code, STATBAL_COLUMNS, &rows);
	return 0;
}

static void
statbal(struct job *j)
{
	if (take_box(j))
		ask_used(j, &j->box.id, 1, statbal_used);
}

static void statdom(struct job *);

static int
statdom_used(struct ipc_msg *m, void *arg)
{
	struct job *j = arg;
	uint64_t bytes;
	int r = take_used(j, m, &bytes);

	if (r != 1)
		return r;
	j->sum.bytes += bytes;
	statdom(j);
	return 0;
}

/* Some mailboxes at a time, then the rest. */
static void
statdom(struct job *j)
{
	uint32_t mailbox[USED_MAX];
	struct rows rows;
	unsigned n;
	int code = dir_box_ids(admind.db, &j->who, j->domain, j->sum.after,
	    mailbox, USED_MAX, &n, j->comment);

	if (code == CODE_OK && n > 0) {
		ask_used(j, mailbox, n, statdom_used);
		return;
	}
	rows_init(&rows, 1);
	if (code == CODE_OK)
		code = dir_statdom(admind.db, &j->who, j->domain,
		    kbytes(j->sum.bytes), &rows, j->comment);
	job_rows(j, code, STATDOM_COLUMNS, &rows);
}

const struct request box_show_requests[] = {
	{ "SHOWBAL", showbal },
	{ "LISTBAL", listbal },
	{ "STATBAL", statbal },
	{ "STATDOM", statdom },
	{ NULL, NULL },
};
