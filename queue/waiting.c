#include "config.h"
#include "queue/waiting.h"
#include "queue/disk.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define INDEX "deferred.idx"
#define INDEX_FRESH "deferred.idx.new"
#define MAGIC "SEMQIDX1"
#define HEAD 24
#define ENTRY 20
#define INDEX_MAX (HEAD + (size_t)ENTRY * 20000000)

void
waiting_init(struct waiting *w, uint64_t max_ms)
{
	memset(w, 0, sizeof(*w));
	idtab_init(&w->ids);
	w->max_ms = max_ms;
}

void
waiting_clear(struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->heap[i]);
	free(w->heap);
	idtab_clear(&w->ids);
	waiting_init(w, w->max_ms);
}

static void
place(struct waiting *w, size_t at, struct wait *e)
{
	w->heap[at] = e;
	e->heap_at = (uint32_t)at;
}

static void
sift_up(struct waiting *w, size_t at, struct wait *e)
{
	while (at > 0 && w->heap[(at - 1) / 2]->due_ms > e->due_ms) {
		place(w, at, w->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(w, at, e);
}

static void
sift_down(struct waiting *w, size_t at, struct wait *e)
{
	size_t child;

	while ((child = 2 * at + 1) < w->n) {
		if (child + 1 < w->n &&
		    w->heap[child + 1]->due_ms < w->heap[child]->due_ms)
			child++;
		if (w->heap[child]->due_ms >= e->due_ms)
			break;
		place(w, at, w->heap[child]);
		at = child;
	}
	place(w, at, e);
}

void
waiting_add(struct waiting *w, uint64_t id, uint64_t due_s, uint32_t attempts)
{
	uint64_t now_s = io_wall_s(), wait_ms = 0;
	struct wait *e;

	if (due_s > now_s)
		wait_ms = due_s - now_s > w->max_ms / 1000
		    ? w->max_ms
		    : (due_s - now_s) * 1000;
	w->changed = true;
	if (idtab_get(&w->ids, id) != NULL)
		return;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct wait **p = realloc(w->heap, cap * sizeof(*p));

		if (p == NULL)
			fatal("waiting messages=%zu", cap);
		w->heap = p;
		w->cap = cap;
	}
	if ((e = malloc(sizeof(*e))) == NULL)
		fatal("waiting messages=%zu", w->n);
	*e = (struct wait){ .id = id,
		.due_ms = io_now_ms() + wait_ms,
		.due_s = due_s,
		.attempts = attempts };
	idtab_put(&w->ids, id, e);
	sift_up(w, w->n++, e);
}

bool
waiting_has(const struct waiting *w, uint64_t id)
{
	return idtab_get(&w->ids, id) != NULL;
}

const struct wait *
waiting_get(const struct waiting *w, uint64_t id)
{
	return idtab_get(&w->ids, id);
}

bool
waiting_pop(struct waiting *w, uint64_t now_ms, uint64_t *id_out)
{
	struct wait *e;

	if (w->n == 0 || w->heap[0]->due_ms > now_ms)
		return false;
	e = w->heap[0];
	*id_out = e->id;
	w->n--;
	if (w->n > 0)
		sift_down(w, 0, w->heap[w->n]);
	idtab_remove(&w->ids, e->id);
	free(e);
	w->changed = true;
	return true;
}

uint64_t
waiting_next_ms(const struct waiting *w, uint64_t now_ms)
{
	if (w->n == 0)
		return UINT64_MAX;
	return w->heap[0]->due_ms <= now_ms ? 0 : w->heap[0]->due_ms - now_ms;
}

/* ---- deferred.idx ------------------------------------------------------- */

int
waiting_save(struct waiting *w, int dirfd)
{
	struct buf b;
	int fd, r, saved;

	buf_init(&b, INDEX_MAX);
	buf_puts(&b, MAGIC);
	wire_put_u64(&b, w->n);
	wire_put_u64(&b, 0);
	for (size_t i = 0; i < w->n; i++) {
		wire_put_u64(&b, w->heap[i]->id);
		wire_put_u64(&b, w->heap[i]->due_s);
		wire_put_u32(&b, w->heap[i]->attempts);
	}
	if ((errno = buf_error(&b)) != 0)
		return -1;
	le32_put(b.data + 16, io_crc32c(0, b.data, b.len));
	fd = disk->open(dirfd, INDEX_FRESH, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	r = fd == -1 ? -1 : disk_pwrite_all(fd, b.data, b.len, 0);
	saved = errno;
	if (fd != -1)
		disk->close(fd);
	buf_clear(&b);
	if (r == 0)
		r = disk->rename(dirfd, INDEX_FRESH, INDEX);
	else
		errno = saved;
	if (r == 0)
		w->changed = false;
	return r;
}

static int
by_id(const void *a, const void *b)
{
	const struct wait_hint *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int
waiting_index_get(struct span in, struct wait_hint **out, size_t *n_out)
{
	unsigned char head[HEAD];
	struct wait_hint *h;
	uint64_t n;
	uint32_t crc;

	*n_out = 0;
	*out = NULL;
	errno = EBADMSG;
	if (in.len < HEAD || memcmp(in.data, MAGIC, 8) != 0)
		return -1;
	n = le64_get(in.data + 8);
	if (n != (in.len - HEAD) / ENTRY || (in.len - HEAD) % ENTRY != 0)
		return -1;
	memcpy(head, in.data, HEAD);
	le64_put(head + 16, 0);
	crc = io_crc32c(0, head, HEAD);
	if (io_crc32c(crc, in.data + HEAD, in.len - HEAD) !=
	    le64_get(in.data + 16))
		return -1;
	if ((h = malloc((size_t)n * sizeof(*h) + 1)) == NULL)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		const unsigned char *p = in.data + HEAD + i * ENTRY;

		h[i] = (struct wait_hint){ le64_get(p), le64_get(p + 8),
			le32_get(p + 16) };
	}
	qsort(h, (size_t)n, sizeof(*h), by_id);
	*out = h;
	*n_out = (size_t)n;
	return 0;
}

struct wait_hint *
waiting_load(int dirfd, size_t *n_out)
{
	int fd = disk->open(dirfd, INDEX, O_RDONLY, 0);
	struct wait_hint *h = NULL;
	struct buf b;

	*n_out = 0;
	if (fd == -1)
		return NULL;
	buf_init(&b, INDEX_MAX);
	if (io_slurp(fd, INDEX_MAX, &b) == -1 ||
	    waiting_index_get(buf_span(&b), &h, n_out) == -1)
		log_info("deferred-index unusable (every file is read)");
	buf_clear(&b);
	disk->close(fd);
	return h;
}
