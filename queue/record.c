#include "config.h"
#include "queue/record.h"
#include "libcommon/io.h"
#include "libcommon/wire.h"

#include <errno.h>

#define SEG_MAGIC 0x31474c514d455345ull /* "ESEMQLG1" */
#define BATCH_MAGIC 0x54414251u         /* "QBAT" */
#define REC_MAGIC 0x43455251u           /* "QREC" */
#define FORMAT 1

/* Offsets, see doc/queue.md. */
enum {
	SEG_VERSION = 8,
	SEG_CRC = 12,
	SEG_GENERATION = 16,
	SEG_SALT = 24,
	SEG_SIZE = 32,
	SEG_BYTES = 40
};
enum {
	B_VERSION = 4,
	B_LEN = 8,
	B_CRC = 12,
	B_GENERATION = 16,
	B_SEQ = 24,
	B_SALT = 32,
	B_SYNCED = 40,
	B_NRECORDS = 48,
	B_ZERO = 52,
	B_LAST_ID = 56
};
enum {
	R_VERSION = 4,
	R_TYPE = 5,
	R_ZERO = 6,
	R_LEN = 8,
	R_CRC = 12,
	R_ID = 16,
	R_GENERATION = 24,
	R_SEQ = 32,
	R_SALT = 40
};

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

void
seg_head_put(unsigned char out[static SEG_HEADER], const struct seg_head *h)
{
	/* All in the first 512 bytes: a disk writes those whole or not. */
	memset(out, 0, SEG_HEADER);
	le64_put(out, SEG_MAGIC);
	le32_put(out + SEG_VERSION, FORMAT);
	le64_put(out + SEG_GENERATION, h->generation);
	le64_put(out + SEG_SALT, h->salt);
	le64_put(out + SEG_SIZE, h->size);
	le32_put(out + SEG_CRC, io_crc32c(0, out, SEG_BYTES));
}

int
seg_head_get(const unsigned char in[static SEG_HEADER], struct seg_head *out)
{
	unsigned char copy[SEG_BYTES];

	memcpy(copy, in, sizeof(copy));
	le32_put(copy + SEG_CRC, 0);
	if (le64_get(in) != SEG_MAGIC || le32_get(in + SEG_VERSION) != FORMAT ||
	    le32_get(in + SEG_CRC) != io_crc32c(0, copy, sizeof(copy))) {
		errno = EBADMSG;
		return -1;
	}
	out->generation = le64_get(in + SEG_GENERATION);
	out->salt = le64_get(in + SEG_SALT);
	out->size = le64_get(in + SEG_SIZE);
	return 0;
}

void
batch_begin(struct buf *b)
{
	static const unsigned char zero[BATCH_HEADER];

	buf_reset(b);
	buf_put(b, zero, sizeof(zero));
}

size_t
rec_begin(struct buf *b, enum rec_type type, uint64_t id)
{
	unsigned char h[REC_HEADER] = { 0 };
	size_t at = b->len;

	le32_put(h, REC_MAGIC);
	h[R_VERSION] = FORMAT;
	h[R_TYPE] = (unsigned char)type;
	le64_put(h + R_ID, id);
	buf_put(b, h, sizeof(h));
	return at;
}

void
rec_end(struct buf *b, size_t at)
{
	static const unsigned char zero[8];

	if (b->err != 0)
		return;
	le32_put(b->data + at + R_LEN, (uint32_t)(b->len - at - REC_HEADER));
	buf_put(b, zero, round_up(b->len, 8) - b->len);
}

static uint32_t
rec_crc(const unsigned char *r)
{
	static const unsigned char zero[4];
	uint32_t c = io_crc32c(0, r, R_CRC);

	c = io_crc32c(c, zero, sizeof(zero));
	return io_crc32c(c, r + R_CRC + 4,
	    REC_HEADER - R_CRC - 4 + le32_get(r + R_LEN));
}

static size_t
rec_size(const unsigned char *r)
{
	return round_up(REC_HEADER + (size_t)le32_get(r + R_LEN), 8);
}

void
batch_seal(struct buf *b, const struct seg_head *seg, struct batch_head *h)
{
	static const unsigned char zero[BLOCK];
	unsigned char *p, *end;
	uint32_t crc;

	if (b->err != 0)
		return;
	h->len = b->len;
	h->nrecords = 0;
	end = b->data + b->len;
	for (p = b->data + BATCH_HEADER; p < end; p += rec_size(p)) {
		le64_put(p + R_GENERATION, seg->generation);
		le64_put(p + R_SEQ, h->seq);
		le64_put(p + R_SALT, seg->salt);
		le32_put(p + R_CRC, rec_crc(p));
		h->nrecords++;
	}
	p = b->data;
	memset(p, 0, BATCH_HEADER);
	le32_put(p, BATCH_MAGIC);
	p[B_VERSION] = FORMAT;
	le32_put(p + B_LEN, (uint32_t)b->len);
	le64_put(p + B_GENERATION, seg->generation);
	le64_put(p + B_SEQ, h->seq);
	le64_put(p + B_SALT, seg->salt);
	le64_put(p + B_SYNCED, h->synced);
	le32_put(p + B_NRECORDS, h->nrecords);
	le64_put(p + B_LAST_ID, h->last_id);
	crc = io_crc32c(0, p, BATCH_HEADER);
	for (p = b->data + BATCH_HEADER; p < end; p += rec_size(p))
		crc = io_crc32c(crc, p + R_CRC, 4);
	le32_put(b->data + B_CRC, crc);
	/* Whole blocks, so that the kernel need not read what we overwrite,
	 * and nothing of an earlier use is left behind the records. */
	buf_put(b, zero, round_up(b->len, BLOCK) - b->len);
}

/* The size of a record with a good checksum at p, or 0. */
static size_t
rec_check(const unsigned char *p, size_t left, const struct seg_head *seg)
{
	size_t n;

	if (left < REC_HEADER || le32_get(p) != REC_MAGIC ||
	    le64_get(p + R_SALT) != seg->salt ||
	    le64_get(p + R_GENERATION) != seg->generation ||
	    p[R_VERSION] != FORMAT)
		return 0;
	n = rec_size(p);
	if (n > left || le32_get(p + R_CRC) != rec_crc(p))
		return 0;
	return n;
}

static struct rec
rec_at(const unsigned char *image, size_t off)
{
	const unsigned char *p = image + off;

	return (struct rec){ .type = (enum rec_type)p[R_TYPE],
		.id = le64_get(p + R_ID),
		.payload = span_from(p + REC_HEADER, le32_get(p + R_LEN)),
		.off = off };
}

/* Is there a whole batch at off? */
static bool
batch_check(struct span image, size_t off, const struct seg_head *seg,
    struct batch_head *out)
{
	const unsigned char *p = image.data + off;
	unsigned char h[BATCH_HEADER];
	uint32_t crc, n = 0;
	size_t at, size;

	if (image.len - off < BATCH_HEADER || le32_get(p) != BATCH_MAGIC ||
	    le64_get(p + B_SALT) != seg->salt ||
	    le64_get(p + B_GENERATION) != seg->generation ||
	    p[B_VERSION] != FORMAT)
		return false;
	out->len = le32_get(p + B_LEN);
	if (out->len < BATCH_HEADER || out->len > image.len - off)
		return false;
	out->seq = le64_get(p + B_SEQ);
	out->synced = le64_get(p + B_SYNCED);
	out->last_id = le64_get(p + B_LAST_ID);
	out->nrecords = le32_get(p + B_NRECORDS);
	memcpy(h, p, sizeof(h));
	le32_put(h + B_CRC, 0);
	crc = io_crc32c(0, h, sizeof(h));
	for (at = BATCH_HEADER; at < out->len; at += size, n++) {
		if ((size = rec_check(p + at, out->len - at, seg)) == 0 ||
		    le64_get(p + at + R_SEQ) != out->seq)
			return false;
		crc = io_crc32c(crc, p + at + R_CRC, 4);
	}
	return n == out->nrecords && crc == le32_get(p + B_CRC);
}

size_t
seg_scan(struct span image, const struct seg_head *seg,
    const struct scan_ops *ops, void *arg)
{
	struct batch_head head;
	size_t off = SEG_HEADER, end = SEG_HEADER;

	while (off < image.len) {
		if (!batch_check(image, off, seg, &head)) {
			off += BLOCK;
			continue;
		}
		if (off > end)
			ops->hole(arg, end, off - end, &head);
		ops->batch(arg, off, &head);
		for (size_t at = BATCH_HEADER; at < head.len;
		     at += rec_size(image.data + off + at)) {
			struct rec r = rec_at(image.data, off + at);

			ops->record(arg, &r);
		}
		off += round_up(head.len, BLOCK);
		end = off;
	}
	return end;
}

void
seg_salvage(struct span image, const struct seg_head *seg, size_t off,
    size_t len, void (*record)(void *, const struct rec *), void *arg)
{
	size_t end = off + len, n;

	for (off = round_up(off, 8); off < end; off += n) {
		n = rec_check(image.data + off, end - off, seg);
		if (n == 0) {
			n = 8;
			continue;
		}
		struct rec r = rec_at(image.data, off);

		record(arg, &r);
	}
}

int
seg_guess_head(struct span image, struct seg_head *out)
{
	struct batch_head head;
	struct seg_head try;
	bool found = false;

	for (size_t off = SEG_HEADER; off < image.len; off += BLOCK) {
		const unsigned char *p = image.data + off;

		if (image.len - off < BATCH_HEADER)
			break;
		try.generation = le64_get(p + B_GENERATION);
		try.salt = le64_get(p + B_SALT);
		try.size = image.len;
		if ((!found || try.generation > out->generation) &&
		    batch_check(image, off, &try, &head)) {
			*out = try;
			found = true;
		}
	}
	return found ? 0 : -1;
}
