/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhook events in LiveKit's form. Made always; the shell posts them where URLs are configured.
 */
#include "orchestrator/core/room/private.h"
#include "proto/protojson/protojson.h"

static void post(const struct room *room, int64_t now_us, Livekit__WebhookEvent *event,
                 const char *name, struct arena *arena, struct effects *fx)
{
    char id[ID_MAX];
    id_new(id, "EV_", &room->config->random);
    event->event = (char *)name;
    event->id = id;
    event->created_at = wall_ms(room, now_us) / 1000;
    event->room = info_room(room, arena);
    size_t len;
    char *json = protojson_print(&event->base, &(struct protojson_options){0}, &len);
    effects_take(fx, (struct effect){.type = EFFECT_WEBHOOK,
                                     .name = mem_str(room->name),
                                     .data = (uint8_t *)json,
                                     .len = len});
}

void webhook_room(const struct room *room, int64_t now_us, const char *name, struct effects *fx)
{
    struct arena arena = {0};
    Livekit__WebhookEvent event = LIVEKIT__WEBHOOK_EVENT__INIT;
    post(room, now_us, &event, name, &arena, fx);
    arena_fini(&arena);
}

void webhook_participant(const struct participant *p, int64_t now_us, const char *name,
                         struct effects *fx)
{
    struct arena arena = {0};
    Livekit__WebhookEvent event = LIVEKIT__WEBHOOK_EVENT__INIT;
    event.participant = info_participant(p, &arena);
    post(p->room, now_us, &event, name, &arena, fx);
    arena_fini(&arena);
}

void webhook_track(const struct track *track, int64_t now_us, const char *name, struct effects *fx)
{
    struct arena arena = {0};
    Livekit__WebhookEvent event = LIVEKIT__WEBHOOK_EVENT__INIT;
    event.participant = info_participant(track->publisher, &arena);
    event.track = info_track(track, &arena);
    post(track->publisher->room, now_us, &event, name, &arena, fx);
    arena_fini(&arena);
}
