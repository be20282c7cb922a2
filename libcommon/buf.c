#include "config.h"
#include "libcommon/buf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

int
size_add(size_t a, size_t b, size_t *sum_out)
{
	if (__builtin_add_overflow(a, b, sum_out)) {
		errno = EOVERFLOW;
		return -1;
	}
	return 0;
}

int
size_mul(size_t a, size_t b, size_t *product_out)
{
	if (__builtin_mul_overflow(a, b, product_out)) {
		errno = EOVERFLOW;
		return -1;
	}
	return 0;
}

void
buf_init(struct buf *b, size_t max_bytes)
{
	memset(b, 0, sizeof(*b));
	b->max = max_bytes;
}

void
buf_clear(struct buf *b)
{
	size_t max = b->max;

	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

static int
buf_grow(struct buf *b, size_t want)
{
	unsigned char *p;
	size_t cap = b->cap ? b->cap : 64;

	if (want > b->max) {
		b->err = EMSGSIZE;
		return -1;
	}
	while (cap < want && cap <= b->max / 2)
		cap *= 2;
	if (cap < want)
		cap = b->max;
	if ((p = realloc(b->data, cap)) == NULL) {
		b->err = ENOMEM;
		return -1;
	}
	b->data = p;
	b->cap = cap;
	return 0;
}

void *
buf_reserve(struct buf *b, size_t n)
{
	size_t want;

	if (b->err != 0)
		return NULL;
	if (size_add(b->len, n, &want) == -1) {
		b->err = EMSGSIZE;
		return NULL;
	}
	if ((want > b->cap || b->data == NULL) && buf_grow(b, want) == -1)
		return NULL;
	return b->data + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	if (b->err == 0)
		b->len += n;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	void *dst;

	if (n == 0 || (dst = buf_reserve(b, n)) == NULL)
		return;
	memcpy(dst, p, n);
	b->len += n;
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_putc(struct buf *b, int c)
{
	unsigned char byte = (unsigned char)c;

	buf_put(b, &byte, 1);
}

void
buf_put_span(struct buf *b, struct span s)
{
	buf_put(b, s.data, s.len);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		if (b->err == 0)
			b->err = EINVAL;
		return;
	}
	if ((p = buf_reserve(b, (size_t)n + 1)) == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

void
buf_truncate(struct buf *b, size_t n)
{
	if (n < b->len)
		b->len = n;
}

int
buf_error(const struct buf *b)
{
	return b->err;
}

struct span
buf_span(const struct buf *b)
{
	return span_from(b->data, b->len);
}

struct span
span_of(const char *s)
{
	return span_from(s, strlen(s));
}

struct span
span_from(const void *p, size_t n)
{
	struct span s = { p, n };

	return s;
}

struct span
span_sub(struct span s, size_t offset, size_t len)
{
	if (offset > s.len)
		offset = s.len;
	if (len > s.len - offset)
		len = s.len - offset;
	/* NULL + 0 is undefined in C. */
	return span_from(s.data == NULL ? NULL : s.data + offset, len);
}

bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

bool
span_is(struct span s, const char *str)
{
	return span_eq(s, span_of(str));
}

bool
span_is_icase(struct span s, const char *str)
{
	return s.len == strlen(str) && span_has_prefix_icase(s, str);
}

bool
span_has_prefix_icase(struct span s, const char *str)
{
	size_t n = strlen(str);

	return s.len >= n &&
	    (n == 0 || strncasecmp((const char *)s.data, str, n) == 0);
}

ptrdiff_t
span_chr(struct span s, int c)
{
	const unsigned char *p;

	if (s.len == 0 || (p = memchr(s.data, c, s.len)) == NULL)
		return -1;
	return p - s.data;
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = span_sub(s, 1, s.len - 1);
	while (s.len > 0 &&
	    (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

char *
span_strdup(struct span s)
{
	char *p;

	if (span_chr(s, '\0') != -1) {
		errno = EINVAL;
		return NULL;
	}
	if ((p = malloc(s.len + 1)) == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(p, s.data, s.len);
	p[s.len] = '\0';
	return p;
}

int
span_copy(struct span s, char *dst, size_t size)
{
	if (s.len >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (span_chr(s, '\0') != -1) {
		errno = EINVAL;
		return -1;
	}
	if (s.len > 0)
		memcpy(dst, s.data, s.len);
	dst[s.len] = '\0';
	return 0;
}

int
span_u64(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9') {
			errno = EINVAL;
			return -1;
		}
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s.data[i] - '0', &v) || v > max) {
			errno = ERANGE;
			return -1;
		}
	}
	*out = v;
	return 0;
}
