/*
 * Mailboxes are made and deleted.
 *
 *	NEWBAL	insert as "creating" -> the rest is box_finish()'s
 *	DELBAL	"deleting" -> the rest is box_finish()'s
 */
#include "config.h"
#include "admind/req_box.h"

#include "admind/scheme.h"

/* ---- NEWBAL, IMPORTBAL ------------------------------------------------------ */

/* A field that only IMPORTBAL has. */
static struct span
import_arg(const struct job *j, const char *option)
{
	return strcmp(j->args.message->type, "IMPORTBAL") == 0
	    ? job_arg(j, option)
	    : span_of("");
}

/* The Unix account the mailbox is to be, NULL if none is named.  false: the
 * request is answered. */
static bool
take_account(struct job *j, const struct account **out)
{
	struct span name = job_arg(j, "account");

	*out = NULL;
	if (name.len == 0)
		return true;
	if (j->who.kind != WHO_ALL) {
		job_finish_with(j, CODE_DENIED,
		    "account is for "
		    "administrators who may do everything");
		return false;
	}
	*out = accounts_by_name(admind.accounts, name);
	if (*out != NULL)
		return true;
	job_finish_with(j, CODE_VALUE,
	    "account: %.*s is none of "
	    "unix-accounts in semail.conf",
	    (int)(name.len < 64 ? name.len : 64), (const char *)name.data);
	return false;
}

static bool
is_account(uint32_t uid)
{
	return uid < conf_num("uid-first") || uid > conf_num("uid-last");
}

static void
exists_with_others(struct job *j)
{
	job_finish_with(j, CODE_EXISTS, "the mailbox exists with other values");
}

/* It is there already, with the same settings: with this password? */
static void
exists_checked(struct job *j)
{
	if (!j->same) {
		exists_with_others(j);
		return;
	}
	dir_say(j->comment, "the mailbox is there");
	box_finish(j);
}

static void
exists_compare(struct job *j, const char *verifier)
{
	struct span hash = import_arg(j, "hash");

	if (hash.len == 0) {
		job_check(j, verifier, exists_checked);
		return;
	}
	j->same = span_is(hash, verifier);
	exists_checked(j);
}

static void
exists(struct job *j, const struct dir_mailbox *is)
{
	int same = dir_box_same(admind.db, is->id, &j->set, j->comment);
	const struct account *a;

	j->box = *is;
	if (!take_account(j, &a))
		return;
	if (same == 1 && (a != NULL ? a->uid != is->uid : is_account(is->uid)))
		same = 0;
	if (same < 0)
		job_finish(j, same);
	else if (is->state == BOX_DELETING)
		job_finish_with(j, CODE_TEMP, "the mailbox is being deleted");
	else if (same == 0 || is->state == BOX_DISABLED)
		exists_with_others(j);
	else
		exists_compare(j, is->verifier);
}

/* Somebody was quicker, or something else has the name. */
static void
add_exists(struct job *j)
{
	char why[COMMENT_MAX + 1];
	struct dir_mailbox is;
	int code;

	memcpy(why, j->comment, sizeof(why));
	code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
	if (code == CODE_OK)
		exists(j, &is);
	else if (code == CODE_NO_MAILBOX)
		job_finish_with(j, CODE_EXISTS, "%s", why);
	else
		job_finish(j, code);
}

static void
add(struct job *j, const char *verifier, enum credential_kind kind)
{
	struct dir_new n = { .type = j->args.message->type,
		.set = &j->set,
		.verifier = verifier,
		.kind = kind,
		.dry_run = span_is(import_arg(j, "dry-run"), "yes"),
		.uid_first = (uint32_t)conf_num("uid-first"),
		.uid_last = (uint32_t)conf_num("uid-last") };
	int code;

	if (!take_account(j, &n.account))
		return;
	code = dir_add(admind.db, &j->who, &j->box, &n, j->comment);
	if (code == CODE_EXISTS) {
		add_exists(j);
	} else if (code != CODE_OK || n.dry_run) {
		job_finish(j, code);
	} else {
		dir_say(j->comment, "the mailbox has been made");
		box_finish(j);
	}
}

static void
add_hashed(struct job *j)
{
	add(j, j->verifier, CREDENTIAL_PASSWORD);
}

/* As another system kept it; Argon2id of our strength is one of ours. */
static void
add_imported(struct job *j)
{
	char verifier[VERIFIER_MAX + 1];
	struct span hash = job_arg(j, "hash");
	bool ours = span_has_prefix_icase(hash, "$argon2id$") &&
	    !scheme_is_weak(hash);

	job_copy(j, "hash", verifier, sizeof(verifier));
	add(j, verifier, ours ? CREDENTIAL_PASSWORD : CREDENTIAL_IMPORTED);
	explicit_bzero(verifier, sizeof(verifier));
}

static void
look(struct job *j)
{
	const struct account *a;
	struct dir_mailbox is;
	int code;

	/* Before a password is hashed for nothing. */
	if (!take_account(j, &a))
		return;
	code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
	if (code == CODE_OK)
		exists(j, &is);
	else if (code != CODE_NO_MAILBOX)
		job_finish(j, code);
	else if (import_arg(j, "hash").len > 0)
		add_imported(j);
	else if (span_is(import_arg(j, "dry-run"), "yes"))
		add(j, "", CREDENTIAL_PASSWORD); /* nothing is kept of it */
	else
		job_hash(j, job_arg(j, "password"), add_hashed);
}

static void
newbal(struct job *j)
{
	if (box_take_settings(j, 1u << SET_USER))
		look(j);
}

static void
importbal(struct job *j)
{
	struct span hash = job_arg(j, "hash");
	const char *problem = NULL;

	if ((hash.len > 0) == (job_arg(j, "password").len > 0))
		job_finish_with(j, CODE_VALUE,
		    "either PASSWORD or HASH is "
		    "needed");
	else if (hash.len > 0 && (problem = scheme_problem(hash)) != NULL)
		job_finish_with(j, CODE_VALUE, "HASH: %s", problem);
	else if (box_take_settings(j, 1u << SET_USER))
		look(j);
}

/* ---- DELBAL ------------------------------------------------------------------- */

/* A panel that lost the answer asks again. */
static void
delbal_again(struct job *j)
{
	int r = dir_was_deleted(admind.db, &j->box);

	if (r < 0) {
		job_finish_with(j, r,
		    "the database cannot be reached, try "
		    "again later");
	} else if (r == 0) {
		job_finish(j, CODE_NO_MAILBOX);
	} else {
		dir_say(j->comment, "the mailbox is deleted already");
		job_settle(j);
	}
}

static void
delbal(struct job *j)
{
	int code = dir_doom(admind.db, &j->who, &j->box, j->comment);

	if (code == CODE_NO_MAILBOX) {
		delbal_again(j);
	} else if (code != CODE_OK) {
		job_finish(j, code);
	} else {
		dir_say(j->comment, "the mailbox has been deleted");
		box_finish(j);
	}
}

const struct request box_requests[] = {
	{ "NEWBAL", newbal },
	{ "IMPORTBAL", importbal },
	{ "DELBAL", delbal },
	{ NULL, NULL },
};
