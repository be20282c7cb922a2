/*
 * restore - the messages of a tar archive are put into a mailbox, a piece at a
 * time, while the mailbox is used as ever.
 *
 * Taken are regular files [Maildir/][.FOLDER/](new|cur)/NAME, and the marker
 * [Maildir/].FOLDER/maildirfolder, which makes its folder.  Everything else is
 * skipped and counted: links, devices, other paths, names that no message has.
 * The unique name, flags and time are kept; sizes in the name are what the
 * message has.  A message whose unique name is in that folder already is
 * skipped.
 *
 * Messages are written to tmp/ and, some hundred at a time, synced and renamed
 * to where they belong: cut short anywhere it leaves whole messages only, and
 * the same archive again adds the rest.
 */
#ifndef LIBSTORE_RESTORE_H
#define LIBSTORE_RESTORE_H

#include "libstore/maildir.h"
#include "libstore/nameset.h"
#include "libstore/untar.h"
#include "libstore/walk.h"

#define RESTORE_BATCH 256              /* messages in tmp/ at once */
#define RESTORE_BATCH_BYTES (64 << 20) /* and bytes, but for the last one */

/* Where an entry belongs. */
struct restore_place {
	char folder[STORE_NAME_MAX + 1]; /* "": INBOX */
	bool in_new;
	bool marker;                   /* only the folder itself */
	char name[STORE_NAME_MAX + 1]; /* as in the archive */
};

/* 0, or -1: no message is there. */
int restore_place(struct span path, struct restore_place *out);

struct restore {
	int home;      /* borrowed */
	uint64_t room; /* bytes the mailbox may still take: set it anew before
	                  * each step; UINT64_MAX: no quota */
	/* what has become of the entries */
	uint64_t messages, bytes; /* restored, and visible */
	uint64_t already;         /* messages that were there */
	uint64_t skipped;         /* what is none */
	char first[200];          /* the first of those and why, for people */
	const char *why;          /* of RESTORE_BAD */
	/* where it is */
	bool listing; /* what is there already */
	struct walk walk;
	struct nameset there; /* FOLDER/UNIQUE, and FOLDER/ of folders */
	struct untar tar;
	bool taking; /* the entry's bytes are wanted */
	struct restore_place place;
	int tmp; /* Maildir/tmp, or -1 */
	int fd;  /* the message under way, or -1 */
	struct octets octets;
	struct restore_draft {
		char folder[STORE_NAME_MAX + 1];
		bool in_new;
		char name[STORE_NAME_MAX + 1];
		uint64_t bytes;
	} * drafts; /* RESTORE_BATCH; the nth is tmp/restore.N */
	unsigned ndrafts;
	uint64_t drafts_bytes;
	bool finished;
};

enum restore_step {
	RESTORE_MORE,  /* all of the input is taken */
	RESTORE_AGAIN, /* call again, with the rest of it */
	RESTORE_OVER,  /* the archive's end: all of it is there, durably */
	/* and the end of it: what came before this is there, durably */
	RESTORE_BAD,   /* why says it */
	RESTORE_FULL,  /* the next message does not fit into room */
	RESTORE_FAILED /* errno */
};

void restore_begin(struct restore *, int home);
/* Take bytes off the front of in; last: nothing follows them.  At most n
 * messages, names or pieces. */
enum restore_step restore_step(struct restore *, struct span *in, bool last,
    unsigned n);
void restore_end(struct restore *); /* at any time */

#endif
