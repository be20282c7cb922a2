/* An archive read whole and byte by byte says the same, and nothing of it that
 * is taken for a message leads out of its folder. */
#include "config.h"
#include "libstore/restore.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_place(const struct untar *u)
{
	struct restore_place p;

	if (restore_place(span_from(u->path, u->path_len), &p) == -1)
		return;
	if (strchr(p.folder, '/') != NULL || strchr(p.name, '/') != NULL ||
	    (p.folder[0] != '\0' &&
	        (p.folder[0] != '.' || p.folder[1] == '.' ||
	            p.folder[1] == '\0')) ||
	    (!p.marker && (p.name[0] == '.' || p.name[0] == '\0')))
		abort();
}

/* A hash of all that was said. */
static uint64_t
read_in(struct span in, size_t piece)
{
	enum untar_event e = UNTAR_MORE;
	uint64_t hash = 0, bytes = 0;
	struct untar u;

	untar_init(&u);
	while (in.len > 0 && e != UNTAR_OVER && e != UNTAR_BAD) {
		struct span part = span_sub(in, 0, piece);

		in = span_sub(in, part.len, in.len);
		do {
			e = untar_next(&u, &part);
			if (e == UNTAR_ENTRY)
				check_place(&u);
			if (e == UNTAR_DATA)
				bytes += u.data.len;
			if (e == UNTAR_DONE && bytes != u.size)
				abort();
			if (e == UNTAR_DONE)
				bytes = 0;
			if (e != UNTAR_DATA && e != UNTAR_MORE)
				hash = hash * 31 + e + u.size + u.path_len +
				    u.is_file + (uint64_t)u.mtime_s;
		} while (e != UNTAR_MORE && e != UNTAR_OVER && e != UNTAR_BAD);
	}
	untar_clear(&u);
	return hash;
}

static void
both(struct span in)
{
	if (read_in(in, in.len) != read_in(in, 1))
		abort();
}

/* As it is, and again with the sum of each block put right: few inputs have
 * that by chance. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size + 1);
	char sum[8];

	if (copy == NULL)
		abort();
	both(span_from(data, size));
	memcpy(copy, data, size);
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		snprintf(sum, sizeof(sum), "%06o", tar_sum(copy + at));
		if (copy[at] != 0)
			memcpy(copy + at + 148, sum, sizeof(sum));
	}
	both(span_from(copy, size));
	free(copy);
	return 0;
}
