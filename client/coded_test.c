/* The test vectors, and that nothing else is taken for them. */
#include "config.h"
#include "client/coded.h"
#include "tap.h"

#include <sodium.h>

static char names[64][32];
static unsigned char values[64][1024];
static size_t lens[64];
static int nvectors;

static void
read_vectors(void)
{
	const char *top = getenv("top_srcdir");
	char path[1024], line[2048], *value;
	FILE *f;

	snprintf(path, sizeof(path), "%s/t/data/admin-vectors.txt",
	    top != NULL ? top : ".");
	if ((f = fopen(path, "r")) == NULL) {
		printf("Bail out! %s\n", path);
		exit(1);
	}
	while (fgets(line, sizeof(line), f) != NULL && nvectors < 64) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || (value = strchr(line, ' ')) == NULL)
			continue;
		*value++ = '\0';
		snprintf(names[nvectors], 32, "%.31s", line);
		if (sodium_hex2bin(values[nvectors], sizeof(values[0]), value,
		        strlen(value), NULL, &lens[nvectors], NULL) == -1 ||
		    lens[nvectors] * 2 != strlen(value)) {
			lens[nvectors] = strlen(value); /* text */
			memcpy(values[nvectors], value, lens[nvectors] + 1);
		}
		nvectors++;
	}
	fclose(f);
}

static const unsigned char *
vector(const char *name, size_t *len)
{
	for (int i = 0; i < nvectors; i++)
		if (strcmp(names[i], name) == 0) {
			if (len != NULL)
				*len = lens[i];
			return values[i];
		}
	printf("Bail out! no vector %s\n", name);
	exit(1);
}

static void
is_vector(const void *got, size_t n, const char *name)
{
	const unsigned char *want;
	size_t len;

	want = vector(name, &len);
	ok(n == len && memcmp(got, want, n) == 0, "%s", name);
}

/* ---- both sides by the vectors -------------------------------------------- */

static struct semail_key key;

static void
test_keys(void)
{
	char line[CODED_KEY_STRING], bent[CODED_KEY_STRING];
	const char *good = (const char *)vector("key-string", NULL);
	struct semail_key again;
	unsigned char pub[CODED_KEY];
	bool refused = true;
	size_t n = strlen(good);

	ok(semail_key_parse(&key, good, n) == 0, "the key string is read");
	is_str(key.name, (const char *)vector("panel-name", NULL), "its name");
	is_vector(key.secret, CODED_KEY, "panel-secret");
	is_vector(key.server, CODED_KEY, "server-public");
	semail_key_public(pub, key.secret);
	is_vector(pub, CODED_KEY, "panel-public");
	semail_key_public(pub, vector("server-secret", NULL));
	is_vector(pub, CODED_KEY, "server-public");
	semail_key_format(&key, line);
	is_str(line, good, "and written again");
	snprintf(bent, sizeof(bent), "%s\n", good);
	ok(semail_key_parse(&again, bent, n + 1) == 0, "with a line end");
	for (size_t i = 0; i < n; i++) {
		memcpy(bent, good, n + 1);
		bent[i] ^= 1;
		refused = refused && semail_key_parse(&again, bent, n) == -1 &&
		    semail_key_parse(&again, good, i) == -1;
	}
	ok(refused, "any letter changed, and cut anywhere");
	ok(semail_key_parse(&again, "", 0) == -1 &&
	        semail_key_parse(&again, "semail1:", 8) == -1,
	    "nothing");
	snprintf(bent, sizeof(bent), "%sx", good);
	ok(semail_key_parse(&again, bent, n + 1) == -1, "something after it");
}

static void
test_names(void)
{
	char longest[CODED_NAME_MAX + 2];

	memset(longest, 'a', sizeof(longest));
	ok(semail_name_good(longest, CODED_NAME_MAX) &&
	        !semail_name_good(longest, CODED_NAME_MAX + 1) &&
	        !semail_name_good("", 0),
	    "a name's length");
	ok(semail_name_good("a.b-c_9", 7) && !semail_name_good(".a", 2) &&
	        !semail_name_good("A", 1) && !semail_name_good("a:b", 3) &&
	        !semail_name_good("a\0b", 3) && !semail_name_good("\0", 1),
	    "its letters");
}

static struct semail_coded client, server;
static unsigned char hello[CODED_HELLO], welcome[CODED_WELCOME];

static void
shake(void)
{
	char name[CODED_NAME_MAX + 1];

	semail_hello_make(&client, &key, vector("client-ephemeral", NULL),
	    hello);
	semail_hello_open(&server, vector("server-secret", NULL), hello, name);
	semail_hello_prove(&server, vector("server-secret", NULL),
	    vector("panel-public", NULL), hello);
	semail_welcome_make(&server, vector("server-ephemeral", NULL), hello,
	    welcome);
	semail_welcome_take(&client, &key, welcome);
}

static void
test_handshake(void)
{
	const unsigned char *secret = vector("server-secret", NULL);
	char name[CODED_NAME_MAX + 1];

	ok(semail_hello_make(&client, &key, vector("client-ephemeral", NULL),
	       hello) == 0,
	    "hello");
	is_vector(hello, sizeof(hello), "hello");
	is_vector(client.chain, CODED_KEY, "chain-2");
	ok(semail_hello_version(hello) == 0, "its version");
	ok(semail_hello_open(&server, secret, hello, name) == 0, "is opened");
	is_str(name, key.name, "who it is");
	is_vector(server.chain, CODED_KEY, "chain-1");
	ok(semail_hello_prove(&server, secret, vector("panel-public", NULL),
	       hello) == 0,
	    "and proved");
	is_vector(server.chain, CODED_KEY, "chain-2");
	ok(semail_welcome_make(&server, vector("server-ephemeral", NULL), hello,
	       welcome) == 0,
	    "welcome");
	is_vector(welcome, sizeof(welcome), "welcome");
	ok(semail_welcome_take(&client, &key, welcome) == 0, "is taken");
	is_vector(client.send_key, CODED_KEY, "client-key");
	is_vector(server.recv_key, CODED_KEY, "client-key");
	is_vector(client.recv_key, CODED_KEY, "server-key");
	is_vector(server.send_key, CODED_KEY, "server-key");
	ok(sodium_is_zero(client.own, CODED_KEY) &&
	        sodium_is_zero(client.chain, CODED_KEY) &&
	        sodium_is_zero(server.chain, CODED_KEY),
	    "what made them is wiped");
}

static void
one_record(struct semail_coded *from, struct semail_coded *to, int type,
    const unsigned char *id, const char *text_name, const char *record_name)
{
	const unsigned char *text = vector(text_name, NULL);
	unsigned char out[512];
	size_t n, len = strlen((const char *)text), body;
	int got;

	n = semail_record_seal(from, type, id, text, len, out);
	is_vector(out, n, record_name);
	is_int((int64_t)n, (int64_t)semail_record_size(type, len), "its size");
	ok(semail_head_open(to, out, &got, &body) == 0 && got == type &&
	        body == CODED_ID + len,
	    "its head");
	ok(semail_body_open(to, out + CODED_HEAD, body, out) == 0 &&
	        memcmp(out, id, CODED_ID) == 0 &&
	        memcmp(out + CODED_ID, text, len) == 0,
	    "its body");
}

static void
end_record(struct semail_coded *from, struct semail_coded *to, const char *name)
{
	unsigned char out[CODED_HEAD];
	size_t n, body;
	int type;

	n = semail_record_seal(from, CODED_END, NULL, NULL, 0, out);
	is_vector(out, n, name);
	ok(semail_head_open(to, out, &type, &body) == 0 && type == CODED_END &&
	        body == 0,
	    "nothing follows");
}

static void
test_records(void)
{
	static const unsigned char zero[CODED_ID];
	const unsigned char *id = vector("request-id", NULL);

	one_record(&client, &server, CODED_REQUEST, id, "request-1",
	    "request-1-record");
	one_record(&client, &server, CODED_REQUEST, zero, "request-2",
	    "request-2-record");
	one_record(&server, &client, CODED_ANSWER, id, "answer-1",
	    "answer-1-record");
	end_record(&client, &server, "client-end-record");
	end_record(&server, &client, "server-end-record");
}

/* ---- everything else is refused ------------------------------------------------ */

static bool
hello_goes(const unsigned char *in, const unsigned char *panel)
{
	const unsigned char *secret = vector("server-secret", NULL);
	char name[CODED_NAME_MAX + 1];
	struct semail_coded s;

	return semail_hello_open(&s, secret, in, name) == 0 &&
	    semail_hello_prove(&s, secret, panel, in) == 0;
}

static void
test_bad_hello(void)
{
	const unsigned char *panel = vector("panel-public", NULL);
	unsigned char bent[CODED_HELLO], other[CODED_KEY];
	char name[CODED_NAME_MAX + 1];
	struct semail_key wrong = key;
	struct semail_coded s;
	bool refused = true;

	shake();
	ok(hello_goes(hello, panel), "the hello as it is");
	for (size_t i = 0; i < sizeof(hello) * 8; i++) {
		/* X25519 masks the top bit of a point, the chain does not. */
		memcpy(bent, hello, sizeof(bent));
		bent[i / 8] ^= (unsigned char)(1 << i % 8);
		refused = refused && !hello_goes(bent, panel);
	}
	ok(refused, "any bit of it changed");
	ok(!hello_goes(hello, vector("server-public", NULL)),
	    "another panel's key");
	memset(bent + 8, 0, 32); /* a point of small order */
	ok(!hello_goes(bent, panel), "a key that is none");
	memset(other, 0, sizeof(other));
	ok(!hello_goes(hello, other), "a panel whose key is none");
	wrong.secret[5] ^= 1;
	semail_hello_make(&client, &wrong, vector("client-ephemeral", NULL),
	    bent);
	ok(!hello_goes(bent, panel), "a wrong secret");
	wrong = key;
	wrong.server[5] ^= 1;
	ok(semail_hello_make(&client, &wrong, vector("client-ephemeral", NULL),
	       bent) == 0 &&
	        !hello_goes(bent, panel),
	    "for another server");
	wrong = key;
	memcpy(wrong.name, "a b", 4);
	semail_hello_make(&client, &wrong, vector("client-ephemeral", NULL),
	    bent);
	ok(semail_hello_open(&s, vector("server-secret", NULL), bent, name) ==
	            -1 &&
	        name[0] == '\0',
	    "a name that is none");
}

static void
test_bad_welcome(void)
{
	unsigned char bent[CODED_WELCOME];
	struct semail_coded c;
	bool refused = true;

	for (size_t i = 0; i < sizeof(welcome) * 8; i++) {
		semail_hello_make(&c, &key, vector("client-ephemeral", NULL),
		    hello);
		memcpy(bent, welcome, sizeof(bent));
		bent[i / 8] ^= (unsigned char)(1 << i % 8);
		refused = refused &&
		    semail_welcome_take(&c, &key, bent) == -1 &&
		    sodium_is_zero((unsigned char *)&c, sizeof(c));
	}
	ok(refused, "any bit of the welcome changed");
	semail_hello_make(&c, &key, vector("server-ephemeral", NULL), hello);
	ok(semail_welcome_take(&c, &key, welcome) == -1,
	    "the welcome of another hello");
}

/* The records r[0], r[1] of a client, in some order and shape. */
static bool
takes(const unsigned char *in, size_t len)
{
	unsigned char out[512];
	size_t body;
	int type;

	if (len < CODED_HEAD ||
	    semail_head_open(&server, in, &type, &body) == -1)
		return false;
	return len == CODED_HEAD + body + CODED_TAG &&
	    semail_body_open(&server, in + CODED_HEAD, body, out) == 0;
}

static void
test_bad_records(void)
{
	static const unsigned char id[CODED_ID] = { 1 };
	unsigned char r[2][128], bent[128], big[CODED_HEAD];
	size_t n = 0;
	bool refused = true;

	for (size_t i = 0; i == 0 || i < n * 8; i++) {
		shake();
		n = semail_record_seal(&client, CODED_REQUEST, id, "text", 4,
		    r[0]);
		semail_record_seal(&client, CODED_REQUEST, id, "next", 4, r[1]);
		memcpy(bent, r[0], n);
		bent[i / 8] ^= (unsigned char)(1 << i % 8);
		refused = refused && !takes(bent, n) && !takes(r[0], n);
	}
	ok(refused, "any bit of a record changed: it and all after it");
	shake();
	ok(takes(r[0], n) && !takes(r[0], n), "a record again");
	shake();
	ok(!takes(r[1], n) && !takes(r[0], n), "the second first");
	shake();
	ok(takes(r[0], n) && takes(r[1], n), "in order");
	shake();
	semail_record_seal(&server, CODED_ANSWER, id, "text", 4, r[0]);
	ok(!takes(r[0], n), "our own, back to us");
	shake();
	semail_record_seal(&client, 7, id, "text", 4, r[0]);
	ok(!takes(r[0], n), "a type there is not");
	shake();
	memset(big, 0, sizeof(big));
	big[0] = CODED_REQUEST;
	big[3] = 0x10; /* 1 MiB, well sealed */
	crypto_aead_xchacha20poly1305_ietf_encrypt(big, NULL, big, 5, NULL, 0,
	    NULL, (const unsigned char[24]){ 0 }, client.send_key);
	ok(!takes(big, sizeof(big)), "a length there is not");
}

int
main(void)
{
	if (semail_coded_start() == -1)
		return 1;
	read_vectors();
	test_keys();
	test_names();
	test_handshake();
	test_records();
	test_bad_hello();
	test_bad_welcome();
	test_bad_records();
	return done_testing();
}
