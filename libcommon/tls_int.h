/* What tls.c (sessions) and tls_ctx.c (certificates) share. */
#ifndef LIBCOMMON_TLS_INT_H
#define LIBCOMMON_TLS_INT_H

#include "libcommon/tls.h"
#include "libcommon/tlsdom.h"

#include <openssl/ssl.h>

struct tls_cert {
	X509 *certificate;
	STACK_OF(X509) * chain; /* towards the root; may be empty */
	EVP_PKEY *key;
};

struct tls_ctx {
	unsigned refs; /* the owner's, and sessions not yet agreed */
	SSL_CTX *ssl;  /* holds the default certificate */
	/* The others, without an SSL_CTX each: that costs twice what they do. */
	struct tls_cert *certs;
	size_t ncerts;
	struct tlsdom_table names; /* ids are indexes of certs */
};

void tls_ctx_unref(struct tls_ctx **);
const char *tls_error_text(void); /* of OpenSSL's last error */

#endif
