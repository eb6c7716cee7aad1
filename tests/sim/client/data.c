/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/client/data.h"

#include "proto/wire/wire.h"
#include "tests/sim/world/world.h"

#include <stdio.h>
#include <stdlib.h>

#define QUIET_JS_US   TIME_S(2)
#define QUIET_RUST_US TIME_S(1)
#define PAYLOAD       7 /* who, session, number */
#define MESSAGE_MAX   256

static int64_t now(const struct client *c)
{
    return events_now(c->sim->events);
}

void data_begin(struct client *c)
{
    data_fini(&c->data);
    c->data = (struct data){.keeps = c->index % 2 == 1};
}

void data_fini(struct data *data)
{
    free(data->heard);
    data->heard = NULL;
    data->heard_count = 0;
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void give(struct client *c, uint32_t number, const struct pc_handler *handler)
{
    uint8_t payload[PAYLOAD] = {(uint8_t)c->index}, message[MESSAGE_MAX] = {SIM_CHANNEL_MESSAGE};
    be16_put(payload + 1, c->pcs);
    be32_put(payload + 3, number);
    Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    user.payload = (ProtobufCBinaryData){sizeof(payload), payload};
    packet.sequence = number;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
    packet.user = &user;
    size_t len = livekit__data_packet__get_packed_size(&packet);
    assert(1 + len <= sizeof(message));
    livekit__data_packet__pack(&packet, message + 1);
    c->data.given_us[number % DATA_TIMES] = now(c);
    pc_say(&c->pc, now(c), (struct bytes){message, 1 + len}, handler);
}

/* It opens its channel once; on the next association that is open already. */
static void open_channel(struct client *c, const struct pc_handler *handler)
{
    struct data *data = &c->data;
    uint8_t what = data->open ? SIM_CHANNEL_GOES_ON : SIM_CHANNEL_OPEN;
    if (data->tag != c->pc.assoc.tag) {
        data->tag = c->pc.assoc.tag;
        data->open = true;
        pc_say(&c->pc, now(c), (struct bytes){&what, 1}, handler);
    }
}

void data_say(struct client *c, const struct pc_handler *handler)
{
    struct data *data = &c->data;
    bool may = c->state == CLIENT_IN && now(c) >= data->quiet_us && c->pc.assoc.tag != 0;
    if (c->pc.assoc.tag != 0) {
        open_channel(c, handler);
    }
    if (data->open && (c->state == CLIENT_IN || c->state == CLIENT_RESUMING)) {
        data->said += c->pc.ticks % c->pc.talk_ticks == 0;
    }
    while (may && data->given < data->said) {
        give(c, ++data->given, handler);
    }
}

void data_resumed(struct client *c, uint32_t last)
{
    struct data *data = &c->data;
    data->quiet_us = now(c) + (data->keeps ? QUIET_RUST_US : QUIET_JS_US);
    if (data->keeps) {
        data->given = MIN(data->given, last);
    }
}

void data_front_lost(struct client *c)
{
    struct data *data = &c->data;
    const struct assoc *assoc = &c->pc.assoc;
    int64_t since_us = check_front_lost(c->sim, c);
    if (data->keeps || since_us == TIME_NEVER) {
        return;
    }
    uint32_t from = data->given - MIN(assoc->said - assoc->acked, data->given);
    while (from > 0 && data->given - from + 1 < DATA_TIMES &&
           data->given_us[from % DATA_TIMES] > since_us) {
        from--;
    }
    if (data->lost_count == DATA_LOST_MAX) {
        memmove(&data->lost[0], &data->lost[1], sizeof(data->lost) - sizeof(data->lost[0]));
        data->lost_count--;
    }
    data->lost[data->lost_count].from = from + 1;
    data->lost[data->lost_count++].to = data->given;
}

bool data_may_lack(const struct data *data, uint32_t number)
{
    for (size_t i = 0; i < data->lost_count; i++) {
        if (number >= data->lost[i].from && number <= data->lost[i].to) {
            return true;
        }
    }
    return false;
}

uint32_t data_due(const struct data *data, int64_t before_us)
{
    uint32_t number = data->given;
    while (number > 0 && data->given - number < DATA_TIMES &&
           (data->given_us[number % DATA_TIMES] > before_us || data_may_lack(data, number))) {
        number--;
    }
    return number;
}

/* ---- Receiving ----------------------------------------------------------------------------- */

uint32_t data_newest(const struct data *data, size_t who, uint16_t session)
{
    for (size_t i = 0; i < data->heard_count; i++) {
        const struct data_heard *heard = &data->heard[i];
        if (heard->who == who && heard->session == session) {
            return heard->number;
        }
    }
    return 0;
}

static struct data_heard *heard_of(struct data *data, const char *sid)
{
    for (size_t i = 0; i < data->heard_count; i++) {
        if (strcmp(data->heard[i].sid, sid) == 0) {
            return &data->heard[i];
        }
    }
    data->heard = mem_grow(data->heard, data->heard_count + 1, sizeof(*data->heard));
    struct data_heard *heard = &data->heard[data->heard_count++];
    *heard = (struct data_heard){0};
    snprintf(heard->sid, sizeof(heard->sid), "%s", sid);
    return heard;
}

void data_told(struct client *c, struct bytes message)
{
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&livekit__data_packet__descriptor, message, &unpacked);
    assert(err == 0);
    const Livekit__DataPacket *packet = (const Livekit__DataPacket *)unpacked;
    assert(packet->value_case == LIVEKIT__DATA_PACKET__VALUE_USER &&
           packet->user->payload.len == PAYLOAD);
    const uint8_t *payload = packet->user->payload.data;
    struct data_heard *heard = heard_of(&c->data, packet->participant_sid);
    if (packet->sequence > heard->number) { /* else a twin */
        struct data_heard before = *heard;
        heard->who = payload[0];
        heard->session = be16_get(payload + 1);
        heard->number = be32_get(payload + 3);
        check_message(c->sim, c, heard, &before);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

void data_state(const struct client *c, Livekit__SyncState *out, struct arena *arena)
{
    const struct data *data = &c->data;
    if (!data->open) {
        return;
    }
    Livekit__DataChannelInfo *channel = arena_alloc(arena, sizeof(*channel));
    livekit__data_channel_info__init(channel);
    channel->label = arena_str(arena, SIM_CHANNEL_LABEL);
    channel->id = SIM_CHANNEL_STREAM;
    out->data_channels = arena_array(arena, 1, sizeof(*out->data_channels));
    out->data_channels[out->n_data_channels++] = channel;
    out->datachannel_receive_states =
        arena_array(arena, data->heard_count, sizeof(*out->datachannel_receive_states));
    for (size_t i = 0; i < data->heard_count; i++) {
        Livekit__DataChannelReceiveState *state = arena_alloc(arena, sizeof(*state));
        livekit__data_channel_receive_state__init(state);
        state->publisher_sid = arena_str(arena, data->heard[i].sid);
        state->last_seq = data->heard[i].number;
        out->datachannel_receive_states[out->n_datachannel_receive_states++] = state;
    }
}
