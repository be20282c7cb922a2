#include "config.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"
#include "tap.h"

#include <errno.h>

static const unsigned char key[GRANT_KEY_BYTES] = { 9, 8, 7 };
static const unsigned char other_key[GRANT_KEY_BYTES] = { 9, 8, 8 };

static void
test_grants(void)
{
	struct grant g = { .n = 2,
		.targets = { { TARGET_MAILBOX, 17, span_of("bob@x.example") },
		    { TARGET_REMOTE, 0, span_of("eve@y.example") } } },
	             got;
	struct span rcpt = span_of("staff@x.example");
	struct buf b;
	bool all = true;

	buf_init(&b, GRANT_MAX);
	grant_put(&b, key, rcpt, &g);
	ok(buf_error(&b) == 0 && grant_get(buf_span(&b), key, rcpt, &got) == 0,
	    "a grant is believed");
	is_int(got.n, 2, "both targets");
	ok(got.targets[0].kind == TARGET_MAILBOX &&
	        got.targets[0].mailbox == 17 &&
	        span_is(got.targets[0].address, "bob@x.example"),
	    "mailbox");
	ok(got.targets[1].kind == TARGET_REMOTE &&
	        span_is(got.targets[1].address, "eve@y.example"),
	    "remote");
	errno = 0;
	ok(grant_get(buf_span(&b), other_key, rcpt, &got) == -1 &&
	        errno == EPERM,
	    "another key");
	ok(grant_get(buf_span(&b), key, span_of("staff@x.exampl"), &got) ==
	            -1 &&
	        errno == EPERM,
	    "another recipient");
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 0x10;
		all &= grant_get(buf_span(&b), key, rcpt, &got) == -1 &&
		    got.n == 0;
		b.data[i] ^= 0x10;
		all &= grant_get(span_from(b.data, i), key, rcpt, &got) == -1;
	}
	ok(all, "any byte changed or cut off");

	/* signed, but nonsense: a bug of ours must not become a target */
	buf_reset(&b);
	g.n = 1;
	g.targets[0].kind = 9;
	grant_put(&b, key, rcpt, &g);
	ok(grant_get(buf_span(&b), key, rcpt, &got) == -1 && errno == EBADMSG,
	    "unknown kind");
	buf_reset(&b);
	g.n = 0;
	grant_put(&b, key, rcpt, &g);
	ok(grant_get(buf_span(&b), key, rcpt, &got) == -1 && errno == EBADMSG,
	    "no targets");
	buf_clear(&b);
}

/* 254 and 255 are where the count changes its form. */
static void
test_many(void)
{
	static const unsigned rows[] = { 1, 254, 255, 500, TARGETS_MAX };
	static struct grant g, got;
	static char text[TARGETS_MAX][48];
	struct span rcpt = span_of("all@x.example");
	struct buf b;

	for (unsigned i = 0; i < TARGETS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]),
		    "a.login.of.some.length.%04u@x.example", i);
		g.targets[i] = (struct target){ TARGET_MAILBOX, i + 1,
			span_of(text[i]) };
	}
	buf_init(&b, GRANT_MAX);
	for (size_t r = 0; r < nitems(rows); r++) {
		g.n = rows[r];
		buf_reset(&b);
		grant_put(&b, key, rcpt, &g);
		ok(buf_error(&b) == 0 &&
		        grant_get(buf_span(&b), key, rcpt, &got) == 0 &&
		        got.n == rows[r] &&
		        got.targets[got.n - 1].mailbox == got.n &&
		        span_eq(got.targets[got.n - 1].address,
		            g.targets[got.n - 1].address),
		    "%u targets", rows[r]);
	}
	buf_clear(&b);
}

static void
test_messages(void)
{
	struct msg_login l = { span_of("a@b.example"), span_from("p\0w", 3),
		SERVICE_POP3, span_of("192.0.2.1") },
	                 l2;
	struct msg_box m = { 4, 1900000004, BOX_ACTIVE, 1024, 77, "b.example",
		"a", "a@b.example" },
	               m2;
	static const uint32_t ids[2] = { 7, UINT32_MAX };
	static const uint64_t bytes[2] = { 1ull << 40, 0 };
	uint32_t ids2[USED_MAX];
	uint64_t bytes2[USED_MAX];
	unsigned n;
	struct buf b;

	buf_init(&b, 4096);
	msg_login_put(&b, &l);
	ok(msg_login_get(buf_span(&b), &l2) == 0 &&
	        span_eq(l.login, l2.login) &&
	        span_eq(l.password, l2.password) &&
	        l2.service == SERVICE_POP3 && span_eq(l.remote, l2.remote),
	    "login");
	buf_putc(&b, 0);
	ok(msg_login_get(buf_span(&b), &l2) == -1, "login: a byte left over");
	buf_reset(&b);
	l.service = SERVICE_ERASE;
	msg_login_put(&b, &l);
	ok(msg_login_get(buf_span(&b), &l2) == -1, "nobody logs in to erase");

	buf_reset(&b);
	msg_used_put(&b, ids, 2);
	ok(msg_used_get(buf_span(&b), ids2, &n) == 0 && n == 2 &&
	        ids2[0] == 7 && ids2[1] == UINT32_MAX,
	    "used: mailboxes");
	buf_putc(&b, 0);
	ok(msg_used_get(buf_span(&b), ids2, &n) == -1,
	    "used: a byte left over");
	buf_reset(&b);
	msg_used_is_put(&b, bytes, 2);
	ok(msg_used_is_get(buf_span(&b), bytes2, &n) == 0 && n == 2 &&
	        bytes2[0] == 1ull << 40 && bytes2[1] == 0,
	    "used: bytes");
	ok(msg_used_is_get(span_sub(buf_span(&b), 0, 12), bytes2, &n) == -1,
	    "used: cut short");
	buf_reset(&b);
	wire_put_u32(&b, USED_MAX + 1);
	ok(msg_used_get(buf_span(&b), ids2, &n) == -1, "used: too many");

	buf_reset(&b);
	msg_box_put(&b, &m);
	ok(msg_box_get(buf_span(&b), &m2) == 0 && m2.mailbox == 4 &&
	        m2.uid == 1900000004 && m2.rights == 77 &&
	        strcmp(m2.login, "a") == 0 &&
	        strcmp(m2.domain, "b.example") == 0,
	    "box");
	for (unsigned i = 0; i < 5; i++) {
		static const char *const what[] = { "login ..", "login with /",
			"domain with a dot first", "uid 0", "state 0" };
		struct msg_box bad = m;

		if (i == 0)
			strncpy(bad.login, "..", sizeof(bad.login) - 1);
		if (i == 1)
			strncpy(bad.login, "a/b", sizeof(bad.login) - 1);
		if (i == 2)
			strncpy(bad.domain, ".ssh", sizeof(bad.domain) - 1);
		if (i == 3)
			bad.uid = 0;
		if (i == 4)
			bad.state = 0;
		buf_reset(&b);
		msg_box_put(&b, &bad);
		ok(msg_box_get(buf_span(&b), &m2) == -1, "box: %s", what[i]);
	}
	buf_clear(&b);
}

int
main(void)
{
	secret_init();
	test_grants();
	test_many();
	test_messages();
	return done_testing();
}
