#include "config.h"
#include "queue/deferred.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>

static struct buf file, lines;

static struct qmsg *
message(void)
{
	struct envelope e = { .arrived_s = 1700000000,
		.flags = 5,
		.reverse_path = span_of("\"a b%\"@x.test"),
		.client = span_of("192.0.2.1"),
		.auth = span_of(""),
		.prefix =
		    span_of("Delivered-To: b%\r\nReceived: by x;\r\n\ty\r\n"),
		.nrcpts = 3,
		.body_bytes = 7,
		.body_crc = 0xdeadbeef };
	struct target t[2] = { { TARGET_MAILBOX, 17, span_of("b@x.test") },
		{ TARGET_REMOTE, 0, span_of("c d@else.test") } };
	struct buf b, rcpts;
	struct qmsg *m;

	buf_init(&b, 1 << 20);
	buf_init(&rcpts, 1 << 20);
	envelope_rcpt_put(&rcpts, span_of("list@x.test"), t, 2);
	envelope_rcpt_put(&rcpts, span_of("b@x.test"), t, 1);
	envelope_rcpt_put(&rcpts, span_of("\xc3\xbc@x.test"), NULL, 0);
	e.rcpts = buf_span(&rcpts);
	envelope_put(&b, &e);
	m = qmsg_new(1234567, buf_span(&b), NULL);
	buf_clear(&b);
	buf_clear(&rcpts);
	return m;
}

static void
head(void)
{
	struct qmsg *m = message(), *got;
	size_t len;
	unsigned taken = 0;

	ok(m != NULL && m->ntargets == 4 && m->nopen == 3 && m->targets[2].twin,
	    "two addresses of a mailbox are one target");
	buf_reset(&file);
	deferred_head_put(&file, m);
	buf_puts(&file, "body of it");
	got = deferred_head_get(buf_span(&file), &len);
	ok(got != NULL, "the header is read back");
	if (got == NULL)
		return;
	is_int((int64_t)len, (int64_t)file.len - 10, "up to the body");
	ok(got->id == m->id && got->arrived_s == m->arrived_s &&
	        got->flags == (5 | QMSG_PREFIX) && got->body_bytes == 7 &&
	        got->body_crc == 0xdeadbeef && !got->body_file,
	    "numbers");
	ok(span_eq(got->reverse_path, m->reverse_path) &&
	        span_eq(got->client, m->client) && got->auth.len == 0,
	    "texts");
	ok(span_eq(got->prefix, m->prefix) && got->prefix.len > 20,
	    "lines that forwarding added");
	is_int(got->nrcpts, 3, "recipients");
	is_int(got->nopen, 3, "targets");
	ok(qmsg_find(got, TARGET_MAILBOX, 17, span_of("")) != NULL &&
	        qmsg_find(got, TARGET_REMOTE, 0, span_of("c d@else.test")) !=
	            NULL &&
	        qmsg_find(got, TARGET_UNKNOWN, 0, span_of("\xc3\xbc@x.test")) !=
	            NULL,
	    "each of them");
	qmsg_free(&got);
	for (size_t cut = 0; cut < len; cut++) {
		got = deferred_head_get(span_from(file.data, cut), &len);
		taken += got != NULL;
		qmsg_free(&got);
		len = file.len - 10;
	}
	is_int(taken, 0, "no cut of it is taken for whole");
	for (size_t i = 0; i < file.len - 10; i++) {
		file.data[i] ^= 1;
		got = deferred_head_get(buf_span(&file), &len);
		taken += got != NULL;
		qmsg_free(&got);
		file.data[i] ^= 1;
	}
	is_int(taken, 0, "nor with a bit changed");
	qmsg_free(&m);
}

static void
status(void)
{
	struct target t[2] = { { TARGET_MAILBOX, 18, span_of("u@x.test") },
		{ TARGET_MAILBOX, 17, span_of("b@x.test") } };
	struct qmsg *m = message(), *got;
	struct qtarget *target;
	unsigned bad;
	size_t len, n, whole;

	m->attempts = 3;
	m->due_s = 1700009999;
	deferred_head_put(&file, m);
	buf_reset(&file);
	deferred_head_put(&file, m);
	buf_reset(&lines);
	target = qmsg_find(m, TARGET_MAILBOX, 17, span_of(""));
	deferred_put_target(&lines, 1, target, true, span_of("2.0.0 ok"));
	target = qmsg_find(m, TARGET_REMOTE, 0, span_of("c d@else.test"));
	deferred_put_target(&lines, 2, target, false,
	    span_of("4.4.1 tab\there, 100%"));
	deferred_put_expand(&lines, 3, span_of("\xc3\xbc@x.test"), t, 2);
	deferred_put_attempt(&lines, 4, m);
	whole = lines.len;

	got = deferred_head_get(buf_span(&file), &len);
	n = deferred_lines_get(buf_span(&lines), got, &bad);
	is_int((int64_t)n, (int64_t)whole, "all lines are taken");
	is_int(bad, 0, "none is bad");
	is_int(got->nopen, 2, "one done, one expanded into a new and a known");
	ok(got->attempts == 3 && got->due_s == 1700009999, "attempts, due");
	target = qmsg_find(got, TARGET_REMOTE, 0, span_of("c d@else.test"));
	is_str(target->status, "4.4.1 tab?here, 100%", "the reason");
	ok(qmsg_find(got, TARGET_UNKNOWN, 0, span_of("\xc3\xbc@x.test")) ==
	            NULL &&
	        qmsg_find(got, TARGET_MAILBOX, 18, span_of("")) != NULL,
	    "the expansion");
	qmsg_free(&got);

	/* a torn end, a damaged line */
	got = deferred_head_get(buf_span(&file), &len);
	n = deferred_lines_get(span_from(lines.data, whole - 3), got, &bad);
	ok(n < whole - 3 && got->attempts == 0 && bad == 0,
	    "a torn last line counts as not written");
	qmsg_free(&got);
	lines.data[5] ^= 1;
	got = deferred_head_get(buf_span(&file), &len);
	n = deferred_lines_get(buf_span(&lines), got, &bad);
	ok(n == whole && bad == 1 && got->attempts == 3,
	    "a damaged one is left out, the others count");
	is_int(got->nopen, 3, "what it said is to be done again");
	qmsg_free(&got);
	qmsg_free(&m);
}

/* Recipients that are lists of TARGETS_MAX, known at once and learnt later. */
static void
lists(void)
{
	static struct target t[TARGETS_MAX];
	static char text[TARGETS_MAX][48];
	struct envelope e = { .nrcpts = 40 };
	struct buf b, rcpts;
	struct qmsg *m, *got;
	unsigned bad = 1, n = 0;
	char name[40];
	size_t len;

	for (unsigned i = 0; i < TARGETS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]),
		    "a.member.of.the.list.%05u@x.test", i);
		t[i] = (struct target){ TARGET_MAILBOX, i + 1,
			span_of(text[i]) };
	}
	buf_init(&b, ENVELOPE_MAX);
	buf_init(&rcpts, ENVELOPE_MAX);
	envelope_rcpt_put(&rcpts, span_of("all@x.test"), t, TARGETS_MAX);
	for (unsigned i = 1; i < e.nrcpts; i++) {
		snprintf(name, sizeof(name), "all+%u@x.test", i);
		envelope_rcpt_put(&rcpts, span_of(name), NULL, 0);
	}
	e.rcpts = buf_span(&rcpts);
	envelope_put(&b, &e);
	m = qmsg_new(1, buf_span(&b), NULL);
	if (!ok(m != NULL && m->nopen == TARGETS_MAX + 39, "a long list"))
		return;
	buf_reset(&file);
	deferred_head_put(&file, m);
	got = deferred_head_get(buf_span(&file), &len);
	ok(got != NULL && got->nopen == TARGETS_MAX + 39 &&
	        qmsg_find(got, TARGET_MAILBOX, TARGETS_MAX, span_of("")) !=
	            NULL,
	    "is read back");
	buf_reset(&lines);
	deferred_put_expand(&lines, 3, span_of("all+1@x.test"), t, TARGETS_MAX);
	if (got != NULL)
		deferred_lines_get(buf_span(&lines), got, &bad);
	ok(bad == 0 && got->nopen == TARGETS_MAX + 38,
	    "and another, of the same members");
	qmsg_free(&got);

	errno = 0;
	for (unsigned i = 1; i < e.nrcpts; i++) {
		snprintf(name, sizeof(name), "all+%u@x.test", i);
		buf_reset(&b);
		expand_put(&b, span_of(name), t, TARGETS_MAX);
		n += qmsg_expand(m, buf_span(&b)) == 0;
	}
	ok(n > 30 && n < 39 && errno == EMSGSIZE, "there is a limit: %u", n);
	is_int(m->nopen, TARGETS_MAX + 39 - n, "each member is one target");
	buf_reset(&file);
	deferred_head_put(&file, m);
	got = deferred_head_get(buf_span(&file), &len);
	ok(got != NULL && got->nopen == m->nopen &&
	        got->ntargets == m->ntargets,
	    "what is below it is read back");
	qmsg_free(&got);
	qmsg_free(&m);
	buf_clear(&b);
	buf_clear(&rcpts);
}

int
main(void)
{
	buf_init(&file, DEFERRED_HEAD_MAX);
	buf_init(&lines, 1 << 20);
	head();
	status();
	lists();
	buf_clear(&file);
	buf_clear(&lines);
	return done_testing();
}
