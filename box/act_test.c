/*
 * act_test - what becomes of a message, with real files in a home.
 */
#include "config.h"
#include "box/act.h"
#include "box/answered.h"
#include "libcommon/log.h"
#include "libstore/sys.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int home;
static struct box_setup setup = { .box = { .mailbox = 5,
	                              .address = "ann@x.test" },
	.hostname = "mx.test",
	.received_limit = 5,
	.vacation_period_s = 1000 };

static void
put(const char *name, const char *text)
{
	int fd;

	unlinkat(home, name, 0);
	fd = openat(home, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

static const char *
get(const char *name)
{
	static char text[4096];
	int fd = openat(home, name, O_RDONLY | O_NOFOLLOW);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return text;
}

/* "kept >b@c.test,d@e.test !" : what became of it; ! for an answer. */
static const char *
decide(const struct msg_deliver *d, int fd)
{
	static char text[4096];
	const struct act_box who = { home, &setup };
	struct span list, one;
	struct act act;
	size_t n;

	act_decide(&who, d, fd, &act);
	n = (size_t)snprintf(text, sizeof(text), "%s", act.keep ? "kept" : "-");
	list = act.actions.forward;
	while (msg_actions_next(&list, &one) == 1)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " >%.*s",
		    (int)one.len, (const char *)one.data);
	if (act.actions.answer.len > 0)
		snprintf(text + n, sizeof(text) - n, " !");
	act_clear(&act);
	return text;
}

static const char *
mail(const char *from, const char *message)
{
	struct msg_deliver d = { .queue_id = 1,
		.mailbox = 5,
		.may_act = 1,
		.reverse_path = span_of(from),
		.recipient = span_of("ann@x.test"),
		.original = span_of("info@x.test"),
		.body_bytes = strlen(message),
		.body = span_of(message) };

	return decide(&d, -1);
}

#define HELLO "To: ann@x.test\r\nSubject: hello\r\n\r\nhello\r\n"

static void
forward(void)
{
	struct msg_deliver d = { .queue_id = 1,
		.mailbox = 5,
		.reverse_path = span_of("s@y.test"),
		.recipient = span_of("ann@x.test"),
		.original = span_of("ann@x.test"),
		.body_bytes = strlen(HELLO),
		.body = span_of(HELLO) };
	char many[4096];
	size_t n = 0;

	is_str(mail("s@y.test", HELLO), "kept", "no .forward");
	put(".forward", "b@c.test\n");
	is_str(mail("s@y.test", HELLO), "- >b@c.test", "sent on");
	is_str(mail("", HELLO), "- >b@c.test", "from nobody, too");
	put(".forward", "b@c.test,ann@x.test,B@C.test, b@c.test,d@e.test");
	is_str(mail("s@y.test", HELLO), "kept >b@c.test >B@c.test >d@e.test",
	    "with a copy");
	put(".forward", "b@c.test, x y\n");
	is_str(mail("s@y.test", HELLO), "kept >b@c.test", "with nonsense");
	put(".forward", "|x\n/y\n:include:/z\n");
	is_str(mail("s@y.test", HELLO), "kept", "programs and files");
	put(".forward", "|x\nb@c.test\n");
	is_str(mail("s@y.test", HELLO), "- >b@c.test", "and an address");
	is_str(decide(&d, -1), "kept", "it may not go on");
	is_str(mail("s@y.test", "Delivered-To: ann@x.test\r\n" HELLO), "kept",
	    "it was here before");
	is_str(mail("s@y.test", "Delivered-To: b@c.test\r\n" HELLO),
	    "- >b@c.test", "it was elsewhere before");
	d.may_act = 1;
	d.prefix = span_of("Delivered-To: ann@x.test\r\n");
	is_str(decide(&d, -1), "kept", "as the lines of forwarding say");
	is_str(mail("s@y.test",
	           "Received: 1\r\nReceived: 2\r\nReceived: 3\r\n"
	           "Received: 4\r\n" HELLO),
	    "- >b@c.test", "four Received lines");
	is_str(mail("s@y.test",
	           "Received: 1\r\nReceived: 2\r\nReceived: 3\r\n"
	           "Received: 4\r\nReceived: 5\r\n" HELLO),
	    "kept", "five");
	for (unsigned i = 0; i < 60; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n,
		    "u%u@c.test\n", i);
	put(".forward", many);
	is_int((int)strlen(mail("s@y.test", HELLO)), 4 + 10 * 11 + 40 * 12,
	    "fifty of sixty, and a copy");
	unlinkat(home, ".forward", 0);
}

static void
from_file(void)
{
	char path[4200];
	struct msg_deliver d = { .queue_id = 1,
		.mailbox = 5,
		.may_act = 1,
		.reverse_path = span_of("s@y.test"),
		.recipient = span_of("ann@x.test"),
		.original = span_of("ann@x.test"),
		.body_file = 1,
		.body_bytes = strlen(HELLO) };
	int fd;

	put("body", "Delivered-To: ann@x.test\r\n" HELLO);
	put(".forward", "b@c.test\n");
	snprintf(path, sizeof(path), "%s/body", tmpdir_path);
	fd = open(path, O_RDONLY);
	d.body_bytes += strlen("Delivered-To: ann@x.test\r\n");
	is_str(decide(&d, fd), "kept", "a body in a file is looked at");
	close(fd);
	is_str(decide(&d, fd), "kept", "and one that cannot be read stays");
	unlinkat(home, ".forward", 0);
}

static void
answers(void)
{
	put(".vacation.msg", "away");
	is_str(mail("s@y.test", HELLO), "kept !", "answered");
	is_str(mail("s@y.test", HELLO), "kept", "once");
	is_str(mail("S@Y.test", HELLO), "kept", "however he writes himself");
	is_str(mail("t@y.test", HELLO), "kept !", "another one is, too");
	is_str(mail("", HELLO), "kept", "not nobody");
	is_str(mail("u@y.test", "Precedence: list\r\n" HELLO), "kept",
	    "not a list");
	is_str(mail("u@y.test", "To: x@y.test\r\n\r\n"), "kept",
	    "not what was for others");
	is_str(mail("u@y.test", "Cc: info@x.test\r\n\r\n"), "kept !",
	    "what came by another address of ours is");
	is_str(mail("v@y.test", "Delivered-To: ann@x.test\r\n" HELLO), "kept",
	    "not in a circle");
	put(".forward", "b@c.test\n");
	is_str(mail("w@y.test", HELLO), "- >b@c.test !",
	    "answered and sent on");
	put(".vacation.msg", "");
	is_str(mail("x@y.test", HELLO), "- >b@c.test", "no text, no answer");
	unlinkat(home, ".vacation.msg", 0);
	unlinkat(home, ".forward", 0);
}

/* ---- .vacation.db ------------------------------------------------------ */

#define T 1700000000

static int
note(const char *sender, uint64_t now)
{
	return answered_note(home, span_of(sender), now, 1000);
}

static void
database(void)
{
	struct stat st;
	char row[64];
	unsigned n;
	int fd;

	unlinkat(home, ".vacation.db", 0);
	is_int(note("a@y.test", T), 1, "the first time");
	is_str(get(".vacation.db"), "1700000000 a@y.test\n", "is written");
	is_int(note("a@y.test", T + 999), 0, "not again in a period");
	is_int(note("a@y.test", T + 1000), 1, "but after it");
	is_int(note("\"b c\"@y.test", T + 1000), 1, "a blank in an address");
	is_int(note("\"b c\"@y.test", T + 1001), 0, "is no trouble");

	put(".vacation.db", "rubbish\n\n1 \n x\n1700000000 a@y.test");
	is_int(note("b@y.test", T + 1), 1, "rubbish, and a line cut short");
	is_str(get(".vacation.db"), "1700000001 b@y.test\n",
	    "goes when it is written anew");
	put(".vacation.db", "99999999999 a@y.test\n");
	is_int(note("a@y.test", T), 1, "a time that is yet to come");
	unlinkat(home, ".vacation.db", 0);
	put("target", "keep\n");
	if (symlinkat("target", home, ".vacation.db") == -1)
		abort();
	is_int(note("a@y.test", T), 1, "a link");
	is_str(get("target"), "keep\n", "is not followed");
	is_int(note("a@y.test", T), 0, "but replaced");
	unlinkat(home, ".vacation.db", 0);
	mkdirat(home, ".vacation.db", 0700);
	is_int(note("a@y.test", T), 1, "a folder");
	is_int(note("a@y.test", T), 0, "is moved aside");
	unlinkat(home, ".vacation.db", 0);
	mkfifoat(home, ".vacation.db", 0600);
	is_int(note("a@y.test", T), 1, "a FIFO");
	fd = openat(home, ".vacation.db", O_WRONLY | O_TRUNC);
	if (fd == -1 || ftruncate(fd, 10 << 20) == -1)
		abort();
	close(fd);
	is_int(note("a@y.test", T), 1, "one that is far too large");
	fstatat(home, ".vacation.db", &st, 0);
	ok(st.st_size < 100, "is written anew");

	fd = openat(home, ".vacation.db", O_WRONLY | O_TRUNC);
	for (n = 0; n < ANSWERED_MAX; n++) {
		int len = snprintf(row, sizeof(row), "%u u%u@y.test\n",
		    T + n % 2, n);

		if (write(fd, row, (size_t)len) != len)
			abort();
	}
	close(fd);
	is_int(note("a@y.test", T + 5), 0, "full: nobody more");
	is_int(errno, EMFILE, "as it says");
	is_int(note("a@y.test", T + 1000), 1, "until half of it is over");
	fstatat(home, ".vacation.db", &st, 0);
	ok(st.st_size < 60000, "which goes");
	unlinkat(home, ".vacation.db", 0);
}

static unsigned calls, fail_at;
static struct store_sys real;

static bool
fails(void)
{
	errno = ENOSPC;
	return ++calls == fail_at;
}

static int
f_open(int dirfd, const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : real.open(dirfd, path, flags, mode);
}

static ssize_t
f_write(int fd, const void *p, size_t n)
{
	return fails() ? -1 : real.write(fd, p, n);
}

static int
f_sync(int fd)
{
	return fails() ? -1 : real.sync(fd);
}

static int
f_rename(int from, const char *a, int to, const char *b)
{
	return fails() ? -1 : real.rename(from, a, to, b);
}

/* A disk that fails at each call: an answer only of what was noted. */
static void
failures(void)
{
	unsigned wrong = 0, n = 0;

	real = store_sys;
	do {
		char sender[32];
		int r;

		if (n % 2 == 0)
			unlinkat(home, ".vacation.db", 0);
		snprintf(sender, sizeof(sender), "f%u@y.test", n);
		store_sys.open = f_open;
		store_sys.write = f_write;
		store_sys.sync = f_sync;
		store_sys.rename = f_rename;
		calls = 0;
		fail_at = n++ / 2 + 1;
		r = note(sender, T);
		store_sys = real;
		if (r == 1 && strstr(get(".vacation.db"), sender) == NULL)
			wrong++;
		if (calls >= fail_at && r == 1)
			wrong++;
		if (r == 1)
			wrong += note(sender, T) != 0;
	} while (calls >= fail_at || n % 2 == 1);
	is_int((int)wrong, 0, "the disk fails: nobody is answered");
	ok(n > 8, "at each of its calls");
}

int
main(void)
{
	tmpdir_make();
	home = open(tmpdir_path, O_PATH);
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	forward();
	from_file();
	answers();
	database();
	failures();
	close(home);
	tmpdir_remove();
	return done_testing();
}
