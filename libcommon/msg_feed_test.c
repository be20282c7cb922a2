#include "config.h"
#include "libcommon/msg_feed.h"
#include "tap.h"

static struct buf b;

/* Each row, there and back; then cut at each length, and with a byte more. */
#define ROUND(kind, ...) \
	do { \
		struct feed_##kind in = { __VA_ARGS__ }, out; \
		struct buf again; \
		bool cut = true; \
		buf_reset(&b); \
		feed_##kind##_put(&b, &in); \
		buf_init(&again, 65536); \
		ok(feed_##kind##_get(buf_span(&b), &out) == 0, #kind); \
		feed_##kind##_put(&again, &out); \
		ok(span_eq(buf_span(&b), buf_span(&again)), #kind " again"); \
		buf_clear(&again); \
		for (size_t i = 0; i < b.len; i++) \
			if (feed_##kind##_get(span_sub(buf_span(&b), 0, i), \
			        &out) == 0) \
				cut = false; \
		ok(cut, #kind " cut short"); \
		buf_putc(&b, 0); \
		ok(feed_##kind##_get(buf_span(&b), &out) == -1, \
		    #kind " with a byte left over"); \
	} while (0)

#define REFUSED(kind, why, ...) \
	do { \
		struct feed_##kind in = { __VA_ARGS__ }, out; \
		buf_reset(&b); \
		feed_##kind##_put(&b, &in); \
		ok(feed_##kind##_get(buf_span(&b), &out) == -1, \
		    #kind ": " why); \
	} while (0)

int
main(void)
{
	struct span x = span_of("x.example"), bob = span_of("bob"),
	            none = span_of("");

	buf_init(&b, 65536);
	ROUND(row, FEED_MAILBOX, 5, 1, bob);
	ROUND(domain, 1, 1, 7, x, span_of("school"));
	ROUND(mailbox, 3, 1900000001, BOX_CREATING, 0, bob, span_of("b"));
	ROUND(credential, 5, CREDENTIAL_PASSWORD, 0, span_of("$argon2id$..."));
	ROUND(alias, 1, 0, span_of("staff"), span_of("bob, eve@y.example"));
	ROUND(virtual, 3, none, bob, x, 0, 9);
	ROUND(server, 1, SERVER_IMAP, LOGINS_SHORT, x, none);

	ROUND(better, 9, span_of("{SHA}..."), span_of("$argon2id$..."));

	REFUSED(row, "gone, but with bytes", FEED_MAILBOX, 5, 0, bob);
	REFUSED(row, "no such table", FEED_TABLE__COUNT, 5, 1, bob);
	REFUSED(domain, "no name", 1, 1, 7, none, none);
	REFUSED(mailbox, "uid 0", 3, 0, BOX_ACTIVE, 0, bob, none);
	REFUSED(mailbox, "state 0", 3, 7, 0, 0, bob, none);
	REFUSED(credential, "kind 4", 5, 4, 0, bob);
	REFUSED(alias, "no list", 1, 0, bob, none);
	REFUSED(virtual, "nobody real", 3, bob, none, x, 0, 0);
	REFUSED(server, "type 3", 1, 3, LOGINS_SHORT, x, none);
	REFUSED(better, "of nothing", 9, none, bob);
	buf_clear(&b);
	return done_testing();
}
