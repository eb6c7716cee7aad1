/* SPDX-License-Identifier: Apache-2.0
 *
 * ZAP (ZeroMQ RFC 27): for each CURVE handshake the I/O thread asks inproc://zeromq.zap.01, which
 * is answered here, on the loop: 200 and the key's name as user id, which then comes with every
 * message of that connection, or 400. The domain of the asking socket is the role it accepts.
 */
#include "common/bus/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define FRAMES       7   /* version, request id, domain, address, identity, mechanism, key */
#define FRAME_MAX    256 /* no frame of a request we answer with 200 is longer */
#define LOG_EVERY_NS 1000000000u

struct entry {
    uint8_t key[KEY_BYTES];
    enum bus_role role;
    char name[BUS_NAME_MAX];
    UT_hash_handle hh;
};

struct zap {
    struct bus *bus; /* NULL: a list only */
    void *zmq;       /* REP */
    struct pump pump;
    struct entry *entries;
    uint64_t logged_at_ns; /* last refusal that was logged */
    uint64_t unlogged;     /* refusals since */
};

struct frame {
    uint8_t data[FRAME_MAX];
    size_t len;
};

const char *zap_domain(enum bus_role role)
{
    switch (role) {
    case BUS_ROLE_NODE:
        return "node";
    case BUS_ROLE_ORCHESTRATOR:
        return "orchestrator";
    }
    unreachable();
}

/* Reads one request whole. False when there is none. Parts beyond the seventh are read and make
 * the count wrong, as do frames that are too long. */
static bool receive(void *zmq, struct frame frames[FRAMES], size_t *count)
{
    *count = 0;
    for (;;) {
        struct frame spare;
        struct frame *frame = *count < FRAMES ? &frames[*count] : &spare;
        int len = zmq_recv(zmq, frame->data, sizeof(frame->data), ZMQ_DONTWAIT);
        if (len < 0) {
            return false;
        }
        frame->len = MIN((size_t)len, sizeof(frame->data));
        *count += (size_t)len > sizeof(frame->data) ? FRAMES + 1 : 1;
        int more = 0;
        size_t size = sizeof(more);
        zmq_getsockopt(zmq, ZMQ_RCVMORE, &more, &size);
        if (!more) {
            return true;
        }
    }
}

static bool frame_is(const struct frame *frame, const char *text)
{
    return frame->len == strlen(text) && memcmp(frame->data, text, frame->len) == 0;
}

static const struct entry *find(const struct zap *zap, const uint8_t key[KEY_BYTES])
{
    struct entry *entry;
    HASH_FIND(hh, zap->entries, key, KEY_BYTES, entry);
    return entry;
}

/* At most one line a second: a refused peer comes back for ever. */
static void log_refused(struct zap *zap, const struct frame frames[FRAMES])
{
    uint64_t now_ns = uv_hrtime();
    if (zap->logged_at_ns != 0 && now_ns - zap->logged_at_ns < LOG_EVERY_NS) {
        zap->unlogged++;
        return;
    }
    char key[BUS_KEY_LEN] = "?";
    if (frames[6].len == KEY_BYTES) {
        zmq_z85_encode(key, frames[6].data, KEY_BYTES);
    }
    log_write(zap->bus->log, LOG_WARN,
              "bus_key_refused address=%.*s role=%.*s key=\"%s\" unlogged=%llu", (int)frames[3].len,
              (const char *)frames[3].data, (int)frames[2].len, (const char *)frames[2].data, key,
              (unsigned long long)zap->unlogged);
    zap->logged_at_ns = now_ns;
    zap->unlogged = 0;
}

/* A well-formed request gets the name of its key if that may speak to the asking socket. */
static const struct entry *judge(struct zap *zap, const struct frame frames[FRAMES], size_t count)
{
    if (count != FRAMES || !frame_is(&frames[5], "CURVE") || frames[6].len != KEY_BYTES) {
        return NULL;
    }
    const struct entry *entry = find(zap, frames[6].data);
    if (entry == NULL || !frame_is(&frames[2], zap_domain(entry->role))) {
        log_refused(zap, frames);
        return NULL;
    }
    return entry;
}

static bool drain(void *arg)
{
    struct zap *zap = arg;
    struct frame frames[FRAMES];
    size_t count;
    while (receive(zap->zmq, frames, &count)) {
        const struct entry *entry = judge(zap, frames, count);
        const char *name = entry == NULL ? "" : entry->name;
        zmq_send(zap->zmq, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(zap->zmq, frames[1].data, count > 1 ? frames[1].len : 0, ZMQ_SNDMORE);
        zmq_send(zap->zmq, entry == NULL ? "400" : "200", 3, ZMQ_SNDMORE);
        zmq_send(zap->zmq, "", 0, ZMQ_SNDMORE);
        zmq_send(zap->zmq, name, strlen(name), ZMQ_SNDMORE);
        zmq_send(zap->zmq, "", 0, 0);
    }
    return false;
}

int zap_new(struct zap **out, struct bus *bus)
{
    struct zap *zap = zap_list_new();
    zap->bus = bus;
    zap->zmq = zmq_socket(bus->context, ZMQ_REP);
    if (zap->zmq == NULL) {
        free(zap);
        return ERR_IO;
    }
    if (socket_set_int(zap->zmq, ZMQ_LINGER, 0) != 0 || zmq_bind(zap->zmq, ZAP_ENDPOINT) != 0 ||
        pump_open(&zap->pump, bus, zap->zmq, drain, zap) != 0) {
        zmq_close(zap->zmq);
        free(zap);
        return ERR_IO;
    }
    *out = zap;
    return 0;
}

void zap_close(struct zap *zap)
{
    pump_close(&zap->pump);
    zmq_close(zap->zmq);
    zap->zmq = NULL;
}

struct zap *zap_list_new(void)
{
    return mem_alloc(sizeof(struct zap));
}

static void remove_entry(struct zap *zap, struct entry *entry)
{
    HASH_DELETE(hh, zap->entries, entry);
    free(entry);
}

void zap_free(struct zap *zap)
{
    struct entry *entry;
    struct entry *next;
    HASH_ITER(hh, zap->entries, entry, next)
    {
        remove_entry(zap, entry);
    }
    free(zap);
}

int zap_allow(struct zap *zap, enum bus_role role, const char *name, const char *public_key)
{
    uint8_t key[KEY_BYTES];
    if (!keys_name_valid(name) || !bus_key_valid(public_key)) {
        return ERR_INVALID;
    }
    zmq_z85_decode(key, public_key);
    if (find(zap, key) != NULL) {
        return ERR_EXISTS;
    }
    struct entry *entry = mem_alloc(sizeof(*entry));
    entry->role = role;
    memcpy(entry->key, key, KEY_BYTES);
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    HASH_ADD(hh, zap->entries, key, KEY_BYTES, entry);
    return 0;
}

void zap_replace(struct zap *zap, struct zap *from, enum bus_role role)
{
    struct entry *entry;
    struct entry *next;
    HASH_ITER(hh, zap->entries, entry, next)
    {
        if (entry->role == role) {
            remove_entry(zap, entry);
        }
    }
    HASH_ITER(hh, from->entries, entry, next)
    {
        HASH_DELETE(hh, from->entries, entry);
        HASH_ADD(hh, zap->entries, key, KEY_BYTES, entry);
    }
}
