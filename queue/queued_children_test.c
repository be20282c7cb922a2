/*
 * queued_children_test - what deliveries cause, with the whole queued:
 * forwarding, answers.
 */
#include "config.h"
#include "queue/queued_peers.h"
#include "tap.h"

#include <sys/wait.h>

static unsigned
count_in(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static bool
is_refused_listed(void)
{
	return is_listed("4.3.0 the mailbox asks for what it may not");
}

static bool
all_gone(void)
{
	return !is_listed("4.3.0 the mailbox asks for what it may not") &&
	    !is_listed("4.2.2 full");
}

static void
children(void)
{
	char want[QUEUE_ID_TEXT];
	uint64_t parent;

	causes.to = "c@x.test";
	submit_hello();
	want_accepted++;
	want_delivered += 2;
	ok(daemon_wait(all_there), "a forwarded message is delivered on");
	is_str(last_rcpt, "c@x.test", "to the other address");
	is_int(last.mailbox, 9, "which authd knows");
	is_str(last_from, "a@x.test", "from the same sender");
	ok(last.queue_id > last_id, "under an id of its own");
	ok(memcmp(last_body, "hello\r\n", 7) == 0 && last.body_bytes == 7,
	    "with the same body");
	queue_id_text(last.queue_id, want);
	ok(strncmp(last_prefix,
	       "Delivered-To: b@x.test\r\nReceived: by "
	       "mail.test (SEMail forward) id ",
	       66) == 0 &&
	        strstr(last_prefix, want) != NULL,
	    "after the lines that say so");

	causes.answer = "Subject: away\r\n\r\nlater\r\n";
	submit_hello();
	want_accepted++;
	want_delivered += 2;
	ok(daemon_wait(all_there), "an answer is delivered");
	is_str(last_rcpt, "a@x.test", "to the sender");
	is_str(last_from, "", "from nobody");
	ok(last.body_bytes == 24 &&
	        memcmp(last_body, "Subject: away\r\n\r\nlater\r\n", 24) == 0,
	    "as it was given");

	causes.to = "c@x.test";
	causes.answer = "Subject: away\r\n\r\nlater\r\n";
	local_says = SAY_TEMP;
	submit("b@x.test", 4, "d@x.test", 5, "hello\r\n", 0, 7);
	want_accepted++;
	ok(daemon_wait(full_is_listed), "one that has to wait first");
	want_delivered = ndelivered + 4;
	local_says = SAY_OK;
	ok(daemon_wait(all_there), "is then forwarded and answered, once");
	syncs();
	is_int(ndelivered, want_delivered, "and no more");
	ok(!full_is_listed(), "and gone");

	causes.to = "c@x.test";
	causes.always = true;
	submit("b@x.test", 4, NULL, 0, "round and round\r\n", 0, 17);
	want_accepted++;
	want_delivered += 11;
	ok(daemon_wait(all_there), "a chain ends after ten");
	syncs();
	is_int(ndelivered, want_delivered, "it does");
	is_int(last.may_act, 0, "because the last may only be kept");
	is_int(count_in(last_prefix, "Delivered-To:"), 10,
	    "each has left its line");
	parent = last.queue_id;
	causes.anyway = true;
	submit("b@x.test", 4, NULL, 0, "round and round\r\n", 0, 17);
	want_accepted++;
	ok(daemon_wait(is_refused_listed), "a worker that insists is refused");
	causes.anyway = causes.always = false;
	causes.to = NULL;
	want_delivered = ndelivered + 1;
	ok(daemon_wait(all_there) && last.queue_id > parent,
	    "and gets it again, to keep it");
	ok(daemon_wait(all_gone), "nothing but what was there is left");
	want_delivered = ndelivered;
}

int
main(int argc, char *argv[])
{
	int status;

	(void)argc;
	peers_start(argv[0]);
	children();
	status = queued_stop();
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a clean stop");
	daemon_end();
	return done_testing();
}
