/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to core/relay: the structs, and what the files offer each other.
 */
#ifndef MEDIA_NODE_CORE_RELAY_PRIVATE_H
#define MEDIA_NODE_CORE_RELAY_PRIVATE_H

#include "media-node/core/pacer/pacer.h"
#include "media-node/core/relay/relay.h"

#define uthash_malloc(size)   mem_alloc(size)
#define uthash_fatal(message) unreachable()
#include <uthash.h>

#define KEYS_KEPT       2
#define WORD_GENERATION 26 /* where the parts of a packet's word begin */
#define WORD_RUN        20
#define WORD_ROC_MAX    0xfffffu
#define GENERATION_MASK 0x3fu
#define RUN_MASK        0x3fu
#define SUBTYPE_MASK    0x1fu /* of the generation, in RTCP */

struct keys {
    uint32_t generation;
    struct rtpsec *sec;
    uint32_t rtcp_ssrc;
};

struct relay_source {
    UT_hash_handle hh;
    struct relay *relay;
    uint32_t ssrc;
    struct relay_owner to;
    struct rtpsec_window windows[KEYS_KEPT]; /* one for each of the relay's keys ... */
    uint32_t generations[KEYS_KEPT];         /* ... when it was last used */
    uint8_t run;
    bool run_known;
};

struct relay_stream {
    UT_hash_handle hh;
    struct relay *relay;
    uint32_t ssrc;
    struct relay_owner to;
    uint32_t generation; /* sec is of; 0: none yet */
    struct rtpsec_stream sec;
    uint64_t offset; /* index of a packet less its seq; modulo 2^64 */
    uint8_t run;
    bool cut;    /* the next packet begins a run */
    bool placed; /* offset is of this run and generation */
};

/* An SSRC sent before under the present keys, and its last index: a nonce is for once. */
struct retired {
    uint32_t ssrc;
    uint64_t newest;
};

struct relay {
    struct relay_config config;
    struct ice_path path;
    bool has_path;
    struct keys keys[KEYS_KEPT]; /* sec NULL: free */
    struct keys *newest;         /* NULL: no keys yet */
    struct keys *sending;
    struct relay_source *sources;
    struct relay_stream *streams;
    struct retired *retired; /* of the generation sent with */
    size_t retired_count;
    size_t retired_capacity;
    int64_t made_us;
    int64_t heard_us;
    int64_t ping_at_us;
    /* the other end's clock in its last ping, and when that came */
    bool pinged;
    uint64_t their_clock;
    int64_t pinged_us;
    uint64_t echoed; /* our clock in the last echo taken */
    int64_t srtt_us; /* 0 unknown */
    int64_t rttvar_us;
    int64_t least_us[2]; /* round trip in this RELAY_LEAST_US and the last; TIME_NEVER: none */
    int64_t least_since_us;
    /* loss: RTP packets the other end sent and we got, by its last ping and the last report */
    uint64_t their_sent;
    uint64_t got_then;
    uint64_t sent_since;
    uint64_t got_since;
    uint64_t rtp_in;
    uint64_t rtp_out;
    struct relay_report totals;
    struct pacer pacer;
    uint64_t sent_bps; /* smoothed over about a second, as measured last */
    uint64_t measured_bytes;
    int64_t measured_us;
};

/* relay.c: something authenticated under these keys. */
void relay_heard(struct relay *relay, int64_t now_us, struct keys *keys);

/* The keys whose generation has these low bits, the newer first; NULL: none. */
struct keys *relay_find_keys(struct relay *relay, uint32_t low, uint32_t mask);

/* pace.c: at each ping. */
void relay_measure(struct relay *relay, int64_t now_us);

/* A slot of the outbox and whether anything can be sent; counted if not. */
uint8_t *relay_reserve(struct relay *relay);
void relay_commit(struct relay *relay, size_t len);

#endif
