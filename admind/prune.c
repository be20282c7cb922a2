/*
 * The journal is not kept for ever: what this server's authd has acknowledged
 * and is older than journal-keep goes, some rows at a time, when there is
 * nothing else to do.
 */
#include "config.h"
#include "admind/admind.h"

#include "libcommon/log.h"

#include <event2/event.h>

#define MORE_MS 1000 /* after a turn that found more than it may remove */
#define LOOK_MS 60000

static struct event *timer;

static void
prune_at(unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(timer, &tv);
}

static unsigned
look_ms(void)
{
	uint64_t keep_ms = conf_num("journal-keep");

	return keep_ms < LOOK_MS ? (unsigned)keep_ms : LOOK_MS;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	int r;

	(void)fd;
	(void)what;
	(void)arg;
	if (!admind.open || !feeder_is_up() || job_waiting() > 0) {
		prune_at(MORE_MS);
		return;
	}
	r = dir_prune(admind.db, feeder_journal(),
	    conf_num("journal-keep") / 1000);
	prune_at(r == 1 ? MORE_MS : look_ms());
}

void
prune_start(void)
{
	timer = event_new(admind.proc.base, -1, 0, on_timer, NULL);
	if (timer == NULL)
		fatalx("prune memory");
	prune_at(MORE_MS);
}
