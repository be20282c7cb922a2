/* Certificates for tests of TLS. */
#ifndef LIBCOMMON_TLS_TEST_CERT_H
#define LIBCOMMON_TLS_TEST_CERT_H

#include "libcommon/buf.h"

/* A self-signed one that lasts an hour, with these alternative names
 * ("DNS:a,IP:192.0.2.1"), and its key: P-256, or RSA of some bits if they are
 * not 0.  As PEM, in buffers of the caller. */
void make_certificate(const char *names, unsigned rsa_bits, struct buf *cert,
    struct buf *key);

#endif
