#include "config.h"
#include "libstore/backup.h"
#include "libstore/sys.h"
#include "libstore/untar.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 8192

static int home;
static struct buf archive;

static void
put(const char *path, size_t bytes)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 1700000000, 0 } };
	int fd = openat(home, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1)
		abort();
	for (size_t i = 0; i < bytes; i++)
		if (write(fd, &"0123456789"[i % 10], 1) != 1)
			abort();
	futimens(fd, times);
	close(fd);
}

/* All of it, or until the archive has stop bytes. */
static enum backup_step
run(struct backup *b, size_t stop, unsigned n)
{
	enum backup_step s = BACKUP_AGAIN;
	unsigned steps = 0;
	struct buf piece;

	buf_init(&piece, PIECE);
	while ((s == BACKUP_AGAIN || s == BACKUP_FULL) && archive.len < stop) {
		if (++steps > 1000000)
			abort();
		s = backup_step(b, &piece, PIECE, n);
		if (s != BACKUP_AGAIN) {
			buf_put_span(&archive, buf_span(&piece));
			buf_reset(&piece);
		}
	}
	if (s == BACKUP_AGAIN)
		buf_put_span(&archive, buf_span(&piece));
	buf_clear(&piece);
	return s;
}

/* "PATH=SIZE " of each entry; the bytes are what put() has written. */
static const char *
contents(void)
{
	static char text[65536];
	struct span in = buf_span(&archive);
	enum untar_event e;
	uint64_t at = 0;
	size_t n = 0;
	struct untar u;

	untar_init(&u);
	text[0] = '\0';
	while ((e = untar_next(&u, &in)) != UNTAR_MORE && e != UNTAR_OVER &&
	    e != UNTAR_BAD) {
		if (e == UNTAR_ENTRY) {
			at = 0;
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s=%llu%s ", u.path, (unsigned long long)u.size,
			    u.size > 0 && u.mtime_s != 1700000000 ? "?" : "");
		}
		for (size_t i = 0; e == UNTAR_DATA && i < u.data.len; i++)
			if (u.data.data[i] != '0' + at++ % 10)
				n += (size_t)snprintf(text + n,
				    sizeof(text) - n, "(changed)");
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
	    e == UNTAR_OVER ? "over" : "cut");
	untar_clear(&u);
	buf_reset(&archive);
	return text;
}

static void
make(const char *dir)
{
	if (mkdirat(home, dir, 0700) == -1)
		abort();
}

static void
plain(void)
{
	struct backup b;

	backup_begin(&b, home);
	is_int(run(&b, SIZE_MAX, 100), BACKUP_OVER, "a home without mail");
	backup_end(&b);
	is_str(contents(), "over", "is an empty archive");
	make("Maildir");
	make("Maildir/new");
	make("Maildir/cur");
	make("Maildir/tmp");
	make("Maildir/.Sent");
	make("Maildir/.Sent/cur");
	make("Maildir/.Empty");
	make("Maildir/.Empty/cur");
	make("Maildir/.None");
	put("Maildir/new/2.b", 5);
	put("Maildir/cur/1.a,S=20000:2,S", 20000);
	put("Maildir/cur/3.c:2,", 0);
	put("Maildir/cur/.hidden", 3);
	put("Maildir/tmp/4.d", 3);
	put("Maildir/.Sent/cur/5.e:2,", 512);
	/* Two files with one name: a program was cut short. */
	put("Maildir/new/6.f", 3);
	put("Maildir/cur/6.f:2,S", 3);
	for (unsigned n = 1; n < 200; n += 66) {
		backup_begin(&b, home);
		is_int(run(&b, SIZE_MAX, n), BACKUP_OVER,
		    "an archive, %u at a time", n);
		is_int((int)b.messages, 5, "of five messages");
		is_int((int)b.bytes, 20520, "and their bytes");
		is_int(backup_step(&b, &archive, SIZE_MAX, 1), BACKUP_OVER,
		    "it stays over");
		backup_end(&b);
		is_str(contents(),
		    "Maildir/cur/1.a,S=20000:2,S=20000 "
		    "Maildir/new/2.b=5 Maildir/cur/3.c:2,=0 "
		    "Maildir/cur/6.f:2,S=3 Maildir/.Empty/maildirfolder=0 "
		    "Maildir/.Sent/maildirfolder=0 "
		    "Maildir/.Sent/cur/5.e:2,=512 over",
		    "with everything");
	}
}

static void
meanwhile(void)
{
	struct backup b;

	backup_begin(&b, home);
	is_int(run(&b, 1, 1), BACKUP_FULL, "the first piece");
	/* The message under way is deleted; the others move or get flags. */
	unlinkat(home, "Maildir/cur/1.a,S=20000:2,S", 0);
	renameat(home, "Maildir/new/2.b", home, "Maildir/cur/2.b:2,S");
	renameat(home, "Maildir/cur/3.c:2,", home, "Maildir/cur/3.c:2,RS");
	unlinkat(home, "Maildir/cur/6.f:2,S", 0);
	put("Maildir/new/7.g", 7);
	is_int(run(&b, SIZE_MAX, 1), BACKUP_OVER, "and the rest");
	backup_end(&b);
	is_str(contents(),
	    "Maildir/cur/1.a,S=20000:2,S=20000 "
	    "Maildir/new/6.f=3 Maildir/.Empty/maildirfolder=0 "
	    "Maildir/.Sent/maildirfolder=0 Maildir/.Sent/cur/5.e:2,=512 "
	    "Maildir/cur/2.b:2,S=5 Maildir/cur/3.c:2,RS=0 Maildir/new/7.g=7 "
	    "over",
	    "what was there is in it, under the names of now");

	put("Maildir/cur/8.h", 30000);
	put("Maildir/cur/9.i", 30000);
	backup_begin(&b, home);
	run(&b, 20000, 1);
	put("Maildir/cur/8.h", 10);
	is_int(run(&b, SIZE_MAX, 1), BACKUP_FAILED,
	    "a message that was cut under our hands");
	is_int(errno, EBADMSG, "is no message to keep");
	backup_end(&b);
	buf_reset(&archive);
	unlinkat(home, "Maildir/cur/8.h", 0);
}

static void
hostile(void)
{
	struct backup b;

	put("secret", 9);
	if (symlinkat("../../secret", home, "Maildir/cur/l") == -1 ||
	    linkat(home, "secret", home, "Maildir/cur/h", 0) == -1 ||
	    mkfifoat(home, "Maildir/new/p", 0600) == -1 ||
	    symlinkat("..", home, "Maildir/.Link") == -1 ||
	    symlinkat("../..", home, "Maildir/.None/cur") == -1)
		abort();
	make("Maildir/cur/dir");
	make("out");
	put("out/m", 3);
	backup_begin(&b, home);
	is_int(run(&b, SIZE_MAX, 1), BACKUP_OVER, "a home full of traps");
	backup_end(&b);
	is_str(contents(),
	    "Maildir/cur/2.b:2,S=5 Maildir/cur/3.c:2,RS=0 "
	    "Maildir/new/6.f=3 Maildir/new/7.g=7 Maildir/cur/9.i=30000 "
	    "Maildir/.Empty/maildirfolder=0 Maildir/.Sent/maildirfolder=0 "
	    "Maildir/.Sent/cur/5.e:2,=512 over",
	    "its messages and no other");
}

static ssize_t
no_pread(int fd, void *to, size_t n, off_t at)
{
	(void)fd;
	(void)to;
	(void)n;
	(void)at;
	errno = EIO;
	return -1;
}

int
main(void)
{
	struct store_sys real = store_sys;
	struct backup b;
	char name[64];

	buf_init(&archive, 64 << 20);
	tmpdir_make();
	home = open(tmpdir_path, O_PATH);
	plain();
	meanwhile();
	hostile();
	store_sys.pread = no_pread;
	backup_begin(&b, home);
	is_int(run(&b, SIZE_MAX, 9), BACKUP_FAILED, "a disk that fails");
	is_int(errno, EIO, "with its reason");
	backup_end(&b);
	store_sys = real;
	buf_reset(&archive);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "Maildir/cur/%u.many:2,", i);
		put(name, 10);
	}
	backup_begin(&b, home);
	is_int(run(&b, SIZE_MAX, 100), BACKUP_OVER, "many");
	is_int((int)b.messages, 5006, "none is left out");
	ok(archive.len % 512 == 0 && archive.len > 5000 * 1024,
	    "in whole blocks");
	backup_end(&b);
	backup_begin(&b, home);
	run(&b, 1, 1);
	backup_end(&b);
	backup_end(&b);
	ok(true, "ended in the middle, and twice");
	buf_clear(&archive);
	close(home);
	tmpdir_remove();
	return done_testing();
}
