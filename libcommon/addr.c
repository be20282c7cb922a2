#include "config.h"
#include "libcommon/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <idn2.h>
#include <stdlib.h>
#include <strings.h>

static bool
is_atext(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Length of the UTF-8 sequence at p (RFC 3629: no overlong forms, no
 * surrogates, at most U+10FFFF), 0 if it is none. */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80           ? 1
	    : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
	    : p[0] >= 0xe0 && p[0] <= 0xef ? 3
	    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
	                                   : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static int
bad(int err)
{
	errno = err;
	return -1;
}

/* One character of a local part into out; returns how many bytes it took. */
static ssize_t
local_take(struct span in, unsigned flags, char *out, size_t *n, size_t max)
{
	size_t len = 1;

	if (in.data[0] >= 0x80) {
		if (!(flags & ADDR_UTF8))
			return bad(EILSEQ);
		if ((len = utf8_length(in.data, in.len)) == 0)
			return bad(EILSEQ);
	}
	if (*n + len > max)
		return bad(ENAMETOOLONG);
	memcpy(out + *n, in.data, len);
	*n += len;
	return (ssize_t)len;
}

/* Quoted-string (5321 4.1.2): the value without quotes and backslashes. */
static ssize_t
local_quoted(struct span in, unsigned flags, char *out, size_t *n)
{
	size_t i = 1;
	ssize_t r;

	for (;;) {
		if (i >= in.len)
			return bad(EINVAL);
		if (in.data[i] == '"')
			return (ssize_t)i + 1;
		if (in.data[i] == '\\' && ++i >= in.len)
			return bad(EINVAL);
		if (in.data[i] < 0x20 || in.data[i] == 0x7f)
			return bad(EINVAL);
		r = local_take(span_sub(in, i, in.len), flags, out, n,
		    ADDR_LOCAL_MAX);
		if (r == -1)
			return -1;
		i += (size_t)r;
	}
}

static ssize_t
local_dotted(struct span in, unsigned flags, char *out, size_t *n)
{
	size_t i = 0;
	bool atom = false;
	ssize_t r;

	while (i < in.len) {
		unsigned char c = in.data[i];

		if (c == '.') {
			if (!atom)
				return bad(EINVAL);
			atom = false;
		} else if (is_atext(c) || c >= 0x80) {
			atom = true;
		} else {
			break;
		}
		r = local_take(span_sub(in, i, in.len), flags, out, n,
		    ADDR_LOCAL_MAX);
		if (r == -1)
			return -1;
		i += (size_t)r;
	}
	return atom ? (ssize_t)i : bad(EINVAL);
}

/* Is this value a Dot-string, so that quotes around it mean nothing? */
static bool
is_dotted(const char *value, size_t len)
{
	char scratch[ADDR_LOCAL_MAX + 1];
	size_t n = 0;
	ssize_t r = local_dotted(span_from(value, len), ADDR_UTF8, scratch, &n);

	return r >= 0 && (size_t)r == len;
}

/* The local part at the start of in, canonical, into a; bytes taken or -1.
 * A value that needs quotes keeps them. */
static ssize_t
addr_take_local(struct span in, unsigned flags, struct addr *a)
{
	char value[ADDR_LOCAL_MAX];
	size_t n = 0, m = 0;
	ssize_t r;

	if (in.len == 0)
		return bad(EINVAL);
	r = in.data[0] == '"' ? local_quoted(in, flags, value, &n)
	                      : local_dotted(in, flags, value, &n);
	if (r == -1)
		return -1;
	if (is_dotted(value, n)) {
		memcpy(a->text, value, n);
		a->local_len = n;
		return r;
	}
	if (n == 0) /* "" is allowed by the grammar and belongs to nobody */
		return bad(EINVAL);
	a->text[m++] = '"';
	for (size_t i = 0; i < n; i++) {
		bool escape = value[i] == '"' || value[i] == '\\';

		/* This one, and the closing quote. */
		if (m + escape + 2 > ADDR_LOCAL_MAX)
			return bad(ENAMETOOLONG);
		if (escape)
			a->text[m++] = '\\';
		a->text[m++] = value[i];
	}
	a->text[m++] = '"';
	a->local_len = m;
	return r;
}

int
addr_domain(struct span in, char out[static ADDR_DOMAIN_MAX + 1])
{
	char text[ADDR_DOMAIN_MAX + 1];
	char *ascii = NULL;
	size_t label = 0, n;
	bool is_ascii = true;

	if (in.len == 0)
		return bad(EINVAL);
	if (in.len > ADDR_DOMAIN_MAX)
		return bad(ENAMETOOLONG);
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] >= 0x80)
			is_ascii = false;
	if (span_copy(in, text, sizeof(text)) == -1)
		return -1;
	if (is_ascii) {
		for (size_t i = 0; i <= in.len; i++)
			out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z'
			        ? text[i] + 32
			        : text[i]);
	} else {
		if (idn2_to_ascii_8z(text, &ascii,
		        IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES) !=
		        IDN2_OK ||
		    strlen(ascii) > ADDR_DOMAIN_MAX) {
			free(ascii);
			return bad(EINVAL);
		}
		memcpy(out, ascii, strlen(ascii) + 1);
		free(ascii);
	}
	n = strlen(out);
	for (size_t i = 0; i <= n; i++) {
		char c = out[i];

		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || out[i - 1] == '-')
				return bad(EINVAL);
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '_' || (c == '-' && label > 0)) {
			/* "_" is no host name, but is in use for mail. */
			label++;
		} else {
			return bad(EINVAL);
		}
	}
	return 0;
}

/* [192.0.2.1] or [IPv6:2001:db8::1] (5321 4.1.3), exactly as given. */
static int
addr_literal(struct span in, struct addr *a, size_t at)
{
	unsigned char bytes[16];
	char text[64];
	struct span inner;

	if (in.len < 3 || in.len > 60 || in.data[in.len - 1] != ']')
		return bad(EINVAL);
	inner = span_sub(in, 1, in.len - 2);
	if (span_has_prefix_icase(inner, "IPv6:")) {
		if (span_copy(span_sub(inner, 5, inner.len), text,
		        sizeof(text)) == -1 ||
		    inet_pton(AF_INET6, text, bytes) != 1)
			return bad(EINVAL);
	} else if (span_copy(inner, text, sizeof(text)) == -1 ||
	    inet_pton(AF_INET, text, bytes) != 1) {
		return bad(EINVAL);
	}
	memcpy(a->text + at, in.data, in.len);
	a->text[at + in.len] = '\0';
	a->is_literal = a->has_domain = true;
	return 0;
}

/* The domain behind the @ at a->text[at - 1]. */
static int
addr_put_domain(struct span in, unsigned flags, struct addr *a, size_t at)
{
	char domain[ADDR_DOMAIN_MAX + 1];

	if (in.len > 0 && in.data[0] == '[')
		return addr_literal(in, a, at);
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] >= 0x80 && !(flags & ADDR_UTF8))
			return bad(EILSEQ);
	if (addr_domain(in, domain) == -1)
		return -1;
	memcpy(a->text + at, domain, strlen(domain) + 1);
	a->has_domain = true;
	return 0;
}

/* Where a domain ends in a path: at ">", "," or ":" outside brackets. */
static size_t
domain_length(struct span in)
{
	size_t i = 0;

	if (in.len > 0 && in.data[0] == '[') {
		while (i < in.len && in.data[i] != ']')
			i++;
		return i < in.len ? i + 1 : in.len;
	}
	while (i < in.len && in.data[i] != '>' && in.data[i] != ',' &&
	    in.data[i] != ':' && in.data[i] != ' ')
		i++;
	return i;
}

/* "@a,@b:" at the start: checked, and its length. */
static ssize_t
source_route(struct span in, unsigned flags)
{
	struct addr ignored;
	size_t i = 0, n;

	while (i < in.len && in.data[i] == '@') {
		i++;
		n = domain_length(span_sub(in, i, in.len));
		memset(&ignored, 0, sizeof(ignored));
		if (addr_put_domain(span_sub(in, i, n), flags, &ignored, 0) ==
		    -1)
			return -1;
		i += n;
		if (i >= in.len)
			return bad(EINVAL);
		if (in.data[i] == ':')
			return (ssize_t)i + 1;
		if (in.data[i] != ',')
			return bad(EINVAL);
		i++;
	}
	return bad(EINVAL);
}

/* local@domain off the front of in; bytes taken or -1. */
static ssize_t
addr_mailbox(struct span in, unsigned flags, struct addr *a)
{
	ssize_t r = addr_take_local(in, flags, a);
	size_t i, n;

	if (r == -1)
		return -1;
	i = (size_t)r;
	if (i >= in.len || in.data[i] != '@') {
		a->text[a->local_len] = '\0';
		if (!(flags & ADDR_POSTMASTER) ||
		    strcasecmp(a->text, "postmaster") != 0)
			return bad(EINVAL);
		return r;
	}
	i++;
	a->text[a->local_len] = '@';
	n = domain_length(span_sub(in, i, in.len));
	if (addr_put_domain(span_sub(in, i, n), flags, a, a->local_len + 1) ==
	    -1)
		return -1;
	return (ssize_t)(i + n);
}

int
addr_path(struct span in, unsigned flags, struct addr *a, struct span *rest_out)
{
	size_t i = 1;
	ssize_t r;

	memset(a, 0, sizeof(*a));
	if (in.len < 2 || in.data[0] != '<')
		return bad(EINVAL);
	if (in.data[1] == '>') {
		*rest_out = span_sub(in, 2, in.len);
		return flags & ADDR_EMPTY ? 0 : bad(EINVAL);
	}
	if (in.data[1] == '@') {
		if ((r = source_route(span_sub(in, 1, in.len), flags)) == -1)
			return -1;
		i += (size_t)r;
	}
	if ((r = addr_mailbox(span_sub(in, i, in.len), flags, a)) == -1)
		return -1;
	i += (size_t)r;
	if (i >= in.len || in.data[i] != '>')
		return bad(EINVAL);
	*rest_out = span_sub(in, i + 1, in.len);
	return 0;
}

int
addr_parse(struct span in, unsigned flags, struct addr *a)
{
	ssize_t r;

	memset(a, 0, sizeof(*a));
	if (in.len == 0)
		return flags & ADDR_EMPTY ? 0 : bad(EINVAL);
	if ((r = addr_mailbox(in, flags, a)) == -1)
		return -1;
	return (size_t)r == in.len ? 0 : bad(EINVAL);
}

bool
addr_is_helo(struct span s)
{
	if (s.len == 0 || s.len > ADDR_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		        (c >= '0' && c <= '9') ||
		        (c != '\0' && strchr("-._[]:", c) != NULL)))
			return false;
	}
	return true;
}

struct span
addr_local(const struct addr *a)
{
	return span_from(a->text, a->local_len);
}

struct span
addr_host(const struct addr *a)
{
	if (!a->has_domain)
		return span_from("", 0);
	return span_of(a->text + a->local_len + 1);
}
