/*
 * One sync for everything that waits for one.
 *
 * A sync of the file system covers both the files written to tmp/ before it
 * and the names put into new/ before it.  So each turn: take all that is
 * WRITTEN and all that is PUBLISHED now, sync once, then have the first
 * published and answer the second.  While the disk works the next batch
 * collects; nobody waits for a timer.
 */
#include "config.h"
#include "local/local.h"
#include "libcommon/log.h"

struct batch_stats batch_stats;

static const struct batch_ops *ops;
static struct deliveries written = TAILQ_HEAD_INITIALIZER(written);
static struct deliveries published = TAILQ_HEAD_INITIALIZER(published);

void
batch_init(const struct batch_ops *o)
{
	ops = o;
}

void
batch_written(struct delivery *d)
{
	d->state = WRITTEN;
	TAILQ_INSERT_TAIL(&written, d, entry);
	ops->wake();
}

void
batch_published(struct delivery *d)
{
	d->state = PUBLISHED;
	d->mailbox = NULL; /* its worker has done its part */
	TAILQ_INSERT_TAIL(&published, d, entry);
	ops->wake();
}

void
batch_forget(struct delivery *d)
{
	TAILQ_REMOVE(&written, d, entry);
}

static void
answer_all(struct deliveries *list, bool synced)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, d, entry);
		if (synced) {
			batch_stats.delivered++;
			delivery_answer(d, DELIVER_OK, "2.0.0 delivered");
		} else {
			/* It is there already: found when it comes again. */
			delivery_later(d, "mailbox storage cannot be synced");
		}
	}
}

static void
publish_all(struct deliveries *list)
{
	struct delivery *d, *next;

	while ((d = TAILQ_FIRST(list)) != NULL) {
		struct deliveries same = TAILQ_HEAD_INITIALIZER(same);
		struct mailbox *mailbox = d->mailbox;

		for (; d != NULL; d = next) {
			next = TAILQ_NEXT(d, entry);
			if (d->mailbox != mailbox)
				continue;
			TAILQ_REMOVE(list, d, entry);
			TAILQ_INSERT_TAIL(&same, d, entry);
		}
		ops->publish(mailbox, &same);
	}
}

/* Closing a mailbox's channel ends all of its deliveries, in lists that hold
 * them: those of written must be there. */
static void
lose_all(void)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(&written)) != NULL)
		ops->lost(d->mailbox);
}

void
batch_run(void)
{
	struct deliveries to_publish = TAILQ_HEAD_INITIALIZER(to_publish);
	struct deliveries to_answer = TAILQ_HEAD_INITIALIZER(to_answer);

	if (TAILQ_EMPTY(&written) && TAILQ_EMPTY(&published))
		return;
	TAILQ_CONCAT(&to_answer, &published, entry);
	batch_stats.syncs++;
	if (ops->sync() == -1) {
		log_warn("sync");
		lose_all();
		answer_all(&to_answer, false);
		return;
	}
	TAILQ_CONCAT(&to_publish, &written, entry);
	publish_all(&to_publish);
	answer_all(&to_answer, true);
}
