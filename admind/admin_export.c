/*
 * semail admin export - a list, all pages of it, as a CSV file that import
 * takes back.
 */
#include "config.h"
#include "admind/import.h"

#include <errno.h>
#include <stdlib.h>

static const struct export
{
	const char *what, *list, *import;
}
exports[] = {
	{ "mailboxes", "LISTBAL", "IMPORTBAL" },
	{ "domains", "LISTDOM", "NEWDOM" },
	{ "aliases", "LISTALIAS", "NEWALIAS" },
	{ "virtuals", "LISTVIRT", "NEWVIRT" },
	{ "users", "LISTUSER", "NEWUSER" },
	{ "clients", "LISTCLIENT", "NEWCLIENT" },
};

struct job {
	struct admin_command args; /* of export_usage */
	struct admin_command list;
	const struct export *export;
	bool all, begun;
	bool wanted[FIELDS_MAX]; /* by column */
	struct fields columns, row;
};

static void
take_arguments(struct job *j, const struct admin_options *options, int argc,
    char *argv[])
{
	char why[WHY_MAX];
	int r;

	r = admin_parse(&j->args, &export_usage, argc, argv, why);
	if (j->args.help) {
		admin_help_of(stdout, &export_usage);
		exit(EXIT_OK);
	}
	if (r == -1) {
		fprintf(stderr, "semail: %s\n", why);
		admin_usage_of(stderr, &export_usage);
		exit(EXIT_USAGE);
	}
	if (options->json || j->args.json)
		admin_die(EXIT_USAGE,
		    "export writes CSV; --json is of the "
		    "lists (listbal ...)");
	for (size_t i = 0; i < nitems(exports); i++)
		if (span_is(j->args.value[EXPORT_WHAT], exports[i].what))
			j->export = &exports[i];
	if (j->export == NULL)
		admin_die(EXIT_USAGE,
		    "%s cannot be exported: only mailboxes, "
		    "domains, aliases, virtuals, users and clients",
		    (const char *)j->args.value[EXPORT_WHAT].data);
	if ((r = admin_secrets(&j->args, why)) != 0)
		admin_die(r, "%s", why);
	j->all = span_is(j->args.value[EXPORT_ALL], "yes");
}

/* The list's request, as if it had been typed. */
static void
make_list(struct job *j)
{
	const struct message *m = admin_find(j->export->list);
	int hashes;

	j->list.message = m;
	j->list.domain = j->args.domain;
	j->list.login = j->args.login;
	j->list.value[FIELD_LOGIN] = j->args.value[FIELD_LOGIN];
	if (!span_is(j->args.value[EXPORT_HASHES], "yes"))
		return;
	if ((hashes = admin_field(m, span_of("hashes"))) == -1)
		admin_die(EXIT_USAGE, "%s have no hashes to export",
		    j->export->what);
	j->list.value[hashes] = span_of("yes");
	j->list.given[hashes] = true;
}

static void
put_header(struct job *j, const struct fields *answer)
{
	const struct message *m = admin_find(j->export->import);
	bool first = true;

	if (show_row(answer, -1, &j->columns) == -1)
		admin_die(EXIT_PROTOCOL, "admind's answer cannot be read");
	for (unsigned i = 0; i < j->columns.n; i++) {
		j->wanted[i] = j->all || import_knows(m, j->columns.field[i]);
		if (!j->wanted[i])
			continue;
		csv_put(stdout, j->columns.field[i], first);
		first = false;
	}
	putchar('\n');
	j->begun = true;
}

static void
put_rows(struct job *j, const struct fields *answer)
{
	if (!j->begun)
		put_header(j, answer);
	for (int i = 0; show_row(answer, i, &j->row) == 0; i++) {
		bool first = true;

		for (unsigned k = 0; k < j->columns.n; k++) {
			if (!j->wanted[k])
				continue;
			csv_put(stdout, fields_get(&j->row, k), first);
			first = false;
		}
		putchar('\n');
	}
	if (ferror(stdout))
		admin_die(EXIT_OUTPUT, "standard output: %s", strerror(errno));
}

static int
run(struct job *j, struct admin_link *l)
{
	struct span after = { NULL, 0 };
	struct fields answer;
	struct buf request;
	char next[1024], why[WHY_MAX];
	int r;

	fields_init(&answer);
	buf_init(&request, REQUEST_MAX);
	do {
		buf_reset(&request);
		admin_request(&j->list, after.data == NULL ? NULL : &after,
		    &request);
		if ((r = admin_exchange(l, &request, &answer, why,
		         sizeof(why))) != 0)
			admin_die(r, "%s; the output is not whole", why);
		if (show_status(&answer) != EXIT_OK) {
			struct show show = { .out = stdout };

			r = show_answer(&show, &answer, false);
			break;
		}
		put_rows(j, &answer);
		if (span_copy(show_next(&answer), next, sizeof(next)) == -1)
			admin_die(EXIT_PROTOCOL,
			    "NEXT of the answer is too long");
		after = span_of(next);
	} while (after.len > 0);
	buf_clear(&request);
	fields_clear(&answer);
	return r;
}

int
admin_export(const struct admin_options *options, int argc, char *argv[])
{
	struct job *j = calloc(1, sizeof(*j));
	struct admin_link *l;
	char why[WHY_MAX];
	int r;

	if (j == NULL)
		admin_die(EXIT_TEMP, "no memory");
	take_arguments(j, options, argc, argv);
	make_list(j);
	fields_init(&j->columns);
	fields_init(&j->row);
	if ((l = admin_dial(&options->where, &r, why, sizeof(why))) == NULL)
		admin_die(r, "%s", why);
	r = run(j, l);
	admin_hang_up(&l);
	fields_clear(&j->columns);
	fields_clear(&j->row);
	admin_clear(&j->args);
	free(j);
	if (fflush(stdout) != 0 || ferror(stdout))
		admin_die(EXIT_OUTPUT, "standard output: %s", strerror(errno));
	return r;
}
