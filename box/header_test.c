#include "config.h"
#include "box/header.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name, *in;
	unsigned received;
	bool been_here, to_us;
	const char *automatic; /* "" for NULL */
} rows[] = {
	{ "nothing", "", 0, false, false, "" },
	{ "no header", "\r\nTo: ann@x.test\r\n", 0, false, false, "" },
	{ "a body is not looked at", "A: b\r\n\r\nTo: ann@x.test\r\n", 0, false,
	    false, "" },
	{ "what is no field ends it", "A: b\r\nhello\r\nTo: ann@x.test\r\n", 0,
	    false, false, "" },
	{ "a continuation before any field", " x\r\nTo: ann@x.test\r\n", 0,
	    false, false, "" },
	{ "Received lines",
	    "Received: a\r\nX: y\r\nreceived: b;\r\n\tc\r\n"
	    "RECEIVED : d\r\n\r\n",
	    3, false, false, "" },
	{ "LF alone", "Received: a\nDelivered-To: ann@x.test\n\n", 1, true,
	    false, "" },
	{ "been here", "Delivered-To: ann@x.test\r\n\r\n", 0, true, false, "" },
	{ "with a detail", "Delivered-To:Ann+x@X.TEST \r\n\r\n", 0, true, false,
	    "" },
	{ "another's", "Delivered-To: bob@x.test\r\n\r\n", 0, false, false,
	    "" },
	{ "an alias may be passed twice", "Delivered-To: info@x.test\r\n\r\n",
	    0, false, false, "" },
	{ "a lookalike",
	    "Delivered-To: ann@x.test.example\r\n"
	    "Delivered-To: joann@x.test\r\nX-Delivered-To: ann@x.test\r\n\r\n",
	    0, false, false, "" },
	{ "To", "To: ann@x.test\r\n\r\n", 0, false, true, "" },
	{ "To, folded",
	    "To: bob@x.test,\r\n \"Lee, Ann\"\r\n\t<Ann@X.test>"
	    "\r\n\r\n",
	    0, false, true, "" },
	{ "Cc", "Cc: team: bob@y.test, ann+x@x.test;\r\n\r\n", 0, false, true,
	    "" },
	{ "Resent-To", "To: b@x.test\r\nResent-To: ann@x.test\r\n\r\n", 0,
	    false, true, "" },
	{ "the address of the envelope", "To: <info@x.test>\r\n\r\n", 0, false,
	    true, "" },
	{ "not to us",
	    "To: joann@x.test, ann@x.test.example, ann@y.test,"
	    " annx.test\r\nFrom: ann@x.test\r\n\r\n",
	    0, false, false, "" },
	{ "Auto-Submitted", "Auto-Submitted: auto-replied; x=y\r\n\r\n", 0,
	    false, false, "Auto-Submitted" },
	{ "Auto-Submitted: no", "Auto-Submitted: NO (really)\r\n\r\n", 0, false,
	    false, "" },
	{ "empty", "Auto-Submitted:\r\n\r\n", 0, false, false,
	    "Auto-Submitted" },
	{ "a list", "List-Id: <x.test>\r\n\r\n", 0, false, false, "List" },
	{ "any of them", "list-unsubscribe: y\r\n\r\n", 0, false, false,
	    "List" },
	{ "Precedence", "Precedence: Bulk\r\n\r\n", 0, false, false,
	    "Precedence" },
	{ "another", "Precedence: first-class\r\n\r\n", 0, false, false, "" },
	{ "suppressed", "X-Auto-Response-Suppress: RN, autoreply\r\n\r\n", 0,
	    false, false, "X-Auto-Response-Suppress" },
	{ "All", "X-Auto-Response-Suppress: All\r\n\r\n", 0, false, false,
	    "X-Auto-Response-Suppress" },
	{ "not for answers", "X-Auto-Response-Suppress: RN, NRN\r\n\r\n", 0,
	    false, false, "" },
	{ "spam", "X-Spam-Flag: YES\r\n\r\n", 0, false, false, "spam" },
	{ "spam, with a score", "X-Spam-Status: Yes, score=9.9\r\n\r\n", 0,
	    false, false, "spam" },
	{ "no spam", "X-Spam-Status: No, score=0\r\nX-Spam-Flag: NO\r\n\r\n", 0,
	    false, false, "" },
};

static const struct span ours[] = {
	{ (const unsigned char *)"ann@x.test", 10 },
	{ (const unsigned char *)"info@x.test", 11 },
};

static void
texts(void)
{
	static const char in[] =
	    "Subject: one\r\n two \r\nMessage-Id:  <1@y>\r\n"
	    "References: <0@y>\r\n <9@y>\r\nSubject: another\r\n\r\n";
	struct header h;

	header_scan(span_of(in), ours, nitems(ours), &h);
	ok(span_is(h.subject, "one\r\n two"), "the first subject, as it is");
	ok(span_is(h.message_id, "<1@y>"), "the message's id");
	ok(span_is(h.references, "<0@y>\r\n <9@y>"), "and references");
}

static void
large(void)
{
	size_t n = 2 * HEADER_MAX, at = 0;
	char *big = malloc(n + 64);
	struct header h;

	if (big == NULL)
		abort();
	while (at < n)
		at += (size_t)snprintf(big + at, 64, "To: ann@x.tes\r\n");
	snprintf(big + at, 64, "To: ann@x.test\r\n\r\n");
	header_scan(span_of(big), ours, nitems(ours), &h);
	ok(!h.to_us, "only so much is looked at");
	memset(big, '@', n);
	memcpy(big, "To: ", 4);
	header_scan(span_from(big, n), ours, nitems(ours), &h);
	ok(!h.to_us, "a line of nothing but @");
	free(big);
}

int
main(void)
{
	struct header h;

	for (size_t i = 0; i < nitems(rows); i++) {
		header_scan(span_of(rows[i].in), ours, nitems(ours), &h);
		ok(h.received == rows[i].received &&
		        h.been_here == rows[i].been_here &&
		        h.to_us == rows[i].to_us,
		    "%s", rows[i].name);
		is_str(h.automatic == NULL ? "" : h.automatic,
		    rows[i].automatic, "%s: automatic", rows[i].name);
	}
	texts();
	large();
	return done_testing();
}
