/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as messages of another orchestrator: a Hello first, then the input, cut into messages
 * by two bytes of length each. They get the session they need, so that they are looked at.
 */
#include "orchestrator/core/cluster/cluster.h"
#include "proto/gen/bus.pb-c.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

#define SESSION 7
#define THEIRS  2 /* number of their front; ours is 1 */

static uint64_t session_of(const struct effect *sent)
{
    ProtobufCMessage *message;
    int err = wire_unpack(&spillway__bus__peer_message__descriptor,
                          (struct bytes){sent->data, sent->len}, &message);
    assert(err == 0);
    uint64_t session = ((const Spillway__Bus__PeerMessage *)message)->session;
    protobuf_c_message_free_unpacked(message, NULL);
    return session;
}

/* The session of what was sent last, 0: nothing was. */
static uint64_t drain(struct cluster *cluster, int64_t now_us)
{
    struct effect effect;
    uint64_t session = 0;
    while (cluster_poll(cluster, &effect)) {
        if (effect.type == EFFECT_PEER_SEND) {
            session = session_of(&effect);
        }
        if (effect.type == EFFECT_STORE_CLAIM) { /* theirs and ours take turns */
            bool ours = strlen(effect.name) % 2 == 0;
            cluster_claimed(cluster, now_us, effect.name, 0, ours ? "OR_1" : "OR_2", 1);
        }
        effect_fini(&effect);
    }
    return session;
}

static void say(struct cluster *cluster, int64_t now_us, Spillway__Bus__PeerMessage *message)
{
    size_t len;
    message->session = SESSION;
    uint8_t *packed = wire_pack(&message->base, &len);
    cluster_peer_message(cluster, now_us, 0, (struct bytes){packed, len});
    free(packed);
    drain(cluster, now_us);
}

static struct cluster *make(struct prng *prng, const struct token_key *key, struct journal *journal)
{
    static const uint8_t secret[32] = {7};
    struct random_source random = prng_source(prng);
    struct orch *orch = orch_new(&(struct orch_config){.id = "OR_1",
                                                       .region = "",
                                                       .zone = "",
                                                       .keys = {key, 1},
                                                       .demo_api_key = "",
                                                       .random = random,
                                                       .empty_timeout_s = 300,
                                                       .departure_timeout_s = 20,
                                                       .fill_permille = 800,
                                                       .join_permille = 950,
                                                       .room_weight = 16,
                                                       .cluster_secret = {secret, 32},
                                                       .seals = true},
                                 1, 1);
    struct cluster *cluster =
        cluster_new(&(struct cluster_config){.name = "us",
                                             .front = {.orchestrator = "OR_1",
                                                       .fingerprint = "sha-256 AA",
                                                       .region = "",
                                                       .number = 1},
                                             .keys = {key, 1},
                                             .peer_count = 1,
                                             .journal = journal,
                                             .random = random},
                    orch, 1, 1);
    Spillway__Bus__Hello hello = SPILLWAY__BUS__HELLO__INIT;
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    hello.id = "OR_2";
    hello.number = THEIRS;
    hello.protocol = 1;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO;
    message.hello = &hello;
    cluster_peer_link(cluster, 1, 0, true);
    hello.answers = drain(cluster, 1);
    hello.region = "r2"; /* can be cut off */
    say(cluster, 1, &message);
    return cluster;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct token_key key = {"key", "secret"};
    struct prng prng;
    int64_t now_us = 1;
    prng_seed(&prng, 1);
    struct journal *journal = journal_new("OR_1", "us");
    struct cluster *cluster = make(&prng, &key, journal);
    while (len >= 2) {
        size_t next = MIN(be16_get(data), len - 2);
        ProtobufCMessage *message;
        struct bytes bytes = {data + 2, next};
        now_us += 1000;
        if (wire_unpack(&spillway__bus__peer_message__descriptor, bytes, &message) == 0) {
            say(cluster, now_us, (Spillway__Bus__PeerMessage *)message);
            protobuf_c_message_free_unpacked(message, NULL);
        } else {
            cluster_peer_message(cluster, now_us, 0, bytes);
        }
        data += 2 + next;
        len -= 2 + next;
    }
    cluster_expire(cluster, now_us + TIME_S(10));
    drain(cluster, now_us + TIME_S(10));
    cluster_free(cluster);
    journal_free(journal);
    return 0;
}
