#include "config.h"
#include "libcommon/wire.h"

#include <endian.h>
#include <errno.h>

void
le16_put(void *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

void
le32_put(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

void
le64_put(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

uint16_t
le16_get(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

uint32_t
le32_get(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t
le64_get(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void
wire_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void
wire_put_u16(struct buf *b, uint16_t v)
{
	unsigned char p[2];

	le16_put(p, v);
	buf_put(b, p, sizeof(p));
}

void
wire_put_u32(struct buf *b, uint32_t v)
{
	unsigned char p[4];

	le32_put(p, v);
	buf_put(b, p, sizeof(p));
}

void
wire_put_u64(struct buf *b, uint64_t v)
{
	unsigned char p[8];

	le64_put(p, v);
	buf_put(b, p, sizeof(p));
}

void
wire_put_bytes(struct buf *b, struct span s)
{
	if (s.len > UINT32_MAX) {
		if (b->err == 0)
			b->err = EMSGSIZE;
		return;
	}
	wire_put_u32(b, (uint32_t)s.len);
	buf_put_span(b, s);
}

void
wire_put_str(struct buf *b, const char *s)
{
	wire_put_bytes(b, span_of(s));
}

void
wire_init(struct wire *w, struct span s)
{
	w->next = s.data;
	w->left = s.len;
	w->bad = false;
}

static const unsigned char *
wire_take(struct wire *w, size_t n)
{
	const unsigned char *p = w->next;

	if (w->bad || n > w->left) {
		w->bad = true;
		return NULL;
	}
	if (n > 0) {
		w->next += n;
		w->left -= n;
	}
	return p;
}

uint8_t
wire_u8(struct wire *w)
{
	const unsigned char *p = wire_take(w, 1);

	return p == NULL ? 0 : *p;
}

uint16_t
wire_u16(struct wire *w)
{
	const unsigned char *p = wire_take(w, 2);

	return p == NULL ? 0 : le16_get(p);
}

uint32_t
wire_u32(struct wire *w)
{
	const unsigned char *p = wire_take(w, 4);

	return p == NULL ? 0 : le32_get(p);
}

uint64_t
wire_u64(struct wire *w)
{
	const unsigned char *p = wire_take(w, 8);

	return p == NULL ? 0 : le64_get(p);
}

struct span
wire_bytes(struct wire *w, size_t max_len)
{
	size_t n = wire_u32(w);
	const unsigned char *p;

	if (n > max_len)
		w->bad = true;
	if ((p = wire_take(w, n)) == NULL || w->bad)
		return span_from("", 0);
	return span_from(p, n);
}

struct span
wire_text(struct wire *w, size_t max_len)
{
	struct span s = wire_bytes(w, max_len);

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\0' || s.data[i] == '\r' ||
		    s.data[i] == '\n') {
			w->bad = true;
			return span_from("", 0);
		}
	}
	return s;
}

void
wire_raw(struct wire *w, void *dst, size_t n)
{
	const unsigned char *p = wire_take(w, n);

	if (p == NULL)
		memset(dst, 0, n);
	else
		memcpy(dst, p, n);
}

void
wire_cstr(struct wire *w, char *dst, size_t size)
{
	if (span_copy(wire_text(w, size - 1), dst, size) == -1) {
		w->bad = true;
		dst[0] = '\0';
	}
}

int
wire_done(const struct wire *w)
{
	if (w->bad || w->left != 0) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}
