/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the program itself, over real sockets: it registers at a scratch orchestrator, answers STUN
 * over UDP and TCP, carries DTLS through the tunnel and media between two clients, registers again
 * after a broken connection, drains at SIGTERM, and refuses wrong settings with status 2.
 *
 *     test (orchestrator: two ROUTERs)  <-- ZeroMQ -->  spillway-node  <-- UDP, TCP -->  test
 * (clients)
 */
#include "common/bus/bus.h"
#include "proto/wire/wire.h"
#include "tests/lib/media_client.h"
#include "tests/lib/room_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define TIMEOUT_MS 15000
#define CLIENTS    2
#define WORKERS    2

struct client {
    struct media_client *media;
    int fd;
    uint16_t port;
};

struct test {
    char dir[64];
    uv_loop_t loop;
    struct bus *bus;
    struct bus_socket *control;
    struct bus_socket *tunnel;
    struct bus_keys keys;
    char endpoints[2][64];
    uint16_t media_port;
    uint16_t probes_port;
    pid_t pid;
    char node[BUS_ID_MAX]; /* who spoke last */
    char name[64];         /* who registered last */
    pid_t node_pid;
    size_t registered;
    size_t rooms; /* in the last registration */
    size_t heartbeats;
    size_t drainings;
    size_t paths;
    size_t media;
    size_t applied;
    size_t tunnelled;
    uint64_t tunnel_transport;
    struct client clients[CLIENTS];
};

/* ---- Waiting --------------------------------------------------------------------------------- */

static void take_datagrams(struct test *t)
{
    uint8_t data[2048];
    uint8_t answer[MEDIA_CLIENT_PACKET];
    struct media_incoming *changed;
    for (size_t i = 0; i < CLIENTS; i++) {
        ssize_t len;
        while ((len = recv(t->clients[i].fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
            size_t back =
                media_client_receive(t->clients[i].media, data, (size_t)len, answer, &changed);
            if (back > 0) {
                assert_int_equal(send(t->clients[i].fd, answer, back, 0), (ssize_t)back);
            }
        }
    }
}

static bool wait_step(struct test *t, int *left_ms)
{
    if (*left_ms <= 0) {
        return false;
    }
    uv_run(&t->loop, UV_RUN_NOWAIT);
    take_datagrams(t);
    poll(NULL, 0, 2);
    *left_ms -= 2;
    return true;
}

#define WAIT(t, condition)                                                                         \
    do {                                                                                           \
        int left_ms = TIMEOUT_MS;                                                                  \
        while (!(condition) && wait_step((t), &left_ms)) {                                         \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void run_for(struct test *t, int ms)
{
    while (wait_step(t, &ms)) {
    }
}

/* ---- The orchestrator ------------------------------------------------------------------------ */

static void accept_node(struct test *t)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Registered registered = SPILLWAY__CONTROL__REGISTERED__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED;
    message.registered = &registered;
    registered.orchestrator_id = (char[]){"OR_1"};
    registered.heartbeat_ms = 50;
    size_t len;
    uint8_t *bytes = wire_pack(&message.base, &len);
    assert_int_equal(bus_send(t->control, t->node, (struct bytes){bytes, len}), 0);
    free(bytes);
}

static void take_events(struct test *t, const Spillway__Control__Events *events)
{
    for (size_t i = 0; i < events->n_events; i++) {
        t->paths += events->events[i]->event_case == SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED;
        t->media += events->events[i]->event_case == SPILLWAY__CONTROL__EVENT__EVENT_MEDIA_ARRIVED;
    }
}

static void on_control(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct test *t = arg;
    Spillway__Control__NodeMessage *m =
        spillway__control__node_message__unpack(NULL, message.len, message.data);
    assert_non_null(m);
    snprintf(t->node, sizeof(t->node), "%s", peer->id);
    switch (m->message_case) {
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER:
        assert_string_equal(m->register_->node_id, peer->id);
        assert_int_equal(m->register_->n_endpoints, 4);
        snprintf(t->name, sizeof(t->name), "%s", m->register_->name);
        t->node_pid = (pid_t)m->register_->pid;
        t->rooms = m->register_->n_rooms;
        t->registered++;
        accept_node(t);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT:
        t->heartbeats++;
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK:
        t->applied += m->spec_ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED;
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS:
        take_events(t, m->events);
        break;
    case SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_DRAINING:
        t->drainings++;
        break;
    default:
        break;
    }
    spillway__control__node_message__free_unpacked(m, NULL);
}

static void on_tunnel(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct test *t = arg;
    (void)peer;
    Spillway__Control__TunnelFrame *frame =
        spillway__control__tunnel_frame__unpack(NULL, message.len, message.data);
    assert_non_null(frame);
    t->tunnelled += frame->n_datagrams;
    t->tunnel_transport = frame->transport;
    spillway__control__tunnel_frame__free_unpacked(frame, NULL);
}

static void open_router(struct test *t, int which)
{
    char error[BUS_ERROR_MAX];
    struct bus_socket **socket = which == 0 ? &t->control : &t->tunnel;
    const struct bus_router_config config = {
        .endpoint = t->endpoints[which],
        .profile = which == 0 ? BUS_CONTROL : BUS_TUNNEL,
        .accept = BUS_ROLE_NODE,
        .handlers = {.on_message = which == 0 ? on_control : on_tunnel, .arg = t},
    };
    int err = bus_router_bind(socket, t->bus, &config, error);
    if (err != 0) {
        print_error("%s\n", error);
    }
    assert_int_equal(err, 0);
    char bound[64];
    snprintf(bound, sizeof(bound), "%s", bus_endpoint(*socket));
    memcpy(t->endpoints[which], bound, sizeof(bound));
}

static void send_spec(struct test *t, struct room_spec *spec)
{
    size_t len;
    size_t applied = t->applied;
    uint8_t *bytes = room_spec_pack(spec, &len);
    assert_int_equal(bus_send(t->control, t->node, (struct bytes){bytes, len}), 0);
    free(bytes);
    room_spec_fini(spec);
    WAIT(t, t->applied > applied);
}

/* ---- The program ----------------------------------------------------------------------------- */

/* A port that was free a moment ago, with count - 1 free ones behind it, UDP and TCP. */
static uint16_t free_ports(int count)
{
    for (uint16_t port = (uint16_t)(20000 + getpid() % 10000); port < 60000; port += 7) {
        int bound = 0;
        for (int i = 0; i < count * 2; i++) {
            int fd = socket(AF_INET, i % 2 == 0 ? SOCK_DGRAM : SOCK_STREAM, 0);
            struct sockaddr_in addr = {.sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)(port + i / 2)),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
            bound += bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
            close(fd);
        }
        if (bound == count * 2) {
            return port;
        }
    }
    fail_msg("no free ports");
    return 0;
}

static void write_settings(const struct test *t)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/node.yaml", t->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "name: scratch\n"
            "curve: {secret_file: %s/scratch.key}\n"
            "orchestrators:\n"
            "  - {control: '%s', tunnel: '%s', key: '%s'}\n"
            "media: {ip: 127.0.0.1, port_base: %u, ports: 2, tcp: true}\n"
            "probes: {listen: 127.0.0.1, port: %u}\n"
            "log: {level: warn}\n",
            t->dir, t->endpoints[0], t->endpoints[1], t->keys.public_key, t->media_port,
            t->probes_port);
    fclose(file);
}

static pid_t start_program(const struct test *t, const char *extra, const char *value)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/node.yaml", t->dir);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
        execl(SPILLWAY_NODE, "spillway-node", "--config", path, extra, value, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static int wait_for_exit(pid_t pid)
{
    int status = 0;
    for (int i = 0; i < TIMEOUT_MS / 10; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            return status;
        }
        poll(NULL, 0, 10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return status;
}

static void make_keys(struct test *t)
{
    char error[BUS_ERROR_MAX];
    struct bus_keys node;
    bus_keys_new(&t->keys);
    bus_keys_new(&node);
    assert_int_equal(bus_keys_save(&node, t->dir, "scratch", error), 0);
    const struct bus_config config = {.loop = &t->loop, .keys = t->keys, .io_threads = 1};
    assert_int_equal(bus_new(&t->bus, &config), 0);
    assert_int_equal(bus_allow(t->bus, BUS_ROLE_NODE, "scratch", node.public_key), 0);
}

static struct test *start(const char *extra, const char *value)
{
    struct test *t = mem_alloc(sizeof(*t));
    snprintf(t->dir, sizeof(t->dir), "/tmp/spillway-node-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    assert_int_equal(uv_loop_init(&t->loop), 0);
    make_keys(t);
    for (int i = 0; i < 2; i++) {
        snprintf(t->endpoints[i], sizeof(t->endpoints[i]), "tcp://127.0.0.1:*");
        open_router(t, i);
        t->clients[i].fd = -1;
    }
    t->media_port = free_ports(2 * WORKERS + WORKERS);
    t->probes_port = (uint16_t)(t->media_port + 2 * WORKERS);
    write_settings(t);
    t->pid = start_program(t, extra, value);
    return t;
}

static void finish(struct test *t)
{
    static const char *const files[] = {"node.yaml", "scratch.key", "scratch.pub"};
    char path[128];
    for (size_t i = 0; i < CLIENTS; i++) {
        if (t->clients[i].media != NULL) {
            media_client_free(t->clients[i].media);
            close(t->clients[i].fd);
        }
    }
    bus_free(t->bus);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", t->dir, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(t->dir), 0);
    free(t);
}

/* ---- Clients --------------------------------------------------------------------------------- */

static struct sockaddr_in node_address(const struct test *t, int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(t->media_port + port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Client i speaks to UDP port i of the node. */
static void join(struct test *t, size_t i)
{
    static const char *const ufrags[] = {"srvA", "srvB"};
    const struct media_client_config config = {.ufrag = "cliX",
                                               .pwd = "clientpassword12345678",
                                               .server_ufrag = ufrags[i],
                                               .server_pwd = "serverpassword12345678",
                                               .seed = i + 1};
    struct client *client = &t->clients[i];
    struct sockaddr_in addr = node_address(t, (int)i);
    client->media = media_client_new(&config);
    client->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static void check(struct test *t, size_t i)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    unsigned answers = t->clients[i].media->answers;
    size_t len = media_client_check(t->clients[i].media, true, data);
    assert_int_equal(send(t->clients[i].fd, data, len, 0), (ssize_t)len);
    WAIT(t, t->clients[i].media->answers > answers);
}

static void meet(struct test *t)
{
    struct room_spec spec;
    WAIT(t, t->registered == 1 && t->heartbeats > 0);
    assert_string_equal(t->name, "scratch");
    assert_int_equal(t->node_pid, t->pid);
    join(t, 0);
    join(t, 1);
    room_spec_init(&spec, "RM_1", 1, 0, 1);
    room_spec_transport(&spec, 11, t->clients[0].media, true);
    room_spec_transport(&spec, 12, t->clients[1].media, true);
    room_spec_audio(&spec, 2, 11, "1");
    const struct room_spec_want want = {31, 2, 12, "6", 8000, true};
    room_spec_subscription(&spec, &want);
    send_spec(t, &spec);
    check(t, 0);
    check(t, 1);
    WAIT(t, t->paths == 2);
}

static void talk(struct test *t, int packets)
{
    struct media_client *a = t->clients[0].media;
    if (a->source_count == 0) {
        const struct media_source audio = {.mid = "1", .audio = true};
        media_client_publish(a, &audio);
    }
    for (int i = 0; i < packets; i++) {
        uint8_t data[MEDIA_CLIENT_PACKET];
        size_t len = media_client_send(a, &a->sources[0], data);
        assert_int_equal(send(t->clients[0].fd, data, len, 0), (ssize_t)len);
    }
}

static unsigned heard(const struct test *t)
{
    const struct media_incoming *in = media_client_incoming(t->clients[1].media, "6");
    return in == NULL ? 0 : in->packets;
}

/* One request to the probes; returns the status, and the body's start in out. */
static int ask_probe(struct test *t, const char *path, char *out, size_t cap)
{
    char text[128];
    struct sockaddr_in addr = node_address(t, 2 * WORKERS);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, text, (size_t)len, 0), len);
    size_t got = 0;
    ssize_t n;
    while (got + 1 < cap && (n = recv(fd, out + got, cap - 1 - got, 0)) > 0) {
        got += (size_t)n;
    }
    out[got] = '\0';
    close(fd);
    int status = 0;
    assert_int_equal(sscanf(out, "HTTP/1.1 %d", &status), 1);
    return status;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_meeting(void **state)
{
    (void)state;
    struct test *t = start(NULL, NULL);
    static char page[65536];
    meet(t);
    talk(t, 100);
    WAIT(t, heard(t) == 100 && t->media == 1); /* told over the bus: later than what is heard */
    assert_int_equal(media_client_incoming(t->clients[1].media, "6")->gaps, 0);
    static const uint8_t hello[] = {22, 254, 253, 0};
    assert_int_equal(send(t->clients[1].fd, hello, sizeof(hello), 0), (ssize_t)sizeof(hello));
    WAIT(t, t->tunnelled == 1);
    assert_int_equal(t->tunnel_transport, 12);
    Spillway__Control__TunnelFrame frame = SPILLWAY__CONTROL__TUNNEL_FRAME__INIT;
    ProtobufCBinaryData datagram = {sizeof(hello), (uint8_t *)(uintptr_t)hello};
    frame.transport = 12;
    frame.n_datagrams = 1;
    frame.datagrams = &datagram;
    uint8_t packed[64];
    size_t len = spillway__control__tunnel_frame__pack(&frame, packed);
    assert_int_equal(bus_send(t->tunnel, t->node, (struct bytes){packed, len}), 0);
    WAIT(t, t->clients[1].media->dtls == 1);
    assert_int_equal(ask_probe(t, "/livez", page, sizeof(page)), 200);
    assert_int_equal(ask_probe(t, "/readyz", page, sizeof(page)), 200);
    assert_int_equal(ask_probe(t, "/metrics", page, sizeof(page)), 200);
    assert_non_null(strstr(page, "\nspillway_node_rtp_forwarded_total 100\n"));
    assert_non_null(strstr(page, "\nspillway_node_transports 2\n"));
    assert_non_null(strstr(page, "\nspillway_node_state{state=\"ready\"} 1\n"));
    assert_non_null(strstr(page, "\nspillway_node_state{state=\"draining\"} 0\n"));
    assert_null(strstr(page, "\nspillway_node_weight 0\n"));

    /* The orchestrator's connection breaks: media goes on, and the node registers again. */
    bus_socket_close(t->control);
    run_for(t, 300);
    talk(t, 50);
    WAIT(t, heard(t) == 150);
    open_router(t, 0);
    WAIT(t, t->registered == 2);
    assert_int_equal(t->rooms, 1);

    /* It asks to be left, and ends when its room has gone. */
    kill(t->pid, SIGTERM);
    WAIT(t, t->drainings > 0);
    assert_int_equal(ask_probe(t, "/readyz", page, sizeof(page)), 503);
    assert_int_equal(ask_probe(t, "/metrics", page, sizeof(page)), 200);
    assert_non_null(strstr(page, "\nspillway_node_state{state=\"draining\"} 1\n"));
    talk(t, 50);
    WAIT(t, heard(t) == 200);
    struct room_spec spec;
    room_spec_init(&spec, "RM_1", 1, 0, 2);
    spec.message.dropped = true;
    send_spec(t, &spec);
    int status = wait_for_exit(t->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    finish(t);
}

/* The same client over TCP: its STUN and media are framed. A stranger is cut off. */
static void test_tcp(void **state)
{
    (void)state;
    struct test *t = start(NULL, NULL);
    uint8_t data[2 + MEDIA_CLIENT_PACKET];
    meet(t);
    struct sockaddr_in addr = node_address(t, 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    size_t len = media_client_check(t->clients[1].media, true, data + 2);
    be16_put(data, (uint16_t)len);
    assert_int_equal(send(fd, data, 1, 0), 1); /* in two pieces */
    run_for(t, 20);
    assert_int_equal(send(fd, data + 1, len + 1, 0), (ssize_t)len + 1);
    WAIT(t, t->paths == 3);
    assert_true(recv(fd, data, 2, MSG_WAITALL) == 2);
    assert_true(recv(fd, data + 2, be16_get(data), MSG_WAITALL) == be16_get(data));
    assert_int_equal(stun_classify(data + 2, be16_get(data)), PACKET_STUN);
    talk(t, 1);
    assert_true(recv(fd, data, 2, MSG_WAITALL) == 2);
    assert_true(recv(fd, data + 2, be16_get(data), MSG_WAITALL) == be16_get(data));
    assert_int_equal(stun_classify(data + 2, be16_get(data)), PACKET_RTP);
    static const uint8_t too_long[] = {0xff, 0xff};
    assert_int_equal(send(fd, too_long, 2, 0), 2);
    while (recv(fd, data, sizeof(data), 0) > 0) { /* ends: the node hangs up */
    }
    close(fd);
    kill(t->pid, SIGTERM);
    run_for(t, 50);
    kill(t->pid, SIGTERM); /* a second one ends it at once, room or not */
    assert_int_equal(wait_for_exit(t->pid), 0);
    finish(t);
}

/* Several workers, each a node of its own with its own ports; one that is killed comes back, and
 * the parent ends them all. */
static void test_workers(void **state)
{
    (void)state;
    struct test *t = start("--workers", "2");
    WAIT(t, t->registered == 2);
    char last[sizeof(t->name)];
    memcpy(last, t->name, sizeof(last));
    assert_true(strcmp(last, "scratch-1") == 0 || strcmp(last, "scratch-2") == 0);
    assert_int_not_equal(t->node_pid, t->pid);
    pid_t killed = t->node_pid;
    kill(killed, SIGKILL);
    WAIT(t, t->registered == 3);
    assert_string_equal(t->name, last);
    assert_int_not_equal(t->node_pid, killed);
    kill(t->pid, SIGTERM);
    assert_int_equal(wait_for_exit(t->pid), 0);
    assert_int_equal(kill(t->node_pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    finish(t);
}

/* No start, and status 2. */
static void test_wrong_settings(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "workers=foo",
        "media.prots=3",
        "media.ip=localhost",
        "media.ip=0.0.0.0",
        "media.port_base=999999",
        "log.level=loud",
        "media.advertise=[nowhere]",
    };
    struct test *t = start("--check", NULL);
    assert_int_equal(wait_for_exit(t->pid), 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int status = wait_for_exit(start_program(t, "--set", wrong[i]));
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 2);
    }
    finish(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meeting),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_wrong_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
