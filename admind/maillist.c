#include "config.h"
#include "admind/maillist.h"

#include "admind/names.h"

#include <errno.h>
#include <stdio.h>

/* why: the entry, or enough of it to find it, and what is wrong with it. */
static int
wrong(struct span entry, char why[static MAILLIST_WHY], const char *what)
{
	size_t n = entry.len < 60 ? entry.len : 60;

	while (n > 0 && n < entry.len && (entry.data[n] & 0xc0) == 0x80)
		n--; /* no half characters */
	snprintf(why, MAILLIST_WHY, "\"%.*s\" %s", (int)n,
	    (const char *)entry.data, what);
	return -1;
}

int
maillist_address(struct span in, struct addr *out,
    char why[static MAILLIST_WHY])
{
	struct span local;

	if (addr_parse(in, ADDR_UTF8, out) == -1 || !out->has_domain)
		return wrong(in, why, "is no address");
	if (out->is_literal)
		return wrong(in, why, "needs a domain, no number");
	local = addr_local(out);
	if (strchr("|/-#", local.data[0]) != NULL)
		return wrong(in, why,
		    "looks like a program, a file or a "
		    "comment");
	for (size_t i = 0; i < local.len; i++) {
		if (local.data[i] >= 0x80)
			return wrong(in, why, "is not ASCII before @");
		if (local.data[i] <= ' ' ||
		    strchr("\"\\:,", local.data[i]) != NULL)
			return wrong(in, why, "needs quotes, which may not be");
	}
	return 0;
}

static int
take_one(struct span in, unsigned flags, struct buf *out,
    char why[static MAILLIST_WHY])
{
	char name[NAME_LOCAL_MAX + 1];
	struct addr a;

	if (in.len == 0)
		return wrong(in, why, "is nothing: a comma too many");
	if (span_chr(in, '@') >= 0) {
		if (maillist_address(in, &a, why) == -1)
			return -1;
		buf_puts(out, a.text);
		return 0;
	}
	if (strchr("|/:\"\\", in.data[0]) != NULL)
		return wrong(in, why,
		    "is a program, a file, an include or quoted: not here");
	if (!(flags & MAILLIST_NAMES))
		return wrong(in, why, "has no @domain");
	if (!name_local(in, name))
		return wrong(in, why, "is neither an address nor a name");
	buf_puts(out, name);
	return 0;
}

/* Is the entry from at on in the list before it already? */
static bool
is_there(struct span list, size_t at)
{
	struct span entry = span_sub(list, at, list.len), rest, other;
	ptrdiff_t comma;

	rest = span_sub(list, 0, at); /* each of its entries ends in a comma */
	while ((comma = span_chr(rest, ',')) >= 0) {
		other = span_sub(rest, 0, (size_t)comma);
		if (span_eq(other, entry))
			return true;
		rest = span_sub(rest, (size_t)comma + 1, rest.len);
	}
	return false;
}

int
maillist_take(struct span in, unsigned flags, struct buf *out,
    char why[static MAILLIST_WHY])
{
	size_t start = out->len, before, at;
	struct span entry;
	ptrdiff_t comma;
	unsigned n = 0;

	do {
		comma = span_chr(in, ',');
		entry = comma < 0 ? in : span_sub(in, 0, (size_t)comma);
		in = span_sub(in, entry.len + 1, in.len);
		before = out->len;
		if (n > 0)
			buf_putc(out, ',');
		at = out->len;
		if (take_one(span_trim(entry), flags, out, why) == -1)
			return -1;
		if (buf_error(out) != 0) {
			snprintf(why, MAILLIST_WHY, "the list is too long");
			return -1;
		}
		if (is_there(span_sub(buf_span(out), start, out->len),
		        at - start)) {
			buf_truncate(out, before);
		} else if (++n > MAILLIST_MAX) {
			snprintf(why, MAILLIST_WHY,
			    "a list has at most %u "
			    "entries",
			    MAILLIST_MAX);
			return -1;
		}
	} while (comma >= 0);
	return 0;
}
