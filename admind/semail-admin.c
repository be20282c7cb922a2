/*
 * semail-admin - the command behind "semail admin": one request to admind.
 */
#include "config.h"
#include "admind/field.h"

#include "libcommon/conf.h"
#include "libcommon/io.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool json;

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr,
	    "usage: semail admin [--json] newdom DOMAIN\n"
	    "       semail admin [--json] newbal ADDRESS --password - "
	    "[--quota KB] [--comment TEXT]\n"
	    "       semail admin [--json] delbal ADDRESS\n"
	    "       semail admin [--json] request   (fields from standard input)\n"
	    "see semail-admin(8)\n");
	exit(64);
}

static void __attribute__((noreturn))
die(int status, const char *what)
{
	fprintf(stderr, "semail admin: %s%s%s\n", what, errno ? ": " : "",
	    errno ? strerror(errno) : "");
	exit(status);
}

static void
complain(void *arg, const char *what)
{
	(void)arg;
	fprintf(stderr, "semail admin: %s\n", what);
}

/* ---- the socket ---------------------------------------------------------------- */

static int
dial(const char *conf_path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct conf *conf = conf_read(conf_path, complain, NULL);
	int fd, n;

	if (conf == NULL)
		exit(78);
	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/ctl/admind",
	    conf_get(conf, "run-dir"));
	conf_free(&conf);
	errno = 0;
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		die(78, "run-dir is too long for a socket");
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		die(errno == EACCES ? 77 : 75, errno == EACCES ?
		    "root and the group semail-admin may do this" :
		    "admind cannot be reached; is SEMail started?");
	return fd;
}

static void
exchange(int fd, const struct buf *request, struct fields *answer)
{
	struct timeval tv = { 60, 0 };
	unsigned char len[4];
	static unsigned char text[REQUEST_MAX];
	uint32_t n;

	if (buf_error(request) != 0 || request->len > REQUEST_MAX) {
		errno = 0;
		die(65, "the request is too long");
	}
	le32_put(len, (uint32_t)request->len);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (io_write_all(fd, len, sizeof(len)) == -1 ||
	    io_write_all(fd, request->data, request->len) == -1 ||
	    io_read_all(fd, len, sizeof(len)) == -1)
		die(75, "admind does not answer");
	n = le32_get(len);
	errno = 0;
	if (n > sizeof(text) || io_read_all(fd, text, n) == -1 ||
	    fields_parse(answer, span_from(text, n)) == -1 || answer->n != 6)
		die(76, "admind's answer cannot be read");
}

/* ---- what it said ----------------------------------------------------------------- */

static void
put_json(struct span s)
{
	putchar('"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
put_text(FILE *f, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] >= 0x20 && s.data[i] != 0x7f)
			putc(s.data[i], f);
}

static int
report(const struct fields *a)
{
	struct span code = a->field[4];
	bool good = span_is(code, "0");

	if (json) {
		printf("{\"type\":");
		put_json(a->field[0]);
		printf(",\"domain\":");
		put_json(a->field[3]);
		printf(",\"code\":");
		put_text(stdout, code);
		printf(",\"comment\":");
		put_json(a->field[5]);
		printf("}\n");
	} else if (good) {
		put_text(stdout, a->field[5]);
		putchar('\n');
	} else {
		fprintf(stderr, "semail admin: ");
		put_text(stderr, a->field[5]);
		fprintf(stderr, " (code ");
		put_text(stderr, code);
		fprintf(stderr, ")\n");
	}
	if (good)
		return 0;
	return span_is(code, "-2") ? 75 : 1;
}

/* ---- the subcommands ------------------------------------------------------------------ */

/* One secret from standard input: all of it, without a last line end. */
static void
read_secret(struct buf *out)
{
	if (io_slurp(0, 4096, out) == -1)
		die(65, "no password on standard input");
	if (out->len > 0 && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
	if (out->len > 0 && out->data[out->len - 1] == '\r')
		buf_truncate(out, out->len - 1);
	errno = 0;
	if (out->len == 0)
		die(65, "no password on standard input");
}

static void
put_header(struct buf *b, const char *type, struct span domain)
{
	field_put(b, span_of(type), true);
	field_put(b, span_of(""), false);
	field_put(b, span_of(""), false);
	field_put(b, domain, false);
}

static struct span
split(const char *address, struct span *domain_out)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || at == address || at[1] == '\0') {
		errno = 0;
		die(64, "ADDRESS is LOGIN@DOMAIN");
	}
	*domain_out = span_of(at + 1);
	return span_from(address, (size_t)(at - address));
}

static void
cmd_newbal(struct buf *b, const char *address, int argc, char *argv[])
{
	const char *quota = "", *comment = "", *value;
	struct span domain, login = split(address, &domain);
	struct buf password;
	bool have = false;

	buf_init(&password, 4096);
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			json = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		value = argv[i + 1];
		if (strcmp(argv[i], "--password") == 0) {
			/* Arguments are seen by everybody who runs ps. */
			errno = 0;
			if (strcmp(value, "-") != 0)
				die(64, "--password -: the password is read "
				    "from standard input");
			read_secret(&password);
			have = true;
		} else if (strcmp(argv[i], "--quota") == 0) {
			quota = value;
		} else if (strcmp(argv[i], "--comment") == 0) {
			comment = value;
		} else {
			usage();
		}
		i++;
	}
	if (!have)
		usage();
	put_header(b, "NEWBAL", domain);
	field_put(b, login, false);
	field_put(b, buf_span(&password), false);
	field_put(b, span_of(comment), false);
	field_put(b, span_of(quota), false);
	for (int i = 0; i < 9; i++)
		field_put(b, span_of(""), false);
	buf_clear(&password);
}

int
main(int argc, char *argv[])
{
	const char *conf_path = SYSCONFDIR "/semail/semail.conf";
	struct span domain, login;
	struct fields answer;
	struct buf b;
	int i = 1, r;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) {
			conf_path = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			json = true;
		} else if (strcmp(argv[i], "-V") == 0) {
			printf("semail-admin %s\n", PACKAGE_VERSION);
			return 0;
		} else {
			usage();
		}
	}
	argc -= i;
	argv += i;
	if (argc > 1 && strcmp(argv[1], "--json") == 0) {
		json = true;
		argv[1] = argv[0];
		argv++;
		argc--;
	} else if (argc > 1 && strcmp(argv[argc - 1], "--json") == 0) {
		json = true;
		argc--;
	}
	if (argc < 1)
		usage();
	fields_init(&answer);
	buf_init(&b, 2 * REQUEST_MAX);
	if (strcmp(argv[0], "newdom") == 0 && argc == 2) {
		put_header(&b, "NEWDOM", span_of(argv[1]));
		field_put(&b, span_of(argv[1]), false);
	} else if (strcmp(argv[0], "newbal") == 0 && argc >= 2) {
		cmd_newbal(&b, argv[1], argc - 2, argv + 2);
	} else if (strcmp(argv[0], "delbal") == 0 && argc == 2) {
		login = split(argv[1], &domain);
		put_header(&b, "DELBAL", domain);
		field_put(&b, login, false);
	} else if (strcmp(argv[0], "request") == 0 && argc == 1) {
		/* As a panel would send it, escapes and all. */
		if (io_slurp(0, REQUEST_MAX, &b) == -1)
			die(65, "standard input");
		if (b.len > 0 && b.data[b.len - 1] == '\n')
			buf_truncate(&b, b.len - 1);
	} else {
		usage();
	}
	exchange(dial(conf_path), &b, &answer);
	r = report(&answer);
	buf_clear(&b);
	fields_clear(&answer);
	return r;
}
