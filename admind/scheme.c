#include "config.h"
#include "admind/scheme.h"

#include "libcommon/msg_auth.h"
#include "libcommon/sasl.h"
#include "libcommon/secret.h"

/* Each about a second on an ordinary machine, or half of the child's memory. */
#define ARGON2_MEMORY_KIB (128 * 1024)
#define ARGON2_WORK_KIB (2 * 1024 * 1024) /* memory times passes */
#define ARGON2_LANES 64
#define BCRYPT_COST 14
#define SHA_CRYPT_ROUNDS 1000000
#define PBKDF2_ROUNDS 2000000
#define YESCRYPT_MEMORY_KIB (128 * 1024)

/* crypt(3)'s alphabet, in its order. */
static const char itoa64[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char cut[] = "the hash is cut, or something is left over";
static const char costly[] = "it costs more time or memory than is allowed";

/* What is left to read of a verifier, and the first thing wrong with it. */
struct reader {
	struct span rest;
	const char *why;
};

static void
wrong(struct reader *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
}

static bool
take(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (r->rest.len < n || memcmp(r->rest.data, text, n) != 0)
		return false;
	r->rest = span_sub(r->rest, n, r->rest.len);
	return true;
}

static void
expect(struct reader *r, const char *text)
{
	if (!take(r, text))
		wrong(r, "it is not of its scheme's form");
}

/* Up to the next c, which is taken too; '\0': to the end. */
static struct span
field(struct reader *r, int c)
{
	ptrdiff_t at = c == '\0' ? -1 : span_chr(r->rest, c);
	struct span s = span_sub(r->rest, 0,
	    at == -1 ? r->rest.len : (size_t)at);

	if (at == -1 && c != '\0')
		wrong(r, cut);
	r->rest = span_sub(r->rest, s.len + (at == -1 ? 0 : 1), r->rest.len);
	return s;
}

static uint32_t
number(struct reader *r, int end, uint32_t min, uint32_t max)
{
	struct span s = field(r, end);
	uint64_t v;

	if (s.len > 1 && s.data[0] == '0')
		wrong(r, "a number begins with 0");
	if (span_u64(s, UINT32_MAX, &v) == -1) {
		wrong(r, "a number is not one");
		return min;
	}
	if (v < min)
		wrong(r, "a number is too small for its scheme");
	if (v > max)
		wrong(r, costly);
	return (uint32_t)v;
}

/* s is min to max characters of the alphabet. */
static void
letters(struct reader *r, struct span s, size_t min, size_t max)
{
	if (s.len < min || s.len > max)
		wrong(r, cut);
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] == '\0' || strchr(itoa64, s.data[i]) == NULL)
			wrong(r, "a character does not belong there");
}

/* A salt with the characters that libcrypt takes. */
static void
salt_text(struct reader *r, struct span s, size_t min, size_t max)
{
	if (s.len < min || s.len > max)
		wrong(r, "its salt is too short or too long");
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f ||
		    strchr(":;*!\\", s.data[i]) != NULL)
			wrong(r, "a character does not belong there");
}

/* Base64 with or without its padding; plus: '.' stands for '+', as passlib and
 * OpenLDAP write PBKDF2. */
static size_t
base64(struct reader *r, struct span s, char plus, unsigned char *out,
    size_t max)
{
	char text[VERIFIER_MAX + 4];
	ssize_t n;
	size_t len = s.len;

	if (len > VERIFIER_MAX) {
		wrong(r, cut);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(plus != '\0' && s.data[i] == plus ? '+'
		                                                   : s.data[i]);
	while (len % 4 == 2 || len % 4 == 3)
		text[len++] = '=';
	if ((n = base64_decode(span_from(text, len), out, max)) == -1) {
		wrong(r, "it is not base64, or too long");
		return 0;
	}
	return (size_t)n;
}

/* ---- the schemes --------------------------------------------------------- */

static void
read_argon2(struct reader *r, struct scheme *out)
{
	struct span salt, hash;
	uint32_t passes, lanes;

	out->kind = SCHEME_ARGON2;
	out->text = r->rest;
	out->argon2id = take(r, "$argon2id$");
	if (!out->argon2id)
		expect(r, "$argon2i$");
	if (!take(r, "v=19$"))
		wrong(r, "only version 19 of Argon2 is known");
	expect(r, "m=");
	out->memory_kib = number(r, ',', 8, ARGON2_MEMORY_KIB);
	expect(r, "t=");
	passes = number(r, ',', 1, UINT32_MAX);
	expect(r, "p=");
	lanes = number(r, '$', 1, ARGON2_LANES);
	if ((uint64_t)passes * out->memory_kib > ARGON2_WORK_KIB)
		wrong(r, costly);
	if (out->memory_kib < 8 * lanes)
		wrong(r, "it has less memory than its lanes need");
	out->rounds = passes;
	salt = field(r, '$');
	hash = field(r, '\0');
	/* libsodium's least: 8 bytes of salt, 16 of hash. */
	out->salt_len = base64(r, salt, '\0', out->salt, sizeof(out->salt));
	out->hash_len = base64(r, hash, '\0', out->hash, sizeof(out->hash));
	if (out->salt_len < 8 || out->hash_len < 16 ||
	    span_chr(salt, '=') != -1 || span_chr(hash, '=') != -1)
		wrong(r, cut);
}

static void
read_md5_crypt(struct reader *r, struct scheme *out)
{
	out->kind = SCHEME_CRYPT;
	out->text = r->rest;
	expect(r, "$1$");
	salt_text(r, field(r, '$'), 0, 8);
	letters(r, field(r, '\0'), 22, 22);
}

static void
read_bcrypt(struct reader *r, struct scheme *out)
{
	struct span cost, rest;
	uint64_t v = 0;

	out->kind = SCHEME_CRYPT;
	out->text = r->rest;
	if (!take(r, "$2a$") && !take(r, "$2b$"))
		expect(r, "$2y$");
	cost = field(r, '$');
	if (cost.len != 2 || span_u64(cost, 99, &v) == -1 || v < 4)
		wrong(r, "its cost is not a number from 04");
	if (v > BCRYPT_COST)
		wrong(r, costly);
	rest = field(r, '\0');
	letters(r, rest, 53, 53);
	/* Of the salt's last letter two bits count; libcrypt gives the others
	 * back as zero, and nothing would ever fit. */
	if (rest.len == 53 && strchr(".Oeu", rest.data[21]) == NULL)
		wrong(r, "a character does not belong there");
}

static void
read_sha_crypt(struct reader *r, struct scheme *out)
{
	size_t hash_len = 43;

	out->kind = SCHEME_CRYPT;
	out->text = r->rest;
	if (take(r, "$6$"))
		hash_len = 86;
	else
		expect(r, "$5$");
	if (take(r, "rounds="))
		number(r, '$', 1000, SHA_CRYPT_ROUNDS);
	salt_text(r, field(r, '$'), 0, 16);
	letters(r, field(r, '\0'), hash_len, hash_len);
}

/* $y$j9T$salt$hash: yescrypt as crypt(5) makes it, flags "j", then N and r. */
static void
read_yescrypt(struct reader *r, struct scheme *out)
{
	struct span params;
	const char *n, *block;

	out->kind = SCHEME_CRYPT;
	out->text = r->rest;
	expect(r, "$y$");
	params = field(r, '$');
	letters(r, params, 3, 3);
	if (r->why != NULL || params.data[0] != 'j') {
		wrong(r, "its parameters are not those of crypt(5)");
		return;
	}
	n = strchr(itoa64, params.data[1]);
	block = strchr(itoa64, params.data[2]);
	/* One letter is a number from 1 to 48: N = 2^that, and r; 128 r N
	 * bytes. */
	if (n - itoa64 > 30 || block - itoa64 > 47 ||
	    ((uint64_t)(block - itoa64 + 1) << (n - itoa64 + 1)) / 8 >
	        YESCRYPT_MEMORY_KIB)
		wrong(r, costly);
	if (n - itoa64 + 1 < 10)
		wrong(r, "a number is too small for its scheme");
	letters(r, field(r, '$'), 1, 86);
	letters(r, field(r, '\0'), 43, 43);
}

static void
read_crypt(struct reader *r, struct scheme *out)
{
	static const struct {
		const char *prefix;
		void (*read)(struct reader *, struct scheme *);
	} kinds[] = {
		{ "$1$", read_md5_crypt },
		{ "$2a$", read_bcrypt },
		{ "$2b$", read_bcrypt },
		{ "$2y$", read_bcrypt },
		{ "$5$", read_sha_crypt },
		{ "$6$", read_sha_crypt },
		{ "$y$", read_yescrypt },
	};
	struct reader probe = *r;

	for (size_t i = 0; i < nitems(kinds); i++) {
		if (take(&probe, kinds[i].prefix)) {
			kinds[i].read(r, out);
			return;
		}
	}
	wrong(r,
	    "its kind of crypt(3) hash is not taken (DES and others are "
	    "too weak)");
}

/* hash, then salt if there is one */
static void
read_digest(struct reader *r, struct scheme *out, enum digest d, bool salted)
{
	unsigned char bytes[DIGEST_MAX + SCHEME_SALT_MAX];
	size_t n = base64(r, field(r, '\0'), '\0', bytes, sizeof(bytes));
	size_t want = digest_len(d);

	out->kind = SCHEME_DIGEST;
	out->digest = d;
	if (n < want + (salted ? 1 : 0) || n - want > SCHEME_SALT_MAX ||
	    (!salted && n != want)) {
		wrong(r, cut);
		return;
	}
	memcpy(out->hash, bytes, want);
	memcpy(out->salt, bytes + want, n - want);
	out->hash_len = want;
	out->salt_len = n - want;
}

static int
hex(unsigned char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	    : c >= 'A' && c <= 'F'  ? c - 'A' + 10
	                            : -1;
}

/* Dovecot's: $1$salt$rounds$hex, the salt as it stands. */
static void
read_pbkdf2(struct reader *r, struct scheme *out)
{
	struct span salt, hash;

	out->kind = SCHEME_PBKDF2;
	out->digest = DIGEST_SHA1;
	expect(r, "$1$");
	salt = field(r, '$');
	salt_text(r, salt, 1, SCHEME_SALT_MAX);
	out->rounds = number(r, '$', 1, PBKDF2_ROUNDS);
	hash = field(r, '\0');
	if (hash.len != 40)
		wrong(r, cut);
	for (size_t i = 0; i < hash.len; i++)
		if (hex(hash.data[i]) == -1)
			wrong(r, "its hash is not in hexadecimal");
	if (r->why != NULL)
		return;
	for (size_t i = 0; i < 20; i++)
		out->hash[i] = (unsigned char)(hex(hash.data[2 * i]) << 4 |
		    hex(hash.data[2 * i + 1]));
	out->hash_len = 20;
	memcpy(out->salt, salt.data, salt.len);
	out->salt_len = salt.len;
}

/* OpenLDAP's: rounds$salt$hash, both in base64 with '.' for '+'. */
static void
read_pbkdf2_ldap(struct reader *r, struct scheme *out, enum digest d)
{
	out->kind = SCHEME_PBKDF2;
	out->digest = d;
	out->rounds = number(r, '$', 1, PBKDF2_ROUNDS);
	out->salt_len = base64(r, field(r, '$'), '.', out->salt,
	    sizeof(out->salt));
	out->hash_len = base64(r, field(r, '\0'), '.', out->hash,
	    sizeof(out->hash));
	if (out->salt_len == 0 || out->hash_len != digest_len(d))
		wrong(r, cut);
}

static void
read_sha(struct reader *r, struct scheme *out)
{
	read_digest(r, out, DIGEST_SHA1, false);
}

static void
read_sha256(struct reader *r, struct scheme *out)
{
	read_digest(r, out, DIGEST_SHA256, false);
}

static void
read_sha512(struct reader *r, struct scheme *out)
{
	read_digest(r, out, DIGEST_SHA512, false);
}

static void
read_ssha(struct reader *r, struct scheme *out)
{
	read_digest(r, out, DIGEST_SHA1, true);
}

static void
read_ssha256(struct reader *r, struct scheme *out)
{
	read_digest(r, out, DIGEST_SHA256, true);
}

static void
read_ssha512(struct reader *r, struct scheme *out)
{
	read_digest(r, out, DIGEST_SHA512, true);
}

static void
read_pbkdf2_sha1(struct reader *r, struct scheme *out)
{
	read_pbkdf2_ldap(r, out, DIGEST_SHA1);
}

static void
read_pbkdf2_sha256(struct reader *r, struct scheme *out)
{
	read_pbkdf2_ldap(r, out, DIGEST_SHA256);
}

static void
read_pbkdf2_sha512(struct reader *r, struct scheme *out)
{
	read_pbkdf2_ldap(r, out, DIGEST_SHA512);
}

static void
read_plain(struct reader *r, struct scheme *out)
{
	(void)out;
	wrong(r,
	    "it is a password in clear, which is never stored: give it "
	    "as the password");
}

static const struct {
	const char *name; /* between { and } */
	void (*read)(struct reader *, struct scheme *);
} schemes[] = {
	{ "SHA", read_sha },
	{ "SHA1", read_sha },
	{ "SHA256", read_sha256 },
	{ "SHA512", read_sha512 },
	{ "SSHA", read_ssha },
	{ "SSHA256", read_ssha256 },
	{ "SSHA512", read_ssha512 },
	{ "CRYPT", read_crypt },
	{ "MD5-CRYPT", read_md5_crypt },
	{ "BLF-CRYPT", read_bcrypt },
	{ "SHA256-CRYPT", read_sha_crypt },
	{ "SHA512-CRYPT", read_sha_crypt },
	{ "ARGON2ID", read_argon2 },
	{ "ARGON2I", read_argon2 },
	{ "ARGON2", read_argon2 }, /* OpenLDAP's name for both */
	{ "PBKDF2", read_pbkdf2 },
	{ "PBKDF2-SHA1", read_pbkdf2_sha1 },
	{ "PBKDF2-SHA256", read_pbkdf2_sha256 },
	{ "PBKDF2-SHA512", read_pbkdf2_sha512 },
	{ "PLAIN", read_plain },
	{ "CLEAR", read_plain },
	{ "CLEARTEXT", read_plain },
};

/* ---- any of them --------------------------------------------------------- */

static void
read_named(struct reader *r, struct scheme *out)
{
	struct span name;

	r->rest = span_sub(r->rest, 1, r->rest.len);
	name = field(r, '}');
	for (size_t i = 0; i < nitems(schemes); i++) {
		if (span_is_icase(name, schemes[i].name)) {
			schemes[i].read(r, out);
			return;
		}
	}
	wrong(r, "its scheme is not known");
}

const char *
scheme_read(struct span verifier, struct scheme *out)
{
	struct reader r = { verifier, NULL };
	struct reader probe = r;

	memset(out, 0, sizeof(*out));
	if (verifier.len == 0)
		return "it is empty";
	if (verifier.len > VERIFIER_MAX)
		return "it is too long";
	if (verifier.data[0] == '{')
		read_named(&r, out);
	else if (take(&probe, "$argon2"))
		read_argon2(&r, out);
	else if (verifier.data[0] == '$')
		read_crypt(&r, out);
	else
		wrong(&r, "it names no scheme: {SCHEME} or $...$ first");
	return r.why;
}

const char *
scheme_problem(struct span verifier)
{
	struct scheme s;
	const char *why = scheme_read(verifier, &s);

	explicit_bzero(&s, sizeof(s));
	return why;
}

bool
scheme_is_known(struct span verifier)
{
	return scheme_problem(verifier) == NULL;
}

bool
scheme_is_weak(struct span verifier)
{
	struct scheme s;
	bool weak = scheme_read(verifier, &s) == NULL &&
	    (s.kind != SCHEME_ARGON2 || !s.argon2id ||
	        s.memory_kib < SECRET_HASH_KIB ||
	        s.rounds < SECRET_HASH_PASSES);

	explicit_bzero(&s, sizeof(s));
	return weak;
}
