/* What the store says for logins: credentials, LDAP sources, and which change
 * of a verifier ends sessions. */
#include "config.h"
#include "admind/authd.h"
#include "admind/rehash.h"
#include "tap.h"
#include "tmpdir.h"

#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <fcntl.h>

struct authd authd; /* what is linked with the store leans on it */
static struct store *store;
static uint64_t journal;

void
authd_check_store(void)
{
}

#define FEED(table, number, kind, ...) \
	do { \
		struct feed_##kind row_ = { __VA_ARGS__ }; \
		struct feed_row r_ = { table, number, 1, { 0 } }; \
		struct buf b_; \
		buf_init(&b_, 4096); \
		feed_##kind##_put(&b_, &row_); \
		r_.bytes = buf_span(&b_); \
		store_apply(store, &r_); \
		buf_clear(&b_); \
	} while (0)

static void
domain(uint32_t id, uint32_t server, const char *name, const char *ldap)
{
	FEED(FEED_DOMAIN, id, domain, 1, server, 1, span_of(name),
	    span_of(ldap));
}

static void
server(uint32_t id, const char *name, const char *ldap)
{
	FEED(FEED_SERVER, id, server, id == 1, SERVER_IMAP, LOGINS_WITH_DOMAIN,
	    span_of(name), span_of(ldap));
}

static void
credential(uint32_t id, uint8_t kind, const char *verifier)
{
	FEED(FEED_CREDENTIAL, id, credential, 10, kind, 0, span_of(verifier));
}

/* 1 if it ended mailbox 10's sessions, 0 if nobody's, -1. */
static int
commit(void)
{
	uint32_t gone;
	int r = 0;

	if (store_commit(store, journal, journal + 1) == -1)
		return -1;
	journal++;
	while (store_next_revoked(store, &gone))
		r = gone == 10 ? 1 : -1;
	return r;
}

static void
is_source(uint32_t of, const char *want, const char *name)
{
	char got[FEED_LDAP_MAX + 1];

	is_int(store_ldap(store, of, got), STORE_FOUND, "%s", name);
	is_str(got, want, "%s", name);
}

static void
test_ldap(void)
{
	char got[FEED_LDAP_MAX + 1];

	is_int(store_ldap(store, 1, got), STORE_UNKNOWN, "nothing known yet");
	store_begin(store, 7);
	domain(1, 1, "a.test", "");
	domain(2, 1, "b.test", "corp");
	domain(3, 2, "c.test", "");
	is_int(commit(), 0, "loaded");
	is_source(1, "", "none, and no row of its server");
	server(1, "here", "");
	server(2, "there", "school");
	commit();
	is_source(1, "", "none");
	is_source(2, "corp", "its own");
	is_source(3, "school", "its server's");
	server(1, "here", "all");
	commit();
	is_source(1, "all", "its server's, changed");
	is_source(2, "corp", "its own all the same");
	is_source(0, "all", "no domain: this server's");
	is_source(99, "all", "a domain that is not there");
}

static void
test_rehash(void)
{
	struct store_credential c[STORE_CREDENTIALS_MAX];
	unsigned n;

	FEED(FEED_MAILBOX, 10, mailbox, 1, 1900000010, BOX_ACTIVE, 0,
	    span_of("bob"), span_of(""));
	credential(20, CREDENTIAL_IMPORTED, "{SHA}one");
	credential(21, CREDENTIAL_APP, "$argon2id$app");
	is_int(commit(), 0, "new ones end nothing");
	ok(store_credentials(store, 10, SERVICE_SMTP, c, &n) == STORE_FOUND &&
	        n == 2 && c[0].id == 20 && c[0].kind == CREDENTIAL_IMPORTED &&
	        span_is(c[0].verifier, "{SHA}one") && c[1].id == 21 &&
	        c[1].kind == CREDENTIAL_APP,
	    "both, with number and kind");

	rehash_expect(20, span_of("{SHA}one"), span_of("$argon2id$one"));
	credential(20, CREDENTIAL_PASSWORD, "$argon2id$one");
	is_int(commit(), 0, "a better verifier of the same password ends none");
	rehash_expect(20, span_of("$argon2id$one"), span_of("$argon2id$1"));
	credential(20, CREDENTIAL_PASSWORD, "$argon2id$two");
	is_int(commit(), 1, "another than was asked for is another password");
	credential(20, CREDENTIAL_PASSWORD, "$argon2id$1");
	is_int(commit(), 1, "what was asked for, after another password");
	rehash_expect(21, span_of("$argon2id$1"), span_of("$argon2id$x"));
	credential(20, CREDENTIAL_PASSWORD, "$argon2id$x");
	is_int(commit(), 1, "what was asked for another credential");
	ok(!rehash_is_expected(0, span_of(""), span_of("")), "nothing");
}

int
main(void)
{
	const char *dir = tmpdir_make();
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	log_init("store_login_test");
	secret_init();
	store = store_open(fd);
	test_ldap();
	test_rehash();
	store_close(&store);
	tmpdir_remove();
	return done_testing();
}
