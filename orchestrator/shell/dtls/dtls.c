/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: a ClientHello arrives (in two datagrams, for browsers put a post-quantum key share
 * into it), OpenSSL answers through the BIO below, the client's certificate meets dtls_verify(),
 * and with the client's Finished the state is DTLS_CONNECTED and our last flight in the output.
 *
 * What goes wrong, and what happens then:
 *   our flight is lost       the client's repeated one is ignored by OpenSSL, our timer repeats
 * ours our last flight is lost  the client repeats its Finished, OpenSSL answers it, connected or
 * not a record is malformed    OpenSSL drops it without a word (RFC 6347 §4.1.2.7) wrong
 * certificate        refused in dtls_verify(), so an alert goes out and no key comes to be anything
 * else            SSL_ERROR_SSL: the end of this association
 *
 * Memory: OpenSSL keeps 34 KB of record buffers per association for as long as it lives. They are
 * given back after every call of a connected one (SSL_MODE_RELEASE_BUFFERS does not do it for
 * DTLS).
 */
#include "orchestrator/shell/dtls/internal.h"

#include <stdlib.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/srtp.h>

#define DTLS_MAGIC     0x44544c53u
#define EXPORTER_LABEL "EXTRACTOR-dtls_srtp" /* RFC 5764 §4.2 */

/* RFC 6347 §4.2.4.1 starts at one second, written for any network. Ours was just measured by an ICE
 * check, and a user waits: so 200 ms, doubled up to 3 s. OpenSSL gives up after the twelfth. */
#define RETRANSMIT_FIRST_US 200000u
#define RETRANSMIT_LAST_US  3000000u
#define DEADLINE_SLACK_US   TIME_MS(1) /* never zero: the two clocks may disagree by a little */

struct dtls {
    uint32_t magic;
    enum dtls_state state;
    enum dtls_failure failure;
    const char *reason; /* static text of OpenSSL's */
    SSL *ssl;
    struct bytes in;        /* the datagram of the running dtls_receive() */
    struct datagrams out;   /* written by OpenSSL */
    struct datagrams plain; /* decrypted */
    int64_t deadline_us;
    uint64_t dropped;
    struct dtls_fingerprint expected;
};

static struct dtls *checked(void *pointer)
{
    struct dtls *dtls = pointer;
    assert(dtls != NULL && dtls->magic == DTLS_MAGIC);
    return dtls;
}

/* ---- BIO: one read is one datagram, one write is one datagram -------------------------------- */

static int bio_write(BIO *bio, const char *data, int len)
{
    struct dtls *dtls = checked(BIO_get_data(bio));
    if (!datagrams_push(&dtls->out, (struct bytes){(const uint8_t *)data, (size_t)len}))
        dtls->dropped++; /* as a network would, and repaired as if one had */
    return len;
}

static int bio_read(BIO *bio, char *out, int len)
{
    struct dtls *dtls = checked(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (dtls->in.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = MIN((size_t)len, dtls->in.len);
    memcpy(out, dtls->in.data, n);
    dtls->in = (struct bytes){0};
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *dtls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    if (method == NULL)
        return NULL;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}

/* ---- Callbacks of OpenSSL ---------------------------------------------------------------------
 */

/* Stands in for the check of a chain. Both refusals come before the server's last flight, so the
 * client learns by alert and neither side ever has keys. */
int dtls_verify(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls *dtls = checked(SSL_get_app_data(ssl));
    if (SSL_get_selected_srtp_profile(ssl) == NULL) {
        dtls->failure = DTLS_FAILURE_NO_SRTP;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    if (!dtls_fingerprint_matches(&dtls->expected, X509_STORE_CTX_get0_cert(store))) {
        dtls->failure = DTLS_FAILURE_FINGERPRINT;
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* alert: bad_certificate */
        return 0;
    }
    return 1;
}

static unsigned next_timeout_us(SSL *ssl, unsigned previous_us)
{
    (void)ssl;
    return previous_us == 0 ? RETRANSMIT_FIRST_US : MIN(2 * previous_us, RETRANSMIT_LAST_US);
}

/* ---- Running ----------------------------------------------------------------------------------
 */

static void fail(struct dtls *dtls)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());
    dtls->state = DTLS_FAILED;
    dtls->reason = text != NULL ? text : "unknown";
    if (dtls->failure == DTLS_FAILURE_NONE)
        dtls->failure = DTLS_FAILURE_PROTOCOL;
    ERR_clear_error(); /* other users of OpenSSL in this thread look at the same queue */
}

static void handshake(struct dtls *dtls)
{
    int result = SSL_do_handshake(dtls->ssl);
    if (result == 1)
        dtls->state = DTLS_CONNECTED;
    else if (SSL_get_error(dtls->ssl, result) != SSL_ERROR_WANT_READ)
        fail(dtls);
}

/* Also handles what is not application data: alerts, and a Finished the client had to repeat. */
static void read_records(struct dtls *dtls)
{
    uint8_t record[SSL3_RT_MAX_PLAIN_LENGTH];
    int n;
    while ((n = SSL_read(dtls->ssl, record, sizeof(record))) > 0)
        if (!datagrams_push(&dtls->plain, (struct bytes){record, (size_t)n}))
            dtls->dropped++;
    int error = SSL_get_error(dtls->ssl, n);
    if (error == SSL_ERROR_ZERO_RETURN)
        dtls->state = DTLS_CLOSED;
    else if (error != SSL_ERROR_WANT_READ)
        fail(dtls);
}

static void take_buffers(struct dtls *dtls)
{
    ERR_clear_error(); /* SSL_get_error() looks at the whole queue */
    int taken = SSL_alloc_buffers(dtls->ssl);
    assert(taken == 1); /* out of memory ends the program, as in mem_alloc() */
}

static void give_buffers(struct dtls *dtls)
{
    if (dtls->state != DTLS_HANDSHAKE)
        (void)SSL_free_buffers(dtls->ssl); /* refuses while a record waits in them: later then */
}

static void update_deadline(struct dtls *dtls, int64_t now_us)
{
    struct timeval left;
    dtls->deadline_us = TIME_NEVER;
    if (dtls->state == DTLS_HANDSHAKE && DTLSv1_get_timeout(dtls->ssl, &left) == 1)
        dtls->deadline_us =
            now_us + MAX(TIME_S(left.tv_sec) + (int64_t)left.tv_usec, DEADLINE_SLACK_US);
}

static bool ended(const struct dtls *dtls)
{
    return dtls->state == DTLS_CLOSED || dtls->state == DTLS_FAILED;
}

void dtls_receive(struct dtls *dtls, int64_t now_us, struct bytes datagram)
{
    if (ended(dtls) || datagram.len == 0)
        return;
    take_buffers(dtls);
    dtls->in = datagram;
    if (dtls->state == DTLS_HANDSHAKE)
        handshake(dtls);
    if (dtls->state == DTLS_CONNECTED)
        read_records(dtls);
    dtls->in = (struct bytes){0};
    give_buffers(dtls);
    update_deadline(dtls, now_us);
}

void dtls_expire(struct dtls *dtls, int64_t now_us)
{
    if (dtls->state != DTLS_HANDSHAKE || now_us < dtls->deadline_us)
        return;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0)
        fail(dtls);
    update_deadline(dtls, now_us);
}

int dtls_send(struct dtls *dtls, struct bytes plain)
{
    if (dtls->state != DTLS_CONNECTED)
        return ERR_STATE;
    assert(plain.len > 0 && plain.len <= SSL3_RT_MAX_PLAIN_LENGTH);
    take_buffers(dtls);
    if (SSL_write(dtls->ssl, plain.data, (int)plain.len) <= 0)
        fail(dtls);
    give_buffers(dtls);
    return dtls->state == DTLS_CONNECTED ? 0 : ERR_STATE;
}

/* ---- Life and getters --------------------------------------------------------------------------
 */

int dtls_new(struct dtls **out, struct dtls_server *server, const struct dtls_fingerprint *expected)
{
    struct dtls *dtls = mem_alloc(sizeof(*dtls));
    *dtls = (struct dtls){
        .magic = DTLS_MAGIC,
        .reason = "",
        .deadline_us = TIME_NEVER,
        .expected = *expected,
    };
    BIO *bio = BIO_new(server->method);
    dtls->ssl = SSL_new(server->context);
    if (bio == NULL || dtls->ssl == NULL) {
        BIO_free(bio);
        dtls_free(dtls);
        return ERR_CRYPTO;
    }
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(dtls->ssl, bio, bio); /* takes it */
    SSL_set_app_data(dtls->ssl, dtls);
    SSL_set_mtu(dtls->ssl, DTLS_MTU);
    DTLS_set_timer_cb(dtls->ssl, next_timeout_us);
    SSL_set_accept_state(dtls->ssl);
    *out = dtls;
    return 0;
}

void dtls_free(struct dtls *dtls)
{
    SSL_free(dtls->ssl); /* without SSL_shutdown(), so without close_notify */
    datagrams_clear(&dtls->out);
    datagrams_clear(&dtls->plain);
    dtls->magic = 0;
    free(dtls);
}

int64_t dtls_deadline(const struct dtls *dtls)
{
    return dtls->deadline_us;
}

enum dtls_state dtls_state(const struct dtls *dtls)
{
    return dtls->state;
}

enum dtls_failure dtls_failure(const struct dtls *dtls)
{
    return dtls->failure;
}

const char *dtls_reason(const struct dtls *dtls)
{
    return dtls->reason;
}

struct datagrams *dtls_output(struct dtls *dtls)
{
    return &dtls->out;
}

struct datagrams *dtls_plain(struct dtls *dtls)
{
    return &dtls->plain;
}

uint64_t dtls_dropped(const struct dtls *dtls)
{
    return dtls->dropped;
}

/* ---- Keys -------------------------------------------------------------------------------------
 */

struct profile_shape {
    enum dtls_profile profile;
    uint8_t key;
    uint8_t salt;
};

static struct profile_shape profile_shape(unsigned long id)
{
    switch (id) {
    case SRTP_AEAD_AES_128_GCM:
        return (struct profile_shape){DTLS_AES_128_GCM, 16, 12};
    case SRTP_AEAD_AES_256_GCM:
        return (struct profile_shape){DTLS_AES_256_GCM, 32, 12};
    case SRTP_AES128_CM_SHA1_80:
        return (struct profile_shape){DTLS_AES_128_CM_SHA1_80, 16, 14};
    default:
        unreachable(); /* only these were offered */
    }
}

int dtls_export(const struct dtls *dtls, struct dtls_keys *out)
{
    if (dtls->state != DTLS_CONNECTED)
        return ERR_STATE;
    struct profile_shape shape = profile_shape(SSL_get_selected_srtp_profile(dtls->ssl)->id);
    size_t key = shape.key;
    size_t salt = shape.salt;
    uint8_t material[2 * DTLS_KEY_MAX];
    if (SSL_export_keying_material(dtls->ssl, material, 2 * (key + salt), EXPORTER_LABEL,
                                   strlen(EXPORTER_LABEL), NULL, 0, 0) != 1)
        return ERR_CRYPTO;
    /* client key, server key, client salt, server salt */
    struct dtls_keys keys = {.profile = shape.profile, .len = (uint8_t)(key + salt)};
    memcpy(keys.client, material, key);
    memcpy(keys.server, material + key, key);
    memcpy(keys.client + key, material + 2 * key, salt);
    memcpy(keys.server + key, material + 2 * key + salt, salt);
    OPENSSL_cleanse(material, sizeof(material));
    *out = keys;
    return 0;
}
