#include "config.h"
#include "admind/passcache.h"
#include "tap.h"

#include "libcommon/secret.h"

static struct passcache *cache;

static bool
has(uint64_t owner, const char *verifier, const char *password, uint64_t now_ms)
{
	unsigned char key[PASSCACHE_KEY_BYTES];

	passcache_key(cache, owner, span_of(verifier), span_of(password), key);
	return passcache_has(cache, key, now_ms);
}

static void
put(uint64_t owner, const char *verifier, const char *password, uint64_t now_ms)
{
	unsigned char key[PASSCACHE_KEY_BYTES];

	passcache_key(cache, owner, span_of(verifier), span_of(password), key);
	passcache_put(cache, owner, key, now_ms, 1000);
}

int
main(void)
{
	unsigned char key[PASSCACHE_KEY_BYTES],
	    zero[PASSCACHE_KEY_BYTES] = { 0 };
	struct passcache *other;
	char password[32];
	unsigned n = 0;

	secret_init();
	cache = passcache_new();
	ok(!has(1, "$v", "pw", 5000), "empty");
	ok(!passcache_has(cache, zero, 0), "a free place fits nothing");
	put(1, "$v", "pw", 5000);
	ok(has(1, "$v", "pw", 5000) && has(1, "$v", "pw", 5999), "kept");
	ok(!has(1, "$v", "pw", 6000), "for its time only");
	ok(!has(1, "$v", "pW", 5000), "another password");
	ok(!has(1, "$w", "pw", 5000), "another verifier: it was changed");
	ok(!has(2, "$v", "pw", 5000), "another's");
	ok(!has(1, "$vp", "w", 5000) && !has(1, "$", "vpw", 5000),
	    "where the verifier ends matters");
	ok(!has(1, "", "", 5000), "nothing");
	put(1, "$v", "pw", 5500);
	ok(has(1, "$v", "pw", 6400), "checked again, kept anew");
	put(2, "$v2", "pw", 5000);
	put(1, "$app", "pw2", 5000);
	passcache_drop(cache, 1);
	ok(!has(1, "$v", "pw", 5500) && !has(1, "$app", "pw2", 5500),
	    "all of an owner's are dropped");
	ok(has(2, "$v2", "pw", 5500), "and nobody else's");
	passcache_drop_all(cache);
	ok(!has(2, "$v2", "pw", 5500), "all dropped");

	passcache_key(cache, 1, span_of("$v"), span_of("pw"), key);
	passcache_put(cache, 1, key, 5000, 0);
	ok(!passcache_has(cache, key, 5000), "life 0: not kept");
	other = passcache_new();
	passcache_put(cache, 1, key, 5000, 1000);
	passcache_put(other, 1, key, 5000, 1000);
	passcache_key(other, 1, span_of("$v"), span_of("pw"), key);
	ok(!passcache_has(other, key, 5000), "each cache has its own key");
	passcache_free(&other);
	passcache_free(&other);

	/* Far more than fit: it stays at its size, and the last ones are in. */
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(password, sizeof(password), "pw%u", i);
		put(i, "$v", password, 7000 + i / 1000);
	}
	for (unsigned i = 95000; i < 100000; i++) {
		snprintf(password, sizeof(password), "pw%u", i);
		n += has(i, "$v", password, 7100);
	}
	ok(n > 4900, "the newest stay (%u of 5000)", n);
	passcache_free(&cache);
	return done_testing();
}
