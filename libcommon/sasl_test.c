/* base64 against a slow and obvious decoder, then whole SASL exchanges. */
#include "config.h"
#include "libcommon/sasl.h"
#include "tap.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";

static void
encode(const unsigned char *in, size_t n, char *out)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = (uint32_t)in[i] << 16;

		if (i + 1 < n)
			bits |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < n)
			bits |= in[i + 2];
		out[o++] = alphabet[bits >> 18 & 63];
		out[o++] = alphabet[bits >> 12 & 63];
		out[o++] = i + 1 < n ? alphabet[bits >> 6 & 63] : '=';
		out[o++] = i + 2 < n ? alphabet[bits & 63] : '=';
	}
	out[o] = '\0';
}

/* Everything of up to four characters over an alphabet that has each kind of
 * character in it: right only if encoding the result gives the input back. */
static void
test_exhaustive(void)
{
	static const char set[] = "AQgw/+9z=*\n-\x80 ";
	size_t n = sizeof(set) - 1;
	unsigned wrong = 0, good = 0, all = 0;

	for (size_t len = 0; len <= 4; len++) {
		size_t combos = 1;

		for (size_t i = 0; i < len; i++)
			combos *= n;
		for (size_t c = 0; c < combos; c++) {
			unsigned char out[8];
			char in[5] = "", back[16];
			size_t v = c;
			ssize_t got;

			for (size_t i = 0; i < len; i++, v /= n)
				in[i] = set[v % n];
			got = base64_decode(span_from(in, len), out,
			    sizeof(out));
			all++;
			if (got == -1) {
				/* Must not be the spelling of anything. */
				if (errno != EBADMSG)
					wrong++;
				continue;
			}
			good++;
			encode(out, (size_t)got, back);
			if (strlen(back) != len || memcmp(back, in, len) != 0)
				wrong++;
		}
	}
	is_int(wrong, 0, "base64: %u strings, %u of them right", all, good);
	/* Of the 8 digits in set, 4 (A Q g w) may stand before a padding:
	 * full groups, one pad, two pads, and nothing at all. */
	is_int(good, 8 * 8 * 8 * 8 + 8 * 8 * 4 + 8 * 4 + 1,
	    "base64: as many are right as there should be");
}

/* And each byte string of one to three bytes over the whole range comes back.
 */
static void
test_round_trip(void)
{
	unsigned wrong = 0;

	for (unsigned v = 0; v < 1u << 16; v++) {
		unsigned char in[3] = { (unsigned char)(v >> 8),
			(unsigned char)v, (unsigned char)(v * 7) },
		              out[3];
		char text[8];

		for (size_t n = 1; n <= 3; n++) {
			encode(in, n, text);
			if (base64_decode(span_of(text), out, sizeof(out)) !=
			        (ssize_t)n ||
			    memcmp(in, out, n) != 0)
				wrong++;
			/* Not one byte more than there is room for. */
			if (base64_decode(span_of(text), out, n - 1) != -1 ||
			    errno != ENAMETOOLONG)
				wrong++;
		}
	}
	is_int(wrong, 0, "base64: what is encoded is decoded");
}

/* clang-format off */
static const struct {
	const char *name, *in;
	ssize_t want;
} b64_rows[] = {
	{ "nothing", "", 0 },
	{ "three bytes", "Zm9v", 3 },
	{ "one byte", "Zg==", 1 },
	{ "two bytes", "Zm8=", 2 },
	{ "unused bits set, two pads", "Zh==", -1 },
	{ "unused bits set, one pad", "Zm9=", -1 },
	{ "no padding", "Zg", -1 },
	{ "half the padding", "Zg=", -1 },
	{ "too much padding", "Zg===", -1 },
	{ "only padding", "====", -1 },
	{ "padding inside", "Zg==Zg==", -1 },
	{ "padding before a digit", "Zg=A", -1 },
	{ "a blank", "Zm9 ", -1 },
	{ "a blank before", " Zm9v", -1 },
	{ "the URL alphabet", "-_-_", -1 },
	{ "CRLF at the end", "Zm9v\r\n", -1 },
};
/* clang-format on */

static void
test_table(void)
{
	unsigned char out[16];

	for (size_t i = 0; i < nitems(b64_rows); i++)
		is_int(base64_decode(span_of(b64_rows[i].in), out, sizeof(out)),
		    b64_rows[i].want, "base64: %s", b64_rows[i].name);
}

#define S(lit) lit, sizeof(lit) - 1

/* clang-format off */
static const struct {
	const char *name, *raw;
	size_t len;
	enum sasl_result want;
	const char *login, *password;
} plain_rows[] = {
	{ "no authzid", S("\0tim\0tanstaaftanstaaf"), SASL_DONE, "tim",
	    "tanstaaftanstaaf" },
	{ "authzid the same", S("a@b\0a@b\0x y"), SASL_DONE, "a@b", "x y" },
	{ "authzid another", S("c@d\0a@b\0x"), SASL_DENIED, NULL, NULL },
	{ "no login", S("\0\0x"), SASL_DENIED, NULL, NULL },
	{ "no password", S("\0a@b\0"), SASL_DENIED, NULL, NULL },
	{ "a line end in the login", S("\0a\r\nb\0x"), SASL_DENIED, NULL, NULL },
	{ "one NUL", S("\0a@b"), SASL_MALFORMED, NULL, NULL },
	{ "no NUL", S("a@b"), SASL_MALFORMED, NULL, NULL },
	{ "three NULs", S("\0a\0b\0"), SASL_MALFORMED, NULL, NULL },
	{ "nothing", S(""), SASL_MALFORMED, NULL, NULL },
};
/* clang-format on */

static void
test_plain(void)
{
	char text[256];
	struct sasl s;

	for (size_t i = 0; i < nitems(plain_rows); i++) {
		is_int(sasl_start(&s, span_of("plain")), 0, "PLAIN begins");
		encode((const unsigned char *)plain_rows[i].raw,
		    plain_rows[i].len, text);
		is_int(sasl_initial(&s, span_of(*text ? text : "=")),
		    plain_rows[i].want, "PLAIN: %s", plain_rows[i].name);
		if (plain_rows[i].want == SASL_DONE) {
			is_str(s.login, plain_rows[i].login, "its login");
			ok(span_is(span_from(s.password.data, s.password.len),
			       plain_rows[i].password),
			    "its password");
		}
		sasl_clear(&s);
		is_int(s.password.data[0], 0, "wiped");
	}
}

static void
test_limits(void)
{
	unsigned char raw[2 * LOGIN_MAX + PASSWORD_MAX + 8];
	char text[SASL_LINE_MAX + 64];
	struct sasl s;

	for (unsigned over = 0; over < 4; over++) {
		size_t l = LOGIN_MAX + (over == 1),
		       p = PASSWORD_MAX + (over == 2);
		size_t n = 0;

		memset(raw, 'a', sizeof(raw));
		n += l;
		raw[n++] = '\0';
		n += l;
		raw[n++] = '\0';
		n += p + (over == 3 ? 4 : 0);
		encode(raw, n, text);
		if (over == 0)
			ok(strlen(text) <= SASL_LINE_MAX,
			    "the longest right answer fits SASL_LINE_MAX");
		sasl_start(&s, span_of("PLAIN"));
		is_int(sasl_response(&s, span_of(text)),
		    over ? SASL_DENIED : SASL_DONE,
		    "longest names, %s too long",
		    over == 0       ? "nothing"
		        : over == 1 ? "login"
		                    : "password");
		sasl_clear(&s);
	}
}

static void
test_login(void)
{
	struct sasl s;

	is_int(sasl_start(&s, span_of("LOGIN")), 0, "LOGIN begins");
	is_str(sasl_challenge(&s), "VXNlcm5hbWU6", "asks Username:");
	is_int(sasl_response(&s, span_of("YUBi")), SASL_MORE, "takes the name");
	is_str(sasl_challenge(&s), "UGFzc3dvcmQ6", "asks Password:");
	is_int(sasl_response(&s, span_of("cHc=")), SASL_DONE,
	    "and the password");
	is_str(s.login, "a@b", "login");
	ok(span_is(span_from(s.password.data, s.password.len), "pw"),
	    "password");
	sasl_clear(&s);

	sasl_start(&s, span_of("login"));
	is_int(sasl_initial(&s, span_of("YUBi")), SASL_MORE, "name at once");
	is_int(sasl_response(&s, span_of("*")), SASL_CANCELLED, "given up");
	sasl_clear(&s);

	sasl_start(&s, span_of("login"));
	is_int(sasl_initial(&s, span_of("=")), SASL_MORE, "an empty name");
	is_int(sasl_response(&s, span_of("cHc=")), SASL_DENIED,
	    "is denied only after the password");
	sasl_clear(&s);

	sasl_start(&s, span_of("login"));
	is_int(sasl_response(&s, span_of("!")), SASL_MALFORMED, "not base64");
	is_int(sasl_start(&s, span_of("SCRAM-SHA-256")), -1, "unknown");
	is_int(sasl_start(&s, span_of("")), -1, "no mechanism");
}

int
main(void)
{
	test_table();
	test_exhaustive();
	test_round_trip();
	test_plain();
	test_limits();
	test_login();
	return done_testing();
}
