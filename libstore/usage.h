/*
 * usage - how many bytes a mailbox holds, counted in Maildir/maildirsize.
 *
 * The file is that of Maildir++: "QUOTAS" on the first line, then a line
 * "BYTES COUNT" for each change, appended.  It is written anew from the
 * folders when it is missing, unreadable, over 5120 bytes, made for another
 * quota, or says that the mailbox is full.
 */
#ifndef LIBSTORE_USAGE_H
#define LIBSTORE_USAGE_H

#include "libcommon/buf.h"

#define USAGE_FILE_MAX 5120

struct usage {
	int home;       /* borrowed */
	uint64_t quota; /* bytes, 0: none */
	uint64_t bytes;
	uint64_t count;
	uint64_t file_bytes; /* length of maildirsize */
	bool known;
};

/* Read or count.  0, or -1 with errno: not known now. */
int usage_open(struct usage *, int home, uint64_t quota_bytes);
/* Another quota: the file says so from now on. */
void usage_set_quota(struct usage *, uint64_t quota_bytes);
/* Messages came (positive) or went (negative). */
void usage_add(struct usage *, int64_t bytes, int64_t count);

/* What a maildirsize file says.  0, or -1 with EBADMSG. */
struct maildirsize {
	uint64_t quota;
	int64_t bytes, count;
	unsigned lines; /* after the first */
};

int maildirsize_parse(struct span, struct maildirsize *out);

#endif
