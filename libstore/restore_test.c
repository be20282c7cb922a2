#include "config.h"
#include "libstore/restore.h"
#include "libstore/sys.h"
#include "libstore/usage.h"
#include "tap.h"
#include "tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int home;
static unsigned homes;
static struct buf archive;

/* A home of its own for each test. */
static void
new_home(void)
{
	char path[80];

	if (home > 0)
		close(home);
	snprintf(path, sizeof(path), "%s/%u", tmpdir_path, homes++);
	if (mkdir(path, 0700) == -1 || (home = open(path, O_PATH)) == -1)
		abort();
}

static void
add(const char *path, const char *text)
{
	tar_put_header(&archive, path, strlen(text), 1700000000);
	buf_puts(&archive, text);
	tar_put_pad(&archive, strlen(text));
}

static enum restore_step
run(struct restore *r, uint64_t room, size_t piece, unsigned n)
{
	enum restore_step s = RESTORE_MORE;
	struct span in = buf_span(&archive), part;
	unsigned steps = 0;

	restore_begin(r, home);
	do {
		part = span_sub(in, 0, piece);
		in = span_sub(in, part.len, in.len);
		do {
			r->room = room == UINT64_MAX ? room : room - r->bytes;
			s = restore_step(r, &part, in.len == 0, n);
			if (++steps > 10000000)
				abort();
		} while (s == RESTORE_AGAIN);
	} while (s == RESTORE_MORE && in.len > 0);
	if (s == RESTORE_FAILED)
		n = (unsigned)errno;
	restore_end(r);
	if (s == RESTORE_FAILED)
		errno = (int)n;
	return s;
}

static bool
there(const char *path, const char *text)
{
	char full[300], is[256];
	struct stat st;
	int fd;
	ssize_t n;

	snprintf(full, sizeof(full), "Maildir/%s", path);
	if ((fd = openat(home, full, O_RDONLY)) == -1)
		return false;
	n = read(fd, is, sizeof(is));
	fstat(fd, &st);
	close(fd);
	return n == (ssize_t)strlen(text) &&
	    memcmp(is, text, strlen(text)) == 0 &&
	    (n == 0 || st.st_mtim.tv_sec == 1700000000);
}

/* Names in a folder of the home. */
static int
names(const char *path)
{
	int fd = openat(home, path, O_RDONLY | O_DIRECTORY), n = 0;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (d == NULL)
		return -1;
	while ((de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
some(void)
{
	buf_reset(&archive);
	add("Maildir/cur/1.a,S=6,W=7:2,RS", "hello\n");
	add("Maildir/new/2.b", "world");
	add("Maildir/.Sent/maildirfolder", "");
	add("Maildir/.Sent/cur/1.a,S=1,W=1,X=2:2,S", "sent");
	add("./cur/3.c:2,", "x");
	add(".Bare/new/4.d", "bare");
}

static void
good(void)
{
	static const size_t pieces[] = { 1 << 20, 1, 700 };
	struct restore r;

	for (size_t i = 0; i < nitems(pieces); i++) {
		new_home();
		some();
		tar_put_end(&archive);
		is_int(run(&r, UINT64_MAX, pieces[i], 1), RESTORE_OVER,
		    "restored, in pieces of %zu", pieces[i]);
		is_int((int)r.messages, 5, "five messages");
		is_int((int)r.bytes, 6 + 5 + 4 + 1 + 4, "and their bytes");
		ok(there("cur/1.a,S=6,W=7:2,RS", "hello\n"),
		    "its name stays as it was");
		ok(there("new/2.b,S=5,W=7", "world"), "sizes are added");
		ok(there(".Sent/cur/1.a,S=4,W=6:2,S", "sent"), "or put right");
		ok(there("cur/3.c,S=1,W=3:2,", "x") &&
		        there(".Bare/new/4.d,S=4,W=6", "bare"),
		    "shorter paths");
		ok(there(".Sent/maildirfolder", "") &&
		        there(".Bare/maildirfolder", "") &&
		        names("Maildir/.Sent/tmp") == 0,
		    "folders are whole");
		is_int(names("Maildir/tmp"), 0, "nothing stays in tmp/");
		is_int(run(&r, 0, 512, 3), RESTORE_OVER, "again");
		is_int((int)(r.messages * 100 + r.already), 5,
		    "all was there already");
		renameat(home, "Maildir/new/2.b,S=5,W=7", home,
		    "Maildir/cur/2.b:2,S");
		unlinkat(home, "Maildir/cur/1.a,S=6,W=7:2,RS", 0);
		is_int(run(&r, UINT64_MAX, 512, 3), RESTORE_OVER,
		    "one was deleted, one has been read");
		is_int((int)(r.messages * 100 + r.already), 104,
		    "one comes back");
		ok(there("cur/1.a,S=6,W=7:2,RS", "hello\n"), "the right one");
	}
}

static void
link_to(const char *path, char type)
{
	unsigned char b[TAR_BLOCK] = "";

	memcpy(b, path, strlen(path));
	memcpy(b + 124, "0", 1);
	memcpy(b + 157, "/etc/passwd", 11);
	b[156] = (unsigned char)type;
	snprintf((char *)b + 148, 8, "%06o", tar_sum(b));
	buf_put(&archive, b, sizeof(b));
}

static void
hostile(void)
{
	static const char *const paths[] = { "/etc/x", "../x", "cur/../../x",
		"Maildir/cur/../../../x", "Maildir/cur/.hidden", "Maildir/x",
		"Maildir/../cur/x", "Maildir/tmp/x", "Maildir/..a/cur/x",
		"Maildir/./cur/x", "Maildir/Sent/cur/x", "Maildir//cur/x",
		"Maildir/.a/.b/cur/x", "cur/", "cur/a/b", "new/a\nb", "new/:2,",
		".forward", "Maildir/maildirsize", "Maildir/.a/maildirfolder/x",
		"Maildir/cur/a\x7f", "cur", "", ".", "./", "Maildir/.a" };
	struct restore r;
	struct restore_place p;
	char path[600] = "Maildir/cur/";
	unsigned taken = 0;

	for (size_t i = 0; i < nitems(paths); i++)
		if (restore_place(span_of(paths[i]), &p) == 0) {
			printf("# %s\n", paths[i]);
			taken++;
		}
	taken += restore_place(span_from("cur/a\0b", 7), &p) == 0;
	is_int((int)taken, 0, "paths that are no message's");
	new_home();
	buf_reset(&archive);
	link_to("Maildir/cur/l:2,", '2');
	link_to("Maildir/cur/h", '1');
	link_to("Maildir/cur/c", '3');
	link_to("Maildir/cur/p", '6');
	link_to("Maildir/cur/dir/", '5');
	for (size_t i = 0; i < nitems(paths); i++)
		if (paths[i][0] != '\0' &&
		    paths[i][strlen(paths[i]) - 1] != '/')
			add(paths[i], "trap");
	memset(path + 12, 'n', sizeof(path) - 13);
	add(path, "a name too long");
	path[12 + 250] = '\0';
	add(path, "without room for sizes");
	add("Maildir/cur/good", "good");
	tar_put_end(&archive);
	is_int(run(&r, UINT64_MAX, 1 << 20, 9), RESTORE_OVER,
	    "an archive full of traps");
	is_int((int)r.messages, 1, "has one message");
	is_int((int)r.skipped, 4 + (int)nitems(paths) - 3 + 2,
	    "and the rest is counted");
	is_str(r.first, "Maildir/cur/l:2, (a link)", "the first is named");
	ok(there("cur/good,S=4,W=6", "good"), "the message is there");
	is_int(names("Maildir/cur") + names("Maildir/new") * 10 +
	        names("Maildir/tmp") * 100,
	    1, "and nothing else");
	is_int(names(".") * 1000 + names(".."), 1000 + (int)homes,
	    "nor outside");

	/* Folders that lead elsewhere. */
	new_home();
	if (mkdirat(home, "out", 0700) == -1 ||
	    mkdirat(home, "Maildir", 0700) == -1 ||
	    symlinkat("../out", home, "Maildir/.Link") == -1)
		abort();
	buf_reset(&archive);
	add("Maildir/.Link/cur/1", "x");
	is_int(run(&r, UINT64_MAX, 1 << 20, 9), RESTORE_FAILED,
	    "a folder that is a link");
	is_int(names("out"), 0, "is not followed");
}

static void
ends(void)
{
	struct restore r;

	new_home();
	buf_reset(&archive);
	is_int(run(&r, UINT64_MAX, 100, 9), RESTORE_BAD, "nothing");
	is_str(r.why, "it is cut short", "is cut short");
	some();
	is_int(run(&r, UINT64_MAX, 100, 9), RESTORE_BAD, "no end");
	is_str(r.why, "it is cut short", "is the same");
	is_int((int)r.messages, 5, "what is whole is restored");
	new_home();
	buf_truncate(&archive, 2 * 512 + 514);
	is_int(run(&r, UINT64_MAX, 100, 9), RESTORE_BAD, "cut in a message");
	is_int(names("Maildir/cur") + 10 * names("Maildir/new") +
	        100 * names("Maildir/tmp"),
	    1, "which leaves nothing of it");
	new_home();
	some();
	archive.data[1024] ^= 1;
	is_int(run(&r, UINT64_MAX, 100, 9), RESTORE_BAD, "damaged");
	is_int((int)r.messages, 1, "what came before is restored");
	new_home();
	some();
	tar_put_end(&archive);
	is_int(run(&r, 11, 512, 9), RESTORE_FULL, "the mailbox is full");
	is_int((int)r.messages, 2, "after two");
	is_int((int)r.bytes, 11, "which are there");
	is_int(run(&r, 20, 512, 9), RESTORE_OVER, "more room");
	is_int((int)(r.messages * 100 + r.already), 302, "and the rest");
	new_home();
	buf_reset(&archive);
	tar_put_header(&archive, "cur/1", INT64_MAX, 0);
	is_int(run(&r, 1000, 512, 9), RESTORE_BAD, "a size past all ends");
	buf_reset(&archive);
	tar_put_header(&archive, "cur/1", (uint64_t)1 << 61, 0);
	is_int(run(&r, 1000, 512, 9), RESTORE_FULL, "a huge one");
}

static void
many(void)
{
	struct restore r;
	struct usage u;
	char name[64];

	new_home();
	buf_reset(&archive);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "Maildir/%s/%u.many",
		    i % 3 ? "cur" : "new", i);
		add(name, "many of them");
	}
	add(name, "twice");
	tar_put_end(&archive);
	is_int(run(&r, UINT64_MAX, 100000, 25), RESTORE_OVER, "many");
	is_int((int)r.messages, 3000, "all of them");
	is_int((int)r.already, 1, "one was in the archive twice");
	is_int(names("Maildir/new") + names("Maildir/cur"), 3000, "are there");
	is_int(usage_open(&u, home, 0), 0, "usage");
	is_int((int)u.bytes, 36000, "as it is counted");
}

/* ---- the nth call fails ----------------------------------------------------------- */

static struct store_sys real;
static unsigned calls, fail_at;

static bool
fails(void)
{
	errno = EIO;
	return ++calls == fail_at;
}

static int
f_open(int dir, const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : real.open(dir, path, flags, mode);
}

static ssize_t
f_write(int fd, const void *p, size_t n)
{
	return fails() ? -1 : real.write(fd, p, n);
}

static int
f_sync_all(int fd)
{
	return fails() ? -1 : real.sync_all(fd);
}

static int
f_mkdir(int dir, const char *name, mode_t mode)
{
	return fails() ? -1 : real.mkdir(dir, name, mode);
}

static int
f_rename_new(int from, const char *a, int to, const char *b)
{
	return fails() ? -1 : real.rename_new(from, a, to, b);
}

static void
nth_fails(void)
{
	struct restore r;
	unsigned bad = 0;

	some();
	tar_put_end(&archive);
	real = store_sys;
	for (fail_at = 1;; fail_at++) {
		enum restore_step s;

		new_home();
		calls = 0;
		store_sys.open = f_open;
		store_sys.write = f_write;
		store_sys.sync_all = f_sync_all;
		store_sys.mkdir = f_mkdir;
		store_sys.rename_new = f_rename_new;
		s = run(&r, UINT64_MAX, 512, 9);
		store_sys = real;
		if (calls < fail_at)
			break;
		/* A failed call is told, unless nothing depended on it. */
		if (s != RESTORE_FAILED && s != RESTORE_OVER)
			bad++;
		if (s == RESTORE_FAILED && errno != EIO)
			bad++;
		if (names("Maildir/tmp") > 0)
			bad++;
		if (run(&r, UINT64_MAX, 512, 9) != RESTORE_OVER ||
		    r.messages + r.already != 5 ||
		    !there("cur/1.a,S=6,W=7:2,RS", "hello\n") ||
		    !there("new/2.b,S=5,W=7", "world") ||
		    !there(".Sent/cur/1.a,S=4,W=6:2,S", "sent") ||
		    !there(".Bare/new/4.d,S=4,W=6", "bare")) {
			printf("# call %u\n", fail_at);
			bad++;
		}
	}
	ok(fail_at > 30, "each of %u calls fails once", fail_at - 1);
	is_int((int)bad, 0, "and the same archive again adds the rest");
}

int
main(void)
{
	buf_init(&archive, 64 << 20);
	tmpdir_make();
	good();
	hostile();
	ends();
	many();
	nth_fails();
	buf_clear(&archive);
	close(home);
	tmpdir_remove();
	return done_testing();
}
