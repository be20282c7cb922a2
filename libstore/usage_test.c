#include "config.h"
#include "libstore/maildir.h"
#include "libstore/usage.h"
#include "tap.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *top;
static int home;

static void
put(const char *path, const char *text)
{
	int fd = openat(home, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

static const char *
slurp(const char *path)
{
	static char text[8192];
	int fd = openat(home, path, O_RDONLY);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
	return text;
}

static void
parse(void)
{
	static const struct {
		const char *in;
		int want;
		int64_t quota, bytes, count;
	} rows[] = {
		{ "1000S\n5 1\n", 0, 1000, 5, 1 },
		{ "1000S,20C\n5 1\n-5 -1\n", 0, 1000, 0, 0 },
		{ "20C,1000S\n           5            1\n", 0, 1000, 5, 1 },
		{ "0S\n", 0, 0, 0, 0 },
		{ "\n7 1\n", 0, 0, 7, 1 },
		{ "1000S\n5 1", -1, 0, 0, 0 },
		{ "1000S\n5\n", -1, 0, 0, 0 },
		{ "1000S\n5 1 1\n", -1, 0, 0, 0 },
		{ "1000S\n-5 -1\n", -1, 0, 0, 0 },
		{ "1000X\n5 1\n", -1, 0, 0, 0 },
		{ "-1S\n5 1\n", -1, 0, 0, 0 },
		{ "1S\n9223372036854775807 1\n9 1\n", -1, 0, 0, 0 },
		{ "1S\n99999999999999999999 1\n", -1, 0, 0, 0 },
		{ "", -1, 0, 0, 0 },
	};
	struct maildirsize ms;

	for (size_t i = 0; i < nitems(rows); i++) {
		int r = maildirsize_parse(span_of(rows[i].in), &ms);

		ok(r == rows[i].want &&
		        (r == -1 ||
		            ((int64_t)ms.quota == rows[i].quota &&
		                ms.bytes == rows[i].bytes &&
		                ms.count == rows[i].count)),
		    "maildirsize row %zu", i);
	}
}

static void
life(void)
{
	struct usage u;
	struct stat st;

	put("Maildir/new/1.a.h,S=100,W=101", "x");
	put("Maildir/cur/2.b.h:2,S", "12345");
	mkdirat(home, "Maildir/.Sent", 0700);
	mkdirat(home, "Maildir/.Sent/cur", 0700);
	put("Maildir/.Sent/cur/3.c.h,S=1000:2,", "x");
	if (symlinkat(".Sent", home, "Maildir/.Loop") == -1)
		abort();
	is_int(usage_open(&u, home, 50000), 0, "counted");
	is_int((int64_t)u.bytes, 1105, "all folders, links not followed");
	is_int((int64_t)u.count, 3, "three messages");
	is_str(slurp("Maildir/maildirsize"), "50000S\n1105 3\n", "written");
	usage_add(&u, 50, 2);
	usage_add(&u, -100, -1);
	is_str(slurp("Maildir/maildirsize"), "50000S\n1105 3\n50 2\n-100 -1\n",
	    "changes are appended");
	is_int(usage_open(&u, home, 50000), 0, "read");
	is_int((int64_t)u.bytes, 1055, "the sum of the lines");
	is_int(usage_open(&u, home, 60000), 0, "another quota");
	is_int((int64_t)u.bytes, 1105, "counted anew");
	put("Maildir/maildirsize", "60000S\n70000 3\n");
	usage_open(&u, home, 60000);
	is_int((int64_t)u.bytes, 1105, "full by the file: counted anew");
	put("Maildir/maildirsize", "60000S\nrubbish\n");
	usage_open(&u, home, 60000);
	is_int((int64_t)u.bytes, 1105, "unreadable: counted anew");
	usage_set_quota(&u, 50000);
	is_str(slurp("Maildir/maildirsize"), "50000S\n1105 3\n",
	    "another quota is written down, nothing counted");
	usage_set_quota(&u, 60000);
	for (unsigned i = 0; i < 2000; i++)
		usage_add(&u, 0, 0);
	fstatat(home, "Maildir/maildirsize", &st, 0);
	ok(st.st_size <= USAGE_FILE_MAX, "the file does not grow");
	usage_add(&u, -5000, -1);
	is_int((int64_t)u.bytes, 1105, "never below zero: counted anew");
	unlinkat(home, "Maildir/maildirsize", 0);
	mkfifoat(home, "Maildir/maildirsize", 0600);
	is_int(usage_open(&u, home, 60000), 0, "a FIFO in its place");
	is_int((int64_t)u.bytes, 1105, "is replaced");
	unlinkat(home, "Maildir/maildirsize", 0);
	put("secret", "60000S\n1 1\n");
	if (symlinkat("../secret", home, "Maildir/maildirsize") == -1)
		abort();
	usage_open(&u, home, 60000);
	usage_add(&u, 10, 1);
	is_str(slurp("secret"), "60000S\n1 1\n", "links are not followed");
}

int
main(void)
{
	struct folder *f;

	umask(077);
	top = tmpdir_make();
	if ((home = open(top, O_PATH)) == -1)
		return 1;
	f = maildir_open(home, "mx.test");
	folder_free(&f);
	parse();
	life();
	tmpdir_remove();
	return done_testing();
}
