/* SPDX-License-Identifier: Apache-2.0
 *
 * DTLS 1.2 for WebRTC (RFC 5763, RFC 5764) over OpenSSL: always the server, both sides show a
 * self-signed certificate, and the client's is held against the fingerprint of its SDP. Yields the
 * SRTP keys and carries SCTP packets as application data.
 *
 * No socket: datagrams go in with dtls_receive() and are collected from dtls_output(). After each
 * call that can act (receive, expire, send) look at dtls_state(), dtls_plain(), dtls_output() and
 * dtls_deadline(), and empty the two queues.
 *
 * Time: OpenSSL's retransmission timer reads the real clock (style.md §6.4). now_us only anchors
 * the deadline, so it must advance as the real clock does; tests replace gettimeofday().
 */
#ifndef ORCHESTRATOR_SHELL_DTLS_DTLS_H
#define ORCHESTRATOR_SHELL_DTLS_DTLS_H

#include "common/base/base.h"
#include "orchestrator/shell/datagrams/datagrams.h"

#define DTLS_MTU             1200 /* of a datagram with a handshake message, behind UDP's header */
#define DTLS_OVERHEAD        37   /* AES-GCM around application data: header 13, nonce 8, tag 16 */
#define DTLS_FINGERPRINT_MAX 96   /* SHA-256 as text: 95 characters and a NUL */
#define DTLS_DIGEST_MAX      64   /* SHA-512 */
#define DTLS_KEY_MAX         44   /* AES-256-GCM: key 32, salt 12 */

/* ---- The server: certificate and settings all associations share ---------------------------- */

struct dtls_server;

/* Makes a P-256 key and a certificate for it, in memory only. ERR_CRYPTO when OpenSSL fails. */
int dtls_server_new(struct dtls_server **out) MUST_CHECK;
void dtls_server_free(struct dtls_server *server); /* after its associations; NULL is fine */

/* SHA-256 of the certificate, "AB:CD:...". */
const char *dtls_server_fingerprint(const struct dtls_server *server);

/* ---- The client's fingerprint ---------------------------------------------------------------- */

enum dtls_hash { DTLS_SHA_256, DTLS_SHA_384, DTLS_SHA_512 };

struct dtls_fingerprint {
    enum dtls_hash hash;
    uint8_t len; /* of digest: 32, 48 or 64 */
    uint8_t digest[DTLS_DIGEST_MAX];
};

/* From the two words of a=fingerprint (RFC 8122 §5), letters in any case. ERR_UNSUPPORTED: another
 * hash; ERR_INVALID: value is not as many colon-separated hex pairs as the hash has bytes. */
int dtls_fingerprint_parse(struct dtls_fingerprint *out, const char *hash,
                           const char *value) MUST_CHECK;

/* ---- An association -------------------------------------------------------------------------- */

struct dtls;

enum dtls_state {
    DTLS_HANDSHAKE,
    DTLS_CONNECTED,
    DTLS_CLOSED, /* the client said close_notify */
    DTLS_FAILED, /* see dtls_failure() */
};

enum dtls_failure {
    DTLS_FAILURE_NONE,
    DTLS_FAILURE_FINGERPRINT, /* an alert for the client is in the output */
    DTLS_FAILURE_NO_SRTP,     /* no common protection profile; an alert, too */
    DTLS_FAILURE_PROTOCOL,    /* no agreement, or a fatal alert; dtls_reason() says more */
};

/* server is borrowed and outlives it; *expected is copied. ERR_CRYPTO when OpenSSL fails. */
int dtls_new(struct dtls **out, struct dtls_server *server,
             const struct dtls_fingerprint *expected) MUST_CHECK;

/* Silent: no close_notify, whatever the state. */
void dtls_free(struct dtls *dtls);

/* One datagram with one or more records. Bad records are dropped, as DTLS wants it; the state says
 * when something final happened. Ignored in the two end states. */
void dtls_receive(struct dtls *dtls, int64_t now_us, struct bytes datagram);

/* Repeats the last flight if its time has come. */
void dtls_expire(struct dtls *dtls, int64_t now_us);

/* TIME_NEVER when no flight waits for an answer. */
int64_t dtls_deadline(const struct dtls *dtls);

/* One record of application data, at most 16,384 bytes. ERR_STATE unless connected. */
int dtls_send(struct dtls *dtls, struct bytes plain) MUST_CHECK;

enum dtls_state dtls_state(const struct dtls *dtls);
enum dtls_failure dtls_failure(const struct dtls *dtls);
const char *dtls_reason(const struct dtls *dtls); /* OpenSSL's words for the failure, "" if none */

struct datagrams *dtls_output(struct dtls *dtls); /* for the wire */
struct datagrams *dtls_plain(struct dtls *dtls);  /* application data, one entry a record */
uint64_t dtls_dropped(const struct dtls *dtls);   /* entries either queue had no room for */

/* ---- Keys ------------------------------------------------------------------------------------ */

enum dtls_profile { /* the numbers of RFC 5764 §4.1.2 and RFC 7714 §14.2 */
                    DTLS_PROFILE_NONE = 0,
                    DTLS_AES_128_CM_SHA1_80 = 0x0001,
                    DTLS_AES_128_GCM = 0x0007,
                    DTLS_AES_256_GCM = 0x0008,
};

struct dtls_keys {
    enum dtls_profile profile;
    uint8_t len;                  /* of each direction: key then salt; 28, 44 or 30 */
    uint8_t client[DTLS_KEY_MAX]; /* the client writes with it */
    uint8_t server[DTLS_KEY_MAX];
};

/* ERR_STATE before DTLS_CONNECTED. */
int dtls_export(const struct dtls *dtls, struct dtls_keys *out) MUST_CHECK;

#endif
