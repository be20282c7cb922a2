/*
 * recorder - for tests: write down all that is done to the disk, then build
 * what a power cut at any point may have left.
 *
 * What was synced is there.  What was not: each write may be there, not there,
 * or torn, in any order; each new, changed or removed name may have taken
 * effect or not, those of one directory in order or not.  That is less than
 * ext4 promises, and as little as POSIX does.
 */
#ifndef QUEUE_RECORDER_H
#define QUEUE_RECORDER_H

#include "queue/disk.h"

extern const struct disk_ops recorder_ops;   /* does it, and writes it down */
extern const struct disk_ops recorder_quick; /* does it, syncs nothing */

/* Forget everything; the directory dirfd is empty. */
void recorder_start(int dirfd);
/* Set the recording aside and start another, from the files that are below
 * dirfd now; and back again. */
void recorder_push(int dirfd);
void recorder_pop(void);
/* An event of the test's own between the operations. */
void recorder_mark(unsigned kind, unsigned a, unsigned b);
size_t recorder_count(void); /* operations and marks so far */

enum cut {
	CUT_NONE,  /* nothing that was not synced */
	CUT_ALL,   /* everything, as after kill -9 */
	CUT_NAMES, /* names, but no data */
	CUT_DATA,  /* data, but no names */
	CUT_512,   /* by chance, data torn at 512 bytes */
	CUT_4096,  /* by chance, torn at 4096 */
};

/* Build into the empty directory dirfd what a cut before operation at leaves.
 * The marks before it are told. */
void recorder_build(int dirfd, size_t at, enum cut, uint64_t seed,
    void (*mark)(unsigned kind, unsigned a, unsigned b));
/* Is at a point where something can be different from at - 1? */
bool recorder_is_step(size_t at);
const char *recorder_name(size_t at); /* of the operation, for messages */
void recorder_free(void);

#endif
