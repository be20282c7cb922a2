/*
 * untar - a tar archive of a stranger is read, in whatever pieces it comes.
 *
 * Understood are ustar, pax extended headers (path, size, mtime), the long
 * names and large numbers of GNU, and what is older than all of them.  What
 * else an archive may hold is passed over.  Nothing here touches a file.
 */
#ifndef LIBSTORE_UNTAR_H
#define LIBSTORE_UNTAR_H

#include "libstore/tar.h"

#define UNTAR_EXTRA_MAX 65536 /* bytes of a header about the next entry */

enum untar_event {
	UNTAR_MORE,  /* all taken, more is needed */
	UNTAR_ENTRY, /* path, path_long, is_file, size, mtime_s are there */
	UNTAR_DATA,  /* data: some of its bytes, good while the input is */
	UNTAR_DONE,  /* that was all of them */
	UNTAR_OVER,  /* the end of the archive: what follows means nothing */
	UNTAR_BAD    /* why says it; it stays so */
};

struct untar {
	/* of the entry */
	char path[TAR_PATH_MAX + 1]; /* no C string: see path_len */
	size_t path_len;
	bool path_long; /* cut: it is longer */
	bool is_file;   /* a plain regular file */
	char type;      /* of its header */
	uint64_t size;
	int64_t mtime_s;
	struct span data;
	const char *why;
	/* where it is */
	enum { U_BLOCK, U_DATA, U_PAD, U_EXTRA, U_OVER, U_BAD } state;
	unsigned char block[TAR_BLOCK];
	size_t fill;
	uint64_t left;   /* bytes of data */
	unsigned pad;    /* and after them */
	bool any;        /* there was a header */
	char extra_type; /* what is being read into extra */
	struct buf extra;
	/* what was said about the next entry */
	bool has_path, has_size, has_mtime, sparse;
	uint64_t next_size;
	int64_t next_mtime_s;
};

void untar_init(struct untar *);
void untar_clear(struct untar *);
/* Take bytes off the front of in, up to the next event. */
enum untar_event untar_next(struct untar *, struct span *in);

#endif
