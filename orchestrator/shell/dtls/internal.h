/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sources of this folder share, under the name of the one that defines it.
 */
#ifndef ORCHESTRATOR_SHELL_DTLS_INTERNAL_H
#define ORCHESTRATOR_SHELL_DTLS_INTERNAL_H

#include "common/base/openssl.h"
#include "orchestrator/shell/dtls/dtls.h"

#include <openssl/ssl.h>

struct dtls_server {
    SSL_CTX *context;
    BIO_METHOD *method; /* of a BIO that keeps the borders of datagrams */
    char fingerprint[DTLS_FINGERPRINT_MAX];
};

/* fingerprint.c */
bool dtls_fingerprint_matches(const struct dtls_fingerprint *expected, const X509 *certificate);
int dtls_fingerprint_text(char out[DTLS_FINGERPRINT_MAX], const X509 *certificate) MUST_CHECK;

/* dtls.c: what the shared settings point at */
int dtls_verify(X509_STORE_CTX *store, void *arg);
BIO_METHOD *dtls_bio_method_new(void);

#endif
