#include "config.h"
#include "admind/rows.h"
#include "tap.h"

static struct rows r;
static struct buf answer;
static struct fields out, cells;

static void
anew(uint64_t max)
{
	rows_clear(&r);
	rows_init(&r, max);
	buf_reset(&answer);
	field_put(&answer, span_of("LIST"), true);
}

static bool
put(const char *columns)
{
	return rows_put(&r, columns, &answer) == 0 &&
	    fields_parse(&out, buf_span(&answer)) == 0;
}

/* Any bytes in a cell come back, and make nothing else. */
static void
test_bytes(void)
{
	unsigned char all[256];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	anew(0);
	rows_cell(&r, span_from(all, 256));
	rows_cell(&r, span_of("|\\p\\"));
	rows_cell(&r, span_of(""));
	rows_cell_u64(&r, UINT64_MAX);
	ok(rows_end(&r, span_from(all, 256)), "a row of any bytes");
	rows_cell(&r, span_of("second"));
	ok(rows_end(&r, span_of("k|2")), "another");
	ok(put("ONE|TWO|THREE|FOUR") && out.n == 5,
	    "type, NEXT, COLUMNS, two rows");
	is_int((int64_t)out.field[1].len, 0, "the last page has no NEXT");
	ok(fields_parse(&cells, out.field[2]) == 0 && cells.n == 4 &&
	        span_is(cells.field[3], "FOUR"),
	    "the columns");
	ok(fields_parse(&cells, out.field[3]) == 0 && cells.n == 4 &&
	        span_eq(cells.field[0], span_from(all, 256)) &&
	        span_is(cells.field[1], "|\\p\\") && cells.field[2].len == 0 &&
	        span_is(cells.field[3], "18446744073709551615"),
	    "the cells");
	anew(0);
	ok(put("ONE") && out.n == 3, "no rows at all");
}

static void
test_pages(void)
{
	static char large[100001];
	unsigned n;

	anew(3);
	is_int((int64_t)rows_limit(&r), 4, "one more is asked for");
	for (n = 0; n < 5; n++) {
		char key[8];

		snprintf(key, sizeof(key), "k|%u", n);
		rows_cell_u64(&r, n);
		if (!rows_end(&r, span_of(key)))
			break;
	}
	is_int(n, 3, "three fit");
	ok(put("N") && out.n == 6 && span_is(out.field[1], "k|2"),
	    "NEXT is the last one's key");
	anew(100000);
	is_int((int64_t)rows_limit(&r), ROWS_MAX + 1, "no page is larger");
	for (n = 0; n < ROWS_MAX; n++)
		rows_end(&r, span_of("k"));
	ok(put("") && out.n == 3 + ROWS_MAX && out.field[1].len == 0,
	    "exactly full is the last page");
	anew(0);
	memset(large, 'x', sizeof(large) - 1);
	for (n = 0; n < 9; n++) {
		rows_cell(&r, span_of(large));
		if (!rows_end(&r, span_of("k")))
			break;
	}
	is_int(n, 2, "pages have a limit in bytes");
	rows_cell(&r, span_of("small"));
	ok(!rows_end(&r, span_of("k")),
	    "what comes after it is not taken either");
	ok(put("X") && span_is(out.field[1], "k") && answer.len < REQUEST_MAX,
	    "and there is more");
	/* Each | needs three bytes. */
	memset(large, '|', sizeof(large) - 1);
	anew(0);
	rows_cell(&r, span_of(large));
	ok(!rows_end(&r, span_of("k")) && rows_put(&r, "X", &answer) == -1,
	    "a row that never fits is told");
	rows_reset(&r);
	ok(put("X"), "and forgotten");
	anew(0);
	rows_cut(&r, span_of("7/"));
	ok(put("X") && out.n == 3 && span_is(out.field[1], "7/"),
	    "a page that is cut short has its NEXT, also without a row");
	anew(0);
	ok(put("X") && out.field[1].len == 0, "and the one after it none");
}

int
main(void)
{
	fields_init(&out);
	fields_init(&cells);
	buf_init(&answer, REQUEST_MAX);
	rows_init(&r, 0);
	test_bytes();
	test_pages();
	rows_clear(&r);
	buf_clear(&answer);
	fields_clear(&out);
	fields_clear(&cells);
	return done_testing();
}
