#include "config.h"
#include "libcommon/secret.h"
#include "tap.h"

#include <errno.h>

static void
test_derive(void)
{
	static const unsigned char key[32] = { 7 };
	unsigned char a[32], b[32], c[32];

	secret_derive(a, key, "purpose1");
	secret_derive(b, key, "purpose2");
	secret_derive(c, key, "purpose1");
	ok(memcmp(a, b, 32) != 0 && memcmp(a, c, 32) == 0 &&
	        memcmp(a, key, 32) != 0,
	    "a key for each purpose");
}

static void
test_seal(void)
{
	static const unsigned char key[32] = { 1 }, other[32] = { 2 };
	struct span what = span_of("what"), plain = span_of("the secret");
	struct buf sealed, again, out;
	unsigned char copy[64];
	bool good = true;

	buf_init(&sealed, 256);
	buf_init(&again, 256);
	buf_init(&out, 256);
	secret_seal(&sealed, key, what, plain);
	secret_seal(&again, key, what, plain);
	is_int((int64_t)sealed.len, (int64_t)(plain.len + SECRET_SEAL_MORE),
	    "its length");
	ok(!span_eq(buf_span(&sealed), buf_span(&again)), "never twice alike");
	ok(secret_unseal(&out, key, what, buf_span(&sealed)) == 0 &&
	        span_eq(buf_span(&out), plain),
	    "opened");
	buf_reset(&out);
	ok(secret_unseal(&out, other, what, buf_span(&sealed)) == -1 &&
	        errno == EBADMSG && out.len == 0,
	    "another key");
	ok(secret_unseal(&out, key, span_of("that"), buf_span(&sealed)) == -1,
	    "for something else");
	for (size_t i = 0; i < sealed.len * 8; i++) {
		memcpy(copy, sealed.data, sealed.len);
		copy[i / 8] ^= (unsigned char)(1 << i % 8);
		good = good &&
		    secret_unseal(&out, key, what,
		        span_from(copy, sealed.len)) == -1;
	}
	ok(good, "any bit changed");
	for (size_t n = 0; n < sealed.len; n++)
		good = good &&
		    secret_unseal(&out, key, what, span_from(sealed.data, n)) ==
		        -1;
	ok(good && out.len == 0, "cut anywhere");
	buf_reset(&sealed);
	secret_seal(&sealed, key, what, span_of(""));
	ok(secret_unseal(&out, key, what, buf_span(&sealed)) == 0 &&
	        out.len == 0,
	    "nothing, sealed");
	buf_clear(&sealed);
	buf_clear(&again);
	buf_clear(&out);
}

int
main(void)
{
	static const unsigned char key[32] = { 1, 2, 3 };
	struct span two[2] = { span_of("ab"), span_of("c") };
	struct span one = span_of("abc");
	unsigned char m1[16], m2[16], long_mac[64];
	char verifier[SECRET_HASH_MAX], again[SECRET_HASH_MAX];
	char huge[SECRET_MAX + 1];
	struct secret s = { .len = 0 };

	secret_init();
	secret_mac(m1, sizeof(m1), key, two, 2);
	secret_mac(m2, sizeof(m2), key, &one, 1);
	ok(secret_equal(m1, m2, 16), "a MAC is over the concatenation");
	one = span_of("abd");
	secret_mac(m2, sizeof(m2), key, &one, 1);
	ok(!secret_equal(m1, m2, 16), "another text, another MAC");
	secret_mac(long_mac, sizeof(long_mac), key, &one, 1);
	ok(memcmp(long_mac, m2, 16) != 0, "the length is part of it");

	ok(secret_hash(span_of("s3cret"), verifier) == 0 &&
	        strncmp(verifier, "$argon2id$", 10) == 0,
	    "Argon2id");
	ok(secret_hash(span_of("s3cret"), again) == 0 &&
	        strcmp(verifier, again) != 0,
	    "salted");
	is_int(secret_verify(span_of("s3cret"), verifier), 1, "right");
	is_int(secret_verify(span_of("s3creT"), verifier), 0, "wrong");
	is_int(secret_verify(span_of(""), verifier), 0, "empty is wrong");
	is_int(secret_verify(span_from("s3cret\0", 7), verifier), 0,
	    "a NUL is a byte of a password");
	is_int(secret_verify(span_of("x"), secret_dummy_verifier()), 0,
	    "no password fits the dummy, which is a verifier");
	errno = 0;
	ok(secret_verify(span_of("x"), "$1$abc") == -1 && errno == EINVAL,
	    "not a verifier");
	ok(secret_verify(span_of("x"), "") == -1 && errno == EINVAL, "empty");
	verifier[strlen(verifier) - 20] = '\0';
	ok(secret_verify(span_of("s3cret"), verifier) != 1, "cut verifier");

	memset(huge, 'x', sizeof(huge));
	ok(secret_set(&s, span_from(huge, sizeof(huge))) == -1 &&
	        errno == ENAMETOOLONG && s.len == 0,
	    "too long");
	ok(secret_set(&s, span_of("pw")) == 0 && span_is(secret_span(&s), "pw"),
	    "kept");
	secret_clear(&s);
	ok(s.len == 0 && s.data[0] == 0, "wiped");
	test_derive();
	test_seal();
	return done_testing();
}
