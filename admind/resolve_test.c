/* What addresses, aliases, virtual users and senders mean, rule by rule. */
#include "config.h"
#include "admind/alias_list.h"
#include "admind/authd.h"
#include "admind/test_feed.h"
#include "tap.h"

#include "libcommon/log.h"

#include <stdio.h>
#include <stdlib.h>

struct authd authd;
static struct resolution r;

void
authd_check_store(void)
{
}

/* ---- the directory of most rows ---------------------------------------------- */

enum { A = 1, B = 2, AWAY = 3, HOST = 4 };

static void
directory(struct store *s)
{
	char list[200];

	server(s, 1, "here", 1, SERVER_IMAP, LOGINS_WITH_DOMAIN);
	server(s, 2, "away", 0, SERVER_IMAP, LOGINS_WITH_DOMAIN);
	domain(s, A, "a.test");
	domain(s, B, "b.test");
	domain_of(s, AWAY, "away.test", 2);
	mailbox(s, 1, A, "bob", BOX_ACTIVE);
	mailbox(s, 2, A, "ann", BOX_ACTIVE);
	mailbox(s, 3, A, "new", BOX_CREATING);
	mailbox(s, 4, A, "old", BOX_DELETING);
	mailbox(s, 5, A, "off", BOX_DISABLED);
	mailbox(s, 6, A, "full", BOX_ACTIVE);
	mailbox(s, 7, B, "bob", BOX_ACTIVE);
	mailbox(s, 8, B, "postmaster", BOX_ACTIVE);
	mailbox(s, 9, A, "both", BOX_ACTIVE);
	mailbox(s, 10, AWAY, "far", BOX_ACTIVE);
	mailbox(s, 11, A, "x+y", BOX_ACTIVE);
	mailbox(s, 12, A, "full2", BOX_ACTIVE);
	usage_set(6, 100 << 20);
	usage_set(12, 100 << 20);

	alias(s, 20, A, "sales", "bob, ann@a.test");
	alias(s, 21, A, "one", "bob");
	alias(s, 22, A, "both", "ann"); /* hidden by the mailbox */
	alias(s, 23, B, "b-only", "bob");
	alias(s, 24, 0, "abuse", "ann@a.test");
	alias(s, 25, 0, "operators", "abuse, bob@b.test");
	alias(s, 26, A, "mixed",
	    "sales, b-only,, someone@else.test , BOB@A.TEST");
	alias(s, 27, A, "loop1", "loop2");
	alias(s, 28, A, "loop2", "loop1@a.test");
	alias(s, 29, A, "loop3", "loop1, ann, loop3@a.test");
	alias(s, 30, A, "self", "self, ann");
	mailbox(s, 13, B, "self", BOX_ACTIVE); /* not of a.test */
	alias(s, 31, B, "bobs", "bobs, bob@a.test");
	mailbox(s, 14, B, "bobs2", BOX_ACTIVE);
	alias(s, 32, A, "gone", "nobody, nobody@a.test, bad address@, bob");
	alias(s, 33, A, "nowhere", "nobody, nobody@b.test");
	alias(s, 34, A, "states", "new, old, off, full, bob");
	alias(s, 35, A, "waiting", "new, off");
	alias(s, 36, A, "fulls", "full, full2");
	alias(s, 37, A, "tofull", "full");
	alias(s, 38, A, "leaving", "old");
	alias(s, 39, A, "remote", "someone@else.test");
	alias_of_server(s, 40, 2, A, "elsewhere", "bob");
	alias(s, 41, A, "far", "far@away.test, x+z@A.Test, x+y");
	alias(s, 42, A, "quoted", "\"a,b\"@else.test, \"c\\\"d\"@else.test");
	alias(s, 43, 0, "bare", "postmaster, bob");
	alias(s, 44, B, "security", "bob");
	/* a name with a detail of its own */
	alias(s, 45, A, "sales+urgent", "ann");

	virtual_user(s, 50, A, "info", "bob", "", 0, 1);
	virtual_user(s, 51, A, "team", "sales", "", 20, 0);
	virtual_user(s, 52, A, "out", "someone", "else.test", 0, 0);
	virtual_user(s, 53, A, "over", "info", "a.test", 0, 0);
	virtual_user(s, 54, A, "sales", "x", "else.test", 0, 0); /* first */
	virtual_user(s, 55, A, "v1", "v2", "a.test", 0, 0);
	virtual_user(s, 56, A, "v2", "v1", "a.test", 0, 0);
	virtual_user(s, 57, A, "name", "b-only", "", 0, 0);
	virtual_user(s, 58, A, "name2", "ann", "", 0, 0);
	virtual_user(s, 59, B, "", "bob", "", 0, 7); /* catch-all of b.test */
	virtual_user(s, 60, A, "away", "far", "", 0, 10);
	virtual_user(s, 61, A, "abuse2", "abuse", "", 24, 0);

	/* A list that is just too long, and one that is not. */
	for (unsigned i = 0; i < 60; i++) {
		struct buf b;

		buf_init(&b, 4096);
		for (unsigned j = 0; j < 17; j++)
			buf_printf(&b, "m%u@else%u.test,", i, j);
		buf_putc(&b, '\0');
		snprintf(list, sizeof(list), "part%u", i);
		alias(s, 100 + i, A, list, (char *)b.data);
		buf_clear(&b);
	}
	for (unsigned half = 0; half < 2; half++) {
		struct buf b;

		buf_init(&b, 4096);
		for (unsigned i = 0; i < (half ? 58u : 59u); i++)
			buf_printf(&b, "part%u, ", i);
		buf_puts(&b, "bob");
		buf_putc(&b, '\0');
		alias(s, 200 + half, A, half ? "most" : "all", (char *)b.data);
		buf_clear(&b);
	}
}

/* ---- addresses ------------------------------------------------------------------ */

/* "1 2 someone@else.test": mailboxes, remote addresses, in order. */
static const char *
targets(char out[static 400])
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < r.grant.n && n < 300; i++) {
		const struct target *t = &r.grant.targets[i];

		n += (size_t)snprintf(out + n, 400 - n, i == 0 ? "" : " ");
		if (t->kind == TARGET_MAILBOX)
			n += (size_t)snprintf(out + n, 400 - n, "%u",
			    t->mailbox);
		else
			n += (size_t)snprintf(out + n, 400 - n, "%.*s",
			    (int)t->address.len, (const char *)t->address.data);
	}
	return out;
}

static void
test_addresses(struct store *s)
{
	static const struct {
		const char *address;
		enum rcpt_verdict verdict;
		const char *targets;
	} rows[] = {
		/* 1. a mailbox */
		{ "bob@a.test", RCPT_OK, "1" },
		{ "Bob+x@A.test", RCPT_OK, "1" },
		{ "x+y@a.test", RCPT_OK, "11" },
		{ "x@a.test", RCPT_NO_USER, "" },
		{ "both@a.test", RCPT_OK, "9" },
		{ "new@a.test", RCPT_TEMP, "" },
		{ "old@a.test", RCPT_TEMP, "" },
		{ "off@a.test", RCPT_TEMP, "" },
		{ "full@a.test", RCPT_FULL, "" },
		{ "nobody@a.test", RCPT_NO_USER, "" },
		{ "@a.test", RCPT_NO_USER, "" },
		{ "+bob@a.test", RCPT_NO_USER, "" },
		/* 2. a virtual user */
		{ "info@a.test", RCPT_OK, "1" },
		{ "INFO+x@a.test", RCPT_OK, "1" },
		{ "team@a.test", RCPT_OK, "1 2" },
		{ "out@a.test", RCPT_OK, "someone@else.test" },
		{ "over@a.test", RCPT_OK, "1" },
		{ "sales@a.test", RCPT_OK, "x@else.test" },
		{ "v1@a.test", RCPT_NO_USER, "" },
		{ "name@a.test", RCPT_OK, "7" },
		{ "name2@a.test", RCPT_OK, "2" },
		{ "away@a.test", RCPT_OK, "far@away.test" },
		{ "abuse2@a.test", RCPT_OK, "2" },
		/* a virtual user before the catch-all, details included; the
		 * virtual user sales catches sales+urgent before the alias */
		{ "sales+urgent@a.test", RCPT_OK, "x@else.test" },
		/* 3. an alias of the domain, and of no other */
		{ "one@a.test", RCPT_OK, "1" },
		{ "one+x@a.test", RCPT_OK, "1" },
		{ "b-only@b.test", RCPT_OK, "7" },
		{ "b-only@a.test", RCPT_NO_USER, "" },
		{ "elsewhere@a.test", RCPT_NO_USER, "" },
		{ "operators@a.test", RCPT_NO_USER, "" },
		{ "mixed@a.test", RCPT_OK, "someone@else.test 1 2 7" },
		{ "remote@a.test", RCPT_OK, "someone@else.test" },
		{ "quoted@a.test", RCPT_OK,
		    "\"a,b\"@else.test \"c\\\"d\"@else.test" },
		{ "far@a.test", RCPT_OK, "far@away.test 11" },
		/* 4. the administrator's */
		{ "abuse@a.test", RCPT_OK, "2" },
		{ "abuse+x@a.test", RCPT_OK, "2" },
		{ "security@a.test", RCPT_NO_USER, "" },
		{ "security@b.test", RCPT_OK, "7" },
		/* 5. catch-all */
		{ "nobody@b.test", RCPT_OK, "7" },
		{ "abuse@b.test", RCPT_OK, "2" },
		/* this server's name */
		{ "operators@mail.test", RCPT_OK, "7 2" },
		{ "Operators+x@MAIL.test", RCPT_OK, "7 2" },
		{ "operators", RCPT_OK, "7 2" },
		{ "sales@mail.test", RCPT_NO_USER, "" },
		{ "sales", RCPT_NO_USER, "" },
		{ "bob@mail.test", RCPT_NO_USER, "" },
		{ "postmaster@mail.test", RCPT_OK, "8" },
		{ "Postmaster", RCPT_OK, "8" },
		{ "bare@mail.test", RCPT_NO_USER, "" },
		/* not ours */
		{ "bob@else.test", RCPT_NOT_OURS, "bob@else.test" },
		{ "far@away.test", RCPT_NOT_OURS, "far@away.test" },
		{ "bob@[192.0.2.1]", RCPT_NOT_OURS, "bob@[192.0.2.1]" },
		/* loops, and members that are not there */
		{ "loop1@a.test", RCPT_NO_USER, "" },
		{ "loop3@a.test", RCPT_OK, "2" },
		{ "self@a.test", RCPT_OK, "2" },
		{ "bobs@b.test", RCPT_OK, "1" },
		{ "gone@a.test", RCPT_OK, "1" },
		{ "nowhere@a.test", RCPT_OK, "7" },
		/* one of many does not keep the others from their mail */
		{ "states@a.test", RCPT_OK, "3 5 6 1" },
		{ "waiting@a.test", RCPT_TEMP, "" },
		{ "fulls@a.test", RCPT_FULL, "" },
		{ "tofull@a.test", RCPT_FULL, "" },
		{ "leaving@a.test", RCPT_TEMP, "" },
		{ "all@a.test", RCPT_TOO_MANY, "" },
	};
	char text[400];
	bool good;

	for (size_t i = 0; i < nitems(rows); i++) {
		int v = (int)resolve_rcpt(s, span_of(rows[i].address), &r);

		good = v == (int)rows[i].verdict &&
		    strcmp(targets(text), rows[i].targets) == 0;
		if (!ok(good, "%s", rows[i].address))
			printf("#  got %d %s\n# want %d %s\n", v, text,
			    (int)rows[i].verdict, rows[i].targets);
	}
	is_int(resolve_rcpt(s, span_of("most@a.test"), &r), RCPT_OK,
	    "a very long list");
	is_int(r.grant.n, 58 * 17 + 1, "all of its members");
	ok(span_is(r.grant.targets[r.grant.n - 1].address, "m57@else16.test") &&
	        span_is(r.grant.targets[0].address, "bob@a.test"),
	    "with their addresses");
}

/* The same, of a server whose name is a domain here. */
static void
test_host_domain(struct store *s)
{
	struct store_state st = store_state(s);

	domain(s, HOST, "mail.test");
	mailbox(s, 70, HOST, "bob", BOX_ACTIVE);
	is_int(store_commit(s, st.journal, st.journal + 1), 0,
	    "mail.test lives here");
	ok(resolve_rcpt(s, span_of("bob@mail.test"), &r) == RCPT_OK &&
	        r.grant.targets[0].mailbox == 70,
	    "its mailboxes come first");
	ok(resolve_rcpt(s, span_of("operators@mail.test"), &r) == RCPT_OK &&
	        r.grant.n == 2,
	    "then the administrator's aliases");
	ok(resolve_rcpt(s, span_of("bare@mail.test"), &r) == RCPT_OK &&
	        r.grant.n == 1 && r.grant.targets[0].mailbox == 70,
	    "whose bare names are mailboxes of it");
}

/* ---- senders ------------------------------------------------------------------ */

static void
test_senders(struct store *s)
{
	static const struct {
		uint32_t mailbox;
		const char *path;
		bool may;
	} rows[] = {
		{ 1, "", true },
		{ 1, "bob@a.test", true },
		{ 1, "bob+list@a.test", true },
		{ 1, "ann@a.test", false },
		{ 1, "bob@b.test", false },
		{ 1, "bob@else.test", false },
		{ 1, "info@a.test", true },
		{ 1, "over+x@a.test", true },
		{ 1, "one@a.test", true },
		{ 2, "one@a.test", false },
		{ 1, "team@a.test", true },     /* leads to its domain's list */
		{ 2, "mixed@a.test", false },   /* only by sales */
		{ 1, "mixed@a.test", true },    /* named itself */
		{ 7, "mixed@a.test", false },   /* another domain's list */
		{ 7, "whatever@b.test", true }, /* it catches all */
		{ 2, "abuse@a.test", true },
		{ 2, "abuse@mail.test", true },
		{ 7, "operators@mail.test", false },
		{ 2, "loop1@a.test", false },
		{ 2, "loop3@a.test", true },
		{ 1, "v1@a.test", false },
		{ 5, "off@a.test", false },
		{ 5, "", false },
		{ 99, "", false },
		{ 1, "nobody@a.test", false },
		{ 1, "out@a.test", false },
	};
	bool may;

	for (size_t i = 0; i < nitems(rows); i++) {
		resolve_sender(s, rows[i].mailbox, span_of(rows[i].path), &may);
		ok(may == rows[i].may, "%u as <%s>: %s", rows[i].mailbox,
		    rows[i].path, rows[i].may ? "yes" : "no");
	}
}

/* ---- lists ------------------------------------------------------------------------ */

static void
test_lists(void)
{
	static const struct {
		const char *list, *members;
	} rows[] = {
		{ "a", "a|" },
		{ " a ,\tb@c.d,", "a|b@c.d|" },
		{ ",, ,", "" },
		{ "", "" },
		{ "\"x, y\"@z.t, b", "\"x, y\"@z.t|b|" },
		{ "\"x\\\",y\"@z.t,b", "\"x\\\",y\"@z.t|b|" },
		{ "\"open, b", "\"open, b|" },
		{ "\"end\\", "\"end\\|" },
	};
	struct span rest, member;
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < nitems(rows); i++) {
		buf_reset(&b);
		rest = span_of(rows[i].list);
		while (alias_list_next(&rest, &member)) {
			buf_put_span(&b, member);
			buf_putc(&b, '|');
		}
		ok(span_is(buf_span(&b), rows[i].members), "list %s",
		    rows[i].list);
	}
	buf_clear(&b);
}

/* As long as the database lets it be. */
static void
test_long_list(struct store *s)
{
	struct store_state st = store_state(s);
	char *list = malloc(FEED_LIST_MAX + 1);

	if (list == NULL)
		exit(1);
	memset(list, ',', FEED_LIST_MAX);
	memcpy(list, "bob,", 4);
	memcpy(list + FEED_LIST_MAX - 4, ",ann", 4);
	list[FEED_LIST_MAX] = '\0';
	is_int(alias(s, 90, A, "longest", list), 0, "the longest list");
	is_int(store_commit(s, st.journal, st.journal + 1), 0, "is stored");
	ok(resolve_rcpt(s, span_of("longest@a.test"), &r) == RCPT_OK &&
	        r.grant.n == 2,
	    "to its last member");
	free(list);
}

int
main(void)
{
	struct store *s;
	bool may;

	log_init("resolve_test");
	resolve_init("Mail.Test");
	if (!test_begin() || (s = store_open(test_dirfd)) == NULL)
		return 1;
	authd.store = s;
	is_int(resolve_rcpt(s, span_of("bob@a.test"), &r), RCPT_TEMP,
	    "nothing is known yet");
	is_int(resolve_rcpt(s, span_of("postmaster"), &r), RCPT_TEMP,
	    "nor who postmaster is");
	is_int(resolve_sender(s, 1, span_of(""), &may), STORE_UNKNOWN,
	    "nor who may write");
	store_begin(s, 1);
	directory(s);
	is_int(store_commit(s, 0, 1), 0, "a directory");
	test_addresses(s);
	test_senders(s);
	test_host_domain(s);
	test_long_list(s);
	test_lists();
	store_close(&s);
	test_end();
	return done_testing();
}
