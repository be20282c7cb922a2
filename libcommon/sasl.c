#include "config.h"
#include "libcommon/sasl.h"

#include <errno.h>

/* 0-63, or -1 for a byte outside the alphabet. */
static int
digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four to up to three bytes; how many, or -1. */
static int
group(const unsigned char in[4], bool last, unsigned char out[3])
{
	int pad = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
	uint32_t bits = 0;
	int d;

	if (pad > 0 && !last)
		return -1;
	for (int i = 0; i < 4; i++) {
		d = i < 4 - pad ? digit(in[i]) : 0;
		if (d == -1)
			return -1;
		bits = bits << 6 | (uint32_t)d;
	}
	/* What the padding leaves over must be zero, so that one string of
	 * bytes has one spelling. */
	if ((bits & ((1u << (8 * pad)) - 1)) != 0)
		return -1;
	out[0] = (unsigned char)(bits >> 16);
	out[1] = (unsigned char)(bits >> 8);
	out[2] = (unsigned char)bits;
	return 3 - pad;
}

ssize_t
base64_decode(struct span in, void *dst, size_t size)
{
	unsigned char *out = dst, three[3];
	size_t n = 0;
	int got;

	if (in.len % 4 != 0) {
		errno = EBADMSG;
		return -1;
	}
	for (size_t i = 0; i < in.len; i += 4) {
		got = group(in.data + i, i + 4 == in.len, three);
		if (got == -1) {
			errno = EBADMSG;
			return -1;
		}
		if ((size_t)got > size - n) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(out + n, three, (size_t)got);
		n += (size_t)got;
	}
	explicit_bzero(three, sizeof(three));
	return (ssize_t)n;
}

bool
sasl_login_ok(struct span s)
{
	if (s.len == 0 || s.len > LOGIN_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < 0x20 || s.data[i] == 0x7f)
			return false;
	return true;
}

int
sasl_start(struct sasl *s, struct span mechanism)
{
	memset(s, 0, sizeof(*s));
	if (span_is_icase(mechanism, "PLAIN"))
		s->mech = SASL_PLAIN;
	else if (span_is_icase(mechanism, "LOGIN"))
		s->mech = SASL_LOGIN;
	else {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

const char *
sasl_challenge(const struct sasl *s)
{
	if (s->mech == SASL_PLAIN)
		return "";
	return s->step == 0 ? "VXNlcm5hbWU6" : "UGFzc3dvcmQ6";
}

/* A login that cannot be anybody's is remembered as "", so that the exchange
 * ends as it does for a wrong one. */
static void
take_login(struct sasl *s, struct span login)
{
	if (!sasl_login_ok(login) ||
	    span_copy(login, s->login, sizeof(s->login)) == -1)
		s->login[0] = '\0';
}

static enum sasl_result
take_password(struct sasl *s, struct span password)
{
	if (s->login[0] == '\0' || password.len == 0 ||
	    password.len > PASSWORD_MAX || span_chr(password, '\0') != -1)
		return SASL_DENIED;
	memcpy(s->password.data, password.data, password.len);
	s->password.len = password.len;
	return SASL_DONE;
}

/* [authzid] NUL authcid NUL passwd */
static enum sasl_result
plain(struct sasl *s, struct span in)
{
	ptrdiff_t first = span_chr(in, '\0'), second;
	struct span authzid, authcid, rest;

	if (first == -1)
		return SASL_MALFORMED;
	authzid = span_sub(in, 0, (size_t)first);
	rest = span_sub(in, (size_t)first + 1, in.len);
	if ((second = span_chr(rest, '\0')) == -1)
		return SASL_MALFORMED;
	authcid = span_sub(rest, 0, (size_t)second);
	rest = span_sub(rest, (size_t)second + 1, rest.len);
	if (span_chr(rest, '\0') != -1)
		return SASL_MALFORMED;
	/* Nobody acts for somebody else. */
	if (authzid.len > 0 && !span_eq(authzid, authcid))
		return SASL_DENIED;
	take_login(s, authcid);
	return take_password(s, rest);
}

static enum sasl_result
decoded(struct sasl *s, struct span in)
{
	if (s->mech == SASL_PLAIN)
		return plain(s, in);
	if (s->step++ == 0) {
		take_login(s, in);
		return SASL_MORE;
	}
	return take_password(s, in);
}

enum sasl_result
sasl_response(struct sasl *s, struct span line)
{
	unsigned char bytes[SASL_LINE_MAX / 4 * 3];
	enum sasl_result r;
	ssize_t n;

	if (span_is(line, "*"))
		return SASL_CANCELLED;
	n = base64_decode(line, bytes, sizeof(bytes));
	if (n == -1)
		r = errno == ENAMETOOLONG ? SASL_DENIED : SASL_MALFORMED;
	else
		r = decoded(s, span_from(bytes, (size_t)n));
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

enum sasl_result
sasl_initial(struct sasl *s, struct span in)
{
	if (span_is(in, "="))
		in.len = 0;
	else if (in.len == 0)
		return SASL_MALFORMED;
	return sasl_response(s, in);
}

void
sasl_clear(struct sasl *s)
{
	explicit_bzero(s, sizeof(*s));
}
