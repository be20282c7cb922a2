/*
 * A command line by the table of requests.
 *
 *	newbal bob@x.example --password - --quota 10000
 *	newvirt sales@x.example bob@y.example
 *
 * What a request is about are arguments without a name, the rest has the
 * table's option names.  Checks of values are admind's: it says the same to
 * everybody.
 */
#include "config.h"
#include "admind/admin.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct line {
	struct admin_command *cmd;
	const struct message *message;
	int argc;
	char **argv;
	int at;
	char *why;
};

__attribute__((format(printf, 2, 3))) static int
wrong(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why, WHY_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

const struct message *
admin_find(const char *word)
{
	for (unsigned i = 0; i < nmessages; i++)
		if (span_is_icase(span_of(word), messages[i].type))
			return &messages[i];
	return NULL;
}

int
admin_field(const struct message *m, struct span option)
{
	for (unsigned i = 0; i < message_nfields(m); i++)
		if (span_is(option, m->fields[i].option))
			return (int)i;
	return -1;
}

/* ---- arguments without a name --------------------------------------------------- */

bool
admin_is_pair(const struct message *m, unsigned i)
{
	const char *next = i + 1 < message_nfields(m) ? m->fields[i + 1].option
	                                              : "";
	size_t len = strlen(m->fields[i].option);

	return strncmp(next, m->fields[i].option, len) == 0 &&
	    strcmp(next + len, "-domain") == 0;
}

unsigned
admin_slots(const struct message *m, struct slot out[MESSAGE_FIELDS])
{
	unsigned n = 0, fields = message_nfields(m);

	for (unsigned i = 0; i < fields; i++) {
		unsigned flags = m->fields[i].flags;

		if (!(flags & FIELD_PLACE) || (flags & FIELD_SECRET))
			continue;
		if (i == 0 && m->form == FORM_MAILBOX)
			out[n++] = (struct slot){ SLOT_ADDRESS, i };
		else if (i == 0 && m->form == FORM_DOMAIN)
			out[n++] = (struct slot){ SLOT_DOMAIN, i };
		else if (admin_is_pair(m, i))
			out[n++] = (struct slot){ SLOT_PAIR, i++ };
		else if (flags & FIELD_NEEDED)
			out[n++] = (struct slot){ SLOT_ONE, i };
	}
	return n;
}

static void
set(struct admin_command *cmd, unsigned field, struct span value)
{
	cmd->value[field] = value;
	cmd->given[field] = true;
}

/* "user@domain" for a field and the one after it. */
static void
set_pair(struct admin_command *cmd, unsigned field, const char *arg)
{
	const char *at = strrchr(arg, '@');

	if (at == NULL) {
		set(cmd, field, span_of(arg));
		return;
	}
	set(cmd, field, span_from(arg, (size_t)(at - arg)));
	set(cmd, field + 1, span_of(at + 1));
}

static int
set_domain(struct line *l, struct span domain)
{
	struct span have = l->cmd->domain;

	if (have.len > 0 && !span_eq(have, domain))
		return wrong(l, "the domains %.*s and %.*s differ",
		    (int)have.len, (const char *)have.data, (int)domain.len,
		    (const char *)domain.data);
	l->cmd->domain = domain;
	return 0;
}

static int
take_slot(struct line *l, const struct slot *slot, const char *arg)
{
	const char *at = strrchr(arg, '@');

	switch (slot->kind) {
	case SLOT_ADDRESS:
		if (at == arg || (at != NULL && at[1] == '\0'))
			return wrong(l, "%.100s: ADDRESS is LOGIN@DOMAIN", arg);
		set(l->cmd, slot->field,
		    at == NULL ? span_of(arg)
		               : span_from(arg, (size_t)(at - arg)));
		return at == NULL ? 0 : set_domain(l, span_of(at + 1));
	case SLOT_DOMAIN:
		set(l->cmd, slot->field, span_of(arg));
		return set_domain(l, span_of(arg));
	case SLOT_PAIR:
		set_pair(l->cmd, slot->field, arg);
		return 0;
	case SLOT_ONE:
		set(l->cmd, slot->field, span_of(arg));
		return 0;
	}
	return 0;
}

/* The first that has no value yet; those given by option are skipped. */
static int
take_argument(struct line *l, const char *arg)
{
	struct slot slots[MESSAGE_FIELDS];
	unsigned n = admin_slots(l->message, slots);

	for (unsigned i = 0; i < n; i++)
		if (!l->cmd->given[slots[i].field])
			return take_slot(l, &slots[i], arg);
	return wrong(l, "one argument too many: %.100s", arg);
}

/* ---- options ------------------------------------------------------------------------ */

/* "--name=value", "--name value". */
static int
value_of(struct line *l, const char *arg, const char **value_out)
{
	const char *eq = strchr(arg, '=');

	if (eq != NULL)
		*value_out = eq + 1;
	else if (l->at + 1 < l->argc)
		*value_out = l->argv[++l->at];
	else
		return wrong(l, "%.100s wants a value", arg);
	return 0;
}

/* "--force", "--force=no", "--force no": no other word is its value. */
static const char *
yes_or_no(struct line *l, const char *arg)
{
	const char *eq = strchr(arg, '='), *next;

	if (eq != NULL)
		return eq + 1;
	next = l->at + 1 < l->argc ? l->argv[l->at + 1] : "";
	if (strcmp(next, "yes") != 0 && strcmp(next, "no") != 0)
		return "yes";
	l->at++;
	return next;
}

/* Its value comes later, from elsewhere. */
static int
take_later(struct line *l, const char *arg, unsigned field, bool file)
{
	struct admin_secret *s = &l->cmd->secret[l->cmd->nsecrets];
	const char *value;

	if (value_of(l, arg, &value) == -1)
		return -1;
	if (!file && strcmp(value, "-") != 0)
		return wrong(l,
		    "%.*s -: it is read from standard input; an "
		    "argument is seen by everybody who runs ps(1)",
		    (int)strcspn(arg, "="), arg);
	s->field = field;
	s->from = file ? FROM_FILE : FROM_STDIN;
	s->file = file ? value : NULL;
	l->cmd->nsecrets++;
	l->cmd->given[field] = true;
	return 0;
}

static int
take_field(struct line *l, const char *arg, unsigned field, bool file)
{
	const struct message_field *f = &l->message->fields[field];
	const char *value;

	if (l->cmd->given[field])
		return wrong(l, "--%s is given twice", f->option);
	if (file || (f->flags & FIELD_SECRET))
		return take_later(l, arg, field, file);
	if (f->flags & FIELD_YESNO) {
		set(l->cmd, field, span_of(yes_or_no(l, arg)));
		return 0;
	}
	if (value_of(l, arg, &value) == -1)
		return -1;
	if (admin_is_pair(l->message, field) && !l->cmd->given[field + 1])
		set_pair(l->cmd, field, value);
	else
		set(l->cmd, field, span_of(value));
	return 0;
}

/* Options every command has.  1: it was none of them. */
static int
take_common(struct line *l, const char *arg, struct span name)
{
	const char *value;

	if (span_is(name, "json")) {
		l->cmd->json = true;
		return 0;
	}
	if (span_is(name, "help")) {
		l->cmd->help = true;
		return 0;
	}
	if (span_is(name, "domain"))
		return value_of(l, arg, &value) == -1
		    ? -1
		    : set_domain(l, span_of(value));
	if (span_is(name, "login")) {
		if (value_of(l, arg, &value) == -1)
			return -1;
		l->cmd->login = span_of(value);
		return 0;
	}
	if (span_is(name, "login-password") ||
	    span_is(name, "login-password-file")) {
		if (l->cmd->given[FIELD_LOGIN])
			return wrong(l, "--login-password is given twice");
		return take_later(l, arg, FIELD_LOGIN,
		    span_is(name, "login-password-file"));
	}
	return 1;
}

static int
take_option(struct line *l, const char *arg)
{
	struct span name = span_from(arg + 2, strcspn(arg + 2, "="));
	size_t stem;
	int i, r;

	if ((i = admin_field(l->message, name)) != -1)
		return take_field(l, arg, (unsigned)i, false);
	if ((r = take_common(l, arg, name)) != 1)
		return r;
	if (name.len > 5 && span_is(span_sub(name, name.len - 5, 5), "-file")) {
		stem = name.len - 5;
		i = admin_field(l->message, span_sub(name, 0, stem));
		if (i != -1 &&
		    (l->message->fields[i].flags &
		        (FIELD_SECRET | FIELD_LINES)))
			return take_field(l, arg, (unsigned)i, true);
	}
	return wrong(l, "there is no option --%.*s", (int)name.len,
	    (const char *)name.data);
}

/* ---- is it all there ------------------------------------------------------------------- */

static int
check_slots(struct line *l)
{
	struct admin_command *cmd = l->cmd;
	struct slot slots[MESSAGE_FIELDS];
	unsigned n = admin_slots(l->message, slots);

	for (unsigned i = 0; i < n; i++) {
		unsigned k = slots[i].field;

		if (slots[i].kind == SLOT_DOMAIN && cmd->domain.len > 0)
			set(cmd, k, cmd->domain);
		if (slots[i].kind == SLOT_ADDRESS && cmd->given[k] &&
		    cmd->domain.len == 0)
			return wrong(l, "%.*s: ADDRESS is LOGIN@DOMAIN",
			    (int)cmd->value[k].len,
			    (const char *)cmd->value[k].data);
		if (!cmd->given[k])
			return wrong(l, "%s is missing",
			    slots[i].kind == SLOT_ADDRESS
			        ? "ADDRESS"
			        : l->message->fields[k].name);
	}
	return 0;
}

/* A secret that is needed is asked for where somebody can be asked. */
static void
ask_for(struct admin_command *cmd, unsigned field)
{
	cmd->secret[cmd->nsecrets].field = field;
	cmd->secret[cmd->nsecrets].from = FROM_TERMINAL;
	cmd->nsecrets++;
	cmd->given[field] = true;
}

int
admin_parse(struct admin_command *cmd, const struct message *m, int argc,
    char *argv[], char why[static WHY_MAX])
{
	struct line l = { cmd, m, argc, argv, 0, why };
	bool names = true;
	int r = 0;

	memset(cmd, 0, sizeof(*cmd));
	cmd->message = m;
	for (unsigned i = 0; i < VALUES; i++)
		buf_init(&cmd->text[i], REQUEST_MAX);
	for (; l.at < argc && r == 0; l.at++) {
		const char *arg = argv[l.at];

		if (names && strcmp(arg, "--") == 0)
			names = false;
		else if (names && strcmp(arg, "-h") == 0)
			cmd->help = true;
		else if (names && strncmp(arg, "--", 2) == 0)
			r = take_option(&l, arg);
		else
			r = take_argument(&l, arg);
	}
	if (r == -1 || cmd->help)
		return r;
	if (check_slots(&l) == -1)
		return -1;
	for (unsigned i = 0; i < message_nfields(m); i++)
		if ((m->fields[i].flags & FIELD_NEEDED) && !cmd->given[i]) {
			if (!(m->fields[i].flags & FIELD_SECRET))
				return wrong(&l, "--%s is missing",
				    m->fields[i].option);
			ask_for(cmd, i);
		}
	if (cmd->login.len > 0 && !cmd->given[FIELD_LOGIN])
		ask_for(cmd, FIELD_LOGIN);
	if (cmd->login.len == 0 && cmd->given[FIELD_LOGIN])
		return wrong(&l, "--login-password without --login");
	return 0;
}

/* ---- the request ------------------------------------------------------------------------- */

void
admin_request(const struct admin_command *cmd, const struct span *after,
    struct buf *out)
{
	const struct message *m = cmd->message;

	field_put(out, span_of(m->type), true);
	field_put(out, cmd->login, false);
	field_put(out, cmd->value[FIELD_LOGIN], false);
	field_put(out, cmd->domain, false);
	for (unsigned i = 0; i < message_nfields(m); i++) {
		struct span value = cmd->value[i];
		bool given = cmd->given[i];

		if (after != NULL &&
		    strcmp(m->fields[i].option, "after") == 0) {
			value = *after;
			given = true;
		}
		if (m->fields[i].flags & FIELD_PLACE) {
			field_put(out, value, false);
		} else if (given) {
			buf_printf(out, "|%s=", m->fields[i].option);
			field_put(out, value, true);
		}
	}
}

void
admin_clear(struct admin_command *cmd)
{
	for (unsigned i = 0; i < VALUES; i++)
		buf_clear(&cmd->text[i]);
}
