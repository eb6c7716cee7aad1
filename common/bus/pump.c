/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bus/internal.h"

#define PUMP_MAGIC 0x70756d70

static struct pump *checked(void *data)
{
    struct pump *pump = data;
    assert(pump->magic == PUMP_MAGIC);
    return pump;
}

static void run(struct pump *pump)
{
    if (pump->drain(pump->owner)) {
        pump_kick(pump);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error shows in the drain */
    (void)events;
    run(checked(poll->data));
}

static void on_again(uv_idle_t *again)
{
    uv_idle_stop(again);
    run(checked(again->data));
}

int pump_open(struct pump *pump, struct bus *bus, void *zmq, bool (*drain)(void *), void *owner)
{
    int fd;
    size_t len = sizeof(fd);
    if (zmq_getsockopt(zmq, ZMQ_FD, &fd, &len) != 0) {
        return ERR_IO;
    }
    *pump =
        (struct pump){.magic = PUMP_MAGIC, .bus = bus, .zmq = zmq, .drain = drain, .owner = owner};
    if (uv_poll_init(bus->loop, &pump->poll, fd) != 0) {
        pump->magic = 0;
        return ERR_IO;
    }
    pump->poll.data = pump;
    bus_handle_opened(bus);
    uv_idle_init(bus->loop, &pump->again);
    pump->again.data = pump;
    bus_handle_opened(bus);
    uv_poll_start(&pump->poll, UV_READABLE, on_readable);
    pump_kick(pump); /* an edge may have come before we watched */
    return 0;
}

void pump_kick(struct pump *pump)
{
    if (pump->magic == PUMP_MAGIC) { /* else a handler closed the socket during the drain */
        uv_idle_start(&pump->again, on_again);
    }
}

void pump_check(struct pump *pump)
{
    int events = 0;
    size_t len = sizeof(events);
    if (zmq_getsockopt(pump->zmq, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLIN) != 0) {
        pump_kick(pump);
    }
}

void pump_close(struct pump *pump)
{
    if (pump->magic != PUMP_MAGIC) {
        return; /* never opened */
    }
    pump->magic = 0;
    bus_handle_close(pump->bus, (uv_handle_t *)&pump->poll);
    bus_handle_close(pump->bus, (uv_handle_t *)&pump->again);
}
