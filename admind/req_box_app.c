/* Passwords of single devices and programs: NEWAPP, DELAPP, LISTAPP. */
#include "config.h"
#include "admind/req_box.h"

#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"

/* Four groups of four, 80 bits, of letters and digits that are not taken for
 * one another. */
#define APP_GROUPS 4
#define APP_PASSWORD (APP_GROUPS * 5)

static void
make_password(char out[static APP_PASSWORD])
{
	static const char letters[32] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[APP_GROUPS * 4];
	char *p = out;

	secret_random(random, sizeof(random));
	for (unsigned i = 0; i < sizeof(random); i++) {
		if (i > 0 && i % 4 == 0)
			*p++ = '-';
		*p++ = letters[random[i] % 32];
	}
	*p = '\0';
	explicit_bzero(random, sizeof(random));
}

/* "smtp,pop3" to bits of enum service; 0 is all. */
static int
take_services(struct job *j, uint32_t *out)
{
	static const struct {
		const char *name;
		enum service service;
	} names[] = { { "smtp", SERVICE_SMTP }, { "pop3", SERVICE_POP3 },
		{ "imap", SERVICE_IMAP } };
	struct span rest = job_arg(j, "services"), name;
	ptrdiff_t comma;
	size_t i;

	*out = 0;
	while (rest.len > 0) {
		comma = span_chr(rest, ',');
		name = span_trim(span_sub(rest, 0,
		    comma == -1 ? rest.len : (size_t)comma));
		rest = comma == -1
		    ? span_of("")
		    : span_sub(rest, (size_t)comma + 1, rest.len);
		for (i = 0; i < nitems(names) && !span_is(name, names[i].name);
		     i++)
			;
		if (i == nitems(names)) {
			dir_say(j->comment,
			    "SERVICES may have smtp, pop3 and "
			    "imap, with commas between them");
			return CODE_VALUE;
		}
		*out |= 1u << names[i].service;
	}
	return CODE_OK;
}

static void
newapp_hashed(struct job *j)
{
	uint32_t services;
	int code = take_services(j, &services);

	if (code == CODE_OK)
		code = dir_newapp(admind.db, &j->who, &j->box,
		    job_arg(j, "device"), services, j->verifier, j->comment);
	if (code == CODE_OK) {
		dir_say(j->comment,
		    "the password has been made; it is told "
		    "only now");
		job_settle(j);
	} else {
		job_finish(j, code);
	}
}

static void
newapp(struct job *j)
{
	char password[APP_PASSWORD];
	uint32_t services;
	int code = take_services(j, &services);

	if (code != CODE_OK) {
		job_finish(j, code);
		return;
	}
	make_password(password);
	job_put(j, span_of(password)); /* told if all is well only */
	job_hash(j, span_of(password), newapp_hashed);
	explicit_bzero(password, sizeof(password));
}

static void
delapp(struct job *j)
{
	int code = dir_delapp(admind.db, &j->who, &j->box, job_arg(j, "device"),
	    j->comment);

	if (code == CODE_OK)
		job_settle(j);
	else
		job_finish(j, code);
}

static void
listapp(struct job *j)
{
	struct dir_mailbox is;
	struct rows rows;
	int code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);

	rows_init(&rows, 0);
	if (code == CODE_OK)
		code = dir_listapp(admind.db, is.id, &rows, j->comment);
	explicit_bzero(is.verifier, sizeof(is.verifier));
	job_rows(j, code, APP_COLUMNS, &rows);
}

const struct request box_app_requests[] = {
	{ "NEWAPP", newapp },
	{ "DELAPP", delapp },
	{ "LISTAPP", listapp },
	{ NULL, NULL },
};
