#include "config.h"
#include "queue/record.h"
#include "tap.h"

static struct seg_head seg = { 7, 0x1122334455667788ull, 16 * BLOCK };
static unsigned char image[16 * BLOCK];
static size_t end; /* of what was written */

/* What a scan found, as text: "[1 a1 b2] hole4096 [2 c3]" */
static char found[4000];

#define SAY(...) \
	snprintf(found + strlen(found), sizeof(found) - strlen(found), \
	    __VA_ARGS__)

static void
on_record(void *arg, const struct rec *r)
{
	(void)arg;
	SAY(" %llu:%zu", (unsigned long long)r->id, r->payload.len);
}

static void
on_batch(void *arg, size_t off, const struct batch_head *h)
{
	(void)arg;
	(void)off;
	SAY(" [%llu]", (unsigned long long)h->seq);
}

static void
on_hole(void *arg, size_t off, size_t len, const struct batch_head *next)
{
	(void)arg;
	(void)next;
	SAY(" hole@%zu+%zu", off / BLOCK, len / BLOCK);
}

static const struct scan_ops ops = { on_record, on_batch, on_hole };

static const char *
scan(const struct seg_head *h)
{
	found[0] = '\0';
	seg_scan(span_from(image, sizeof(image)), h, &ops, NULL);
	return found;
}

/* A batch of n records of len bytes, ids from id on. */
static void
write_batch(uint64_t seq, uint64_t id, unsigned n, size_t len)
{
	struct batch_head h = { .seq = seq, .synced = seq - 1 };
	static unsigned char payload[3 * BLOCK];
	struct buf b;

	memset(payload, 0x5a, sizeof(payload));
	buf_init(&b, 1 << 20);
	batch_begin(&b);
	for (unsigned i = 0; i < n; i++) {
		size_t at = rec_begin(&b, REC_MESSAGE, id + i);

		buf_put(&b, payload, len);
		rec_end(&b, at);
	}
	batch_seal(&b, &seg, &h);
	is_int((int64_t)(b.len % BLOCK), 0, "a batch is whole blocks");
	memcpy(image + end, b.data, b.len);
	end += b.len;
	buf_clear(&b);
}

static void
fresh(void)
{
	memset(image, 0, sizeof(image));
	seg_head_put(image, &seg);
	end = SEG_HEADER;
	write_batch(1, 10, 2, 100);
	write_batch(2, 20, 3, 3000);
	write_batch(3, 30, 1, 0);
}

#define WHOLE " [1] 10:100 11:100 [2] 20:3000 21:3000 22:3000 [3] 30:0"

static void
headers(void)
{
	struct seg_head h;

	fresh();
	ok(seg_head_get(image, &h) == 0 && h.generation == 7 &&
	        h.salt == seg.salt && h.size == seg.size,
	    "segment header");
	for (unsigned i = 0; i < 40; i++) {
		image[i] ^= 1;
		if (seg_head_get(image, &h) == 0)
			ok(false, "a changed byte %u is found", i);
		image[i] ^= 1;
	}
	image[3] ^= 1;
	ok(seg_guess_head(span_from(image, sizeof(image)), &h) == 0 &&
	        h.generation == 7 && h.salt == seg.salt,
	    "a damaged header is guessed from the batches");
	memset(image, 0, sizeof(image));
	is_int(seg_guess_head(span_from(image, sizeof(image)), &h), -1,
	    "nothing is guessed from nothing");
}

static void
damage(void)
{
	char want[200];
	unsigned wrong = 0;

	fresh();
	is_str(scan(&seg), WHOLE, "a whole segment");
	for (size_t i = 2 * BLOCK; i < 2 * BLOCK + 9200; i++) {
		image[i] ^= 0x10;
		wrong += strstr(scan(&seg), "[2]") != NULL;
		image[i] ^= 0x10;
	}
	is_int(wrong, 0, "each changed byte of a batch is found");
	image[2 * BLOCK + 70] ^= 1;
	is_str(scan(&seg), " [1] 10:100 11:100 hole@2+3 [3] 30:0",
	    "a bad batch is a hole, the scan goes on");
	found[0] = '\0';
	seg_salvage(span_from(image, sizeof(image)), &seg, 2 * BLOCK, 3 * BLOCK,
	    on_record, NULL);
	is_str(found, " 21:3000 22:3000", "its good records can be saved");

	/* torn: each of its blocks missing in turn */
	for (unsigned k = 2; k < 5; k++) {
		fresh();
		memset(image + k * BLOCK, 0, BLOCK);
		snprintf(want, sizeof(want),
		    " [1] 10:100 11:100 hole@2+3 [3] 30:0");
		is_str(scan(&seg), want, "block %u missing", k);
	}
	fresh();
	memset(image + 5 * BLOCK, 0, BLOCK);
	is_str(scan(&seg), " [1] 10:100 11:100 [2] 20:3000 21:3000 22:3000",
	    "a torn end is no hole");
}

static void
generations(void)
{
	struct seg_head next = { 8, seg.salt, seg.size };
	struct seg_head salted = { 7, seg.salt + 1, seg.size };

	fresh();
	is_str(scan(&next), "", "batches of the last use do not count");
	is_str(scan(&salted), "", "nor those with another salt");
	seg = next;
	end = SEG_HEADER;
	write_batch(4, 40, 1, 100);
	is_str(scan(&seg), " [4] 40:100", "only the new one does");
	seg.generation = 7;
}

/* A body that holds a batch, seen by a scan that looks into the middle. */
static void
forged(void)
{
	unsigned char copy[BLOCK];
	struct seg_head theirs = { 7, 1, seg.size };
	struct seg_head ours = seg;

	seg = theirs;
	fresh();
	memcpy(copy, image + BLOCK, BLOCK);
	seg = ours;
	fresh();
	image[2 * BLOCK + 8] ^= 1;
	memcpy(image + 3 * BLOCK, copy, BLOCK);
	is_str(scan(&seg), " [1] 10:100 11:100 hole@2+3 [3] 30:0",
	    "a batch inside a body does not know the salt");
}

int
main(void)
{
	headers();
	damage();
	generations();
	forged();
	return done_testing();
}
