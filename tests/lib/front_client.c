/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/front_client.h"

#include <stdlib.h>

struct front_client *front_client_new(uint64_t transport, const struct dtls_client_config *dtls,
                                      const struct wire_config *up, const struct wire_config *down)
{
    struct front_client *client = mem_alloc(sizeof(*client));
    client->transport = transport;
    client->dtls = dtls_client_new(dtls);
    client->up = wire_new(up);
    client->down = wire_new(down);
    orch_sctp_stack_new(&client->stack);
    return client;
}

void front_client_free(struct front_client *client)
{
    if (client->sctp != NULL)
        orch_sctp_free(client->sctp);
    orch_sctp_stack_free(client->stack);
    dtls_client_free(client->dtls);
    wire_free(client->up);
    wire_free(client->down);
    free(client->body);
    free(client);
}

void front_client_start(struct front_client *client, struct front *front)
{
    const struct front_fingerprint own = {"sha-256", dtls_client_fingerprint(client->dtls)};
    int err = front_open(front, client->transport, &own);
    assert(err == 0);
    dtls_client_start(client->dtls);
}

static void see(struct front_client *client, const struct orch_sctp_out *out)
{
    switch (out->kind) {
    case ORCH_SCTP_OPENED:
        client->channels_answered++;
        break;
    case ORCH_SCTP_MESSAGE:
        client->messages++;
        client->bytes += out->message.data.len;
        free(client->body);
        client->body = mem_copy(out->message.data.data, out->message.data.len);
        client->last = out->message;
        client->last.data.data = client->body;
        break;
    case ORCH_SCTP_CLOSED:
        client->closed++;
        break;
    case ORCH_SCTP_FAILED:
        client->failed++;
        break;
    case ORCH_SCTP_DRAINED:
        break;
    }
}

static void run_sctp(struct front_client *client, int64_t now_us)
{
    if (client->sctp == NULL && dtls_client_connected(client->dtls)) {
        int err = orch_sctp_new(&client->sctp, client->stack, client->transport);
        assert(err == 0);
        err = orch_sctp_connect(client->sctp, now_us);
        assert(err == 0);
    }
    uint8_t *bytes;
    size_t len;
    while ((bytes = dtls_client_plain(client->dtls, &len)) != NULL) {
        orch_sctp_receive(client->sctp, now_us, (struct bytes){bytes, len});
        free(bytes);
    }
    if (client->sctp == NULL)
        return;
    uint64_t id;
    struct orch_sctp_out out;
    while (orch_sctp_stack_ready(client->stack, &id)) {
    }
    while (orch_sctp_poll(client->sctp, &out))
        see(client, &out);
    struct bytes views[DATAGRAMS_MAX];
    size_t count = datagrams_view(orch_sctp_packets(client->sctp), views);
    for (size_t i = 0; i < count; i++)
        dtls_client_send(client->dtls, views[i].data, views[i].len);
    datagrams_clear(orch_sctp_packets(client->sctp));
}

void front_client_step(struct front_client *client, int64_t now_us)
{
    uint8_t *bytes;
    size_t len;
    while ((bytes = wire_pop(client->down, now_us, &len)) != NULL) {
        dtls_client_receive(client->dtls, bytes, len);
        free(bytes);
        run_sctp(client, now_us);
    }
    dtls_client_expire(client->dtls);
    orch_sctp_stack_expire(client->stack, now_us);
    run_sctp(client, now_us);
    while ((bytes = dtls_client_output(client->dtls, &len)) != NULL) {
        wire_push(client->up, now_us, (struct bytes){bytes, len});
        free(bytes);
    }
}

int64_t front_client_deadline(const struct front_client *client, int64_t now_us)
{
    int64_t wires = MIN(wire_deadline(client->up), wire_deadline(client->down));
    int64_t own =
        MIN(dtls_client_deadline(client->dtls, now_us), orch_sctp_stack_deadline(client->stack));
    return MIN(wires, own);
}
