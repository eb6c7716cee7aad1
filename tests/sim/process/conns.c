/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets of clients. The first message of each is what HTTP would have said: the token, a zero
 * byte, and the join request.
 */
#include "tests/sim/world/world.h"

#include <stdlib.h>
#include <uthash.h>

struct orch_conn {
    uint64_t id; /* 0: not asked for yet */
    struct net_link *link;
    UT_hash_handle hh; /* by link */
};

static int64_t now(const struct orchestrator *o)
{
    return events_now(o->sim->events);
}

static struct orch_conn *conn_at(const struct orchestrator *o, const struct net_link *link)
{
    struct orch_conn *conn;
    HASH_FIND_PTR(o->conns, &link, conn);
    return conn;
}

static struct orch_conn *conn_of(const struct orchestrator *o, uint64_t id)
{
    struct orch_conn *conn = o->conns;
    while (conn != NULL && conn->id != id) {
        conn = conn->hh.next;
    }
    return conn;
}

static void forget(struct orchestrator *o, struct orch_conn *conn)
{
    HASH_DEL(o->conns, conn);
    free(conn);
}

void conns_forget(struct orchestrator *o)
{
    while (o->conns != NULL) {
        forget(o, o->conns);
    }
}

bool conns_in(const struct orchestrator *o)
{
    const struct orch_conn *conn = o->conns;
    while (conn != NULL && conn->id == 0) {
        conn = conn->hh.next;
    }
    return conn != NULL;
}

/* ---- From the client ----------------------------------------------------------------------- */

static void on_up(void *arg, struct net_link *link)
{
    struct orchestrator *o = arg;
    struct orch_conn *conn = mem_alloc(sizeof(*conn));
    conn->link = link;
    HASH_ADD_PTR(o->conns, link, conn);
}

static void ask(struct orchestrator *o, struct orch_conn *conn, struct bytes message)
{
    char *text = mem_copy(message.data, message.len);
    const struct entry_request request = {.path = "/rtc/v1",
                                          .authorization = "",
                                          .access_token = text,
                                          .join_request = text + strlen(text) + 1,
                                          .protocol = "",
                                          .room = ""};
    conn->id = ++o->last_id;
    cluster_connect(o->cluster, now(o), conn->id, &request, "192.0.2.1");
    free(text);
}

static void on_message(void *arg, struct net_link *link, struct bytes message)
{
    struct orchestrator *o = arg;
    struct orch_conn *conn = conn_at(o, link);
    if (conn == NULL) {
        return; /* closed by us */
    }
    if (conn->id == 0) {
        ask(o, conn, message);
    } else {
        cluster_signal(o->cluster, now(o), conn->id, message);
    }
    orchestrator_drain(o);
}

static void closed(struct orchestrator *o, struct orch_conn *conn)
{
    uint64_t id = conn->id;
    forget(o, conn);
    if (id != 0) {
        cluster_disconnected(o->cluster, now(o), id);
        orchestrator_drain(o);
    }
}

static void on_down(void *arg, struct net_link *link)
{
    struct orchestrator *o = arg;
    struct orch_conn *conn = conn_at(o, link);
    if (conn != NULL) {
        closed(o, conn);
    }
}

struct net_end orchestrator_client_end(struct orchestrator *o)
{
    return (struct net_end){.up = on_up, .message = on_message, .down = on_down, .arg = o};
}

/* ---- To the client ------------------------------------------------------------------------- */

/* The client has answered our close. */
static void on_closed(void *arg, uint64_t id, struct bytes data)
{
    struct orchestrator *o = arg;
    struct orch_conn *conn = conn_of(o, id);
    (void)data;
    if (conn != NULL) {
        closed(o, conn);
    }
}

void conns_effect(struct orchestrator *o, const struct effect *effect)
{
    struct orch_conn *conn = conn_of(o, effect->id);
    if (conn == NULL) {
        return; /* closed while the core did not know yet */
    }
    if (effect->type == EFFECT_SEND) {
        struct bytes message = {effect->data, effect->len};
        traffic_to_client(o->sim, message);
        int err = net_send(conn->link, 1, message);
        assert(err != ERR_FULL); /* clients always read */
        return;
    }
    net_hang_up(conn->link, 1);
    if (effect->type == EFFECT_REFUSE) {
        forget(o, conn);
    } else {
        net_timer(o->sim->net, o->host, now(o) + TIME_MS(20), on_closed, o, effect->id);
    }
}
