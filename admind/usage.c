/*
 * How full mailboxes are, as spawnd's reports come in.  Fresh numbers are in
 * memory and go to the store some seconds later, many at once.
 */
#include "config.h"
#include "admind/authd.h"

#include "libcommon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define FRESH_MAX 4096 /* then they are written at once */
#define FLUSH_S 5

static uint32_t ids[FRESH_MAX];
static uint64_t sizes[FRESH_MAX];
static size_t nfresh;
/* Open addressing by mailbox over the two arrays: index + 1, 0 is empty. */
static uint16_t slots[FRESH_MAX * 2];
static struct event *timer;

static uint16_t *
slot_of(uint32_t mailbox)
{
	size_t i = (mailbox * 2654435761u) % nitems(slots);

	while (slots[i] != 0 && ids[slots[i] - 1] != mailbox)
		i = (i + 1) % nitems(slots);
	return &slots[i];
}

void
usage_flush(void)
{
	if (nfresh == 0)
		return;
	if (store_put_usage(authd.store, ids, sizes, nfresh) == -1) {
		if (errno == EAGAIN && nfresh < FRESH_MAX)
			return; /* a feed is under way: later */
		log_warnx("usage lost=%zu", nfresh);
	}
	nfresh = 0;
	memset(slots, 0, sizeof(slots));
	authd_check_store();
}

static void
usage_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	usage_flush();
}

void
usage_start(void)
{
	struct timeval tv = { .tv_sec = FLUSH_S };

	if ((timer = event_new(authd.proc.base, -1, EV_PERSIST, usage_due,
	         NULL)) == NULL ||
	    event_add(timer, &tv) == -1)
		fatalx("usage timer");
}

void
usage_set(uint32_t mailbox, uint64_t bytes)
{
	uint16_t *slot = slot_of(mailbox);

	if (*slot == 0) {
		if (nfresh == FRESH_MAX) {
			usage_flush();
			slot = slot_of(mailbox);
		}
		ids[nfresh] = mailbox;
		*slot = (uint16_t)++nfresh;
	}
	sizes[*slot - 1] = bytes;
}

uint64_t
usage_get(struct store *s, uint32_t mailbox)
{
	uint16_t slot = *slot_of(mailbox);
	uint64_t bytes;

	if (slot != 0)
		return sizes[slot - 1];
	/* None yet: the mailbox has never had mail while we watched. */
	return store_usage(s, mailbox, &bytes) == STORE_FOUND ? bytes : 0;
}
