#include "config.h"
#include "box/box.h"
#include "box/homefile.h"
#include "libstore/sys.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN "ann@x.test"

static int home;

static int
set(const char *forward, const char *vacation)
{
	struct msg_settings s = { span_of(forward), span_of(vacation) };
	char why[200];
	int r = settings_write(home, OWN, &s, why);

	if (r == -1 && why[0] == '\0')
		abort();
	return r;
}

static void
put(const char *name, const char *text)
{
	int fd = openat(home, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

/* "(none)", or what a plain file holds. */
static const char *
get(const char *name)
{
	static char text[4096];
	int fd = openat(home, name, O_RDONLY | O_NOFOLLOW);
	ssize_t n;

	if (fd == -1)
		return "(none)";
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

static void
plain(void)
{
	is_int(set("", ""), 0, "nothing, in an empty home");
	is_str(get(".forward"), "(none)", "leaves nothing");
	is_int(set("b@c.test", ""), 0, "one address");
	is_str(get(".forward"), "b@c.test\n", "stands there");
	is_int(set("b@c.test, \"d, e\"@F.Test ,\\ann,g@h.test", ""), 0,
	    "several");
	is_str(get(".forward"), "b@c.test\n\"d, e\"@F.Test\n\\ann\ng@h.test\n",
	    "each on its line, as it was given");
	is_int(set("b@c.test, |/bin/sh", ""), -1, "a program");
	is_int(errno, EINVAL, "is refused");
	is_int(set("/var/mail/x", ""), -1, "a file, too");
	is_int(set("b@", ""), -1, "and nonsense");
	is_str(get(".forward"), "b@c.test\n\"d, e\"@F.Test\n\\ann\ng@h.test\n",
	    "which changes nothing");
	is_int(set(" , ", ""), 0, "only commas");
	is_str(get(".forward"), "(none)", "an old one is erased");
}

static void
vacation(void)
{
	is_int(set("", "Subject: away\n\nback on Monday\n"), 0, "a text");
	is_str(get(".vacation.msg"), "Subject: away\n\nback on Monday\n",
	    "stands there");
	put(".vacation.db", "1700000000 b@c.test\n");
	is_int(set("b@c.test", "Subject: away\n\nback on Monday\n"), 0,
	    "the same again");
	is_str(get(".vacation.db"), "1700000000 b@c.test\n",
	    "forgets nobody who was answered");
	is_int(set("b@c.test", "another"), 0, "another text");
	is_str(get(".vacation.db"), "(none)", "begins anew");
	put(".vacation.db", "1700000000 b@c.test\n");
	is_int(set("", ""), 0, "none");
	is_str(get(".vacation.msg"), "(none)", "erases it");
	is_str(get(".vacation.db"), "(none)", "and whom it answered");
}

static void
hostile(void)
{
	put("target", "keep me\n");
	if (symlinkat("target", home, ".forward") == -1 ||
	    mkfifoat(home, ".vacation.msg", 0600) == -1)
		abort();
	is_int(set("b@c.test", "away"), 0, "a link and a FIFO are in the way");
	is_str(get(".forward"), "b@c.test\n", "the link is replaced");
	is_str(get(".vacation.msg"), "away", "so is the FIFO");
	is_str(get("target"), "keep me\n", "nothing was followed");

	unlinkat(home, ".forward", 0);
	mkdirat(home, ".forward", 0700);
	put(".forward/x", "mine");
	is_int(set("b@c.test", ""), 0, "a folder is in the way");
	is_str(get(".forward"), "b@c.test\n", "it makes room");
	is_str(get(".forward.was-1/x"), "mine", "and keeps what is in it");
	unlinkat(home, ".forward", 0);
	mkdirat(home, ".forward", 0700);
	is_int(set("", ""), 0, "a folder where nothing should be");
	is_str(get(".forward"), "(none)", "is moved aside");

	mkdirat(home, ".forward.new-0", 0700);
	if (symlinkat("target", home, ".forward.new-1") == -1)
		abort();
	is_int(set("c@d.test", ""), 0, "names for new files are taken");
	is_str(get(".forward"), "c@d.test\n", "others are found");
	is_str(get("target"), "keep me\n", "nothing was followed");
	if (linkat(home, "target", home, "second", 0) == -1)
		abort();
	{
		struct buf b;

		buf_init(&b, 100);
		is_int(homefile_read(home, "second", 100, &b), -1,
		    "a file with two names");
		is_int(errno, ELOOP, "is not read");
		unlinkat(home, "second", 0);
		is_int(homefile_read(home, "target", 3, &b), -1,
		    "one that is too large");
		is_int(errno, EFBIG, "is not read either");
		buf_clear(&b);
	}
}

/* ---- each call fails once ---------------------------------------------- */

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

static int
f_unlink(int dirfd, const char *name)
{
	return fails() ? -1 : real.unlink(dirfd, name);
}

static void
failures(void)
{
	unsigned wrong = 0, n = 0;
	int r;

	real = store_sys;
	store_sys.open = f_open;
	store_sys.write = f_write;
	store_sys.sync = f_sync;
	store_sys.rename = f_rename;
	store_sys.unlink = f_unlink;
	do {
		const char *f;

		fail_at = 0;
		if (set("old@c.test", "old") == -1)
			abort();
		calls = 0;
		fail_at = ++n;
		r = set("new@c.test", "new");
		f = get(".forward");
		if (strcmp(f, "old@c.test\n") != 0 &&
		    strcmp(f, "new@c.test\n") != 0)
			wrong++;
		if (r == 0 && strcmp(f, "new@c.test\n") != 0)
			wrong++;
		f = get(".vacation.msg");
		if (strcmp(f, "old") != 0 && strcmp(f, "new") != 0)
			wrong++;
		if (r == 0 && strcmp(f, "new") != 0)
			wrong++;
	} while (calls >= fail_at);
	store_sys = real;
	is_int((int)wrong, 0, "the nth of %u calls fails: the old or the new",
	    n - 1);
	ok(n > 10, "all of them were tried");
}

int
main(void)
{
	tmpdir_make();
	home = open(tmpdir_path, O_PATH);
	plain();
	vacation();
	hostile();
	failures();
	close(home);
	tmpdir_remove();
	return done_testing();
}
