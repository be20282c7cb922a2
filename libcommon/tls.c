#include "config.h"
#include "libcommon/tls_int.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>

struct tls {
	SSL *ssl;
	struct tls_ctx *ctx; /* until the handshake is done; then NULL */
	char *reason;        /* owned; NULL until something failed */
	bool broken;         /* after a fatal error nothing more may be sent */
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
	t->ctx = ctx;
	ctx->refs++;
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
	tls_ctx_unref(&t->ctx);
	free(t->reason);
	free(t);
}

/* "certificate verify failed" says too little. */
static const char *
verify_text(const SSL *ssl)
{
	long why = SSL_get_verify_result(ssl);

	return why == X509_V_OK ? tls_error_text()
	                        : X509_verify_cert_error_string(why);
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
			t->reason = strdup(saved_errno != 0
			        ? strerror(saved_errno)
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
	if ((r = SSL_do_handshake(t->ssl)) == 1) {
		/* It has its certificate: the others may go when they are
		 * renewed, however long this session lasts. */
		tls_ctx_unref(&t->ctx);
		return 0;
	}
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
