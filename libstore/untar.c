#include "config.h"
#include "libstore/untar.h"

#define SIZE_LIMIT ((uint64_t)1 << 62) /* no padding overflows */

/* Places in a header. */
#define AT_NAME 0
#define AT_SIZE 124
#define AT_MTIME 136
#define AT_SUM 148
#define AT_TYPE 156
#define AT_MAGIC 257
#define AT_PREFIX 345

static enum untar_event
bad(struct untar *u, const char *why)
{
	u->why = why;
	u->state = U_BAD;
	buf_clear(&u->extra);
	return UNTAR_BAD;
}

/* ---- numbers and names ------------------------------------------------------ */

/* Octal digits between blanks and NULs, or, with the high bit, GNU's 256. */
static int
number(const unsigned char *p, size_t n, int64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	if (p[0] == 0x80) {
		for (i = 1; i < n; i++) {
			if (v > SIZE_LIMIT >> 8)
				return -1;
			v = v << 8 | p[i];
		}
		*out = (int64_t)v;
		return v > SIZE_LIMIT ? -1 : 0;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0'); /* 36 bits at most */
	*out = (int64_t)v;
	return i == n || p[i] == ' ' || p[i] == '\0' ? 0 : -1;
}

static struct span
text(const unsigned char *p, size_t n)
{
	return span_from(p, n == 0 ? 0 : strnlen((const char *)p, n));
}

static void
add_path(struct untar *u, struct span s)
{
	struct span fits = span_sub(s, 0, TAR_PATH_MAX - u->path_len);

	if (fits.len > 0)
		memcpy(u->path + u->path_len, fits.data, fits.len);
	u->path_len += fits.len;
	u->path[u->path_len] = '\0';
	if (fits.len < s.len)
		u->path_long = true;
}

static void
set_path(struct untar *u, struct span s)
{
	u->path_len = 0;
	u->path_long = false;
	add_path(u, s);
}

/* ---- what is said about the next entry ----------------------------------------- */

static int
pax_mtime(struct span v, int64_t *out)
{
	ptrdiff_t dot = span_chr(v, '.');
	uint64_t n;

	/* Before 1970 there was no such mail. */
	*out = 0;
	if (v.len > 0 && v.data[0] == '-')
		return 0;
	if (span_u64(dot == -1 ? v : span_sub(v, 0, (size_t)dot), INT64_MAX,
	        &n) == -1)
		return -1;
	*out = (int64_t)n;
	return 0;
}

static int
pax_record(struct untar *u, struct span key, struct span value)
{
	if (span_is(key, "path")) {
		u->has_path = value.len > 0;
		set_path(u, value);
	} else if (span_is(key, "size")) {
		u->has_size = value.len > 0;
		if (u->has_size &&
		    span_u64(value, SIZE_LIMIT, &u->next_size) == -1)
			return -1;
	} else if (span_is(key, "mtime")) {
		u->has_mtime = value.len > 0;
		if (u->has_mtime && pax_mtime(value, &u->next_mtime_s) == -1)
			return -1;
	} else if (span_has_prefix_icase(key, "GNU.sparse.")) {
		u->sparse = true; /* its bytes are not the file's */
	}
	return 0;
}

/* "LENGTH KEY=VALUE\n" again and again. */
static int
pax_records(struct untar *u, struct span in)
{
	while (in.len > 0) {
		ptrdiff_t blank = span_chr(in, ' '), eq;
		struct span record;
		uint64_t len;

		if (blank < 1 ||
		    span_u64(span_sub(in, 0, (size_t)blank), in.len, &len) ==
		        -1 ||
		    len < (uint64_t)blank + 3 || in.data[len - 1] != '\n')
			return -1;
		record = span_sub(in, (size_t)blank + 1,
		    (size_t)len - (size_t)blank - 2);
		in = span_sub(in, (size_t)len, in.len);
		if ((eq = span_chr(record, '=')) < 1 ||
		    pax_record(u, span_sub(record, 0, (size_t)eq),
		        span_sub(record, (size_t)eq + 1, record.len)) == -1)
			return -1;
	}
	return 0;
}

static enum untar_event
extra_done(struct untar *u)
{
	struct span s = buf_span(&u->extra);

	u->state = U_BLOCK;
	if (buf_error(&u->extra) != 0)
		return bad(u, "no memory");
	if (u->extra_type == 'L') {
		u->has_path = true;
		set_path(u, text(s.data, s.len));
	} else if (u->extra_type == 'x' && pax_records(u, s) == -1) {
		return bad(u, "an extended header of it cannot be read");
	}
	buf_clear(&u->extra);
	return UNTAR_MORE;
}

/* ---- headers --------------------------------------------------------------------- */

static bool
is_zero(const unsigned char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/* What somebody may have given us instead. */
static enum untar_event
no_header(struct untar *u)
{
	const unsigned char *b = u->block;

	if (u->any)
		return bad(u, "it is damaged: a header's sum is wrong");
	if ((b[0] == 0x1f && b[1] == 0x8b) || memcmp(b, "BZh", 3) == 0 ||
	    memcmp(b,
	        "\xfd"
	        "7zXZ",
	        5) == 0 ||
	    memcmp(b, "\x28\xb5\x2f\xfd", 4) == 0)
		return bad(u, "it is compressed: uncompress it first");
	return bad(u, "it is no tar archive");
}

static void
header_path(struct untar *u)
{
	struct span prefix = text(u->block + AT_PREFIX, 155);

	set_path(u, span_from("", 0));
	/* Of POSIX only: GNU has times in that place. */
	if (memcmp(u->block + AT_MAGIC, "ustar\0", 6) == 0 && prefix.len > 0) {
		add_path(u, prefix);
		add_path(u, span_of("/"));
	}
	add_path(u, text(u->block + AT_NAME, 100));
}

/* A header about the next one. */
static enum untar_event
take_extra(struct untar *u, uint64_t size)
{
	if (size > UNTAR_EXTRA_MAX)
		return bad(u, "an extended header of it is too long");
	u->extra_type = u->type;
	buf_reset(&u->extra);
	u->left = size;
	u->pad = (unsigned)(-size % TAR_BLOCK);
	u->state = U_EXTRA;
	return UNTAR_MORE;
}

static enum untar_event
take_entry(struct untar *u, uint64_t size)
{
	bool link = u->type >= '1' && u->type <= '6';

	u->is_file = (u->type == '0' || u->type == '\0' || u->type == '7') &&
	    !u->sparse;
	if (!u->has_path)
		header_path(u);
	/* Before POSIX a folder was a file whose name ends so. */
	if (u->path_len > 0 && u->path[u->path_len - 1] == '/')
		u->is_file = false;
	if (u->has_size)
		size = u->next_size;
	if (u->has_mtime)
		u->mtime_s = u->next_mtime_s;
	u->has_path = u->has_size = u->has_mtime = u->sparse = false;
	u->size = link ? 0 : size; /* links, devices and folders have none */
	u->left = u->size;
	u->pad = (unsigned)(-u->size % TAR_BLOCK);
	u->state = U_DATA;
	return UNTAR_ENTRY;
}

static enum untar_event
take_block(struct untar *u)
{
	int64_t size, sum;

	u->fill = 0;
	if (is_zero(u->block)) {
		u->state = U_OVER;
		return UNTAR_OVER;
	}
	if (number(u->block + AT_SUM, 8, &sum) == -1 ||
	    (unsigned)sum != tar_sum(u->block))
		return no_header(u);
	u->any = true;
	u->type = (char)u->block[AT_TYPE];
	if (number(u->block + AT_SIZE, 12, &size) == -1)
		return bad(u, "a size in it is none");
	/* A time that is none is no reason to lose a message. */
	if (number(u->block + AT_MTIME, 12, &u->mtime_s) == -1)
		u->mtime_s = 0;
	if (u->type == 'x' || u->type == 'g' || u->type == 'L' ||
	    u->type == 'K')
		return take_extra(u, (uint64_t)size);
	return take_entry(u, (uint64_t)size);
}

/* ---- pieces ------------------------------------------------------------------------- */

static struct span
take(struct span *in, uint64_t most)
{
	struct span s = span_sub(*in, 0,
	    most < in->len ? (size_t)most : in->len);

	*in = span_sub(*in, s.len, in->len);
	return s;
}

/* The event of what was taken; UNTAR_MORE: none, go on while there is input. */
static enum untar_event
step(struct untar *u, struct span *in)
{
	struct span s;

	switch (u->state) {
	case U_BLOCK:
		s = take(in, TAR_BLOCK - u->fill);
		memcpy(u->block + u->fill, s.data, s.len);
		u->fill += s.len;
		return u->fill == TAR_BLOCK ? take_block(u) : UNTAR_MORE;
	case U_EXTRA:
		s = take(in, u->left);
		buf_put_span(&u->extra, s);
		u->left -= s.len;
		return UNTAR_MORE;
	case U_DATA:
		u->data = take(in, u->left);
		u->left -= u->data.len;
		return UNTAR_DATA;
	case U_PAD:
		u->pad -= (unsigned)take(in, u->pad).len;
		return UNTAR_MORE;
	case U_OVER:
	case U_BAD:
		break;
	}
	return UNTAR_MORE;
}

enum untar_event
untar_next(struct untar *u, struct span *in)
{
	enum untar_event e;

	for (;;) {
		if (u->state == U_OVER || u->state == U_BAD)
			return u->state == U_OVER ? UNTAR_OVER : UNTAR_BAD;
		if (u->state == U_DATA && u->left == 0) {
			u->state = U_PAD;
			return UNTAR_DONE;
		}
		if (u->state == U_EXTRA && u->left == 0)
			u->state = U_PAD;
		if (u->state == U_PAD && u->pad == 0) {
			u->state = U_BLOCK;
			if (u->extra_type != 0) {
				e = extra_done(u);
				u->extra_type = 0;
				if (e != UNTAR_MORE)
					return e;
			}
		}
		if (in->len == 0)
			return UNTAR_MORE;
		if ((e = step(u, in)) != UNTAR_MORE)
			return e;
	}
}

void
untar_init(struct untar *u)
{
	memset(u, 0, sizeof(*u));
	buf_init(&u->extra, UNTAR_EXTRA_MAX);
}

void
untar_clear(struct untar *u)
{
	buf_clear(&u->extra);
}
