#include "config.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"
#include "smtpd/session_fake.h"
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

#define EHLO "EHLO c.test\r\n"
#define TXN "MAIL FROM:<a@x.test>\r\nRCPT TO:<u@here.test>\r\n"

/* Only the codes, in order: "250 354 250"; "250-" lines count once. */
static void
codes(const struct buf *out, char *text, size_t size)
{
	struct span rest = buf_span(out);
	size_t n = 0;

	text[0] = '\0';
	while (rest.len > 0) {
		ptrdiff_t lf = span_chr(rest, '\n');

		if (lf == -1 || lf < 4) {
			snprintf(text + n, size - n, " BROKEN");
			return;
		}
		if (rest.data[3] == ' ' && n + 5 < size)
			n += (size_t)snprintf(text + n, size - n, "%s%.3s",
			    n > 0 ? " " : "", (const char *)rest.data);
		rest = span_sub(rest, (size_t)lf + 1, rest.len);
	}
}

static const struct {
	const char *name;
	enum listener_kind kind;
	bool tls;
	const char *in, *want; /* codes */
	unsigned submitted;
} rows[] = {
	{ "a message", KIND_SMTP, false,
	    EHLO TXN "DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n",
	    "250 250 250 354 250 221", 1 },
	{ "HELO, and any case", KIND_SMTP, false,
	    "helo c.test\r\nmail from:<a@x.test>\r\nrcpt to:<U@Here.Test>\r\n"
	    "data\r\n.\r\nquit\r\n",
	    "250 250 250 354 250 221", 1 },
	{ "two messages", KIND_SMTP, false,
	    EHLO TXN "DATA\r\nx\r\n.\r\n" TXN "DATA\r\ny\r\n.\r\n",
	    "250 250 250 354 250 250 250 354 250", 2 },
	{ "MAIL before EHLO", KIND_SMTP, false, TXN, "503 503", 0 },
	{ "RCPT before MAIL", KIND_SMTP, false,
	    EHLO "RCPT TO:<u@here.test>\r\n", "250 503", 0 },
	{ "DATA before RCPT", KIND_SMTP, false,
	    EHLO "MAIL FROM:<a@x.test>\r\nDATA\r\n", "250 250 554", 0 },
	{ "DATA without MAIL", KIND_SMTP, false, EHLO "DATA\r\n", "250 503",
	    0 },
	{ "nested MAIL", KIND_SMTP, false, EHLO TXN "MAIL FROM:<b@x.test>\r\n",
	    "250 250 250 503", 0 },
	{ "RSET ends the transaction", KIND_SMTP, false,
	    EHLO TXN "RSET\r\nDATA\r\n", "250 250 250 250 503", 0 },
	{ "EHLO ends the transaction", KIND_SMTP, false,
	    EHLO TXN EHLO "DATA\r\n", "250 250 250 250 503", 0 },
	{ "null reverse-path", KIND_SMTP, false,
	    EHLO "MAIL FROM:<>\r\nRCPT TO:<u@here.test>\r\nDATA\r\n.\r\n",
	    "250 250 250 354 250", 1 },
	{ "a blank after the colon is forgiven", KIND_SMTP, false,
	    EHLO "MAIL FROM: <a@x.test>\r\n", "250 250", 0 },
	{ "postmaster without domain", KIND_SMTP, false,
	    EHLO "MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n", "250 250 250", 0 },
	{ "recipients of all kinds", KIND_SMTP, false,
	    EHLO "MAIL FROM:<>\r\nRCPT TO:<nouser@here.test>\r\n"
	         "RCPT TO:<full@here.test>\r\nRCPT TO:<temp@here.test>\r\n"
	         "RCPT TO:<many@here.test>\r\n"
	         "RCPT TO:<u@elsewhere.test>\r\nDATA\r\n",
	    "250 250 550 452 451 451 550 554", 0 },
	{ "too many recipients", KIND_SMTP, false,
	    EHLO TXN "RCPT TO:<v@here.test>\r\nRCPT TO:<w@here.test>\r\n"
	             "RCPT TO:<x@here.test>\r\n",
	    "250 250 250 250 250 452", 0 },
	{ "SIZE too large", KIND_SMTP, false,
	    EHLO "MAIL FROM:<a@x.test> SIZE=100001\r\n", "250 552", 0 },
	{ "SIZE, BODY, SMTPUTF8", KIND_SMTP, false,
	    EHLO
	    "MAIL FROM:<\xc3\xa9@x.test> SIZE=10 BODY=8BITMIME SMTPUTF8\r\n"
	    "RCPT TO:<\xc3\xa9@here.test>\r\n",
	    "250 250 250", 0 },
	{ "UTF-8 without SMTPUTF8", KIND_SMTP, false,
	    EHLO "MAIL FROM:<\xc3\xa9@x.test>\r\nMAIL FROM:<a@x.test>\r\n"
	         "RCPT TO:<\xc3\xa9@here.test>\r\n",
	    "250 553 250 553", 0 },
	{ "bad parameters", KIND_SMTP, false,
	    EHLO
	    "MAIL FROM:<a@x.test> FOO=1\r\nMAIL FROM:<a@x.test> SIZE=x\r\n"
	    "MAIL FROM:<a@x.test> SIZE=1 SIZE=1\r\n"
	    "MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n"
	    "MAIL FROM:<a@x.test>SIZE=1\r\nMAIL FROM:<a@x.test> AUTH=<>\r\n",
	    "250 555 501 555 501 501 555", 0 },
	{ "parameters need EHLO", KIND_SMTP, false,
	    "HELO c\r\nMAIL FROM:<a@x.test> SIZE=1\r\n", "250 555", 0 },
	{ "syntax errors", KIND_SMTP, false,
	    EHLO "FOO\r\nMAIL\r\nMAIL FROM:\r\nMAIL FROM:a@x.test\r\nRSET x\r\n"
	         "EHLO\r\nEHLO a b\r\n",
	    "250 500 501 501 501 501 501 501", 0 },
	{ "NOOP, HELP, VRFY, EXPN", KIND_SMTP, false,
	    "NOOP\r\nNOOP x\r\nHELP\r\nVRFY u\r\nVRFY\r\nEXPN l\r\n",
	    "250 250 214 252 501 502", 0 },
	{ "a bare LF ends no command", KIND_SMTP, false,
	    "NOOP\nQUIT\r\nNOOP\r\n", "500 250", 0 },
	{ "nor does LF CR", KIND_SMTP, false, "NOOP\n\rQUIT\r\nNOOP\r\n",
	    "500 250", 0 },
	{ "CR CR LF ends a bad one", KIND_SMTP, false, "NOOP\r\r\nNOOP\r\n",
	    "500 250", 0 },
	{ "a bare CR in a command", KIND_SMTP, false, "NOOP\rX\r\nNOOP\r\n",
	    "500 250", 0 },
	{ "AUTH is not for port 25", KIND_SMTP, true, EHLO "AUTH PLAIN\r\n",
	    "250 502", 0 },
	{ "submission wants AUTH", KIND_SUBMISSION, true,
	    EHLO "MAIL FROM:<user@here.test>\r\n", "250 530", 0 },
	{ "AUTH wants TLS", KIND_SUBMISSION, false,
	    EHLO "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", "250 538", 0 },
	{ "AUTH PLAIN, and mail to anybody", KIND_SUBMISSION, true,
	    EHLO "AUTH PLAIN AHVzZXIAc2VjcmV0\r\nMAIL FROM:<user@here.test>\r\n"
	         "RCPT TO:<u@elsewhere.test>\r\nDATA\r\n\r\nx\r\n.\r\n",
	    "250 235 250 250 354 250", 1 },
	{ "AUTH PLAIN in two steps", KIND_SUBMISSION, true,
	    EHLO "AUTH PLAIN\r\nAHVzZXIAc2VjcmV0\r\nAUTH PLAIN\r\n",
	    "250 334 235 503", 0 },
	{ "AUTH LOGIN", KIND_SUBMISSION, true,
	    EHLO "AUTH LOGIN\r\ndXNlcg==\r\nc2VjcmV0\r\n", "250 334 334 235",
	    0 },
	{ "a wrong password, again and again", KIND_SUBMISSION, true,
	    EHLO
	    "AUTH PLAIN AHVzZXIAd3Jvbmc=\r\nAUTH PLAIN AHVzZXIAd3Jvbmc=\r\n"
	    "AUTH PLAIN AHVzZXIAd3Jvbmc=\r\nAUTH PLAIN AHVzZXIAd3Jvbmc=\r\n"
	    "AUTH PLAIN AHVzZXIAd3Jvbmc=\r\nNOOP\r\n",
	    "250 535 535 535 535 421", 0 },
	{ "AUTH nonsense", KIND_SUBMISSION, true,
	    EHLO "AUTH FOO\r\nAUTH PLAIN !!!!\r\nAUTH PLAIN\r\n*\r\nAUTH\r\n",
	    "250 504 501 334 501 504", 0 },
	{ "another's address", KIND_SUBMISSION, true,
	    EHLO "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"
	         "MAIL FROM:<stranger@here.test>\r\nRCPT TO:<u@here.test>\r\n",
	    "250 235 553 503", 0 },
	{ "nothing said before STARTTLS counts", KIND_SMTP, false,
	    EHLO TXN "STARTTLS\r\n", "250 250 250 503", 0 },
	{ "STARTTLS forgets the name", KIND_SMTP, false, EHLO "STARTTLS\r\n",
	    "250 220", 0 },
	{ "TLS twice", KIND_SMTP, true, EHLO "STARTTLS\r\n", "250 503", 0 },
	{ "BDAT", KIND_SMTP, false,
	    EHLO TXN "BDAT 4\r\nab\r\nBDAT 6 LAST\r\n.\r\nx\r\nNOOP\r\n",
	    "250 250 250 250 250 250", 1 },
	{ "BDAT 0 LAST", KIND_SMTP, false,
	    EHLO TXN "BDAT 4\r\nab\r\nBDAT 0 LAST\r\nNOOP\r\n",
	    "250 250 250 250 250 250", 1 },
	{ "BDAT, then DATA", KIND_SMTP, false,
	    EHLO TXN "BDAT 2\r\n\r\nDATA\r\nRSET\r\n",
	    "250 250 250 250 503 250", 0 },
	{ "BDAT, then RCPT", KIND_SMTP, false,
	    EHLO TXN "BDAT 2\r\n\r\nRCPT TO:<v@here.test>\r\n",
	    "250 250 250 250 503", 0 },
	{ "BDAT octets are no commands, even when refused", KIND_SMTP, false,
	    EHLO "BDAT 6\r\nQUIT\r\nNOOP\r\n", "250 503 250", 0 },
	{ "BDAT without recipients", KIND_SMTP, false,
	    EHLO "MAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	    "250 250 554 250", 0 },
	{ "BDAT of no size ends it", KIND_SMTP, false,
	    EHLO "BDAT x\r\nNOOP\r\n", "250 421", 0 },
	{ "BDAT with a bare LF", KIND_SMTP, false,
	    EHLO TXN "BDAT 4 LAST\r\na\nb\nNOOP\r\n", "250 250 250 554 250",
	    0 },
	{ "a recipient named twice counts once", KIND_SMTP, false,
	    EHLO TXN "RCPT TO:<v@here.test>\r\nRCPT TO:<u@HERE.test>\r\n"
	             "RCPT TO:<w@here.test>\r\nRCPT TO:<v@here.test>\r\n"
	             "RCPT TO:<x@here.test>\r\n",
	    "250 250 250 250 250 250 250 452", 0 },
	{ "SIZE beyond all numbers", KIND_SMTP, false,
	    EHLO
	    "MAIL FROM:<a@x.test> SIZE=99999999999999999999\r\n"
	    "MAIL FROM:<a@x.test> SIZE=999999999999999999999\r\n"
	    "MAIL FROM:<a@x.test> SIZE=-1\r\nMAIL FROM:<a@x.test> SIZE=\r\n",
	    "250 552 501 501 501", 0 },
	{ "SMTPUTF8 inside the address is not said", KIND_SMTP, false,
	    EHLO "MAIL FROM:<\"\xc3\xa9 SMTPUTF8 x\"@x.test>\r\n", "250 553",
	    0 },
	{ "a web browser", KIND_SMTP, false,
	    "POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO c\r\n", "554", 0 },
	{ "a message forgives errors", KIND_SMTP, false,
	    EHLO
	    "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\n" TXN
	    "DATA\r\n.\r\n"
	    "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nNOOP\r\n",
	    "250 500 500 500 500 500 500 500 500 500 500 500 500 250 250 354 250 "
	    "500 500 500 500 500 500 500 500 500 500 250",
	    1 },
	{ "open relay: 16 forms, all refused", KIND_SMTP, false,
	    EHLO "MAIL FROM:<a@here.test>\r\n"
	         "RCPT TO:<u@elsewhere.test>\r\n"
	         "RCPT TO:<u%elsewhere.test@[192.0.2.1]>\r\n"
	         "RCPT TO:<@here.test:u@elsewhere.test>\r\n"
	         "RCPT TO:<@here.test,@mail.test:u@elsewhere.test>\r\n"
	         "RCPT TO:<\"u@elsewhere.test\">\r\n"
	         "RCPT TO:<u@elsewhere.test@here.test>\r\n"
	         "RCPT TO:<elsewhere.test!u>\r\n"
	         "RCPT TO:<u@[203.0.113.9]>\r\n"
	         "RCPT TO:<u@[IPv6:2001:db8::1]>\r\n"
	         "RCPT TO:<u@here.test.elsewhere.test>\r\n"
	         "RCPT TO:<u@elsewhere.test.>\r\n"
	         "RCPT TO:<u@@here.test>\r\n"
	         "RCPT TO:u@elsewhere.test\r\n"
	         "RCPT TO:<u@here.test>x@elsewhere.test\r\n"
	         "RCPT TO:<u@>\r\nRCPT TO:<u>\r\nDATA\r\n",
	    "250 250 550 550 550 550 501 501 501 550 550 550 501 501 501 555 501 "
	    "501 554",
	    0 },
	{ "twenty errors", KIND_SMTP, false,
	    "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\n"
	    "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nNOOP\r\n",
	    "500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 "
	    "500 500 500 421",
	    0 },
};

static void
test_rows(void)
{
	static const size_t steps[] = { 100000, 1, 7 };
	char got[400];
	struct fake f;

	for (size_t i = 0; i < nitems(rows); i++) {
		for (size_t k = 0; k < nitems(steps); k++) {
			fake_init(&f, rows[i].kind, rows[i].tls, 100000);
			fake_feed(&f, span_of(rows[i].in), steps[k]);
			codes(&f.out, got, sizeof(got));
			is_str(got, rows[i].want, "%s, by %zu", rows[i].name,
			    steps[k]);
			is_int(f.submitted, rows[i].submitted,
			    "%s: messages queued", rows[i].name);
			fake_clear(&f);
		}
	}
}

/* Smuggling: whatever stands around the dot, DATA ends at CRLF . CRLF only, and
 * what is not that makes the message bad and never ends it. */
static void
test_smuggling(void)
{
	static const char *const ends[] = { "\n", "\r", "\r\n", "\r\r\n",
		"\n\r", "\x85", "\v", "\f" };
	char in[400], got[200], want[64];
	struct fake f;

	for (size_t a = 0; a < nitems(ends); a++) {
		for (size_t b = 0; b < nitems(ends); b++) {
			bool real = strcmp(ends[a], "\r\n") == 0 &&
			    strcmp(ends[b], "\r\n") == 0;
			/* CR CR LF . CRLF: bare CR, but a true end. */
			bool bare = strpbrk(ends[a], "\r\n") != NULL &&
			    strcmp(ends[a], "\r\n") != 0;
			bool end = strcmp(ends[b], "\r\n") == 0 &&
			    (strcmp(ends[a], "\r\n") == 0 ||
			        strcmp(ends[a], "\r\r\n") == 0);
			bool bad_b = strpbrk(ends[b], "\r\n") != NULL &&
			    strcmp(ends[b], "\r\n") != 0;

			snprintf(in, sizeof(in),
			    EHLO TXN "DATA\r\nx%s.%sMAIL FROM:<evil@x.test>\r\n"
			             "RCPT TO:<u@here.test>\r\nDATA\r\nevil\r\n"
			             ".\r\n",
			    ends[a], ends[b]);
			snprintf(want, sizeof(want), "250 250 250 354 %s",
			    real                ? "250 250 250 354 250"
			        : end           ? "554 250 250 354 250"
			        : bare || bad_b ? "554"
			                        : "250");
			for (size_t step = 1; step < 200; step += 60) {
				fake_init(&f, KIND_SMTP, false, 100000);
				fake_feed(&f, span_of(in), step);
				codes(&f.out, got, sizeof(got));
				is_str(got, want, "ends %zu %zu, by %zu", a, b,
				    step);
				fake_clear(&f);
			}
		}
	}
}

static void
test_bodies(void)
{
	static char big[600000];
	struct fake f;
	struct span body;
	char got[200];

	fake_init(&f, KIND_SMTP, false, 100000);
	fake_feed(&f,
	    span_of(EHLO TXN "DATA\r\nSubject: t\r\n\r\n..x\r\n.y\r\n.\r\n"),
	    3);
	body = buf_span(&f.body);
	ok(span_has_prefix_icase(body,
	       "Received: from c.test ([192.0.2.7])\r\n\tby mail.test with "
	       "ESMTP id s1\r\n\tfor <u@here.test>;"),
	    "the trace line is first");
	ok(memmem(body.data, body.len, "\r\n\r\n.x\r\ny\r\n", 11) != NULL,
	    "dots are unstuffed");
	is_str((char *)f.envelope.data, "a@x.test u@here.test", "the envelope");
	fake_clear(&f);

	fake_init(&f, KIND_SMTP, false, 100000);
	fake_feed(&f, span_of(EHLO TXN "DATA\r\n"), 100);
	for (int i = 0; i < 12; i++)
		fake_feed(&f, span_of("Received: from x\r\n\tby y\r\n"), 100);
	fake_feed(&f, span_of("\r\n.\r\n"), 100);
	codes(&f.out, got, sizeof(got));
	is_str(got, "250 250 250 354 554", "a loop is cut");
	fake_clear(&f);

	fake_init(&f, KIND_SUBMISSION, true, 100000);
	fake_feed(&f,
	    span_of(EHLO "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"
	                 "MAIL FROM:<user@here.test>\r\nRCPT TO:<u@here.test>"
	                 "\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"),
	    1);
	buf_putc(&f.body, '\0');
	ok(strstr((char *)f.body.data, "\r\nDate: ") != NULL &&
	        strstr((char *)f.body.data, "\r\nMessage-ID: <") != NULL &&
	        strstr((char *)f.body.data, "@mail.test>\r\n\r\nhi\r\n") !=
	            NULL,
	    "submission adds what is missing, at the header's end");
	ok(strstr((char *)f.body.data, "with ESMTPSA id") != NULL &&
	        strstr((char *)f.body.data, "user@") == NULL,
	    "the trace says TLS and AUTH, and not who");
	fake_clear(&f);

	fake_init(&f, KIND_SMTP, false, 100000);
	f.session.trusted = true;
	fake_feed(&f,
	    span_of(EHLO
	        "MAIL FROM:<any@x.test>\r\n"
	        "RCPT TO:<u@elsewhere.test>\r\nRCPT TO:<nouser@here.test>\r\n"
	        "DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"),
	    1);
	codes(&f.out, got, sizeof(got));
	is_str(got, "250 250 250 550 354 250", "a trusted network, to anybody");
	buf_putc(&f.body, '\0');
	ok(strstr((char *)f.body.data, "\r\nMessage-ID: <") != NULL,
	    "as a submission");
	fake_clear(&f);

	for (int kind = KIND_SMTP; kind <= KIND_SUBMISSION; kind++) {
		fake_init(&f, (enum listener_kind)kind, false, 100000);
		f.session.trusted = f.conf->normalise = true;
		fake_feed(&f,
		    span_of(EHLO TXN "DATA\r\nSubject: x\n\n"
		                     "hi\n.\n.\r\n.\r\n"),
		    1);
		codes(&f.out, got, sizeof(got));
		is_str(got,
		    kind == KIND_SMTP ? "250 250 250 354 554"
		                      : "250 250 250 354 250",
		    "a bare LF, normalised (%d)", kind);
		fake_clear(&f);
	}

	fake_init(&f, KIND_SUBMISSION, true, 100000);
	f.conf->own_senders = false;
	fake_feed(&f,
	    span_of(EHLO "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"
	                 "MAIL FROM:<stranger@here.test>\r\n"),
	    100);
	codes(&f.out, got, sizeof(got));
	is_str(got, "250 235 250", "another's address, where that may be");
	fake_clear(&f);

	memset(big, 'x', sizeof(big));
	for (size_t i = 78; i + 2 < sizeof(big); i += 80)
		memcpy(big + i, "\r\n", 2);
	memcpy(big + sizeof(big) - 5, "\r\n.\r\n", 5);
	for (int broken = 0; broken < 2; broken++) {
		fake_init(&f, KIND_SMTP, false, 1000000);
		f.refuse_pipe = broken;
		fake_feed(&f, span_of(EHLO TXN "DATA\r\n"), 100);
		fake_feed(&f, span_from(big, sizeof(big)), 5000);
		codes(&f.out, got, sizeof(got));
		is_str(got,
		    broken ? "250 250 250 354 451" : "250 250 250 354 250",
		    "a large body%s", broken ? ", and no pipe for it" : "");
		if (!broken)
			ok(f.body.len > sizeof(big) &&
			        memcmp(f.body.data + f.body.len -
			                (sizeof(big) - 3),
			            big, sizeof(big) - 3) == 0,
			    "goes through the pipe whole");
		fake_clear(&f);
	}
	fake_init(&f, KIND_SMTP, false, 500000);
	fake_feed(&f, span_of(EHLO TXN "DATA\r\n"), 100);
	fake_feed(&f, span_from(big, sizeof(big)), 5000);
	fake_feed(&f, span_of("NOOP\r\n"), 100);
	codes(&f.out, got, sizeof(got));
	is_str(got, "250 250 250 354 552 250", "too large: read to its end");
	is_int(f.dropped, 1, "its pipe is given back");
	fake_clear(&f);

	fake_init(&f, KIND_SMTP, false, 100000);
	f.refuse_queue = true;
	fake_feed(&f, span_of(EHLO TXN "DATA\r\n.\r\nNOOP\r\n"), 100);
	codes(&f.out, got, sizeof(got));
	is_str(got, "250 250 250 354 452 250", "the queue is full");
	fake_clear(&f);

	fake_init(&f, KIND_SMTP, false, 100000);
	memset(big, 'x', 5000);
	memcpy(big + 5000, "\r\nNOOP\r\n", 8);
	fake_feed(&f, span_from(big, 5008), 1000);
	codes(&f.out, got, sizeof(got));
	is_str(got, "500 250", "an overlong line");
	fake_clear(&f);

	fake_init(&f, KIND_SMTP, false, 100000);
	fake_feed(&f, span_from("NO\0OP\r\nNOOP\r\n", 13), 100);
	fake_feed(&f, span_of(EHLO TXN "DATA\r\n"), 100);
	fake_feed(&f, span_from("a\0b\r\n.\r\n", 8), 100);
	codes(&f.out, got, sizeof(got));
	is_str(got, "500 250 250 250 250 354 554", "NUL");
	fake_clear(&f);
}

/* RFC 3207 4.2: a login from before TLS is forgotten too. */
static void
test_starttls_forgets(void)
{
	char got[200];
	struct fake f;

	fake_init(&f, KIND_SUBMISSION, false, 100000);
	f.session.plain_ok = true;
	fake_feed(&f,
	    span_of(EHLO "AUTH PLAIN AHVzZXIAc2VjcmV0\r\nSTARTTLS\r\n"), 1000);
	fake_feed(&f, span_of(EHLO "MAIL FROM:<user@here.test>\r\n"), 1000);
	codes(&f.out, got, sizeof(got));
	is_str(got, "250 235 220 250 530", "STARTTLS ends a login");
	fake_clear(&f);
}

/* A client with more recipients than fit splits them up (5321 4.5.3.1.10): it
 * must not be thrown out for asking. */
static void
test_too_many(void)
{
	char line[64];
	struct fake f;

	fake_init(&f, KIND_SMTP, false, 100000);
	fake_feed(&f, span_of(EHLO "MAIL FROM:<>\r\n"), 1000);
	for (int i = 0; i < 300; i++) {
		snprintf(line, sizeof(line), "RCPT TO:<u%d@here.test>\r\n", i);
		fake_feed(&f, span_of(line), 1000);
	}
	buf_reset(&f.out);
	fake_feed(&f, span_of("DATA\r\n.\r\n"), 1000);
	codes(&f.out, line, sizeof(line));
	is_str(line, "354 250", "300 recipients asked for, 3 taken");
	fake_clear(&f);
}

static void
test_idle_commands(void)
{
	struct fake f;

	fake_init(&f, KIND_SMTP, false, 100000);
	for (int i = 0; i < 1000 && f.session.phase != PHASE_END; i++)
		fake_feed(&f, span_of("NOOP\r\n"), 1000);
	ok(f.session.phase == PHASE_END, "NOOP does not go on for ever");
	fake_clear(&f);
}

int
main(void)
{
	int null = open("/dev/null", O_WRONLY);

	secret_init();
	if (null != -1)
		dup2(null, STDERR_FILENO); /* the engine logs refusals */
	test_rows();
	test_smuggling();
	test_bodies();
	test_starttls_forgets();
	test_too_many();
	test_idle_commands();
	return done_testing();
}
