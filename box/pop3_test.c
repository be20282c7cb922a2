#include "config.h"
#include "box/pop3.h"
#include "libcommon/secret.h"
#include "libstore/sys.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int home = -1;

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

#define M1 "Subject: one\n\n.dot\n..two\nlast"
#define M2 "Subject: two\r\n\r\nbody\r\n"
#define M3 "x: y\n\n"

static void
fresh(void)
{
	static unsigned n;
	char name[32];

	if (home != -1)
		close(home);
	snprintf(name, sizeof(name), "%s/%u", tmpdir_path, n++);
	mkdir(name, 0700);
	home = open(name, O_PATH);
	mkdirat(home, "Maildir", 0700);
	mkdirat(home, "Maildir/new", 0700);
	mkdirat(home, "Maildir/cur", 0700);
	mkdirat(home, "Maildir/tmp", 0700);
	put("Maildir/cur/1.one.h:2,S", M1);
	put("Maildir/new/2.two.h,S=22,W=22", M2);
	put("Maildir/cur/3.a b", M3);
}

/* Run a whole session; step bytes at a time. */
static struct buf said;

static void
work(struct pop3 *p)
{
	while (pop3_busy(p))
		pop3_work(p);
	buf_put_span(&said, buf_span(&p->out));
	buf_reset(&p->out);
}

static void
feed(struct pop3 *p, const char *script, size_t step)
{
	struct span in = span_of(script);
	static unsigned char kept[8192];
	size_t have = 0;

	while (!p->ended) {
		size_t n = in.len < step ? in.len : step, used;

		memcpy(kept + have, in.data, n);
		in = span_sub(in, n, in.len);
		have += n;
		do {
			used = pop3_input(p, span_from(kept, have));
			have -= used;
			memmove(kept, kept + used, have);
			work(p);
		} while (used > 0);
		if (n == 0)
			break;
	}
}

static const char *
session(const char *script, size_t step)
{
	struct folder *f = maildir_open(home, "mx.test");
	struct pop3 p;

	buf_reset(&said);
	pop3_init(&p, f);
	work(&p);
	feed(&p, script, step);
	pop3_clear(&p);
	folder_free(&f);
	buf_putc(&said, 0);
	return (const char *)said.data;
}

static const struct {
	const char *name, *in, *want;
} rows[] = {
	{ "login", "", "+OK 3 messages (65 octets)\r\n" },
	{ "STAT", "STAT\r\n", "+OK 3 65\r\n" },
	{ "LIST", "LIST\r\n",
	    "+OK 3 messages (65 octets)\r\n"
	    "1 35\r\n2 22\r\n3 8\r\n.\r\n" },
	{ "LIST of one", "list 2\r\n", "+OK 2 22\r\n" },
	{ "UIDL: the base name, or a hash of what cannot be shown", "UIDL\r\n",
	    "+OK unique ids follow\r\n1 1.one.h\r\n2 2.two.h\r\n"
	    "3 5abe5f9dbc01a57e6fbfeafc79e095cb\r\n.\r\n" },
	{ "UIDL of one", "UIDL 1\r\n", "+OK 1 1.one.h\r\n" },
	{ "RETR: dots stuffed, CRLF, a last line ended", "RETR 1\r\n",
	    "+OK 35 octets\r\nSubject: one\r\n\r\n..dot\r\n...two\r\nlast\r\n"
	    ".\r\n" },
	{ "RETR of CRLF lines", "RETR 2\r\n",
	    "+OK 22 octets\r\nSubject: two\r\n\r\nbody\r\n.\r\n" },
	{ "TOP 0", "TOP 1 0\r\n",
	    "+OK top of message follows\r\n"
	    "Subject: one\r\n\r\n.\r\n" },
	{ "TOP 1", "top 1 1\r\n",
	    "+OK top of message follows\r\n"
	    "Subject: one\r\n\r\n..dot\r\n.\r\n" },
	{ "TOP of more than there is", "TOP 2 100\r\n",
	    "+OK top of message follows\r\nSubject: two\r\n\r\nbody\r\n"
	    ".\r\n" },
	{ "TOP of a header alone", "TOP 3 5\r\n",
	    "+OK top of message follows\r\nx: y\r\n\r\n.\r\n" },
	{ "DELE hides", "DELE 1\r\nSTAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\n",
	    "+OK deleted\r\n+OK 2 30\r\n+OK 2 messages (30 octets)\r\n"
	    "2 22\r\n3 8\r\n.\r\n-ERR message is deleted\r\n"
	    "-ERR message is deleted\r\n" },
	{ "RSET brings back", "DELE 1\r\nDELE 2\r\nRSET\r\nSTAT\r\n",
	    "+OK deleted\r\n+OK deleted\r\n+OK 3 messages (65 octets)\r\n"
	    "+OK 3 65\r\n" },
	{ "numbers",
	    "RETR 0\r\nRETR 4\r\nLIST 99999999999999999999\r\n"
	    "DELE -1\r\nRETR 1x\r\nRETR\r\nTOP 1\r\nSTAT 1\r\nRETR 1 2\r\n",
	    "-ERR no such message\r\n-ERR no such message\r\n"
	    "-ERR bad argument to LIST\r\n-ERR bad argument to DELE\r\n"
	    "-ERR bad argument to RETR\r\n-ERR RETR wants an argument\r\n"
	    "-ERR TOP wants an argument\r\n-ERR bad argument to STAT\r\n"
	    "-ERR bad argument to RETR\r\n" },
	{ "nonsense", "\r\nXYZZY\r\nUSER a b c\r\nPASS secret word\r\n",
	    "-ERR unknown command\r\n-ERR unknown command\r\n"
	    "-ERR you are logged in already\r\n"
	    "-ERR you are logged in already\r\n" },
	{ "blanks and case", "noop\r\n  Stat  \r\nlist  2 \r\n",
	    "+OK\r\n+OK 3 65\r\n+OK 2 22\r\n" },
	{ "a bare LF", "DELE 1\nSTAT\r\n\n",
	    "-ERR a line ends in CRLF\r\n+OK 3 65\r\n"
	    "-ERR a line ends in CRLF\r\n" },
	{ "a CR inside", "NO\rOP\r\nNOOP\r\n",
	    "-ERR control character in a command\r\n+OK\r\n" },
	{ "QUIT", "QUIT\r\nSTAT\r\n", "+OK bye\r\n" },
	{ "CAPA", "CAPA\r\n",
	    "+OK capabilities follow\r\nTOP\r\nUSER\r\n"
	    "UIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
	    "IMPLEMENTATION SEMail\r\n.\r\n" },
};

static void
scripts(void)
{
	static const size_t steps[] = { 8192, 1, 3 };
	const char *greeting = rows[0].want;

	for (size_t i = 0; i < nitems(rows); i++) {
		for (size_t s = 0; s < nitems(steps); s++) {
			char want[4096];

			fresh();
			snprintf(want, sizeof(want), "%s%s", greeting,
			    i == 0 ? "" : rows[i].want);
			is_str(session(rows[i].in, steps[s]), want,
			    "%s (%zu at a time)", rows[i].name, steps[s]);
		}
	}
}

static void
long_lines(void)
{
	static char in[4096], line[300];
	static const size_t steps[] = { 8192, 1, 100 };

	memset(line, 'a', sizeof(line));
	for (size_t s = 0; s < nitems(steps); s++) {
		fresh();
		snprintf(in, sizeof(in),
		    "%.253s\r\n%.254s\r\n%.299s\r\nNOOP\r\n", line, line, line);
		is_str(session(in, steps[s]),
		    "+OK 3 messages (65 octets)\r\n"
		    "-ERR unknown command\r\n-ERR line too long\r\n"
		    "-ERR line too long\r\n+OK\r\n",
		    "lines over 255 (%zu at a time)", steps[s]);
	}
	fresh();
	session("", 1);
	{
		struct folder *f = maildir_open(home, "mx.test");
		struct pop3 p;

		buf_reset(&said);
		pop3_init(&p, f);
		work(&p);
		is_int((int64_t)pop3_input(&p, span_from("NO\0OP\r\n", 7)), 7,
		    "a NUL");
		ok(strstr((char *)p.out.data, "-ERR control") != NULL,
		    "is refused");
		pop3_clear(&p);
		folder_free(&f);
	}
}

static void
update(void)
{
	struct folder *f;
	struct pop3 p;

	fresh();
	session("DELE 1\r\nDELE 2\r\nQUIT\r\n", 8192);
	ok(!there("Maildir/cur/1.one.h:2,S") &&
	        !there("Maildir/cur/2.two.h,S=22,W=22:2,"),
	    "deleted at QUIT");
	ok(there("Maildir/cur/3.a b"), "the other stays");

	fresh();
	session("DELE 1\r\n", 8192);
	ok(there("Maildir/cur/1.one.h:2,S"), "not deleted without QUIT");
	ok(there("Maildir/cur/2.two.h,S=22,W=22:2,"), "seen ones are in cur/");

	/* Another program works on the same Maildir. */
	fresh();
	f = maildir_open(home, "mx.test");
	pop3_init(&p, f);
	buf_reset(&said);
	work(&p);
	unlinkat(home, "Maildir/cur/1.one.h:2,S", 0);
	renameat(home, "Maildir/cur/2.two.h,S=22,W=22:2,", home,
	    "Maildir/cur/2.two.h,S=22,W=22:2,FRS");
	buf_reset(&said);
	feed(&p, "RETR 1\r\nRETR 2\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n", 8192);
	buf_putc(&said, 0);
	is_str((char *)said.data,
	    "-ERR message is gone\r\n"
	    "+OK 22 octets\r\nSubject: two\r\n\r\nbody\r\n.\r\n"
	    "+OK deleted\r\n+OK deleted\r\n+OK bye\r\n",
	    "gone is told, renamed is found");
	ok(!there("Maildir/cur/2.two.h,S=22,W=22:2,FRS"), "and deleted");
	ok(p.removed_count == 1 && p.removed_bytes == 22, "counted for usage");
	pop3_clear(&p);
	folder_free(&f);
}

static ssize_t
pread_eio(int fd, void *b, size_t n, off_t off)
{
	(void)fd;
	(void)b;
	(void)n;
	(void)off;
	errno = EIO;
	return -1;
}

static int
unlink_eio(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	errno = EIO;
	return -1;
}

static void
faults(void)
{
	struct store_sys real = store_sys;
	struct folder *f;
	struct pop3 p;
	int fd;

	fresh();
	f = maildir_open(home, "mx.test");
	pop3_init(&p, f);
	work(&p);
	/* Cut short after it was measured. */
	fd = openat(home, "Maildir/cur/1.one.h:2,S", O_WRONLY);
	if (ftruncate(fd, 9) == -1)
		abort();
	close(fd);
	buf_reset(&said);
	feed(&p, "RETR 1\r\n", 100);
	buf_putc(&said, 0);
	is_str((char *)said.data, "+OK 35 octets\r\nSubject: \r\n.\r\n",
	    "a truncated file ends properly");
	/* Grown after it was measured. */
	put("Maildir/cur/2.two.h,S=22,W=22:2,", M2 M2);
	buf_reset(&said);
	feed(&p, "RETR 2\r\n", 100);
	buf_putc(&said, 0);
	is_str((char *)said.data,
	    "+OK 22 octets\r\nSubject: two\r\n\r\nbody\r\n.\r\n",
	    "a grown file gives what was announced");
	store_sys.unlink = unlink_eio;
	buf_reset(&said);
	feed(&p, "DELE 3\r\nQUIT\r\n", 100);
	buf_putc(&said, 0);
	is_str((char *)said.data,
	    "+OK deleted\r\n"
	    "-ERR [SYS/TEMP] some deleted messages not removed\r\n",
	    "a deletion that fails is told");
	store_sys = real;
	pop3_clear(&p);

	pop3_init(&p, f);
	work(&p);
	store_sys.pread = pread_eio;
	feed(&p, "RETR 3\r\n", 100);
	ok(p.broken, "after a read error no end of message is sent");
	store_sys = real;
	pop3_clear(&p);
	folder_free(&f);

	fresh();
	unlinkat(home, "Maildir/tmp", AT_REMOVEDIR);
	renameat(home, "Maildir/new", home, "Maildir/tmp");
	put("Maildir/new", "not a folder");
	f = maildir_open(home, "mx.test");
	if (f != NULL) {
		pop3_init(&p, f);
		buf_reset(&said);
		work(&p);
		buf_putc(&said, 0);
		is_str((char *)said.data,
		    "-ERR [SYS/TEMP] the mailbox cannot "
		    "be read now\r\n",
		    "a mailbox that cannot be read");
		ok(p.ended, "ends the session");
		pop3_clear(&p);
	}
	folder_free(&f);
}

int
main(void)
{
	umask(077);
	tmpdir_make();
	secret_init();
	buf_init(&said, 1 << 20);
	scripts();
	long_lines();
	update();
	faults();
	buf_clear(&said);
	tmpdir_remove();
	return done_testing();
}
