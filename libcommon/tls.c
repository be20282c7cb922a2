#include "config.h"
#include "libcommon/tls.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

struct tls_ctx {
	SSL_CTX *ssl;
};

struct tls {
	SSL *ssl;
	char *reason; /* owned; NULL until something failed */
	bool broken;  /* after a fatal error nothing more may be sent */
};

/*
 * Our own BIO on a socket: OpenSSL's writes with write(2), and a peer that
 * went away would then cost the process a SIGPIPE.
 */
static int
sock_write(BIO *b, const char *p, int n)
{
	ssize_t r;

	BIO_clear_retry_flags(b);
	do
		r = send(*(int *)BIO_get_data(b), p, (size_t)n, MSG_NOSIGNAL);
	while (r == -1 && errno == EINTR);
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_write(b);
	return (int)r;
}

static int
sock_read(BIO *b, char *p, int n)
{
	ssize_t r;

	BIO_clear_retry_flags(b);
	do
		r = recv(*(int *)BIO_get_data(b), p, (size_t)n, 0);
	while (r == -1 && errno == EINTR);
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_read(b);
	if (r == 0)
		BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	return (int)r;
}

static long
sock_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static int
sock_free(BIO *b)
{
	free(BIO_get_data(b));
	BIO_set_data(b, NULL);
	return 1;
}

static BIO_METHOD *
sock_method(void)
{
	static BIO_METHOD *m;

	if (m != NULL)
		return m;
	if ((m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "semail socket")) == NULL)
		return NULL;
	BIO_meth_set_write(m, sock_write);
	BIO_meth_set_read(m, sock_read);
	BIO_meth_set_ctrl(m, sock_ctrl);
	BIO_meth_set_destroy(m, sock_free);
	return m;
}

static BIO *
sock_new(int fd)
{
	BIO_METHOD *m = sock_method();
	int *copy = malloc(sizeof(*copy));
	BIO *b = NULL;

	if (m == NULL || copy == NULL || (b = BIO_new(m)) == NULL) {
		free(copy);
		return NULL;
	}
	*copy = fd;
	BIO_set_data(b, copy);
	BIO_set_init(b, 1);
	return b;
}

/* ---- certificates ----------------------------------------------------- */

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

static const char *
error_text(void)
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

/* The certificate, then those that lead to the root. */
static int
use_chain(SSL_CTX *ctx, struct span pem)
{
	BIO *b = mem(pem);
	X509 *x = NULL;
	int r = -1;

	if (b == NULL)
		return -1;
	x = PEM_read_bio_X509_AUX(b, NULL, no_passphrase, NULL);
	if (x == NULL || SSL_CTX_use_certificate(ctx, x) != 1)
		goto out;
	X509_free(x);
	while ((x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ctx, x) != 1)
			goto out;
	/* "No more" is how the list ends; anything else is damage. */
	r = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0
									 : -1;
	if (r == 0)
		ERR_clear_error();
out:
	X509_free(x);
	BIO_free(b);
	return r;
}

static int
use_key(SSL_CTX *ctx, struct span pem)
{
	BIO *b = mem(pem);
	EVP_PKEY *key;
	int r = -1;

	if (b == NULL)
		return -1;
	key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	if (key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1)
		r = 0;
	EVP_PKEY_free(key);
	BIO_free(b);
	return r;
}

static SSL_CTX *
settings(const SSL_METHOD *method)
{
	static const unsigned char name[] = "semail";
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		     SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
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

struct tls_ctx *
tls_ctx_new(
    struct span certificate_pem, struct span key_pem, char why[static 201])
{
	struct tls_ctx *c = calloc(1, sizeof(*c));

	/* Settings come from semail.conf and from here, not from OpenSSL's own
	 * file, which a chroot would hide anyway. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
	if (c == NULL || (c->ssl = settings(TLS_server_method())) == NULL)
		snprintf(why, 201, "cannot set up TLS: %s", error_text());
	else if (use_chain(c->ssl, certificate_pem) == -1)
		snprintf(why, 201, "bad certificate: %s", error_text());
	else if (use_key(c->ssl, key_pem) == -1)
		snprintf(why, 201, "bad key: %s", error_text());
	else
		return c;
	ERR_clear_error();
	tls_ctx_free(&c);
	return NULL;
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
	if (n > 0 && ERR_GET_REASON(ERR_peek_last_error()) ==
	    PEM_R_NO_START_LINE) {
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
	struct tls_ctx *c = calloc(1, sizeof(*c));

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
	if (c == NULL || (c->ssl = settings(TLS_client_method())) == NULL) {
		snprintf(why, 201, "cannot set up TLS: %s", error_text());
	} else if (use_ca(c->ssl, ca_pem) == -1) {
		snprintf(why, 201, "bad certificates: %s", error_text());
	} else {
		SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
		return c;
	}
	ERR_clear_error();
	tls_ctx_free(&c);
	return NULL;
}

void
tls_ctx_free(struct tls_ctx **cp)
{
	struct tls_ctx *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

/* ---- sessions --------------------------------------------------------- */

static struct tls *
tls_new(struct tls_ctx *ctx, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *b;

	if (t == NULL)
		return NULL;
	ERR_clear_error();
	if ((t->ssl = SSL_new(ctx->ssl)) == NULL ||
	    (b = sock_new(fd)) == NULL) {
		SSL_free(t->ssl);
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	SSL_set_bio(t->ssl, b, b);
	return t;
}

struct tls *
tls_server(struct tls_ctx *ctx, int fd)
{
	struct tls *t = tls_new(ctx, fd);

	if (t != NULL)
		SSL_set_accept_state(t->ssl);
	return t;
}

struct tls *
tls_client(struct tls_ctx *ctx, int fd, const char *name)
{
	struct tls *t = tls_new(ctx, fd);

	if (t == NULL)
		return NULL;
	SSL_set_connect_state(t->ssl);
	/* An address is looked for among the certificate's addresses, and no
	 * name is sent for it (RFC 6066 3). */
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) != 1) {
		ERR_clear_error();
		if (SSL_set1_host(t->ssl, name) != 1 ||
		    SSL_set_tlsext_host_name(t->ssl, name) != 1) {
			tls_free(&t);
			errno = ENOMEM;
			return NULL;
		}
	}
	return t;
}

void
tls_free(struct tls **tp)
{
	struct tls *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t->reason);
	free(t);
}

/* "certificate verify failed" says too little. */
static const char *
verify_text(const SSL *ssl)
{
	long why = SSL_get_verify_result(ssl);

	return why == X509_V_OK ? error_text() :
	    X509_verify_cert_error_string(why);
}

/* What a call that did not succeed means: 0, TLS_WANT_* or -1. */
static int
judge(struct tls *t, int r, int saved_errno)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		t->broken = true;
		if (t->reason == NULL)
			t->reason =
			    strdup(saved_errno != 0 ? strerror(saved_errno)
						    : "closed");
		return -1;
	default:
		t->broken = true;
		if (t->reason == NULL)
			t->reason = strdup(verify_text(t->ssl));
		return -1;
	}
}

int
tls_handshake(struct tls *t)
{
	int r;

	if (t->broken)
		return -1;
	ERR_clear_error();
	errno = 0;
	if ((r = SSL_do_handshake(t->ssl)) == 1)
		return 0;
	r = judge(t, r, errno);
	if (r == 0) { /* closed before it was agreed */
		t->broken = true;
		if (t->reason == NULL)
			t->reason = strdup("closed");
		return -1;
	}
	return r;
}

ssize_t
tls_read(struct tls *t, void *p, size_t n)
{
	int r;

	if (t->broken)
		return -1;
	ERR_clear_error();
	errno = 0;
	r = SSL_read(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
	return r > 0 ? r : judge(t, r, errno);
}

ssize_t
tls_write(struct tls *t, const void *p, size_t n)
{
	int r;

	if (t->broken)
		return -1;
	ERR_clear_error();
	errno = 0;
	r = SSL_write(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
	if (r > 0)
		return r;
	r = judge(t, r, errno);
	if (r == 0) /* cannot be: a write of n > 0 has no end */
		t->broken = true;
	return r == 0 ? -1 : r;
}

void
tls_close_notify(struct tls *t)
{
	if (t->broken || !SSL_is_init_finished(t->ssl) ||
	    (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
		return;
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

const char *
tls_reason(const struct tls *t)
{
	return t->reason != NULL ? t->reason : "unknown";
}

const char *
tls_text(const struct tls *t)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s %s", SSL_get_version(t->ssl),
	    SSL_get_cipher_name(t->ssl));
	return text;
}
