/*
 * NEW, MOD, DEL, SHOW, LIST and PASS of the entities: from a request's fields
 * to a change (entity.h), and from rows to an answer.
 */
#include "config.h"
#include "admind/entity.h"
#include "admind/job.h"
#include "admind/key.h"
#include "admind/names.h"

#include "libcommon/ldapsrc.h"
#include "libcommon/proc.h"

#include <stdlib.h>

/* "NEWALIAS": the verbs have three or four letters. */
static const struct entity *
entity_of(const struct job *j)
{
	const char *type = j->args.message->type;
	size_t verb = strncmp(type, "SHOW", 4) == 0 ||
	        strncmp(type, "LIST", 4) == 0 || strncmp(type, "PASS", 4) == 0
	    ? 4
	    : 3;
	const struct entity *e = entity_find(span_of(type + verb));

	if (e == NULL)
		abort(); /* not in entity_requests by mistake */
	return e;
}

/* ---- fields ---------------------------------------------------------------------- */

/* On whose behalf: DOMAIN of the header, or the field a virtual user has. */
static int
take_domain(struct job *j, struct dir_change *c)
{
	struct span named = { NULL, 0 };

	if (message_field(j->args.message, "virtual-domain") != NULL)
		named = job_arg(j, "virtual-domain");
	if (named.len > 0 && !name_domain(named, c->domain)) {
		dir_say(j->comment, "DOMAIN is no domain name");
		return CODE_VALUE;
	}
	if (named.len == 0)
		memcpy(c->domain, j->domain, sizeof(c->domain));
	if (c->entity->key_kind == KEY_USER && c->domain[0] == '\0' &&
	    message_field(j->args.message, "virtual") != NULL) {
		dir_say(j->comment, "DOMAIN is missing");
		return CODE_VALUE;
	}
	return CODE_OK;
}

static int
take_secret(const struct job *j, struct dir_change *c, unsigned column,
    struct span value)
{
	const struct entity_column *col = &c->entity->columns[column];
	struct buf sealed;
	int code;

	if (value.len == 0)
		return change_set(c, column, value);
	if (col->kind == COLUMN_VERIFIER) /* with_hash() */
		return change_set(c, column, span_of(j->verifier));
	buf_init(&sealed, 512);
	seal_put(&sealed, "Client.Cl_PasswordSMS", value);
	code = change_set(c, column, buf_span(&sealed));
	buf_clear(&sealed);
	return code;
}

/* A source nobody knows would let nobody in. */
static int
take_ldap(struct job *j, struct dir_change *c, unsigned column,
    struct span value)
{
	if (value.len > 0 && !ldapsrc_is_named(conf_blob("ldap"), value) &&
	    !ldapsrc_is_named(conf_blob("ldap-search"), value)) {
		dir_say(j->comment,
		    "semail.conf has no LDAP source of that "
		    "name: set ldap or ldap-search and reload");
		return CODE_VALUE;
	}
	return change_set(c, column, value);
}

/* What the request gives. */
static int
take_columns(struct job *j, struct dir_change *c)
{
	const struct entity_column *col = c->entity->columns;
	struct span value;
	int code = CODE_OK;

	for (unsigned i = 0; code == CODE_OK && col[i].option != NULL; i++) {
		if (message_field(j->args.message, col[i].option) == NULL ||
		    !job_given(j, col[i].option))
			continue;
		value = job_arg(j, col[i].option);
		if (col[i].kind == COLUMN_VERIFIER ||
		    col[i].kind == COLUMN_SEALED)
			code = take_secret(j, c, i, value);
		else if (col[i].kind == COLUMN_LDAP)
			code = take_ldap(j, c, i, value);
		else
			code = change_set(c, i, value);
	}
	return code;
}

static struct span
key_of(const struct job *j, const struct entity *e)
{
	return e->key_kind == KEY_DOMAIN ? span_of(j->domain)
	                                 : job_arg(j, e->key);
}

static int
take(struct job *j, struct dir_change *c, bool key, bool columns)
{
	const struct entity *e = entity_of(j);
	int code;

	change_init(c, e, &j->who, j->args.message->type, j->comment);
	if ((code = take_domain(j, c)) != CODE_OK ||
	    (key && (code = change_key(c, key_of(j, e))) != CODE_OK))
		return code;
	return columns ? take_columns(j, c) : CODE_OK;
}

static void
end(struct job *j, struct dir_change *c, int code)
{
	change_clear(c);
	if (code != CODE_OK)
		job_finish(j, code);
	else
		job_settle(j);
}

/* ---- the requests ------------------------------------------------------------------ */

static bool
has_password(const struct job *j)
{
	return message_field(j->args.message, "password") != NULL &&
	    job_arg(j, "password").len > 0;
}

/* A new password has been hashed before fn looks at anything. */
static void
with_hash(struct job *j, void (*fn)(struct job *))
{
	if (has_password(j))
		job_hash(j, job_arg(j, "password"), fn);
	else
		fn(j);
}

/* The same request again?  Its password must be the same, too. */
static void
same_checked(struct job *j)
{
	struct dir_change c;

	if (j->same) {
		job_settle(j);
		return;
	}
	take(j, &c, true, false);
	dir_say(j->comment, "the %s \"%.128s\" exists with another password",
	    c.entity->what, c.key);
	end(j, &c, CODE_EXISTS);
}

/* NEW of something that gets a number answers it. */
static void
put_number(struct job *j, const struct dir_change *c)
{
	struct rows rows;

	rows_init(&rows, 1);
	rows_cell_u64(&rows, c->id);
	rows_end(&rows, span_of(""));
	rows_put(&rows, c->entity->key, &j->extra);
	rows_clear(&rows);
}

static void
new_hashed(struct job *j)
{
	bool numbered = entity_of(j)->key_kind == KEY_NUMBER;
	struct dir_change c;
	int code = take(j, &c, !numbered, true);

	if (code == CODE_OK)
		code = entity_new(admind.db, &c);
	if (code == CODE_OK && c.was_there && has_password(j)) {
		job_check(j, c.verifier, same_checked);
		change_clear(&c);
		return;
	}
	if (code == CODE_OK && numbered)
		put_number(j, &c);
	end(j, &c, code);
}

static void
entity_new_run(struct job *j)
{
	with_hash(j, new_hashed);
}

static void
mod_hashed(struct job *j)
{
	struct dir_change c;
	int code = take(j, &c, true, true);

	if (code == CODE_OK)
		code = entity_mod(admind.db, &c);
	end(j, &c, code);
}

static void
entity_mod_run(struct job *j)
{
	with_hash(j, mod_hashed);
}

static void
entity_del_run(struct job *j)
{
	struct dir_change c;
	int code = take(j, &c, true, false);

	if (code == CODE_OK)
		code = entity_del(admind.db, &c);
	end(j, &c, code);
}

static void
entity_show_run(struct job *j)
{
	const char *columns = entity_of(j)->shown;
	struct dir_change c;
	struct rows rows;
	int code = take(j, &c, true, false);

	rows_init(&rows, 1);
	if (code == CODE_OK)
		code = entity_show(admind.db, &c, &rows);
	change_clear(&c);
	job_rows(j, code, columns, &rows);
}

static void
entity_list_run(struct job *j)
{
	const char *columns = entity_of(j)->shown;
	struct dir_page page = job_page(j);
	struct dir_change c;
	struct rows rows;
	int code = take(j, &c, false, false);

	rows_init(&rows, page.max);
	if (code == CODE_OK)
		code = entity_list(admind.db, &c, &page, &rows);
	change_clear(&c);
	job_rows(j, code, columns, &rows);
}

#define ENTITY(name) \
	{ "NEW" name, entity_new_run }, { "MOD" name, entity_mod_run }, \
	    { "DEL" name, entity_del_run }, { "SHOW" name, entity_show_run }, \
	{ \
		"LIST" name, entity_list_run \
	}

/* clang-format off */
const struct request entity_requests[] = {
	ENTITY("ALIAS"),
	ENTITY("VIRT"),
	ENTITY("CLIENT"),
	ENTITY("COMPANY"),
	ENTITY("ADMIN"),
	ENTITY("SERVER"),
	ENTITY("USER"),
	/* making and deleting domains: req_domain.c */
	{ "MODDOM", entity_mod_run },
	{ "SHOWDOM", entity_show_run },
	{ "LISTDOM", entity_list_run },
	{ "PASSCLIENT", entity_mod_run },
	{ "PASSADMIN", entity_mod_run },
	{ NULL, NULL },
};
/* clang-format on */
