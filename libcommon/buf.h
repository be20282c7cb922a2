/*
 * buf - bytes we own, with a hard ceiling; spans - bytes we borrow.
 *
 * Neither is a C string: NUL may occur anywhere and len is the truth.
 */
#ifndef LIBCOMMON_BUF_H
#define LIBCOMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

/* Borrowed bytes.  Valid only as long as their owner leaves them alone. */
struct span {
	const unsigned char *data;
	size_t len;
};

/*
 * Owned bytes.  The first failure sticks (ENOMEM, or EMSGSIZE past max) and
 * later appends do nothing, so a reply is built in a straight line and
 * buf_error() asked once, before anything is done with the bytes.
 */
struct buf {
	unsigned char *data; /* owned; moves when it grows, so never keep it */
	size_t len;          /* bytes in use */
	size_t cap;          /* bytes allocated; for buf.c only */
	size_t max;          /* ceiling in bytes, fixed by buf_init() */
	int err;             /* first failure, an errno value; 0 if none */
};

/* An empty buffer that will never hold more than max_bytes. */
void buf_init(struct buf *, size_t max_bytes);
/* Free and zero; harmless twice.  The ceiling is kept: usable again. */
void buf_clear(struct buf *);
/* Forget the contents and the error, keep the memory. */
void buf_reset(struct buf *);
void buf_put(struct buf *, const void *, size_t);
void buf_puts(struct buf *, const char *); /* without its NUL */
void buf_putc(struct buf *, int);
void buf_put_span(struct buf *, struct span);
void buf_printf(struct buf *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at data + len, or NULL (and the error sticks).  Say
 * with buf_commit() how many were used. */
void *buf_reserve(struct buf *, size_t n);
void buf_commit(struct buf *, size_t n);
/* Drop the first n bytes (n <= len). */
void buf_drop(struct buf *, size_t n);
/* Keep the first n bytes (n <= len). */
void buf_truncate(struct buf *, size_t n);
int buf_error(const struct buf *); /* 0 or the errno value that stuck */
struct span buf_span(const struct buf *);

/* size arithmetic that fails instead of wrapping: 0, or -1 with EOVERFLOW */
int size_add(size_t a, size_t b, size_t *sum_out);
int size_mul(size_t a, size_t b, size_t *product_out);

struct span span_of(const char *); /* a C string, without its NUL */
struct span span_from(const void *, size_t);
/* s from offset on (empty past its end), at most len bytes. */
struct span span_sub(struct span s, size_t offset, size_t len);
bool span_eq(struct span, struct span);
bool span_is(struct span, const char *);       /* exactly these bytes */
bool span_is_icase(struct span, const char *); /* ASCII case ignored */
bool span_has_prefix_icase(struct span, const char *);
/* Index of the first c, or -1. */
ptrdiff_t span_chr(struct span, int c);
struct span span_trim(struct span); /* blanks and tabs off both ends */
/* A NUL-terminated copy on the heap, or NULL with errno: ENOMEM, or EINVAL
 * when the span holds a NUL. */
char *span_strdup(struct span);
/* Copy into a C string of size bytes: 0, or -1 with ENAMETOOLONG or EINVAL. */
int span_copy(struct span, char *dst, size_t size);
/* Plain decimal digits only; -1 with EINVAL or ERANGE (> max). */
int span_u64(struct span, uint64_t max, uint64_t *out);

#endif
