/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: one key, one certificate, one SSL_CTX for the life of the process. Failure: OpenSSL
 * refuses something at start, which no client can cause; the caller ends the start.
 */
#include "orchestrator/shell/dtls/internal.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

/* The server's order decides (RFC 5764 §4.1.1): AES-GCM is five times cheaper for the nodes than
 * the AES-CM with SHA-1 that Chromium names first (browsers.md). */
#define SRTP_PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"

/* Forward secrecy and AEAD only. Every WebRTC client has the first one (RFC 8827 §6.5). */
#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                                 \
    "ECDHE-ECDSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

/* Clients look at the fingerprint alone; the dates only have to hold for the life of a process. */
#define VALID_BEFORE_S (24L * 3600)
#define VALID_AFTER_S  (10L * 365 * 24 * 3600)

static int set_random_serial(X509 *certificate)
{
    uint64_t serial;
    if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
        return ERR_CRYPTO;
    serial >>= 1; /* positive as a signed number of eight bytes, RFC 5280 §4.1.2.2 */
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1 ? 0
                                                                                    : ERR_CRYPTO;
}

static int self_sign(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    bool ok =
        X509_set_version(certificate, X509_VERSION_3) == 1 && set_random_serial(certificate) == 0 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"spillway", -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(certificate, name) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_BEFORE_S) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_AFTER_S) != NULL &&
        X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0;
    return ok ? 0 : ERR_CRYPTO;
}

static int identify(struct dtls_server *server)
{
    int err = ERR_CRYPTO;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    if (key == NULL || certificate == NULL || self_sign(certificate, key) != 0)
        goto out;
    if (SSL_CTX_use_certificate(server->context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(server->context, key) != 1)
        goto out;
    err = dtls_fingerprint_text(server->fingerprint, certificate);
out:
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err;
}

static int configure(SSL_CTX *context)
{
    /* No HelloVerifyRequest (off by default): a 5-tuple passed an ICE check with a known password
     * before its first datagram gets here. No tickets, no session cache: nobody resumes. */
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, dtls_verify, NULL);
    bool ok = SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
              SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
              SSL_CTX_set_tlsext_use_srtp(context, SRTP_PROFILES) == 0; /* 0 is its success */
    return ok ? 0 : ERR_CRYPTO;
}

int dtls_server_new(struct dtls_server **out)
{
    struct dtls_server *server = mem_alloc(sizeof(*server));
    int err = ERR_CRYPTO;
    server->method = dtls_bio_method_new();
    server->context = SSL_CTX_new(DTLS_server_method());
    if (server->method == NULL || server->context == NULL)
        goto fail;
    if ((err = configure(server->context)) != 0 || (err = identify(server)) != 0)
        goto fail;
    *out = server;
    return 0;
fail:
    ERR_clear_error();
    dtls_server_free(server);
    return err;
}

void dtls_server_free(struct dtls_server *server)
{
    if (server == NULL)
        return;
    SSL_CTX_free(server->context);
    BIO_meth_free(server->method);
    free(server);
}

const char *dtls_server_fingerprint(const struct dtls_server *server)
{
    return server->fingerprint;
}
