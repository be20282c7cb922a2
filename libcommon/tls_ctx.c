#include "config.h"
#include "libcommon/tls_int.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Never ask a terminal for the passphrase of a key. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

const char *
tls_error_text(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *s = e != 0 ? ERR_reason_error_string(e) : NULL;

	return s != NULL ? s : "unknown";
}

static BIO *
mem(struct span s)
{
	return s.len <= INT_MAX ? BIO_new_mem_buf(s.data, (int)s.len) : NULL;
}

static void
cert_clear(struct tls_cert *c)
{
	X509_free(c->certificate);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	memset(c, 0, sizeof(*c));
}

/* The certificate, then those that lead to the root. */
static int
read_chain(struct span pem, struct tls_cert *c)
{
	BIO *b = mem(pem);
	X509 *x;
	int r = -1;

	if (b == NULL)
		return -1;
	c->certificate = PEM_read_bio_X509_AUX(b, NULL, no_passphrase, NULL);
	if (c->certificate == NULL || (c->chain = sk_X509_new_null()) == NULL)
		goto out;
	while ((x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL)) != NULL) {
		if (sk_X509_push(c->chain, x) == 0) {
			X509_free(x);
			goto out;
		}
	}
	/* "No more" is how the list ends; anything else is damage. */
	r = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0
	                                                                 : -1;
	if (r == 0)
		ERR_clear_error();
out:
	BIO_free(b);
	return r;
}

static int
read_key(struct span pem, struct tls_cert *c)
{
	BIO *b = mem(pem);

	if (b == NULL)
		return -1;
	c->key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	BIO_free(b);
	return c->key != NULL &&
	        X509_check_private_key(c->certificate, c->key) == 1
	    ? 0
	    : -1;
}

static int
cert_read(struct span certificate_pem, struct span key_pem, struct tls_cert *c,
    char why[static 201])
{
	memset(c, 0, sizeof(*c));
	if (read_chain(certificate_pem, c) == -1)
		snprintf(why, 201, "bad certificate: %s", tls_error_text());
	else if (read_key(key_pem, c) == -1)
		snprintf(why, 201, "bad key: %s", tls_error_text());
	else
		return 0;
	cert_clear(c);
	return -1;
}

/* Leave a session with this certificate only: one of another kind (RSA, EC)
 * that was there before would be taken if the client liked it better. */
static int
cert_use(SSL *ssl, const struct tls_cert *c)
{
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, c->certificate, c->key, c->chain, 1) ==
	        1
	    ? 0
	    : -1;
}

/* The client says whom it wants (RFC 6066 3).  A name we do not have gets the
 * default and no acknowledgement, as does a client that names nobody. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_ctx *c = arg;
	size_t id;

	if (name == NULL || !tlsdom_find(&c->names, name, &id))
		return SSL_TLSEXT_ERR_NOACK;
	if (cert_use(ssl, &c->certs[id]) == 0)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *
settings(const SSL_METHOD *method)
{
	static const unsigned char name[] = "semail";
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	        SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* One recv() a record instead of two. */
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_dh_auto(ctx, 1);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) != 1 ||
	    SSL_CTX_set_cipher_list(ctx,
	        "HIGH:!aNULL:!eNULL:!PSK:!SRP:!DSS:!3DES:!CAMELLIA:!ARIA") !=
	        1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static struct tls_ctx *
ctx_new(const SSL_METHOD *method, char why[static 201])
{
	struct tls_ctx *c = calloc(1, sizeof(*c));

	/* Settings come from semail.conf and from here, not from OpenSSL's own
	 * file, which a chroot would hide anyway. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
	if (c != NULL && (c->ssl = settings(method)) != NULL) {
		c->refs = 1;
		return c;
	}
	snprintf(why, 201, "cannot set up TLS: %s", tls_error_text());
	ERR_clear_error();
	free(c);
	return NULL;
}

struct tls_ctx *
tls_ctx_new(struct span certificate_pem, struct span key_pem,
    char why[static 201])
{
	struct tls_ctx *c = ctx_new(TLS_server_method(), why);
	struct tls_cert cert;

	if (c == NULL)
		return NULL;
	if (cert_read(certificate_pem, key_pem, &cert, why) == -1) {
		tls_ctx_free(&c);
	} else if (SSL_CTX_use_cert_and_key(c->ssl, cert.certificate, cert.key,
	               cert.chain, 1) != 1) {
		snprintf(why, 201, "bad certificate: %s", tls_error_text());
		tls_ctx_free(&c);
	}
	cert_clear(&cert);
	ERR_clear_error();
	return c;
}

/* Would a session take it?  It may be too weak. */
static int
cert_try(SSL_CTX *ctx, const struct tls_cert *cert)
{
	SSL *ssl = SSL_new(ctx);
	int r = ssl == NULL ? -1 : cert_use(ssl, cert);

	SSL_free(ssl);
	return r;
}

int
tls_ctx_add(struct tls_ctx *c, const char *names, struct span certificate_pem,
    struct span key_pem, char why[static 201])
{
	struct tls_cert cert, *p;

	ERR_clear_error();
	if (cert_read(certificate_pem, key_pem, &cert, why) == -1)
		goto bad;
	if (cert_try(c->ssl, &cert) == -1) {
		snprintf(why, 201, "bad certificate: %s", tls_error_text());
		goto bad;
	}
	p = reallocarray(c->certs, c->ncerts + 1, sizeof(*p));
	if (p != NULL)
		c->certs = p;
	if (p == NULL || tlsdom_add(&c->names, names, c->ncerts) == -1) {
		snprintf(why, 201, "out of memory");
		goto bad;
	}
	c->certs[c->ncerts++] = cert;
	SSL_CTX_set_tlsext_servername_callback(c->ssl, on_name);
	SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
	return 0;
bad:
	ERR_clear_error();
	cert_clear(&cert);
	return -1;
}

bool
tls_pem_holds(struct span certificate_pem, const char *name)
{
	char text[300];
	struct tls_cert c = { NULL, NULL, NULL };
	bool holds;

	/* A wildcard is held if any name beneath it is. */
	snprintf(text, sizeof(text), "%s%s", name[0] == '*' ? "any" : "",
	    name[0] == '*' ? name + 1 : name);
	holds = read_chain(certificate_pem, &c) == 0 &&
	    X509_check_host(c.certificate, text, 0, 0, NULL) == 1;
	cert_clear(&c);
	ERR_clear_error();
	return holds;
}

/* At least one certificate, and nothing that is none. */
static int
use_ca(SSL_CTX *ctx, struct span pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *b = mem(pem);
	int n = 0, r = -1;
	X509 *x;

	if (b == NULL)
		return -1;
	while ((x = PEM_read_bio_X509_AUX(b, NULL, no_passphrase, NULL)) !=
	    NULL) {
		if (X509_STORE_add_cert(store, x) != 1)
			goto out;
		X509_free(x);
		n++;
	}
	if (n > 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		r = 0;
		ERR_clear_error();
	}
out:
	X509_free(x);
	BIO_free(b);
	return r;
}

struct tls_ctx *
tls_ctx_client(struct span ca_pem, char why[static 201])
{
	struct tls_ctx *c = ctx_new(TLS_client_method(), why);

	if (c == NULL)
		return NULL;
	if (use_ca(c->ssl, ca_pem) == -1) {
		snprintf(why, 201, "bad certificates: %s", tls_error_text());
		tls_ctx_free(&c);
	} else {
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	}
	ERR_clear_error();
	return c;
}

void
tls_ctx_unref(struct tls_ctx **cp)
{
	struct tls_ctx *c = *cp;

	*cp = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	for (size_t i = 0; i < c->ncerts; i++)
		cert_clear(&c->certs[i]);
	free(c->certs);
	tlsdom_clear(&c->names);
	SSL_CTX_free(c->ssl);
	free(c);
}

void
tls_ctx_free(struct tls_ctx **cp)
{
	tls_ctx_unref(cp);
}
