/*
 * The order of a batch's steps, recorded: W(ritten) and P(ublished) come in;
 * S is a sync, p a publish, d an answer "delivered", l one "later", x a
 * mailbox whose channel was closed.
 */
#include "config.h"
#include "local/local.h"
#include "tap.h"

struct mailbox {
	char name;
};

struct deliveries all_deliveries = TAILQ_HEAD_INITIALIZER(all_deliveries);

static char record[256];
static bool sync_fails, awake;
static struct mailbox a = { 'a' }, b = { 'b' };

static void
note(const char *what, uint64_t id)
{
	size_t n = strlen(record);

	/* %.0d: no number for 0 */
	snprintf(record + n, sizeof(record) - n, "%s%.0d ", what, (int)id);
}

void
delivery_answer(struct delivery *d, enum deliver_result r, const char *status)
{
	(void)status;
	note(r == DELIVER_OK ? "d" : "?", d->queue_id);
	TAILQ_REMOVE(&all_deliveries, d, all);
	free(d);
}

void
delivery_later(struct delivery *d, const char *why)
{
	(void)why;
	note("l", d->queue_id);
	TAILQ_REMOVE(&all_deliveries, d, all);
	free(d);
}

static int
t_sync(void)
{
	note("S", 0);
	return sync_fails ? -1 : 0;
}

/* The worker answers at once here: what comes back waits for the next sync. */
static void
t_publish(struct mailbox *m, struct deliveries *list)
{
	struct delivery *d;

	while ((d = TAILQ_FIRST(list)) != NULL) {
		char what[3] = { 'p', m->name, '\0' };

		TAILQ_REMOVE(list, d, entry);
		note(what, d->queue_id);
		batch_published(d);
	}
}

static void
t_lost(struct mailbox *m)
{
	struct delivery *d, *next;

	for (d = TAILQ_FIRST(&all_deliveries); d != NULL; d = next) {
		next = TAILQ_NEXT(d, all);
		if (d->mailbox != m || d->state != WRITTEN)
			continue;
		batch_forget(d);
		note("x", d->queue_id);
		delivery_later(d, "");
	}
}

static void
t_wake(void)
{
	awake = true;
}

static struct delivery *
come(struct mailbox *m, uint64_t id)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->mailbox = m;
	d->queue_id = id;
	TAILQ_INSERT_TAIL(&all_deliveries, d, all);
	return d;
}

static void
run(void)
{
	while (awake) {
		awake = false;
		batch_run();
	}
}

int
main(void)
{
	static const struct batch_ops ops = { t_sync, t_publish, t_lost,
		t_wake };
	struct delivery *d;

	batch_init(&ops);
	batch_written(come(&a, 1));
	batch_written(come(&b, 2));
	batch_written(come(&a, 3));
	run();
	is_str(record, "S pa1 pa3 pb2 S d1 d3 d2 ",
	    "write, sync, publish by mailbox, sync, answer");

	record[0] = '\0';
	batch_written(come(&a, 1));
	awake = false;
	batch_run();
	batch_written(come(&b, 2));
	run();
	is_str(record, "S pa1 S pb2 d1 S d2 ",
	    "one sync serves the first's names and the second's data");

	record[0] = '\0';
	batch_published(come(&a, 1));
	run();
	is_str(record, "S d1 ", "found again: synced before it is answered");

	record[0] = '\0';
	d = come(&a, 1);
	batch_written(d);
	batch_forget(d);
	delivery_later(d, "");
	run();
	is_str(record, "l1 ", "its worker died: nothing is published");

	record[0] = '\0';
	batch_written(come(&a, 1));
	batch_written(come(&b, 2));
	batch_written(come(&a, 3));
	batch_published(come(&b, 4));
	sync_fails = true;
	run();
	is_str(record, "S x1 l1 x3 l3 x2 l2 l4 ",
	    "a sync that fails: nothing is published or delivered");
	sync_fails = false;
	record[0] = '\0';
	batch_run();
	is_str(record, "", "nothing to do, nothing synced");
	ok(TAILQ_EMPTY(&all_deliveries), "nothing is left");
	return done_testing();
}
