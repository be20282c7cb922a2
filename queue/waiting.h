/*
 * waiting - the deferred messages that are not being tried now: id and time.
 *
 * All that is in memory of a deferred message; a million of them take some
 * 130 MB.  Times are monotonic here, so that a clock that jumps neither
 * unleashes nor buries the queue.  deferred.idx is a copy on disk that makes
 * a start quick; it is a hint and may be lost at any time.
 */
#ifndef QUEUE_WAITING_H
#define QUEUE_WAITING_H

#include "queue/idtab.h"
#include "libcommon/buf.h"

struct wait {
	uint64_t id;
	uint64_t due_ms; /* monotonic */
	uint64_t due_s;  /* Unix time, as in its file */
	uint32_t attempts;
	uint32_t heap_at;
};

struct waiting {
	struct idtab ids;
	struct wait **heap; /* earliest first */
	size_t n, cap;
	uint64_t max_ms; /* nothing waits longer than this */
	bool changed;    /* since the index was written */
};

void waiting_init(struct waiting *, uint64_t max_ms);
void waiting_clear(struct waiting *);
void waiting_add(struct waiting *, uint64_t id, uint64_t due_s,
    uint32_t attempts);
bool waiting_has(const struct waiting *, uint64_t id);
const struct wait *waiting_get(const struct waiting *, uint64_t id);
/* Take the earliest if it is due: true. */
bool waiting_pop(struct waiting *, uint64_t now_ms, uint64_t *id_out);
/* Milliseconds until the earliest is due; UINT64_MAX if none waits. */
uint64_t waiting_next_ms(const struct waiting *, uint64_t now_ms);

/* deferred.idx: see doc/queue.md.  Writing is not synced. */
int waiting_save(struct waiting *, int dirfd);
struct wait_hint {
	uint64_t id, due_s;
	uint32_t attempts;
};
/* Hints sorted by id, on the heap; *n_out is 0 if there is no good index. */
struct wait_hint *waiting_load(int dirfd, size_t *n_out);
int waiting_index_get(struct span in, struct wait_hint **out, size_t *n_out);

#endif
