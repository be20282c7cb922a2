#include "config.h"
#include "queue/deferred.h"
#include "libcommon/io.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdlib.h>

#define MAGIC "semail-deferred 1"
#define FIELDS_MAX (4 + 3 * TARGETS_MAX)

static const char *const kinds[] = { [TARGET_UNKNOWN] = "unknown",
	[TARGET_MAILBOX] = "mailbox",
	[TARGET_REMOTE] = "remote" };

/* ---- writing ---------------------------------------------------------- */

/* Control bytes and % as %XX: a value can neither end its line nor its
 * field. */
static void
put_text(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (c < ' ' || c == 0x7f || c == '%')
			buf_printf(b, "%%%02X", c);
		else
			buf_putc(b, c);
	}
}

static void
put_line(struct buf *b, const char *name, struct span value)
{
	buf_puts(b, name);
	buf_putc(b, ' ');
	put_text(b, value);
	buf_putc(b, '\n');
}

static void
put_rcpt_targets(struct buf *b, const struct qmsg *m, unsigned rcpt)
{
	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];

		if (t->rcpt != rcpt || t->kind == TARGET_UNKNOWN)
			continue;
		buf_printf(b, "target %s %u ", kinds[t->kind], t->mailbox);
		put_text(b, t->address);
		buf_putc(b, '\n');
	}
}

void
deferred_head_put(struct buf *b, const struct qmsg *m)
{
	struct span rcpts = m->rcpts;
	struct qmsg_rcpt r;
	char id[QUEUE_ID_TEXT];
	size_t start = b->len;
	unsigned n = 0;

	queue_id_text(m->id, id);
	buf_printf(b, MAGIC "\nid %s\narrived %llu\nflags %u\n", id,
	    (unsigned long long)m->arrived_s, m->flags);
	put_line(b, "sender", m->reverse_path);
	put_line(b, "client", m->client);
	put_line(b, "auth", m->auth);
	if (m->prefix.len > 0)
		put_line(b, "prefix", m->prefix);
	while (qmsg_rcpt_next(&rcpts, &r) == 1) {
		put_line(b, "recipient", r.address);
		put_rcpt_targets(b, m, n++);
	}
	buf_printf(b, "body %s %llu %08x\n", m->body_file ? "file" : "inline",
	    (unsigned long long)m->body_bytes, m->body_crc);
	if (b->err == 0)
		buf_printf(b, "crc %08x\n\n",
		    io_crc32c(0, b->data + start, b->len - start));
}

/* Close a status line that began at start. */
static void
end_line(struct buf *b, size_t start)
{
	if (b->err == 0)
		buf_printf(b, "\t%08x\n",
		    io_crc32c(0, b->data + start, b->len - start));
}

void
deferred_put_attempt(struct buf *b, uint64_t now_s, const struct qmsg *m)
{
	size_t start = b->len;

	buf_printf(b, "%llu\tattempt\t%u\t%llu", (unsigned long long)now_s,
	    m->attempts, (unsigned long long)m->due_s);
	end_line(b, start);
}

void
deferred_put_target(struct buf *b, uint64_t now_s, const struct qtarget *t,
    bool done, struct span status)
{
	size_t start = b->len;

	buf_printf(b, "%llu\t%s\t%s\t%u\t", (unsigned long long)now_s,
	    done ? "done" : "fail", kinds[t->kind], t->mailbox);
	put_text(b, t->address);
	buf_putc(b, '\t');
	put_text(b, status);
	end_line(b, start);
}

void
deferred_put_expand(struct buf *b, uint64_t now_s, struct span rcpt,
    const struct target *t, unsigned n)
{
	size_t start = b->len;

	buf_printf(b, "%llu\texpand\t", (unsigned long long)now_s);
	put_text(b, rcpt);
	for (unsigned i = 0; i < n; i++) {
		buf_printf(b, "\t%s\t%u\t", kinds[t[i].kind], t[i].mailbox);
		put_text(b, t[i].address);
	}
	end_line(b, start);
}

/* ---- reading ------------------------------------------------------------ */

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int
get_hex32(struct span s, uint32_t *out)
{
	*out = 0;
	if (s.len != 8)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (hex(s.data[i]) == -1)
			return -1;
		*out = *out << 4 | (uint32_t)hex(s.data[i]);
	}
	return 0;
}

/* Undo put_text() into scratch, which must have room for s.len bytes. */
static int
get_text(struct span s, struct buf *scratch, struct span *out)
{
	size_t start = scratch->len;
	unsigned char *p = buf_reserve(scratch, s.len + 1);
	size_t n = 0;

	if (p == NULL)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		int c = s.data[i];

		if (c == '%') {
			if (s.len - i < 3 || hex(s.data[i + 1]) == -1 ||
			    hex(s.data[i + 2]) == -1)
				return -1;
			c = hex(s.data[i + 1]) << 4 | hex(s.data[i + 2]);
			i += 2;
		}
		p[n++] = (unsigned char)c;
	}
	buf_commit(scratch, n);
	*out = span_from(scratch->data + start, n);
	return 0;
}

/* Take a line, without its LF, off the front: 1, or 0 if there is none. */
static int
next_line(struct span *in, struct span *line)
{
	ptrdiff_t n = span_chr(*in, '\n');

	if (n == -1)
		return 0;
	*line = span_sub(*in, 0, (size_t)n);
	*in = span_sub(*in, (size_t)n + 1, in->len);
	return 1;
}

/* "name value": the value, or -1 if it is another line. */
static int
value_of(struct span line, const char *name, struct span *value)
{
	size_t n = strlen(name);

	if (line.len <= n || memcmp(line.data, name, n) != 0 ||
	    line.data[n] != ' ')
		return -1;
	*value = span_sub(line, n + 1, line.len);
	return 0;
}

static int
next_word(struct span *in, int sep, struct span *word)
{
	ptrdiff_t n = span_chr(*in, sep);

	if (n == -1)
		return -1;
	*word = span_sub(*in, 0, (size_t)n);
	*in = span_sub(*in, (size_t)n + 1, in->len);
	return 0;
}

static int
get_kind(struct span s, uint8_t *out)
{
	for (size_t i = 0; i < nitems(kinds); i++) {
		if (span_is(s, kinds[i])) {
			*out = (uint8_t)i;
			return 0;
		}
	}
	return -1;
}

static int
get_u64_line(struct span *in, const char *name, uint64_t max, uint64_t *out)
{
	struct span line, v;

	if (next_line(in, &line) == 0 || value_of(line, name, &v) == -1)
		return -1;
	return span_u64(v, max, out);
}

static int
get_text_line(struct span *in, const char *name, struct buf *scratch,
    struct span *out)
{
	struct span line, v;

	if (next_line(in, &line) == 0 || value_of(line, name, &v) == -1)
		return -1;
	return get_text(v, scratch, out);
}

static int
get_target_line(struct span v, struct buf *scratch, struct target *t)
{
	struct span word;
	uint64_t n;

	if (next_word(&v, ' ', &word) == -1 || get_kind(word, &t->kind) == -1 ||
	    next_word(&v, ' ', &word) == -1 ||
	    span_u64(word, UINT32_MAX, &n) == -1 ||
	    get_text(v, scratch, &t->address) == -1)
		return -1;
	t->mailbox = (uint32_t)n;
	return 0;
}

/* The recipients and their targets, as an envelope has them. */
static int
get_rcpts(struct span *in, struct buf *scratch, struct envelope *e,
    struct buf *rcpts)
{
	struct target targets[TARGETS_MAX];
	struct span rest, line, v, address;
	unsigned n;

	for (rest = *in; next_line(&rest, &line) == 1; *in = rest) {
		if (value_of(line, "recipient", &v) == -1)
			break;
		if (get_text(v, scratch, &address) == -1)
			return -1;
		for (n = 0, *in = rest; next_line(&rest, &line) == 1;
		     *in = rest) {
			if (value_of(line, "target", &v) == -1)
				break;
			if (n == TARGETS_MAX ||
			    get_target_line(v, scratch, &targets[n++]) == -1)
				return -1;
		}
		rest = *in;
		envelope_rcpt_put(rcpts, address, targets, n);
		e->nrcpts++;
	}
	e->rcpts = buf_span(rcpts);
	return buf_error(rcpts) == 0 ? 0 : -1;
}

static int
get_body_line(struct span *in, struct envelope *e)
{
	struct span line, v, word;

	if (next_line(in, &line) == 0 || value_of(line, "body", &v) == -1 ||
	    next_word(&v, ' ', &word) == -1)
		return -1;
	e->body_file = span_is(word, "file");
	if ((!e->body_file && !span_is(word, "inline")) ||
	    next_word(&v, ' ', &word) == -1 ||
	    span_u64(word, e->body_file ? INT64_MAX : BODY_INLINE_MAX,
	        &e->body_bytes) == -1)
		return -1;
	return get_hex32(v, &e->body_crc);
}

/* What stands between the first line and the crc line. */
static int
get_head(struct span in, uint64_t *id, struct buf *scratch, struct envelope *e,
    struct buf *rcpts)
{
	char text[QUEUE_ID_TEXT];
	struct span line, v;
	uint64_t flags;

	if (next_line(&in, &line) == 0 || !span_is(line, MAGIC) ||
	    next_line(&in, &line) == 0 || value_of(line, "id", &v) == -1 ||
	    span_copy(v, text, sizeof(text)) == -1 ||
	    queue_id_parse(text, id) == -1 ||
	    get_u64_line(&in, "arrived", UINT64_MAX, &e->arrived_s) == -1 ||
	    get_u64_line(&in, "flags", UINT32_MAX, &flags) == -1 ||
	    get_text_line(&in, "sender", scratch, &e->reverse_path) == -1 ||
	    get_text_line(&in, "client", scratch, &e->client) == -1 ||
	    get_text_line(&in, "auth", scratch, &e->auth) == -1 ||
	    (flags & QMSG_PREFIX &&
	        get_text_line(&in, "prefix", scratch, &e->prefix) == -1) ||
	    get_rcpts(&in, scratch, e, rcpts) == -1 ||
	    get_body_line(&in, e) == -1 || in.len != 0)
		return -1;
	e->flags = (uint32_t)flags;
	return 0;
}

/* The end of the header: "\ncrc XXXXXXXX\n\n".  Returns the offset of the
 * line, or -1. */
static ptrdiff_t
find_crc(struct span in)
{
	static const char mark[] = "\ncrc ";
	const unsigned char *p = memmem(in.data, in.len, mark, 5);

	return p == NULL ? -1 : p + 1 - in.data;
}

struct qmsg *
deferred_head_get(struct span in, size_t *head_len_out)
{
	struct envelope e = { .nrcpts = 0 };
	struct buf scratch, rcpts, wire;
	struct qmsg *m = NULL;
	ptrdiff_t crc_at = find_crc(in);
	uint32_t crc;
	uint64_t id;
	size_t head;

	if (crc_at == -1 || in.len - (size_t)crc_at < 14) {
		errno = in.len < sizeof(MAGIC) - 1 ||
		        memcmp(in.data, MAGIC, sizeof(MAGIC) - 1) == 0
		    ? EAGAIN
		    : EBADMSG;
		return NULL;
	}
	head = (size_t)crc_at;
	if (get_hex32(span_sub(in, head + 4, 8), &crc) == -1 ||
	    memcmp(in.data + head + 12, "\n\n", 2) != 0 ||
	    crc != io_crc32c(0, in.data, head)) {
		errno = EBADMSG;
		return NULL;
	}
	/* Decoded texts are no longer than they stand in the file; each may
	 * ask for a byte more.  Room for all at once: spans stay valid. */
	buf_init(&scratch, 2 * head + 64);
	buf_init(&rcpts, 2 * head + 64);
	buf_init(&wire, ENVELOPE_MAX);
	errno = EBADMSG;
	if (buf_reserve(&scratch, 2 * head + 64) != NULL &&
	    get_head(span_sub(in, 0, head), &id, &scratch, &e, &rcpts) == 0) {
		envelope_put(&wire, &e);
		if (buf_error(&wire) == 0)
			m = qmsg_new(id, buf_span(&wire), NULL);
	}
	if (m != NULL) {
		*head_len_out = head + 14;
		m->body_at = m->body_file ? 0 : head + 14;
	}
	head = (size_t)errno;
	buf_clear(&scratch);
	buf_clear(&rcpts);
	buf_clear(&wire);
	errno = (int)head;
	return m;
}

/* ---- status lines -------------------------------------------------------- */

static unsigned
split(struct span line, struct span *fields, unsigned max)
{
	unsigned n = 0;

	while (n < max - 1 && next_word(&line, '\t', &fields[n]) == 0)
		n++;
	fields[n++] = line;
	return n;
}

static void
line_target(struct qmsg *m, const struct span *f, unsigned n, bool done,
    struct buf *scratch)
{
	struct span address, status;
	struct qtarget *t;
	uint64_t mailbox;
	uint8_t kind;

	if (n != 6 || get_kind(f[2], &kind) == -1 ||
	    span_u64(f[3], UINT32_MAX, &mailbox) == -1 ||
	    get_text(f[4], scratch, &address) == -1 ||
	    get_text(f[5], scratch, &status) == -1 ||
	    (t = qmsg_find(m, kind, (uint32_t)mailbox, address)) == NULL)
		return;
	if (done)
		qtarget_set_done(m, t);
	else if (t->state != T_DONE && qtarget_set_status(t, status))
		t->changed = false;
}

static void
line_expand(struct qmsg *m, const struct span *f, unsigned n,
    struct buf *scratch)
{
	struct target t[TARGETS_MAX];
	unsigned nt = 0;
	struct span rcpt;
	struct buf b;
	uint64_t v;

	if (n < 6 || n % 3 != 0 || get_text(f[2], scratch, &rcpt) == -1)
		return;
	for (unsigned i = 3; i < n && nt < TARGETS_MAX; i += 3, nt++) {
		if (get_kind(f[i], &t[nt].kind) == -1 ||
		    span_u64(f[i + 1], UINT32_MAX, &v) == -1 ||
		    get_text(f[i + 2], scratch, &t[nt].address) == -1)
			return;
		t[nt].mailbox = (uint32_t)v;
	}
	buf_init(&b, EXPAND_MAX);
	expand_put(&b, rcpt, t, nt);
	if (buf_error(&b) == 0)
		qmsg_expand(m, buf_span(&b));
	buf_clear(&b);
}

static void
apply_line(struct qmsg *m, struct span line, struct buf *scratch)
{
	static struct span f[FIELDS_MAX];
	unsigned n = split(line, f, FIELDS_MAX);
	uint64_t attempts, due;

	if (n < 2)
		return;
	if (span_is(f[1], "attempt") && n == 4 &&
	    span_u64(f[2], UINT32_MAX, &attempts) == 0 &&
	    span_u64(f[3], UINT64_MAX, &due) == 0) {
		m->attempts = (uint32_t)attempts;
		m->due_s = due;
	} else if (span_is(f[1], "done")) {
		line_target(m, f, n, true, scratch);
	} else if (span_is(f[1], "fail")) {
		line_target(m, f, n, false, scratch);
	} else if (span_is(f[1], "expand")) {
		line_expand(m, f, n, scratch);
	}
}

size_t
deferred_lines_get(struct span lines, struct qmsg *m, unsigned *bad_out)
{
	struct span rest = lines, line;
	struct buf scratch;
	size_t end = 0;
	uint32_t crc;

	*bad_out = 0;
	while (next_line(&rest, &line) == 1) {
		if (line.len < 10 || line.data[line.len - 9] != '\t' ||
		    get_hex32(span_sub(line, line.len - 8, 8), &crc) == -1 ||
		    crc != io_crc32c(0, line.data, line.len - 9)) {
			++*bad_out;
			continue;
		}
		line.len -= 9;
		buf_init(&scratch, 2 * line.len + FIELDS_MAX + 1);
		if (buf_reserve(&scratch, scratch.max) != NULL)
			apply_line(m, line, &scratch);
		buf_clear(&scratch);
		end = lines.len - rest.len;
	}
	return end;
}
