#include "config.h"
#include "box/header.h"
#include "box/forward.h"
#include "libcommon/addr.h"

struct scan {
	const char (*ours)[ADDR_MAX];
	size_t nours;
	struct header *out;
};

/* ---- values ------------------------------------------------------------ */

static bool
is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks and line ends off both ends. */
static struct span
trim(struct span v)
{
	while (v.len > 0 && is_space(v.data[0]))
		v = span_sub(v, 1, v.len);
	while (v.len > 0 && is_space(v.data[v.len - 1]))
		v.len--;
	return v;
}

/* The first word of a value: "auto-replied; x" is auto-replied. */
static struct span
first_word(struct span v)
{
	size_t n;

	v = trim(v);
	for (n = 0; n < v.len; n++)
		if (strchr(" \t\r\n;,(", v.data[n]) != NULL) /* and NUL */
			break;
	return span_sub(v, 0, n);
}

static bool
is_ours(const struct scan *s, struct span address)
{
	for (size_t i = 0; i < s->nours; i++)
		if (address_is_own(address, s->ours[i]))
			return true;
	return false;
}

static bool
is_address_byte(unsigned char c)
{
	return c > ' ' && c != 0x7f && strchr("<>,;:\"()[]@", c) == NULL;
}

/* Anything around an @ that is one of our addresses, whatever else the value
 * may be: names, groups, comments. */
static bool
names_us(const struct scan *s, struct span v)
{
	for (size_t at = 0; at < v.len; at++) {
		size_t from = at, to = at + 1;

		if (v.data[at] != '@')
			continue;
		while (from > 0 && is_address_byte(v.data[from - 1]))
			from--;
		while (to < v.len && is_address_byte(v.data[to]))
			to++;
		if (is_ours(s, span_sub(v, from, to - from)))
			return true;
	}
	return false;
}

/* ---- fields ------------------------------------------------------------ */

static void
on_received(struct scan *s, struct span v)
{
	(void)v;
	s->out->received++;
}

static void
on_delivered_to(struct scan *s, struct span v)
{
	/* Our own address only: an alias may lead here many times. */
	if (address_is_own(trim(v), s->ours[0]))
		s->out->been_here = true;
}

static void
on_to(struct scan *s, struct span v)
{
	if (!s->out->to_us)
		s->out->to_us = names_us(s, v);
}

static void
automatic(struct scan *s, const char *why)
{
	if (s->out->automatic == NULL)
		s->out->automatic = why;
}

static void
on_auto_submitted(struct scan *s, struct span v)
{
	if (!span_is_icase(first_word(v), "no"))
		automatic(s, "Auto-Submitted");
}

static void
on_precedence(struct scan *s, struct span v)
{
	struct span w = first_word(v);

	if (span_is_icase(w, "bulk") || span_is_icase(w, "list") ||
	    span_is_icase(w, "junk"))
		automatic(s, "Precedence");
}

static void
on_suppress(struct scan *s, struct span v)
{
	/* A list: DR, RN, NRN, OOF, AutoReply, All. */
	while (v.len > 0) {
		struct span w = first_word(v);
		ptrdiff_t comma = span_chr(v, ',');

		if (span_is_icase(w, "DR") || span_is_icase(w, "OOF") ||
		    span_is_icase(w, "AutoReply") || span_is_icase(w, "All"))
			automatic(s, "X-Auto-Response-Suppress");
		if (comma == -1)
			break;
		v = span_sub(v, (size_t)comma + 1, v.len);
	}
}

static void
on_spam(struct scan *s, struct span v)
{
	if (span_is_icase(first_word(v), "yes"))
		automatic(s, "spam");
}

static void
on_loop(struct scan *s, struct span v)
{
	(void)v;
	automatic(s, "X-Loop");
}

static void
keep(struct span *to, struct span v)
{
	if (to->len == 0)
		*to = trim(v);
}

static void
on_subject(struct scan *s, struct span v)
{
	keep(&s->out->subject, v);
}

static void
on_message_id(struct scan *s, struct span v)
{
	keep(&s->out->message_id, v);
}

static void
on_references(struct scan *s, struct span v)
{
	keep(&s->out->references, v);
}

static const struct {
	const char *name;
	void (*run)(struct scan *, struct span value);
} fields[] = {
	{ "Received", on_received },
	{ "Delivered-To", on_delivered_to },
	{ "To", on_to },
	{ "Cc", on_to },
	{ "Bcc", on_to },
	{ "Resent-To", on_to },
	{ "Resent-Cc", on_to },
	{ "Resent-Bcc", on_to },
	{ "Auto-Submitted", on_auto_submitted },
	{ "Precedence", on_precedence },
	{ "X-Auto-Response-Suppress", on_suppress },
	{ "X-Spam-Flag", on_spam },
	{ "X-Spam-Status", on_spam },
	{ "X-Spam", on_spam },
	{ "X-Loop", on_loop },
	{ "Subject", on_subject },
	{ "Message-ID", on_message_id },
	{ "References", on_references },
};

static void
field(struct scan *s, struct span name, struct span value)
{
	if (span_has_prefix_icase(name, "List-"))
		automatic(s, "List");
	for (size_t i = 0; i < nitems(fields); i++)
		if (span_is_icase(name, fields[i].name))
			fields[i].run(s, value);
}

/* ---- lines ------------------------------------------------------------- */

static size_t
line_len(struct span in)
{
	ptrdiff_t lf = span_chr(in, '\n');

	return lf == -1 ? in.len : (size_t)lf + 1;
}

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

/* A field with the lines that continue it. */
static size_t
field_len(struct span in)
{
	size_t n = line_len(in);

	while (n < in.len && is_blank(in.data[n]))
		n += line_len(span_sub(in, n, in.len));
	return n;
}

/* The length of its name if it has one, else 0. */
static size_t
name_len(struct span f)
{
	size_t n;

	for (n = 0; n < f.len && f.data[n] > ' ' && f.data[n] < 0x7f &&
	     f.data[n] != ':';
	     n++)
		;
	return n;
}

void
header_scan(struct span in, const struct span *ours, size_t nours,
    struct header *out)
{
	static char texts[4][ADDR_MAX];
	struct scan s = { .ours = (const char(*)[ADDR_MAX])texts, .out = out };

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < nours && s.nours < nitems(texts); i++)
		if (span_copy(ours[i], texts[s.nours], ADDR_MAX) == 0)
			s.nours++;
	in = span_sub(in, 0, HEADER_MAX);
	while (in.len > 0) {
		struct span f = span_sub(in, 0, field_len(in));
		size_t name = name_len(f), colon = name;

		while (colon < f.len && is_blank(f.data[colon]))
			colon++; /* RFC 5322 4.5: of old */
		if (name == 0 || colon == f.len || f.data[colon] != ':')
			break;
		field(&s, span_sub(f, 0, name), span_sub(f, colon + 1, f.len));
		in = span_sub(in, f.len, in.len);
	}
}
