#include "config.h"
#include "libstore/purge.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"
#include "libstore/usage.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD 1600000000
#define NEW 1700000000

static int home;

/* A message of bytes bytes that came at when. */
static void
put(const char *dir, const char *name, time_t when, size_t bytes)
{
	struct timespec times[2] = { { when, 0 }, { when, 0 } };
	char path[256], text[4096];
	int fd;

	memset(text, 'x', sizeof(text));
	snprintf(path, sizeof(path), "Maildir/%s/%s", dir, name);
	fd = openat(home, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, text, bytes) != (ssize_t)bytes ||
	    futimens(fd, times) == -1)
		abort();
	close(fd);
}

static bool
there(const char *path)
{
	char full[256];
	struct stat st;

	snprintf(full, sizeof(full), "Maildir/%s", path);
	return fstatat(home, full, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
run(struct purge *p, uint64_t before_s, bool dry_run, unsigned slice)
{
	unsigned steps = 0;
	int r;

	purge_begin(p, home, before_s, dry_run);
	while ((r = purge_step(p, slice)) == 1)
		if (++steps > 100000)
			abort();
	purge_end(p);
	return r;
}

static void
fill(void)
{
	static const char *const dirs[] = { "Maildir", "Maildir/new",
		"Maildir/cur", "Maildir/tmp", "Maildir/.Sent",
		"Maildir/.Sent/new", "Maildir/.Sent/cur", "Maildir/.Empty" };

	for (size_t i = 0; i < nitems(dirs); i++)
		if (mkdirat(home, dirs[i], 0700) == -1 && errno != EEXIST)
			abort();
	put("new", "1.a", OLD, 10);
	put("new", "2.a", NEW, 20);
	put("cur", "3.a,S=30:2,S", OLD, 30);
	put("cur", "4.a,S=7,W=9:2,", NEW, 40); /* a name that is not true */
	put("tmp", "5.a", OLD, 50);
	put(".Sent/cur", "6.a:2,S", OLD, 60);
	put(".Sent/new", "7.a", NEW, 70);
}

static void
hostile(void)
{
	struct purge p;

	mkdirat(home, "out", 0700);
	put("new", "../../out/m", OLD, 5);
	put("new", "n", OLD, 5);
	if (linkat(home, "out/m", home, "Maildir/new/hard", 0) == -1 ||
	    symlinkat("../../out/m", home, "Maildir/new/soft") == -1 ||
	    mkfifoat(home, "Maildir/new/fifo", 0600) == -1 ||
	    mkdirat(home, "Maildir/new/dir", 0700) == -1 ||
	    symlinkat("../out", home, "Maildir/.Link") == -1 ||
	    mkdirat(home, "Maildir/.Half", 0700) == -1 ||
	    symlinkat("../../out", home, "Maildir/.Half/new") == -1 ||
	    mkdirat(home, "out/new", 0700) == -1)
		abort();
	put("new", "../../out/new/m", OLD, 5);
	put("new", "x,S=9223372036854775807", OLD, 5);
	is_int(run(&p, 0, false, 3), 0, "a home full of traps is purged");
	is_int((int)p.messages, 3, "of its three messages");
	ok(p.bytes == 15, "whatever their names claim");
	ok(there("../out/m") && there("../out/new/m"), "no link was followed");
	ok(there("new/soft") && there("new/fifo") && there("new/dir"),
	    "what is no message stays");
	ok(there(".Half/new") && there(".Link"), "so do odd folders");
}

static int
no_unlink(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	errno = EIO;
	return -1;
}

static int
no_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void
failures(void)
{
	struct store_sys real = store_sys;
	struct purge p;

	put("cur", "f1", OLD, 5);
	put("cur", "f2", OLD, 5);
	store_sys.unlink = no_unlink;
	is_int(run(&p, 0, false, 10), -1, "a disk that fails is told of");
	is_int(errno, EIO, "with its reason");
	is_int((int)p.messages, 0, "nothing was deleted");
	store_sys = real;
	store_sys.sync = no_sync;
	is_int(run(&p, 0, false, 10), -1,
	    "so is one that does not keep what was done");
	store_sys = real;
}

int
main(void)
{
	struct usage u;
	struct purge p;
	char name[64];
	uint64_t sum;

	tmpdir_make();
	home = open(tmpdir_path, O_PATH);
	is_int(run(&p, 0, false, 100), 0, "a home without mail");
	is_int((int)p.messages, 0, "has none to delete");
	fill();
	is_int(run(&p, NEW, true, 2), 0, "a dry run");
	is_int((int)p.messages, 3, "finds the three old ones");
	ok(p.bytes == 10 + 30 + 60, "and their bytes");
	ok(there("new/1.a") && there("cur/3.a,S=30:2,S"), "and leaves them");

	usage_open(&u, home, 0);
	sum = u.bytes;
	is_int(run(&p, NEW, false, 1), 0, "purged, a name at a time");
	is_int((int)p.messages, 3, "the three old ones");
	ok(!there("new/1.a") && !there("cur/3.a,S=30:2,S") &&
	        !there(".Sent/cur/6.a:2,S"),
	    "are gone");
	ok(there("new/2.a") && there("cur/4.a,S=7,W=9:2,") &&
	        there(".Sent/new/7.a"),
	    "the others are not");
	ok(there("tmp/5.a"), "nor what is being delivered");
	is_int(run(&p, 0, false, 1000), 0, "purged of all");
	is_int((int)p.messages, 3, "the rest goes");
	ok(p.bytes == sum - 100, "with the bytes that were counted");
	ok(there("tmp/5.a") && there(".Sent/new") && there(".Empty"),
	    "folders stay");
	hostile();
	failures();
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%d.many", i);
		put("cur", name, OLD, 1);
	}
	is_int(run(&p, 0, false, 100), 0, "many");
	is_int((int)p.messages, 3000, "none is left out");

	/* Ended in the middle. */
	put("cur", "m", OLD, 1);
	purge_begin(&p, home, 0, false);
	is_int(purge_step(&p, 1), 1, "begun");
	purge_end(&p);
	is_int(purge_step(&p, 1), 0, "and ended");
	close(home);
	tmpdir_remove();
	return done_testing();
}
