/*
 * test_feed.h - the directory of a test: rows in a line of C each.  Empty names
 * take the row away.
 */
#ifndef ADMIND_TEST_FEED_H
#define ADMIND_TEST_FEED_H

#include "admind/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char test_dir[] = "/tmp/semail-store.XXXXXX";
static int test_dirfd;

static inline bool
test_begin(void)
{
	return mkdtemp(test_dir) != NULL &&
	    (test_dirfd = open(test_dir, O_RDONLY | O_DIRECTORY)) != -1;
}

static inline void
test_end(void)
{
	store_remove(test_dirfd);
	rmdir(test_dir);
}

static inline int
feed_one(struct store *s, uint8_t table, uint32_t id, struct buf *b)
{
	struct feed_row r = { table, id, b->len > 0, buf_span(b) };
	int rc = store_apply(s, &r);

	buf_clear(b);
	return rc;
}

#define FEED(type, table, name, ...) \
	do { \
		struct type row_ = { __VA_ARGS__ }; \
		struct buf b_; \
		buf_init(&b_, FEED_ROW_MAX); \
		if ((name)[0] != '\0') \
			type##_put(&b_, &row_); \
		return feed_one(s, table, id, &b_); \
	} while (0)

static inline int
domain(struct store *s, uint32_t id, const char *name)
{
	FEED(feed_domain, FEED_DOMAIN, name, 1, 1, 1, span_of(name),
	    span_of(""));
}

static inline int
domain_of(struct store *s, uint32_t id, const char *name, uint32_t server)
{
	FEED(feed_domain, FEED_DOMAIN, name, server == 1, server, 1,
	    span_of(name), span_of(""));
}

static inline int
mailbox_short(struct store *s, uint32_t id, uint32_t in, const char *login,
    uint8_t state, const char *short_login)
{
	FEED(feed_mailbox, FEED_MAILBOX, login, in, 1900000000 + id, state, 10,
	    span_of(login), span_of(short_login));
}

static inline int
mailbox(struct store *s, uint32_t id, uint32_t in, const char *login,
    uint8_t state)
{
	return mailbox_short(s, id, in, login, state, "");
}

static inline int
credential(struct store *s, uint32_t id, uint32_t of, const char *verifier,
    uint32_t services)
{
	FEED(feed_credential, FEED_CREDENTIAL, verifier, of, 1, services,
	    span_of(verifier));
}

/* owner: the domain, 0 the administrator */
static inline int
alias(struct store *s, uint32_t id, uint32_t owner, const char *name,
    const char *list)
{
	FEED(feed_alias, FEED_ALIAS, name, 1, owner, span_of(name),
	    span_of(list));
}

static inline int
alias_of_server(struct store *s, uint32_t id, uint32_t server, uint32_t owner,
    const char *name, const char *list)
{
	FEED(feed_alias, FEED_ALIAS, name, server, owner, span_of(name),
	    span_of(list));
}

/* Takes the row away when real is empty: no user is the catch-all. */
static inline int
virtual_user(struct store *s, uint32_t id, uint32_t in, const char *user,
    const char *real, const char *real_domain, uint32_t to_alias,
    uint32_t to_mailbox)
{
	FEED(feed_virtual, FEED_VIRTUAL, real, in, span_of(user), span_of(real),
	    span_of(real_domain), to_alias, to_mailbox);
}

static inline int
server(struct store *s, uint32_t id, const char *name, uint8_t here,
    uint8_t type, uint8_t logins)
{
	FEED(feed_server, FEED_SERVER, name, here, type, logins, span_of(name),
	    span_of(""));
}

#endif
