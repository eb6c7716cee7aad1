/* SPDX-License-Identifier: Apache-2.0
 *
 * Life of a bus: context and authentication handler first, sockets on top, all on one loop.
 *
 * libuv frees nothing at once: a closed handle is in use until the loop has run. So closed sockets
 * are parked, and they and the bus itself go with the last handle.
 */
#include "common/bus/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BUS_MAGIC   0x62757321
#define SOCKETS_MAX 65536 /* of ZeroMQ in this context, its own included */

static void release(struct bus *bus)
{
    struct bus_socket *socket;
    struct bus_socket *next;
    DL_FOREACH_SAFE(bus->closed, socket, next)
    {
        DL_DELETE(bus->closed, socket);
        backlog_release(socket->backlog);
        free(socket);
    }
    if (bus->freed) {
        zap_free(bus->zap);
        bus->magic = 0;
        free(bus);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct bus *bus = handle->data;
    assert(bus->magic == BUS_MAGIC && bus->handles > 0);
    bus->handles--;
    if (bus->handles == 0) {
        release(bus);
    }
}

void bus_handle_opened(struct bus *bus)
{
    bus->handles++;
}

void bus_handle_close(struct bus *bus, uv_handle_t *handle)
{
    handle->data = bus;
    uv_close(handle, on_closed);
}

int bus_new(struct bus **out, const struct bus_config *config)
{
    assert(config->loop != NULL && config->io_threads > 0);
    assert(bus_key_valid(config->keys.public_key) && bus_key_valid(config->keys.secret_key));
    if (!zmq_has("curve")) {
        return ERR_UNSUPPORTED;
    }
    struct bus *bus = mem_alloc(sizeof(*bus));
    *bus = (struct bus){
        .magic = BUS_MAGIC, .loop = config->loop, .log = config->log, .keys = config->keys};
    int err = ERR_IO;
    bus->context = zmq_ctx_new();
    if (bus->context == NULL) {
        goto out;
    }
    zmq_ctx_set(bus->context, ZMQ_IO_THREADS, config->io_threads);
    zmq_ctx_set(bus->context, ZMQ_MAX_SOCKETS, SOCKETS_MAX);
    err = zap_new(&bus->zap, bus);
    if (err == 0) {
        *out = bus;
        return 0;
    }
    zmq_ctx_term(bus->context);
out:
    free(bus);
    return err;
}

void bus_free(struct bus *bus)
{
    assert(bus->magic == BUS_MAGIC && !bus->freed);
    while (bus->sockets != NULL) {
        bus_socket_close(bus->sockets);
    }
    zap_close(bus->zap);
    bus->freed = true;
    /* Nothing lingers and every socket is closed, so this waits for the I/O threads only. */
    zmq_ctx_term(bus->context);
}

int bus_allow(struct bus *bus, enum bus_role role, const char *name, const char *public_key)
{
    assert(bus->magic == BUS_MAGIC);
    return zap_allow(bus->zap, role, name, public_key);
}

/* One entry of a key directory; other files are passed over. */
static int allow_file(struct zap *list, enum bus_role role, const char *dir, const char *file,
                      char error[BUS_ERROR_MAX])
{
    const char *dot = strrchr(file, '.');
    if (dot == NULL || strcmp(dot, ".pub") != 0) {
        return 0;
    }
    char path[BUS_PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path)) {
        snprintf(error, BUS_ERROR_MAX, "%.100s: path too long", file);
        return ERR_INVALID;
    }
    char key[BUS_KEY_LEN];
    int err = bus_public_key_load(key, path, error);
    if (err != 0) {
        return err;
    }
    char name[BUS_PATH_MAX];
    snprintf(name, sizeof(name), "%.*s", (int)(dot - file), file);
    err = zap_allow(list, role, name, key);
    if (err != 0) {
        snprintf(error, BUS_ERROR_MAX, "%.200s: %s", path,
                 err == ERR_EXISTS ? "this key has another name already" : "no name for a key");
    }
    return err;
}

int bus_allow_dir(struct bus *bus, enum bus_role role, const char *dir, char error[BUS_ERROR_MAX])
{
    assert(bus->magic == BUS_MAGIC);
    DIR *handle = opendir(dir);
    if (handle == NULL) {
        snprintf(error, BUS_ERROR_MAX, "%.200s: %s", dir, strerror(errno));
        return ERR_IO;
    }
    struct zap *list = zap_list_new();
    int err = 0;
    for (struct dirent *entry; err == 0 && (entry = readdir(handle)) != NULL;) {
        err = allow_file(list, role, dir, entry->d_name, error);
    }
    closedir(handle);
    if (err == 0) {
        zap_replace(bus->zap, list, role);
    }
    zap_free(list);
    return err;
}
