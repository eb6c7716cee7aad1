/* SPDX-License-Identifier: Apache-2.0
 *
 * The message bus of the cluster: ZeroMQ ROUTER and DEALER sockets on a libuv loop, always with
 * CURVE. One struct bus per loop holds the ZeroMQ context, this process's key pair and the list of
 * public keys that may connect; sockets are opened on it.
 *
 * A ROUTER learns of a peer by its first message, so a DEALER speaks first, and again after each
 * up event. Peers have an id (the DEALER's routing id: "ND_...", new with every process) and a name
 * (what the allow-list calls the key it authenticated with; ids are claimed, names are proven).
 *
 * Handlers run on the loop. They may send and close other sockets, not the one that called them.
 */
#ifndef COMMON_BUS_BUS_H
#define COMMON_BUS_BUS_H

#include "common/base/base.h"

#include <uv.h>

#define BUS_KEY_LEN   41   /* 32 bytes as 40 characters of Z85, and a NUL */
#define BUS_ID_MAX    64   /* bytes of a peer id, NUL included */
#define BUS_NAME_MAX  64   /* bytes of a key's name, NUL included; [A-Za-z0-9._-] */
#define BUS_PATH_MAX  1024 /* bytes of a key file's path, NUL included */
#define BUS_ERROR_MAX 256  /* bytes of an error text, NUL included */

/* Of a DEALER's messages, not on the wire yet. */
#define BUS_QUEUED_BYTES_MAX ((size_t)64 << 20)

/* ---- Keys ----------------------------------------------------------------------------------
 * A key pair NAME is two text files of one Z85 line: NAME.key (secret, mode 0600) and NAME.pub. */
struct bus_keys {
    char public_key[BUS_KEY_LEN];
    char secret_key[BUS_KEY_LEN];
};

void bus_keys_new(struct bus_keys *out);

/* Writes DIR/NAME.key and DIR/NAME.pub. Refuses to replace either: ERR_EXISTS. ERR_INVALID for a
 * bad name, ERR_IO; error says which file and why. */
int bus_keys_save(const struct bus_keys *keys, const char *dir, const char *name,
                  char error[BUS_ERROR_MAX]) MUST_CHECK;

/* Reads a NAME.key file; the public half is computed. ERR_IO or ERR_INVALID with a text. */
int bus_keys_load(struct bus_keys *out, const char *secret_path,
                  char error[BUS_ERROR_MAX]) MUST_CHECK;

/* Reads a NAME.pub file. */
int bus_public_key_load(char out[BUS_KEY_LEN], const char *path,
                        char error[BUS_ERROR_MAX]) MUST_CHECK;

/* Whether text is 40 characters of Z85. */
bool bus_key_valid(const char *text);

/* ---- The bus -------------------------------------------------------------------------------- */
struct bus;
struct bus_socket;

enum bus_role { BUS_ROLE_NODE, BUS_ROLE_ORCHESTRATOR };

struct bus_config {
    uv_loop_t *loop;
    struct bus_keys keys;       /* copied */
    int io_threads;             /* ZeroMQ's: 1, or 2 for an orchestrator of thousands of nodes */
    const struct log_sink *log; /* may be NULL; outlives the bus */
};

/* ERR_IO when ZeroMQ can not start or lacks CURVE. */
int bus_new(struct bus **out, const struct bus_config *config) MUST_CHECK;

/* Closes every socket and the context, then runs the loop's close callbacks when the loop is next
 * run; the bus is gone when uv_run() has nothing of it left. Unsent messages are dropped. */
void bus_free(struct bus *bus);

/* The allow-list. ERR_EXISTS: the key is listed already. ERR_INVALID: no key, or a bad name. */
int bus_allow(struct bus *bus, enum bus_role role, const char *name,
              const char *public_key) MUST_CHECK;

/* Replaces every entry of a role by DIR's NAME.pub files; on an error nothing changes. Connections
 * that stand are not cut. */
int bus_allow_dir(struct bus *bus, enum bus_role role, const char *dir,
                  char error[BUS_ERROR_MAX]) MUST_CHECK;

/* ---- Sockets -------------------------------------------------------------------------------- */
enum bus_profile {
    BUS_CONTROL, /* high-water mark 1000 messages a peer, up to 16 MiB each: a full queue is news */
    BUS_PEER,   /* 20000 to send: one message for each client or room, and bursts of them; 1000 that
                   came and were not read */
    BUS_TUNNEL, /* high-water mark 200, up to 64 KiB each: a full queue drops, DTLS/SCTP repair */
};

struct bus_peer {
    const char *id;   /* ROUTER: the peer's routing id. DEALER: the endpoint it connects to */
    const char *name; /* ROUTER: of the key it proved. DEALER: "" (its server key was proven) */
};

/* peer, message and the strings within are borrowed for the call. */
struct bus_handlers {
    void (*on_message)(void *arg, const struct bus_peer *peer, struct bytes message);
    void (*on_peer)(void *arg, const struct bus_peer *peer, bool up); /* may be NULL */
    void *arg;
};

/* Since the socket was opened. Each message and connection that came to nothing is in one of them.
 */
struct bus_stats {
    uint64_t received, received_bytes;
    uint64_t sent, sent_bytes;
    uint64_t dropped_full;      /* sends refused by the high-water mark (ERR_FULL) */
    uint64_t dropped_unknown;   /* sends to a peer that is not connected (ERR_NOT_FOUND) */
    uint64_t dropped_malformed; /* received: not one frame, or an id that is not text */
    uint64_t dropped_spoofed;   /* received: an id that another key holds */
    uint64_t dropped_late;      /* received: from a connection that is gone already */
    uint64_t refused_key;       /* handshakes of a key that is not listed (DEALER: ours) */
    uint64_t handshake_failed;  /* other failed handshakes */
    uint64_t peers_up;          /* up events so far */
    uint64_t peers_down;        /* down events so far */
};

/* Binds endpoint ("tcp://127.0.0.1:7881", port * for any) and accepts keys of that role only.
 * ERR_IO with a text: the endpoint is in use or makes no sense. */
struct bus_router_config {
    const char *endpoint;
    enum bus_profile profile;
    enum bus_role accept;
    struct bus_handlers handlers;
};
int bus_router_bind(struct bus_socket **out, struct bus *bus,
                    const struct bus_router_config *config, char error[BUS_ERROR_MAX]) MUST_CHECK;

/* Connects to a router whose public key is known, and goes on trying, 200 ms to 3 s apart, also
 * after the router refused our key. id is our routing id, at most BUS_ID_MAX - 1 characters. */
struct bus_dealer_config {
    const char *endpoint;
    const char *server_key; /* Z85 */
    const char *id;
    enum bus_profile profile;
    struct bus_handlers handlers;
};
int bus_dealer_connect(struct bus_socket **out, struct bus *bus,
                       const struct bus_dealer_config *config,
                       char error[BUS_ERROR_MAX]) MUST_CHECK;

/* A DEALER gives its connection up and connects anew; a down event comes at once if it was up. For
 * one that hears nothing although the connection stands, as when another process has taken its id
 * over at the router. Not from its own handlers. */
void bus_reconnect(struct bus_socket *socket);

/* No handler runs after this. */
void bus_socket_close(struct bus_socket *socket);

/* Queues one message; peer is an id for a ROUTER and NULL for a DEALER. ERR_FULL: the peer's queue
 * is at its high-water mark, or a DEALER's at BUS_QUEUED_BYTES_MAX. ERR_NOT_FOUND: no such peer, or
 * a DEALER without a connection. Either way the message is dropped and counted. Never blocks. */
int bus_send(struct bus_socket *socket, const char *peer, struct bytes message);

/* How much of that a DEALER has queued. */
size_t bus_queued_bytes(const struct bus_socket *socket);

/* What a ROUTER is bound to, with the port it got, or what a DEALER connects to. Borrowed. */
const char *bus_endpoint(const struct bus_socket *socket);

const struct bus_stats *bus_stats(const struct bus_socket *socket);

/* Connected peers now. */
size_t bus_peer_count(const struct bus_socket *socket);

#endif
