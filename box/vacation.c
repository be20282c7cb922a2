#include "config.h"
#include "box/vacation.h"
#include "box/forward.h"
#include "box/utf8_text.h"
#include "libcommon/mail_date.h"

#define SUBJECT_MAX 400      /* bytes of it that are repeated */
#define TEXT_MAX (80 * 1024) /* bytes of text after it was made UTF-8 */
#define REFERENCES_MAX 10
#define LINE_MAX_BYTES 76 /* RFC 2045 6.7, RFC 2047 2 */

/* ---- whom -------------------------------------------------------------- */

/* Of lists and programs, RFC 3834 2 and what its readers have always used. */
static const char *const programs[] = { "mailer-daemon", "listserv", "listproc",
	"majordomo", "mailman", "postmaster", "noreply", "no-reply",
	"donotreply", "do-not-reply", "bounce", "bounces" };
static const char *const prefixes[] = { "owner-", "bounce-", "bounces-",
	"bounce=", "prvs=bounce" };
static const char *const suffixes[] = { "-owner", "-request", "-bounce",
	"-bounces", "-relay", "-outgoing", "-errors" };

static bool
has_suffix_icase(struct span s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.len >= n && span_is_icase(span_sub(s, s.len - n, n), suffix);
}

static bool
is_program(struct span local)
{
	for (size_t i = 0; i < nitems(programs); i++)
		if (span_is_icase(local, programs[i]))
			return true;
	for (size_t i = 0; i < nitems(prefixes); i++)
		if (span_has_prefix_icase(local, prefixes[i]))
			return true;
	for (size_t i = 0; i < nitems(suffixes); i++)
		if (has_suffix_icase(local, suffixes[i]))
			return true;
	return false;
}

const char *
vacation_refuses(struct span sender, const struct span *ours, size_t nours)
{
	struct span local = sender;
	ptrdiff_t plus;
	char own[ADDR_MAX];

	if (sender.len == 0)
		return "null sender";
	for (size_t i = 0; i < nours; i++)
		if (span_copy(ours[i], own, sizeof(own)) == 0 &&
		    address_is_own(sender, own))
			return "itself";
	while (local.len > 0 && local.data[local.len - 1] != '@')
		local.len--;
	if (local.len < 2)
		return "no address";
	local.len--;
	/* list-bounces+you=example.org */
	if ((plus = span_chr(local, '+')) > 0)
		local.len = (size_t)plus;
	return is_program(local) ? "program" : NULL;
}

/* ---- header lines ------------------------------------------------------ */

/* "<...@...>", as it may be repeated in a header. */
static bool
is_message_id(struct span s)
{
	if (s.len < 5 || s.len > 250 || s.data[0] != '<' ||
	    s.data[s.len - 1] != '>' || span_chr(s, '@') == -1)
		return false;
	for (size_t i = 1; i + 1 < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f || s.data[i] == '<' ||
		    s.data[i] == '>')
			return false;
	return true;
}

static struct span
next_token(struct span *in)
{
	struct span t;
	size_t from = 0, to;

	while (from < in->len && in->data[from] <= ' ')
		from++;
	for (to = from; to < in->len && in->data[to] > ' '; to++)
		;
	t = span_sub(*in, from, to - from);
	*in = span_sub(*in, to, in->len);
	return t;
}

/* What the message referred to, the last of it, and then the message. */
static void
put_references(struct buf *out, const struct header *h)
{
	struct span last[REFERENCES_MAX], rest = h->references, t;
	unsigned n = 0;

	if (!is_message_id(h->message_id))
		return;
	while ((t = next_token(&rest)).len > 0) {
		if (!is_message_id(t))
			continue;
		if (n == REFERENCES_MAX)
			memmove(last, last + 1, --n * sizeof(last[0]));
		last[n++] = t;
	}
	buf_puts(out, "In-Reply-To: ");
	buf_put_span(out, h->message_id);
	buf_puts(out, "\r\nReferences:");
	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, " ");
		buf_put_span(out, last[i]);
		buf_puts(out, "\r\n");
	}
	buf_puts(out, " ");
	buf_put_span(out, h->message_id);
	buf_puts(out, "\r\n");
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
put_base64(struct buf *out, const unsigned char *p, size_t n)
{
	for (; n > 0; p += 3, n -= n < 3 ? n : 3) {
		unsigned a = p[0], b = n > 1 ? p[1] : 0, c = n > 2 ? p[2] : 0;

		buf_putc(out, base64_digits[a >> 2]);
		buf_putc(out, base64_digits[(a & 3) << 4 | b >> 4]);
		buf_putc(out,
		    n > 1 ? base64_digits[(b & 15) << 2 | c >> 6] : '=');
		buf_putc(out, n > 2 ? base64_digits[c & 63] : '=');
	}
}

/* Words, never cut within a character, on lines of at most 76 bytes (RFC 2047
 * 2 and 5); the first has "Subject:" on its line. */
static void
put_encoded_words(struct buf *out, struct span s)
{
	size_t n, max = 39;

	for (; s.len > 0; max = 45) {
		n = utf8_cut(s, max);
		buf_puts(out, " =?utf-8?B?");
		put_base64(out, s.data, n);
		buf_puts(out, "?=\r\n");
		s = span_sub(s, n, s.len);
	}
}

/* Folded at its blanks where it is long. */
static void
put_folded(struct buf *out, struct span s)
{
	size_t line = strlen("Subject:");
	struct span t;

	while ((t = next_token(&s)).len > 0) {
		if (line > 8 && line + 1 + t.len > LINE_MAX_BYTES) {
			buf_puts(out, "\r\n");
			line = 0;
		}
		buf_putc(out, ' ');
		buf_put_span(out, t);
		line += 1 + t.len;
	}
	buf_puts(out, "\r\n");
}

static void
put_subject(struct buf *out, const char *before, struct span subject)
{
	struct buf text;

	buf_init(&text, SUBJECT_MAX + 64);
	buf_puts(&text, before);
	utf8_line(&text, span_trim(subject), SUBJECT_MAX);
	buf_puts(out, "Subject:");
	if (buf_error(&text) != 0)
		buf_puts(out, " Auto:\r\n");
	else if (utf8_is_ascii(buf_span(&text)))
		put_folded(out, buf_span(&text));
	else
		put_encoded_words(out, buf_span(&text));
	buf_clear(&text);
}

/* ---- the text ---------------------------------------------------------- */

/* Must this byte, in this place of its line, be written as =XX? */
static bool
is_quoted(struct span line, size_t i)
{
	unsigned char c = line.data[i];

	if (c == ' ' || c == '\t')
		return i + 1 == line.len;
	/* "From " and a dot at the start are what others change. */
	return c < ' ' || c > '~' || c == '=' ||
	    (i == 0 && (c == 'F' || c == '.'));
}

static void
put_quoted_line(struct buf *out, struct span line)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t at = 0;

	for (size_t i = 0; i < line.len; i++) {
		bool quoted = is_quoted(line, i);

		if (at + (quoted ? 3 : 1) > LINE_MAX_BYTES - 1) {
			buf_puts(out, "=\r\n");
			at = 0;
		}
		if (quoted) {
			buf_putc(out, '=');
			buf_putc(out, hex[line.data[i] >> 4]);
			buf_putc(out, hex[line.data[i] & 15]);
			at += 3;
		} else {
			buf_putc(out, line.data[i]);
			at++;
		}
	}
	buf_puts(out, "\r\n");
}

static struct span
next_line(struct span *in)
{
	ptrdiff_t lf = span_chr(*in, '\n');
	struct span line = span_sub(*in, 0, lf == -1 ? in->len : (size_t)lf);

	*in = span_sub(*in, line.len + 1, in->len);
	return line;
}

static void
put_base64_lines(struct buf *out, struct span text)
{
	struct buf crlf;
	struct span rest;

	buf_init(&crlf, 2 * TEXT_MAX);
	while (text.len > 0) {
		buf_put_span(&crlf, next_line(&text));
		buf_puts(&crlf, "\r\n");
	}
	for (rest = buf_span(&crlf); rest.len > 0;
	     rest = span_sub(rest, 57, rest.len)) {
		put_base64(out, rest.data, rest.len < 57 ? rest.len : 57);
		buf_puts(out, "\r\n");
	}
	if (buf_error(&crlf) != 0)
		out->err = buf_error(&crlf);
	buf_clear(&crlf);
}

/* Quoted-printable can be read as it is; of a text that is mostly quoted
 * nothing can, and base64 is shorter. */
static void
put_text(struct buf *out, struct span text)
{
	size_t quoted = 0;

	for (size_t i = 0; i < text.len; i++)
		quoted += text.data[i] > '~' || text.data[i] == '=';
	buf_puts(out,
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: ");
	if (quoted > text.len / 3) {
		buf_puts(out, "base64\r\n\r\n");
		put_base64_lines(out, text);
		return;
	}
	buf_puts(out, "quoted-printable\r\n\r\n");
	while (text.len > 0)
		put_quoted_line(out, next_line(&text));
}

/* ------------------------------------------------------------------------ */

void
vacation_write(struct buf *out, const struct vacation *v)
{
	const char *before = "Auto: ";
	struct span text, subject = v->header->subject, line;
	char date[MAIL_DATE];
	struct buf clean;

	buf_init(&clean, TEXT_MAX);
	utf8_text(&clean, v->text);
	text = buf_span(&clean);
	/* The text's own subject, and an empty line after it. */
	if (span_has_prefix_icase(text, "Subject:")) {
		line = next_line(&text);
		subject = span_sub(line, strlen("Subject:"), line.len);
		before = "";
		if (text.len > 0 && text.data[0] == '\n')
			text = span_sub(text, 1, text.len);
	}
	mail_date(v->now_s, date);
	buf_printf(out, "From: <%s>\r\nTo: <", v->own);
	buf_put_span(out, v->sender);
	buf_puts(out, ">\r\n");
	put_subject(out, before, subject);
	buf_printf(out, "Date: %s\r\nMessage-ID: <%s@%s>\r\n", date, v->id,
	    v->hostname);
	put_references(out, v->header);
	buf_puts(out,
	    "Auto-Submitted: auto-replied\r\n"
	    "X-Auto-Response-Suppress: All\r\n");
	put_text(out, text);
	buf_clear(&clean);
}
