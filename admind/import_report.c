/*
 * What became of rows: a line for each that failed, or all as JSON, on standard
 * output; how far it is on a terminal.
 */
#include "config.h"
#include "admind/import.h"

#include "admind/code.h"
#include "libcommon/io.h"

#define PROGRESS_MS 200
#define ERASE "\r\033[K"

void
report_begin(struct report *r)
{
	r->begun = true;
	if (!r->json)
		return;
	fputs("{\"file\":", stdout);
	text_json(stdout, span_of(r->file));
	printf(",\"type\":\"%s\",\"dry-run\":%s,\"rows\":[", r->type,
	    r->dry_run ? "true" : "false");
}

static void
erase(const struct report *r)
{
	if (!r->terminal || r->shown_ms == 0)
		return;
	fputs(ERASE, stderr);
	fflush(stderr);
}

static void
put_json(struct report *r, unsigned long line, const char *object, int code,
    const char *comment)
{
	printf("%s\n{\"line\":%lu,\"object\":", r->listed ? "," : "", line);
	text_json(stdout, span_of(object));
	printf(",\"code\":%d,\"comment\":", code);
	text_json(stdout, span_of(comment));
	putchar('}');
	r->listed = true;
}

static void
put_line(struct report *r, unsigned long line, const char *object, int code,
    const char *comment)
{
	erase(r);
	text_put(stdout, span_of(r->file));
	printf(":%lu: ", line);
	text_put(stdout, span_of(object));
	fputs(*object != '\0' ? ": " : "", stdout);
	text_put(stdout, span_of(comment));
	printf(" (code %d)\n", code);
}

void
report_wrong(struct report *r, unsigned long line, const char *object, int code,
    const char *what)
{
	if (r->json)
		put_json(r, line, object, code, what);
	else
		put_line(r, line, object, code, what);
}

void
report_row(struct report *r, unsigned long line, const char *object, int code,
    const char *comment)
{
	if (code == CODE_OK)
		r->done++;
	else
		r->refused++;
	if (r->json)
		put_json(r, line, object, code, comment);
	else if (code != CODE_OK)
		put_line(r, line, object, code, comment);
}

static void
put_time(uint64_t s)
{
	if (s >= 3600)
		fprintf(stderr, "%u h %u min", (unsigned)(s / 3600),
		    (unsigned)(s / 60 % 60));
	else if (s >= 60)
		fprintf(stderr, "%u min %u s", (unsigned)(s / 60),
		    (unsigned)(s % 60));
	else
		fprintf(stderr, "%u s", (unsigned)s);
}

void
report_progress(struct report *r, bool end)
{
	uint64_t now = io_now_ms(), took = now - r->begin_ms + 1;
	unsigned long n = r->done + r->refused, all = r->rows - r->bad;

	if (!r->terminal || (!end && now - r->shown_ms < PROGRESS_MS))
		return;
	if (end) {
		erase(r);
		return;
	}
	r->shown_ms = now;
	fprintf(stderr, ERASE "%lu of %lu, %lu a second", n, all,
	    (unsigned long)(n * 1000 / took));
	if (n > 0 && n < all) {
		fputs(", ", stderr);
		put_time((all - n) * took / n / 1000 + 1);
		fputs(" left", stderr);
	}
	fflush(stderr);
}

void
report_end(struct report *r, const char *stopped)
{
	unsigned long unsent = r->rows - r->done - r->refused - r->bad;

	report_progress(r, true);
	if (r->json) {
		printf("%s],\"n\":%lu,\"done\":%lu,\"refused\":%lu,"
		       "\"bad\":%lu,\"unsent\":%lu",
		    r->listed ? "\n" : "", r->rows, r->done, r->refused, r->bad,
		    unsent);
		if (stopped != NULL) {
			fputs(",\"stopped\":", stdout);
			text_json(stdout, span_of(stopped));
		}
		puts("}");
		return;
	}
	printf("%lu row%s: %lu %s, %lu refused", r->rows,
	    r->rows == 1 ? "" : "s", r->done, r->dry_run ? "good" : "done",
	    r->refused);
	if (r->bad > 0)
		printf(", %lu bad", r->bad);
	if (unsent > 0)
		printf(", %lu not sent", unsent);
	putchar('\n');
	fflush(stdout);
	if (stopped != NULL)
		fprintf(stderr, "semail: %s\n", stopped);
}
