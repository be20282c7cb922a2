#include "config.h"
#include "libcommon/msg_copy.h"
#include "cuts.h"

static struct buf b;

static void
cursors(void)
{
	static const char *const bad[] = { "0", "0123456789abcdef",
		"0123456789abcdef.", "0123456789abcdef.-1",
		"0123456789abcdef.01", "0123456789ABCDEF.1",
		"0123456789abcdef,1", "0123456789abcdef.1 ",
		"0000000000000000.1", "0123456789abcdef.9223372036854775808",
		"0123456789abcde.12", "0123456789abcdef0.1", " ", "." };
	struct copy_cursor c = { 0x0123456789abcdef, INT64_MAX }, out;
	char text[COPY_CURSOR_MAX];
	unsigned taken = 0;

	copy_cursor_text(&c, text);
	is_str(text, "0123456789abcdef.9223372036854775807", "a cursor");
	is_int(copy_cursor_parse(span_of(text), &out), 0, "is read");
	ok(out.session == c.session && out.at == c.at, "as it was");
	c = (struct copy_cursor){ 0, 0 };
	copy_cursor_text(&c, text);
	is_str(text, "", "none for a new session");
	is_int(copy_cursor_parse(span_of(""), &out), 0, "which is read");
	ok(out.session == 0 && out.at == 0, "as one");
	for (size_t i = 0; i < nitems(bad); i++)
		if (copy_cursor_parse(span_of(bad[i]), &out) == 0) {
			printf("# %s\n", bad[i]);
			taken++;
		}
	is_int(taken, 0, "others are refused");
}

static void
backup(void)
{
	struct copy_cursor in = { 7, 4096 }, out;

	buf_reset(&b);
	msg_backup_put(&b, &in);
	ok(msg_backup_get(buf_span(&b), &out) == 0 && out.session == 7 &&
	        out.at == 4096,
	    "backup: round trip");
	REFUSES_CUTS(msg_backup_get, "backup");
	in = (struct copy_cursor){ 0, 1 };
	buf_reset(&b);
	msg_backup_put(&b, &in);
	is_int(msg_backup_get(buf_span(&b), &out), -1,
	    "backup: a new one has no past");
}

static void
restore(void)
{
	static unsigned char piece[COPY_PIECE + 1];
	struct msg_restore in = { { 9, 3 }, 1, span_from("a\0b", 3) }, out;

	buf_reset(&b);
	msg_restore_put(&b, &in);
	ok(msg_restore_get(buf_span(&b), &out) == 0 &&
	        out.cursor.session == 9 && out.cursor.at == 3 &&
	        out.last == 1 && span_eq(in.data, out.data),
	    "restore: round trip");
	REFUSES_CUTS(msg_restore_get, "restore");
	in.data = span_from(piece, sizeof(piece));
	buf_reset(&b);
	msg_restore_put(&b, &in);
	is_int(msg_restore_get(buf_span(&b), &out), -1, "restore: too long");
	in.data = span_from("", 0);
	in.last = 2;
	buf_reset(&b);
	msg_restore_put(&b, &in);
	is_int(msg_restore_get(buf_span(&b), &out), -1, "restore: last?");
}

static void
copied(void)
{
	struct msg_copied in = { COPIED_FULL, { 1, 2 }, 3, 4, 5, 6,
		span_of("no room"), span_from("\0", 1) },
	                  out;

	buf_reset(&b);
	msg_copied_put(&b, &in);
	ok(msg_copied_get(buf_span(&b), &out) == 0 && out.how == COPIED_FULL &&
	        out.cursor.session == 1 && out.cursor.at == 2 &&
	        out.messages == 3 && out.bytes == 4 && out.already == 5 &&
	        out.skipped == 6 && span_eq(in.why, out.why) &&
	        span_eq(in.data, out.data),
	    "copied: round trip");
	REFUSES_CUTS(msg_copied_get, "copied");
	in.how = COPIED_FULL + 1;
	buf_reset(&b);
	msg_copied_put(&b, &in);
	is_int(msg_copied_get(buf_span(&b), &out), -1, "copied: how?");
	in.how = COPIED_BAD;
	in.why = span_of("two\nlines");
	buf_reset(&b);
	msg_copied_put(&b, &in);
	is_int(msg_copied_get(buf_span(&b), &out), -1, "copied: two lines");
}

int
main(void)
{
	buf_init(&b, 1 << 20);
	cursors();
	backup();
	restore();
	copied();
	buf_clear(&b);
	return done_testing();
}
