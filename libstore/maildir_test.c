#include "config.h"
#include "libstore/maildir.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
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

static bool
there(const char *path)
{
	struct stat st;

	return fstatat(home, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
fresh(void)
{
	char path[4096];
	static unsigned n;
	int fd;

	if (home != 0)
		close(home);
	snprintf(path, sizeof(path), "%s/h%u", top, n++);
	if (mkdir(path, 0700) == -1 || (fd = open(path, O_PATH)) == -1)
		abort();
	home = fd;
}

static void
conversion(void)
{
	static const struct {
		const char *in, *want;
		unsigned octets; /* of want, as POP3 sends it */
	} rows[] = {
		{ "a\r\nb\r\n", "a\nb\n", 6 },
		{ "a\r\n", "a\n", 3 },
		{ "a\rb\r\n", "a\rb\n", 5 },
		{ "a\r\r\n", "a\r\n", 3 },
		{ "a\nb", "a\nb", 6 },
		{ "\r", "\r", 3 },
		{ "\n\n", "\n\n", 4 },
		{ "", "", 0 },
	};

	for (size_t i = 0; i < nitems(rows); i++) {
		size_t len = strlen(rows[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			unsigned char out[64];
			struct to_lf t = { false };
			struct octets o = { 0 };
			size_t n;

			n = to_lf(&t, rows[i].in, cut, out);
			n += to_lf(&t, rows[i].in + cut, len - cut, out + n);
			n += to_lf_end(&t, out + n);
			out[n] = '\0';
			if (n != strlen(rows[i].want) ||
			    memcmp(out, rows[i].want, n) != 0)
				is_str((char *)out, rows[i].want,
				    "to LF, row %zu cut at %zu", i, cut);
			octets_add(&o, out, cut < n ? cut : n);
			octets_add(&o, out + (cut < n ? cut : n),
			    n - (cut < n ? cut : n));
			if (octets_total(&o) != rows[i].octets)
				is_int((int64_t)octets_total(&o),
				    rows[i].octets,
				    "octets, row %zu cut at %zu", i, cut);
		}
		ok(true, "line ends, row %zu", i);
	}
}

static void
names(void)
{
	char tmp[STORE_NAME_MAX + 1], final[STORE_NAME_MAX + 1];
	char host[MAILDIR_HOST_MAX + 1];
	uint64_t bytes, octets, id;

	maildir_host("mx/1:a,b.example", host);
	is_str(host, "mx_1_a_b.example", "a host name fit for a file name");
	maildir_host("0123456789.0123456789.0123456789.0123456789", host);
	is_int((int64_t)strlen(host), MAILDIR_HOST_MAX, "a long one is cut");
	maildir_name_tmp(tmp, 1700000000, 77, "mx.example");
	maildir_name_final(final, tmp, 100, 104);
	is_int((int64_t)maildir_id_len(final), (int64_t)strlen(tmp),
	    "the unique name ends before the comma");
	ok(maildir_name_queue_id(final, &id) == 0 && id == 77,
	    "the queue id is read back");
	maildir_name_sizes(final, &bytes, &octets);
	ok(bytes == 100 && octets == 104, "and the sizes");
	maildir_name_sizes("1.x,W=5,S=7:2,S=9", &bytes, &octets);
	ok(bytes == 7 && octets == 5, "sizes in any order, none in the flags");
	maildir_name_sizes("1.x,S=,W=-1,S=99999999999999999999", &bytes,
	    &octets);
	ok(bytes == STORE_UNKNOWN && octets == STORE_UNKNOWN, "no nonsense");
	ok(maildir_name_queue_id("1.M5P6.host", &id) == -1 &&
	        maildir_name_queue_id("1.Q000", &id) == -1 &&
	        maildir_name_queue_id("", &id) == -1,
	    "others have no queue id");
}

static void
listing(void)
{
	struct folder *f;
	struct store_list l;
	char want[64];
	int fd;

	fresh();
	f = maildir_open(home, "mx.example");
	ok(f != NULL && there("Maildir/new") && there("Maildir/cur") &&
	        there("Maildir/tmp"),
	    "the Maildir is made");
	is_int(folder_list(f, &l), 0, "empty");
	is_int((int64_t)l.n, 0, "no messages");
	store_list_clear(&l);
	put("Maildir/new/3.c.h,S=6,W=8", "a: b\n\n");
	put("Maildir/new/1.a.h", "a: b\n\nx\n");
	put("Maildir/cur/2.b.h,S=4,W=99:2,S", "line\n");
	put("Maildir/cur/.hidden", "x");
	is_int(folder_list(f, &l), 0, "listed");
	is_int((int64_t)l.n, 3, "three messages");
	for (size_t i = 0; i < l.n; i++) {
		ok(folder_measure(f, &l.msgs[i]) == 0, "measured %zu", i);
		folder_see(f, &l.msgs[i]);
	}
	snprintf(want, sizeof(want), "%s %s %s", l.msgs[0].name, l.msgs[1].name,
	    l.msgs[2].name);
	is_str(want, "1.a.h:2, 2.b.h,S=4,W=99:2,S 3.c.h,S=6,W=8:2,",
	    "in order; new ones moved to cur");
	ok(there("Maildir/cur/1.a.h:2,") && !there("Maildir/new/1.a.h"),
	    "on the disk too");
	is_int((int64_t)l.msgs[0].octets, 11, "counted where no size is named");
	is_int((int64_t)l.msgs[1].octets, 6, "a wrong size is not believed");
	is_int((int64_t)l.msgs[2].octets, 8, "a right one is");

	/* Another program changes flags: a longer name, then a shorter. */
	renameat(home, "Maildir/cur/1.a.h:2,", home, "Maildir/cur/1.a.h:2,FRS");
	fd = folder_read(f, &l.msgs[0]);
	ok(fd != -1, "found under its new name");
	close(fd);
	renameat(home, "Maildir/cur/1.a.h:2,FRS", home, "Maildir/new/1.a.h");
	fd = folder_read(f, &l.msgs[0]);
	ok(fd != -1, "found in the other folder");
	close(fd);
	unlinkat(home, "Maildir/new/1.a.h", 0);
	ok(folder_read(f, &l.msgs[0]) == -1 && errno == ENOENT &&
	        l.msgs[0].gone,
	    "gone is gone");
	is_int(folder_remove(f, &l.msgs[0]), 0, "and may be deleted again");
	is_int(folder_remove(f, &l.msgs[1]), 0, "deleted");
	ok(!there("Maildir/cur/2.b.h,S=4,W=99:2,S"), "not there any more");
	store_list_clear(&l);
	folder_free(&f);
}

/* What a home's owner with a shell may put there. */
static void
hostile(void)
{
	struct store_incoming in = { .queue_id = 5,
		.arrived_s = 1,
		.reverse_path = span_of("a@x"),
		.recipient = span_of("b@y"),
		.body_bytes = 4,
		.body_fd = -1,
		.body = span_of("a\r\n") };
	struct store_draft d;
	struct folder *f;
	struct store_list l;

	fresh();
	f = maildir_open(home, "mx.example");
	put("secret", "not yours\n");
	put("Maildir/new/9.ok.h", "fine\n");
	if (mkfifoat(home, "Maildir/new/1.fifo.h", 0600) == -1 ||
	    mkfifoat(home, "Maildir/cur/2.fifo.h", 0600) == -1 ||
	    symlinkat("../../secret", home, "Maildir/new/3.link.h") == -1 ||
	    linkat(home, "secret", home, "Maildir/cur/4.hard.h", 0) == -1 ||
	    mkdirat(home, "Maildir/cur/5.dir.h", 0700) == -1)
		abort();
	is_int(folder_list(f, &l), 0, "a hostile folder is listed");
	is_int((int64_t)l.n, 2, "the file and the hard link");
	ok(folder_measure(f, &l.msgs[0]) == -1 && errno == ENOENT,
	    "the hard link is no message");
	l.msgs[0].gone = false;
	ok(folder_read(f, &l.msgs[0]) == -1, "nor can it be read");
	is_int(folder_measure(f, &l.msgs[1]), 0, "the file is");
	folder_see(f, &l.msgs[1]);
	unlinkat(home, "Maildir/cur/9.ok.h:2,", 0);
	mkfifoat(home, "Maildir/cur/9.ok.h:2,", 0600);
	ok(folder_read(f, &l.msgs[1]) == -1 && errno == ENOENT,
	    "a FIFO put in its place is not waited for");
	store_list_clear(&l);

	unlinkat(home, "Maildir/new/1.fifo.h", 0);
	unlinkat(home, "Maildir/new/3.link.h", 0);
	mkdirat(home, "elsewhere", 0700);
	is_int(folder_write(f, &in, &d), 0, "written to tmp/");
	if (renameat(home, "Maildir/new", home, "Maildir/was") == -1 ||
	    symlinkat("../elsewhere", home, "Maildir/new") == -1)
		abort();
	folder_look(f);
	is_int(folder_publish(f, &d), -1,
	    "nothing is delivered through a link");
	is_int(unlinkat(home, "elsewhere", AT_REMOVEDIR), 0,
	    "the folder it leads to is empty");
	is_int(folder_write(f, &in, &d), -1, "nothing more is written");
	is_int(folder_list(f, &l), -1, "nor listed");
	is_int(folder_has(f, 5), -1, "nor looked for");
	folder_free(&f);

	fresh();
	mkdirat(home, "elsewhere", 0700);
	if (symlinkat("elsewhere", home, "Maildir") == -1)
		abort();
	f = maildir_open(home, "mx.example");
	ok(f == NULL, "a Maildir that is a link is refused");
	folder_free(&f);
}

int
main(void)
{
	umask(077);
	top = tmpdir_make();
	conversion();
	names();
	listing();
	hostile();
	tmpdir_remove();
	return done_testing();
}
