/*
 * tls - certificates and TLS 1.2+ sessions (OpenSSL), as a server and as a
 * client that checks the server's certificate.  tls.c and tls_ctx.c alone
 * include OpenSSL (and digest.c).
 *
 * No renegotiation, no compression, no early data; tickets, but no session
 * cache.  OpenSSL's own configuration file is not read.  A session without
 * traffic keeps no record buffers.
 */
#ifndef LIBCOMMON_TLS_H
#define LIBCOMMON_TLS_H

#include "libcommon/buf.h"

#include <sys/types.h>

struct handover;

struct tls_ctx; /* certificates and settings, shared by connections */
struct tls;     /* one session */

/* From PEM bytes (chain, then key).  NULL with a reason in why. */
struct tls_ctx *tls_ctx_new(struct span certificate_pem, struct span key_pem,
    char why[static 201]);
/* One more, for clients that ask for one of its names (SNI, RFC 6066 3);
 * names as in tlsdom.h, none of them added before.  All others get the one of
 * tls_ctx_new().  0, or -1 with a reason in why and nothing added. */
int tls_ctx_add(struct tls_ctx *, const char *names,
    struct span certificate_pem, struct span key_pem, char why[static 201]);
/* What semaild handed over (tls-certificate, tls-key, tls-domain): 0 and a
 * context, or NULL if there is no certificate; -1 with a reason in why.
 * Without tls-certificate the first tls-domain is everybody else's, too. */
int tls_ctx_handed(const struct handover *, struct tls_ctx **out,
    char why[static 201]);
/* Is the certificate for this name (or *. and a name)? */
bool tls_pem_holds(struct span certificate_pem, const char *name);
/* For a client: whose certificates are believed, as PEM bytes (one at least),
 * and nobody else's. */
struct tls_ctx *tls_ctx_client(struct span ca_pem, char why[static 201]);
void tls_ctx_free(struct tls_ctx **); /* sessions keep it alive */

enum { TLS_WANT_READ = -2, TLS_WANT_WRITE = -3 };

struct tls *tls_server(struct tls_ctx *, int fd); /* NULL: no memory */
/* name: a host name or a numeric address that the certificate must hold. */
struct tls *tls_client(struct tls_ctx *, int fd, const char *name);
void tls_free(struct tls **);
/* 0 done, TLS_WANT_*, or -1: failed, with the reason in tls_reason(). */
int tls_handshake(struct tls *);
/* Bytes, 0 at the end, TLS_WANT_*, or -1.  After a TLS_WANT_* of tls_write()
 * the next call must offer the same bytes again (and may offer more). */
ssize_t tls_read(struct tls *, void *, size_t);
ssize_t tls_write(struct tls *, const void *, size_t);
void tls_close_notify(struct tls *); /* once, without waiting */
const char *tls_reason(const struct tls *);
/* "TLSv1.3 CIPHER"; good until the next call. */
const char *tls_text(const struct tls *);

#endif
