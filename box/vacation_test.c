#include "config.h"
#include "box/vacation.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>

static const struct span ours[] = {
	{ (const unsigned char *)"ann@x.test", 10 },
	{ (const unsigned char *)"info@x.test", 11 },
};

static void
senders(void)
{
	static const struct {
		const char *sender;
		bool refused;
	} rows[] = {
		{ "bob@y.test", false },
		{ "", true },
		{ "nodomain", true },
		{ "@y.test", true },
		{ "ann@x.test", true },
		{ "Ann+work@X.test", true },
		{ "info@x.test", true },
		{ "ann@y.test", false },
		{ "MAILER-DAEMON@y.test", true },
		{ "mailer-daemon+1@y.test", true },
		{ "Majordomo@y.test", true },
		{ "listserv@y.test", true },
		{ "owner-list@y.test", true },
		{ "owner@y.test", false },
		{ "list-request@y.test", true },
		{ "request@y.test", false },
		{ "list-bounces@y.test", true },
		{ "list-bounces+bob=z.test@y.test", true },
		{ "bounces+1234@y.test", true },
		{ "no-reply@y.test", true },
		{ "norepl@y.test", false },
		{ "+x@y.test", false },
	};

	for (size_t i = 0; i < nitems(rows); i++) {
		const char *why = vacation_refuses(span_of(rows[i].sender),
		    ours, nitems(ours));

		ok((why != NULL) == rows[i].refused, "sender <%s>: %s",
		    rows[i].sender, why == NULL ? "answered" : why);
	}
}

/* ---- the answer -------------------------------------------------------- */

static struct buf out;
static struct header header;

static const char *
answer(const char *subject, const char *text)
{
	struct vacation v = { .text = span_of(text),
		.own = "ann@x.test",
		.sender = span_of("\"b c\"@y.test"),
		.header = &header,
		.id = "ID",
		.hostname = "mx.test",
		.now_s = 1700000000 };

	header.subject = span_of(subject);
	buf_clear(&out);
	buf_init(&out, 128 * 1024);
	vacation_write(&out, &v);
	buf_putc(&out, '\0');
	if (buf_error(&out) != 0)
		return "";
	return (const char *)out.data;
}

/* A field of the answer with its name and folds, or "". */
static const char *
field(const char *answer, const char *name)
{
	static char text[4096];
	const char *p, *end;

	text[0] = '\0';
	for (p = answer; (p = strstr(p, name)) != NULL; p++)
		if (p == answer || p[-1] == '\n')
			break;
	if (p == NULL || p > strstr(answer, "\r\n\r\n"))
		return text;
	for (end = p; (end = strstr(end, "\r\n")) != NULL && end[2] == ' ';)
		end += 2;
	snprintf(text, sizeof(text), "%.*s", (int)(end - p), p);
	return text;
}

static const char *
body(const char *answer)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

static void
usual(void)
{
	const char *a;

	header.message_id = span_of("<1@y.test>");
	header.references =
	    span_of("<0@y.test>\r\n <bad <x@y.test> <9@y.test>");
	a = answer("Lunch?", "I am away.\n");
	is_str(field(a, "From:"), "From: <ann@x.test>", "from the mailbox");
	is_str(field(a, "To:"), "To: <\"b c\"@y.test>", "to the sender");
	is_str(field(a, "Subject:"), "Subject: Auto: Lunch?", "subject");
	is_str(field(a, "Date:"), "Date: Tue, 14 Nov 2023 22:13:20 +0000",
	    "date");
	is_str(field(a, "Message-ID:"), "Message-ID: <ID@mx.test>", "id");
	is_str(field(a, "In-Reply-To:"), "In-Reply-To: <1@y.test>",
	    "what it answers");
	is_str(field(a, "References:"),
	    "References: <0@y.test>\r\n "
	    "<x@y.test>\r\n <9@y.test>\r\n <1@y.test>",
	    "and what that referred to");
	is_str(field(a, "Auto-Submitted:"), "Auto-Submitted: auto-replied",
	    "automatic");
	is_str(field(a, "Content-T"), "Content-Type: text/plain; charset=utf-8",
	    "MIME");
	is_str(body(a), "I am away.\r\n", "the text");
}

static void
subjects(void)
{
	char long_one[1000];
	const char *a;

	is_str(field(answer("x", "Subject: Gone\n\nfishing"), "Subject:"),
	    "Subject: Gone", "the text's own subject");
	is_str(body((const char *)out.data), "fishing\r\n", "is not in it");
	is_str(field(answer("x", "subject:Gone\r\nfishing"), "Subject:"),
	    "Subject: Gone", "without an empty line after it");
	is_str(body((const char *)out.data), "fishing\r\n", "either");
	is_str(field(answer("", "x"), "Subject:"),
	    "Subject: Auto:", "none to repeat");
	is_str(field(answer("a\r\n b\r\n\tc", "x"), "Subject:"),
	    "Subject: Auto: a b c", "unfolded");
	is_str(field(answer("a\nBcc: x\r\rd\x1b", "x"), "Subject:"),
	    "Subject: Auto: a Bcc: x d", "no line can be added");
	is_str(field(answer("=?utf-8?Q?caf=C3=A9?=", "x"), "Subject:"),
	    "Subject: Auto: =?utf-8?Q?caf=C3=A9?=",
	    "encoded words go as they are");
	is_str(field(answer("caf\xc3\xa9", "x"), "Subject:"),
	    "Subject: =?utf-8?B?QXV0bzogY2Fmw6k=?=", "UTF-8 is encoded");
	is_str(field(answer("caf\xe9", "x"), "Subject:"),
	    "Subject: =?utf-8?B?QXV0bzogY2Fm77+9?=",
	    "what is none is replaced");
	memset(long_one, 'a', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	a = field(answer(long_one, "x"), "Subject:");
	ok(strlen(a) < 450, "a long one is cut");
	for (size_t i = 20; i < sizeof(long_one); i += 20)
		long_one[i] = ' ';
	a = field(answer(long_one, "x"), "Subject:");
	ok(strlen(a) < 450 && strcspn(a, "\r") <= 76, "or folded");
	for (size_t i = 0; i + 2 < sizeof(long_one); i += 2)
		memcpy(long_one + i, "\xc3\xa9", 2);
	long_one[sizeof(long_one) - 1] = '\0';
	a = field(answer(long_one, "x"), "Subject:");
	ok(strlen(a) < 800 && strcspn(a, "\r") <= 76, "in encoded words, too");
}

static void
ids(void)
{
	static const char *const wrong[] = { "", "1@y.test", "<1>", "<1@y.test",
		"<1 2@y.test>", "<1@y.test>\r\nBcc: x", "<1\x80@y.test>" };

	header.references = span_of("<0@y.test>");
	for (size_t i = 0; i < nitems(wrong); i++) {
		header.message_id = span_of(wrong[i]);
		answer("x", "y");
		ok(strstr((const char *)out.data, "In-Reply-To") == NULL &&
		        strstr((const char *)out.data, "References") == NULL &&
		        strstr((const char *)out.data, "Bcc") == NULL,
		    "no message id: %zu", i);
	}
}

static void
texts(void)
{
	char line[200];

	is_str(body(answer("x", "a\rb\r\nc\n")), "a\r\nb\r\nc\r\n",
	    "any line end");
	is_str(body(answer("x", "caf\xc3\xa9 = \t\nFrom me\n.\n")),
	    "caf=C3=A9 =3D =09\r\n=46rom me\r\n=2E\r\n", "quoted");
	is_str(body(answer("x", "some text \x01\x7f\xff z")),
	    "some text   =EF=BF=BD z\r\n", "what cannot be sent");
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	answer("x", line);
	is_int((int)strcspn(body((const char *)out.data), "\r"), 76,
	    "long lines are broken");
	is_str(body(answer("x", "\xe4\xb8\xad\xe6\x96\x87\n")),
	    "5Lit5paHDQo=\r\n", "mostly not ASCII: base64");
	is_str(field((const char *)out.data, "Content-Transfer-Encoding:"),
	    "Content-Transfer-Encoding: base64", "and says so");
	is_str(body(answer("x", "")), "", "nothing");
}

static void
large(void)
{
	size_t n = 65535;
	char *text = malloc(n + 1);

	if (text == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		text[i] = i % 60 == 59 ? '\n' : 'a';
	text[n] = '\0';
	ok(strlen(answer("x", text)) > n, "the longest text");
	memset(text, '\n', n);
	is_str(answer("x", text), "", "too long: an error");
	free(text);
}

int
main(void)
{
	buf_init(&out, 1);
	senders();
	usual();
	subjects();
	ids();
	texts();
	large();
	buf_clear(&out);
	return done_testing();
}
