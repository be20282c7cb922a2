#include "config.h"
#include "box/forward.h"

#include <errno.h>
#include <stdio.h>

bool
address_is_own(struct span address, const char *own)
{
	const char *at = strrchr(own, '@');
	size_t local = at == NULL ? strlen(own) : (size_t)(at - own), n;

	for (n = address.len; n > 0 && address.data[n - 1] != '@'; n--)
		;
	if (at == NULL || n == 0 ||
	    !span_is_icase(span_sub(address, n, address.len), at + 1))
		return false;
	address.len = n - 1;
	if (address.len > local && address.data[local] == '+')
		address.len = local;
	if (address.len != local)
		return false;
	for (size_t i = 0; i < local; i++) {
		unsigned char c = address.data[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != (unsigned char)own[i])
			return false;
	}
	return true;
}

/* ---- entries ----------------------------------------------------------- */

/* Where an entry ends: a comma, a comment or the line's end, outside double
 * quotes.  Quotes never go over a line. */
static size_t
entry_len(struct span in)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < in.len && in.data[i] != '\n'; i++) {
		unsigned char c = in.data[i],
		              last = i > 0 ? in.data[i - 1] : ' ';

		if (c == '\\' && i + 1 < in.len && in.data[i + 1] != '\n')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted &&
		    (c == ',' || (c == '#' && (last == ' ' || last == '\t'))))
			break;
	}
	return i;
}

static size_t
line_len(struct span in)
{
	ptrdiff_t lf = span_chr(in, '\n');

	return lf == -1 ? in.len : (size_t)lf;
}

static struct span
trim(struct span s)
{
	s = span_trim(s);
	if (s.len > 0 && s.data[s.len - 1] == '\r')
		s.len--;
	return span_trim(s);
}

static bool
is_program_or_file(struct span s)
{
	if (s.len > 0 && s.data[0] == '"')
		s = span_trim(span_sub(s, 1, s.len));
	return s.len > 0 &&
	    (s.data[0] == '|' || s.data[0] == '/' ||
	        span_has_prefix_icase(s, ":include:"));
}

/* "\login" of old; "login" and "\login" are of the mailbox's own domain. */
static int
parse_bare(struct span s, const char *own, struct addr *out)
{
	char full[2 * ADDR_MAX];
	const char *at = strrchr(own, '@');

	if (s.len > 0 && s.data[0] == '\\')
		s = span_sub(s, 1, s.len);
	if (s.len == 0 || s.len > ADDR_LOCAL_MAX || at == NULL) {
		errno = EINVAL;
		return -1;
	}
	snprintf(full, sizeof(full), "%.*s%s", (int)s.len, (const char *)s.data,
	    at);
	return addr_parse(span_of(full), ADDR_UTF8, out);
}

/* "Name <address>": the address. */
static struct span
inside_angles(struct span s)
{
	size_t i = s.len;

	if (s.len == 0 || s.data[s.len - 1] != '>')
		return s;
	while (i > 0 && s.data[i - 1] != '<')
		i--;
	return i == 0 ? s : span_sub(s, i, s.len - i - 1);
}

static enum forward_kind
entry_kind(struct span s, const char *own, struct addr *out)
{
	s = inside_angles(s);
	/* A NUL would end the address for whoever takes it for a string. */
	if (span_chr(s, '\0') != -1)
		return FORWARD_BAD;
	if (addr_parse(s, ADDR_UTF8, out) == -1 &&
	    (span_chr(s, '@') != -1 || parse_bare(s, own, out) == -1))
		return FORWARD_BAD;
	return address_is_own(span_of(out->text), own) ? FORWARD_OWN
	                                               : FORWARD_ADDRESS;
}

void
forward_begin(struct forward_reader *r, struct span file, const char *own)
{
	*r = (struct forward_reader){ .rest = file, .line = 1, .own = own };
}

bool
forward_next(struct forward_reader *r, struct forward_entry *out)
{
	while (r->rest.len > 0) {
		struct span in = r->rest;
		size_t n = entry_len(in), line = line_len(in);
		struct span text = trim(span_sub(in, 0, n));
		bool program = is_program_or_file(text);

		if (n < in.len && in.data[n] == '#')
			n = line;
		/* An unquoted command may have commas of its own: it is the
		 * rest of the line, and no word of it an address. */
		if (program && text.data[0] != '"')
			text = trim(span_sub(in, 0, n = line));
		out->line = r->line;
		r->line += n == line;
		r->rest = span_sub(in, n + 1, in.len);
		if (text.len == 0)
			continue;
		out->text = text;
		out->kind = program ? FORWARD_IGNORED
		                    : entry_kind(text, r->own, &out->addr);
		return true;
	}
	return false;
}
