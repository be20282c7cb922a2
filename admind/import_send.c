/*
 * Rows to admind, BATCH under way at a time.
 *
 * Each row has an id of its own.  What admind could not do now, or did not
 * answer because it or the connection went away, is sent again with that id
 * after a pause: what was done is not done twice.  When that has gone on for
 * TRY_MS the row is given up; when nothing else has been answered either since
 * the last one that was given up, everything is.
 */
#include "config.h"
#include "admind/import.h"

#include "admind/code.h"
#include "libcommon/io.h"

#include <stdlib.h>
#include <time.h>

#define BATCH 48
#define BATCH_BYTES (256 * 1024)
#define TRY_MS 60000
#define PAUSE_MS 100
#define PAUSE_MAX_MS 4000

struct sent {
	unsigned long line;
	char object[OBJECT_MAX];
	unsigned char id[ADMIN_ID];
	struct buf request;
	bool answered;
	char comment[WHY_MAX]; /* why it is to be sent again */
};

struct sender {
	struct admin_link *link;
	struct report *report;
	unsigned n;
	size_t bytes;
	bool good; /* admind has answered something since a row was given up */
	struct fields answer;
	struct sent row[BATCH];
};

struct sender *
sender_new(struct admin_link *link, struct report *report)
{
	struct sender *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->link = link;
	s->report = report;
	fields_init(&s->answer);
	for (unsigned i = 0; i < BATCH; i++)
		buf_init(&s->row[i].request, REQUEST_MAX);
	return s;
}

void
sender_free(struct sender **sp)
{
	struct sender *s = *sp;

	if (s == NULL)
		return;
	for (unsigned i = 0; i < BATCH; i++)
		buf_clear(&s->row[i].request);
	fields_clear(&s->answer);
	free(s);
	*sp = NULL;
}

static void
copy(char *dst, size_t size, struct span s)
{
	snprintf(dst, size, "%.*s", (int)(s.len < size ? s.len : size - 1),
	    (const char *)s.data);
}

/* An answer to a row. */
static void
answered(struct sender *s, struct sent *row)
{
	char code[12];

	copy(code, sizeof(code), fields_get(&s->answer, 4));
	copy(row->comment, sizeof(row->comment), fields_get(&s->answer, 5));
	if (strcmp(code, "-2") == 0)
		return;
	row->answered = true;
	s->good = true;
	report_row(s->report, row->line, row->object,
	    (int)strtol(code, NULL, 10), row->comment);
	report_progress(s->report, false);
}

/* Send what has no answer yet and take the answers.  0 (some may be to do
 * again), or an exit status. */
static int
once(struct sender *s, char *why)
{
	struct sent *sent[BATCH];
	unsigned n = 0;
	int r = 0;

	for (unsigned i = 0; i < s->n && r == 0; i++) {
		if (s->row[i].answered)
			continue;
		r = admin_send(s->link, s->row[i].id, &s->row[i].request, why,
		    WHY_MAX);
		sent[n++] = &s->row[i];
	}
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = admin_receive(s->link, sent[i]->id, &s->answer, why,
		    WHY_MAX);
		if (r == 0)
			answered(s, sent[i]);
	}
	for (unsigned i = 0; i < n && r == ADMIN_LOST; i++)
		if (!sent[i]->answered)
			copy(sent[i]->comment, WHY_MAX, span_of(why));
	return r == ADMIN_LOST ? 0 : r;
}

static bool
is_done(const struct sender *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!s->row[i].answered)
			return false;
	return true;
}

/* 0 when the next rows may have more luck. */
static int
give_up(struct sender *s, char *why)
{
	struct sent *last = NULL;
	bool good = s->good;

	for (unsigned i = 0; i < s->n; i++) {
		if (s->row[i].answered)
			continue;
		last = &s->row[i];
		report_row(s->report, last->line, last->object, CODE_TEMP,
		    last->comment);
	}
	s->good = false;
	if (good || last == NULL)
		return 0;
	snprintf(why, WHY_MAX,
	    "given up at line %lu: %.150s; import the same "
	    "file again later",
	    last->line, last->comment);
	return EXIT_TEMP;
}

int
sender_finish(struct sender *s, char why[static WHY_MAX])
{
	uint64_t begin = io_now_ms(), pause = PAUSE_MS;
	int r;

	while ((r = once(s, why)) == 0 && !is_done(s)) {
		struct timespec ts = { (time_t)(pause / 1000),
			(long)(pause % 1000) * 1000000 };

		if (io_now_ms() - begin + pause > TRY_MS) {
			r = give_up(s, why);
			break;
		}
		report_progress(s->report, false);
		nanosleep(&ts, NULL);
		pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
	}
	for (unsigned i = 0; i < s->n; i++)
		buf_clear(&s->row[i].request);
	s->n = 0;
	s->bytes = 0;
	return r;
}

int
sender_put(struct sender *s, unsigned long line, const char *object,
    const struct buf *request, char why[static WHY_MAX])
{
	struct sent *row;
	int r;

	if ((s->n == BATCH || s->bytes + request->len > BATCH_BYTES) &&
	    (r = sender_finish(s, why)) != 0)
		return r;
	row = &s->row[s->n++];
	row->line = line;
	row->answered = false;
	row->comment[0] = '\0';
	copy(row->object, sizeof(row->object), span_of(object));
	admin_new_id(row->id);
	buf_put_span(&row->request, buf_span(request));
	s->bytes += request->len;
	return buf_error(&row->request) != 0 ? EXIT_TEMP : 0;
}
