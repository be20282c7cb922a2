/*
 * Mailboxes.
 *
 *	NEWBAL	insert as "creating" -> authd -> home made -> "active" -> authd
 *	DELBAL	"deleting" -> authd -> home removed -> rows gone -> authd
 *
 * What is cut short stays in one of these states and is finished later: by a
 * retry of the panel, or by job_recover().
 */
#include "config.h"
#include "admind/job.h"

#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <stdio.h>

/* ---- making and removing homes ---------------------------------------------------- */

static int
home_done(struct job *j, struct ipc_msg *m)
{
	int code;

	(void)m; /* SPAWN_OK has no payload */
	if (j->box.state == BOX_CREATING) {
		code = dir_activate(admind.db, j->box.id, j->comment);
		if (code == CODE_OK)
			dir_say(j->comment, "the mailbox has been made");
	} else {
		code = dir_remove(admind.db, &j->who, &j->box, j->comment);
		if (code == CODE_OK)
			dir_say(j->comment, "the mailbox has been deleted");
	}
	if (code != CODE_OK)
		job_finish(j, code);
	else
		job_settle(j);
	return 0;
}

void
box_finish(struct job *j)
{
	struct buf b;

	buf_init(&b, 16);
	wire_put_u32(&b, j->box.id);
	job_home(j, j->box.state == BOX_CREATING ? MSG_SPAWN_HOME :
	    MSG_SPAWN_REMOVE, &b, home_done);
}

/* ---- the requests ------------------------------------------------------------------- */

/* Fields of NEWBAL that this version does not carry out. */
static const char *const not_yet[] = { "antivirus", "forward", "sms-tel",
	"sms-filter", "sms-email", "sms-login", "sms-password", "vacation",
	"short" };

static bool
take_newbal(struct job *j)
{
	for (size_t i = 0; i < nitems(not_yet); i++) {
		if (job_arg(j, not_yet[i]).len > 0) {
			job_finish_with(j, CODE_NOT_YET, "%s cannot be set by "
			    "this version", not_yet[i]);
			return false;
		}
	}
	/* In a passwd file it will be one field of one line. */
	job_copy(j, "comment", j->box.comment, sizeof(j->box.comment));
	if (strchr(j->box.comment, ':') != NULL) {
		job_finish_with(j, CODE_VALUE, "COMMENT may hold no colon");
		return false;
	}
	j->box.quota_kb = job_number(j, "quota");
	if (j->box.quota_kb > 1ull << 40) {
		job_finish_with(j, CODE_VALUE, "QUOTA is too large");
		return false;
	}
	return true;
}

/* It is there already: the same request again, or another's mailbox? */
static void
newbal_exists(struct job *j, const struct dir_mailbox *is)
{
	bool same = is->quota_kb == j->box.quota_kb &&
	    strcmp(is->comment, j->box.comment) == 0 &&
	    secret_verify(job_arg(j, "password"), is->verifier) == 1;

	if (is->state == BOX_DELETING) {
		job_finish_with(j, CODE_TEMP, "the mailbox is being deleted");
	} else if (!same || is->state == BOX_DISABLED) {
		job_finish_with(j, CODE_EXISTS, "the mailbox exists with other values");
	} else if (is->state == BOX_ACTIVE) {
		snprintf(j->comment, sizeof(j->comment), "the mailbox is there");
		job_settle(j);
	} else {
		j->box = *is;
		box_finish(j);
	}
}

static void
newbal(struct job *j)
{
	struct span password = job_arg(j, "password");
	struct dir_mailbox is;
	int code;

	if (!take_newbal(j))
		return;
	for (int tries = 0; tries < 2; tries++) {
		code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
		if (code == CODE_OK) {
			newbal_exists(j, &is);
			return;
		}
		if (code != CODE_NO_MAILBOX) {
			job_finish(j, code);
			return;
		}
		if (secret_hash(password, j->box.verifier) == -1) {
			job_finish_with(j, CODE_TEMP, "no memory to hash with");
			return;
		}
		code = dir_add(admind.db, &j->who, &j->box,
		    (uint32_t)conf_num("uid-first"),
		    (uint32_t)conf_num("uid-last"), j->comment);
		if (code == CODE_OK) {
			box_finish(j);
			return;
		}
		if (code != CODE_EXISTS)
			break;
	}
	job_finish(j, code);
}

static void
delbal(struct job *j)
{
	struct dir_mailbox is;
	int code, r;

	code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
	if (code == CODE_NO_MAILBOX) {
		/* A panel that lost the answer asks again. */
		if ((r = dir_was_deleted(admind.db, &j->box)) < 0) {
			job_finish_with(j, r, "the database cannot be reached, try "
			    "again later");
		} else if (r == 1) {
			snprintf(j->comment, sizeof(j->comment),
			    "the mailbox is deleted already");
			job_settle(j);
		} else {
			job_finish(j, code);
		}
		return;
	}
	if (code == CODE_OK) {
		j->box = is;
		code = dir_doom(admind.db, &j->who, &is, j->comment);
		j->box.state = BOX_DELETING;
	}
	if (code != CODE_OK)
		job_finish(j, code);
	else
		box_finish(j);
}

const struct request box_requests[] = {
	{ "NEWBAL", newbal },
	{ "DELBAL", delbal },
	{ NULL, NULL },
};
