/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: data channels keep what they promise (order, reliability, limits, closing) over a network
 * that loses, repeats and reorders, and whatever a peer sends; all under virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/shell/sctp/dcep.h"
#include "orchestrator/shell/sctp/internal.h" /* to send what the interface rightly refuses */
#include "tests/lib/openssl_time.h"
#include "tests/lib/wire.h"

static int64_t now_us; /* never goes back, over all tests */

/* What one side saw. */
struct seen {
    int opened, closed, drained, failed;
    enum orch_sctp_failure failure;
    struct orch_sctp_channel channel; /* of the last OPENED or CLOSED, without label */
    char label[ORCH_SCTP_LABEL_MAX];
    size_t messages;
    struct orch_sctp_message last; /* data is a copy in `body` */
    uint8_t *body;
    uint32_t next_number; /* what an ordered stream of numbered messages must bring next */
    bool out_of_order;
    uint64_t numbers[1024]; /* how often each number came, unordered */
};

struct end {
    struct orch_sctp_stack *stack;
    struct orch_sctp *sctp;
    struct wire *out;
    struct seen seen;
};

struct pair {
    struct end server;
    struct end client;
};

static const struct wire_config perfect = {.delay_us_min = 5000, .delay_us_max = 5000};

static void end_init(struct end *end, const struct wire_config *wire)
{
    *end = (struct end){.out = wire_new(wire)};
    orch_sctp_stack_new(&end->stack);
    assert_int_equal(orch_sctp_new(&end->sctp, end->stack, 42), 0);
}

static void end_fini(struct end *end)
{
    orch_sctp_free(end->sctp);
    orch_sctp_stack_free(end->stack);
    wire_free(end->out);
    free(end->seen.body);
}

static struct pair *pair_new(const struct wire_config *up, const struct wire_config *down)
{
    struct pair *pair = mem_alloc(sizeof(*pair));
    end_init(&pair->server, down);
    end_init(&pair->client, up);
    return pair;
}

static void pair_free(struct pair *pair)
{
    end_fini(&pair->server);
    end_fini(&pair->client);
    free(pair);
}

/* ---- Numbered messages: a number, then bytes that follow from it --------------------------------
 */

static size_t numbered(uint8_t *out, uint32_t number, size_t len)
{
    be32_put(out, number);
    for (size_t i = 4; i < len; i++)
        out[i] = (uint8_t)(number * 31 + i * 7);
    return len;
}

static void check_numbered(struct seen *seen, struct bytes data)
{
    if (data.len < 4)
        return;
    uint32_t number = be32_get(data.data);
    for (size_t i = 4; i < data.len; i++)
        if (data.data[i] != (uint8_t)(number * 31 + i * 7))
            fail_msg("message %u damaged at %zu of %zu", number, i, data.len);
    if (number != seen->next_number)
        seen->out_of_order = true;
    seen->next_number = number + 1;
    if (number < ARRAY_LEN(seen->numbers))
        seen->numbers[number]++;
}

/* ---- Running ----------------------------------------------------------------------------------
 */

static void see(struct seen *seen, const struct orch_sctp_out *out)
{
    switch (out->kind) {
    case ORCH_SCTP_OPENED:
    case ORCH_SCTP_CLOSED:
        seen->opened += out->kind == ORCH_SCTP_OPENED;
        seen->closed += out->kind == ORCH_SCTP_CLOSED;
        seen->channel = out->channel;
        snprintf(seen->label, sizeof(seen->label), "%s", out->channel.label);
        break;
    case ORCH_SCTP_MESSAGE:
        assert_int_equal(out->message.stream, out->channel.stream);
        seen->messages++;
        free(seen->body);
        seen->body = mem_copy(out->message.data.data, out->message.data.len);
        seen->last = out->message;
        seen->last.data.data = seen->body;
        if (seen->last.binary)
            check_numbered(seen, seen->last.data);
        break;
    case ORCH_SCTP_DRAINED:
        seen->drained++;
        break;
    case ORCH_SCTP_FAILED:
        seen->failed++;
        seen->failure = out->failure;
        break;
    }
}

static void flush(struct end *end)
{
    struct bytes views[DATAGRAMS_MAX];
    size_t count = datagrams_view(orch_sctp_packets(end->sctp), views);
    for (size_t i = 0; i < count; i++) {
        assert_true(views[i].len <= ORCH_SCTP_PACKET_MAX);
        wire_push(end->out, now_us, views[i]);
    }
    datagrams_clear(orch_sctp_packets(end->sctp));
}

static void drain(struct end *end)
{
    struct orch_sctp_out out;
    uint64_t id;
    while (orch_sctp_stack_ready(end->stack, &id))
        assert_int_equal(id, 42);
    while (orch_sctp_poll(end->sctp, &out))
        see(&end->seen, &out);
    flush(end);
}

static void deliver(struct end *from, struct end *to)
{
    uint8_t *bytes;
    size_t len;
    while ((bytes = wire_pop(from->out, now_us, &len)) != NULL) {
        orch_sctp_receive(to->sctp, now_us, (struct bytes){bytes, len});
        free(bytes);
        drain(to);
    }
}

static void run(struct pair *pair, int64_t duration_us)
{
    int64_t end_us = now_us + duration_us;
    while (now_us < end_us) {
        drain(&pair->server);
        drain(&pair->client);
        int64_t wires = MIN(wire_deadline(pair->server.out), wire_deadline(pair->client.out));
        int64_t ticks = MIN(orch_sctp_stack_deadline(pair->server.stack), now_us + TIME_MS(10));
        now_us = MIN(MAX(MIN(wires, ticks), now_us), end_us);
        openssl_time_set(now_us);
        deliver(&pair->server, &pair->client);
        deliver(&pair->client, &pair->server);
        orch_sctp_stack_expire(pair->server.stack, now_us);
    }
    drain(&pair->server);
    drain(&pair->client);
}

static const struct orch_sctp_channel reliable = {
    .stream = 0, .label = "_reliable", .ordered = true};
static const struct orch_sctp_channel lossy = {
    .stream = 2, .label = "_lossy", .reliability = ORCH_SCTP_RETRANSMITS};

static struct pair *connected(const struct wire_config *up, const struct wire_config *down,
                              const struct orch_sctp_channel *channel)
{
    struct pair *pair = pair_new(up, down);
    assert_int_equal(orch_sctp_connect(pair->client.sctp, now_us), 0);
    for (int i = 0; i < 3000 && !(pair->client.sctp->up && pair->server.sctp->up); i++)
        run(pair, TIME_MS(10));
    assert_true(pair->client.sctp->up && pair->server.sctp->up);
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, channel), 0);
    for (int i = 0; i < 3000 && pair->server.seen.opened == 0; i++)
        run(pair, TIME_MS(10));
    assert_int_equal(pair->server.seen.opened, 1);
    return pair;
}

static int send_bytes(struct end *end, uint16_t stream, const void *bytes, size_t len, bool binary)
{
    const struct orch_sctp_message message = {stream, binary, {bytes, len}};
    return orch_sctp_send(end->sctp, now_us, &message);
}

/* ---- Tests ------------------------------------------------------------------------------------
 */

static void opens_channels_by_dcep(void **state)
{
    (void)state;
    static const struct orch_sctp_channel rows[] = {
        {0, "_reliable", true, ORCH_SCTP_RELIABLE, 0},
        {2, "_lossy", false, ORCH_SCTP_RETRANSMITS, 0},
        {4, "_data_track", false, ORCH_SCTP_RETRANSMITS, 0},
        {7, "", true, ORCH_SCTP_LIFETIME, 1500},
        {ORCH_SCTP_STREAMS - 1, "gr\xc3\xbc\xc3\x9f", false, ORCH_SCTP_RELIABLE, 0},
    };
    /* Chromium numbers them 0/2/4, Firefox 2/0/4: the label goes with the stream of its OPEN. */
    static const size_t orders[][ARRAY_LEN(rows)] = {{0, 1, 2, 3, 4}, {1, 0, 2, 4, 3}};
    for (size_t k = 0; k < ARRAY_LEN(orders); k++) {
        struct pair *pair = connected(&perfect, &perfect, &rows[orders[k][0]]);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            const struct orch_sctp_channel *row = &rows[orders[k][i]];
            if (i > 0)
                assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, row), 0);
            run(pair, TIME_MS(50));
            assert_int_equal(pair->server.seen.opened, i + 1);
            assert_string_equal(pair->server.seen.label, row->label);
            assert_int_equal(pair->server.seen.channel.stream, row->stream);
            assert_int_equal(pair->server.seen.channel.ordered, row->ordered);
            assert_int_equal(pair->server.seen.channel.reliability, row->reliability);
            assert_int_equal(pair->server.seen.channel.limit, row->limit);
            assert_int_equal(orch_sctp_stream(pair->server.sctp, row->label), row->stream);
            assert_false(channel_find(pair->client.sctp, row->stream)->ack_wanted);
        }
        assert_int_equal(orch_sctp_stream(pair->server.sctp, "other"), ERR_NOT_FOUND);
        assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &rows[0]), ERR_EXISTS);
        pair_free(pair);
    }
}

static void carries_messages_of_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        0,     1,     4,     1000,   1100,   1200,   16384,  64000,
        65535, 65536, 65537, 100000, 131072, 200000, 262143, ORCH_SCTP_MESSAGE_MAX};
    uint8_t *body = mem_alloc(ORCH_SCTP_MESSAGE_MAX + 1);
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    for (uint32_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        bool up = i % 2 == 0;
        struct end *from = up ? &pair->client : &pair->server;
        struct end *to = up ? &pair->server : &pair->client;
        size_t len = sizes[i / 2];
        numbered(body, i, MAX(len, (size_t)4));
        assert_int_equal(send_bytes(from, 0, body, len, up), 0);
        for (int k = 0; k < 200 && to->seen.messages < i / 2 + 1; k++)
            run(pair, TIME_MS(10));
        assert_int_equal(to->seen.messages, i / 2 + 1);
        assert_int_equal(to->seen.last.data.len, len);
        assert_int_equal(to->seen.last.binary, up);
        assert_memory_equal(to->seen.body, body, len);
        assert_null(to->sctp->partial.complete ? NULL : to->sctp->partial.bytes);
    }
    assert_int_equal(send_bytes(&pair->client, 0, body, ORCH_SCTP_MESSAGE_MAX + 1, true),
                     ERR_TOO_BIG);
    free(body);
    pair_free(pair);
}

static void fails_on_a_message_beyond_the_bound(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    uint8_t *body = mem_alloc(ORCH_SCTP_MESSAGE_MAX + 1);
    const struct channel *channel = channel_find(pair->client.sctp, 0);
    struct bytes data = {body, ORCH_SCTP_MESSAGE_MAX + 1};
    assert_int_equal(transmit(pair->client.sctp, channel, PPID_BINARY, data), 0);
    run(pair, TIME_S(5));
    assert_int_equal(pair->server.seen.messages, 0);
    assert_int_equal(pair->server.seen.failed, 1);
    assert_int_equal(pair->server.seen.failure, ORCH_SCTP_TOO_BIG);
    assert_int_equal(send_bytes(&pair->server, 0, "x", 1, false), ERR_STATE);
    free(body);
    pair_free(pair);
}

/* Each of the first eight packets each way is lost once. */
static void survives_loss_while_it_begins(void **state)
{
    (void)state;
    for (unsigned up = 0; up <= 8; up++) {
        for (unsigned down = 0; down <= 8; down++) {
            struct wire_config a = perfect;
            struct wire_config b = perfect;
            a.drop_mask = up == 0 ? 0 : 1u << (up - 1);
            b.drop_mask = down == 0 ? 0 : 1u << (down - 1);
            int64_t start_us = now_us;
            struct pair *pair = connected(&a, &b, &reliable);
            assert_int_equal(send_bytes(&pair->client, 0, "hello", 5, false), 0);
            assert_int_equal(send_bytes(&pair->server, 0, "there", 5, false), 0);
            for (int i = 0; i < 300; i++)
                if (pair->server.seen.messages + pair->client.seen.messages < 2)
                    run(pair, TIME_MS(10));
            assert_int_equal(pair->server.seen.messages, 1);
            assert_int_equal(pair->client.seen.messages, 1);
            assert_in_range(now_us - start_us, 0, TIME_S(4));
            pair_free(pair);
        }
    }
}

static const struct wire_config rough = {
    .seed = 7,
    .loss_permille = 300,
    .repeat_permille = 100,
    .delay_us_min = 5000,
    .delay_us_max = 40000,
};

static void keeps_order_under_heavy_loss(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    struct wire_config back = rough;
    back.seed = 8;
    struct pair *pair = connected(&rough, &back, &reliable);
    struct prng prng;
    uint8_t body[8192];
    prng_seed(&prng, 3);
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t len = 4 + prng_below(&prng, i % 10 == 0 ? sizeof(body) - 4 : 200);
        numbered(body, i, len);
        assert_int_equal(send_bytes(&pair->client, 0, body, len, true), 0);
        assert_int_equal(send_bytes(&pair->server, 0, body, len, true), 0);
        run(pair, TIME_MS(5));
    }
    for (int i = 0; i < 2000; i++)
        if (pair->server.seen.messages + pair->client.seen.messages < 2 * COUNT)
            run(pair, TIME_MS(100));
    assert_int_equal(pair->server.seen.messages, COUNT);
    assert_int_equal(pair->client.seen.messages, COUNT);
    assert_false(pair->server.seen.out_of_order);
    assert_false(pair->client.seen.out_of_order);
    run(pair, TIME_S(5));
    assert_int_equal(orch_sctp_buffered(pair->server.sctp), 0);
    pair_free(pair);
}

/* maxRetransmits 0: what is lost stays lost, nothing comes twice, and nobody waits for it. */
static void a_lossy_channel_loses_and_does_not_wait(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    struct pair *pair = connected(&perfect, &perfect, &lossy);
    pair->client.out->config.loss_permille = 100;
    uint8_t body[100];
    int late = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        numbered(body, i, sizeof(body));
        uint64_t before = pair->client.out->pushed;
        size_t waiting = pair->client.out->count;
        assert_int_equal(send_bytes(&pair->client, 2, body, sizeof(body), true), 0);
        drain(&pair->client);
        bool kept = pair->client.out->count > waiting;
        assert_true(pair->client.out->pushed > before); /* left at once */
        run(pair, TIME_MS(30));
        late += kept && pair->server.seen.numbers[i] == 0;
    }
    run(pair, TIME_S(10));
    size_t arrived = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_in_range(pair->server.seen.numbers[i], 0, 1);
        arrived += pair->server.seen.numbers[i];
    }
    assert_in_range(arrived, COUNT * 8 / 10, COUNT * 97 / 100);
    assert_int_equal(late, 0);
    pair_free(pair);
}

static void closes_and_opens_again(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &lossy), 0);
    run(pair, TIME_MS(100));
    assert_int_equal(orch_sctp_close(pair->client.sctp, now_us, 2), 0);
    assert_int_equal(send_bytes(&pair->client, 2, "x", 1, false), ERR_NOT_FOUND);
    run(pair, TIME_MS(500));
    assert_int_equal(pair->server.seen.closed, 1);
    assert_string_equal(pair->server.seen.label, "_lossy");
    assert_int_equal(pair->server.seen.channel.stream, 2);
    assert_int_equal(pair->client.seen.closed, 1); /* the server reset its side by itself */
    assert_int_equal(send_bytes(&pair->server, 2, "x", 1, false), ERR_NOT_FOUND);
    assert_int_equal(orch_sctp_close(pair->client.sctp, now_us, 2), ERR_NOT_FOUND);

    const struct orch_sctp_channel other = {.stream = 2, .label = "other", .ordered = true};
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &other), 0);
    assert_int_equal(send_bytes(&pair->client, 2, "again", 5, false), 0);
    run(pair, TIME_MS(100));
    assert_int_equal(pair->server.seen.opened, 3);
    assert_string_equal(pair->server.seen.label, "other");
    assert_memory_equal(pair->server.seen.body, "again", 5);
    assert_int_equal(send_bytes(&pair->server, 0, "still", 5, false), 0);
    assert_int_equal(orch_sctp_close(pair->server.sctp, now_us, 0), 0); /* ours works as well */
    run(pair, TIME_MS(500));
    assert_int_equal(pair->client.seen.closed, 2);
    assert_int_equal(pair->server.seen.closed, 2);
    assert_memory_equal(pair->client.seen.body, "still", 5);
    pair_free(pair);
}

static void refuses_when_full_and_says_when_drained(void **state)
{
    (void)state;
    static uint8_t body[32000];
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &lossy), 0);
    run(pair, TIME_MS(100));
    pair->server.out->config.loss_permille = 1000; /* the client is away */

    uint32_t sent = 0;
    while (send_bytes(&pair->server, 0, body, numbered(body, sent, sizeof(body)), true) == 0)
        sent++;
    assert_in_range(sent, 131, 132); /* 4 MiB */
    assert_int_equal(send_bytes(&pair->server, 0, body, sizeof(body), true), ERR_FULL);
    assert_int_equal(send_bytes(&pair->server, 2, body, 10, true), ERR_FULL);
    assert_int_equal(orch_sctp_stack_stats(pair->server.stack)->lossy_dropped, 1);
    run(pair, TIME_S(60));
    assert_int_equal(pair->server.seen.drained, 0);

    pair->server.out->config.loss_permille = 0;
    run(pair, TIME_S(30));
    assert_int_equal(pair->server.seen.drained, 1);
    assert_int_equal(pair->client.seen.messages, sent);
    assert_false(pair->client.seen.out_of_order);
    assert_int_equal(orch_sctp_buffered(pair->server.sctp), 0);
    assert_int_equal(send_bytes(&pair->server, 2, body, 10, true), 0);
    pair_free(pair);
}

/* A million messages of one byte would cost a gigabyte inside usrsctp. */
static void bounds_small_messages_by_number(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    pair->server.out->config.loss_permille = 1000;
    int sent = 0;
    while (send_bytes(&pair->server, 0, "x", 1, true) == 0)
        sent++;
    assert_in_range(sent, ORCH_SCTP_QUEUED_MAX - 100, ORCH_SCTP_QUEUED_MAX);
    pair->server.out->config.loss_permille = 0;
    run(pair, TIME_S(30));
    assert_int_equal(pair->server.seen.drained, 1);
    assert_int_equal(pair->client.seen.messages, sent);
    pair_free(pair);
}

static void refuses_strange_channels(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    const struct orch_sctp_stats *stats = orch_sctp_stack_stats(pair->server.stack);
    struct orch_sctp *client = pair->client.sctp;
    const struct channel on_9 = {.info = {.stream = 9, .ordered = true}};
    uint8_t open[DCEP_OPEN_SIZE + 300] = {DCEP_OPEN};

    /* malformed: unknown type of message, of channel, cut off, a stream that has a channel */
    assert_int_equal(transmit(client, &on_9, DCEP_PPID, (struct bytes){(uint8_t *)"\x09", 1}), 0);
    open[1] = 0x70;
    assert_int_equal(transmit(client, &on_9, DCEP_PPID, (struct bytes){open, DCEP_OPEN_SIZE}), 0);
    open[1] = 0;
    assert_int_equal(transmit(client, &on_9, DCEP_PPID, (struct bytes){open, 5}), 0);
    assert_int_equal(
        transmit(client, channel_find(client, 0), DCEP_PPID, (struct bytes){open, DCEP_OPEN_SIZE}),
        0);
    run(pair, TIME_MS(200));
    assert_int_equal(stats->malformed, 4);

    /* stray: no channel on the stream, an unknown payload type */
    assert_int_equal(transmit(client, &on_9, PPID_TEXT, (struct bytes){open, 5}), 0);
    assert_int_equal(transmit(client, channel_find(client, 0), 999, (struct bytes){open, 5}), 0);
    run(pair, TIME_MS(200));
    assert_int_equal(stats->stray, 2);

    /* refused: a label that is too long, or has a NUL inside */
    be16_put(open + 8, ORCH_SCTP_LABEL_MAX);
    memset(open + DCEP_OPEN_SIZE, 'x', 300);
    struct bytes too_long = {open, DCEP_OPEN_SIZE + ORCH_SCTP_LABEL_MAX};
    assert_int_equal(transmit(client, &on_9, DCEP_PPID, too_long), 0);
    be16_put(open + 8, 3);
    open[DCEP_OPEN_SIZE + 1] = '\0';
    const struct channel on_8 = {.info = {.stream = 8, .ordered = true}};
    struct bytes with_nul = {open, DCEP_OPEN_SIZE + 3};
    assert_int_equal(transmit(client, &on_8, DCEP_PPID, with_nul), 0);
    run(pair, TIME_MS(200));
    assert_int_equal(stats->refused, 2);

    assert_int_equal(pair->server.seen.opened, 1);
    assert_int_equal(pair->server.seen.messages, 0);
    assert_int_equal(pair->server.seen.failed, 0);
    assert_int_equal(send_bytes(&pair->client, 0, "fine", 4, false), 0);
    run(pair, TIME_MS(200));
    assert_int_equal(pair->server.seen.messages, 1);
    pair_free(pair);
}

static void bounds_the_number_of_channels(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    struct orch_sctp_channel channel = {.label = "many", .ordered = true};
    for (uint16_t i = 1; i < ORCH_SCTP_CHANNELS_MAX; i++) {
        channel.stream = i;
        assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &channel), 0);
        run(pair, TIME_MS(20));
    }
    assert_int_equal(pair->server.seen.opened, ORCH_SCTP_CHANNELS_MAX);
    channel.stream++;
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &channel), ERR_FULL);

    uint8_t open[DCEP_OPEN_MAX];
    size_t len = dcep_write_open(open, &channel);
    const struct channel raw = {.info = {.stream = channel.stream, .ordered = true}};
    assert_int_equal(transmit(pair->client.sctp, &raw, DCEP_PPID, (struct bytes){open, len}), 0);
    run(pair, TIME_MS(200));
    assert_int_equal(pair->server.seen.opened, ORCH_SCTP_CHANNELS_MAX);
    assert_int_equal(orch_sctp_stack_stats(pair->server.stack)->refused, 1);
    pair_free(pair);
}

static void ends_by_abort(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    struct sctp_sndinfo info = {
        .snd_flags = SCTP_ABORT,
        .snd_assoc_id = pair->client.sctp->association,
    };
    assert_int_equal(usrsctp_sendv(pair->client.sctp->socket, "", 0, NULL, 0, &info, sizeof(info),
                                   SCTP_SENDV_SNDINFO, 0),
                     0);
    flush(&pair->client);
    run(pair, TIME_MS(200));
    assert_int_equal(pair->server.seen.failed, 1);
    assert_int_equal(pair->server.seen.failure, ORCH_SCTP_BY_PEER);
    pair_free(pair);
}

/* A client that lost its state: its INIT restarts the association in place. */
static void begins_anew_with_a_new_init(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    orch_sctp_free(pair->client.sctp);
    assert_int_equal(orch_sctp_new(&pair->client.sctp, pair->client.stack, 42), 0);
    assert_int_equal(orch_sctp_connect(pair->client.sctp, now_us), 0);
    run(pair, TIME_S(1));
    assert_true(pair->client.sctp->up);
    assert_int_equal(pair->server.seen.closed, 1);
    assert_int_equal(pair->server.seen.failed, 0);
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &reliable), 0);
    assert_int_equal(send_bytes(&pair->client, 0, "anew", 4, false), 0);
    run(pair, TIME_MS(200));
    assert_int_equal(pair->server.seen.opened, 2);
    assert_memory_equal(pair->server.seen.body, "anew", 4);
    pair_free(pair);
}

/* Our end is lost, and another of ours takes its place: not a word that would end the client's
 * association, whatever that still sends, but an INIT; then its channels are open as they were. */
static void resumes_what_another_front_had(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    assert_int_equal(orch_sctp_open(pair->client.sctp, now_us, &lossy), 0);
    run(pair, TIME_MS(100));
    orch_sctp_free(pair->server.sctp);
    assert_int_equal(orch_sctp_new(&pair->server.sctp, pair->server.stack, 42), 0);
    pair->server.seen.opened = 0;
    assert_int_equal(send_bytes(&pair->client, 0, "old", 3, false), 0);
    run(pair, TIME_S(3)); /* and is sent again and again */
    assert_true(pair->client.sctp->up);
    assert_int_equal(pair->client.seen.failed, 0);
    assert_int_equal(pair->server.seen.messages, 0);

    const struct orch_sctp_channel known[] = {reliable, lossy};
    assert_int_equal(orch_sctp_resume(pair->server.sctp, now_us, known, ARRAY_LEN(known)), 0);
    run(pair, TIME_S(1));
    assert_int_equal(pair->server.seen.opened, 2);
    assert_int_equal(pair->client.seen.failed + pair->server.seen.failed, 0);
    for (size_t i = 0; i < ARRAY_LEN(known);
         i++) /* ours closes them; a browser's client does not */
        (void)channel_add(pair->client.sctp, &known[i]);
    assert_int_equal(send_bytes(&pair->client, 0, "up", 2, false), 0);
    assert_int_equal(send_bytes(&pair->server, 2, "down", 4, false), 0);
    run(pair, TIME_MS(200));
    assert_memory_equal(pair->server.seen.body, "up", 2);
    assert_memory_equal(pair->client.seen.body, "down", 4);
    assert_int_equal(pair->client.seen.last.stream, 2);
    pair_free(pair);
}

/* Channels that our end is to open are open at both as soon as the client's INIT is answered, and
 * take messages at once. */
static void opens_what_the_client_waits_for(void **state)
{
    (void)state;
    static const struct orch_sctp_channel ours[] = {
        {1, "_reliable", true, ORCH_SCTP_RELIABLE, 0},
        {3, "_lossy", false, ORCH_SCTP_RETRANSMITS, 0},
    };
    struct pair *pair = pair_new(&perfect, &perfect);
    orch_sctp_offer(pair->server.sctp, ours, ARRAY_LEN(ours));
    run(pair, TIME_MS(100));
    assert_int_equal(pair->server.seen.opened, 0); /* nothing before the client begins */
    assert_int_equal(orch_sctp_connect(pair->client.sctp, now_us), 0);
    for (int i = 0; i < 100 && pair->server.seen.opened < 2; i++)
        run(pair, TIME_MS(10));
    assert_int_equal(pair->server.seen.opened, 2);
    assert_int_equal(send_bytes(&pair->server, 1, "down", 4, false), 0);
    run(pair, TIME_MS(200));
    assert_int_equal(pair->client.seen.opened, 2);
    assert_int_equal(orch_sctp_stream(pair->client.sctp, "_lossy"), 3);
    assert_memory_equal(pair->client.seen.body, "down", 4);
    assert_int_equal(send_bytes(&pair->client, 3, "up", 2, false), 0);
    run(pair, TIME_MS(200));
    assert_memory_equal(pair->server.seen.body, "up", 2);
    pair_free(pair);
}

static void idles_cheaply_and_outlives_a_long_outage(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    run(pair, TIME_S(2));
    uint64_t before = pair->server.out->pushed + pair->client.out->pushed;
    run(pair, TIME_S(300));
    uint64_t packets = pair->server.out->pushed + pair->client.out->pushed - before;
    assert_in_range(packets, 20, 44); /* a heartbeat and its answer in 30 s, both ways */

    pair->server.out->config.loss_permille = 1000;
    pair->client.out->config.loss_permille = 1000;
    assert_int_equal(send_bytes(&pair->server, 0, "kept", 4, false), 0);
    run(pair, TIME_S(120));
    pair->server.out->config.loss_permille = 0;
    pair->client.out->config.loss_permille = 0;
    run(pair, TIME_MS(2500)); /* the longest wait for a retransmission, and a bit */
    assert_int_equal(pair->client.seen.messages, 1);
    assert_int_equal(pair->server.seen.failed + pair->client.seen.failed, 0);

    pair->server.out->config.loss_permille = 1000; /* not for ever, though */
    assert_int_equal(send_bytes(&pair->server, 0, "lost", 4, false), 0);
    run(pair, TIME_S(300));
    assert_int_equal(pair->server.seen.failed, 1);
    assert_int_equal(pair->server.seen.failure, ORCH_SCTP_LOST);
    pair_free(pair);
}

static void garbage_changes_nothing(void **state)
{
    (void)state;
    struct pair *pair = connected(&perfect, &perfect, &reliable);
    struct prng prng;
    uint8_t junk[1200];
    prng_seed(&prng, 11);
    for (int i = 0; i < 2000; i++) {
        size_t len = prng_below(&prng, sizeof(junk));
        prng_fill(&prng, junk, len);
        if (len > 12 && i % 2 == 0) { /* right ports and checksum, so that it is looked into */
            be16_put(junk, ORCH_SCTP_PORT);
            be16_put(junk + 2, ORCH_SCTP_PORT);
            memset(junk + 8, 0, 4);
            uint32_t crc = usrsctp_crc32c(junk, len);
            memcpy(junk + 8, &crc, sizeof(crc));
        }
        orch_sctp_receive(pair->server.sctp, now_us, (struct bytes){junk, len});
        drain(&pair->server);
    }
    assert_int_equal(send_bytes(&pair->client, 0, "fine", 4, false), 0);
    run(pair, TIME_S(1));
    assert_int_equal(pair->server.seen.messages, 1);
    assert_int_equal(pair->server.seen.failed, 0);
    pair_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_channels_by_dcep),
        cmocka_unit_test(carries_messages_of_every_size),
        cmocka_unit_test(fails_on_a_message_beyond_the_bound),
        cmocka_unit_test(survives_loss_while_it_begins),
        cmocka_unit_test(keeps_order_under_heavy_loss),
        cmocka_unit_test(a_lossy_channel_loses_and_does_not_wait),
        cmocka_unit_test(closes_and_opens_again),
        cmocka_unit_test(refuses_when_full_and_says_when_drained),
        cmocka_unit_test(bounds_small_messages_by_number),
        cmocka_unit_test(refuses_strange_channels),
        cmocka_unit_test(bounds_the_number_of_channels),
        cmocka_unit_test(ends_by_abort),
        cmocka_unit_test(begins_anew_with_a_new_init),
        cmocka_unit_test(resumes_what_another_front_had),
        cmocka_unit_test(opens_what_the_client_waits_for),
        cmocka_unit_test(idles_cheaply_and_outlives_a_long_outage),
        cmocka_unit_test(garbage_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
