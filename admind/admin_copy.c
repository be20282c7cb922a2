/*
 * semail admin backup, restore - a mailbox's mail as a tar archive, in a file
 * or on standard output and input.
 *
 * A file appears when it is whole: until then it has another name.  Each request
 * asks for one piece, or gives one; where a connection breaks or admind says
 * "later" the same piece is asked for again.
 */
#include "config.h"
#include "admind/admin.h"

#include "admind/code.h"
#include "libcommon/io.h"
#include "libcommon/msg_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGAIN_MAX 12 /* tries of one piece */
#define AGAIN_MS 250 /* before the second; then twice as long */
#define AGAIN_MS_MAX 5000
#define SHOW_MS 250 /* between lines of progress */
#define PATH_BYTES 4096

/* Fields of an answer. */
enum { A_CODE = 4, A_COMMENT, A_NEXT, A_BACKUP_DATA, A_RESTORE_MESSAGES = 7 };

static const struct message backup_usage = { "BACKUP", 0, FORM_MAILBOX,
	"the mail of a mailbox as a tar archive",
	{ { "MAILBOX LOGIN", "mailbox", FIELD_PLACE | FIELD_NEEDED, 64, NULL },
	    { "FILE", "file", FIELD_PLACE | FIELD_NEEDED, PATH_BYTES,
	        "standard output if there is none" } } };
static const struct message restore_usage = { "RESTORE", 0, FORM_MAILBOX,
	"put the mail of such an archive into a mailbox",
	{ { "MAILBOX LOGIN", "mailbox", FIELD_PLACE | FIELD_NEEDED, 64, NULL },
	    { "FILE", "file", FIELD_PLACE | FIELD_NEEDED, PATH_BYTES,
	        "standard input if there is none" } } };

struct copy {
	struct admin_command args;
	const char *type;           /* of the request */
	const char *file;           /* NULL: standard output or input */
	char part[PATH_BYTES + 16]; /* what is to become file, or "" */
	int fd;
	struct admin_link *link;
	struct fields answer;
	char next[COPY_CURSOR_MAX];
	uint64_t bytes; /* of the archive so far */
	bool terminal;  /* progress is shown */
	uint64_t shown_ms;
};

/* ---- arguments ------------------------------------------------------------------- */

static const char usage[] = "usage: semail admin backup ADDRESS [FILE]\n"
                            "       semail admin restore ADDRESS [FILE]\n";

void
admin_copy_help(FILE *f)
{
	fprintf(f,
	    "%s\n"
	    "backup writes the mail of a mailbox as a tar archive to FILE, or "
	    "to standard\noutput; restore puts the mail of one into a mailbox, "
	    "but for what it has already.\n\nof both:\n"
	    "  --domain DOMAIN          of an ADDRESS without one\n"
	    "  --login LOGIN --login-password -\n"
	    "                           as this client, administrator or mailbox\n"
	    "  --json                   what was done, as JSON\n",
	    usage);
}

/* With FILE, or else without it. */
static void
take_arguments(struct copy *c, const struct message *m, int argc, char *argv[])
{
	struct message without = *m;
	char why[WHY_MAX];
	int r = admin_parse(&c->args, m, argc, argv, why);

	if (c->args.help) {
		admin_copy_help(stdout);
		exit(EXIT_OK);
	}
	if (r == -1) {
		without.fields[1] = (struct message_field){ .name = NULL };
		admin_clear(&c->args);
		r = admin_parse(&c->args, &without, argc, argv, why);
	}
	if (r == -1) {
		fprintf(stderr, "semail: %s\n%s", why, usage);
		exit(EXIT_USAGE);
	}
	if (c->args.given[1])
		c->file = (const char *)c->args.value[1].data; /* of argv */
	c->terminal = isatty(STDERR_FILENO);
}

static void
log_in(struct copy *c, const struct admin_options *o)
{
	char why[WHY_MAX];
	int r = admin_secrets(&c->args, why);

	if (r != 0)
		admin_die(r, "%s", why);
	c->link = admin_dial(&o->where, &r, why, sizeof(why));
	if (c->link == NULL)
		admin_die(r, "%s", why);
}

/* ---- one piece --------------------------------------------------------------------- */

static void
begin_request(const struct copy *c, struct buf *b)
{
	buf_reset(b);
	field_put(b, span_of(c->type), true);
	field_put(b, c->args.login, false);
	field_put(b, c->args.value[FIELD_LOGIN], false);
	field_put(b, c->args.domain, false);
	field_put(b, c->args.value[0], false);
	if (c->next[0] != '\0')
		buf_printf(b, "|after=%s", c->next);
}

static void
clear_line(struct copy *c)
{
	if (c->terminal && c->shown_ms != 0)
		fputs("\r\033[K", stderr);
	c->shown_ms = 0;
}

static void
show_progress(struct copy *c, struct span count)
{
	uint64_t now = io_now_ms();

	if (!c->terminal || (c->shown_ms != 0 && now - c->shown_ms < SHOW_MS))
		return;
	c->shown_ms = now;
	fprintf(stderr, "\r\033[K%llu KB, ",
	    (unsigned long long)(c->bytes / 1024));
	text_put(stderr, count);
	fputs(" messages", stderr);
	fflush(stderr);
}

/* Is it worth another try?  Where admind was not there from the beginning it is
 * not. */
static bool
may_again(const struct copy *c, int r)
{
	return r == 0 ? show_status(&c->answer) == EXIT_TEMP
	              : r == EXIT_TEMP && c->next[0] != '\0';
}

/* 0 with an answer, or an exit status with the reason. */
static int
ask(struct copy *c, const struct buf *request, char *why)
{
	unsigned ms = AGAIN_MS;
	int r;

	for (unsigned i = 1;; i++) {
		r = admin_exchange(c->link, request, &c->answer, why, WHY_MAX);
		if (!may_again(c, r) || i == AGAIN_MAX)
			return r;
		clear_line(c);
		fputs("semail: ", stderr);
		text_put(stderr,
		    r != 0 ? span_of(why) : fields_get(&c->answer, A_COMMENT));
		fputs("; asking again\n", stderr);
		usleep(ms * 1000);
		ms = 2 * ms < AGAIN_MS_MAX ? 2 * ms : AGAIN_MS_MAX;
	}
}

/* Ask, and take NEXT.  An exit status, of the answer too; trouble is told. */
static int
do_piece(struct copy *c, const struct buf *request, bool json)
{
	struct show show = { .json = json, .out = stdout };
	char why[WHY_MAX];
	int r = ask(c, request, why);

	if (r != 0) {
		clear_line(c);
		fprintf(stderr, "semail: %s\n", why);
		return r;
	}
	if (show_status(&c->answer) != EXIT_OK) {
		clear_line(c);
		return show_answer(&show, &c->answer, false);
	}
	if (c->answer.n <= A_BACKUP_DATA ||
	    span_copy(fields_get(&c->answer, A_NEXT), c->next,
	        sizeof(c->next)) == -1) {
		clear_line(c);
		fputs("semail: admind's answer cannot be read\n", stderr);
		return EXIT_PROTOCOL;
	}
	return EXIT_OK;
}

/* All of it is done. */
static void
say_done(struct copy *c, bool json)
{
	struct show show = { .json = json, .out = stdout };

	clear_line(c);
	if (json) {
		show_answer(&show, &c->answer, false);
	} else {
		text_put(stdout, fields_get(&c->answer, A_COMMENT));
		putchar('\n');
	}
}

/* ---- backup ------------------------------------------------------------------------ */

static void
open_out(struct copy *c)
{
	struct stat st;

	c->fd = STDOUT_FILENO;
	if (c->file == NULL) {
		if (isatty(STDOUT_FILENO))
			admin_die(EXIT_USAGE,
			    "an archive is nothing for a "
			    "terminal: name a FILE, or redirect the output");
		return;
	}
	/* What is no file (a pipe, a tape) is written as it is; two backups
	 * never write to one file. */
	if (stat(c->file, &st) == 0 && !S_ISREG(st.st_mode)) {
		c->fd = open(c->file, O_WRONLY | O_CLOEXEC);
	} else {
		snprintf(c->part, sizeof(c->part), "%.*s.part-XXXXXX",
		    PATH_BYTES, c->file);
		c->fd = mkostemp(c->part, O_CLOEXEC);
	}
	if (c->fd == -1)
		admin_die(EXIT_INPUT, "%s: %s", c->file, strerror(errno));
}

/* Under its own name, and durable. */
static int
close_out(struct copy *c)
{
	if (c->part[0] != '\0' &&
	    (fsync(c->fd) == -1 || close(c->fd) == -1 ||
	        rename(c->part, c->file) == -1)) {
		fprintf(stderr, "semail: %s: %s\n", c->part, strerror(errno));
		return EXIT_INPUT;
	}
	return EXIT_OK;
}

static int
write_piece(struct copy *c)
{
	struct span data = fields_get(&c->answer, A_BACKUP_DATA);

	if (io_write_all(c->fd, data.data, data.len) == -1) {
		clear_line(c);
		fprintf(stderr, "semail: %s: %s\n",
		    c->file == NULL ? "standard output" : c->file,
		    strerror(errno));
		return EXIT_INPUT;
	}
	c->bytes += data.len;
	c->answer.field[A_BACKUP_DATA] = span_from("", 0); /* nothing to show */
	show_progress(c, fields_get(&c->answer, A_BACKUP_DATA + 1));
	return EXIT_OK;
}

int
admin_backup(const struct admin_options *o, int argc, char *argv[])
{
	static struct copy c = { .type = "BACKUPBAL" };
	struct buf b;
	bool json;
	int r;

	take_arguments(&c, &backup_usage, argc, argv);
	json = o->json || c.args.json;
	log_in(&c, o);
	open_out(&c);
	fields_init(&c.answer);
	buf_init(&b, REQUEST_MAX);
	do {
		begin_request(&c, &b);
		if ((r = do_piece(&c, &b, json && c.file != NULL)) == EXIT_OK)
			r = write_piece(&c);
	} while (r == EXIT_OK && c.next[0] != '\0');
	if (r == EXIT_OK)
		r = close_out(&c);
	else if (c.part[0] != '\0')
		unlink(c.part);
	else
		fputs("semail: what has been written is not whole\n", stderr);
	if (r == EXIT_OK && c.file != NULL)
		say_done(&c, json);
	clear_line(&c);
	buf_clear(&b);
	fields_clear(&c.answer);
	admin_clear(&c.args);
	admin_hang_up(&c.link);
	return r;
}

/* ---- restore ----------------------------------------------------------------------- */

static void
open_in(struct copy *c)
{
	c->fd = STDIN_FILENO;
	if (c->file != NULL) {
		c->fd = open(c->file, O_RDONLY | O_CLOEXEC);
		if (c->fd == -1)
			admin_die(EXIT_INPUT, "%s: %s", c->file,
			    strerror(errno));
		return;
	}
	if (isatty(STDIN_FILENO))
		admin_die(EXIT_USAGE,
		    "an archive does not come from a "
		    "terminal: name a FILE, or redirect the input");
	for (unsigned i = 0; i < c->args.nsecrets; i++)
		if (c->args.secret[i].from == FROM_STDIN)
			admin_die(EXIT_USAGE,
			    "standard input is the archive: "
			    "name its FILE, or use --login-password-file");
}

/* As many as fit; fewer at the end of the file only.  -1 with errno. */
static ssize_t
read_piece(int fd, unsigned char *to)
{
	size_t have = 0;
	ssize_t n;

	while (have < COPY_PIECE) {
		n = read(fd, to + have, COPY_PIECE - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* An exit status; *last: that was the end of the file. */
static int
send_piece(struct copy *c, struct buf *b, bool json, bool *last)
{
	static unsigned char piece[COPY_PIECE];
	ssize_t n = read_piece(c->fd, piece);
	int r;

	if (n == -1) {
		clear_line(c);
		fprintf(stderr, "semail: %s: %s\n",
		    c->file == NULL ? "standard input" : c->file,
		    strerror(errno));
		return EXIT_INPUT;
	}
	*last = n < COPY_PIECE;
	begin_request(c, b);
	buf_puts(b, "|data=");
	field_put(b, span_from(piece, (size_t)n), true);
	buf_puts(b, *last ? "|end=yes" : "");
	if ((r = do_piece(c, b, json)) != EXIT_OK)
		return r;
	c->bytes += (uint64_t)n;
	show_progress(c, fields_get(&c->answer, A_RESTORE_MESSAGES));
	return EXIT_OK;
}

int
admin_restore(const struct admin_options *o, int argc, char *argv[])
{
	static struct copy c = { .type = "RESTOREBAL" };
	bool last = false, json;
	struct buf b;
	int r;

	take_arguments(&c, &restore_usage, argc, argv);
	json = o->json || c.args.json;
	open_in(&c);
	log_in(&c, o);
	fields_init(&c.answer);
	buf_init(&b, REQUEST_MAX);
	do
		r = send_piece(&c, &b, json, &last);
	while (r == EXIT_OK && !last);
	if (r == EXIT_OK)
		say_done(&c, json);
	clear_line(&c);
	buf_clear(&b);
	fields_clear(&c.answer);
	admin_clear(&c.args);
	admin_hang_up(&c.link);
	return r;
}
