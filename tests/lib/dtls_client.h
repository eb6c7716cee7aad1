/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's end of WebRTC's DTLS for tests, on plain OpenSSL and nothing of ours. Time is the
 * virtual one of openssl_time.h.
 */
#ifndef TESTS_LIB_DTLS_CLIENT_H
#define TESTS_LIB_DTLS_CLIENT_H

#include "common/base/base.h"

#define DTLS_CLIENT_QUEUE 64

struct dtls_client;

struct dtls_client_config {
    const char *srtp_profiles; /* OpenSSL's names; NULL: the extension is not sent */
    size_t hello_padding;      /* bytes added to the ClientHello: browsers reach two datagrams */
    bool no_certificate;
    bool rsa; /* a certificate with an RSA key instead of P-256 */
};

struct dtls_client *dtls_client_new(const struct dtls_client_config *config);
void dtls_client_free(struct dtls_client *client);

const char *dtls_client_fingerprint(const struct dtls_client *client); /* SHA-256, as in SDP */

void dtls_client_start(struct dtls_client *client); /* sends the ClientHello */
void dtls_client_receive(struct dtls_client *client, const uint8_t *bytes, size_t len);
void dtls_client_expire(struct dtls_client *client);
int64_t dtls_client_deadline(const struct dtls_client *client, int64_t now_us);
void dtls_client_send(struct dtls_client *client, const void *bytes, size_t len);
void dtls_client_close(struct dtls_client *client); /* close_notify */

bool dtls_client_connected(const struct dtls_client *client);
/* Whether the server's certificate has this SHA-256 fingerprint, in the form of SDP. */
bool dtls_client_peer_is(const struct dtls_client *client, const char *fingerprint);
int dtls_client_alert(const struct dtls_client *client); /* the last one received, -1: none */

/* Next datagram for the wire, or next decrypted record; freed by the caller, NULL if none. */
uint8_t *dtls_client_output(struct dtls_client *client, size_t *len);
uint8_t *dtls_client_plain(struct dtls_client *client, size_t *len);

/* RFC 5764 §4.2 by the letter: both keys, then both salts, of key_len and salt_len bytes. */
void dtls_client_export(struct dtls_client *client, uint8_t *out, size_t len);
const char *dtls_client_profile(const struct dtls_client *client); /* OpenSSL's name */

#endif
