/*
 * semail-admin - the command behind "semail admin": requests to admind.
 *
 * Reads     its arguments, secrets from standard input.
 * Talks to  admind, as whoever runs it.
 * Never     knows a request by name: the table (message.h) does.
 */
#include "config.h"
#include "admind/import.h"

#include "libcommon/io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static struct admin_options options = { .where.conf_path = SYSCONFDIR
	"/semail/semail.conf" };

void
admin_die(int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("semail: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	exit(status);
}

static struct admin_link *
dial(void)
{
	char why[WHY_MAX];
	struct admin_link *l;
	int status;

	l = admin_dial(&options.where, &status, why, sizeof(why));
	if (l == NULL)
		admin_die(status, "%s", why);
	return l;
}

static void
exchange(struct admin_link *l, const struct buf *request, struct fields *answer)
{
	char why[WHY_MAX];
	int r = admin_exchange(l, request, answer, why, sizeof(why));

	if (r != 0)
		admin_die(r, "%s", why);
}

/* Only a page was asked for? */
static bool
wants_page(const struct admin_command *cmd)
{
	int after = admin_field(cmd->message, span_of("after"));
	int max = admin_field(cmd->message, span_of("max"));

	return (after != -1 && cmd->given[after]) ||
	    (max != -1 && cmd->given[max]);
}

/* A page may be empty though it is not the last one. */
static bool
wants_more(const struct admin_command *cmd, const struct fields *answer)
{
	struct fields row;
	bool is_empty;

	fields_init(&row);
	is_empty = show_row(answer, 0, &row) == -1;
	fields_clear(&row);
	return show_next(answer).len > 0 && (!wants_page(cmd) || is_empty);
}

/* A list comes in pages: all of them. */
static int
run(struct admin_command *cmd)
{
	struct admin_link *l = dial();
	struct show show = { .json = cmd->json, .out = stdout };
	char next[1024];
	struct span after = { NULL, 0 };
	struct fields answer;
	struct buf request;
	bool more;
	int r;

	fields_init(&answer);
	buf_init(&request, 2 * REQUEST_MAX);
	do {
		buf_reset(&request);
		admin_request(cmd, after.data == NULL ? NULL : &after,
		    &request);
		exchange(l, &request, &answer);
		more = wants_more(cmd, &answer);
		if (more &&
		    span_copy(show_next(&answer), next, sizeof(next)) == -1)
			admin_die(EXIT_PROTOCOL,
			    "NEXT of the answer is too long");
		r = show_answer(&show, &answer, more);
		after = span_of(next);
	} while (more);
	buf_clear(&request);
	fields_clear(&answer);
	admin_hang_up(&l);
	return r;
}

static int
cmd_message(const struct message *m, int argc, char *argv[])
{
	struct admin_command cmd;
	char why[WHY_MAX];
	int r;

	r = admin_parse(&cmd, m, argc, argv, why);
	if (cmd.help) {
		admin_help_of(stdout, m);
		return EXIT_OK;
	}
	if (r == -1) {
		fprintf(stderr, "semail: %s\n", why);
		admin_usage_of(stderr, m);
		return EXIT_USAGE;
	}
	cmd.json = cmd.json || options.json;
	if ((r = admin_secrets(&cmd, why)) != 0)
		admin_die(r, "%s", why);
	r = run(&cmd);
	admin_clear(&cmd);
	return r;
}

/* As a panel would send it, escapes and all. */
static int
cmd_request(int argc, char *argv[])
{
	struct show show = { .json = options.json, .out = stdout };
	struct admin_link *l;
	struct fields answer;
	struct buf b;
	int r;

	(void)argv;
	if (argc > 0)
		admin_die(EXIT_USAGE,
		    "request reads its fields from standard "
		    "input");
	fields_init(&answer);
	buf_init(&b, REQUEST_MAX);
	if (io_slurp(0, REQUEST_MAX, &b) == -1)
		admin_die(EXIT_INPUT, "standard input: %s", strerror(errno));
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		buf_truncate(&b, b.len - 1);
	l = dial();
	exchange(l, &b, &answer);
	r = show_answer(&show, &answer, false);
	buf_clear(&b);
	fields_clear(&answer);
	admin_hang_up(&l);
	return r;
}

static int
cmd_help(int argc, char *argv[])
{
	const struct message *m;

	if (argc == 0) {
		admin_help(stdout);
		return EXIT_OK;
	}
	if (strncmp(argv[0], "backup", 6) == 0 ||
	    strncmp(argv[0], "restore", 7) == 0) {
		admin_copy_help(stdout);
		return EXIT_OK;
	}
	m = strcmp(argv[0], "import") == 0   ? &import_usage
	    : strcmp(argv[0], "export") == 0 ? &export_usage
	                                     : admin_find(argv[0]);
	if (m == NULL)
		admin_die(EXIT_USAGE,
		    "there is no command %s; semail admin "
		    "help lists them",
		    argv[0]);
	admin_help_of(stdout, m);
	return EXIT_OK;
}

static int
cmd_completion(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	admin_completion(stdout);
	return EXIT_OK;
}

static int
cmd_import(int argc, char *argv[])
{
	return admin_import(&options, argc, argv);
}

static int
cmd_export(int argc, char *argv[])
{
	return admin_export(&options, argc, argv);
}

static int
cmd_purge(int argc, char *argv[])
{
	return admin_purge(&options, argc, argv);
}

static int
cmd_backup(int argc, char *argv[])
{
	return admin_backup(&options, argc, argv);
}

static int
cmd_restore(int argc, char *argv[])
{
	return admin_restore(&options, argc, argv);
}

/* What is no request, or many. */
static const struct {
	const char *word;
	int (*run)(int argc, char *argv[]);
} words[] = {
	{ "help", cmd_help },
	{ "import", cmd_import },
	{ "export", cmd_export },
	{ "purge-all", cmd_purge },
	{ "backup", cmd_backup },
	{ "backupbal", cmd_backup },
	{ "restore", cmd_restore },
	{ "restorebal", cmd_restore },
	{ "request", cmd_request },
	{ "completion", cmd_completion },
};

/* Those of a command that may stand before it as well, with their value. */
static bool
is_common(const char *arg)
{
	static const char *const names[] = { "--domain", "--login",
		"--login-password", "--login-password-file" };

	for (size_t i = 0; i < nitems(names); i++)
		if (strcmp(arg, names[i]) == 0)
			return true;
	return false;
}

/*
 * Take what stands before the command; what is the command's as well is moved
 * behind it.  Returns where the command's word is now, argc if there is none.
 */
static int
take_options(int argc, char *argv[])
{
	int i = 1, n = 0, word;
	char **common = calloc((size_t)argc, sizeof(char *));

	if (common == NULL)
		admin_die(EXIT_TEMP, "no memory");
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) {
			options.where.conf_path = argv[++i];
		} else if (strcmp(argv[i], "--server") == 0 && i + 1 < argc) {
			options.where.server = argv[++i];
		} else if (strcmp(argv[i], "--key-file") == 0 && i + 1 < argc) {
			options.where.key_file = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			options.json = true;
		} else if (strcmp(argv[i], "-V") == 0) {
			printf("semail-admin %s\n", PACKAGE_VERSION);
			exit(EXIT_OK);
		} else if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			admin_help(stdout);
			exit(EXIT_OK);
		} else if (is_common(argv[i]) && i + 1 < argc) {
			common[n++] = argv[i++];
			common[n++] = argv[i];
		} else {
			admin_die(EXIT_USAGE,
			    "there is no option %s before a "
			    "command; semail admin help lists them",
			    argv[i]);
		}
	}
	word = i - n;
	if (i < argc && n > 0) {
		argv[word] = argv[i];
		memcpy(argv + word + 1, common, (size_t)n * sizeof(char *));
	}
	free(common);
	return i < argc ? word : argc;
}

int
main(int argc, char *argv[])
{
	const struct message *m;
	int i = take_options(argc, argv);

	argc -= i;
	argv += i;
	if (argc == 0) {
		admin_help(stderr);
		return EXIT_USAGE;
	}
	for (size_t k = 0; k < nitems(words); k++) {
		if (strcmp(argv[0], words[k].word) != 0)
			continue;
		if (argc > 1 && strcmp(argv[argc - 1], "--json") == 0) {
			options.json = true;
			argc--;
		}
		return words[k].run(argc - 1, argv + 1);
	}
	if ((m = admin_find(argv[0])) == NULL)
		admin_die(EXIT_USAGE,
		    "there is no command %s; semail admin "
		    "help lists them",
		    argv[0]);
	return cmd_message(m, argc - 1, argv + 1);
}
