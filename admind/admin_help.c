/* Usage and completion, written by the table of requests. */
#include "config.h"
#include "admind/import.h"

#include <ctype.h>

/* "VIRTUAL-DOMAIN" of "virtual-domain". */
static void
put_upper(FILE *f, const char *option)
{
	for (; *option != '\0'; option++)
		putc(toupper((unsigned char)*option), f);
}

static void
put_lower(FILE *f, const char *type)
{
	for (; *type != '\0'; type++)
		putc(tolower((unsigned char)*type), f);
}

static void
put_slot(FILE *f, const struct message *m, const struct slot *slot)
{
	const struct message_field *field = &m->fields[slot->field];
	bool needed = field->flags & FIELD_NEEDED;

	switch (slot->kind) {
	case SLOT_ADDRESS:
		fputs("ADDRESS", f);
		break;
	case SLOT_DOMAIN:
		fputs("DOMAIN", f);
		break;
	case SLOT_PAIR:
		fputs(needed ? "" : "[", f);
		put_upper(f, field->option);
		fputs(needed ? "[@DOMAIN]" : "]@DOMAIN", f);
		break;
	case SLOT_ONE:
		put_upper(f, field->option);
		break;
	}
}

static const char *
value_name(const struct message_field *f)
{
	if (f->flags & FIELD_SECRET)
		return " -";
	if (f->flags & FIELD_YESNO)
		return "[=yes|no]";
	return f->flags & FIELD_NUMBER ? " N" : " TEXT";
}

/* Is it an argument without a name? */
static bool
in_slot(const struct message *m, unsigned field)
{
	struct slot slots[MESSAGE_FIELDS];
	unsigned n = admin_slots(m, slots);

	for (unsigned i = 0; i < n; i++)
		if (slots[i].field == field ||
		    (slots[i].kind == SLOT_PAIR && slots[i].field + 1 == field))
			return true;
	return false;
}

static void
put_usage(FILE *f, const struct message *m)
{
	struct slot slots[MESSAGE_FIELDS];
	unsigned n = admin_slots(m, slots);
	bool more = false;

	put_lower(f, m->type);
	for (unsigned i = 0; i < n; i++) {
		putc(' ', f);
		put_slot(f, m, &slots[i]);
	}
	for (unsigned i = 0; i < message_nfields(m); i++) {
		if (in_slot(m, i))
			continue;
		if (m->fields[i].flags & FIELD_NEEDED)
			fprintf(f, " --%s%s", m->fields[i].option,
			    value_name(&m->fields[i]));
		else
			more = true;
	}
	if (more)
		fputs(" [OPTION ...]", f);
	putc('\n', f);
}

void
admin_usage_of(FILE *f, const struct message *m)
{
	fputs("usage: semail admin ", f);
	put_usage(f, m);
	fputs("       semail admin help ", f);
	put_lower(f, m->type);
	fputs(" says more\n", f);
}

void
admin_help_of(FILE *f, const struct message *m)
{
	char name[80];

	fputs("usage: semail admin ", f);
	put_usage(f, m);
	fprintf(f, "\n%s: %s\n", m->type, m->help);
	for (unsigned i = 0; i < message_nfields(m); i++) {
		const struct message_field *field = &m->fields[i];

		snprintf(name, sizeof(name), "--%s%s", field->option,
		    value_name(field));
		fprintf(f, "  %-24s %s%s%s%s\n", name, field->name,
		    field->help != NULL ? ": " : "",
		    field->help != NULL ? field->help : "",
		    in_slot(m, i) ? " (an argument without a name)" : "");
	}
	fputs(
	    "\nof every command:\n"
	    "  --domain DOMAIN          of an ADDRESS without one; on whose behalf\n"
	    "  --login LOGIN --login-password -\n"
	    "                           as this client, administrator or mailbox\n"
	    "  --json                   the answer as JSON\n",
	    f);
}

/* A request for a piece of something, which backup and restore send. */
static bool
is_piece(const struct message *m)
{
	return strcmp(m->type, "BACKUPBAL") == 0 ||
	    strcmp(m->type, "RESTOREBAL") == 0;
}

void
admin_help(FILE *f)
{
	fputs(
	    "usage: semail admin [--json] [--server HOST:PORT --key-file FILE]\n"
	    "           [--login LOGIN] COMMAND "
	    "[ARGUMENT ...]\n"
	    "       semail admin help COMMAND\n\n",
	    f);
	for (unsigned i = 0; i < nmessages; i++) {
		if (is_piece(&messages[i]))
			continue;
		fputs("  ", f);
		put_lower(f, messages[i].type);
		fprintf(f, "%*s %s\n", (int)(13 - strlen(messages[i].type)), "",
		    messages[i].help);
	}
	fputs(
	    "\n"
	    "  backup        write a mailbox's mail as a tar archive\n"
	    "  restore       put the mail of such an archive into a mailbox\n"
	    "  import        send a request for each row of a CSV file\n"
	    "  export        write a list as CSV, for import\n"
	    "  request       the fields on standard input, as a panel sends them\n"
	    "  help          this\n",
	    f);
}

/* ---- bash ------------------------------------------------------------------------ */

static void
put_options(FILE *f, const struct message *m)
{
	for (unsigned i = 0; i < message_nfields(m); i++) {
		const struct message_field *field = &m->fields[i];

		fprintf(f, " --%s", field->option);
		if (field->flags & (FIELD_SECRET | FIELD_LINES))
			fprintf(f, " --%s-file", field->option);
	}
}

/* What may follow a command; words are beside its options. */
static void
put_case(FILE *f, const struct message *m, const char *words)
{
	fputs("\t\t", f);
	put_lower(f, m->type);
	fprintf(f, ") options=\"$common%s", words);
	put_options(f, m);
	fputs("\" ;;\n", f);
}

void
admin_completion(FILE *f)
{
	fputs(
	    "# bash completion for semail, made from admind/message.c\n"
	    "_semail()\n{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} i word= admin= options=\n"
	    "\tlocal common='--domain --login --login-password "
	    "--login-password-file --json --help'\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t-f) ((i++)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\tadmin) if [[ -z $admin ]]; then admin=yes; else word=admin; fi ;;\n"
	    "\t\t*) word=${COMP_WORDS[i]}; break ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "\tif [[ ${COMP_WORDS[COMP_CWORD-1]} == *-file || "
	    "${COMP_WORDS[COMP_CWORD-1]} == -f ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	    "\t\treturn\n"
	    "\tfi\n"
	    "\tif [[ -z $admin && -z $word ]]; then\n"
	    "\t\toptions='start stop status reload check queue admin'\n"
	    "\telif [[ -n $admin && -z $word ]]; then\n"
	    "\t\toptions=\"$common help request import export backup restore",
	    f);
	for (unsigned i = 0; i < nmessages; i++) {
		if (is_piece(&messages[i]))
			continue;
		putc(' ', f);
		put_lower(f, messages[i].type);
	}
	fputs("\"\n\telif [[ -n $admin ]]; then\n\t\tcase $word in\n", f);
	for (unsigned i = 0; i < nmessages; i++)
		if (!is_piece(&messages[i]))
			put_case(f, &messages[i], "");
	fputs("\t\tbackup|restore) options=\"$common "
	      "$(compgen -f -- \"$cur\")\" ;;\n",
	    f);
	put_case(f, &import_usage,
	    " importbal newdom newalias newvirt newuser "
	    "newclient setbal delbal $(compgen -f -- \"$cur\")");
	put_case(f, &export_usage,
	    " mailboxes domains aliases virtuals users "
	    "clients");
	fputs("\t\thelp) options=\"import export backup restore", f);
	for (unsigned i = 0; i < nmessages; i++) {
		if (is_piece(&messages[i]))
			continue;
		putc(' ', f);
		put_lower(f, messages[i].type);
	}
	fputs("\" ;;\n\t\tesac\n\tfi\n"
	      "\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	      "}\ncomplete -F _semail semail\n",
	    f);
}
