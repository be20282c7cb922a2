/*
 * Power cuts under local's batches and libstore's Maildir.
 *
 * Every change to the disk is recorded while random deliveries go through.
 * For each moment of the record the power is cut: what was done before the
 * last sync is on the disk; of what came after it any part may be, in any
 * order, and a write may be torn at 512 bytes.  In each of those states every
 * message that was answered must be in new/, and none in new/ may be a part.
 */
#include "config.h"
#include "local/local.h"
#include "libstore/store.h"
#include "libstore/sys.h"
#include "tap.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <unistd.h>

#define MESSAGES 60
#define EVENTS_MAX 2000
#define STATES 40 /* tried at each moment */

struct mailbox {
	struct folder *folder;
};

enum what { CREATE, WRITE, RENAME, SYNC, ANSWER };

struct event {
	enum what what;
	unsigned id; /* of the message */
	size_t bytes;
};

struct deliveries all_deliveries = TAILQ_HEAD_INITIALIZER(all_deliveries);

static struct event events[EVENTS_MAX];
static unsigned nevents;
static size_t whole[MESSAGES]; /* bytes of each message */
static struct store_sys real;
static struct mailbox mailboxes[2];
static struct store_draft drafts[MESSAGES];
static struct deliveries unpublished = TAILQ_HEAD_INITIALIZER(unpublished);
static unsigned now_id; /* the message a system call is for */

static void
record(enum what what, unsigned id, size_t bytes)
{
	if (nevents == EVENTS_MAX)
		abort();
	events[nevents++] = (struct event){ what, id, bytes };
}

/* ---- the layer --------------------------------------------------------- */

static int
t_open(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = real.open(dirfd, path, flags, mode);

	if (fd != -1 && (flags & O_CREAT))
		record(CREATE, now_id, 0);
	return fd;
}

static ssize_t
t_write(int fd, const void *p, size_t n)
{
	ssize_t r = real.write(fd, p, n > 700 ? 700 : n);

	if (r > 0) {
		record(WRITE, now_id, (size_t)r);
		whole[now_id] += (size_t)r;
	}
	return r;
}

static int
t_rename_new(int a, const char *from, int b, const char *to)
{
	record(RENAME, now_id, 0);
	return real.rename_new(a, from, b, to);
}

/* ---- local, without its channels --------------------------------------- */

void
delivery_answer(struct delivery *d, enum deliver_result r, const char *status)
{
	(void)status;
	if (r == DELIVER_OK)
		record(ANSWER, (unsigned)d->queue_id, 0);
	TAILQ_REMOVE(&all_deliveries, d, all);
	free(d);
}

void
delivery_later(struct delivery *d, const char *why)
{
	delivery_answer(d, DELIVER_TEMP, why);
}

static int
t_sync(void)
{
	record(SYNC, 0, 0);
	return 0;
}

/* The workers take their time. */
static void
t_publish(struct mailbox *m, struct deliveries *list)
{
	(void)m;
	TAILQ_CONCAT(&unpublished, list, entry);
}

static void
t_lost(struct mailbox *m)
{
	(void)m;
	abort();
}

static void
t_wake(void)
{
}

static void
deliver(unsigned id)
{
	static char body[3000];
	struct delivery *d = calloc(1, sizeof(*d));
	struct store_incoming in = { .queue_id = id,
		.arrived_s = 1700000000,
		.reverse_path = span_of("a@x.test"),
		.recipient = span_of("b@y.test"),
		.body_fd = -1 };

	if (d == NULL)
		abort();
	memset(body, 'x', sizeof(body));
	in.body = span_from(body, (size_t)rand() % sizeof(body));
	in.body_bytes = in.body.len;
	d->mailbox = &mailboxes[id % 2];
	d->queue_id = id;
	TAILQ_INSERT_TAIL(&all_deliveries, d, all);
	now_id = id;
	if (folder_write(d->mailbox->folder, &in, &drafts[id]) == -1)
		abort();
	batch_written(d);
}

static void
publish_some(void)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&unpublished)) != NULL && rand() % 4 != 0) {
		TAILQ_REMOVE(&unpublished, d, entry);
		now_id = (unsigned)d->queue_id;
		if (folder_publish(d->mailbox->folder, &drafts[now_id]) == -1)
			abort();
		batch_published(d);
	}
}

static void
run(void)
{
	unsigned id = 0;

	while (id < MESSAGES || !TAILQ_EMPTY(&all_deliveries)) {
		switch (rand() % 4) {
		case 0:
		case 1:
			if (id < MESSAGES)
				deliver(id++);
			break;
		case 2:
			publish_some();
			break;
		case 3:
			batch_run();
			break;
		}
	}
}

/* ---- the disk after a cut ---------------------------------------------- */

struct disk {
	size_t bytes[MESSAGES];
	bool in_new[MESSAGES];
	bool answered[MESSAGES];
};

static void
apply(struct disk *disk, const struct event *e, bool torn)
{
	switch (e->what) {
	case CREATE:
		break;
	case WRITE:
		disk->bytes[e->id] += torn ? e->bytes / 512 * 256 : e->bytes;
		break;
	case RENAME:
		disk->in_new[e->id] = true;
		break;
	default:
		break;
	}
}

static bool
state_is_good(unsigned cut, unsigned n)
{
	struct disk disk = { 0 };
	unsigned synced = 0;

	for (unsigned i = 0; i < cut; i++)
		if (events[i].what == SYNC)
			synced = i;
	for (unsigned i = 0; i < cut; i++) {
		bool kept = n == 0 ? true : n == 1 ? false : rand() % 2;

		if (events[i].what == ANSWER)
			disk.answered[events[i].id] = true;
		else if (i < synced || kept)
			apply(&disk, &events[i],
			    i > synced && n > 1 && rand() % 2);
	}
	/* n == 2, 3: names reach the disk and no data does. */
	if (n == 2 || n == 3) {
		for (unsigned i = synced; i < cut; i++)
			if (events[i].what == RENAME)
				disk.in_new[events[i].id] = true;
	}
	for (unsigned id = 0; id < MESSAGES; id++) {
		if (disk.in_new[id] && disk.bytes[id] != whole[id])
			return false;
		if (disk.answered[id] && !disk.in_new[id])
			return false;
	}
	return true;
}

static unsigned
bad_states(void)
{
	unsigned bad = 0;

	for (unsigned cut = 0; cut <= nevents; cut++)
		for (unsigned n = 0; n < STATES; n++)
			bad += !state_is_good(cut, n);
	return bad;
}

/* The check itself must see what it is there for. */
static void
check_the_check(void)
{
	static struct event kept[EVENTS_MAX];
	unsigned i;

	memcpy(kept, events, sizeof(events));
	for (i = 0; events[i].what != RENAME; i++)
		if (events[i].what == SYNC)
			events[i].what = CREATE;
	ok(bad_states() > 0,
	    "without a sync before the first name there are parts in new/");
	memcpy(events, kept, sizeof(events));
	for (i = nevents - 1; events[i].what != SYNC; i--)
		;
	events[i].what = CREATE;
	ok(bad_states() > 0, "without the last one an answered one is lost");
	memcpy(events, kept, sizeof(events));
}

int
main(void)
{
	static const struct batch_ops ops = { t_sync, t_publish, t_lost,
		t_wake };
	int home[2], top;

	srand(17);
	umask(077);
	tmpdir_make();
	top = open(tmpdir_path, O_RDONLY | O_DIRECTORY);
	for (unsigned i = 0; i < 2; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		if (mkdirat(top, name, 0700) == -1 ||
		    (home[i] = openat(top, name, O_PATH)) == -1 ||
		    (mailboxes[i].folder = maildir_open(home[i], "h")) == NULL)
			return 1;
	}
	real = store_sys;
	store_sys.open = t_open;
	store_sys.write = t_write;
	store_sys.rename_new = t_rename_new;
	batch_init(&ops);
	run();
	is_int((int64_t)batch_stats.delivered, MESSAGES, "all are delivered");
	ok(batch_stats.syncs < MESSAGES, "with %u syncs",
	    (unsigned)batch_stats.syncs);
	is_int(bad_states(), 0, "power cut at %u moments, %u states of each",
	    nevents + 1, STATES);
	check_the_check();
	for (unsigned i = 0; i < 2; i++) {
		folder_free(&mailboxes[i].folder);
		close(home[i]);
	}
	close(top);
	tmpdir_remove();
	return done_testing();
}
