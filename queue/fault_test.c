/*
 * fault_test - the nth operation on the disk fails: n = 1, 2, ... once, and
 * from then on; with EIO, with ENOSPC, and as a short write.
 *
 * Nothing acknowledged is lost, nothing refused comes back, and after a single
 * failure the queue takes mail again without being started anew.
 */
#include "config.h"
#include "queue/test_queue.h"
#include "queue/recorder.h"
#include "tmpdir.h"

enum fault { ONE_EIO, ONE_ENOSPC, SHORT_WRITE, ALL_EIO, ALL_ENOSPC, NFAULTS };

static unsigned count, fail_at; /* 0: never */
static enum fault fault;
static int dirfd_;

/* ---- a disk that fails --------------------------------------------------- */

static bool
fails(void)
{
	bool now = ++count == fail_at;

	if (fail_at == 0 || fault == SHORT_WRITE)
		return false;
	if (fault >= ALL_EIO)
		now = count >= fail_at;
	if (now)
		errno = fault == ONE_EIO || fault == ALL_EIO ? EIO : ENOSPC;
	return now;
}

static int
f_open(int dirfd, const char *path, int flags, mode_t mode)
{
	/* Reading is not a matter of this test. */
	if ((flags & O_CREAT) != 0 && fails())
		return -1;
	return recorder_quick.open(dirfd, path, flags, mode);
}

static ssize_t
f_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (fails())
		return -1;
	if (fault == SHORT_WRITE && count == fail_at && n > 100)
		n = 100;
	return recorder_quick.pwrite(fd, p, n, off);
}

static int
f_truncate(int fd, off_t n)
{
	return fails() ? -1 : recorder_quick.truncate(fd, n);
}

static int
f_sync(int fd)
{
	(void)fd;
	return fails() ? -1 : 0;
}

static int
f_rename(int dirfd, const char *from, const char *to)
{
	return fails() ? -1 : recorder_quick.rename(dirfd, from, to);
}

static int
f_link(int dirfd, const char *from, const char *to)
{
	return fails() ? -1 : recorder_quick.link(dirfd, from, to);
}

static int
f_unlink(int dirfd, const char *path)
{
	return fails() ? -1 : recorder_quick.unlink(dirfd, path);
}

static int
f_mkdir(int dirfd, const char *path)
{
	return fails() ? -1 : recorder_quick.mkdir(dirfd, path);
}

static int
f_rmdir(int dirfd, const char *path)
{
	return fails() ? -1 : recorder_quick.rmdir(dirfd, path);
}

static void
f_close(int fd)
{
	close(fd);
}

static const struct disk_ops failing = { .open = f_open,
	.close = f_close,
	.pwrite = f_pwrite,
	.truncate = f_truncate,
	.datasync = f_sync,
	.sync = f_sync,
	.syncfs = f_sync,
	.rename = f_rename,
	.link = f_link,
	.unlink = f_unlink,
	.mkdir = f_mkdir,
	.rmdir = f_rmdir };

/* ---- a life that takes what comes ------------------------------------------
 */

static void
acked(unsigned n)
{
	tq_fates[n].acked = true;
}

static void
add(struct spool *s, unsigned n, unsigned targets, size_t len, bool as_file)
{
	tq_targets[n] = targets;
	if (tq_add(s, n, targets, len, as_file) == NULL)
		tq[n].id = 0; /* refused at once */
}

static void
flush(struct spool *s)
{
	if (spool_flush(s, true) == 0 && !spool_is_dirty(s))
		for (unsigned i = 0; i < TQ_MESSAGES; i++)
			tq_fates[i].durable = tq_fates[i].done;
}

static void
done(struct spool *s, unsigned n, unsigned mailbox)
{
	struct qmsg *m = spool_find(s, tq[n].id);
	struct qtarget *t = m == NULL ? NULL : tq_target(m, mailbox);

	if (t == NULL || t->state == T_DONE || m->where == Q_MOVING)
		return;
	tq_fates[n].done |= 1u << mailbox;
	spool_done(s, m, t, span_of("2.0.0 ok"));
}

static void
act(struct spool *s, unsigned n, unsigned mailbox, unsigned made)
{
	struct qmsg *m = spool_find(s, tq[n].id);

	if (m == NULL || (m->where != Q_LOG && m->where != Q_DEFERRED))
		return;
	tq_targets[made] = 1;
	if (tq_act(s, n, mailbox, made) >= 0)
		tq_fates[n].done |= 1u << mailbox;
}

static void
defer(struct spool *s, unsigned n)
{
	struct qmsg *m = spool_find(s, tq[n].id);

	if (m == NULL || (m->where != Q_LOG && m->where != Q_DEFERRED))
		return;
	m->attempts++;
	m->due_s = io_wall_s();
	spool_defer(s, m);
	s->move_retry_ms = 0; /* the test does not wait */
}

static void
attempt(struct spool *s, unsigned n, unsigned mailbox)
{
	uint64_t id, others[16];
	unsigned nothers = 0;
	struct qmsg *m;

	while (nothers < 16 &&
	    waiting_pop(&s->waiting, io_now_ms() + 5000, &id)) {
		if (id != tq[n].id) {
			others[nothers++] = id;
			continue;
		}
		if (spool_load(s, id) == NULL)
			continue;
		done(s, n, mailbox);
		if ((m = spool_find(s, id)) != NULL)
			defer(s, n);
		break;
	}
	while (nothers > 0)
		waiting_add(&s->waiting, others[--nothers], 0, 0);
}

static void
live(struct spool *s)
{
	add(s, 1, 1, 900, false);
	add(s, 2, 2, 3000, false);
	flush(s);
	done(s, 1, 1);
	flush(s);
	add(s, 3, 1, 20000, true);
	flush(s);
	defer(s, 2);
	flush(s);
	defer(s, 3);
	s->move_retry_ms = 0;
	flush(s);
	attempt(s, 2, 1);
	attempt(s, 2, 2);
	for (unsigned n = 10; n < 26; n++) {
		add(s, n, 1, 14000, false);
		spool_flush(s, false);
		if (n != 13)
			done(s, n, 1);
		else
			defer(s, n);
	}
	s->move_retry_ms = 0;
	s->log->retry_ms = 0;
	flush(s);
	attempt(s, 3, 1);
	add(s, 30, 1, 200, false);
	add(s, 31, 1, 20000, true);
	add(s, 32, 2, 300, false);
	flush(s);
	act(s, 30, 1, 33);
	act(s, 31, 1, 34);
	flush(s);
	act(s, 34, 1, 35);
	defer(s, 32);
	flush(s);
	s->move_retry_ms = 0;
	flush(s);
	if (spool_find(s, tq[32].id) == NULL && tq[32].id != 0 &&
	    spool_load(s, tq[32].id) != NULL) {
		act(s, 32, 2, 36);
		flush(s);
	}
	flush(s);
}

/* After one failure: does it take mail again by itself? */
static bool
recovers(struct spool *s)
{
	for (unsigned i = 0; i < 4; i++) {
		s->log->retry_ms = 0; /* ten seconds later */
		qlog_tend(s->log, io_now_ms());
		add(s, 40 + i, 1, 400, false);
		flush(s);
		if (tq_fates[40 + i].acked)
			return true;
	}
	return TQ_WRONG("it takes no more mail");
}

static bool
refused_stay_away(struct spool *s)
{
	for (unsigned n = 0; n < TQ_MESSAGES; n++) {
		if (tq[n].refused &&
		    (spool_find(s, tq[n].id) != NULL ||
		        waiting_has(&s->waiting, tq[n].id)))
			return TQ_WRONG("refused message %u is there", n);
	}
	return true;
}

/* What is in memory can be read where it is said to be, and holds no segment
 * but its own. */
static bool
memory_agrees(struct spool *s)
{
	unsigned holds = 0, live = 0;
	struct seg *seg;
	struct qmsg *m;
	uint64_t id;
	size_t at = 0;

	while ((m = idtab_next(&s->msgs, &at, &id)) != NULL) {
		holds += m->seg != NULL;
		if (m->where == Q_LOG && !m->body_file && !tq_body_good(s, m))
			return TQ_WRONG("message %u is elsewhere",
			    tq_number(m));
	}
	TAILQ_FOREACH(seg, &s->log->used, link)
		live += seg->live;
	if (live != holds)
		return TQ_WRONG("%u messages hold %u", holds, live);
	return true;
}

static bool
run(const char *path, unsigned n, enum fault what)
{
	struct spool *s;
	bool good = true, was_clean = false;

	memset(tq, 0, sizeof(tq));
	memset(tq_fates, 0, sizeof(tq_fates));
	memset(tq_parent, 0, sizeof(tq_parent));
	mkdir(path, 0700);
	dirfd_ = tq_dir(path);
	count = 0;
	fail_at = n;
	fault = what;
	if ((s = tq_open(dirfd_)) != NULL) {
		spool_start(s);
		live(s);
		if (what < ALL_EIO && n <= count && n > 0)
			good = recovers(s);
		flush(s);
		was_clean = what < ALL_EIO && !spool_is_dirty(s);
		if (good && was_clean)
			good = memory_agrees(s);
	}
	spool_close(&s);
	fail_at = 0;
	if (good && (s = tq_open(dirfd_)) == NULL)
		good = TQ_WRONG("no start: %s", strerror(errno));
	good = good && tq_check(s) && (!was_clean || refused_stay_away(s));
	if (good && s->log->ndamaged > 0)
		good = TQ_WRONG("damage is reported");
	spool_close(&s);
	close(dirfd_);
	nftw(path, tmpdir_remove_one, 32, FTW_DEPTH | FTW_PHYS);
	return good;
}

/* Made, but whether it will be there after a power cut nobody knows. */
static void
new_dir(const char *top)
{
	dirfd_ = tq_dir(top);
	fault = ONE_EIO;
	count = 0;
	fail_at = 2; /* mkdir, sync */
	is_int(disk_need_dir(dirfd_, ".", "d"), -1, "a folder's sync fails");
	ok(faccessat(dirfd_, "d", F_OK, 0) == -1, "the folder is not there");
	is_int(disk_need_dir(dirfd_, ".", "d"), 0, "the next one");
	is_int(count, 5, "makes it and syncs"); /* rmdir was the third */
	is_int(disk_need_dir(dirfd_, ".", "d"), 0, "once");
	is_int(count, 6, "only");
	fail_at = 0;
	close(dirfd_);
}

int
main(void)
{
	static const char *const names[] = { "EIO once", "ENOSPC once",
		"a short write", "EIO from then on", "ENOSPC from then on" };
	char path[200] = "/dev/shm/semail-fault.XXXXXX";
	const char *top = tmpdir_make();
	unsigned n, bad, all;

	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	if (mkdtemp(path) == NULL)
		snprintf(path, sizeof(path), "%s/state", top);
	disk = &failing;
	tq_on_ack = acked;
	new_dir(top);
	ok(run(path, 0, ONE_EIO), "without a failure: %s", tq_why);
	all = count;
	for (unsigned what = 0; what < NFAULTS; what++) {
		bad = 0;
		for (n = 1; n <= all; n++)
			if (!run(path, n, what) && bad++ < 5)
				printf("# operation %u: %s\n", n, tq_why);
		is_int(bad, 0, "%s, at each of %u operations", names[what],
		    all);
	}
	tmpdir_remove();
	return done_testing();
}
