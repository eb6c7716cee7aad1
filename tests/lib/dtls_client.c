/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/dtls_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/time.h>

#include "common/base/openssl.h"
#include <openssl/rsa.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define FINGERPRINT_MAX 96 /* of SHA-256 in SDP, NUL included */

struct queue {
    size_t count;
    struct {
        uint8_t *bytes;
        size_t len;
    } items[DTLS_CLIENT_QUEUE];
};

struct dtls_client {
    SSL_CTX *context;
    BIO_METHOD *method;
    SSL *ssl;
    const uint8_t *in;
    size_t in_len;
    struct queue out;
    struct queue plain;
    bool connected;
    int alert;
    char fingerprint[FINGERPRINT_MAX];
};

static void queue_push(struct queue *queue, const void *bytes, size_t len)
{
    assert(queue->count < DTLS_CLIENT_QUEUE);
    queue->items[queue->count].bytes = mem_copy(bytes, len);
    queue->items[queue->count++].len = len;
}

static uint8_t *queue_pop(struct queue *queue, size_t *len)
{
    if (queue->count == 0)
        return NULL;
    uint8_t *bytes = queue->items[0].bytes;
    *len = queue->items[0].len;
    queue->count--;
    memmove(queue->items, queue->items + 1, queue->count * sizeof(queue->items[0]));
    return bytes;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct dtls_client *client = BIO_get_data(bio);
    queue_push(&client->out, data, (size_t)len);
    return len;
}

static int bio_read(BIO *bio, char *out, int len)
{
    struct dtls_client *client = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (client->in_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = MIN((size_t)len, client->in_len);
    memcpy(out, client->in, n);
    client->in_len = 0;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void on_info(const SSL *ssl, int where, int value)
{
    struct dtls_client *client = SSL_get_app_data(ssl);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        client->alert = value & 0xff;
}

static int accept_any(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1;
}

static void write_fingerprint(const X509 *certificate, char out[FINGERPRINT_MAX])
{
    uint8_t digest[32];
    unsigned len = 0;
    X509_digest(certificate, EVP_sha256(), digest, &len);
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 3 * i, 4, i + 1 < len ? "%02X:" : "%02X", digest[i]);
}

static void add_certificate(struct dtls_client *client, bool rsa)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"WebRTC", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(client->context, certificate);
    SSL_CTX_use_PrivateKey(client->context, key);
    write_fingerprint(certificate, client->fingerprint);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* ALPN is an extension a server may ignore, so its list is what makes the ClientHello long. */
static void pad_hello(SSL *ssl, size_t padding)
{
    uint8_t names[2048];
    assert(padding <= sizeof(names));
    size_t used = 0;
    while (used < padding) {
        size_t len = MIN(padding - used, (size_t)200);
        memset(names + used, 'x', len);
        names[used] = (uint8_t)(len - 1);
        used += len;
    }
    if (padding > 0)
        assert(SSL_set_alpn_protos(ssl, names, (unsigned)used) == 0);
}

/* As BoringSSL and NSS do in browsers. */
static unsigned next_timeout_us(SSL *ssl, unsigned previous_us)
{
    (void)ssl;
    return previous_us == 0 ? 50000 : 2 * previous_us;
}

struct dtls_client *dtls_client_new(const struct dtls_client_config *config)
{
    struct dtls_client *client = mem_alloc(sizeof(*client));
    client->alert = -1;
    client->context = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(client->context, accept_any, NULL);
    SSL_CTX_set_options(client->context, SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_info_callback(client->context, on_info);
    if (!config->no_certificate)
        add_certificate(client, config->rsa);
    if (config->srtp_profiles != NULL)
        assert(SSL_CTX_set_tlsext_use_srtp(client->context, config->srtp_profiles) == 0);

    client->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "client");
    BIO_meth_set_write(client->method, bio_write);
    BIO_meth_set_read(client->method, bio_read);
    BIO_meth_set_ctrl(client->method, bio_ctrl);
    BIO *bio = BIO_new(client->method);
    BIO_set_data(bio, client);
    BIO_set_init(bio, 1);
    client->ssl = SSL_new(client->context);
    SSL_set_bio(client->ssl, bio, bio);
    SSL_set_app_data(client->ssl, client);
    SSL_set_mtu(client->ssl, 1200);
    DTLS_set_timer_cb(client->ssl, next_timeout_us);
    SSL_set_connect_state(client->ssl);
    pad_hello(client->ssl, config->hello_padding);
    return client;
}

void dtls_client_free(struct dtls_client *client)
{
    uint8_t *bytes;
    size_t len;
    while ((bytes = queue_pop(&client->out, &len)) != NULL)
        free(bytes);
    while ((bytes = queue_pop(&client->plain, &len)) != NULL)
        free(bytes);
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    BIO_meth_free(client->method);
    free(client);
}

static void run(struct dtls_client *client)
{
    uint8_t record[16384];
    int n;
    ERR_clear_error();
    if (!client->connected)
        client->connected = SSL_do_handshake(client->ssl) == 1;
    if (client->connected)
        while ((n = SSL_read(client->ssl, record, sizeof(record))) > 0)
            queue_push(&client->plain, record, (size_t)n);
}

void dtls_client_start(struct dtls_client *client)
{
    run(client);
}

void dtls_client_receive(struct dtls_client *client, const uint8_t *bytes, size_t len)
{
    client->in = bytes;
    client->in_len = len;
    run(client);
    client->in_len = 0;
}

void dtls_client_expire(struct dtls_client *client)
{
    ERR_clear_error();
    DTLSv1_handle_timeout(client->ssl);
}

int64_t dtls_client_deadline(const struct dtls_client *client, int64_t now_us)
{
    struct timeval left;
    if (client->connected || DTLSv1_get_timeout(client->ssl, &left) != 1)
        return TIME_NEVER;
    return now_us + TIME_S(left.tv_sec) + left.tv_usec;
}

void dtls_client_send(struct dtls_client *client, const void *bytes, size_t len)
{
    assert(SSL_write(client->ssl, bytes, (int)len) == (int)len);
}

void dtls_client_close(struct dtls_client *client)
{
    SSL_shutdown(client->ssl);
}

bool dtls_client_connected(const struct dtls_client *client)
{
    return client->connected;
}

bool dtls_client_peer_is(const struct dtls_client *client, const char *fingerprint)
{
    char own[FINGERPRINT_MAX] = "";
    X509 *certificate = SSL_get1_peer_certificate(client->ssl);
    if (certificate != NULL)
        write_fingerprint(certificate, own);
    X509_free(certificate);
    return own[0] != '\0' && strcasecmp(own, fingerprint) == 0;
}

int dtls_client_alert(const struct dtls_client *client)
{
    return client->alert;
}

uint8_t *dtls_client_output(struct dtls_client *client, size_t *len)
{
    return queue_pop(&client->out, len);
}

uint8_t *dtls_client_plain(struct dtls_client *client, size_t *len)
{
    return queue_pop(&client->plain, len);
}

void dtls_client_export(struct dtls_client *client, uint8_t *out, size_t len)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    assert(SSL_export_keying_material(client->ssl, out, len, label, strlen(label), NULL, 0, 0) ==
           1);
}

const char *dtls_client_fingerprint(const struct dtls_client *client)
{
    return client->fingerprint;
}

const char *dtls_client_profile(const struct dtls_client *client)
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(client->ssl);
    return profile == NULL ? "" : profile->name;
}
