/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: the first datagram of an opened transport begins a DTLS handshake, its end yields the
 * keys, the first application data begins an SCTP association, and from then on records go in and
 * out of it. poll.c is the way out.
 *
 * What goes wrong, and what happens then:
 *   a flood of first datagrams     handshakes_max run at once, the rest is dropped and counted
 *   a handshake without an end     FRONT_FAILURE_TIMEOUT after FRONT_HANDSHAKE_US
 *   DTLS or SCTP end or fail       FRONT_FAILED, once; the transport is deaf until it is closed
 */
#include "orchestrator/shell/front/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include <utlist.h>

#define DTLS_HANDSHAKE_RECORD 22 /* RFC 6347 §4.1 */

_Static_assert(FRONT_DATAGRAMS_MAX == DATAGRAMS_MAX, "an output shows a whole queue");
_Static_assert(FRONT_LABEL_MAX == ORCH_SCTP_LABEL_MAX, "");
_Static_assert(FRONT_MESSAGE_IN_MAX == ORCH_SCTP_MESSAGE_MAX, "");
_Static_assert(FRONT_BUFFERED_MAX == ORCH_SCTP_BUFFERED_MAX, "");
_Static_assert(FRONT_LOSSY_BUFFER_MAX == ORCH_SCTP_LOSSY_MAX, "");
_Static_assert(FRONT_FINGERPRINT_MAX == DTLS_FINGERPRINT_MAX, "");
_Static_assert(FRONT_KEY_MAX == DTLS_KEY_MAX, "");

struct transport *transport_find(const struct front *front, uint64_t id)
{
    struct transport *transport;
    HASH_FIND(by_id, front->transports, &id, sizeof(id), transport);
    return transport;
}

void transport_mark_ready(struct front *front, struct transport *transport)
{
    if (transport->ready)
        return;
    transport->ready = true;
    DL_APPEND2(front->ready, transport, ready_prev, ready_next);
}

/* ---- Ends of a handshake ----------------------------------------------------------------------
 */

static void leave_handshakes(struct front *front, struct transport *transport)
{
    if (transport->state != TRANSPORT_HANDSHAKE)
        return;
    DL_DELETE2(front->handshakes, transport, handshake_prev, handshake_next);
    front->stats.handshakes--;
}

void transport_free_dtls(struct front *front, struct transport *transport)
{
    if (transport->dtls == NULL)
        return;
    front->stats.dropped_output += dtls_dropped(transport->dtls);
    dtls_free(transport->dtls);
    transport->dtls = NULL;
}

static void free_sctp(struct transport *transport)
{
    if (transport->sctp != NULL)
        orch_sctp_free(transport->sctp);
    transport->sctp = NULL;
}

/* DTLS stays until an alert in its output was polled. */
void transport_fail(struct front *front, struct transport *transport, enum front_failure failure)
{
    const char *reason = transport->dtls != NULL ? dtls_reason(transport->dtls) : "";
    log_write(front->log, LOG_INFO,
              "front.failed transport=%016" PRIx64 " failure=\"%s\" dtls=\"%s\"", transport->id,
              front_failure_text(failure), reason);
    leave_handshakes(front, transport);
    free_sctp(transport);
    transport->state = TRANSPORT_FAILED;
    transport->failure = failure;
    transport->failure_due = true;
    transport->connected_due = false;
    front->stats.failures[failure]++;
    transport_mark_ready(front, transport);
}

static enum front_suite suite_of(enum dtls_profile profile)
{
    switch (profile) {
    case DTLS_AES_128_GCM:
        return FRONT_AES_128_GCM;
    case DTLS_AES_256_GCM:
        return FRONT_AES_256_GCM;
    case DTLS_AES_128_CM_SHA1_80:
        return FRONT_AES_128_CM_SHA1_80;
    case DTLS_PROFILE_NONE:
        break;
    }
    unreachable();
}

/* With the handshake's last flight, so that the client's old association is gone before it has
 * anything new to send. */
static void resume_sctp(struct front *front, struct transport *transport, int64_t now_us)
{
    if (orch_sctp_new(&transport->sctp, front->stack, transport->id) != 0 ||
        orch_sctp_resume(transport->sctp, now_us, transport->channels, transport->channel_count) !=
            0)
        transport_fail(front, transport, FRONT_FAILURE_SCTP);
}

static void connect_transport(struct front *front, struct transport *transport, int64_t now_us)
{
    struct dtls_keys exported;
    if (dtls_export(transport->dtls, &exported) != 0) {
        transport_fail(front, transport, FRONT_FAILURE_HANDSHAKE);
        return;
    }
    leave_handshakes(front, transport);
    transport->state = TRANSPORT_CONNECTED;
    transport->keys.suite = suite_of(exported.profile);
    transport->keys.len = exported.len;
    memcpy(transport->keys.client_key, exported.client, sizeof(exported.client));
    memcpy(transport->keys.server_key, exported.server, sizeof(exported.server));
    explicit_bzero(&exported, sizeof(exported));
    transport->keys_attached = true;
    transport->connected_due = true;
    front->stats.handshakes_done++;
    log_write(front->log, LOG_DEBUG, "front.connected transport=%016" PRIx64 " suite=%d",
              transport->id, (int)transport->keys.suite);
    if (transport->resumes)
        resume_sctp(front, transport, now_us);
}

/* ---- Datagrams in -----------------------------------------------------------------------------
 */

static bool new_sctp(struct front *front, struct transport *transport)
{
    if (orch_sctp_new(&transport->sctp, front->stack, transport->id) != 0)
        return false;
    orch_sctp_offer(transport->sctp, transport->channels, transport->channel_count);
    return true;
}

static void feed_sctp(struct front *front, struct transport *transport, int64_t now_us)
{
    struct bytes records[DATAGRAMS_MAX];
    struct datagrams *plain = dtls_plain(transport->dtls);
    size_t count = datagrams_view(plain, records);
    if (count == 0)
        return;
    transport->keys_attached = false;
    if (transport->sctp == NULL && !new_sctp(front, transport)) {
        transport_fail(front, transport, FRONT_FAILURE_SCTP);
        return;
    }
    for (size_t i = 0; i < count; i++)
        orch_sctp_receive(transport->sctp, now_us, records[i]);
    datagrams_clear(plain);
}

static enum front_failure failure_of(enum dtls_failure failure)
{
    switch (failure) {
    case DTLS_FAILURE_FINGERPRINT:
        return FRONT_FAILURE_FINGERPRINT;
    case DTLS_FAILURE_NO_SRTP:
        return FRONT_FAILURE_NO_SRTP;
    case DTLS_FAILURE_PROTOCOL:
        return FRONT_FAILURE_HANDSHAKE;
    case DTLS_FAILURE_NONE:
        break;
    }
    unreachable();
}

static void after_dtls(struct front *front, struct transport *transport, int64_t now_us)
{
    switch (dtls_state(transport->dtls)) {
    case DTLS_HANDSHAKE:
        break;
    case DTLS_CONNECTED:
        if (transport->state == TRANSPORT_HANDSHAKE)
            connect_transport(front, transport, now_us);
        if (transport->state == TRANSPORT_CONNECTED)
            feed_sctp(front, transport, now_us);
        break;
    case DTLS_CLOSED:
        transport_fail(front, transport, FRONT_FAILURE_PEER_CLOSED);
        break;
    case DTLS_FAILED:
        transport_fail(front, transport, failure_of(dtls_failure(transport->dtls)));
        break;
    }
    transport_mark_ready(front, transport);
}

/* False: the datagram was dropped, or the transport failed. */
static bool begin_handshake(struct front *front, struct transport *transport, int64_t now_us,
                            struct bytes datagram)
{
    if (datagram.len == 0 || datagram.data[0] != DTLS_HANDSHAKE_RECORD) {
        front->stats.dropped_malformed++;
        return false;
    }
    if (front->stats.handshakes >= front->handshakes_max) {
        front->stats.dropped_flood++;
        return false;
    }
    if (dtls_new(&transport->dtls, front->server, &transport->expected) != 0) {
        transport_fail(front, transport, FRONT_FAILURE_HANDSHAKE);
        return false;
    }
    transport->state = TRANSPORT_HANDSHAKE;
    transport->handshake_end_us = now_us + FRONT_HANDSHAKE_US;
    DL_APPEND2(front->handshakes, transport, handshake_prev, handshake_next);
    front->stats.handshakes++;
    front->stats.handshakes_started++;
    return true;
}

void front_datagram(struct front *front, int64_t now_us, uint64_t id, struct bytes datagram)
{
    front_release_shown(front);
    struct transport *transport = transport_find(front, id);
    if (transport == NULL) {
        front->stats.dropped_unknown++;
        return;
    }
    if (transport->state == TRANSPORT_FAILED) {
        front->stats.dropped_failed++;
        return;
    }
    if (transport->state == TRANSPORT_OPENED &&
        !begin_handshake(front, transport, now_us, datagram))
        return;
    dtls_receive(transport->dtls, now_us, datagram);
    after_dtls(front, transport, now_us);
}

/* ---- Time -------------------------------------------------------------------------------------
 */

void front_expire(struct front *front, int64_t now_us)
{
    struct transport *transport;
    struct transport *following;
    front_release_shown(front);
    DL_FOREACH_SAFE2(front->handshakes, transport, following, handshake_next)
    {
        if (now_us >= transport->handshake_end_us) {
            transport_fail(front, transport, FRONT_FAILURE_TIMEOUT);
            continue;
        }
        dtls_expire(transport->dtls, now_us);
        after_dtls(front, transport, now_us);
    }
    orch_sctp_stack_expire(front->stack, now_us);
}

int64_t front_deadline(const struct front *front)
{
    int64_t deadline_us = orch_sctp_stack_deadline(front->stack);
    const struct transport *transport;
    DL_FOREACH2(front->handshakes, transport, handshake_next)
    {
        int64_t own_us = MIN(dtls_deadline(transport->dtls), transport->handshake_end_us);
        deadline_us = MIN(deadline_us, own_us);
    }
    return deadline_us;
}

/* ---- Messages out -----------------------------------------------------------------------------
 */

int front_send(struct front *front, int64_t now_us, uint64_t id,
               const struct front_message *message)
{
    struct transport *transport = transport_find(front, id);
    if (transport == NULL || transport->sctp == NULL)
        return ERR_NOT_FOUND;
    const struct orch_sctp_message sent = {
        .stream = message->stream,
        .binary = message->binary,
        .data = message->data,
    };
    int err = orch_sctp_send(transport->sctp, now_us, &sent);
    transport_mark_ready(front, transport);
    return err == ERR_STATE ? ERR_NOT_FOUND : err; /* no association: no channel either */
}

int front_stream(const struct front *front, uint64_t id, const char *label)
{
    const struct transport *transport = transport_find(front, id);
    if (transport == NULL || transport->sctp == NULL)
        return ERR_NOT_FOUND;
    return orch_sctp_stream(transport->sctp, label);
}

size_t front_buffered(const struct front *front, uint64_t id)
{
    const struct transport *transport = transport_find(front, id);
    if (transport == NULL || transport->sctp == NULL)
        return 0;
    return orch_sctp_buffered(transport->sctp);
}

/* ---- Life -------------------------------------------------------------------------------------
 */

static int add_transport(struct front *front, uint64_t id, const struct front_fingerprint *expected,
                         struct transport **out)
{
    if (transport_find(front, id) != NULL)
        return ERR_EXISTS;
    struct dtls_fingerprint parsed;
    int err = dtls_fingerprint_parse(&parsed, expected->hash, expected->value);
    if (err != 0)
        return err;
    struct transport *transport = mem_alloc(sizeof(*transport));
    transport->id = id;
    transport->expected = parsed;
    HASH_ADD(by_id, front->transports, id, sizeof(transport->id), transport);
    front->stats.transports++;
    *out = transport;
    return 0;
}

int front_open(struct front *front, uint64_t id, const struct front_fingerprint *expected)
{
    struct transport *transport;
    return add_transport(front, id, expected, &transport);
}

static int open_with(struct front *front, uint64_t id, const struct front_fingerprint *expected,
                     const struct front_channel *channels, size_t count, bool resumes)
{
    struct transport *transport;
    if (count > FRONT_CHANNELS_MAX)
        return ERR_INVALID;
    int err = add_transport(front, id, expected, &transport);
    if (err != 0)
        return err;
    transport->resumes = resumes;
    transport->channel_count = count;
    for (size_t i = 0; i < count; i++)
        transport->channels[i] = (struct orch_sctp_channel){
            .stream = channels[i].stream,
            .label = mem_str(channels[i].label),
            .ordered = channels[i].ordered,
            .reliability = channels[i].reliable ? ORCH_SCTP_RELIABLE : ORCH_SCTP_RETRANSMITS,
        };
    return 0;
}

int front_reopen(struct front *front, uint64_t id, const struct front_fingerprint *expected,
                 const struct front_channel *channels, size_t count)
{
    bool resumes = count > 0; /* else the client begins, as ever */
    return open_with(front, id, expected, channels, count, resumes);
}

int front_offer(struct front *front, uint64_t id, const struct front_fingerprint *expected,
                const struct front_channel *channels, size_t count)
{
    return open_with(front, id, expected, channels, count, false);
}

void front_close(struct front *front, uint64_t id)
{
    front_release_shown(front);
    struct transport *transport = transport_find(front, id);
    if (transport == NULL)
        return;
    leave_handshakes(front, transport);
    if (transport->ready)
        DL_DELETE2(front->ready, transport, ready_prev, ready_next);
    HASH_DELETE(by_id, front->transports, transport);
    front->stats.transports--;
    free_sctp(transport);
    transport_free_dtls(front, transport);
    explicit_bzero(&transport->keys, sizeof(transport->keys));
    for (size_t i = 0; i < transport->channel_count; i++)
        free((char *)(uintptr_t)transport->channels[i].label);
    free(transport);
}

int front_new(struct front **out, const struct front_config *config)
{
    struct dtls_server *server;
    int err = dtls_server_new(&server);
    if (err != 0)
        return err;
    struct front *front = mem_alloc(sizeof(*front));
    front->log = config->log;
    front->handshakes_max =
        config->handshakes_max != 0 ? config->handshakes_max : FRONT_HANDSHAKES_MAX;
    front->server = server;
    orch_sctp_stack_new(&front->stack);
    *out = front;
    return 0;
}

void front_free(struct front *front)
{
    while (front->transports != NULL)
        front_close(front, front->transports->id);
    orch_sctp_stack_free(front->stack);
    dtls_server_free(front->server);
    free(front);
}

const char *front_fingerprint(const struct front *front)
{
    return dtls_server_fingerprint(front->server);
}

/* ---- Watching ---------------------------------------------------------------------------------
 */

void front_stats(const struct front *front, struct front_stats *out)
{
    const struct orch_sctp_stats *sctp = orch_sctp_stack_stats(front->stack);
    *out = front->stats;
    out->associations = sctp->associations;
    out->dropped_malformed += sctp->malformed;
    out->dropped_output += sctp->packets_dropped;
    out->messages_in = sctp->messages_in;
    out->messages_out = sctp->messages_out;
    out->messages_lossy_dropped = sctp->lossy_dropped;
    out->messages_stray = sctp->stray;
    out->channels_refused = sctp->refused;
    for (const struct transport *t = front->transports; t != NULL; t = t->by_id.next)
        if (t->dtls != NULL)
            out->dropped_output += dtls_dropped(t->dtls);
}

const char *front_failure_text(enum front_failure failure)
{
    static const char *const texts[] = {
        [FRONT_FAILURE_NONE] = "none",
        [FRONT_FAILURE_FINGERPRINT] = "fingerprint mismatch",
        [FRONT_FAILURE_HANDSHAKE] = "handshake failed",
        [FRONT_FAILURE_TIMEOUT] = "handshake timed out",
        [FRONT_FAILURE_NO_SRTP] = "no common SRTP profile",
        [FRONT_FAILURE_PEER_CLOSED] = "closed by client",
        [FRONT_FAILURE_SCTP] = "data channels lost",
        [FRONT_FAILURE_MESSAGE_TOO_BIG] = "message too big",
    };
    _Static_assert(ARRAY_LEN(texts) == FRONT_FAILURES, "one text for each");
    assert(failure < FRONT_FAILURES);
    return texts[failure];
}
