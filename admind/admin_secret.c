/*
 * What must not stand in an argument: passwords, from standard input (one a
 * line, in the order of the command line), from a terminal without echo, or
 * from a file.
 */
#include "config.h"
#include "admind/admin.h"

#include "libcommon/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static int
fail(char *why, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, WHY_MAX, fmt, ap);
	va_end(ap);
	return status;
}

static const char *
name_of(const struct admin_command *cmd, unsigned field)
{
	return field == FIELD_LOGIN ? "login-password"
	                            : cmd->message->fields[field].option;
}

static void
cut_line_end(struct buf *b)
{
	if (b->len > 0 && b->data[b->len - 1] == '\n')
		buf_truncate(b, b->len - 1);
	if (b->len > 0 && b->data[b->len - 1] == '\r')
		buf_truncate(b, b->len - 1);
}

/* ---- a terminal -------------------------------------------------------------- */

/* One line, without its end; byte by byte, so that what follows stays there. */
static int
read_line(int fd, struct buf *out)
{
	char c;
	ssize_t n;

	buf_reset(out);
	while ((n = read(fd, &c, 1)) == 1 || (n == -1 && errno == EINTR)) {
		if (n != 1)
			continue;
		if (c == '\n')
			return buf_error(out) != 0 ? -1 : 0;
		buf_putc(out, c);
	}
	return n == -1 || out->len == 0 || buf_error(out) != 0 ? -1 : 0;
}

static int
prompt(int tty, const char *what, const char *again, struct buf *out)
{
	struct termios old, quiet;
	int r;

	if (tcgetattr(tty, &old) == -1)
		return -1;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) == -1)
		return -1;
	dprintf(tty, "%s%s: ", what, again);
	r = read_line(tty, out);
	tcsetattr(tty, TCSAFLUSH, &old);
	return r;
}

/* A password that will be set is asked for twice: nobody sees it. */
static int
from_terminal(struct admin_command *cmd, unsigned field, char *why)
{
	const char *name = name_of(cmd, field);
	struct buf again;
	int r;

	buf_init(&again, SECRET_LINE_MAX);
	r = prompt(STDIN_FILENO, name, "", &cmd->text[field]);
	if (r == 0 && field != FIELD_LOGIN) {
		r = prompt(STDIN_FILENO, name, " again", &again);
		if (r == 0 &&
		    !span_eq(buf_span(&again), buf_span(&cmd->text[field]))) {
			buf_clear(&again);
			return fail(why, EXIT_INPUT, "%s: the two differ",
			    name);
		}
	}
	buf_clear(&again);
	return r == 0 ? 0 : fail(why, EXIT_INPUT, "no %s was given", name);
}

/* ---- standard input and files ---------------------------------------------------- */

/* The next line of all there was. */
static int
from_lines(struct admin_command *cmd, unsigned field, struct span *rest,
    char *why)
{
	ptrdiff_t nl = span_chr(*rest, '\n');
	struct buf *b = &cmd->text[field];

	if (rest->len == 0)
		return fail(why, EXIT_INPUT,
		    "standard input has no line for "
		    "--%s",
		    name_of(cmd, field));
	buf_put_span(b, nl == -1 ? *rest : span_sub(*rest, 0, (size_t)nl + 1));
	*rest = nl == -1 ? span_from("", 0)
	                 : span_sub(*rest, (size_t)nl + 1, rest->len);
	cut_line_end(b);
	return 0;
}

static int
from_file(struct admin_command *cmd, const struct admin_secret *s, char *why)
{
	struct buf *b = &cmd->text[s->field];

	if (io_slurp_path(s->file, REQUEST_MAX, b) == -1)
		return fail(why, EXIT_INPUT, "--%s-file %.150s: %s",
		    name_of(cmd, s->field), s->file, strerror(errno));
	cut_line_end(b);
	return 0;
}

static int
read_one(struct admin_command *cmd, const struct admin_secret *s, bool terminal,
    struct span *rest, char *why)
{
	if (s->from == FROM_FILE)
		return from_file(cmd, s, why);
	if (terminal)
		return from_terminal(cmd, s->field, why);
	if (s->from == FROM_TERMINAL)
		return fail(why, EXIT_USAGE,
		    "--%s - is missing (it is read "
		    "from standard input), or --%s-file FILE",
		    name_of(cmd, s->field), name_of(cmd, s->field));
	return from_lines(cmd, s->field, rest, why);
}

int
admin_secrets(struct admin_command *cmd, char why[static WHY_MAX])
{
	bool terminal = isatty(STDIN_FILENO), wanted = false;
	struct buf input;
	struct span rest;
	int r = 0;

	for (unsigned i = 0; i < cmd->nsecrets; i++)
		wanted = wanted || cmd->secret[i].from == FROM_STDIN;
	buf_init(&input, VALUES * SECRET_LINE_MAX);
	if (wanted && !terminal &&
	    io_slurp(STDIN_FILENO, input.max, &input) == -1)
		r = fail(why, EXIT_INPUT, "standard input: %s",
		    strerror(errno));
	rest = buf_span(&input);
	for (unsigned i = 0; i < cmd->nsecrets && r == 0; i++) {
		const struct admin_secret *s = &cmd->secret[i];

		r = read_one(cmd, s, terminal, &rest, why);
		cmd->value[s->field] = buf_span(&cmd->text[s->field]);
	}
	if (r == 0 && rest.len > 0)
		r = fail(why, EXIT_INPUT,
		    "standard input has more lines than "
		    "there are secrets to read");
	buf_clear(&input);
	return r;
}
