/*
 * semail admin import - a CSV file as requests, one a row.
 *
 * The file is read whole, and gone through twice: first all rows are checked by
 * the request's table, and nothing is sent if any is bad; then they are sent.
 */
#include "config.h"
#include "admind/import.h"

#include "admind/code.h"
#include "libcommon/io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)512 * 1024 * 1024)

struct import {
	struct admin_command args; /* of import_usage */
	const struct admin_options *options;
	const struct message *message;
	struct buf bytes; /* the file */
	struct import_header header;
	struct report report;
	int dry_field; /* of the message, or -1: we check alone */
	void *seen;    /* a tree of struct seen, in a dry run */
	struct sender *sender;
	struct admin_link *link;
	struct buf request;
	bool is_open;       /* everybody may read the file */
	unsigned long line; /* of the row at hand */
	char object[OBJECT_MAX];
};

/* ---- the arguments ------------------------------------------------------------- */

/* FILE alone, without TYPE. */
static int
parse_file(struct admin_command *cmd, int argc, char *argv[], char *why)
{
	static char type[] = "--type=importbal";
	char **longer = calloc((size_t)argc + 2, sizeof(char *));
	int r;

	if (longer == NULL)
		admin_die(EXIT_TEMP, "no memory");
	longer[0] = type;
	memcpy(longer + 1, argv, (size_t)argc * sizeof(char *));
	r = admin_parse(cmd, &import_usage, argc + 1, longer, why);
	free(longer);
	return r;
}

static const char *
text_of(const struct import *im, unsigned field)
{
	/* Of argv, so a C string. */
	return im->args.given[field] ? (const char *)im->args.value[field].data
	                             : NULL;
}

static bool
is_yes(const struct import *im, unsigned field)
{
	return im->args.given[field] && span_is(im->args.value[field], "yes");
}

static void
take_arguments(struct import *im, int argc, char *argv[])
{
	char why[WHY_MAX];
	const char *type;
	int r;

	if (admin_parse(&im->args, &import_usage, argc, argv, why) == -1 &&
	    parse_file(&im->args, argc, argv, why) == -1) {
		fprintf(stderr, "semail: %s\n", why);
		admin_usage_of(stderr, &import_usage);
		exit(EXIT_USAGE);
	}
	if (im->args.help) {
		admin_help_of(stdout, &import_usage);
		exit(EXIT_OK);
	}
	type = text_of(im, IMPORT_TYPE);
	if ((im->message = admin_find(type)) == NULL)
		admin_die(EXIT_USAGE,
		    "there is no command %s; semail admin "
		    "help lists them",
		    type);
	if (!import_may(im->message))
		admin_die(EXIT_USAGE,
		    "%s is nothing to import: it changes "
		    "nothing, or its answer must be read",
		    type);
	for (unsigned i = 0; i < im->args.nsecrets; i++)
		if (im->args.secret[i].from == FROM_STDIN &&
		    strcmp(text_of(im, IMPORT_FILE), "-") == 0)
			admin_die(EXIT_USAGE,
			    "standard input is the file: "
			    "--login-password-file is needed");
	if ((r = admin_secrets(&im->args, why)) != 0)
		admin_die(r, "%s", why);
}

/* ---- the file -------------------------------------------------------------------- */

static void
read_file(struct import *im)
{
	const char *name = text_of(im, IMPORT_FILE);
	bool is_stdin = strcmp(name, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		admin_die(EXIT_INPUT, "%s: %s", name, strerror(errno));
	if (io_slurp(fd, FILE_MAX, &im->bytes) == -1)
		admin_die(EXIT_INPUT, "%s: %s", name,
		    errno == EFBIG ? "is larger than 512 MB; import it in parts"
		                   : strerror(errno));
	if (!is_stdin)
		close(fd);
	im->report.file = name;
	im->is_open = !is_stdin && S_ISREG(st.st_mode) &&
	    (st.st_mode & S_IROTH) != 0;
}

/* The next row; false at the end.  What cannot be read ends the command. */
static bool
next_row(struct import *im, struct csv *csv, struct span *rest)
{
	size_t used;
	enum csv_event e = csv_feed(csv, *rest, &used);
	const char *name = "of the header";
	char why[WHY_MAX];

	*rest = span_sub(*rest, used, rest->len);
	if (e == CSV_MORE)
		e = csv_end(csv);
	if (e != CSV_BAD)
		return e == CSV_ROW;
	if (csv->n < im->header.n)
		name = im->header.column[csv->n].name;
	snprintf(why, sizeof(why),
	    "%.100s:%lu: cell %u (%s): %s; nothing was "
	    "sent",
	    im->report.file, csv->at, csv->n + 1, name, csv->why);
	if (im->report.begun)
		report_end(&im->report, why);
	else
		fprintf(stderr, "semail: %s\n", why);
	exit(EXIT_INPUT);
}

static void
take_header(struct import *im, struct csv *csv, struct span *rest)
{
	char why[WHY_MAX];

	if (!next_row(im, csv, rest))
		admin_die(EXIT_INPUT, "%s: there is no header line",
		    im->report.file);
	if (import_header(&im->header, im->message, csv,
	        text_of(im, IMPORT_IGNORE), why) == -1) {
		fprintf(stderr, "semail: %s:%lu: ", im->report.file, csv->line);
		text_put(stderr, span_of(why));
		fprintf(stderr, "; %s knows: ", im->message->type);
		import_columns(stderr, im->message);
		fputs("; --ignore passes over others\n", stderr);
		exit(EXIT_INPUT);
	}
	if (im->is_open && import_has_secrets(&im->header))
		fprintf(stderr,
		    "semail: warning: everybody on this host may "
		    "read the passwords in %s\n",
		    im->report.file);
}

/* ---- first: is it all good ------------------------------------------------------------ */

struct seen {
	unsigned long line;
	char object[];
};

static int
seen_cmp(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->object,
	    ((const struct seen *)b)->object);
}

static struct seen *
seen_new(const struct import *im)
{
	size_t n = strlen(im->object) + 1;
	struct seen *s = malloc(sizeof(*s) + n);

	if (s == NULL)
		admin_die(EXIT_TEMP, "no memory");
	s->line = im->line;
	for (size_t i = 0; i < n; i++)
		s->object[i] = (char)tolower((unsigned char)im->object[i]);
	return s;
}

/* The line with the same object that came first, or the row's own.  Only a dry
 * run asks: otherwise admind says what it makes of the second. */
static unsigned long
first_line(struct import *im)
{
	struct seen *s, **at;

	if (!im->report.dry_run || im->object[0] == '\0')
		return im->line;
	s = seen_new(im);
	if ((at = tsearch(s, &im->seen, seen_cmp)) == NULL)
		admin_die(EXIT_TEMP, "no memory");
	if (*at != s)
		free(s);
	return (*at)->line;
}

static void
tell_bad(void *arg, const char *what)
{
	struct import *im = arg;

	report_wrong(&im->report, im->line, im->object, CODE_VALUE, what);
}

static void
tell_nobody(void *arg, const char *what)
{
	(void)arg;
	(void)what;
}

/* 0, or what is wrong with it has been told. */
static unsigned
make_row(struct import *im, const struct csv *csv, struct admin_command *cmd,
    bool tell)
{
	/* The name of it is needed to tell, so it is made twice. */
	const struct import_told quiet = { tell_nobody, NULL },
	                         told = { tell_bad, im };
	unsigned wrong = import_row(&im->header, csv, &im->args, cmd, &quiet);

	im->line = csv->line;
	import_object(cmd, im->object);
	if (wrong > 0 && tell)
		import_row(&im->header, csv, &im->args, cmd, &told);
	return wrong;
}

static void
check_row(struct import *im, const struct csv *csv)
{
	struct admin_command cmd;
	char text[80];
	unsigned long first;

	im->report.rows++;
	if (make_row(im, csv, &cmd, true) > 0) {
		im->report.bad++;
	} else if ((first = first_line(im)) != im->line) {
		snprintf(text, sizeof(text), "it is in line %lu already",
		    first);
		report_wrong(&im->report, im->line, im->object, CODE_EXISTS,
		    text);
		im->report.bad++;
	}
}

/* ---- then: send it ---------------------------------------------------------------------- */

/* One login is asked once, not once a row, whether it is good. */
static int
dial(struct import *im, char *why)
{
	struct fields answer;
	struct buf b;
	int r;

	if ((im->link = admin_dial(&im->options->where, &r, why, WHY_MAX)) ==
	    NULL)
		return r;
	buf_init(&b, REQUEST_MAX);
	fields_init(&answer);
	buf_puts(&b, "STAT");
	field_put(&b, im->args.login, false);
	field_put(&b, im->args.value[FIELD_LOGIN], false);
	buf_puts(&b, "|");
	r = admin_exchange(im->link, &b, &answer, why, WHY_MAX);
	if (r == 0 && show_status(&answer) != EXIT_OK) {
		struct span comment = span_sub(fields_get(&answer, 5), 0, 200);

		r = show_status(&answer);
		snprintf(why, WHY_MAX, "%.*s (code %.*s)", (int)comment.len,
		    (const char *)comment.data,
		    (int)(fields_get(&answer, 4).len % 12),
		    (const char *)fields_get(&answer, 4).data);
	}
	buf_clear(&b);
	fields_clear(&answer);
	if (r == 0 && (im->sender = sender_new(im->link, &im->report)) == NULL)
		admin_die(EXIT_TEMP, "no memory");
	return r;
}

static int
send_row(struct import *im, const struct csv *csv, char *why)
{
	struct admin_command cmd;

	if (make_row(im, csv, &cmd, false) > 0 || first_line(im) != im->line)
		return 0; /* it was told */
	if (im->report.dry_run) {
		if (im->dry_field == -1) {
			report_row(&im->report, im->line, im->object, CODE_OK,
			    "checked here only");
			return 0;
		}
		cmd.value[im->dry_field] = span_of("yes");
		cmd.given[im->dry_field] = true;
	}
	buf_reset(&im->request);
	admin_request(&cmd, NULL, &im->request);
	if (buf_error(&im->request) != 0) {
		report_row(&im->report, im->line, im->object, CODE_VALUE,
		    "the row is too long for a request");
		return 0;
	}
	return sender_put(im->sender, im->line, im->object, &im->request, why);
}

/* All rows, with one of the two above. */
static int
send_all(struct import *im, char *why)
{
	struct span rest = buf_span(&im->bytes);
	bool local = im->report.dry_run && im->dry_field == -1;
	struct csv csv;
	int r = local ? 0 : dial(im, why);

	im->report.begin_ms = io_now_ms();
	csv_init(&csv);
	if (r == 0)
		next_row(im, &csv, &rest); /* the header */
	while (r == 0 && next_row(im, &csv, &rest))
		r = send_row(im, &csv, why);
	if (r == 0 && !local)
		r = sender_finish(im->sender, why);
	csv_clear(&csv);
	sender_free(&im->sender);
	admin_hang_up(&im->link);
	return r;
}

static void
check_all(struct import *im)
{
	struct span rest = buf_span(&im->bytes);
	struct csv csv;

	csv_init(&csv);
	take_header(im, &csv, &rest);
	report_begin(&im->report);
	while (next_row(im, &csv, &rest))
		check_row(im, &csv);
	csv_clear(&csv);
}

static int
run(struct import *im)
{
	char why[WHY_MAX] = "";
	int r = 0;

	check_all(im);
	if (im->report.bad > 0 && !is_yes(im, IMPORT_CONTINUE) &&
	    !im->report.dry_run) {
		report_end(&im->report,
		    "there are bad rows, nothing was sent "
		    "(--continue sends the good ones)");
		return EXIT_INPUT;
	}
	r = send_all(im, why);
	report_end(&im->report, r != 0 ? why : NULL);
	if (im->report.dry_run && im->dry_field == -1)
		fprintf(stderr,
		    "semail: %s has no dry run: rows were checked "
		    "here, not by admind\n",
		    im->message->type);
	if (r != 0)
		return r;
	if (im->report.bad > 0)
		return EXIT_INPUT;
	return im->report.refused > 0 ? EXIT_REFUSED : EXIT_OK;
}

int
admin_import(const struct admin_options *options, int argc, char *argv[])
{
	struct import im = { .options = options };
	int r;

	buf_init(&im.bytes, FILE_MAX);
	buf_init(&im.request, REQUEST_MAX);
	take_arguments(&im, argc, argv);
	im.dry_field = admin_field(im.message, span_of("dry-run"));
	im.report.type = im.message->type;
	im.report.json = options->json || im.args.json;
	im.report.dry_run = is_yes(&im, IMPORT_DRY_RUN);
	im.report.terminal = isatty(STDERR_FILENO) == 1;
	read_file(&im);
	r = run(&im);
	buf_clear(&im.bytes);
	buf_clear(&im.request);
	admin_clear(&im.args);
	if (fflush(stdout) != 0 || ferror(stdout))
		admin_die(EXIT_OUTPUT, "standard output: %s", strerror(errno));
	return r;
}
