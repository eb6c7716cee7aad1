/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/bus; grouped by the file that defines it.
 */
#ifndef COMMON_BUS_INTERNAL_H
#define COMMON_BUS_INTERNAL_H

#include "common/bus/bus.h"

#include <uthash.h>
#include <utlist.h>
#include <zmq.h>

#define KEY_BYTES 32 /* a CURVE key outside of its Z85 text */

/* ---- pump.c: one ZeroMQ socket on the loop ----------------------------------------------------
 * ZMQ_FD is edge-triggered: it becomes readable once when the socket's state changes, so whoever
 * wakes has to drain until EAGAIN, and any call on the socket, a send too, may swallow the edge. */
struct pump {
    uint32_t magic;
    struct bus *bus;
    void *zmq;
    uv_poll_t poll;
    uv_idle_t again; /* runs the drain in the next turn of the loop */
    bool (*drain)(void *owner);
    void *owner;
};

/* drain reads until EAGAIN and returns false, or stops early, out of fairness to the rest of the
 * loop, and returns true to be called again. ERR_IO: the loop can not watch the socket. */
int pump_open(struct pump *pump, struct bus *bus, void *zmq, bool (*drain)(void *), void *owner);
void pump_kick(struct pump *pump);
/* To be called after each send: drains in the next turn if the send swallowed an edge. */
void pump_check(struct pump *pump);
/* Stops watching. The ZeroMQ socket may be closed right after; the memory is in use until the loop
 * has run bus_handle_closed() for both handles. */
void pump_close(struct pump *pump);

/* ---- bus.c --------------------------------------------------------------------------------------
 */
struct bus {
    uint32_t magic;
    uv_loop_t *loop;
    const struct log_sink *log;
    struct bus_keys keys;
    void *context;
    struct zap *zap;
    struct bus_socket *sockets; /* open ones */
    size_t handles;             /* uv handles of this bus not closed yet */
    bool freed;                 /* bus_free() was called: goes with the last handle */
    struct bus_socket *closed;  /* wait for the last handle too */
};

/* Every uv handle of the bus is counted in and out, and closed with bus_handle_closed(). Its data
 * is the bus while it closes. */
void bus_handle_opened(struct bus *bus);
void bus_handle_close(struct bus *bus, uv_handle_t *handle);

/* ---- zap.c: who may connect (ZeroMQ RFC 27) -----------------------------------------------------
 */
struct zap;
int zap_new(struct zap **out, struct bus *bus);
void zap_close(struct zap *zap); /* no more requests are answered */
void zap_free(struct zap *zap);
int zap_allow(struct zap *zap, enum bus_role role, const char *name, const char *public_key);
void zap_replace(struct zap *zap, struct zap *from, enum bus_role role);
struct zap *zap_list_new(void); /* a list without a socket, for zap_replace */
const char *zap_domain(enum bus_role role);

/* ---- keys.c -------------------------------------------------------------------------------------
 */
bool keys_name_valid(const char *name);

/* ---- socket.c: what routers and dealers share
 * ---------------------------------------------------- */

/* One accepted TCP connection of a router (architecture: fd <-> peer through ZMQ_SRCFD). */
struct connection {
    int fd;
    bool spoofed;        /* claimed an id that was not its own: nothing of it is heard */
    char id[BUS_ID_MAX]; /* "" until its first message */
    char name[BUS_NAME_MAX];
    UT_hash_handle by_fd;
    UT_hash_handle by_id; /* only with an id */
};

struct backlog;

struct bus_socket {
    uint32_t magic;
    struct bus *bus;
    void *zmq;
    void *monitor; /* PAIR */
    struct pump pump;
    struct pump monitor_pump;
    struct bus_handlers handlers;
    struct bus_stats stats;
    char endpoint[256];
    bool router;
    bool in_handler;
    bool closing;

    /* router */
    struct connection *by_fd;
    struct connection *by_id;

    /* dealer */
    bool up;
    struct backlog *backlog;
    int fd;           /* of the connection that stands or is being made, -1 none */
    uv_timer_t retry; /* after the router refused our key, which ends ZeroMQ's own reconnecting */

    struct bus_socket *prev, *next; /* in bus->sockets or bus->closed */
};

struct socket_config {
    int type; /* ZMQ_ROUTER or ZMQ_DEALER */
    enum bus_profile profile;
    struct bus_handlers handlers;
    const char *server_key; /* DEALER */
    const char *id;         /* DEALER */
    const char *domain;     /* ROUTER */
};

/* A socket with every option set, not bound or connected yet, watched and monitored. */
int socket_open(struct bus_socket **out, struct bus *bus, const struct socket_config *config,
                char error[BUS_ERROR_MAX]);
void socket_on_peer(struct bus_socket *socket, const char *id, const char *name, bool up);
void socket_on_message(struct bus_socket *socket, const char *id, const char *name, zmq_msg_t *msg);
int socket_set_int(void *zmq, int option, int value);

/* ---- backlog.c: bytes that ZeroMQ holds ---- */
struct backlog *backlog_new(void);
void backlog_release(struct backlog *backlog);
size_t backlog_bytes(struct backlog *backlog);
/* A copy of the message, counted until ZeroMQ lets go of it. */
void backlog_lend(struct backlog *backlog, struct bytes message, zmq_msg_t *out);

/* ---- monitor.c ----------------------------------------------------------------------------------
 */
int monitor_open(struct bus_socket *socket);
/* Handles every event that is there. Cheap when there is none. */
bool monitor_drain(void *arg);

/* ---- router.c -----------------------------------------------------------------------------------
 */
bool router_drain(void *arg);
void router_accepted(struct bus_socket *socket, int fd);
void router_disconnected(struct bus_socket *socket, int fd);
int router_send(struct bus_socket *socket, const char *peer, struct bytes message);
void router_fini(struct bus_socket *socket);

/* ---- dealer.c -----------------------------------------------------------------------------------
 */
bool dealer_drain(void *arg);
void dealer_connecting(struct bus_socket *socket, int fd);
void dealer_connected(struct bus_socket *socket);
void dealer_disconnected(struct bus_socket *socket, int fd);
void dealer_refused(struct bus_socket *socket);
int dealer_send(struct bus_socket *socket, struct bytes message);

#define DRAIN_MAX 256 /* messages of one socket before the rest of the loop gets its turn */

#endif
