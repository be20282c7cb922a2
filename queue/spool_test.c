#include "config.h"
#include "queue/test_queue.h"
#include "queue/deferred.h"
#include "tmpdir.h"

#include <dirent.h>

static int dirfd_;

static struct spool *
again(struct spool *s)
{
	spool_close(&s);
	s = tq_open(dirfd_);
	if (s == NULL) {
		printf("Bail out! spool_open: %s\n", strerror(errno));
		exit(1);
	}
	return s;
}

static struct spool *
intake(struct spool *s)
{
	struct qmsg *m;

	ok(tq_add(s, 1, 1, 100, false) != NULL, "a message is added");
	ok(tq_add(s, 2, 3, 5000, false) != NULL, "another");
	ok(!tq[1].acked, "not yet acknowledged");
	is_int(spool_flush(s, false), 0, "flush");
	ok(tq[1].acked && tq[2].acked, "both are acknowledged by one flush");
	is_int((int64_t)s->log->nsyncs, 1, "and one sync");

	s = again(s);
	m = spool_find(s, tq[2].id);
	ok(m != NULL && m->where == Q_LOG && m->nopen == 3,
	    "after a restart it is there");
	ok(m != NULL && tq_body_good(s, m), "whole");
	ok(m != NULL && m->targets[0].again,
	    "and may have been delivered before");

	tq_finish(s, 1);
	ok(spool_done(s, m, tq_target(m, 2), span_of("2.0.0 ok")),
	    "one of three done");
	is_int(spool_flush(s, true), 0, "flush");
	s = again(s);
	ok(spool_find(s, tq[1].id) == NULL,
	    "a finished one does not come back");
	m = spool_find(s, tq[2].id);
	ok(m != NULL && m->nopen == 2 && tq_target(m, 2)->state == T_DONE,
	    "the done target stays done");
	return s;
}

static struct spool *
deferral(struct spool *s)
{
	struct qmsg *m = spool_find(s, tq[2].id);
	struct qtarget *t = tq_target(m, 1);

	t->state = T_TRIED;
	qtarget_set_status(t, span_of("4.2.2 mailbox\tfull\r\n"));
	m->attempts = 1;
	m->due_s = io_wall_s() + 1000;
	spool_defer(s, m);
	is_int(spool_flush(s, false), 0, "moved to a file");
	ok(spool_find(s, tq[2].id) == NULL &&
	        waiting_has(&s->waiting, tq[2].id),
	    "it waits");
	is_int((int64_t)s->nlog, 0, "and holds nothing in the log");
	s = again(s);
	ok(waiting_has(&s->waiting, tq[2].id), "also after a restart");
	ok(waiting_get(&s->waiting, tq[2].id)->attempts == 1, "attempts known");
	m = spool_load(s, tq[2].id);
	ok(m != NULL && tq_body_good(s, m), "its body is whole");
	ok(m != NULL && m->nopen == 2 && m->due_s > io_wall_s() + 900,
	    "its state too");
	is_str(tq_target(m, 1)->status, "4.2.2 mailbox?full??",
	    "its reason, made printable");
	ok(spool_done(s, m, tq_target(m, 1), span_of("2.0.0 ok")), "one done");
	m->attempts++;
	spool_defer(s, m);
	is_int(waiting_save(&s->waiting, dirfd_), 0, "the index is written");
	s = again(s);
	m = spool_load(s, tq[2].id);
	ok(m != NULL && m->nopen == 1 && m->attempts == 2,
	    "done and attempts are kept in the file");
	ok(!spool_done(s, m, tq_target(m, 3), span_of("2.0.0 ok")), "last one");
	s = again(s);
	ok(!waiting_has(&s->waiting, tq[2].id), "the file is gone");
	return s;
}

static struct spool *
large_body(struct spool *s)
{
	struct qmsg *m;
	int fd;

	ok(tq_add(s, 3, 1, 300000, true) != NULL, "a body file");
	is_int(spool_flush(s, false), 0, "flush");
	s = again(s);
	m = spool_find(s, tq[3].id);
	ok(m != NULL && tq_body_good(s, m), "it is whole after a restart");
	m->due_s = 0;
	spool_defer(s, m);
	spool_flush(s, true);
	s = again(s);
	m = spool_load(s, tq[3].id);
	ok(m != NULL && tq_body_good(s, m), "also when deferred");
	tq_finish(s, 3);
	ok((fd = body_open(dirfd_, tq[3].id)) == -1, "removed when done");

	fd = body_create(dirfd_, 77);
	close(fd);
	s = again(s);
	is_int(openat(dirfd_, "body/tmp/000000000000004d", O_RDONLY), -1,
	    "an unfinished body is collected at start");
	return s;
}

static struct spool *
expansion(struct spool *s)
{
	struct target t[2] = { { TARGET_MAILBOX, 7, span_of("x@t") },
		{ TARGET_REMOTE, 0, span_of("y@far") } };
	struct qmsg *m;

	tq_add(s, 4, 0, 10, false);
	spool_flush(s, false);
	m = spool_find(s, tq[4].id);
	is_int(m->targets[0].kind, TARGET_UNKNOWN, "a recipient not known yet");
	is_int(spool_expand(s, m, span_of("unknown@t"), t, 2), 0, "expanded");
	is_int(spool_expand(s, m, span_of("unknown@t"), t, 2), -1, "only once");
	spool_flush(s, false);
	s = again(s);
	m = spool_find(s, tq[4].id);
	ok(m != NULL && m->ntargets == 2 && tq_target(m, 7) != NULL,
	    "the expansion is durable");
	spool_done(s, m, tq_target(m, 7), span_of(""));
	spool_defer(s, m);
	spool_flush(s, true);
	s = again(s);
	m = spool_load(s, tq[4].id);
	ok(m != NULL && m->nopen == 1 && tq_target(m, 7)->state == T_DONE,
	    "and goes into the deferred file");
	tq_finish(s, 4);
	return s;
}

/* Three times the log's size goes through it. */
static struct spool *
recycling(struct spool *s)
{
	uint64_t before = s->log->nrecycled;
	unsigned bad = 0;

	for (unsigned i = 0; i < 200; i++) {
		if (tq_add(s, 100 + i, 1, 3500, false) == NULL)
			bad++;
		spool_flush(s, false);
		tq_finish(s, 100 + i);
		spool_flush(s, true);
	}
	is_int(bad, 0, "200 messages through a log for 60");
	ok(s->log->nrecycled > before, "segments were used again");
	s = again(s);
	is_int((int64_t)s->nlog, 0, "none comes back");
	return s;
}

static struct spool *
full(struct spool *s)
{
	unsigned n = 0;

	while (tq_add(s, 100 + n, 1, 3500, false) != NULL) {
		spool_flush(s, false);
		n++;
	}
	is_int(errno, ENOSPC, "the log is full after %u messages", n);
	ok(n > 30, "not too early");
	for (unsigned i = 0; i < n; i++)
		tq_finish(s, 100 + i);
	is_int(spool_flush(s, true), 0, "there is room to write completions");
	ok(tq_add(s, 99, 1, 3500, false) != NULL, "and then for mail again");
	spool_flush(s, true);
	tq_finish(s, 99);
	spool_flush(s, true);
	return s;
}

static void
flip(const char *path, off_t at)
{
	int fd = openat(dirfd_, path, O_RDWR);
	unsigned char c;

	if (fd == -1 || pread(fd, &c, 1, at) != 1)
		abort();
	c ^= 0x20;
	if (pwrite(fd, &c, 1, at) != 1)
		abort();
	close(fd);
}

static unsigned
in_quarantine(void)
{
	int fd = openat(dirfd_, "quarantine", O_RDONLY | O_DIRECTORY);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;
	unsigned n = 0;

	while (d != NULL && (de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

/* A disk that changes what was durable: the rest of the mail is kept. */
static struct spool *
damage(struct spool *s)
{
	char path[QMSG_PATH], name[32];
	struct qmsg *m;
	off_t at;

	tq_add(s, 10, 1, 2000, false);
	tq_add(s, 11, 1, 2000, false);
	tq_add(s, 12, 1, 2000, false);
	spool_flush(s, false);
	tq_add(s, 13, 1, 2000, false);
	spool_flush(s, false);
	tq_add(s, 14, 1, 2000, false);
	spool_flush(s, false);
	m = spool_find(s, tq[11].id);
	at = (off_t)m->body_at + 100;
	snprintf(name, sizeof(name), "log/%s", m->seg->name);
	flip(name, at);
	s = again(s);
	is_int((int64_t)s->log->ndamaged, 1, "damage in the log is found");
	ok(spool_find(s, tq[10].id) != NULL && spool_find(s, tq[12].id) != NULL,
	    "the good messages of that batch are saved");
	ok(spool_find(s, tq[13].id) != NULL && spool_find(s, tq[14].id) != NULL,
	    "those after it too");
	ok(spool_find(s, tq[11].id) == NULL, "the damaged one is not used");
	is_int(in_quarantine(), 1, "but set aside");
	s = again(s);
	is_int(in_quarantine(), 1, "once");

	m = spool_find(s, tq[12].id);
	spool_defer(s, m);
	spool_flush(s, true);
	qmsg_path("deferred", tq[12].id, path);
	flip(path, 30);
	spool_close(&s);
	unlinkat(dirfd_, "deferred.idx", 0);
	s = tq_open(dirfd_);
	m = spool_find(s, tq[12].id);
	ok(m != NULL && m->where == Q_LOG && tq_body_good(s, m),
	    "a damaged deferred file comes back from the log");
	is_int(in_quarantine(), 2, "the file is set aside");
	for (unsigned n = 10; n < 15; n++)
		tq_finish(s, n);
	spool_flush(s, true);
	/* The segment's header. */
	tq_add(s, 15, 1, 2000, false);
	spool_flush(s, false);
	snprintf(name, sizeof(name), "log/%s",
	    spool_find(s, tq[15].id)->seg->name);
	flip(name, 17);
	s = again(s);
	ok(spool_find(s, tq[15].id) != NULL && spool_find(s, tq[14].id) == NULL,
	    "a damaged segment header loses no mail");
	ok(tq_add(s, 16, 1, 100, false) != NULL && spool_flush(s, true) == 0,
	    "and stops none");
	tq_finish(s, 15);
	tq_finish(s, 16);
	spool_flush(s, true);
	return s;
}

static void
resize(struct spool *s)
{
	struct qlog_conf larger = { 512 * 1024, 128 * 1024 };
	struct qlog_conf smaller = { 128 * 1024, 32 * 1024 };

	tq_add(s, 5, 1, 1000, false);
	spool_flush(s, true);
	spool_close(&s);
	s = spool_open(dirfd_, &larger, 1000, &tq_ops, NULL);
	ok(s != NULL && spool_find(s, tq[5].id) != NULL,
	    "other segment size: the mail is there");
	is_int(s->log->nsegs, 4, "new segments are made");
	tq_add(s, 6, 1, 1000, false);
	spool_flush(s, true);
	tq_finish(s, 5);
	spool_flush(s, true);
	qlog_tend(s->log, io_now_ms());
	spool_close(&s);
	s = spool_open(dirfd_, &smaller, 1000, &tq_ops, NULL);
	ok(s != NULL && spool_find(s, tq[5].id) == NULL &&
	        spool_find(s, tq[6].id) != NULL,
	    "smaller again");
	tq_finish(s, 6);
	spool_flush(s, true);
	spool_close(&s);
}

int
main(void)
{
	struct spool *s;

	dirfd_ = tq_dir(tmpdir_make());
	s = tq_open(dirfd_);
	ok(s != NULL, "an empty folder becomes a queue");
	s = intake(s);
	s = deferral(s);
	s = large_body(s);
	s = expansion(s);
	s = recycling(s);
	s = full(s);
	s = damage(s);
	resize(s);
	close(dirfd_);
	tmpdir_remove();
	return done_testing();
}
