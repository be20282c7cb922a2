/*
 * power_test - a power cut at every step.
 *
 * A scripted life of the queue is recorded: intake, completions, deferral,
 * large bodies, expansion, restarts, segments used again.  Then, for each
 * operation, states that a power cut just before it may have left are built
 * and started from.  In each of them:
 *
 *   what was acknowledged and not done is there, once, and whole;
 *   what is durably done is not there any more;
 *   what is there at all is whole.
 *
 * SEMAIL_POWER=full tries many more states.
 */
#include "config.h"
#include "queue/test_queue.h"
#include "queue/deferred.h"
#include "queue/recorder.h"
#include "tmpdir.h"

enum mark { M_ACKED, M_DONE, M_DURABLE };

/* What has been said and done before the cut. */
struct fate {
	bool acked;
	uint32_t done, durable; /* by mailbox, from bit 1 */
};

static int work;      /* where the script runs */
static struct fate fates[TQ_MESSAGES];
static unsigned sizes[TQ_MESSAGES];   /* targets */

/* ---- the script -------------------------------------------------------- */

static void
acked(unsigned n)
{
	recorder_mark(M_ACKED, n, 0);
}

static void
add(struct spool *s, unsigned n, unsigned targets, size_t len, bool as_file)
{
	sizes[n] = targets == 0 ? 1 : targets;
	if (tq_add(s, n, targets, len, as_file) == NULL) {
		printf("Bail out! script: add %u: %s\n", n, strerror(errno));
		exit(1);
	}
}

static void
flush(struct spool *s, bool force)
{
	if (spool_flush(s, force) == -1) {
		printf("Bail out! script: flush\n");
		exit(1);
	}
	if (force || !spool_is_dirty(s))
		recorder_mark(M_DURABLE, 0, 0);
}

/* True while the message lives. */
static bool
done(struct spool *s, unsigned n, unsigned mailbox)
{
	struct qmsg *m = spool_find(s, tq[n].id);
	bool file = m->where == Q_DEFERRED, alive;

	recorder_mark(M_DONE, n, mailbox);
	alive = spool_done(s, m, tq_target(m, mailbox), span_of("2.0.0 ok"));
	if (file)
		recorder_mark(M_DURABLE, n, mailbox);
	return alive;
}

static void
defer(struct spool *s, unsigned n)
{
	struct qmsg *m = spool_find(s, tq[n].id);

	m->attempts++;
	m->due_s = io_wall_s();
	for (unsigned i = 0; i < m->ntargets; i++)
		if (m->targets[i].state != T_DONE)
			qtarget_set_status(
			    &m->targets[i], span_of("4.2.2 full"));
	spool_defer(s, m);
}

static struct spool *
restart(struct spool *s)
{
	spool_close(&s);
	if ((s = tq_open(work)) == NULL) {
		printf("Bail out! script: restart\n");
		exit(1);
	}
	spool_start(s);
	return s;
}

static void
deferred_life(struct spool *s, unsigned n)
{
	uint64_t id;

	while (waiting_pop(&s->waiting, io_now_ms() + 1000, &id))
		if (id == tq[n].id)
			break;
	spool_load(s, tq[n].id);
	if (sizes[n] > 1) {
		done(s, n, 1);
		defer(s, n);
		spool_load(s, tq[n].id);
		for (unsigned i = 2; i <= sizes[n]; i++)
			done(s, n, i);
	} else {
		done(s, n, 1);
	}
}

static void
script(void)
{
	struct target known[2] = { { TARGET_MAILBOX, 1, span_of("x@t") },
		{ TARGET_MAILBOX, 1, span_of("y@t") } };
	struct spool *s = tq_open(work);
	unsigned n = 0;

	if (s == NULL) {
		printf("Bail out! script: open: %s\n", strerror(errno));
		exit(1);
	}
	spool_start(s);
	/* intake: one, then three in one batch */
	add(s, 1, 1, 900, false);
	flush(s, false);
	add(s, 2, 2, 3000, false);
	add(s, 3, 3, 9000, false);
	add(s, 4, 1, 10, false);
	flush(s, false);
	/* completions that are not synced at once */
	done(s, 1, 1);
	flush(s, false);
	done(s, 3, 2);
	flush(s, false);
	add(s, 5, 1, 2000, false);
	flush(s, false);
	done(s, 4, 1);
	flush(s, false);
	done(s, 5, 1);
	flush(s, true);
	/* deferral */
	defer(s, 2);
	flush(s, false);
	/* a large body, of a message that is delivered from the log */
	add(s, 6, 1, 20000, true);
	flush(s, false);
	done(s, 6, 1);
	flush(s, true);
	/* one that is deferred */
	add(s, 7, 2, 20000, true);
	flush(s, false);
	defer(s, 7);
	flush(s, false);
	/* expansion */
	add(s, 8, 0, 500, false);
	flush(s, false);
	spool_expand(s, spool_find(s, tq[8].id), span_of("unknown@t"), known, 2);
	flush(s, false);
	s = restart(s);
	done(s, 8, 1);
	flush(s, false);
	deferred_life(s, 2);
	deferred_life(s, 7);
	/* many deferred at once: one syncfs */
	for (n = 20; n < 32; n++)
		add(s, n, 1, 300, false);
	flush(s, false);
	defer(s, 3);
	for (n = 20; n < 32; n++)
		defer(s, n);
	flush(s, false);
	s = restart(s);
	/* once and a half around the log, with an old one in the way */
	add(s, 40, 1, 100, false);
	for (n = 50; n < 70; n++) {
		add(s, n, 1, 14000, false);
		flush(s, false);
		done(s, n, 1);
		if (n == 55) {
			defer(s, 40);
			flush(s, false);
		}
		if (n % 7 == 0) {
			s = restart(s);
			if (spool_find(s, tq[n].id) != NULL)
				done(s, n, 1);
		}
	}
	flush(s, true);
	deferred_life(s, 25);
	add(s, 80, 1, 700, false);
	flush(s, false);
	recorder_mark(M_DURABLE, 0, 0);
	spool_close(&s);
}

/* ---- after the cut ---------------------------------------------------------- */

static void
on_mark(unsigned kind, unsigned n, unsigned mailbox)
{
	switch (kind) {
	case M_ACKED:
		fates[n].acked = true;
		break;
	case M_DONE:
		fates[n].done |= 1u << mailbox;
		break;
	case M_DURABLE:
		if (n != 0) {
			fates[n].durable |= 1u << mailbox;
			break;
		}
		for (unsigned i = 0; i < TQ_MESSAGES; i++)
			fates[i].durable = fates[i].done;
		break;
	}
}

static char why[200];
#define WRONG(...) (snprintf(why, sizeof(why), __VA_ARGS__), false)

/* Does what is there of message n agree with its fate? */
static bool
agrees(struct spool *s, unsigned n, struct qmsg *m)
{
	uint32_t all = (2u << sizes[n]) - 2;

	if (m == NULL) {
		if (fates[n].acked && (fates[n].done & all) != all)
			return WRONG("message %u is lost", n);
		return true;
	}
	if (!tq_body_good(s, m))
		return WRONG("message %u is not whole", n);
	if ((fates[n].durable & all) == all && m->nopen > 0)
		return WRONG("message %u came back", n);
	for (unsigned i = 0; i < m->ntargets; i++) {
		const struct qtarget *t = &m->targets[i];

		if (t->twin || t->kind != TARGET_MAILBOX)
			continue;
		if (t->state == T_DONE &&
		    !(fates[n].done & 1u << t->mailbox))
			return WRONG("message %u target %u is lost", n,
			    t->mailbox);
		if (t->state != T_DONE &&
		    (fates[n].durable & 1u << t->mailbox))
			return WRONG("message %u target %u came back", n,
			    t->mailbox);
		if (t->state != T_DONE && !t->again)
			return WRONG("message %u not marked as again", n);
	}
	return true;
}

static bool
check(struct spool *s)
{
	for (unsigned n = 0; n < TQ_MESSAGES; n++) {
		struct qmsg *m;
		bool in_log, waits, good;

		if (tq[n].id == 0)
			continue;
		m = spool_find(s, tq[n].id);
		in_log = m != NULL;
		waits = waiting_has(&s->waiting, tq[n].id);
		if (in_log && waits)
			return WRONG("message %u is there twice", n);
		if (waits && (m = spool_peek(s, tq[n].id)) == NULL)
			return WRONG("message %u cannot be read", n);
		good = agrees(s, n, m);
		if (waits)
			qmsg_free(&m);
		if (!good)
			return false;
	}
	if (s->log->ndamaged > 0)
		return WRONG("damage is reported where there is none");
	return true;
}

/* Start from one state, twice: the second start must find the same. */
static bool
try(const char *path, size_t at, enum cut cut, uint64_t seed)
{
	int fd;
	struct spool *s;
	bool good = true;

	memset(fates, 0, sizeof(fates));
	mkdir(path, 0700);
	fd = tq_dir(path);
	recorder_build(fd, at, cut, seed, on_mark);
	for (int i = 0; good && i < 2; i++) {
		if ((s = tq_open(fd)) == NULL) {
			good = WRONG("no start: %s", strerror(errno));
			break;
		}
		good = check(s);
		if (good && i == 0) {
			/* And it must be fit for more work. */
			if (tq_add(s, 500, 1, 800, false) == NULL ||
			    spool_flush(s, true) == -1)
				good = WRONG("cannot take mail");
			tq_finish(s, 500);
			spool_flush(s, true);
			tq[500].id = 0;
		}
		spool_close(&s);
	}
	close(fd);
	nftw(path, tmpdir_remove_one, 32, FTW_DEPTH | FTW_PHYS);
	return good;
}

int
main(void)
{
	static const char *const cuts[] = { "nothing unsynced", "everything",
		"names only", "data only", "torn at 512", "torn at 4096" };
	bool full = getenv("SEMAIL_POWER") != NULL;
	const char *top = tmpdir_make();
	unsigned states = 0, bad[6] = { 0 };
	/* In memory if there is such a file system: thousands of states. */
	char path[200], state[200] = "/dev/shm/semail-power.XXXXXX";
	size_t n;

	/* The log of the starts is of no interest here, thousands of lines. */
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/work", top);
	if (mkdtemp(state) == NULL)
		snprintf(state, sizeof(state), "%s/state", top);
	mkdir(path, 0700);
	work = tq_dir(path);
	recorder_start(work);
	disk = &recorder_ops;
	tq_on_ack = acked;
	script();
	disk = &recorder_quick;
	tq_on_ack = NULL;
	n = recorder_count();
	printf("# %zu operations\n", n);
	for (size_t at = 0; at <= n; at++) {
		if (!recorder_is_step(at))
			continue;
		for (unsigned cut = CUT_NONE; cut <= CUT_4096; cut++) {
			unsigned seeds = cut < CUT_512 ? 1 : full ? 40 : 2;

			for (unsigned seed = 1; seed <= seeds; seed++) {
				states++;
				if (try(state, at, cut, seed))
					continue;
				if (bad[cut]++ < 5)
					printf("# %s before %zu (%s) seed %u: "
					       "%s\n", cuts[cut], at,
					    recorder_name(at), seed, why);
			}
		}
	}
	printf("# %u states\n", states);
	for (unsigned cut = CUT_NONE; cut <= CUT_4096; cut++)
		is_int(bad[cut], 0, "after a power cut that left %s",
		    cuts[cut]);
	recorder_free();
	close(work);
	tmpdir_remove();
	return done_testing();
}
