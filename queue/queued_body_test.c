/*
 * queued_body_test - large bodies, with the whole queued.
 */
#include "config.h"
#include "queue/queued_peers.h"
#include "libcommon/io.h"
#include "tap.h"

#include <sys/wait.h>
#include <unistd.h>

static char large[1500000];

static bool
refused(void)
{
	return nrefused > 0;
}

static void
send_large(void)
{
	uint64_t token = body_send(large, sizeof(large));

	ok(token != 0, "a pipe for a large body is filled");
	submit("b@x.test", 4, NULL, 0, NULL, token, sizeof(large));
	want_accepted++;
	want_delivered++;
}

static bool
last_is_large(void)
{
	return last.body_file == 1 && last.body_bytes == sizeof(large) &&
	    memcmp(last_body, large, sizeof(large)) == 0;
}

static void
whole(void)
{
	send_large();
	ok(daemon_wait(all_there), "accepted and delivered");
	ok(last_is_large(), "as a descriptor with the whole body");
}

static void
cut_short(void)
{
	uint64_t token;
	int fd = body_open(sizeof(large), &token);

	ok(fd != -1, "a pipe for a large body");
	is_int(io_write_all(fd, large, 1000), 0, "one is cut short");
	close(fd);
	nrefused = 0;
	submit("b@x.test", 4, NULL, 0, NULL, token, sizeof(large));
	ok(daemon_wait(refused), "and refused");
	fd = body_open(sizeof(large), &token);
	ok(fd != -1, "one that is never asked for");
	close(fd);
}

/* Both have it, each in its own time. */
static void
forwarded(void)
{
	causes.to = "c@x.test";
	send_large();
	want_delivered++;
	ok(daemon_wait(all_there), "a large one is forwarded");
	ok(last_is_large() && last.queue_id > last_id, "whole");
}

int
main(int argc, char *argv[])
{
	int status;

	(void)argc;
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7 + i / 1000);
	peers_start(argv[0]);
	whole();
	cut_short();
	forwarded();
	status = queued_stop();
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a clean stop");
	daemon_end();
	return done_testing();
}
