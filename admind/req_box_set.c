/* Requests that change a mailbox. */
#include "config.h"
#include "admind/req_box.h"

bool
box_take_settings(struct job *j, unsigned but)
{
	j->set.given = 0;
	for (unsigned i = 0; i < SET__COUNT; i++) {
		const char *option = setting_option((enum setting)i);

		if ((but & 1u << i) || !job_given(j, option))
			continue;
		if (settings_take(&j->set, (enum setting)i, job_arg(j, option),
		        j->comment) == -1) {
			job_finish(j, CODE_VALUE);
			return false;
		}
	}
	return true;
}

/* ---- MODBAL, SETBAL, PASSWD ------------------------------------------------- */

static void
change(struct job *j, const char *verifier)
{
	struct box_change c = { j->args.message->type, &j->set, verifier };
	int code = dir_change_box(admind.db, &j->who, &j->box, &c, j->comment);

	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	dir_say(j->comment, "the mailbox has been changed");
	box_finish(j);
}

static void
change_hashed(struct job *j)
{
	change(j, j->verifier);
}

static void change_box(struct job *);

/* The password it has already stays, and with it the sessions; if it still has
 * it. */
static void
change_checked(struct job *j)
{
	if (j->same)
		change_box(j);
	else
		job_hash(j, job_arg(j, "password"), change_hashed);
}

/* Find it (box.id), and change its password if there is another one. */
static void
change_box(struct job *j)
{
	struct dir_mailbox is;
	int code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
	bool same;

	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	same = j->same && strcmp(is.verifier, j->box.verifier) == 0;
	j->box = is;
	if (job_arg(j, "password").len == 0 || same)
		change(j, NULL);
	else
		job_check(j, is.verifier, change_checked);
}

static void
modbal(struct job *j)
{
	if (box_take_settings(j, 1u << SET_COMMENT | 1u << SET_USER))
		change_box(j);
}

static void
setbal(struct job *j)
{
	struct dir_mailbox is;
	int code;

	if (!box_take_settings(j, 0))
		return;
	if (j->set.given == 0) {
		job_finish_with(j, CODE_BAD, "nothing to change is given");
		return;
	}
	code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	j->box = is;
	change(j, NULL);
}

static void
passwd(struct job *j)
{
	change_box(j);
}

/* ---- ENABLEBAL, DISABLEBAL, PURGEBAL ------------------------------------------ */

static void
turn(struct job *j, bool on)
{
	int code = dir_enable(admind.db, &j->who, &j->box, on, j->comment);

	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	dir_say(j->comment,
	    on ? "the mailbox can be used"
	       : "the mailbox is switched off, its mail waits");
	job_settle(j);
}

static void
enablebal(struct job *j)
{
	turn(j, true);
}

static void
disablebal(struct job *j)
{
	turn(j, false);
}

static void
purgebal(struct job *j)
{
	struct dir_mailbox is;
	int code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);

	if (code == CODE_OK)
		code = dir_purge(admind.db, &j->who, &j->box, &j->doing.again,
		    j->comment);
	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	j->box = is;
	j->doing.purge = true;
	if (j->doing.again)
		dir_say(j->comment, "the mail was deleted before");
	box_finish(j);
}

const struct request box_set_requests[] = {
	{ "MODBAL", modbal },
	{ "SETBAL", setbal },
	{ "PASSWD", passwd },
	{ "ENABLEBAL", enablebal },
	{ "DISABLEBAL", disablebal },
	{ "PURGEBAL", purgebal },
	{ NULL, NULL },
};
