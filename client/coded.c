#include "client/coded.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define HEAD_PLAIN 5
#define PADDED CODED_NAME_MAX
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

/* The last byte is the version. */
static const unsigned char magic[8] = "SEMailA\1";
static const char prologue[] = "semail-admin-protocol 1";
static const char key_prefix[] = "semail1:";

_Static_assert(CODED_KEY == crypto_scalarmult_BYTES &&
        CODED_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    "keys");
_Static_assert(CODED_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(CODED_HEAD == HEAD_PLAIN + CODED_TAG, "head");
_Static_assert(CODED_HELLO == 8 + 32 + PADDED + CODED_TAG + CODED_TAG, "hello");

int
semail_coded_start(void)
{
	return sodium_init() == -1 ? -1 : 0;
}

/* Nothing more is sealed or opened with it: all keys are zero. */
void
semail_coded_clear(struct semail_coded *c)
{
	sodium_memzero(c, sizeof(*c));
}

static int
over(struct semail_coded *c)
{
	semail_coded_clear(c);
	return -1;
}

/* ---- keys ---------------------------------------------------------------- */

int
semail_name_good(const char *name, size_t len)
{
	if (len == 0 || len > CODED_NAME_MAX || strchr("._-", name[0]) != NULL)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') ||
		        (name[i] >= '0' && name[i] <= '9') || name[i] == '.' ||
		        name[i] == '_' || name[i] == '-'))
			return 0;
	return 1;
}

void
semail_key_public(unsigned char pub[CODED_KEY],
    const unsigned char secret[CODED_KEY])
{
	crypto_scalarmult_base(pub, secret);
}

/* Exactly 2 * n lower-case digits: one way to write a key. */
static int
hex_take(const char **at, const char *end, unsigned char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	if ((size_t)(end - *at) < 2 * n)
		return -1;
	for (size_t i = 0; i < 2 * n; i++) {
		char c = *(*at)++;
		const char *d = c == '\0' ? NULL : strchr(digits, c);

		if (d == NULL)
			return -1;
		out[i / 2] = (unsigned char)(i % 2 == 0
		        ? (d - digits) << 4
		        : out[i / 2] | (d - digits));
	}
	return 0;
}

static int
colon(const char **at, const char *end)
{
	return *at < end && *(*at)++ == ':' ? 0 : -1;
}

/* Against slips of the hand, not against anybody: 8 bytes. */
static void
checksum(const char *line, size_t len, unsigned char out[8])
{
	unsigned char hash[32];

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)line, len,
	    NULL, 0);
	memcpy(out, hash, 8);
}

int
semail_key_parse(struct semail_key *k, const char *line, size_t len)
{
	const char *at = line, *end, *name;
	unsigned char said[8], is[8];
	size_t prefix = strlen(key_prefix), n;

	memset(k, 0, sizeof(*k));
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	end = line + len;
	if (len < prefix || memcmp(line, key_prefix, prefix) != 0)
		return -1;
	name = at += prefix;
	while (at < end && *at != ':')
		at++;
	n = (size_t)(at - name);
	if (!semail_name_good(name, n))
		return -1;
	memcpy(k->name, name, n);
	if (colon(&at, end) == -1 || hex_take(&at, end, k->secret, 32) == -1 ||
	    colon(&at, end) == -1 || hex_take(&at, end, k->server, 32) == -1)
		goto bad;
	checksum(line, (size_t)(at - line), is);
	if (colon(&at, end) == -1 || hex_take(&at, end, said, 8) == -1 ||
	    at != end || memcmp(said, is, 8) != 0)
		goto bad;
	return 0;
bad:
	sodium_memzero(k, sizeof(*k));
	return -1;
}

void
semail_key_format(const struct semail_key *k, char out[CODED_KEY_STRING])
{
	char secret[65], server[65], sum[17];
	unsigned char is[8];
	int n;

	sodium_bin2hex(secret, sizeof(secret), k->secret, 32);
	sodium_bin2hex(server, sizeof(server), k->server, 32);
	n = snprintf(out, CODED_KEY_STRING, "%s%s:%s:%s", key_prefix, k->name,
	    secret, server);
	checksum(out, (size_t)n, is);
	sodium_bin2hex(sum, sizeof(sum), is, 8);
	snprintf(out + n, CODED_KEY_STRING - (size_t)n, ":%s", sum);
	sodium_memzero(secret, sizeof(secret));
}

/* ---- the handshake -------------------------------------------------------- */

struct part {
	const void *data;
	size_t len;
};

/* The chain takes in what was said and what was computed, and gives a key. */
static void
mix(unsigned char chain[CODED_KEY], const struct part *parts, size_t n,
    unsigned char key[CODED_KEY])
{
	crypto_generichash_state st;
	unsigned char out[64];

	crypto_generichash_init(&st, chain, CODED_KEY, sizeof(out));
	for (size_t i = 0; i < n; i++)
		crypto_generichash_update(&st, parts[i].data, parts[i].len);
	crypto_generichash_final(&st, out, sizeof(out));
	memcpy(chain, out, CODED_KEY);
	memcpy(key, out + CODED_KEY, CODED_KEY);
	sodium_memzero(out, sizeof(out));
	sodium_memzero(&st, sizeof(st));
}

static void
chain_start(struct semail_coded *c, const unsigned char server[CODED_KEY])
{
	crypto_generichash_state st;

	memset(c, 0, sizeof(*c));
	crypto_generichash_init(&st, NULL, 0, CODED_KEY);
	crypto_generichash_update(&st, (const unsigned char *)prologue,
	    sizeof(prologue) - 1);
	crypto_generichash_update(&st, server, CODED_KEY);
	crypto_generichash_final(&st, c->chain, CODED_KEY);
}

/* These keys are used once, so their nonce is zero. */
static void
seal_once(unsigned char *out, const void *plain, size_t len,
    const unsigned char key[CODED_KEY])
{
	static const unsigned char nonce[NONCE];

	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain, len, NULL,
	    0, NULL, nonce, key);
}

static int
open_once(unsigned char *plain, const unsigned char *in, size_t in_len,
    const unsigned char key[CODED_KEY])
{
	static const unsigned char nonce[NONCE];

	return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, in,
	    in_len, NULL, 0, nonce, key);
}

/* A point of small order gives zero, which libsodium refuses. */
static int
shared(unsigned char out[CODED_KEY], const unsigned char secret[CODED_KEY],
    const unsigned char pub[CODED_KEY])
{
	return crypto_scalarmult(out, secret, pub);
}

static void
mix_hello(struct semail_coded *c, const unsigned char in[CODED_HELLO],
    const unsigned char es[CODED_KEY], unsigned char key[CODED_KEY])
{
	const struct part parts[] = { { in, 40 }, { es, CODED_KEY } };

	mix(c->chain, parts, 2, key);
}

static void
mix_proof(struct semail_coded *c, const unsigned char in[CODED_HELLO],
    const unsigned char ss[CODED_KEY], unsigned char key[CODED_KEY])
{
	const struct part parts[] = { { in + 40, PADDED + CODED_TAG },
		{ c->panel, CODED_KEY }, { ss, CODED_KEY } };

	mix(c->chain, parts, 3, key);
}

static void
mix_welcome(struct semail_coded *c, const unsigned char proof[CODED_TAG],
    const unsigned char ephemeral[CODED_KEY], const unsigned char ee[CODED_KEY],
    const unsigned char se[CODED_KEY], unsigned char key[CODED_KEY])
{
	const struct part parts[] = { { proof, CODED_TAG },
		{ ephemeral, CODED_KEY }, { ee, CODED_KEY },
		{ se, CODED_KEY } };

	mix(c->chain, parts, 4, key);
}

/* Both have the same two keys: the client's first, the server's second. */
static void
finish(struct semail_coded *c, const unsigned char tag[CODED_TAG],
    unsigned char client[CODED_KEY], unsigned char server[CODED_KEY])
{
	const struct part parts[] = { { tag, CODED_TAG } };

	mix(c->chain, parts, 1, server);
	memcpy(client, c->chain, CODED_KEY);
	sodium_memzero(c->chain, sizeof(c->chain));
	sodium_memzero(c->own, sizeof(c->own));
}

int
semail_hello_make(struct semail_coded *c, const struct semail_key *k,
    const unsigned char ephemeral[CODED_KEY], unsigned char out[CODED_HELLO])
{
	unsigned char dh[CODED_KEY], key[CODED_KEY], name[PADDED] = { 0 };

	chain_start(c, k->server);
	memcpy(c->own, ephemeral, CODED_KEY);
	semail_key_public(c->panel, k->secret);
	memcpy(out, magic, sizeof(magic));
	crypto_scalarmult_base(out + 8, ephemeral);
	if (shared(dh, ephemeral, k->server) == -1)
		return over(c);
	mix_hello(c, out, dh, key);
	memcpy(name, k->name, strnlen(k->name, CODED_NAME_MAX));
	seal_once(out + 40, name, sizeof(name), key);
	if (shared(dh, k->secret, k->server) == -1)
		return over(c);
	mix_proof(c, out, dh, key);
	seal_once(out + 120, NULL, 0, key);
	/* semail_welcome_take() goes on from here. */
	memcpy(c->peer, out + 120, CODED_TAG);
	sodium_memzero(dh, sizeof(dh));
	sodium_memzero(key, sizeof(key));
	return 0;
}

int
semail_welcome_take(struct semail_coded *c, const struct semail_key *k,
    const unsigned char in[CODED_WELCOME])
{
	unsigned char ee[CODED_KEY], se[CODED_KEY], key[CODED_KEY];
	int r;

	if (shared(ee, c->own, in) == -1 || shared(se, k->secret, in) == -1)
		return over(c);
	mix_welcome(c, c->peer, in, ee, se, key);
	r = open_once(NULL, in + 32, CODED_TAG, key);
	sodium_memzero(ee, sizeof(ee));
	sodium_memzero(se, sizeof(se));
	sodium_memzero(key, sizeof(key));
	if (r == -1)
		return over(c);
	finish(c, in + 32, c->send_key, c->recv_key);
	return 0;
}

int
semail_hello_version(const unsigned char in[8])
{
	return memcmp(in, magic, sizeof(magic)) == 0 ? 0 : -1;
}

int
semail_hello_open(struct semail_coded *c, const unsigned char server[CODED_KEY],
    const unsigned char in[CODED_HELLO], char name[CODED_NAME_MAX + 1])
{
	unsigned char pub[CODED_KEY], es[CODED_KEY], key[CODED_KEY];
	size_t len;
	int r;

	memset(name, 0, CODED_NAME_MAX + 1);
	semail_key_public(pub, server);
	chain_start(c, pub);
	memcpy(c->peer, in + 8, CODED_KEY);
	if (semail_hello_version(in) == -1 || shared(es, server, c->peer) == -1)
		return over(c);
	mix_hello(c, in, es, key);
	r = open_once((unsigned char *)name, in + 40, PADDED + CODED_TAG, key);
	sodium_memzero(es, sizeof(es));
	sodium_memzero(key, sizeof(key));
	len = strlen(name);
	/* Zeroes after it, or the same name could be said in many ways. */
	if (r == -1 || !semail_name_good(name, len) ||
	    !sodium_is_zero((unsigned char *)name + len,
	        CODED_NAME_MAX - len)) {
		memset(name, 0, CODED_NAME_MAX + 1);
		return over(c);
	}
	return 0;
}

int
semail_hello_prove(struct semail_coded *c,
    const unsigned char server[CODED_KEY], const unsigned char panel[CODED_KEY],
    const unsigned char in[CODED_HELLO])
{
	unsigned char ss[CODED_KEY], key[CODED_KEY];
	int r;

	memcpy(c->panel, panel, CODED_KEY);
	if (shared(ss, server, panel) == -1)
		return over(c);
	mix_proof(c, in, ss, key);
	r = open_once(NULL, in + 120, CODED_TAG, key);
	sodium_memzero(ss, sizeof(ss));
	sodium_memzero(key, sizeof(key));
	return r == -1 ? over(c) : 0;
}

int
semail_welcome_make(struct semail_coded *c,
    const unsigned char ephemeral[CODED_KEY],
    const unsigned char in[CODED_HELLO], unsigned char out[CODED_WELCOME])
{
	unsigned char ee[CODED_KEY], se[CODED_KEY], key[CODED_KEY];

	crypto_scalarmult_base(out, ephemeral);
	if (shared(ee, ephemeral, c->peer) == -1 ||
	    shared(se, ephemeral, c->panel) == -1)
		return over(c);
	mix_welcome(c, in + 120, out, ee, se, key);
	seal_once(out + 32, NULL, 0, key);
	sodium_memzero(ee, sizeof(ee));
	sodium_memzero(se, sizeof(se));
	sodium_memzero(key, sizeof(key));
	finish(c, out + 32, c->recv_key, c->send_key);
	return 0;
}

/* ---- records --------------------------------------------------------------- */

static void
nonce_of(uint64_t n, unsigned char out[NONCE])
{
	memset(out, 0, NONCE);
	for (int i = 0; i < 8; i++)
		out[NONCE - 8 + i] = (unsigned char)(n >> 8 * i);
}

static void
seal_next(struct semail_coded *c, unsigned char *out,
    const unsigned char *plain, size_t len)
{
	unsigned char nonce[NONCE];

	nonce_of(c->sent++, nonce);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain, len, NULL,
	    0, NULL, nonce, c->send_key);
}

static int
open_next(struct semail_coded *c, unsigned char *plain, const unsigned char *in,
    size_t in_len)
{
	unsigned char nonce[NONCE];

	nonce_of(c->received++, nonce);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, in,
	    in_len, NULL, 0, nonce, c->recv_key);
}

size_t
semail_record_size(int type, size_t text_len)
{
	return type == CODED_END ? CODED_HEAD
	                         : CODED_HEAD + CODED_ID + text_len + CODED_TAG;
}

size_t
semail_record_seal(struct semail_coded *c, int type,
    const unsigned char id[CODED_ID], const void *text, size_t len,
    unsigned char *out)
{
	size_t body = type == CODED_END ? 0 : CODED_ID + len;
	unsigned char head[HEAD_PLAIN] = { (unsigned char)type };
	unsigned char *plain = out + CODED_HEAD;

	for (int i = 0; i < 4; i++)
		head[1 + i] = (unsigned char)(body >> 8 * i);
	seal_next(c, out, head, sizeof(head));
	if (body == 0)
		return CODED_HEAD;
	memcpy(plain, id, CODED_ID);
	if (len > 0)
		memmove(plain + CODED_ID, text, len);
	seal_next(c, plain, plain, body); /* in place */
	return CODED_HEAD + body + CODED_TAG;
}

int
semail_head_open(struct semail_coded *c, const unsigned char in[CODED_HEAD],
    int *type, size_t *body_len)
{
	unsigned char head[HEAD_PLAIN];
	size_t n = 0;

	if (open_next(c, head, in, CODED_HEAD) == -1)
		return over(c);
	for (int i = 0; i < 4; i++)
		n |= (size_t)head[1 + i] << 8 * i;
	*type = head[0];
	*body_len = n;
	if (*type == CODED_END
	        ? n != 0
	        : (*type != CODED_REQUEST && *type != CODED_ANSWER) ||
	            n < CODED_ID || n > CODED_BODY_MAX)
		return over(c);
	return 0;
}

int
semail_body_open(struct semail_coded *c, const unsigned char *in,
    size_t body_len, unsigned char *out)
{
	return open_next(c, out, in, body_len + CODED_TAG) == -1 ? over(c) : 0;
}
