/*
 * wire - typed fields in IPC payloads, records on disk and LMDB values.
 *
 * Integers are little-endian and fixed width; bytes are a u32 length and then
 * the bytes.  A decoder never reads past its input: the first failure sticks,
 * later reads return zero, and wire_done() refuses short, malformed and
 * leftover bytes alike.
 */
#ifndef LIBCOMMON_WIRE_H
#define LIBCOMMON_WIRE_H

#include "libcommon/buf.h"

void wire_put_u8(struct buf *, uint8_t);
void wire_put_u16(struct buf *, uint16_t);
void wire_put_u32(struct buf *, uint32_t);
void wire_put_u64(struct buf *, uint64_t);
void wire_put_bytes(struct buf *, struct span); /* EMSGSIZE from 4 GiB up */
void wire_put_str(struct buf *, const char *);

struct wire {
	const unsigned char *next;
	size_t left;
	bool bad;
};

void wire_init(struct wire *, struct span);
uint8_t wire_u8(struct wire *);
uint16_t wire_u16(struct wire *);
uint32_t wire_u32(struct wire *);
uint64_t wire_u64(struct wire *);
/* Borrowed from the input; longer than max_len is a failure. */
struct span wire_bytes(struct wire *, size_t max_len);
/* As wire_bytes(), and no NUL, CR or LF may occur in it. */
struct span wire_text(struct wire *, size_t max_len);
/* Copy exactly n bytes out (keys, digests). */
void wire_raw(struct wire *, void *dst, size_t n);
/* A text of less than size bytes, as a C string ("" after a failure). */
void wire_cstr(struct wire *, char *dst, size_t size);
/* 0 if everything was there and nothing is left, else -1 with EBADMSG. */
int wire_done(const struct wire *);

/* The same integers at a place of known size. */
void le16_put(void *, uint16_t);
void le32_put(void *, uint32_t);
void le64_put(void *, uint64_t);
uint16_t le16_get(const void *);
uint32_t le32_get(const void *);
uint64_t le64_get(const void *);

#endif
