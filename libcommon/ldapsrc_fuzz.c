/*
 * A line, a NUL, a login.  The first byte: 's' is one that searches.  What is
 * put into a template comes out of it again, and nothing else does.
 */
#include "config.h"
#include "libcommon/ldapsrc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
hex(int c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	                            : -1;
}

static void
check_escape(struct span login)
{
	struct ldapsrc_who who = { login, { NULL, 0 } };
	struct buf b;
	size_t n = 0;

	buf_init(&b, 1 << 20);
	ldapsrc_expand("%u", &who, &b);
	for (size_t i = 0; i < b.len; i++, n++) {
		int c = b.data[i];

		if (c == '\\') {
			if (i + 2 >= b.len)
				abort();
			c = hex(b.data[i + 1]) << 4 | hex(b.data[i + 2]);
			i += 2;
		} else if (strchr("\",+;<>=#*() /%", c) != NULL || c < ' ' ||
		    c >= 0x7f) {
			abort();
		}
		if (n >= login.len || c != login.data[n])
			abort();
	}
	if (n != login.len)
		abort();
	buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n), login = { NULL, 0 };
	struct ldapsrc_who who;
	struct ldapsrc s;
	char text[2048], why[201];
	struct buf b;
	ptrdiff_t nul = span_chr(in, '\0');

	if (n == 0)
		return 0;
	if (nul > 0) {
		login = span_sub(in, (size_t)nul + 1, n);
		in = span_sub(in, 0, (size_t)nul);
	}
	if (login.len > 10000)
		return 0;
	check_escape(login);
	if (span_copy(span_sub(in, 1, n), text, sizeof(text)) == -1 ||
	    ldapsrc_parse(text, data[0] == 's', &s, why) == -1)
		return 0;
	if (!ldapsrc_name_ok(span_of(s.name)) || s.nendpoints == 0 ||
	    s.endpoints[0].host[0] == '\0')
		abort();
	who.login = who.domain = login;
	buf_init(&b, LDAPSRC_EXPANDED_MAX);
	ldapsrc_expand(s.template, &who, &b);
	buf_clear(&b);
	return 0;
}
