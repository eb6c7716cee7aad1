/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients ask owners elsewhere for and may wait for in vain, should these die: offers and
 * tracks.
 *
 *   asked      not answered: the next owner is asked again
 *   answered   lately: what nodes keep of it for the next owner may have been on its way still. So
 *              that one is told the tracks' sids, as by a client that resumes (SyncState), and the
 *              client is asked for an offer, for of the last one it may know nothing.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

/* First bytes of the messages in question: members of a oneof, of which each has one. */
enum { TAG_OFFER = 0x0a, TAG_ADD_TRACK = 0x22, TAG_ANSWER = 0x12, TAG_TRACK_PUBLISHED = 0x32 };

static uint8_t tag_of(struct bytes message)
{
    return message.len == 0 ? 0 : message.data[0];
}

bool asked_repeats(struct bytes message)
{
    return tag_of(message) == TAG_OFFER || tag_of(message) == TAG_ADD_TRACK;
}

void early_free(struct cluster *c, struct early *early)
{
    c->waiting_bytes -= early->len;
    free(early->data);
    *early = (struct early){0};
}

static struct early copy_of(struct cluster *c, struct bytes message)
{
    c->waiting_bytes += message.len;
    return (struct early){.data = mem_copy(message.data, message.len), .len = message.len};
}

static void drop_first(struct cluster *c, struct early *list, size_t *count)
{
    early_free(c, &list[0]);
    memmove(&list[0], &list[1], --*count * sizeof(list[0]));
}

void asked_keep(struct cluster *c, struct conn *conn, struct bytes message)
{
    struct asked *asked = &conn->asked;
    if (c->waiting_bytes + message.len > CLUSTER_WAITING_MAX) {
        return;
    }
    if (tag_of(message) == TAG_OFFER) {
        early_free(c, &asked->offer);
        asked->offer = copy_of(c, message);
    } else if (tag_of(message) == TAG_ADD_TRACK && asked->track_count < CLUSTER_EARLY_MAX) {
        asked->tracks[asked->track_count++] = copy_of(c, message);
    }
}

static void drop_published(struct cluster *c, struct asked *asked)
{
    memmove(&asked->published_us[0], &asked->published_us[1],
            (asked->published_count - 1) * sizeof(asked->published_us[0]));
    drop_first(c, asked->published, &asked->published_count);
}

static void drop_old(struct cluster *c, struct asked *asked)
{
    int64_t old_us = c->now_us - CLUSTER_UNSEALED_US;
    while (asked->published_count > 0 && asked->published_us[0] < old_us) {
        drop_published(c, asked);
    }
    asked->offer_answered = asked->offer_answered && asked->offer_answered_us >= old_us;
}

/* Tracks are answered in the order in which they were asked for. */
void asked_answered(struct cluster *c, struct conn *conn, struct bytes message)
{
    struct asked *asked = &conn->asked;
    if (tag_of(message) == TAG_ANSWER) {
        early_free(c, &asked->offer);
        asked->offer_answered = true;
        asked->offer_answered_us = c->now_us;
    } else if (tag_of(message) == TAG_TRACK_PUBLISHED && asked->track_count > 0) {
        drop_first(c, asked->tracks, &asked->track_count);
        drop_old(c, asked);
        if (asked->published_count == CLUSTER_EARLY_MAX) {
            drop_published(c, asked);
        }
        if (c->waiting_bytes + message.len <= CLUSTER_WAITING_MAX) {
            asked->published_us[asked->published_count] = c->now_us;
            asked->published[asked->published_count++] = copy_of(c, message);
        }
    }
}

void asked_owner_died(struct cluster *c, struct conn *conn)
{
    drop_old(c, &conn->asked);
}

static void tell_published(struct cluster *c, struct conn *conn)
{
    struct asked *asked = &conn->asked;
    Livekit__SignalResponse *said[CLUSTER_EARLY_MAX];
    Livekit__TrackPublishedResponse *tracks[CLUSTER_EARLY_MAX];
    Livekit__SyncState state = LIVEKIT__SYNC_STATE__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    size_t count = 0;
    state.publish_tracks = tracks;
    for (size_t i = 0; i < asked->published_count; i++) {
        said[count] = livekit__signal_response__unpack(NULL, asked->published[i].len,
                                                       asked->published[i].data);
        if (said[count] != NULL) {
            tracks[state.n_publish_tracks++] = said[count++]->track_published;
        }
    }
    if (count > 0) {
        size_t len;
        request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
        request.sync_state = &state;
        uint8_t *packed = wire_pack(&request.base, &len);
        front_say(c, conn, (struct bytes){packed, len}, false);
        free(packed);
    }
    while (count > 0) {
        livekit__signal_response__free_unpacked(said[--count], NULL);
    }
}

static void ask_for_offer(struct cluster *c, uint64_t conn)
{
    Livekit__MediaSectionsRequirement none = LIVEKIT__MEDIA_SECTIONS_REQUIREMENT__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT;
    response.media_sections_requirement = &none;
    size_t len;
    uint8_t *data = wire_pack(&response.base, &len);
    effects_take(&c->fx,
                 (struct effect){.type = EFFECT_SEND, .id = conn, .data = data, .len = len});
}

void asked_again(struct cluster *c, struct conn *conn)
{
    struct asked asked = conn->asked;
    tell_published(c, conn);
    conn->asked = (struct asked){0};
    for (size_t i = 0; i < asked.published_count; i++) {
        early_free(c, &asked.published[i]);
    }
    for (size_t i = 0; i < asked.track_count; i++) {
        front_say(c, conn, (struct bytes){asked.tracks[i].data, asked.tracks[i].len}, false);
        early_free(c, &asked.tracks[i]);
    }
    if (asked.offer.data != NULL) {
        front_say(c, conn, (struct bytes){asked.offer.data, asked.offer.len}, false);
        early_free(c, &asked.offer);
    } else if (asked.offer_answered) {
        ask_for_offer(c, conn->id);
    }
}

void asked_forget(struct cluster *c, struct conn *conn)
{
    struct asked *asked = &conn->asked;
    early_free(c, &asked->offer);
    for (size_t i = 0; i < asked->track_count; i++) {
        early_free(c, &asked->tracks[i]);
    }
    for (size_t i = 0; i < asked->published_count; i++) {
        early_free(c, &asked->published[i]);
    }
}
