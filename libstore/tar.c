#include "config.h"
#include "libstore/tar.h"

#include <stdio.h>

#define SIZE_MAX_OCTAL 077777777777u /* eleven digits */

/* The fields of a block; all text. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8],
	    type, link[100], magic[6], version[2], uname[32], gname[32],
	    major[8], minor[8], prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is a block");

unsigned
tar_sum(const unsigned char block[static TAR_BLOCK])
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return sum;
}

static void
octal(char *field, size_t size, uint64_t n)
{
	for (field[--size] = '\0'; size > 0; n >>= 3)
		field[--size] = (char)('0' + (n & 7));
}

static void
put_block(struct buf *b, struct header *h, char type, uint64_t size,
    uint64_t mtime)
{
	unsigned char block[TAR_BLOCK];

	octal(h->mode, sizeof(h->mode), 0600);
	octal(h->uid, sizeof(h->uid), 0);
	octal(h->gid, sizeof(h->gid), 0);
	octal(h->size, sizeof(h->size), size);
	octal(h->mtime, sizeof(h->mtime), mtime);
	h->type = type;
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	octal(h->major, sizeof(h->major), 0);
	octal(h->minor, sizeof(h->minor), 0);
	memcpy(block, h, sizeof(block));
	/* Six digits, a NUL, a blank. */
	octal(h->sum, 7, tar_sum(block));
	h->sum[7] = ' ';
	buf_put(b, h, sizeof(*h));
}

/* Does the path fit into name, or prefix and name? */
static bool
put_path(struct header *h, const char *path)
{
	size_t len = strlen(path);
	const char *slash;

	if (len <= sizeof(h->name)) {
		memcpy(h->name, path, len);
		return true;
	}
	/* The first place that leaves a short enough name. */
	slash = strchr(path + len - sizeof(h->name) - 1, '/');
	if (slash != NULL && slash[1] != '\0' && slash != path &&
	    (size_t)(slash - path) <= sizeof(h->prefix)) {
		memcpy(h->prefix, path, (size_t)(slash - path));
		memcpy(h->name, slash + 1, strlen(slash + 1));
		return true;
	}
	memcpy(h->name, path, sizeof(h->name));
	return false;
}

/* "LENGTH KEY=VALUE\n"; the length counts itself. */
static void
put_record(struct buf *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1;
	char digits[24];

	while (rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len) !=
	    len)
		len++;
	buf_printf(b, "%zu %s=%s\n", len, key, value);
}

void
tar_put_header(struct buf *b, const char *path, uint64_t size, int64_t mtime_s)
{
	uint64_t mtime = mtime_s < 0 ? 0 : (uint64_t)mtime_s;
	struct header h = { .name = "" }, x = { .name = "PaxHeaders/entry" };
	struct buf records;
	char digits[24];

	if (mtime > SIZE_MAX_OCTAL)
		mtime = SIZE_MAX_OCTAL;
	buf_init(&records, TAR_HEADER_MAX);
	if (!put_path(&h, path))
		put_record(&records, "path", path);
	if (size > SIZE_MAX_OCTAL) {
		snprintf(digits, sizeof(digits), "%llu",
		    (unsigned long long)size);
		put_record(&records, "size", digits);
	}
	if (records.len > 0) {
		put_block(b, &x, 'x', records.len, mtime);
		buf_put_span(b, buf_span(&records));
		tar_put_pad(b, records.len);
	}
	put_block(b, &h, '0', size > SIZE_MAX_OCTAL ? 0 : size, mtime);
	buf_clear(&records);
}

void
tar_put_pad(struct buf *b, uint64_t size)
{
	static const unsigned char zeros[TAR_BLOCK];

	buf_put(b, zeros, (size_t)(-size % TAR_BLOCK));
}

void
tar_put_end(struct buf *b)
{
	static const unsigned char zeros[2 * TAR_BLOCK];

	buf_put(b, zeros, sizeof(zeros));
}
