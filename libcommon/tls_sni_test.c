/* Which certificate does a client get that names this or that host? */
#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/tls.h"
#include "libcommon/tls_test_cert.h"
#include "libcommon/tlsdom.h"
#include "tap.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct pair {
	SSL_CTX *client_ctx;
	SSL *client;
	struct tls *server;
	int fd[2];
};

static void
pair_init(struct pair *p, struct tls_ctx *ctx, int version, const char *name)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd) == -1)
		fatal("socketpair");
	p->client_ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(p->client_ctx, version);
	SSL_CTX_set_max_proto_version(p->client_ctx, version);
	p->client = SSL_new(p->client_ctx);
	SSL_set_fd(p->client, p->fd[0]);
	SSL_set_connect_state(p->client);
	if (name != NULL)
		SSL_set_tlsext_host_name(p->client, name);
	p->server = tls_server(ctx, p->fd[1]);
}

/* The handshake, both ends in turn; is it done? */
static bool
pair_agree(struct pair *p)
{
	int mine = TLS_WANT_READ, theirs = 0;

	for (int i = 0; i < 20 && (mine != 0 || theirs != 1); i++) {
		if (theirs != 1)
			theirs = SSL_do_handshake(p->client);
		if (mine != 0)
			mine = tls_handshake(p->server);
		if (mine == -1)
			return false;
	}
	return mine == 0 && theirs == 1;
}

static void
pair_clear(struct pair *p)
{
	SSL_free(p->client);
	SSL_CTX_free(p->client_ctx);
	tls_free(&p->server);
	close(p->fd[0]);
	close(p->fd[1]);
}

/* Was the certificate that the server showed made for this host? */
static bool
pair_shown(struct pair *p, const char *host)
{
	X509 *x = SSL_get1_peer_certificate(p->client);
	bool good = x != NULL && X509_check_host(x, host, 0, 0, NULL) == 1;

	X509_free(x);
	return good;
}

static void
shows(struct tls_ctx *ctx, const char *name, const char *host)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct pair p;

	for (size_t i = 0; i < nitems(versions); i++) {
		pair_init(&p, ctx, versions[i], name);
		ok(pair_agree(&p) && pair_shown(&p, host), "%s: %s gets %s",
		    SSL_get_version(p.client), name != NULL ? name : "nobody",
		    host);
		pair_clear(&p);
	}
}

static struct buf def, def_key, rsa, rsa_key, wild, wild_key;

static void
test_names(void)
{
	char why[201];
	struct tls_ctx *ctx = tls_ctx_new(buf_span(&def), buf_span(&def_key),
	    why);
	struct pair p;

	is_int(tls_ctx_add(ctx, "rsa.test,two.test", buf_span(&rsa),
	           buf_span(&rsa_key), why),
	    0, "one of RSA, the default being EC");
	is_int(tls_ctx_add(ctx, "*.wild.test", buf_span(&wild),
	           buf_span(&wild_key), why),
	    0, "a wildcard");
	ok(tls_ctx_add(ctx, "x.test", buf_span(&rsa), buf_span(&wild_key),
	       why) == -1 &&
	        strstr(why, "bad key") != NULL,
	    "another's key: %s", why);
	ok(tls_ctx_add(ctx, "x.test", span_of("junk"), buf_span(&wild_key),
	       why) == -1 &&
	        strstr(why, "bad certificate") != NULL,
	    "junk: %s", why);
	shows(ctx, "rsa.test", "rsa.test");
	shows(ctx, "RSA.Test", "rsa.test");
	shows(ctx, "two.test", "rsa.test");
	shows(ctx, "a.wild.test", "a.wild.test");
	shows(ctx, "a.b.wild.test", "default.test");
	shows(ctx, "x.test", "default.test");
	shows(ctx, NULL, "default.test");

	/* A session that began outlives the context. */
	pair_init(&p, ctx, TLS1_3_VERSION, "rsa.test");
	tls_ctx_free(&ctx);
	ok(pair_agree(&p) && pair_shown(&p, "rsa.test"),
	    "the context goes before the handshake");
	pair_clear(&p);
}

static void
test_weak(void)
{
	struct buf cert, key;
	char why[201];
	struct tls_ctx *ctx = tls_ctx_new(buf_span(&def), buf_span(&def_key),
	    why);

	make_certificate("DNS:weak.test", 512, &cert, &key);
	ok(tls_ctx_add(ctx, "weak.test", buf_span(&cert), buf_span(&key),
	       why) == -1,
	    "too weak: %s", why);
	shows(ctx, "weak.test", "default.test");
	tls_ctx_free(&ctx);
	buf_clear(&cert);
	buf_clear(&key);
}

static void
test_holds(void)
{
	ok(tls_pem_holds(buf_span(&rsa), "rsa.test"), "it holds its name");
	ok(!tls_pem_holds(buf_span(&rsa), "x.test"), "and no other");
	ok(tls_pem_holds(buf_span(&wild), "*.wild.test"), "a wildcard");
	ok(!tls_pem_holds(buf_span(&rsa), "*.rsa.test"), "none");
	ok(!tls_pem_holds(span_of("junk"), "x.test"), "junk");
}

static void
test_handed(void)
{
	struct handover *ho = ho_new();
	struct tls_ctx *ctx;
	struct buf list;
	char why[201];

	buf_init(&list, HO_MAX);
	ok(tls_ctx_handed(ho, &ctx, why) == 0 && ctx == NULL, "nothing");
	tlsdom_put(&list, "rsa.test", buf_span(&rsa), buf_span(&rsa_key));
	tlsdom_put(&list, "*.wild.test", buf_span(&wild), buf_span(&wild_key));
	ho_set(ho, "tls-domain", buf_span(&list));
	ok(tls_ctx_handed(ho, &ctx, why) == 0 && ctx != NULL, "no default");
	shows(ctx, "a.wild.test", "a.wild.test");
	shows(ctx, "x.test", "rsa.test");
	shows(ctx, NULL, "rsa.test");
	tls_ctx_free(&ctx);
	ho_free(&ho);

	ho = ho_new();
	ho_set(ho, "tls-certificate", buf_span(&def));
	ho_set(ho, "tls-key", buf_span(&def_key));
	ho_set(ho, "tls-domain", buf_span(&list));
	ok(tls_ctx_handed(ho, &ctx, why) == 0, "with a default");
	shows(ctx, "rsa.test", "rsa.test");
	shows(ctx, "x.test", "default.test");
	tls_ctx_free(&ctx);
	ho_free(&ho);

	ho = ho_new();
	tlsdom_put(&list, "bad.test", buf_span(&rsa), buf_span(&wild_key));
	ho_set(ho, "tls-domain", buf_span(&list));
	ok(tls_ctx_handed(ho, &ctx, why) == -1 && ctx == NULL &&
	        strstr(why, "bad.test: bad key") != NULL,
	    "one is bad: %s", why);
	ho_free(&ho);
	buf_clear(&list);
}

/* Some hundred domains, each with a certificate of its own. */
static void
test_memory(void)
{
	enum { N = 200 };
	char why[201], name[32];
	struct tls_ctx *ctx = tls_ctx_new(buf_span(&def), buf_span(&def_key),
	    why);
	size_t before = mallinfo2().uordblks, after;
	uint64_t start = io_now_ms();

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		tls_ctx_add(ctx, name, buf_span(&rsa), buf_span(&rsa_key), why);
	}
	after = mallinfo2().uordblks;
	printf("# %d certificates: %zu bytes each, %llu ms\n", N,
	    (after - before) / N, (unsigned long long)(io_now_ms() - start));
#if !defined(SANITIZED)
	ok((after - before) / N < 20000, "a certificate: %zu bytes",
	    (after - before) / N);
#endif
	shows(ctx, "n199.test", "rsa.test");
	tls_ctx_free(&ctx);
}

int
main(void)
{
	log_init("tls_sni_test");
	make_certificate("DNS:default.test", 0, &def, &def_key);
	make_certificate("DNS:rsa.test,DNS:two.test", 2048, &rsa, &rsa_key);
	make_certificate("DNS:*.wild.test", 0, &wild, &wild_key);
	test_names();
	test_weak();
	test_holds();
	test_handed();
	test_memory();
	buf_clear(&def);
	buf_clear(&def_key);
	buf_clear(&rsa);
	buf_clear(&rsa_key);
	buf_clear(&wild);
	buf_clear(&wild_key);
	return done_testing();
}
