/*
 * Rows as requests: the header's names are the options of the request's table,
 * and values are checked by it.
 */
#include "config.h"
#include "admind/import.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

bool
import_may(const struct message *m)
{
	static const char *const changes[] = { "NEW", "MOD", "SET", "DEL",
		"IMPORT", "PASS", "ENABLE", "DISABLE", "PURGEBAL" };
	/* Their answer is a secret that is shown once. */
	static const char *const told[] = { "NEWAPP", "NEWPANEL" };

	for (size_t i = 0; i < nitems(told); i++)
		if (strcmp(m->type, told[i]) == 0)
			return false;
	for (size_t i = 0; i < nitems(changes); i++)
		if (span_has_prefix_icase(span_of(m->type), changes[i]))
			return true;
	return false;
}

/* ---- the header --------------------------------------------------------------- */

/* Which column it is; false: none. */
static bool
find(const struct message *m, struct span name, enum column_kind *kind_out,
    unsigned *field_out)
{
	int i = admin_field(m, name);

	*field_out = i == -1 ? 0 : (unsigned)i;
	if (m->form == FORM_MAILBOX && (i == 0 || span_is(name, "address")))
		*kind_out = COLUMN_ADDRESS;
	else if (span_is(name, "domain") || (m->form == FORM_DOMAIN && i == 0))
		*kind_out = COLUMN_DOMAIN;
	else if (i != -1)
		*kind_out = COLUMN_FIELD;
	else
		return false;
	return true;
}

bool
import_knows(const struct message *m, struct span name)
{
	enum column_kind kind;
	unsigned field;

	return find(m, name, &kind, &field);
}

void
import_columns(FILE *f, const struct message *m)
{
	fputs(m->form == FORM_MAILBOX ? "address domain" : "domain", f);
	for (unsigned i = 0; i < message_nfields(m); i++)
		fprintf(f, " %s", m->fields[i].option);
}

static bool
is_listed(const char *list, struct span name)
{
	struct span rest = span_of(list == NULL ? "" : list);

	while (rest.len > 0) {
		ptrdiff_t comma = span_chr(rest, ',');
		size_t n = comma == -1 ? rest.len : (size_t)comma;

		if (span_eq(span_trim(span_sub(rest, 0, n)), name))
			return true;
		rest = span_sub(rest, n + 1, rest.len);
	}
	return false;
}

__attribute__((format(printf, 2, 3))) static int
wrong(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, WHY_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

static bool
has(const struct import_header *h, enum column_kind kind, unsigned field)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->column[i].kind == kind && h->column[i].field == field)
			return true;
	return false;
}

static int
check_header(const struct import_header *h, char *why)
{
	const struct message *m = h->message;

	for (unsigned i = 0; i < h->n; i++)
		for (unsigned k = 0; k < i; k++)
			if (h->column[i].kind != COLUMN_IGNORED &&
			    h->column[i].kind == h->column[k].kind &&
			    h->column[i].field == h->column[k].field)
				return wrong(why,
				    "the columns %s and %s are "
				    "the same",
				    h->column[k].name, h->column[i].name);
	for (unsigned i = 0; i < message_nfields(m); i++) {
		if (!(m->fields[i].flags & FIELD_NEEDED) ||
		    has(h, COLUMN_FIELD, i) || has(h, COLUMN_ADDRESS, i))
			continue;
		return wrong(why, "a column %s is needed",
		    i == 0 && m->form == FORM_MAILBOX ? "address"
		                                      : m->fields[i].option);
	}
	if (m->form == FORM_DOMAIN && !has(h, COLUMN_DOMAIN, 0))
		return wrong(why, "a column %s is needed", m->fields[0].option);
	return 0;
}

int
import_header(struct import_header *h, const struct message *m,
    const struct csv *csv, const char *ignore, char why[static WHY_MAX])
{
	memset(h, 0, sizeof(*h));
	h->message = m;
	for (h->n = 0; h->n < csv->n; h->n++) {
		struct span name = span_trim(csv_cell(csv, h->n));
		enum column_kind *kind = &h->column[h->n].kind;

		if (name.len == 0)
			return wrong(why, "column %u has no name", h->n + 1);
		if (span_copy(span_sub(name, 0, sizeof(h->column[0].name) - 1),
		        h->column[h->n].name, sizeof(h->column[0].name)) == -1)
			return wrong(why, "the name of column %u holds a NUL",
			    h->n + 1);
		if (is_listed(ignore, name))
			*kind = COLUMN_IGNORED;
		else if (!find(m, name, kind, &h->column[h->n].field))
			return wrong(why, "there is no column %s",
			    h->column[h->n].name);
	}
	return check_header(h, why);
}

bool
import_has_secrets(const struct import_header *h)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->column[i].kind == COLUMN_FIELD &&
		    (h->message->fields[h->column[i].field].flags &
		        FIELD_SECRET))
			return true;
	return false;
}

/* ---- a row ---------------------------------------------------------------------- */

struct row {
	const struct import_header *header;
	struct admin_command *cmd;
	const struct import_told *told;
	unsigned wrong;
};

__attribute__((format(printf, 2, 3))) static void
tell(struct row *r, const char *fmt, ...)
{
	char text[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->wrong++;
	r->told->tell(r->told->arg, text);
}

static void
set_domain(struct row *r, const char *column, struct span domain)
{
	struct span have = r->cmd->domain;

	if (have.len > 0 && !span_eq(have, domain))
		tell(r, "%s: the domains %.*s and %.*s differ", column,
		    (int)(have.len < 100 ? have.len : 100),
		    (const char *)have.data,
		    (int)(domain.len < 100 ? domain.len : 100),
		    (const char *)domain.data);
	r->cmd->domain = domain;
}

static ptrdiff_t
last_at(struct span s)
{
	ptrdiff_t i = (ptrdiff_t)s.len - 1;

	while (i >= 0 && s.data[i] != '@')
		i--;
	return i;
}

/* "user@domain" fills the field and the one after it. */
static void
set_field(struct row *r, unsigned field, struct span cell)
{
	struct admin_command *cmd = r->cmd;
	const struct message *m = cmd->message;
	ptrdiff_t at = last_at(cell);

	/* An empty password is none: no cell may take one away. */
	if (cell.len == 0 && (m->fields[field].flags & FIELD_SECRET))
		return;
	cmd->value[field] = cell;
	cmd->given[field] = true;
	if (admin_is_pair(m, field) && at != -1 &&
	    !has(r->header, COLUMN_FIELD, field + 1)) {
		cmd->value[field] = span_sub(cell, 0, (size_t)at);
		cmd->value[field + 1] = span_sub(cell, (size_t)at + 1,
		    cell.len);
		cmd->given[field + 1] = true;
	}
}

static void
set_cell(struct row *r, unsigned column, struct span cell)
{
	const struct import_header *h = r->header;
	const char *name = h->column[column].name;
	ptrdiff_t at = last_at(cell);

	switch (h->column[column].kind) {
	case COLUMN_IGNORED:
		return;
	case COLUMN_FIELD:
		set_field(r, h->column[column].field, cell);
		return;
	case COLUMN_DOMAIN:
		if (cell.len > 0)
			set_domain(r, name, cell);
		return;
	case COLUMN_ADDRESS:
		r->cmd->value[0] = at == -1 ? cell
		                            : span_sub(cell, 0, (size_t)at);
		r->cmd->given[0] = true;
		if (at != -1)
			set_domain(r, name,
			    span_sub(cell, (size_t)at + 1, cell.len));
		return;
	}
}

/* The name of the column a field came from. */
static const char *
column_of(const struct row *r, unsigned field)
{
	const struct import_header *h = r->header;

	for (unsigned i = 0; i < h->n; i++)
		if (((h->column[i].kind == COLUMN_FIELD ||
		         h->column[i].kind == COLUMN_ADDRESS) &&
		        h->column[i].field == field) ||
		    (h->column[i].kind == COLUMN_DOMAIN && field == 0 &&
		        h->message->form == FORM_DOMAIN))
			return h->column[i].name;
	return h->message->fields[field].option;
}

static void
check(struct row *r)
{
	struct admin_command *cmd = r->cmd;
	const struct message *m = cmd->message;
	const char *problem;

	if (m->form == FORM_DOMAIN) {
		cmd->value[0] = cmd->domain;
		cmd->given[0] = true;
	}
	if (m->form != FORM_PLAIN && cmd->domain.len == 0)
		tell(r, "%s: there is no domain", column_of(r, 0));
	for (unsigned i = 0; i < message_nfields(m); i++)
		if ((problem = message_wrong(&m->fields[i], cmd->value[i])) !=
		    NULL)
			tell(r, "%s: %s", column_of(r, i), problem);
}

unsigned
import_row(const struct import_header *h, const struct csv *csv,
    const struct admin_command *common, struct admin_command *out,
    const struct import_told *told)
{
	struct row r = { h, out, told, 0 };

	memset(out, 0, sizeof(*out));
	out->message = h->message;
	out->login = common->login;
	out->value[FIELD_LOGIN] = common->value[FIELD_LOGIN];
	out->domain = common->domain;
	if (csv->n != h->n) {
		tell(&r, "there are %u cells, and %u in the header", csv->n,
		    h->n);
		return r.wrong;
	}
	for (unsigned i = 0; i < h->n; i++)
		set_cell(&r, i, csv_cell(csv, i));
	check(&r);
	return r.wrong;
}

void
import_object(const struct admin_command *cmd, char out[static OBJECT_MAX])
{
	const struct message *m = cmd->message;
	struct slot slots[MESSAGE_FIELDS];
	unsigned n = admin_slots(m, slots);
	struct span name = cmd->value[n > 0 ? slots[0].field : 0];
	struct span domain = span_from("", 0);

	if (m->form == FORM_MAILBOX)
		domain = cmd->domain;
	else if (n > 0 && slots[0].kind == SLOT_PAIR)
		domain = cmd->value[slots[0].field + 1];
	snprintf(out, OBJECT_MAX, "%.*s%s%.*s",
	    (int)(name.len < 128 ? name.len : 128), (const char *)name.data,
	    domain.len > 0 ? "@" : "",
	    (int)(domain.len < 255 ? domain.len : 255),
	    (const char *)domain.data);
}
