#include "config.h"
#include "libstore/tar.h"
#include "libstore/untar.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf archive;

/* ---- reading, as a text: a line an entry -------------------------------------- */

static char seen[16384];
static size_t nseen;

__attribute__((format(printf, 1, 2))) static void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	nseen += (size_t)vsnprintf(seen + nseen, sizeof(seen) - nseen, fmt, ap);
	va_end(ap);
	if (nseen >= sizeof(seen))
		abort();
}

static void
said(struct untar *u, enum untar_event e)
{
	switch (e) {
	case UNTAR_ENTRY:
		say("%.*s%s %c%llu@%lld ", (int)u->path_len, u->path,
		    u->path_long ? "..." : "", u->is_file ? 'f' : '-',
		    (unsigned long long)u->size, (long long)u->mtime_s);
		break;
	case UNTAR_DATA:
		say("%.*s", (int)u->data.len, (const char *)u->data.data);
		break;
	case UNTAR_DONE:
		say("\n");
		break;
	case UNTAR_OVER:
		say("over");
		break;
	case UNTAR_BAD:
		say("bad: %s", u->why);
		break;
	case UNTAR_MORE:
		break;
	}
}

static const char *
read_in(struct span in, size_t piece)
{
	enum untar_event e = UNTAR_MORE;
	struct untar u;

	untar_init(&u);
	nseen = 0;
	seen[0] = '\0';
	while (in.len > 0 && e != UNTAR_OVER && e != UNTAR_BAD) {
		struct span part = span_sub(in, 0, piece);

		in = span_sub(in, part.len, in.len);
		do {
			e = untar_next(&u, &part);
			said(&u, e);
		} while (e != UNTAR_MORE && e != UNTAR_OVER && e != UNTAR_BAD);
	}
	untar_clear(&u);
	return seen;
}

static void
reads(const char *want, const char *what)
{
	static const size_t pieces[] = { 1 << 20, 1, 511, 512, 513, 7 };
	bool good = true;

	for (size_t i = 0; i < nitems(pieces); i++) {
		const char *got = read_in(buf_span(&archive), pieces[i]);

		if (strcmp(got, want) == 0)
			continue;
		printf("# pieces of %zu\n#  got: %s\n# want: %s\n", pieces[i],
		    got, want);
		good = false;
	}
	ok(good, "%s", what);
	buf_reset(&archive);
}

/* ---- blocks by hand --------------------------------------------------------------- */

static unsigned char *
block(const char *name, char type, const char *size)
{
	unsigned char *b = buf_reserve(&archive, TAR_BLOCK);

	if (b == NULL)
		abort();
	memset(b, 0, TAR_BLOCK);
	memcpy(b, name, strlen(name));
	memcpy(b + 124, size, strlen(size));
	memcpy(b + 136, "144", 3);
	b[156] = (unsigned char)type;
	return b;
}

static void
sealed(unsigned char *b)
{
	char sum[8];

	snprintf(sum, sizeof(sum), "%06o", tar_sum(b));
	memcpy(b + 148, sum, 8);
	buf_commit(&archive, TAR_BLOCK);
}

static void
data(const char *s)
{
	buf_puts(&archive, s);
	tar_put_pad(&archive, strlen(s));
}

/* size: octal; NULL is what there are of bytes. */
static void
entry(const char *name, char type, const char *size, const char *bytes)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%zo", strlen(bytes));
	sealed(block(name, type, size != NULL ? size : digits));
	data(bytes);
}

/* ---- tests ------------------------------------------------------------------------- */

static void
written(void)
{
	char want[4096], path[700];
	struct span long_path;

	tar_put_header(&archive, "Maildir/cur/1.Q.host:2,S", 5, 1700000000);
	data("hello");
	tar_put_header(&archive, "Maildir/new/empty", 0, -5);
	memset(path, 'p', sizeof(path));
	memcpy(path, "Maildir/cur/", 12);
	path[12 + 100] = '\0';
	tar_put_header(&archive, path, 3, 1);
	data("abc");
	snprintf(want, sizeof(want),
	    "Maildir/cur/1.Q.host:2,S f5@1700000000 "
	    "hello\nMaildir/new/empty f0@0 \n%s f3@1 abc\n",
	    path);
	is_int((int)archive.len, 512 * 5, "what fits needs no more headers");
	path[12 + 100] = 'p';
	for (unsigned len = 101; len <= 530; len += 13) {
		path[len] = '\0';
		tar_put_header(&archive, path, 0, 1);
		path[len] = 'p';
	}
	path[530] = '\0';
	tar_put_end(&archive);
	long_path = span_of(read_in(buf_span(&archive), 1 << 20));
	ok(memcmp(long_path.data, want, strlen(want)) == 0, "short paths");
	ok(memcmp(long_path.data + long_path.len - 4, "over", 4) == 0,
	    "long ones, and the end");
	ok(strstr(seen, "...") == NULL, "none is cut");
	buf_reset(&archive);
	tar_put_header(&archive, path, 7, 1);
	data("1234567");
	tar_put_end(&archive);
	snprintf(want, sizeof(want), "%s f7@1 1234567\nover", path);
	reads(want, "a path of 530 bytes");

	tar_put_header(&archive, "big", (uint64_t)1 << 40, 9);
	reads("big f1099511627776@9 ", "a size that is not octal any more");
}

static void
others(void)
{
	unsigned char *b;

	entry("Maildir/", '5', "0", "");
	entry("Maildir/cur/", '\0', "0", "");
	entry("Maildir/cur/a", '\0', "3", "abc");
	entry("l", '2', "5", ""); /* a link has no bytes, whatever it says */
	entry("h", '1', "0", "");
	entry("c", '7', "1", "x");
	entry("?", 'Z', "2", "yy");
	tar_put_end(&archive);
	buf_puts(&archive, "trash");
	reads("Maildir/ -0@100 \nMaildir/cur/ -0@100 \n"
	      "Maildir/cur/a f3@100 abc\nl -0@100 \nh -0@100 \nc f1@100 x\n"
	      "? -2@100 yy\nover",
	    "of before POSIX");

	entry("././@LongLink", 'L', "6", "a/long");
	entry("a/lo", '0', "2", "ab");
	entry("././@LongLink", 'K', "4", "link");
	entry("s", '2', "0", "");
	entry("././@LongLink", 'L', "0", "");
	entry("nameless", '0', "0", "");
	entry("x", 'x', "0", "");
	entry("s", '2', "0", "");
	b = block("b256", '0', "");
	memcpy(b + 124, "\x80\0\0\0\0\0\0\0\0\0\0\x03", 12);
	sealed(b);
	data("abc");
	reads(
	    "a/long f2@100 ab\ns -0@100 \n f0@100 \ns -0@100 \nb256 f3@100 abc\n",
	    "of GNU");

	entry("g", 'g', NULL, "17 path=nowhere1\n");
	entry("x", 'x', NULL,
	    "12 path=a/b\n8 size=\n20 mtime=1700.99999\n"
	    "15 comment=c d\n");
	entry("a", '0', "2", "ab");
	entry("next", '0', "1", "c");
	entry("x", 'x', NULL, "9 size=1\n");
	entry("a", '0', "7777", "z");
	entry("x", 'x', NULL, "22 GNU.sparse.major=1\n");
	entry("sparse", '0', "1", "c");
	reads("a/b f2@1700 ab\nnext f1@100 c\na f1@100 z\nsparse -1@100 c\n",
	    "of pax");
	entry("x", 'x', "1", "1"); /* nonsense follows */
	reads("bad: an extended header of it cannot be read", "bad pax");
}

static void
broken(void)
{
	static const char *const records[] = { "8 path=a\n", "99 path=a\n",
		" path=a\n", "0 path=a\n", "3 =\n", "10 size=x1\n",
		"12 mtime=x\n", "8 path=a ", "99999999999999999999 a=b\n" };
	unsigned char *b;
	unsigned refused = 0;

	for (size_t i = 0; i < nitems(records); i++) {
		entry("x", 'x', NULL, records[i]);
		entry("a", '0', "0", "");
		refused += strncmp(read_in(buf_span(&archive), 1),
		               "bad: ", 5) == 0;
		buf_reset(&archive);
	}
	is_int((int)refused, (int)nitems(records), "records that are none");
	b = block("a", '0', "5");
	sealed(b);
	archive.data[3] = 'x';
	reads("bad: it is no tar archive", "a wrong sum");
	entry("a", '0', "0", "");
	buf_puts(&archive, "x");
	tar_put_pad(&archive, 1);
	reads("a f0@100 \nbad: it is damaged: a header's sum is wrong",
	    "a wrong sum later");
	buf_put(&archive, "\x1f\x8b", 2);
	tar_put_pad(&archive, 2);
	reads("bad: it is compressed: uncompress it first", "gzip");
	b = block("a", '0', "");
	memset(b + 124, 0xff, 12);
	sealed(b);
	reads("bad: a size in it is none", "a negative size");
	b = block("a", '0', "");
	memcpy(b + 124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	sealed(b);
	reads("bad: a size in it is none", "a size without end");
	entry("a", '0', "9", "");
	sealed(block("x", 'x', "7777777"));
	buf_reset(&archive);
	sealed(block("x", 'L', "7777777"));
	reads("bad: an extended header of it is too long", "a long long name");
	entry("a", '0', "12", "0123");
	buf_truncate(&archive, 514);
	reads("a f10@100 01", "cut short");
}

int
main(void)
{
	buf_init(&archive, 1 << 20);
	written();
	others();
	broken();
	buf_clear(&archive);
	return done_testing();
}
