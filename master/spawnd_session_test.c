/*
 * spawnd_session_test - the whole spawnd: sessions and deliveries come to the
 * worker of their mailbox, the only one.
 */
#include "config.h"
#include "master/spawnd_peers.h"
#include "tap.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void
authd_comes_back(void)
{
	unsigned before = nauthd;

	ipc_close(authd);
	daemon_wait(all_up);
	ok(nauthd == before + 1, "authd is found again");
}

static const char *
noop(int fd)
{
	return send(fd, "NOOP\r\n", 6, MSG_NOSIGNAL) == 6 ? hear(fd) : "";
}

/* What was revoked while authd was away was not heard. */
static void
back(void)
{
	int one, two;

	box.rights = 7;
	is_int(attach(&one), MSG_SPAWN_OK, "a session");
	is_str(hear(one), "+OK 0 messages (0 octets)", "works");
	authd_comes_back();
	box.mailbox = 5;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_SPAWN_CHANNEL,
	    "a delivery, asked after it");
	close(answer_fd);
	is_str(noop(one), "+OK", "with the same rights the session goes on");
	box.rights = 8;
	authd_comes_back();
	is_str(hear(one), "", "with others it ends");
	close(one);

	is_int(attach(&one), MSG_SPAWN_OK, "a session");
	hear(one);
	box.rights = 9;
	is_int(attach(&two), MSG_SPAWN_OK, "another, with rights of later");
	hear(two);
	authd_comes_back();
	is_str(hear(one), "", "ends as well");
	close(one);
	close(two);

	is_int(attach(&one), MSG_SPAWN_OK, "a session");
	hear(one);
	box.state = BOX_DISABLED;
	authd_comes_back();
	is_str(hear(one), "", "of a mailbox that is disabled: ends");
	close(one);
	box.state = BOX_ACTIVE;

	box.rights = 0;
	is_int(attach(&one), MSG_SPAWN_OK, "a session");
	hear(one);
	authd_comes_back();
	is_str(hear(one), "", "of which authd does not know: ends");
	close(one);
}

static void
sessions(void)
{
	int one, two;

	authd_says = SAY_DENIED;
	is_int(attach(&one), MSG_FAIL, "a bad ticket gets no worker");
	is_int(answer_fail, FAIL_DENIED, "it is denied");
	is_str(hear(one), "", "the session ends");
	close(one);
	authd_says = SAY_BOX;
	box.state = BOX_DISABLED;
	is_int(attach(&one), MSG_FAIL, "nor does a disabled mailbox");
	close(one);
	box.state = BOX_ACTIVE;

	is_int(attach(&one), MSG_SPAWN_OK, "a good ticket does");
	is_str(hear(one), "+OK 0 messages (0 octets)", "the worker speaks");
	is_int(attach(&two), MSG_SPAWN_OK, "a second session");
	is_str(hear(two), "-ERR [IN-USE] another session has this mailbox",
	    "comes to the same worker");
	close(two);

	say_revoked(5);
	is_str(hear(one), "", "revoked: the session ends");
	close(one);
	is_int(attach(&one), MSG_SPAWN_OK, "the next one has a new worker");
	is_str(hear(one), "+OK 0 messages (0 octets)", "at once");
	say_revoked(5);
	is_str(hear(one), "", "which ends as well");
	close(one);
	back();
}

static void
deliveries(void)
{
	int fd[20], n;
	char byte;

	box.state = BOX_CREATING;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_FAIL,
	    "no delivery before a mailbox is active");
	box.state = BOX_ACTIVE;
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 5), MSG_SPAWN_CHANNEL,
	    "a channel to a worker");
	ok(answer_fd != -1, "comes with a descriptor");
	close(answer_fd);
	/* The worker lingers 100 ms and goes; others come all the time. */
	for (n = 0; n < 40; n++) {
		struct timespec nap = { 0, (n % 13) * 20000000 };

		if (ask_number(local, MSG_SPAWN_DELIVER, 5) !=
		    MSG_SPAWN_CHANNEL)
			break;
		if (send(answer_fd, "x", 1, MSG_NOSIGNAL) != 1)
			break;
		/* Nonsense: the worker closes this channel, nothing else. */
		shutdown(answer_fd, SHUT_WR);
		while (read(answer_fd, &byte, 1) > 0)
			;
		close(answer_fd);
		nanosleep(&nap, NULL);
	}
	is_int(n, 40, "a worker that comes and goes takes each of 40");
	for (n = 0; n < 10; n++) {
		ask_number(admind, MSG_SPAWN_HOME, 100 + (uint32_t)n);
		ask_number(local, MSG_SPAWN_DELIVER, 100 + (uint32_t)n);
		fd[n] = answer_fd;
		if (answer != MSG_SPAWN_CHANNEL)
			break;
	}
	is_int(n, 10, "ten mailboxes have a worker each");
	while (n-- > 0)
		close(fd[n]);
	ask_number(admind, MSG_SPAWN_HOME, 200);
	is_int(ask_number(local, MSG_SPAWN_DELIVER, 200), MSG_SPAWN_CHANNEL,
	    "another waits for one to go, and gets its place");
	close(answer_fd);
}

int
main(int argc, char *argv[])
{
	(void)argc;
	peers_start(argv[0]);
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK,
	    "a mailbox has a home");
	sessions();
	deliveries();
	ok(peers_stop(), "it stops when told to");
	return done_testing();
}
