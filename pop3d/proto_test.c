/* Dialogues with the engine, whole and byte by byte. */
#include "config.h"
#include "libcommon/log.h"
#include "pop3d/proto.h"
#include "tap.h"

#define CRLF "\r\n"
#define STR2(a) a a
#define STR5(a) a a a a a

enum answer { GOOD, BAD, BUSY, TEMP };

struct row {
	const char *name;
	bool tls, can_tls, may_password;
	enum answer answer;
	const char *in;
	size_t in_len; /* 0: strlen */
	const char
	    *want; /* replies; <TLS>, <LOGIN name password method>, <CLOSE> */
};

#define PLAIN_NO false, true, false
#define PLAIN_YES false, true, true
#define SECURE true, true, true

/* clang-format off */
static const struct row rows[] = {
	{ "CAPA in the clear", PLAIN_NO, BAD, "CAPA" CRLF, 0,
	    "+OK capability list follows" CRLF "TOP" CRLF "UIDL" CRLF
	    "RESP-CODES" CRLF "AUTH-RESP-CODE" CRLF "PIPELINING" CRLF "STLS" CRLF
	    "IMPLEMENTATION SEMail" CRLF "." CRLF },
	{ "CAPA under TLS", SECURE, BAD, "capa" CRLF, 0,
	    "+OK capability list follows" CRLF "TOP" CRLF "USER" CRLF
	    "SASL PLAIN LOGIN" CRLF "UIDL" CRLF "RESP-CODES" CRLF
	    "AUTH-RESP-CODE" CRLF "PIPELINING" CRLF "IMPLEMENTATION SEMail" CRLF
	    "." CRLF },
	{ "CAPA without a certificate", false, false, true, BAD, "CAPA" CRLF, 0,
	    "+OK capability list follows" CRLF "TOP" CRLF "USER" CRLF
	    "SASL PLAIN LOGIN" CRLF "UIDL" CRLF "RESP-CODES" CRLF
	    "AUTH-RESP-CODE" CRLF "PIPELINING" CRLF "IMPLEMENTATION SEMail" CRLF
	    "." CRLF },
	{ "CAPA takes no argument", SECURE, BAD, "CAPA x" CRLF, 0,
	    "-ERR no argument expected" CRLF },
	{ "QUIT", PLAIN_NO, BAD, "QUIT" CRLF "CAPA" CRLF, 0,
	    "+OK bye" CRLF "<CLOSE>" },

	{ "no password in the clear", PLAIN_NO, GOOD,
	    "USER a@b" CRLF "PASS x" CRLF "AUTH PLAIN" CRLF "USER" CRLF, 0,
	    "-ERR [AUTH] not without encryption, use STLS" CRLF
	    "-ERR [AUTH] not without encryption, use STLS" CRLF
	    "-ERR [AUTH] not without encryption, use STLS" CRLF
	    "-ERR [AUTH] not without encryption, use STLS" CRLF },
	{ "nor without a certificate", false, false, false, GOOD, "USER a@b" CRLF,
	    0, "-ERR [AUTH] not without encryption" CRLF },
	{ "but where it is allowed", PLAIN_YES, GOOD,
	    "USER a@b" CRLF "PASS x" CRLF, 0,
	    "+OK send PASS" CRLF "<LOGIN a@b x PASS>" },

	{ "STLS", PLAIN_NO, GOOD, "STLS" CRLF "USER a" CRLF, 0,
	    "+OK begin TLS" CRLF "<TLS>" },
	{ "STLS forgets USER", PLAIN_YES, GOOD, "USER a" CRLF "STLS" CRLF, 0,
	    "+OK send PASS" CRLF "+OK begin TLS" CRLF "<TLS>" },
	{ "STLS twice", SECURE, GOOD, "STLS" CRLF, 0,
	    "-ERR TLS is on already" CRLF },
	{ "STLS without a certificate", false, false, true, GOOD, "STLS" CRLF, 0,
	    "-ERR TLS is not available" CRLF },
	{ "STLS with an argument", PLAIN_NO, GOOD, "STLS now" CRLF, 0,
	    "-ERR no argument expected" CRLF },

	{ "blanks belong to the password", SECURE, GOOD,
	    "user a@b" CRLF "pass  two words " CRLF, 0,
	    "+OK send PASS" CRLF "<LOGIN a@b  two words  PASS>" },
	{ "PASS before USER", SECURE, GOOD, "PASS x" CRLF, 0,
	    "-ERR send USER first" CRLF },
	{ "PASS without one", SECURE, GOOD, "USER a" CRLF "PASS" CRLF "PASS " CRLF,
	    0,
	    "+OK send PASS" CRLF "-ERR an argument is missing" CRLF
	    "-ERR an argument is missing" CRLF },
	{ "USER without a name", SECURE, GOOD, "USER" CRLF "USER " CRLF, 0,
	    STR2("-ERR an argument is missing" CRLF) },
	{ "the last USER counts", SECURE, GOOD,
	    "USER a" CRLF "USER b" CRLF "PASS x" CRLF, 0,
	    STR2("+OK send PASS" CRLF) "<LOGIN b x PASS>" },
	{ "a name that cannot be", SECURE, BAD,
	    "USER a\tb" CRLF "PASS x" CRLF, 0,
	    "+OK send PASS" CRLF "<LOGIN ? x PASS>"
	    "-ERR [AUTH] wrong name or password" CRLF },
	{ "a wrong password is forgotten with the name", SECURE, BAD,
	    "USER a" CRLF "PASS x" CRLF "PASS y" CRLF, 0,
	    "+OK send PASS" CRLF "<LOGIN a x PASS>"
	    "-ERR [AUTH] wrong name or password" CRLF
	    "-ERR send USER first" CRLF },
	{ "trouble of ours", SECURE, TEMP, "USER a" CRLF "PASS x" CRLF, 0,
	    "+OK send PASS" CRLF "<LOGIN a x PASS>"
	    "-ERR [SYS/TEMP] cannot log you in now, try again later" CRLF },
	{ "in use", SECURE, BUSY, "USER a" CRLF "PASS x" CRLF, 0,
	    "+OK send PASS" CRLF "<LOGIN a x PASS>"
	    "-ERR [IN-USE] this mailbox is in use" CRLF },
	{ "five wrong passwords", SECURE, BAD, STR5("AUTH PLAIN AGEAYg==" CRLF),
	    0,
	    "<LOGIN a b PLAIN>-ERR [AUTH] wrong name or password" CRLF
	    "<LOGIN a b PLAIN>-ERR [AUTH] wrong name or password" CRLF
	    "<LOGIN a b PLAIN>-ERR [AUTH] wrong name or password" CRLF
	    "<LOGIN a b PLAIN>-ERR [AUTH] wrong name or password" CRLF
	    "<LOGIN a b PLAIN>-ERR [AUTH] too many wrong passwords" CRLF
	    "<CLOSE>" },

	{ "AUTH PLAIN at once", SECURE, GOOD, "AUTH PLAIN AGEAYg==" CRLF, 0,
	    "<LOGIN a b PLAIN>" },
	{ "AUTH PLAIN in two steps", SECURE, GOOD,
	    "auth plain" CRLF "AGEAYg==" CRLF, 0, "+ " CRLF "<LOGIN a b PLAIN>" },
	{ "AUTH LOGIN", SECURE, GOOD, "AUTH LOGIN" CRLF "YQ==" CRLF "Yg==" CRLF,
	    0, "+ VXNlcm5hbWU6" CRLF "+ UGFzc3dvcmQ6" CRLF "<LOGIN a b LOGIN>" },
	{ "AUTH LOGIN with the name", SECURE, GOOD,
	    "AUTH LOGIN YQ==" CRLF "Yg==" CRLF, 0,
	    "+ UGFzc3dvcmQ6" CRLF "<LOGIN a b LOGIN>" },
	{ "AUTH PLAIN of nobody", SECURE, BAD, "AUTH PLAIN AAA=" CRLF, 0,
	    "<LOGIN ? ? PLAIN>-ERR [AUTH] wrong name or password" CRLF },
	{ "AUTH for another", SECURE, BAD, "AUTH PLAIN YwBhAGI=" CRLF, 0,
	    "<LOGIN ? ? PLAIN>-ERR [AUTH] wrong name or password" CRLF },
	{ "AUTH cancelled", SECURE, GOOD, "AUTH PLAIN" CRLF "*" CRLF "QUIT" CRLF,
	    0, "+ " CRLF "-ERR cancelled" CRLF "+OK bye" CRLF "<CLOSE>" },
	{ "AUTH malformed", SECURE, GOOD,
	    "AUTH PLAIN" CRLF "QUIT" CRLF "AUTH PLAIN a" CRLF "AUTH PLAIN " CRLF,
	    0,
	    "+ " CRLF "-ERR malformed response" CRLF
	    "-ERR malformed response" CRLF "-ERR malformed response" CRLF },
	{ "AUTH without a mechanism", SECURE, GOOD, "AUTH" CRLF, 0,
	    "-ERR an argument is missing" CRLF },
	{ "AUTH unknown", SECURE, GOOD, "AUTH CRAM-MD5" CRLF, 0,
	    "-ERR no such mechanism" CRLF },
	{ "a new AUTH forgets USER", SECURE, GOOD,
	    "USER a" CRLF "AUTH X" CRLF "PASS b" CRLF, 0,
	    "+OK send PASS" CRLF "-ERR no such mechanism" CRLF
	    "-ERR send USER first" CRLF },

	{ "not before login", SECURE, GOOD,
	    "STAT" CRLF "NOOP" CRLF "RETR 1" CRLF "APOP a b" CRLF, 0,
	    "-ERR log in first" CRLF "-ERR log in first" CRLF
	    "-ERR log in first" CRLF "-ERR log in first" CRLF },
	{ "unknown, and nothing", SECURE, GOOD, "XYZZY" CRLF CRLF " CAPA" CRLF, 0,
	    "-ERR unknown command" CRLF "-ERR unknown command" CRLF
	    "-ERR unknown command" CRLF },
	{ "HTTP goes away", SECURE, GOOD,
	    "GET / HTTP/1.1" CRLF STR5("H: v" CRLF) STR5("H: v" CRLF), 0,
	    STR5("-ERR unknown command" CRLF) STR2(
	        STR2("-ERR unknown command" CRLF)) "-ERR too many errors" CRLF
	    "<CLOSE>" },
	{ "bare LF", SECURE, GOOD, "USER a\nQUIT" CRLF, 0,
	    "-ERR a line ends in CRLF" CRLF "+OK bye" CRLF "<CLOSE>" },
	{ "LF alone", SECURE, GOOD, "\n" CRLF, 0,
	    "-ERR a line ends in CRLF" CRLF "-ERR unknown command" CRLF },
	{ "bare CR", SECURE, GOOD, "USER a\rPASS b" CRLF, 0,
	    "-ERR bare CR in a line" CRLF },
	{ "CR CR LF", SECURE, GOOD, "QUIT\r" CRLF, 0,
	    "-ERR bare CR in a line" CRLF },
	{ "NUL", SECURE, GOOD, "USER a\0b" CRLF, 10, "-ERR NUL in a line" CRLF },
	{ "NUL before the verb", SECURE, GOOD, "\0QUIT" CRLF, 7,
	    "-ERR NUL in a line" CRLF },
	{ "a bad line ends an exchange", SECURE, GOOD,
	    "AUTH PLAIN" CRLF "AGEAYg==\n" "QUIT" CRLF, 0,
	    "+ " CRLF "-ERR a line ends in CRLF" CRLF "+OK bye" CRLF "<CLOSE>" },
};
/* clang-format on */

static void
facts(const struct row *r, struct proto_facts *f)
{
	f->hostname = "mail.test";
	f->is_tls = r->tls;
	f->can_tls = r->can_tls;
	f->may_password = r->may_password;
}

/* Play the session: step bytes arrive at a time. */
static void
play(const struct row *r, struct span in, size_t step, struct buf *out)
{
	enum proto_next next = PROTO_MORE;
	struct proto_facts f;
	size_t at = 0, have = 0, used;
	struct proto p;

	facts(r, &f);
	proto_init(&p);
	while (at < in.len || have > 0) {
		size_t add = in.len - at - have < step ? in.len - at - have
		                                       : step;

		have += add;
		do {
			next = proto_input(&p, &f, span_sub(in, at, have), out,
			    &used);
			at += used;
			have -= used;
			if (next == PROTO_LOGIN) {
				const struct sasl *s = proto_login(&p);

				buf_printf(out, "<LOGIN %s %.*s %s>", s->login,
				    (int)s->password.len, s->password.data,
				    proto_method(&p));
				if (r->answer == GOOD)
					goto out;
				next = proto_failed(&p,
				    r->answer == BAD        ? PROTO_DENIED
				        : r->answer == BUSY ? PROTO_IN_USE
				                            : PROTO_TEMP,
				    out);
			}
			if (next == PROTO_TLS || next == PROTO_CLOSE) {
				buf_puts(out,
				    next == PROTO_TLS ? "<TLS>" : "<CLOSE>");
				goto out;
			}
		} while (next == PROTO_MORE && have > 0);
		if (add == 0)
			break;
	}
out:
	proto_clear(&p);
}

static void
test_rows(void)
{
	static const size_t steps[] = { 100000, 1, 3 };
	struct buf out;

	for (size_t i = 0; i < nitems(rows); i++) {
		size_t n = rows[i].in_len ? rows[i].in_len : strlen(rows[i].in);

		for (size_t s = 0; s < nitems(steps); s++) {
			buf_init(&out, 65536);
			play(&rows[i], span_from(rows[i].in, n), steps[s],
			    &out);
			buf_putc(&out, '\0');
			is_str((const char *)out.data, rows[i].want,
			    "%s, by %zu", rows[i].name, steps[s]);
			buf_clear(&out);
		}
	}
}

/* Lines of every length around the limits. */
static void
test_lengths(void)
{
	static const struct row secure = { "", SECURE, BAD, "", 0, "" };
	unsigned char line[4000];
	unsigned wrong = 0;
	struct buf out;

	for (size_t n = 7; n < 1000; n++) {
		memset(line, 'x', sizeof(line));
		memcpy(line, "USER ", 5);
		memcpy(line + n - 2, "\r\nQUIT\r\n", 8);
		for (size_t step = 1; step < 4000; step += 1999) {
			const char *want = n <= PROTO_LINE_MAX
			    ? "+OK send PASS\r\n+OK bye\r\n<CLOSE>"
			    : "-ERR line too long\r\n+OK bye\r\n<CLOSE>";

			buf_init(&out, 65536);
			play(&secure, span_from(line, n + 6), step, &out);
			if (n == 7)
				want = "+OK bye\r\n<CLOSE>";
			if (n > 7 && !span_is(buf_span(&out), want) &&
			    wrong++ < 3)
				printf("# %zu bytes: %s\n", n,
				    log_quote(buf_span(&out)));
			buf_clear(&out);
		}
	}
	is_int(wrong, 0, "lines of 8 to 999 bytes");

	/* A response may be longer than a command. */
	buf_init(&out, 65536);
	memset(line, 'A', sizeof(line));
	memcpy(line, "AUTH PLAIN\r\n", 12);
	memcpy(line + 12 + SASL_LINE_MAX, "\r\nQUIT\r\n", 8);
	play(&secure, span_from(line, 12 + SASL_LINE_MAX + 8), 5000, &out);
	ok(span_is(buf_span(&out),
	       "+ \r\n-ERR malformed response\r\n"
	       "+OK bye\r\n<CLOSE>"),
	    "the longest SASL response");
	buf_clear(&out);
	memcpy(line + 12 + SASL_LINE_MAX, "AAAA\r\nQUIT\r\n", 12);
	play(&secure, span_from(line, 12 + SASL_LINE_MAX + 12), 5000, &out);
	ok(span_is(buf_span(&out),
	       "+ \r\n-ERR line too long\r\n"
	       "+OK bye\r\n<CLOSE>"),
	    "one that is too long");
	buf_clear(&out);
}

static void
test_wiped(void)
{
	struct proto_facts f = { "mail.test", true, true, true };
	struct proto p;
	struct buf out;
	size_t used;

	buf_init(&out, 4096);
	proto_greet(&f, &out);
	ok(span_is(buf_span(&out), "+OK mail.test POP3 ready\r\n"), "greeting");
	proto_init(&p);
	proto_input(&p, &f, span_of("USER a\r\n"), &out, &used);
	is_int(proto_input(&p, &f, span_of("PASS b\r\nSTAT\r\n"), &out, &used),
	    PROTO_LOGIN, "login");
	is_int((int64_t)used, 8, "what is pipelined after PASS is left");
	proto_forget(&p);
	ok(p.user == NULL && p.sasl == NULL, "nothing is kept");
	proto_clear(&p);
	buf_clear(&out);
}

int
main(void)
{
	log_init("proto_test");
	test_rows();
	test_lengths();
	test_wiped();
	return done_testing();
}
