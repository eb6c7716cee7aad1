/* SPDX-License-Identifier: Apache-2.0
 *
 * Data packets between participants: what the router must read of a LiveKit DataPacket, the sender
 * it stamps on it, the replay for late joiners, and the header of data track packets.
 *
 * A packet is never decoded whole. The view finds the few fields that routing needs, everything
 * else passes untouched, including fields newer than this program. Stamping appends fields: in
 * protobuf the last value of a singular field wins.
 */
#ifndef ORCHESTRATOR_CORE_DATA_DATA_H
#define ORCHESTRATOR_CORE_DATA_DATA_H

#include "common/base/base.h"

#define DATA_PACKET_MAX       65535 /* bytes of one packet on a data channel, larger is refused */
#define DATA_REPLAY_US        TIME_S(2)
#define DATA_REPLAY_BYTES_MAX (100 * 1024)
#define DATA_HELD_US          TIME_S(30) /* the same, while somebody is to get them later */
#define DATA_HELD_BYTES_MAX   (1024 * 1024)

/* DataPacket's oneof, by field number. */
enum data_value {
    DATA_VALUE_NONE = 0,
    DATA_VALUE_USER = 2,
    DATA_VALUE_SIP_DTMF = 6,
    DATA_VALUE_TRANSCRIPTION = 7,
    DATA_VALUE_METRICS = 8,
    DATA_VALUE_CHAT = 9,
    DATA_VALUE_RPC_REQUEST = 10,
    DATA_VALUE_RPC_ACK = 11,
    DATA_VALUE_RPC_RESPONSE = 12,
    DATA_VALUE_STREAM_HEADER = 13,
    DATA_VALUE_STREAM_CHUNK = 14,
    DATA_VALUE_STREAM_TRAILER = 15,
    DATA_VALUE_ENCRYPTED = 18,
};

struct data_packet {
    struct bytes whole; /* borrowed, like everything here */
    enum data_value value;
    size_t value_at;   /* where its field begins in the whole */
    struct bytes body; /* of the value, still encoded */
    uint32_t sequence; /* the sender's counter, 0 none */
    bool addressed;    /* names destinations: only they receive it */
};

/* Reads a packet. ERR_TOO_BIG, ERR_INVALID (not protobuf, or no value). */
MUST_CHECK int data_packet_parse(struct bytes input, struct data_packet *out);

/* Whether the packet goes to this participant (the sender excepted, which is the caller's rule). */
bool data_packet_for(const struct data_packet *packet, const char *identity, const char *sid);

/* A copy with the sender's identity and sid, whatever the client wrote there; free() it. They stand
 * in the packet and, for old clients, again in a user packet inside it. For a hidden sender both
 * are empty strings. */
uint8_t *data_packet_stamp(const struct data_packet *packet, const char *identity, const char *sid,
                           size_t *len);

/* The first field with this number in an encoded message, length-delimited; false if absent. */
bool data_field(struct bytes message, uint32_t number, struct bytes *out);

/* ---- Replay: the reliable packets of the last 2 s and 100 KB of a room, for participants whose
 * data channel opens after they joined; of 30 s and 1 MB while somebody's is away for a moment. The
 * oldest go first when it is full. */
struct data_replay_entry {
    int64_t at_us;
    char *sender;  /* identity, owned */
    uint8_t *data; /* stamped packet, owned */
    size_t len;
    uint64_t ordinal; /* rises by one with each entry of a room, from 1 */
};

struct data_replay {
    struct data_replay_entry *entries; /* oldest first */
    size_t count;
    size_t capacity;
    size_t bytes;
    uint64_t last_ordinal;
    size_t holders; /* whose data channel is away; counted by the caller */
};

void data_replay_fini(struct data_replay *replay);
void data_replay_add(struct data_replay *replay, int64_t now_us, const char *sender,
                     struct bytes packet);
void data_replay_expire(struct data_replay *replay, int64_t now_us);

/* ---- Data tracks: 12-byte header, big-endian; byte 0 holds a version in its top three bits (0),
 * bytes 2-3 the handle. */
#define DATA_TRACK_HEADER 12

/* The publisher's handle. ERR_TRUNCATED, ERR_UNSUPPORTED (version), ERR_INVALID (handle 0). */
MUST_CHECK int data_track_handle(struct bytes packet, uint16_t *out);
/* Replaces it by the subscriber's handle, in place. */
void data_track_set_handle(uint8_t *packet, uint16_t handle);

#endif
