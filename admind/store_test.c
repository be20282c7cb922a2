/* The copy of the directory: feeds, gaps, full loads, reopening, damage. */
#include "config.h"
#include "admind/authd.h"
#include "admind/slow.h"
#include "admind/test_feed.h"
#include "admind/ticket.h"
#include "tap.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct authd authd; /* what resolve.c and usage.c lean on */
void
authd_check_store(void)
{
}

static struct resolution r;

static int
verdict(struct store *s, const char *address)
{
	return (int)resolve_rcpt(s, span_of(address), &r);
}

static uint32_t
target(struct store *s, const char *address)
{
	return verdict(s, address) == RCPT_OK ? r.grant.targets[0].mailbox : 0;
}

static bool
may(struct store *s, uint32_t id, const char *path)
{
	bool out;

	return resolve_sender(s, id, span_of(path), &out) == STORE_FOUND && out;
}

static void
test_feed(void)
{
	struct store_credential v[STORE_CREDENTIALS_MAX];
	struct store *s = store_open(test_dirfd);
	uint32_t gone;
	unsigned n;

	if (!ok(s != NULL, "open"))
		return;
	is_int(verdict(s, "bob@a.test"), RCPT_TEMP, "empty: not known now");
	is_int(verdict(s, "bob@else.test"), RCPT_TEMP, "empty: nor of others");
	domain(s, 1, "a.test");
	errno = 0;
	ok(store_commit(s, 0, 3) == -1 && errno == EBUSY,
	    "changes to what was never loaded");

	store_begin(s, 77);
	domain(s, 1, "a.test");
	mailbox(s, 5, 1, "bob", BOX_ACTIVE);
	credential(s, 9, 5, "$argon2id$x", 0);
	is_int(verdict(s, "bob@a.test"), RCPT_TEMP, "half loaded");
	is_int(store_commit(s, 0, 3), 0, "loaded");
	ok(store_state(s).directory == 77 && store_state(s).journal == 3 &&
	        store_state(s).complete,
	    "state");
	is_int(target(s, "bob@a.test"), 5, "there is bob");
	is_int(target(s, "BoB@A.Test"), 5, "case does not matter");
	is_int(target(s, "bob+news@a.test"), 5, "subaddress");
	is_int(verdict(s, "bo@a.test"), RCPT_NO_USER, "no such user");
	is_int(verdict(s, "+x@a.test"), RCPT_NO_USER, "nobody's detail");
	is_int(verdict(s, "bob@b.test"), RCPT_NOT_OURS, "not ours");
	is_int(verdict(s, "postmaster"), RCPT_NO_USER, "no postmaster yet");
	ok(store_credentials(s, 5, SERVICE_POP3, v, &n) == STORE_FOUND &&
	        n == 1 && span_is(v[0].verifier, "$argon2id$x"),
	    "credential");

	mailbox(s, 6, 1, "postmaster", BOX_ACTIVE);
	store_rollback(s);
	is_int(target(s, "postmaster@a.test"), 0, "rolled back");
	mailbox(s, 6, 1, "postmaster", BOX_ACTIVE);
	errno = 0;
	ok(store_commit(s, 4, 5) == -1 && errno == EBUSY, "a gap is refused");
	is_int(target(s, "postmaster@a.test"), 0, "and left no trace");
	mailbox(s, 6, 1, "postmaster", BOX_ACTIVE);
	is_int(store_commit(s, 3, 4), 0, "the next change");
	is_int(target(s, "postmaster"), 6, "a bare postmaster");
	ok(!store_next_revoked(s, &gone), "nobody's session ends");

	mailbox(s, 6, 1, "", 0);
	mailbox(s, 7, 1, "postmaster", BOX_CREATING);
	is_int(store_commit(s, 4, 6), 0, "deleted and made again");
	is_int(verdict(s, "postmaster@a.test"), RCPT_TEMP, "being made");
	ok(store_next_revoked(s, &gone) && gone == 6 &&
	        !store_next_revoked(s, &gone),
	    "its sessions end");
	mailbox(s, 8, 1, "eve", BOX_ACTIVE);
	mailbox(s, 5, 1, "", 0);
	mailbox(s, 8, 1, "bob", BOX_ACTIVE);
	credential(s, 9, 5, "", 0);
	is_int(store_commit(s, 6, 9), 0, "renamed in one feed");
	ok(target(s, "bob@a.test") == 8 &&
	        verdict(s, "eve@a.test") == RCPT_NO_USER,
	    "the last row holds");
	while (store_next_revoked(s, &gone))
		;
	/* put before the old owner of the name goes */
	mailbox(s, 10, 1, "bob", BOX_ACTIVE);
	mailbox(s, 8, 1, "", 0);
	is_int(store_commit(s, 9, 11), 0, "taken over");
	is_int(target(s, "bob@a.test"), 10, "the name is the new one's");
	store_close(&s);
}

static void
test_passwords(void)
{
	struct store *s = store_open(test_dirfd);
	struct store_credential v[STORE_CREDENTIALS_MAX];
	uint32_t gone;
	unsigned n;

	is_int(target(s, "bob@a.test"), 10, "reopened");
	credential(s, 20, 10, "$argon2id$one", 0);
	credential(s, 21, 10, "$argon2id$app", 1u << SERVICE_POP3);
	is_int(store_commit(s, 11, 13), 0, "two credentials");
	while (store_next_revoked(s, &gone))
		;
	ok(store_credentials(s, 10, SERVICE_SMTP, v, &n) == STORE_FOUND &&
	        n == 1,
	    "an app password is for its service");
	ok(store_credentials(s, 10, SERVICE_POP3, v, &n) == STORE_FOUND &&
	        n == 2,
	    "and counts there");
	credential(s, 20, 10, "$argon2id$two", 0);
	is_int(store_commit(s, 13, 14), 0, "another password");
	ok(store_next_revoked(s, &gone) && gone == 10, "ends sessions");
	mailbox(s, 10, 1, "bob", BOX_DISABLED);
	is_int(store_commit(s, 14, 15), 0, "disabled");
	ok(store_next_revoked(s, &gone) && gone == 10, "ends sessions");
	is_int(verdict(s, "bob@a.test"), RCPT_TEMP, "its mail waits");
	mailbox(s, 10, 1, "bob", BOX_ACTIVE);
	is_int(store_commit(s, 15, 16), 0, "and back");
	ok(!store_next_revoked(s, &gone), "ends none");
	ok(may(s, 10, "bob+x@a.test") && may(s, 10, "") &&
	        !may(s, 10, "eve@a.test") && !may(s, 10, "bob@b.test"),
	    "senders");
	store_close(&s);
}

static void
test_full_again(void)
{
	struct store *s = store_open(test_dirfd);
	uint32_t gone;

	store_begin(s, 77);
	domain(s, 1, "a.test");
	mailbox(s, 30, 1, "carol", BOX_ACTIVE);
	is_int(target(s, "bob@a.test"), 10,
	    "the same directory: the old holds");
	is_int(store_commit(s, 0, 40), 0, "loaded again");
	is_int(verdict(s, "bob@a.test"), RCPT_NO_USER, "bob is gone");
	ok(store_next_revoked(s, &gone) && gone == 10, "his sessions end");
	while (store_next_revoked(s, &gone))
		;
	store_begin(s, 78);
	is_int(verdict(s, "carol@a.test"), RCPT_TEMP,
	    "another directory: nothing of the old holds");
	domain(s, 2, "b.test");
	store_close(&s); /* as a crash would */
	s = store_open(test_dirfd);
	ok(!store_state(s).complete, "half a load is none");
	is_int(verdict(s, "carol@a.test"), RCPT_TEMP, "still not known");
	store_begin(s, 78);
	domain(s, 2, "b.test");
	mailbox(s, 1, 2, "dan", BOX_ACTIVE);
	is_int(store_commit(s, 0, 2), 0, "loaded");
	is_int(target(s, "dan@b.test"), 1, "dan");
	store_close(&s);
}

/* A crash in the middle of a feed leaves what was before it. */
static void
test_crash(void)
{
	struct store *s;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		s = store_open(test_dirfd);
		for (uint32_t i = 100; i < 3000; i++) {
			char login[16];

			snprintf(login, sizeof(login), "u%u", i);
			mailbox(s, i, 2, login, BOX_ACTIVE);
		}
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "killed in the middle of a feed");
	s = store_open(test_dirfd);
	ok(store_state(s).complete && store_state(s).journal == 2, "as before");
	is_int(verdict(s, "u100@b.test"), RCPT_NO_USER, "nothing of it");
	is_int(target(s, "dan@b.test"), 1, "all of what was");
	store_close(&s);
}

#define MANY 50000 /* more than one part of a load */

static int
load_many(struct store *s, uint32_t from, uint32_t to)
{
	char login[16];

	store_begin(s, 78);
	domain(s, 2, "b.test");
	for (uint32_t i = from; i < to; i++) {
		snprintf(login, sizeof(login), "u%u", i);
		if (mailbox(s, i, 2, login, BOX_ACTIVE) == -1)
			return -1;
	}
	return 0;
}

/* A full load goes in parts, and still counts as a whole or not at all. */
static void
test_parts(void)
{
	uint32_t gone, n = 0;
	struct store *s;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		s = store_open(test_dirfd);
		load_many(s, 100, MANY);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "killed in the middle of a load");
	s = store_open(test_dirfd);
	ok(store_state(s).complete && store_state(s).journal == 2, "as before");
	is_int(verdict(s, "u100@b.test"), RCPT_NO_USER, "nothing of it");
	is_int(target(s, "dan@b.test"), 1, "all of what was");
	is_int(load_many(s, 200, MANY), 0, "another load");
	is_int(target(s, "dan@b.test"), 1,
	    "while it lasts the old one answers");
	is_int(store_commit(s, 0, 3), 0, "its end");
	ok(target(s, "u200@b.test") == 200 &&
	        target(s, "u49999@b.test") == 49999,
	    "all of it answers");
	ok(verdict(s, "dan@b.test") == RCPT_NO_USER &&
	        verdict(s, "u100@b.test") == RCPT_NO_USER,
	    "nothing of what was, nor of the one that broke off");
	ok(store_next_revoked(s, &gone) && gone == 1 &&
	        !store_next_revoked(s, &gone),
	    "dan's sessions end");
	is_int(load_many(s, 300, MANY), 0, "and again");
	is_int(store_commit(s, 0, 4), 0, "its end");
	while (store_next_revoked(s, &gone))
		n += gone >= 200 && gone < 300;
	is_int(n, 100, "sessions of a hundred end");
	mailbox(s, 1, 2, "dan", BOX_ACTIVE);
	is_int(store_commit(s, 4, 5), 0, "a change goes on from there");
	ok(target(s, "dan@b.test") == 1 && target(s, "u300@b.test") == 300,
	    "both are there");
	store_close(&s);
}

static void
test_quota(void)
{
	struct store *s = store_open(test_dirfd);

	authd.store = s;
	usage_set(1, 10 * 1024 - 1);
	is_int(verdict(s, "dan@b.test"), RCPT_OK, "room");
	usage_set(1, 10 * 1024);
	is_int(verdict(s, "dan@b.test"), RCPT_FULL, "full");
	usage_flush();
	is_int(verdict(s, "dan@b.test"), RCPT_FULL,
	    "and stays so when written");
	store_close(&s);
	authd.store = s = store_open(test_dirfd);
	is_int(verdict(s, "dan@b.test"), RCPT_FULL, "and when reopened");
	for (uint32_t i = 1; i < 10000; i++)
		usage_set(i, i == 1 ? 0 : 5);
	is_int(verdict(s, "dan@b.test"), RCPT_OK, "room again, among many");
	store_close(&s);
}

static void
test_damage(void)
{
	struct store *s;
	int fd;

	fd = openat(test_dirfd, "data.mdb", O_RDWR);
	ok(fd != -1 && ftruncate(fd, 8192) == 0, "cut short");
	close(fd);
	s = store_open(test_dirfd);
	ok(s != NULL && !store_state(s).complete, "made anew, incomplete");
	store_close(&s);
	fd = openat(test_dirfd, "data.mdb", O_RDWR);
	ok(fd != -1 &&
	        pwrite(fd, "garbage!garbage!garbage!garbage!", 32, 0) == 32 &&
	        pwrite(fd, "garbage!garbage!garbage!garbage!", 32, 4096) == 32,
	    "overwritten");
	close(fd);
	s = store_open(test_dirfd);
	ok(s != NULL && !store_state(s).complete, "made anew, incomplete");
	store_close(&s);
}

static void
test_tickets(void)
{
	unsigned char t[TICKET_BYTES], u[TICKET_BYTES];

	ticket_make(t, 5, SERVICE_POP3, 1000);
	is_int(ticket_redeem(t, SERVICE_POP3, 2000), 5, "a ticket");
	is_int(ticket_redeem(t, SERVICE_POP3, 2000), 0, "only once");
	ticket_make(t, 5, SERVICE_POP3, 1000);
	is_int(ticket_redeem(t, SERVICE_IMAP, 2000), 0, "for its service");
	is_int(ticket_redeem(t, SERVICE_POP3, 2000), 0, "and then it is burnt");
	ticket_make(t, 5, SERVICE_POP3, 1000);
	is_int(ticket_redeem(t, SERVICE_POP3, 61000), 0, "for a minute");
	ticket_make(t, 5, SERVICE_POP3, 1000);
	ticket_make(u, 6, SERVICE_POP3, 1000);
	ticket_revoke(5);
	is_int(ticket_redeem(t, SERVICE_POP3, 2000), 0, "revoked");
	is_int(ticket_redeem(u, SERVICE_POP3, 2000), 6, "another's is not");
	for (unsigned i = 0; i < 100000; i++)
		ticket_make(t, 7, SERVICE_POP3, 3000 + i);
	is_int(ticket_redeem(t, SERVICE_POP3, 103001), 7,
	    "the last of very many");
}

static void
test_slow(void)
{
	struct span a = span_of("192.0.2.1"), l = span_of("bob@a.test");
	unsigned ms = 0, before;

	is_int(slow_failed(a, l, 1000), 250, "the first failure");
	for (unsigned i = 0; i < 10; i++) {
		before = ms;
		ms = slow_failed(a, l, 1000);
		if (ms < before)
			break;
	}
	is_int(ms, SLOW_DELAY_MAX_MS, "grows up to a limit");
	ok(slow_failed(span_of("192.0.2.2"), l, 1000) > 250,
	    "the name is slow from elsewhere too");
	slow_passed(l);
	is_int(slow_failed(span_of("192.0.2.3"), l, 1000), 250,
	    "forgotten after a success");
	ok(slow_failed(a, span_of("other"), 1000) > 250, "the address is not");
	for (unsigned i = 0; i < SLOW_REFUSE; i++)
		slow_failed(a, l, 1000);
	ok(slow_refuses(a, 1000) && !slow_refuses(span_of("192.0.2.9"), 1000),
	    "refused at last, only there");
	ok(!slow_refuses(a, 1000 + 3600 * 1000), "forgotten in time");
}

int
main(void)
{
	log_init("store_test");
	secret_init();
	if (!test_begin())
		return 1;
	test_feed();
	test_passwords();
	test_full_again();
	test_crash();
	test_parts();
	test_quota();
	test_damage();
	test_tickets();
	test_slow();
	test_end();
	return done_testing();
}
