/*
 * resolve - what an address means: meaning.c takes one step, resolve.c goes all
 * the way to mailboxes and addresses elsewhere.
 *
 * local@domain, of a domain that lives here; the first that fits, each tried
 * with the local part as it is and then without its +detail:
 *	1. a mailbox of the domain
 *	2. a virtual user of the domain
 *	3. an alias the domain owns
 *	4. postmaster, abuse and the like: the administrator's alias
 *	5. the domain's catch-all
 * name@HOSTNAME (or a bare name): the administrator's alias; for postmaster,
 * if there is none, a mailbox postmaster here.
 * A bare name in an alias's list, or of a virtual user: any alias of this
 * server, else a mailbox of the domain that owns the list.
 */
#ifndef ADMIND_RESOLVE_H
#define ADMIND_RESOLVE_H

#include "admind/store.h"
#include "libcommon/addr.h"

#define VIRTUAL_STEPS_MAX 20 /* virtual users one after the other */
#define ALIASES_MAX 1000     /* aliases in one resolution */
#define MEMBERS_MAX 10000    /* members of them looked at */

/* This server's name, in lower case. */
void resolve_init(const char *hostname);

/* ---- one step ------------------------------------------------------------- */

enum means {
	MEANS_NOBODY,
	MEANS_MAILBOX, /* id */
	MEANS_ALIAS,   /* id */
	MEANS_REMOTE,  /* address */
	MEANS_UNKNOWN, /* the directory does not say now */
};

struct meaning {
	enum means what;
	uint32_t id;
	bool ours;              /* it was for us to say */
	char address[ADDR_MAX]; /* MEANS_REMOTE only */
};

void meaning_of_address(struct store *, struct span address, struct meaning *);
/* A member of an alias's list.  An alias that names itself by its bare name
 * means the mailbox. */
void meaning_of_member(struct store *, const struct feed_alias *owner,
    uint32_t alias, struct span member, struct meaning *);

/* ---- all the way ------------------------------------------------------------ */

/* Where a recipient's mail goes.  Large: one, and static. */
struct resolution {
	struct grant grant; /* addresses point into text */
	size_t used;
	char text[GRANT_MAX];
	uint16_t slot[2 * TARGETS_MAX + 48]; /* index + 1 by mailbox, address */
	struct {
		uint32_t id;
		unsigned from; /* index of the alias that named it */
	} alias[ALIASES_MAX];
	unsigned naliases;
	unsigned nmembers;
	unsigned nwaiting, nfull; /* targets that take no mail now */
	bool leaving;             /* a mailbox being deleted was left out */
	bool unknown, too_many;
};

void box_address(const struct store_box *, char out[static 321]);
enum rcpt_verdict resolve_rcpt(struct store *, struct span address,
    struct resolution *out);
/* May this mailbox write as path? */
enum store_answer resolve_sender(struct store *, uint32_t mailbox,
    struct span path, bool *may_out);

#endif
