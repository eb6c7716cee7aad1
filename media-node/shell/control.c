/* SPDX-License-Identifier: Apache-2.0
 *
 * Control messages: a DEALER to each orchestrator, whose routing id is the node's id.
 *
 * Happy path: the connection comes up, the core registers, messages go both ways.
 *
 * What fails:
 *   - The connection breaks: the core is told, and again when it is back; it registers anew, and
 *     the orchestrator sends every room whole.
 *   - The queue is full (an orchestrator that hangs): control must not have holes, so the link
 *     counts as broken, and as back a second later.
 */
#include "media-node/shell/parts.h"

#include <stdlib.h>

#define BACK_MS 1000

struct control_link {
    struct control *control;
    struct bus_socket *socket;
    size_t index;
    bool up; /* as the core knows it */
};

struct control {
    struct shell *shell;
    struct control_link links[NODE_LINKS_MAX];
    size_t count;
    uv_timer_t back; /* looks for links to call up again */
};

static void call_up(struct control_link *link)
{
    struct shell *shell = link->control->shell;
    link->up = true;
    node_link_up(shell->node, shell_now(), link->index);
}

static void call_down(struct control_link *link)
{
    struct shell *shell = link->control->shell;
    if (link->up) {
        link->up = false;
        node_link_down(shell->node, shell_now(), link->index);
    }
}

static void on_peer(void *arg, const struct bus_peer *peer, bool up)
{
    struct control_link *link = arg;
    struct shell *shell = link->control->shell;
    log_write(shell->config->log, up ? LOG_INFO : LOG_WARN, "orchestrator_%s endpoint=%s",
              up ? "connected" : "disconnected", peer->id);
    call_down(link);
    if (up) {
        call_up(link);
    }
    shell_drain(shell);
}

static void on_message(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct control_link *link = arg;
    struct shell *shell = link->control->shell;
    (void)peer;
    if (link->up) {
        node_control(shell->node, shell_now(), link->index, message);
        shell_drain(shell);
    }
}

void control_send(struct control *control, const struct node_message *message)
{
    struct control_link *link = &control->links[message->link];
    if (!link->up) {
        return; /* was queued before the link went down */
    }
    if (bus_send(link->socket, NULL, message->bytes) == ERR_FULL) {
        control->shell->counters.control_full++;
        call_down(link);
        (void)uv_timer_again(&control->back);
    }
}

static void on_back(uv_timer_t *timer)
{
    struct control *control = timer->data;
    (void)uv_timer_stop(timer);
    for (size_t i = 0; i < control->count; i++) {
        struct control_link *link = &control->links[i];
        if (!link->up && bus_peer_count(link->socket) > 0) {
            call_up(link);
        }
    }
    shell_drain(control->shell);
}

int control_open(struct control **out, struct shell *shell)
{
    const struct shell_config *config = shell->config;
    struct control *control = mem_alloc(sizeof(*control));
    control->shell = shell;
    *out = control;
    int err = uv_timer_init(&shell->loop, &control->back);
    assert(err == 0);
    control->back.data = control;
    uv_timer_start(&control->back, on_back, BACK_MS, BACK_MS);
    for (size_t i = 0; i < config->orchestrator_count; i++) {
        struct control_link *link = &control->links[i];
        *link = (struct control_link){.control = control, .index = i};
        const struct bus_dealer_config dealer = {
            .endpoint = config->orchestrators[i].control,
            .server_key = config->orchestrators[i].key,
            .id = shell->id,
            .profile = BUS_CONTROL,
            .handlers = {.on_message = on_message, .on_peer = on_peer, .arg = link},
        };
        char error[BUS_ERROR_MAX];
        err = bus_dealer_connect(&link->socket, shell->bus, &dealer, error);
        if (err != 0) {
            log_write(config->log, LOG_ERROR, "connect_failed endpoint=%s reason=\"%s\"",
                      dealer.endpoint, error);
            return err; /* the caller closes what is open */
        }
        control->count++;
    }
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void control_close(struct control *control)
{
    for (size_t i = 0; i < control->count; i++) {
        bus_socket_close(control->links[i].socket);
    }
    uv_close((uv_handle_t *)&control->back, on_closed);
}
