/*
 * Delivery into a Maildir under faults: each system call fails once, the
 * process dies before each, and the order of writes, syncs and renames is
 * such that a power cut at any point loses nothing acknowledged.
 */
#include "config.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"
#include "tap.h"
#include "tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID 4711

static const char *top;
static int home = -1;
static struct store_sys real;

/* ---- the layer: count, fail or die at the nth call, keep a record ------ */

static unsigned calls, fail_at, die_at;
static int fail_errno;
static char record[256]; /* o w r u m: the calls in their order; S, A: ours */
static size_t nrecord;

static bool
trip(char what)
{
	calls++;
	if (die_at != 0 && calls == die_at)
		_exit(9);
	if (fail_at != 0 && calls == fail_at) {
		errno = fail_errno;
		return true;
	}
	if (nrecord + 1 < sizeof(record))
		record[nrecord++] = what;
	return false;
}

static int
t_open(int dirfd, const char *path, int flags, mode_t mode)
{
	return trip(flags & O_CREAT ? 'c' : 'o')
	    ? -1
	    : real.open(dirfd, path, flags, mode);
}

static ssize_t
t_pread(int fd, void *p, size_t n, off_t off)
{
	return trip('p') ? -1 : real.pread(fd, p, n, off);
}

static ssize_t
t_write(int fd, const void *p, size_t n)
{
	/* Short writes are legal, so there are some. */
	return trip('w') ? -1 : real.write(fd, p, n > 10 ? n - n / 3 : n);
}

static int
t_close(int fd)
{
	int r = real.close(fd);

	return trip('x') ? -1 : r;
}

static int
t_sync(int fd)
{
	return trip('s') ? -1 : real.sync(fd);
}

static int
t_mkdir(int dirfd, const char *name, mode_t mode)
{
	return trip('m') ? -1 : real.mkdir(dirfd, name, mode);
}

static int
t_rename_new(int a, const char *from, int b, const char *to)
{
	return trip('r') ? -1 : real.rename_new(a, from, b, to);
}

static int
t_unlink(int dirfd, const char *name)
{
	return trip('u') ? -1 : real.unlink(dirfd, name);
}

static void
reset(unsigned fail, int why, unsigned die)
{
	calls = 0;
	nrecord = 0;
	memset(record, 0, sizeof(record));
	fail_at = fail;
	fail_errno = why;
	die_at = die;
}

/* ---- homes ------------------------------------------------------------- */

static void
fresh(void)
{
	static unsigned n;
	char path[256];

	if (home != -1)
		close(home);
	snprintf(path, sizeof(path), "%s/h%u.%d", top, n++, (int)getpid());
	if (mkdir(path, 0700) == -1 || (home = open(path, O_PATH)) == -1)
		abort();
}

static unsigned
count(const char *dir, const char *want)
{
	char path[64];
	struct dirent *de;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "Maildir/%s", dir);
	d = fdopendir(openat(home, path, O_RDONLY | O_DIRECTORY));
	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		static char got[300000];
		ssize_t r;
		int fd;

		if (de->d_name[0] == '.')
			continue;
		n++;
		if (want == NULL)
			continue;
		fd = openat(dirfd(d), de->d_name, O_RDONLY);
		r = read(fd, got, sizeof(got) - 1);
		close(fd);
		got[r > 0 ? r : 0] = '\0';
		if (strcmp(got, want) != 0)
			n += 1000; /* not whole */
	}
	closedir(d);
	return n;
}

static char *big, *big_want;
static int big_fd;

static struct store_incoming
incoming(bool large)
{
	struct store_incoming in = { .queue_id = ID,
		.arrived_s = 1700000000,
		.reverse_path = span_of("a@x.test"),
		.recipient = span_of("b@y.test"),
		.body_fd = -1,
		.body = span_of("Subject: s\r\n\r\none\r\ntwo\r\n") };

	in.body_bytes = in.body.len;
	if (large) {
		in.body = span_of("");
		in.body_fd = big_fd;
		in.body_bytes = strlen(big);
	}
	return in;
}

static const char *
wanted(bool large)
{
	return large ? big_want
	             : "Return-Path: <a@x.test>\n"
	               "Delivered-To: b@y.test\nSubject: s\n\none\ntwo\n";
}

static void
make_big(void)
{
	size_t n = 200000;

	big = malloc(n + 1);
	big_want = malloc(n + 100);
	if (big == NULL || big_want == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		big[i] = i % 100 == 98 ? '\r' : i % 100 == 99 ? '\n' : 'a';
	big[n] = '\0';
	n = (size_t)snprintf(big_want, 100,
	    "Return-Path: <a@x.test>\n"
	    "Delivered-To: b@y.test\n");
	for (const char *p = big; *p != '\0'; p++)
		if (*p != '\r')
			big_want[n++] = *p;
	big_want[n] = '\0';
	big_fd = memfd_create("body", 0);
	if (write(big_fd, big, strlen(big)) != (ssize_t)strlen(big))
		abort();
}

/* One delivery, with look-up first when it is a second attempt. */
static int
deliver(bool large, bool again)
{
	struct folder *f = maildir_open(home, "mx.test");
	struct store_incoming in = incoming(large);
	struct store_draft d;
	int r;

	if (f == NULL)
		return -1;
	if (again && (r = folder_has(f, ID)) != 0) {
		folder_free(&f);
		return r == 1 ? 0 : -1;
	}
	if (folder_write(f, &in, &d) == -1) {
		folder_free(&f);
		return -1;
	}
	r = folder_publish(f, &d);
	if (r == -1)
		folder_discard(f, &d);
	folder_free(&f);
	return r;
}

static void
nth_fails(bool large, int why)
{
	unsigned n, bad = 0;

	for (n = 1; n < 500; n++) {
		int r;

		fresh();
		reset(n, why, 0);
		r = deliver(large, false);
		if (calls < n)
			break;
		fail_at = 0;
		if (count("new", wanted(large)) > 1 ||
		    (r == 0 && count("new", wanted(large)) != 1))
			bad++;
		/* The fault is over: the second attempt succeeds, once. */
		if (deliver(large, true) != 0 ||
		    count("new", wanted(large)) != 1)
			bad++;
	}
	ok(n > 10, "%s, %s: %u calls failed one by one",
	    large ? "large" : "small", strerror(why), n - 1);
	is_int(bad, 0, "never a part, then one whole message");
}

static void
no_space(void)
{
	struct folder *f;
	struct store_incoming in = incoming(true);
	struct store_draft d;

	unsigned n, left = 0;

	reset(0, 0, 0);
	fresh();
	f = maildir_open(home, "mx.test");
	for (n = 1; n < 500; n++) {
		reset(n, ENOSPC, 0);
		if (folder_write(f, &in, &d) == 0)
			break;
		left += count("tmp", NULL);
	}
	ok(n > 10, "the disk full at %u points", n - 1);
	is_int(left, 0, "a write that fails leaves nothing in tmp/");
	reset(0, 0, 0);
	folder_discard(f, &d);
	folder_free(&f);
}

/* The process is killed before its nth call; a new one delivers again. */
static void
dies(bool large)
{
	unsigned n, bad = 0;

	for (n = 1; n < 500; n++) {
		int status;
		pid_t pid;

		fresh();
		if ((pid = fork()) == 0) {
			reset(0, 0, n);
			deliver(large, false);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		reset(0, 0, 0);
		if (count("new", wanted(large)) > 1)
			bad++;
		if (deliver(large, true) != 0 ||
		    count("new", wanted(large)) != 1)
			bad++;
		if (count("tmp", NULL) != 0)
			bad++;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			break;
	}
	ok(n > 10, "%s: killed at %u points", large ? "large" : "small", n - 1);
	is_int(bad, 0, "afterwards one whole message, nothing in tmp");
}

/*
 * As local does a batch: write all, sync, publish all, sync, answer.  Power
 * loss keeps or drops anything after the last sync; so each rename must come
 * after a sync that follows the last write, and the answer after a sync that
 * follows the last rename.
 */
static void
order(void)
{
	struct folder *f;
	struct store_draft d[3];
	const char *last_write, *first_rename, *last_rename, *sync1, *sync2;
	unsigned good = 0;

	fresh();
	f = maildir_open(home, "mx.test");
	reset(0, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct store_incoming in = incoming(false);

		in.queue_id = i;
		good += folder_write(f, &in, &d[i]) == 0;
	}
	is_int(count("new", NULL), 0, "nothing is to be seen before the sync");
	trip('S');
	for (unsigned i = 0; i < 3; i++)
		good += folder_publish(f, &d[i]) == 0;
	trip('S');
	trip('A');
	is_int(good, 6, "three messages in two steps");
	last_write = strrchr(record, 'w');
	sync1 = strchr(record, 'S');
	sync2 = strrchr(record, 'S');
	first_rename = strchr(record, 'r');
	last_rename = strrchr(record, 'r');
	ok(last_write < sync1 && sync1 < first_rename && last_rename < sync2 &&
	        sync2 < strchr(record, 'A'),
	    "write, sync, rename, sync, answer: %s", record);
	ok(strchr(sync1, 'w') == NULL && strchr(sync1, 'c') == NULL,
	    "publishing writes no data");
	is_int(folder_has(f, 2), 1, "delivered ids are known");
	is_int(folder_has(f, 9), 0, "others are not");
	folder_free(&f);
}

/* One that nobody else syncs: before it is said to be written, or not at all. */
static void
synced(void)
{
	struct folder *f;
	struct store_incoming in = incoming(false);
	struct store_draft d;
	unsigned n;

	fresh();
	f = maildir_open(home, "mx.test");
	in.sync = true;
	folder_write(f, &in, &d); /* opens what stays open */
	folder_discard(f, &d);
	reset(0, 0, 0);
	is_int(folder_write(f, &in, &d), 0, "a message that is to be synced");
	n = (unsigned)(strchr(record, 's') - record) + 1;
	ok(strchr(record, 's') > strrchr(record, 'w'),
	    "is, after its bytes: %s", record);
	folder_discard(f, &d);
	reset(n, EIO, 0);
	ok(folder_write(f, &in, &d) == -1 && errno == EIO,
	    "where that fails it is not written");
	is_int(count("tmp", NULL), 0, "and nothing is left of it");
	reset(0, 0, 0);
	folder_free(&f);
}

static void
twice(void)
{
	struct folder *f;
	struct store_incoming in = incoming(false);
	struct store_draft d;

	fresh();
	f = maildir_open(home, "mx.test");
	folder_write(f, &in, &d);
	is_int(folder_publish(f, &d), 0, "published");
	folder_write(f, &in, &d);
	ok(folder_publish(f, &d) == -1 && errno == EEXIST,
	    "the same queue id does not come twice");
	ok(count("new", wanted(false)) == 1 && count("tmp", NULL) == 0,
	    "one message, nothing in tmp");
	in.body_fd = big_fd;
	in.body_bytes = strlen(big) - 1;
	ok(folder_write(f, &in, &d) == -1 && errno == EBADMSG,
	    "a body that is not as long as was said is refused");
	is_int(count("tmp", NULL), 0, "nothing in tmp");
	folder_free(&f);
}

static void
stale(void)
{
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct folder *f;
	int fd;

	fresh();
	f = maildir_open(home, "mx.test");
	folder_free(&f);
	fd = openat(home, "Maildir/tmp/1.old.h", O_WRONLY | O_CREAT, 0600);
	futimens(fd, old);
	close(fd);
	close(openat(home, "Maildir/tmp/1.young.h", O_WRONLY | O_CREAT, 0600));
	f = maildir_open(home, "mx.test");
	is_int(count("tmp", NULL), 1, "files older than 36 h leave tmp/");
	folder_free(&f);
}

int
main(void)
{
	umask(077);
	top = tmpdir_make();
	make_big();
	real = store_sys;
	store_sys = (struct store_sys){ t_open, t_pread, t_write, t_close,
		t_sync, syncfs, t_mkdir, t_rename_new, real.rename, t_unlink };
	order();
	synced();
	twice();
	stale();
	nth_fails(false, ENOSPC);
	nth_fails(false, EIO);
	nth_fails(true, EDQUOT);
	no_space();
	dies(false);
	dies(true);
	free(big);
	free(big_want);
	tmpdir_remove();
	return done_testing();
}
