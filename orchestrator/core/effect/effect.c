/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/effect/effect.h"

#include <stdlib.h>

void effect_fini(struct effect *effect)
{
    free(effect->name);
    free(effect->text);
    free(effect->data);
    *effect = (struct effect){0};
}

void effects_fini(struct effects *queue)
{
    for (size_t i = queue->next; i < queue->count; i++) {
        effect_fini(&queue->items[i]);
    }
    free(queue->items);
    *queue = (struct effects){0};
}

void effects_take(struct effects *queue, struct effect effect)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
        queue->items = mem_grow(queue->items, queue->capacity, sizeof(*queue->items));
    }
    queue->items[queue->count++] = effect;
}

bool effects_poll(struct effects *queue, struct effect *out)
{
    if (queue->next == queue->count) {
        queue->next = queue->count = 0;
        return false;
    }
    *out = queue->items[queue->next++];
    return true;
}

void effect_accept(struct effects *queue, uint64_t conn)
{
    effects_take(queue, (struct effect){.type = EFFECT_ACCEPT, .id = conn});
}

void effect_refuse(struct effects *queue, uint64_t conn, int status, const char *text)
{
    effects_take(queue, (struct effect){.type = EFFECT_REFUSE,
                                        .id = conn,
                                        .status = status,
                                        .text = mem_str(text),
                                        .retry_after_s = status == 503 ? 2 : 0});
}

void effect_close(struct effects *queue, uint64_t conn, int code)
{
    effects_take(queue, (struct effect){.type = EFFECT_CLOSE, .id = conn, .status = code});
}

void effect_conn_adopt(struct effects *queue, uint64_t conn)
{
    effects_take(queue, (struct effect){.type = EFFECT_CONN_ADOPT, .id = conn});
}

void effect_front_adopt(struct effects *queue, uint64_t transport, uint64_t front)
{
    effects_take(queue,
                 (struct effect){.type = EFFECT_FRONT_ADOPT, .id = transport, .front = front});
}

void effect_front_open(struct effects *queue, uint64_t transport, uint64_t front,
                       const char *fingerprint)
{
    effect_front_open_with(queue, transport, front, fingerprint, EFFECT_CHANNELS_CLIENTS, NULL, 0);
}

void effect_front_open_with(struct effects *queue, uint64_t transport, uint64_t front,
                            const char *fingerprint, enum effect_channels whose,
                            const struct effect_channel *channels, size_t count)
{
    assert(count <= EFFECT_CHANNELS_MAX);
    effects_take(queue, (struct effect){.type = EFFECT_FRONT_OPEN,
                                        .id = transport,
                                        .front = front,
                                        .status = (int)whose,
                                        .text = mem_str(fingerprint),
                                        .data = mem_copy(channels, count * sizeof(*channels)),
                                        .len = count * sizeof(*channels)});
}

void effect_front_close(struct effects *queue, uint64_t transport, uint64_t front)
{
    effects_take(queue,
                 (struct effect){.type = EFFECT_FRONT_CLOSE, .id = transport, .front = front});
}

void effect_front_route(struct effects *queue, uint64_t transport, uint64_t front, const char *node)
{
    effects_take(queue, (struct effect){.type = EFFECT_FRONT_ROUTE,
                                        .id = transport,
                                        .front = front,
                                        .name = mem_str(node)});
}

void effect_channel_send(struct effects *queue, uint64_t transport, uint64_t front, uint16_t stream,
                         bool lossy, struct bytes data)
{
    effects_take(queue, (struct effect){.type = EFFECT_CHANNEL_SEND,
                                        .id = transport,
                                        .front = front,
                                        .stream = stream,
                                        .status = lossy ? 1 : 0,
                                        .data = mem_copy(data.data, data.len),
                                        .len = data.len});
}

void effect_reply(struct effects *queue, uint64_t request, int status, const char *content_type,
                  const char *body)
{
    size_t len = strlen(body);
    effects_take(queue, (struct effect){.type = EFFECT_REPLY,
                                        .id = request,
                                        .status = status,
                                        .name = mem_str(content_type),
                                        .data = mem_copy(body, len),
                                        .len = len,
                                        .retry_after_s = status == 503 ? 2 : 0});
}

void effect_media(struct effects *queue, const char *node, const char *identity,
                  const char *address, enum effect_media how)
{
    effects_take(queue, (struct effect){.type = EFFECT_MEDIA,
                                        .name = mem_str(node),
                                        .text = mem_str(identity),
                                        .data = mem_copy(address, strlen(address)),
                                        .len = strlen(address),
                                        .status = (int)how});
}

void effect_node_gone(struct effects *queue, const char *node)
{
    effects_take(queue, (struct effect){.type = EFFECT_STORE_NODE_GONE, .name = mem_str(node)});
}

void effect_room_stored(struct effects *queue, const char *room, const char *node, uint64_t epoch)
{
    effects_take(queue, (struct effect){.type = EFFECT_STORE_ROOM,
                                        .name = mem_str(room),
                                        .text = mem_str(node),
                                        .epoch = epoch});
}

void effect_room_gone(struct effects *queue, const char *room)
{
    effects_take(queue, (struct effect){.type = EFFECT_STORE_ROOM_GONE, .name = mem_str(room)});
}
