/*
 * Verifiers made by other programs: openssl, python's crypt and hashlib,
 * argon2(1), slappasswd(8).
 */
#include "config.h"
#include "admind/scheme.h"
#include "tap.h"

#include "libcommon/io.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"

#include <errno.h>

#define PASSWORD "s3cret pass"

/* clang-format off */
static const struct {
	const char *name, *verifier;
} good[] = {
	{ "MD5-crypt", "$1$ab/c.D12$6E1.U/Bky5ZUq8.OZ9X2I0" },
	{ "MD5-crypt without salt", "$1$$Xzg5JnLMohWNexJkNffM30" },
	{ "bcrypt 2a", "$2a$05$abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW" },
	{ "bcrypt 2b", "$2b$05$abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW" },
	{ "bcrypt 2y", "$2y$05$abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW" },
	{ "SHA256-crypt", "$5$saltsalt$PSOaQ1.uAjoqVUkrZPH7nqXa/TZbB4/.vAbfkDlIjN2" },
	{ "SHA256-crypt with rounds", "$5$rounds=1000$saltsalt$2wK6OG/X7ddFtQrv6zSo5SLFb1t.C/Bvjzt/3em8GP4" },
	{ "SHA512-crypt", "$6$saltsalt$osX/3U830g/zrFjlLO4TCL7anTNnqPEtGZkQlCTVqQ4pIrvUWJgcB5qXW3Wio7X4AzYGVHZaxr6U8FI7Xf77C/" },
	{ "SHA512-crypt, longest salt", "$6$0123456789abcdef$3t59Y31NFiDBkWOLr7MWpGwy6B1rB.J967UbCR2JvttfcE3XslRmENH76tt8nhd7wdoBpFZEo4OC8Vwd0VYuq0" },
	{ "SHA512-crypt without salt", "$6$$m6jurPXfm1rcmZjFBak9U3qsfl9hLhQEBjDRfH7p5NayA16JdHdhUNe85UM2MHtxgFSwcfKdCUuGtUnLMQ2Zw." },
	{ "yescrypt, least", "$y$j75$abcdefgh$AL6UM1A7Ywc/ynxmZ0.1EWeF6M4IRf2ZM6eXqouGYWA" },
	{ "yescrypt as Debian makes it", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$9D5RovS/HuknGI0.ktF/JBj1lhaH1xkbCFp3CJ3OVL/" },
	{ "{CRYPT}", "{CRYPT}$6$saltsalt$osX/3U830g/zrFjlLO4TCL7anTNnqPEtGZkQlCTVqQ4pIrvUWJgcB5qXW3Wio7X4AzYGVHZaxr6U8FI7Xf77C/" },
	{ "{MD5-CRYPT}", "{MD5-CRYPT}$1$ab/c.D12$6E1.U/Bky5ZUq8.OZ9X2I0" },
	{ "{BLF-CRYPT}", "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW" },
	{ "{SHA256-CRYPT}", "{SHA256-CRYPT}$5$saltsalt$PSOaQ1.uAjoqVUkrZPH7nqXa/TZbB4/.vAbfkDlIjN2" },
	{ "{SHA512-CRYPT}", "{SHA512-CRYPT}$6$saltsalt$osX/3U830g/zrFjlLO4TCL7anTNnqPEtGZkQlCTVqQ4pIrvUWJgcB5qXW3Wio7X4AzYGVHZaxr6U8FI7Xf77C/" },
	{ "{SHA}", "{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M=" },
	{ "{SHA} without padding", "{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+M" },
	{ "{SSHA}", "{SSHA}LlQ3338eAacfLIZPe0PaCVcjW7dzYWx0c2FsdA==" },
	{ "{SSHA} by slappasswd", "{SSHA}qyjL7Lm60LGQOV4I4c84qGrkKCrgSIL0" },
	{ "a scheme in small letters", "{ssha}LlQ3338eAacfLIZPe0PaCVcjW7dzYWx0c2FsdA==" },
	{ "{SHA256}", "{SHA256}CZp1TIJR+4oAG2ZCr7Ulm9LttwVne5OfbvTADKseY4k=" },
	{ "{SSHA256}", "{SSHA256}UDtGU8dyC91nwKT8TeIn9PXQdjLg8TfUzPIC1teqXQRzYWx0c2FsdA==" },
	{ "{SHA512}", "{SHA512}iDV58CjGXR/fodpcqM+YrvYL46tZ4LccrS8CXnbGVZIcTG5ypAzUTCvnN6rbubtd1p8szgYt4mOSWlgJPqN1Ww==" },
	{ "{SSHA512}", "{SSHA512}0RFWIUC1/H2dvbx15A7qjmuAuMMcOblOFtnrUDCZLXdwTBDYSxLAjkJkf0dbAssNnt3wpviF3YCU8nSTvYd713NhbHRzYWx0" },
	{ "{PBKDF2}", "{PBKDF2}$1$saltsaltsaltsalt$1000$501acad337bb967d16190a9376ea9b79025260f5" },
	{ "{PBKDF2-SHA1}", "{PBKDF2-SHA1}1000$8PHy8/T19vf4.fr7/P3./w$2ERW3AmVG4pA1ey/oFmzWdXCQBo" },
	{ "{PBKDF2-SHA256}", "{PBKDF2-SHA256}1000$8PHy8/T19vf4.fr7/P3./w$d6wmocFaTHCSl9SNfs5Hsul1JJycyKtY3U8zOBkJfa0" },
	{ "{PBKDF2-SHA512}", "{PBKDF2-SHA512}1000$8PHy8/T19vf4.fr7/P3./w$fBbVYHCMsez.oU3zivmcde2tnwpnB8oHEi3t.avZN/seBrjq6WMWbaLMd1/bM/Qx3WtPdW/YESN.3dXdjcK7uw" },
	{ "Argon2id", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E" },
	{ "Argon2id of four lanes", "$argon2id$v=19$m=128,t=1,p=4$c2FsdHNhbHQ$7d564wjyXzC9kjAK/eJgsqNxuJq5tKgKU2v8hqR0X8Q" },
	{ "Argon2i", "$argon2i$v=19$m=64,t=3,p=1$c2FsdHNhbHQ$qTQs8VvCk1WFYrgjFdVhzgtylaRFEWMytbe25ZoNFnE" },
	{ "{ARGON2ID}", "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E" },
	{ "{ARGON2} by slappasswd", "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$/fA6KtqaQki5HABh8+VqAg$ivo9Xth/FH/ecqmhmpUtcfKzfJ8kUACr05W/EPc2Z0k" },
	{ "Argon2id of our strength", "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$1TkDA1/1FmtAGvhZiprxPmPW75TCPaEIKEjl5IX8IRc" },
};

#define BCRYPT_REST "abcdefghijklmnopqrstuu1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW"
#define SHA512_REST "$osX/3U830g/zrFjlLO4TCL7anTNnqPEtGZkQlCTVqQ4pIrvUWJgcB5qXW3Wio7X4AzYGVHZaxr6U8FI7Xf77C/"
#define ARGON2_REST "$c2FsdHNhbHQ$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E"

static const struct {
	const char *verifier, *why; /* a part of the reason */
} bad[] = {
	{ "", "empty" },
	{ "s3cret pass", "names no scheme" },
	{ "abJnggxhB/yWI", "names no scheme" },
	{ "{CRYPT}abJnggxhB/yWI", "DES" },
	{ "{PLAIN}s3cret pass", "in clear" },
	{ "{CLEARTEXT}s3cret pass", "in clear" },
	{ "{CRAM-MD5}9186d855e11eba527a7a52ca82b313e180d62234f0acc9051b527243d41e2740", "not known" },
	{ "{", "cut" },
	{ "{SHA", "cut" },
	{ "{}", "not known" },
	{ "{SHA}", "cut" },
	{ "{SHA}ohgYgF2kkgMlRbH1HlEDczlOc+N=", "base64" },
	{ "{SHA}LlQ3338eAacfLIZPe0PaCVcjW7dzYWx0c2FsdA==", "left over" },
	{ "{SSHA}ohgYgF2kkgMlRbH1HlEDczlOc+M=", "cut" },
	{ "{SSHA}ohgYgF2kk", "base64" },
	{ "$1$ab/c.D12$6E1.U/Bky5ZUq8.OZ9X2I", "cut" },
	{ "$1$ab/c.D12$6E1.U/Bky5ZUq8.OZ9X2I0 ", "left over" },
	{ "$1$ab/c.D123$6E1.U/Bky5ZUq8.OZ9X2I0", "salt" },
	{ "$1$ab:c.D12$6E1.U/Bky5ZUq8.OZ9X2I0", "belong" },
	{ "$1$ab/c.D12$6E1.U/Bky5ZUq8.OZ9X2I\n", "belong" },
	{ "$2x$05$" BCRYPT_REST, "crypt(3)" },
	{ "$2b$15$" BCRYPT_REST, "more time" },
	{ "$2b$99$" BCRYPT_REST, "more time" },
	{ "$2b$03$" BCRYPT_REST, "cost" },
	{ "$2b$5$" BCRYPT_REST, "cost" },
	{ "$2b$05$abcdefghijklmnopqrstuv1qdcFaS0PtqFUPzaCxLQ8/0lspH0ZEW", "belong" },
	{ "$6$rounds=999999999$saltsalt" SHA512_REST, "more time" },
	{ "$6$rounds=1000001$saltsalt" SHA512_REST, "more time" },
	{ "$6$rounds=999$saltsalt" SHA512_REST, "too small" },
	{ "$6$rounds=05000$saltsalt" SHA512_REST, "begins with 0" },
	{ "$6$rounds=99999999999$saltsalt" SHA512_REST, "not one" },
	{ "$6$rounds=$saltsalt" SHA512_REST, "not one" },
	{ "$6$0123456789abcdefg" SHA512_REST, "salt" },
	{ "$5$saltsalt" SHA512_REST, "left over" },
	{ "$7$CU..../....saltsalt$hash", "crypt(3)" },
	{ "$y$jFT$abcdefgh$AL6UM1A7Ywc/ynxmZ0.1EWeF6M4IRf2ZM6eXqouGYWA", "more time" },
	{ "$y$jzz$abcdefgh$AL6UM1A7Ywc/ynxmZ0.1EWeF6M4IRf2ZM6eXqouGYWA", "more time" },
	{ "$y$k75$abcdefgh$AL6UM1A7Ywc/ynxmZ0.1EWeF6M4IRf2ZM6eXqouGYWA", "parameters" },
	{ "$y$j75$abcdefgh", "cut" },
	{ "{PBKDF2}$1$salt$2000001$501acad337bb967d16190a9376ea9b79025260f5", "more time" },
	{ "{PBKDF2}$1$salt$1000$501acad337bb967d16190a9376ea9b79025260fg", "hexadecimal" },
	{ "{PBKDF2}$1$salt$1000$501acad337bb967d16190a9376ea9b79025260", "cut" },
	{ "{PBKDF2-SHA256}0$8PHy8/T19vf4.fr7/P3./w$d6wmocFaTHCSl9SNfs5Hsul1JJycyKtY3U8zOBkJfa0", "too small" },
	{ "{PBKDF2-SHA256}1000$8PHy8/T19vf4.fr7/P3./w$2ERW3AmVG4pA1ey/oFmzWdXCQBo", "cut" },
	{ "$argon2d$v=19$m=64,t=1,p=1" ARGON2_REST, "form" },
	{ "$argon2id$v=16$m=64,t=1,p=1" ARGON2_REST, "version 19" },
	{ "$argon2id$v=19$m=1048576,t=1,p=1" ARGON2_REST, "more time" },
	{ "$argon2id$v=19$m=131072,t=17,p=1" ARGON2_REST, "more time" },
	{ "$argon2id$v=19$m=64,t=4294967295,p=1" ARGON2_REST, "more time" },
	{ "$argon2id$v=19$m=64,t=1,p=9" ARGON2_REST, "lanes" },
	{ "$argon2id$v=19$t=1,m=64,p=1" ARGON2_REST, "form" },
	{ "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E", "cut" },
	{ "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$d3Dya8+W", "cut" },
	{ "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ", "cut" },
	{ "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ=$d3Dya8+Wv3J5QjdnlI3+6I1csDPNMUMCdGngb1zqh9E=", "cut" },
};

/* The dearest of their kind that are let in. */
static const struct {
	const char *name, *verifier;
} dear[] = {
	{ "bcrypt", "$2b$14$" BCRYPT_REST },
	{ "SHA512-crypt", "$6$rounds=1000000$saltsalt" SHA512_REST },
	{ "yescrypt", "$y$jD5$abcdefgh$AL6UM1A7Ywc/ynxmZ0.1EWeF6M4IRf2ZM6eXqouGYWA" },
	{ "yescrypt, large r", "$y$jCT$abcdefgh$AL6UM1A7Ywc/ynxmZ0.1EWeF6M4IRf2ZM6eXqouGYWA" },
	{ "PBKDF2", "{PBKDF2-SHA512}2000000$8PHy8/T19vf4.fr7/P3./w$fBbVYHCMsez.oU3zivmcde2tnwpnB8oHEi3t.avZN/seBrjq6WMWbaLMd1/bM/Qx3WtPdW/YESN.3dXdjcK7uw" },
	{ "Argon2id", "$argon2id$v=19$m=131072,t=16,p=1" ARGON2_REST },
	{ "Argon2id, many passes", "$argon2id$v=19$m=64,t=32000,p=1" ARGON2_REST },
};
/* clang-format on */

static void
test_good(void)
{
	for (size_t i = 0; i < nitems(good); i++) {
		struct span v = span_of(good[i].verifier);
		char cut[600];

		is_str(scheme_problem(v) == NULL ? "" : scheme_problem(v), "",
		    "%s is known", good[i].name);
		is_int(scheme_verify(span_of(PASSWORD), good[i].verifier), 1,
		    "%s: right", good[i].name);
		is_int(scheme_verify(span_of("s3cret pasS"), good[i].verifier),
		    0, "%s: wrong", good[i].name);
		is_int(scheme_verify(span_of(""), good[i].verifier), 0,
		    "%s: empty is wrong", good[i].name);
		is_int(scheme_verify(span_from(PASSWORD "\0x",
		                         sizeof(PASSWORD) + 1),
		           good[i].verifier),
		    0, "%s: a NUL does not end a password", good[i].name);
		snprintf(cut, sizeof(cut), "%s", good[i].verifier);
		cut[strlen(cut) - 3] = '\0';
		ok(scheme_verify(span_of(PASSWORD), cut) != 1, "%s: cut",
		    good[i].name);
	}
}

static void
test_bad(void)
{
	char text[VERIFIER_MAX + 2];

	for (size_t i = 0; i < nitems(bad); i++) {
		const char *why = scheme_problem(span_of(bad[i].verifier));

		if (!ok(why != NULL && strstr(why, bad[i].why) != NULL,
		        "refused: %.40s", bad[i].verifier))
			printf("#  got %s\n# want %s\n", why, bad[i].why);
		errno = 0;
		ok(scheme_verify(span_of(PASSWORD), bad[i].verifier) == -1 &&
		        errno == EINVAL,
		    "not tried: %.40s", bad[i].verifier);
	}
	memset(text, 'a', sizeof(text));
	ok(!scheme_is_known(span_from(text, sizeof(text))), "too long");
	ok(!scheme_is_known(span_from("{SHA}ohgYgF2kkgMlRbH1HlEDczlOc\0M=",
	       33)),
	    "a NUL inside");
}

static void
test_weak(void)
{
	ok(scheme_is_weak(span_of(good[0].verifier)), "MD5-crypt is weak");
	ok(scheme_is_weak(
	       span_of("$argon2id$v=19$m=65536,t=1,p=1" ARGON2_REST)),
	    "fewer passes");
	ok(scheme_is_weak(
	       span_of("$argon2id$v=19$m=65535,t=9,p=1" ARGON2_REST)),
	    "less memory");
	ok(scheme_is_weak(span_of("$argon2i$v=19$m=65536,t=3,p=1" ARGON2_REST)),
	    "Argon2i");
	ok(!scheme_is_weak(span_of(good[nitems(good) - 1].verifier)),
	    "ours is not");
	ok(!scheme_is_weak(
	       span_of("$argon2id$v=19$m=131072,t=4,p=2" ARGON2_REST)),
	    "nor a stronger one");
	ok(!scheme_is_weak(span_of("nonsense")), "what is none is not");
}

/* What the limits allow takes some seconds at most, in the slowest build and
 * on a busy machine, too. */
static void
test_dear(void)
{
	for (size_t i = 0; i < nitems(dear); i++) {
		uint64_t before = io_now_ms(), ms;

		is_int(scheme_verify(span_of("x"), dear[i].verifier), 0,
		    "the dearest %s can be checked", dear[i].name);
		ms = io_now_ms() - before;
		ok(ms < 60000, "and ends (%llu ms)", (unsigned long long)ms);
	}
}

int
main(void)
{
	secret_init();
	test_good();
	test_bad();
	test_weak();
	test_dear();
	return done_testing();
}
