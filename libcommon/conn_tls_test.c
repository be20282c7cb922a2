/* TLS connections, with OpenSSL's client at the far end. */
#include "config.h"
#include "libcommon/conn_test.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/tls_test_cert.h"
#include "tap.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define NAMES "DNS:mail.test,IP:192.0.2.1"

static struct buf cert_pem, key_pem;

/* ---- the far end ------------------------------------------------------ */

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	int result; /* of the handshake */
	char text[256];
	size_t len, want;
	bool eof;
};

static void
client_init(struct client *c, int fd, int version)
{
	memset(c, 0, sizeof(*c));
	c->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(c->ctx, version);
	SSL_CTX_set_max_proto_version(c->ctx, version);
	SSL_CTX_set_security_level(c->ctx, 0);
	SSL_CTX_set_mode(c->ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	c->ssl = SSL_new(c->ctx);
	c->fd = fd;
	SSL_set_fd(c->ssl, fd);
	SSL_set_connect_state(c->ssl);
}

static void
client_clear(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

static bool
client_shaken(void *arg)
{
	struct client *c = arg;
	int r = SSL_do_handshake(c->ssl);

	if (r != 1) {
		int e = SSL_get_error(c->ssl, r);

		if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			return false;
	}
	c->result = r;
	return true;
}

static bool
client_read(void *arg)
{
	struct client *c = arg;
	int n = SSL_read(c->ssl, c->text + c->len,
	    (int)(sizeof(c->text) - 1 - c->len));

	if (n > 0)
		c->len += (size_t)n;
	else if (SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN)
		c->eof = true;
	c->text[c->len] = '\0';
	return c->len >= c->want || c->eof;
}

static bool
was_secured(void *arg)
{
	return ((struct owner *)arg)->secured > 0;
}

static bool
was_ended(void *arg)
{
	return ((struct owner *)arg)->ended > 0;
}

/* ---- tests ----------------------------------------------------------- */

static void
test_certificates(void)
{
	struct buf cert2, key2;
	struct tls_ctx *ctx;
	char why[201] = "";

	make_certificate(NAMES, 0, &cert2, &key2);
	ctx = tls_ctx_new(buf_span(&cert_pem), buf_span(&key_pem), why);
	ok(ctx != NULL, "a certificate and its key");
	tls_ctx_free(&ctx);
	ctx = tls_ctx_new(buf_span(&cert_pem), buf_span(&key2), why);
	ok(ctx == NULL && strstr(why, "key") != NULL, "another's key: %s", why);
	ctx = tls_ctx_new(span_of(""), buf_span(&key2), why);
	ok(ctx == NULL && strstr(why, "certificate") != NULL, "none: %s", why);
	ctx = tls_ctx_new(buf_span(&cert_pem), span_of("junk"), why);
	ok(ctx == NULL, "no key: %s", why);
	buf_put_span(&cert2, buf_span(&cert_pem));
	ctx = tls_ctx_new(buf_span(&cert2), buf_span(&key2), why);
	ok(ctx != NULL, "a chain of two");
	tls_ctx_free(&ctx);
	buf_puts(&cert2, "-----BEGIN CERTIFICATE-----\nAAAA\n");
	ctx = tls_ctx_new(buf_span(&cert2), buf_span(&key2), why);
	ok(ctx == NULL, "a chain that breaks off: %s", why);
	buf_clear(&cert2);
	buf_clear(&key2);
}

static void
test_session(struct tls_ctx *ctx, int version, const char *name)
{
	struct owner o;
	struct client c;

	owner_init(&o);
	o.by_line = o.echo = o.finish_on_quit = true;
	client_init(&c, owner_connect(&o, 512), version);
	conn_timeout(o.conn, 3000);
	conn_start_tls(o.conn, ctx);
	ok(run_until(client_shaken, &c) && c.result == 1, "%s agreed", name);
	/* The greeting comes from secured(), here from the test. */
	ok(run_until(was_secured, &o), "the owner knows");
	ok(conn_is_tls(o.conn) &&
	        strncmp(conn_tls_text(o.conn), name, strlen(name)) == 0,
	    "as %s", conn_tls_text(o.conn));
	for (const char *p = "one\r\ntwo\r\n"; *p != '\0'; p++)
		SSL_write(c.ssl, p, 1); /* a record a byte */
	c.want = 10;
	run_until(client_read, &c);
	is_str(c.text, "one\r\ntwo\r\n", "echo");
	if (version == TLS1_3_VERSION) {
		SSL_SESSION *s = SSL_get1_session(c.ssl);

		is_int(SSL_SESSION_get_max_early_data(s), 0, "no early data");
		SSL_SESSION_free(s);
		SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED);
	}
	c.len = 0;
	c.want = 200;
	SSL_write(c.ssl, "QUIT\r\n", 6);
	run_until(client_read, &c);
	is_str(c.text, "bye\r\n", "last words");
	ok(c.eof, "close_notify");
	client_clear(&c);
	owner_clear(&o);
}

static void
test_refused(struct tls_ctx *ctx)
{
	struct owner o;
	struct client c;
	int fd;

	owner_init(&o);
	client_init(&c, owner_connect(&o, 512), TLS1_1_VERSION);
	conn_start_tls(o.conn, ctx);
	run_until(client_shaken, &c);
	ok(c.result != 1, "TLS 1.1 is refused");
	ok(run_until(was_ended, &o) && o.why == CONN_HANDSHAKE, "and told");
	client_clear(&c);
	owner_clear(&o);

	owner_init(&o);
	fd = owner_connect(&o, 512);
	conn_start_tls(o.conn, ctx);
	send(fd, "EHLO there\r\n", 12, 0);
	ok(run_until(was_ended, &o) && o.why == CONN_HANDSHAKE,
	    "plain text where TLS should be");
	is_int((int64_t)o.got.len, 0, "none of it was seen");
	close(fd);
	owner_clear(&o);

	owner_init(&o);
	fd = owner_connect(&o, 512);
	conn_timeout(o.conn, 50);
	conn_start_tls(o.conn, ctx);
	ok(run_until(was_ended, &o) && o.why == CONN_TIMEOUT,
	    "a client that never begins");
	close(fd);
	owner_clear(&o);
}

/* The client asks for a second handshake; it must get none. */
static void
test_renegotiation(struct tls_ctx *ctx)
{
	struct owner o;
	struct client c;

	owner_init(&o);
	o.by_line = o.echo = true;
	client_init(&c, owner_connect(&o, 512), TLS1_2_VERSION);
	conn_start_tls(o.conn, ctx);
	run_until(client_shaken, &c);
	is_int(SSL_renegotiate(c.ssl), 1, "renegotiation is asked for");
	run_until(client_shaken, &c);
	ok(c.result != 1, "and refused");
	client_clear(&c);
	owner_clear(&o);
}

static bool
got_ok(void *arg)
{
	struct client *c = arg;
	ssize_t n = recv(c->fd, c->text + c->len, 5 - c->len, MSG_DONTWAIT);

	if (n > 0)
		c->len += (size_t)n;
	c->text[c->len] = '\0';
	return c->len == 5;
}

/* CVE-2011-0411: what was sent in the clear behind STLS must not be run. */
static void
test_stls(struct tls_ctx *ctx)
{
	static const char *const tails[] = { "", "USER evil\r\n", "USER ev" };
	struct owner o;
	struct client c;

	for (size_t i = 0; i < nitems(tails); i++) {
		char first[64];
		int n = snprintf(first, sizeof(first), "STLS\r\n%s", tails[i]);

		owner_init(&o);
		o.by_line = o.echo = true;
		o.stls = ctx;
		client_init(&c, owner_connect(&o, 512), TLS1_3_VERSION);
		send(c.fd, first, (size_t)n, 0);
		ok(run_until(got_ok, &c), "go ahead");
		is_str(c.text, "+OK\r\n", "in the clear");
		ok(run_until(client_shaken, &c) && c.result == 1,
		    "TLS after \"STLS\" with %s behind it",
		    log_quote_str(tails[i]));
		o.stls = NULL;
		c.len = 0;
		c.want = 6;
		SSL_write(c.ssl, "NOOP\r\n", 6);
		run_until(client_read, &c);
		is_str(c.text, "NOOP\r\n", "it talks");
		ok(got_text(&o, "STLS\r\nNOOP\r\n"),
		    "the tail was thrown away");
		client_clear(&c);
		owner_clear(&o);
	}
	/* And what comes in the clear after the go-ahead breaks TLS. */
	owner_init(&o);
	o.by_line = true;
	o.stls = ctx;
	client_init(&c, owner_connect(&o, 512), TLS1_3_VERSION);
	send(c.fd, "STLS\r\n", 6, 0);
	run_until(got_ok, &c);
	send(c.fd, "USER evil\r\n", 11, 0);
	ok(run_until(was_ended, &o) && o.why == CONN_HANDSHAKE,
	    "plain text after the go-ahead ends it");
	client_clear(&c);
	owner_clear(&o);
}

struct bulk {
	struct client *c;
	struct owner *o;
	size_t sent, got, total;
	unsigned char sum_sent, sum_got;
	bool reading;
};

static bool
bulk_step(void *arg)
{
	struct bulk *b = arg;
	unsigned char chunk[20000];
	int n;

	if (b->sent < b->total) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = (unsigned char)((b->sent + i) * 7);
		n = SSL_write(b->c->ssl, chunk,
		    (int)(b->total - b->sent < sizeof(chunk)
		            ? b->total - b->sent
		            : sizeof(chunk)));
		for (int i = 0; i < n; i++)
			b->sum_sent = (unsigned char)(b->sum_sent * 31 +
			    chunk[i]);
		b->sent += n > 0 ? (size_t)n : 0;
	}
	if (b->reading && (n = SSL_read(b->c->ssl, chunk, sizeof(chunk))) > 0) {
		for (int i = 0; i < n; i++)
			b->sum_got = (unsigned char)(b->sum_got * 31 +
			    chunk[i]);
		b->got += (size_t)n;
	}
	return b->got == b->total;
}

/* Megabytes both ways; at first the client does not read, so that the server
 * stops with records half used inside TLS. */
static void
test_bulk(struct tls_ctx *ctx)
{
	struct owner o;
	struct client c;
	struct bulk b = { .c = &c, .o = &o, .total = 3000000 };

	owner_init(&o);
	o.echo = true;
	client_init(&c, owner_connect(&o, 10000), TLS1_3_VERSION);
	conn_start_tls(o.conn, ctx);
	run_until(client_shaken, &c);
	for (int i = 0; i < 500; i++) {
		bulk_step(&b);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ok(b.sent < b.total, "back pressure reaches the client (%zu)", b.sent);
	b.reading = true;
	ok(run_until(bulk_step, &b), "all comes back (%zu of %zu)", b.got,
	    b.total);
	is_int(b.sum_got, b.sum_sent, "as it was sent");
	client_clear(&c);
	owner_clear(&o);
}

/* Heap of a session that does nothing. */
static void
test_memory(struct tls_ctx *ctx)
{
	enum { N = 20 };
	static struct owner o[N];
	static struct client c[N];
	size_t before, after, clients;

	for (int i = 0; i < N; i++)
		owner_init(&o[i]);
	before = mallinfo2().uordblks;
	for (int i = 0; i < N; i++) {
		int fd = owner_connect(&o[i], 512);

		c[i].fd = fd;
	}
	after = mallinfo2().uordblks;
#if !defined(SANITIZED)
	ok((after - before) / N < 1500, "a plain connection: %zu bytes",
	    (after - before) / N);
#endif
	for (int i = 0; i < N; i++) {
		client_init(&c[i], c[i].fd, TLS1_3_VERSION);
		conn_start_tls(o[i].conn, ctx);
		run_until(client_shaken, &c[i]);
		run_until(was_secured, &o[i]);
		SSL_write(c[i].ssl, "hello\r\n", 7);
		got_text(&o[i], "hello\r\n");
	}
	clients = mallinfo2().uordblks;
	for (int i = 0; i < N; i++) {
		conn_free(&o[i].conn);
		buf_clear(&o[i].got);
	}
	after = mallinfo2().uordblks;
#if !defined(SANITIZED)
	ok(clients > after && (clients - after) / N < 24000,
	    "a TLS one: %zu bytes", (clients - after) / N);
#endif
	for (int i = 0; i < N; i++)
		client_clear(&c[i]);
	(void)before;
	(void)clients;
	(void)after;
}

/* ---- as a client -------------------------------------------------------- */

static void
make_pair(struct owner *server, struct owner *client)
{
	owner_init(server);
	owner_init(client);
	server->by_line = server->echo = true;
	client->conn = conn_new(base, owner_connect(server, 512), 512,
	    &owner_ops, client);
}

static bool
was_told(void *arg)
{
	return was_secured(arg) || was_ended(arg);
}

/* Does a client that believes ca and wants name agree with our server? */
static bool
agrees(struct tls_ctx *ctx, struct tls_ctx *ca, const char *name)
{
	struct owner server, client;
	bool good;

	make_pair(&server, &client);
	conn_start_tls(server.conn, ctx);
	conn_start_tls_to(client.conn, ca, name);
	run_until(was_told, &client);
	good = client.secured == 1;
	if (good) {
		conn_puts(client.conn, "hello\r\n");
		good = got_text(&client, "hello\r\n") &&
		    conn_is_tls(client.conn);
	} else {
		ok(client.ended == 1 && client.why == CONN_HANDSHAKE,
		    "the owner is told");
	}
	owner_clear(&client);
	owner_clear(&server);
	return good;
}

static void
test_client(struct tls_ctx *ctx)
{
	struct buf other, other_key;
	struct tls_ctx *ca;
	char why[201];

	make_certificate(NAMES, 0, &other, &other_key);
	ok(tls_ctx_client(span_of(""), why) == NULL, "no CA: %s", why);
	ok(tls_ctx_client(span_of("junk"), why) == NULL, "no PEM: %s", why);
	buf_put(&other, cert_pem.data, cert_pem.len / 2);
	ok(tls_ctx_client(buf_span(&other), why) == NULL, "cut: %s", why);
	buf_truncate(&other, other.len - cert_pem.len / 2);

	ca = tls_ctx_client(buf_span(&cert_pem), why);
	ok(ca != NULL, "a CA");
	ok(agrees(ctx, ca, "mail.test"), "by name");
	ok(agrees(ctx, ca, "192.0.2.1"), "by address");
	ok(!agrees(ctx, ca, "mail2.test"), "another name");
	ok(!agrees(ctx, ca, "192.0.2.2"), "another address");
	tls_ctx_free(&ca);
	ca = tls_ctx_client(buf_span(&other), why);
	ok(ca != NULL && !agrees(ctx, ca, "mail.test"),
	    "of the right name, by a CA that is not ours");

	tls_ctx_free(&ca);
	buf_clear(&other);
	buf_clear(&other_key);
}

int
main(void)
{
	struct tls_ctx *ctx;
	char why[201] = "";

	log_init("conn_tls_test");
	signal(SIGPIPE, SIG_DFL); /* conn must not rely on it */
	base = event_base_new();
	make_certificate(NAMES, 0, &cert_pem, &key_pem);
	test_certificates();
	ctx = tls_ctx_new(buf_span(&cert_pem), buf_span(&key_pem), why);
	test_session(ctx, TLS1_2_VERSION, "TLSv1.2");
	test_session(ctx, TLS1_3_VERSION, "TLSv1.3");
	test_refused(ctx);
	test_renegotiation(ctx);
	test_stls(ctx);
	test_bulk(ctx);
	test_client(ctx);
	test_memory(ctx);
	tls_ctx_free(&ctx);
	buf_clear(&cert_pem);
	buf_clear(&key_pem);
	event_base_free(base);
	return done_testing();
}
