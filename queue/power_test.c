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
 * And once more from what a second cut leaves while a start repairs the first.
 *
 * SEMAIL_POWER=full tries many more states.
 */
#include "config.h"
#include "queue/test_queue.h"
#include "queue/deferred.h"
#include "queue/recorder.h"
#include "tmpdir.h"

enum mark { M_ACKED, M_DONE, M_DURABLE };

static int work; /* where the script runs */

/* ---- the script -------------------------------------------------------- */

static void
acked(unsigned n)
{
	recorder_mark(M_ACKED, n, 0);
}

static void
add(struct spool *s, unsigned n, unsigned targets, size_t len, bool as_file)
{
	tq_targets[n] = targets == 0 ? 1 : targets;
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

/* Delivered to a mailbox, message n makes message made. */
static void
act(struct spool *s, unsigned n, unsigned mailbox, unsigned made)
{
	tq_targets[made] = 1;
	recorder_mark(M_DONE, n, mailbox);
	if (tq_act(s, n, mailbox, made) == -1) {
		printf("Bail out! script: act %u: %s\n", n, strerror(errno));
		exit(1);
	}
	flush(s, true);
}

static void
defer(struct spool *s, unsigned n)
{
	struct qmsg *m = spool_find(s, tq[n].id);

	m->attempts++;
	m->due_s = io_wall_s();
	for (unsigned i = 0; i < m->ntargets; i++)
		if (m->targets[i].state != T_DONE)
			qtarget_set_status(&m->targets[i],
			    span_of("4.2.2 full"));
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
	if (tq_targets[n] > 1) {
		done(s, n, 1);
		defer(s, n);
		spool_load(s, tq[n].id);
		for (unsigned i = 2; i <= tq_targets[n]; i++)
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
	spool_expand(s, spool_find(s, tq[8].id), span_of("unknown@t"), known,
	    2);
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
	/* what deliveries cause: inline and large, one of two targets, of a
	 * message in the log and of one in a file; and of what was caused */
	add(s, 90, 1, 1500, false);
	add(s, 91, 2, 20000, true);
	add(s, 92, 2, 700, false);
	add(s, 93, 1, 20000, true);
	flush(s, false);
	act(s, 90, 1, 100);
	act(s, 91, 2, 101);
	act(s, 101, 1, 102);
	done(s, 100, 1);
	defer(s, 92);
	defer(s, 93);
	flush(s, false);
	spool_load(s, tq[92].id);
	spool_load(s, tq[93].id);
	act(s, 92, 2, 103);
	act(s, 93, 1, 104);
	s = restart(s);
	done(s, 91, 1);
	defer(s, 104);
	flush(s, false);
	spool_load(s, tq[104].id);
	act(s, 104, 1, 105);
	done(s, 105, 1);
	flush(s, true);
	deferred_life(s, 25);
	add(s, 80, 1, 700, false);
	flush(s, false);
	recorder_mark(M_DURABLE, 0, 0);
	spool_close(&s);
}

/* ---- after the cut ----------------------------------------------------------
 */

static void
on_mark(unsigned kind, unsigned n, unsigned mailbox)
{
	switch (kind) {
	case M_ACKED:
		tq_fates[n].acked = true;
		break;
	case M_DONE:
		tq_fates[n].done |= 1u << mailbox;
		break;
	case M_DURABLE:
		if (n != 0) {
			tq_fates[n].durable |= 1u << mailbox;
			break;
		}
		for (unsigned i = 0; i < TQ_MESSAGES; i++)
			tq_fates[i].durable = tq_fates[i].done;
		break;
	}
}

static unsigned states;

static void
remove_tree(const char *path)
{
	nftw(path, tmpdir_remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

static bool
start_and_check(int fd, bool work_on)
{
	struct spool *s = tq_open(fd);
	bool good;

	if (s == NULL)
		return TQ_WRONG("no start: %s", strerror(errno));
	good = tq_check(s);
	if (good && s->log->ndamaged > 0)
		good = TQ_WRONG("damage is reported where there is none");
	if (good && work_on) {
		/* And it must be fit for more work. */
		if (tq_add(s, 500, 1, 800, false) == NULL ||
		    spool_flush(s, true) == -1)
			good = TQ_WRONG("cannot take mail");
		tq_finish(s, 500);
		spool_flush(s, true);
		tq[500].id = 0;
	}
	spool_close(&s);
	return good;
}

/* Start from one state, twice: the second start must find the same. */
static bool
try(const char *path, size_t at, enum cut cut, uint64_t seed)
{
	bool good;
	int fd;

	states++;
	memset(tq_fates, 0, sizeof(tq_fates));
	mkdir(path, 0700);
	fd = tq_dir(path);
	recorder_build(fd, at, cut, seed, on_mark);
	good = start_and_check(fd, true) && start_and_check(fd, false);
	close(fd);
	remove_tree(path);
	return good;
}

static void
no_mark(unsigned kind, unsigned a, unsigned b)
{
	(void)kind;
	(void)a;
	(void)b;
}

/* The power goes again while the start repairs what the first cut left. */
static bool
try_again(const char *path, size_t at, enum cut cut, uint64_t seed)
{
	static const enum cut cuts[] = { CUT_NONE, CUT_NAMES, CUT_512 };
	struct spool *s;
	bool good = true;
	size_t begun, n;
	int fd;

	memset(tq_fates, 0, sizeof(tq_fates));
	mkdir(path, 0700);
	fd = tq_dir(path);
	recorder_build(fd, at, cut, seed, on_mark);
	recorder_push(fd);
	begun = recorder_count();
	disk = &recorder_ops;
	if ((s = tq_open(fd)) == NULL)
		good = TQ_WRONG("no start");
	spool_close(&s);
	disk = &recorder_quick;
	n = recorder_count();
	close(fd);
	remove_tree(path);
	for (size_t k = begun + 1; good && k <= n; k++) {
		for (size_t i = 0; good && i < nitems(cuts); i++) {
			states++;
			mkdir(path, 0700);
			fd = tq_dir(path);
			recorder_build(fd, k, cuts[i], seed, no_mark);
			good = start_and_check(fd, false);
			close(fd);
			remove_tree(path);
		}
	}
	recorder_pop();
	return good;
}

int
main(void)
{
	static const char *const cuts[] = { "nothing unsynced", "everything",
		"names only", "data only", "torn at 512", "torn at 4096" };
	bool full = getenv("SEMAIL_POWER") != NULL;
	const char *top = tmpdir_make();
	unsigned bad[6] = { 0 }, twice = 0;
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
				if (try(state, at, cut, seed))
					continue;
				if (bad[cut]++ < 5)
					printf("# %s before %zu (%s) seed %u: "
					       "%s\n",
					    cuts[cut], at, recorder_name(at),
					    seed, tq_why);
			}
		}
	}
	for (size_t at = 0; at <= n; at += full ? 1 : 4) {
		for (unsigned cut = CUT_NONE; cut <= CUT_4096; cut += 2)
			if (!try_again(state, at, cut, 3) && twice++ < 5)
				printf("# twice, %s before %zu (%s): %s\n",
				    cuts[cut], at, recorder_name(at), tq_why);
	}
	printf("# %u states\n", states);
	for (unsigned cut = CUT_NONE; cut <= CUT_4096; cut++)
		is_int(bad[cut], 0, "after a power cut that left %s",
		    cuts[cut]);
	is_int(twice, 0, "after another cut while the first was repaired");
	recorder_free();
	close(work);
	tmpdir_remove();
	return done_testing();
}
