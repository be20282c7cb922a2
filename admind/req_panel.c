/*
 * NEWPANEL, DELPANEL, LISTPANEL.  A panel's secret is made here, told once, in
 * the answer, and kept nowhere.
 */
#include "config.h"
#include "admind/dir_panel.h"
#include "admind/job.h"
#include "admind/key.h"
#include "admind/panel.h"

#include "libcommon/secret.h"

static int
take_name(struct job *j, char out[static CODED_NAME_MAX + 1])
{
	struct span name = job_arg(j, "panel");

	if (!semail_name_good((const char *)name.data, name.len) ||
	    span_copy(name, out, CODED_NAME_MAX + 1) == -1) {
		dir_say(j->comment,
		    "PANEL may have 1 to %d of a-z 0-9 . _ -, "
		    "a letter or digit first",
		    CODED_NAME_MAX);
		return CODE_VALUE;
	}
	if (strcmp(out, PANEL_LOCAL) == 0) {
		dir_say(j->comment, "the panel \"%s\" is semaild's",
		    PANEL_LOCAL);
		return CODE_DENIED;
	}
	return CODE_OK;
}

static void
newpanel(struct job *j)
{
	unsigned char pub[CODED_KEY];
	char line[CODED_KEY_STRING];
	struct semail_key key;
	int code;

	memset(&key, 0, sizeof(key));
	if ((code = take_name(j, key.name)) == CODE_OK) {
		secret_random(key.secret, sizeof(key.secret));
		semail_key_public(key.server, key_server());
		semail_key_public(pub, key.secret);
		code = dir_newpanel(admind.db, &j->who, key.name,
		    job_arg(j, "comment"), pub, j->comment);
	}
	if (code == CODE_OK) {
		semail_key_format(&key, line);
		job_put(j, span_of(line));
		explicit_bzero(line, sizeof(line));
	}
	explicit_bzero(&key, sizeof(key));
	job_finish(j, code);
}

static void
delpanel(struct job *j)
{
	char name[CODED_NAME_MAX + 1] = "";
	int code = take_name(j, name);

	if (code == CODE_OK)
		code = dir_delpanel(admind.db, &j->who, name, j->comment);
	/* Who deletes itself is answered first. */
	job_finish(j, code);
	if (code == CODE_OK)
		panel_drop(name);
}

static void
listpanel(struct job *j)
{
	struct dir_page page = job_page(j);
	struct rows rows;
	int code;

	rows_init(&rows, page.max);
	code = dir_listpanel(admind.db, &page, &rows, j->comment);
	job_rows(j, code, PANEL_COLUMNS, &rows);
}

const struct request panel_requests[] = {
	{ "NEWPANEL", newpanel },
	{ "DELPANEL", delpanel },
	{ "LISTPANEL", listpanel },
	{ NULL, NULL },
};
