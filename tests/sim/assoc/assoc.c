/* SPDX-License-Identifier: Apache-2.0
 *
 * A datagram is the tag, the number of a message (0: none), the number up to which the other end's
 * have come, and the message. One that overtook others waits for them.
 */
#include "tests/sim/assoc/assoc.h"

#include <stdlib.h>
#include <utlist.h>

#define HEADER    (1 + 3 * 4)
#define REPEAT_US TIME_MS(300)

struct assoc_message {
    uint32_t number;
    int64_t sent_us;
    struct assoc_message *prev, *next;
    size_t len;
    uint8_t data[];
};

static void send(struct assoc *assoc, uint32_t number, struct bytes message,
                 const struct assoc_handler *handler)
{
    uint8_t *datagram = mem_alloc(HEADER + message.len);
    datagram[0] = ASSOC_FIRST_BYTE;
    be32_put(datagram + 1, assoc->tag);
    be32_put(datagram + 5, number);
    be32_put(datagram + 9, assoc->received);
    if (message.len > 0) {
        memcpy(datagram + HEADER, message.data, message.len);
    }
    assoc->owes = false;
    handler->send(handler->arg, (struct bytes){datagram, HEADER + message.len});
    free(datagram);
}

static struct assoc_message *copy_of(uint32_t number, struct bytes message)
{
    struct assoc_message *copy = mem_alloc(sizeof(*copy) + message.len);
    *copy = (struct assoc_message){.number = number, .len = message.len};
    memcpy(copy->data, message.data, message.len);
    return copy;
}

static void drop_first(struct assoc_message **list)
{
    struct assoc_message *message = *list;
    DL_DELETE(*list, message);
    free(message);
}

void assoc_end(struct assoc *assoc)
{
    while (assoc->unacked != NULL) {
        drop_first(&assoc->unacked);
    }
    while (assoc->early != NULL) {
        drop_first(&assoc->early);
    }
    assoc->tag = 0;
}

void assoc_begin(struct assoc *assoc, uint32_t tag)
{
    assoc_end(assoc);
    *assoc = (struct assoc){.tag = tag};
}

void assoc_say(struct assoc *assoc, int64_t now_us, struct bytes message,
               const struct assoc_handler *handler)
{
    assert(assoc->tag != 0 && message.len > 0);
    struct assoc_message *kept = copy_of(++assoc->said, message);
    kept->sent_us = now_us;
    DL_APPEND(assoc->unacked, kept);
    send(assoc, kept->number, message, handler);
}

static struct assoc_message *find_early(const struct assoc *assoc, uint32_t number)
{
    struct assoc_message *message = assoc->early;
    while (message != NULL && message->number != number) {
        message = message->next;
    }
    return message;
}

static void take(struct assoc *assoc, uint32_t number, struct bytes message,
                 const struct assoc_handler *handler)
{
    struct assoc_message *next;
    assoc->owes = true;
    if (number <= assoc->received || find_early(assoc, number) != NULL) {
        return;
    }
    next = copy_of(number, message);
    DL_APPEND(assoc->early, next);
    while ((next = find_early(assoc, assoc->received + 1)) != NULL) {
        assoc->received++;
        handler->told(handler->arg, (struct bytes){next->data, next->len});
        DL_DELETE(assoc->early, next);
        free(next);
    }
}

void assoc_receive(struct assoc *assoc, struct bytes datagram, const struct assoc_handler *handler)
{
    if (datagram.len < HEADER || assoc->tag == 0 || be32_get(datagram.data + 1) != assoc->tag) {
        return;
    }
    uint32_t number = be32_get(datagram.data + 5), acked = be32_get(datagram.data + 9);
    assert(acked <= assoc->said);
    assoc->acked = MAX(assoc->acked, acked);
    while (assoc->unacked != NULL && assoc->unacked->number <= acked) {
        drop_first(&assoc->unacked);
    }
    if (number != 0) {
        take(assoc, number, (struct bytes){datagram.data + HEADER, datagram.len - HEADER}, handler);
    }
}

void assoc_tick(struct assoc *assoc, int64_t now_us, const struct assoc_handler *handler)
{
    struct assoc_message *message;
    DL_FOREACH(assoc->unacked, message)
    {
        if (now_us - message->sent_us >= REPEAT_US) {
            message->sent_us = now_us;
            send(assoc, message->number, (struct bytes){message->data, message->len}, handler);
        }
    }
    if (assoc->owes) {
        send(assoc, 0, (struct bytes){NULL, 0}, handler);
    }
}
