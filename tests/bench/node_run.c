/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/node_run.h"

#include "common/bus/bus.h"
#include "proto/wire/wire.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS      10000
#define HEARTBEAT_MS 250

enum { CONTROL, TUNNEL, SOCKETS };

struct node_run {
    char dir[64];
    uv_loop_t loop;
    struct bus *bus;
    struct bus_socket *sockets[SOCKETS];
    struct bus_keys keys;
    uint16_t port; /* first for media; the probes' comes behind them */
    pid_t pid;
    char node[BUS_ID_MAX]; /* "" until it registered */
    size_t applied;
};

/* ---- The orchestrator ------------------------------------------------------------------------ */

static void accept_node(struct node_run *run, const char *node)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    Spillway__Control__Registered registered = SPILLWAY__CONTROL__REGISTERED__INIT;
    char id[] = "OR_1";
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED;
    message.registered = &registered;
    registered.orchestrator_id = id;
    registered.heartbeat_ms = HEARTBEAT_MS;
    size_t len;
    uint8_t *bytes = wire_pack(&message.base, &len);
    if (bus_send(run->sockets[CONTROL], node, (struct bytes){bytes, len}) != 0) {
        bench_fail("the node is gone");
    }
    free(bytes);
    snprintf(run->node, sizeof(run->node), "%s", node);
}

static void on_control(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct node_run *run = arg;
    Spillway__Control__NodeMessage *m =
        spillway__control__node_message__unpack(NULL, message.len, message.data);
    if (m == NULL) {
        bench_fail("the node talks nonsense");
    }
    if (m->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER) {
        accept_node(run, peer->id);
    } else if (m->message_case == SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK) {
        if (m->spec_ack->result != SPILLWAY__CONTROL__SPEC_ACK__RESULT__APPLIED) {
            bench_fail("spec refused: %s", m->spec_ack->reason);
        }
        run->applied++;
    }
    spillway__control__node_message__free_unpacked(m, NULL);
}

static void on_tunnel(void *arg, const struct bus_peer *peer, struct bytes message)
{
    (void)arg;
    (void)peer;
    (void)message;
}

static void open_bus(struct node_run *run)
{
    char error[BUS_ERROR_MAX];
    struct bus_keys node;
    bus_keys_new(&run->keys);
    bus_keys_new(&node);
    const struct bus_config config = {.loop = &run->loop, .keys = run->keys, .io_threads = 1};
    if (bus_keys_save(&node, run->dir, "bench", error) != 0 || bus_new(&run->bus, &config) != 0 ||
        bus_allow(run->bus, BUS_ROLE_NODE, "bench", node.public_key) != 0) {
        bench_fail("no bus");
    }
    for (int i = 0; i < SOCKETS; i++) {
        const struct bus_router_config router = {
            .endpoint = "tcp://127.0.0.1:*",
            .profile = i == CONTROL ? BUS_CONTROL : BUS_TUNNEL,
            .accept = BUS_ROLE_NODE,
            .handlers = {.on_message = i == CONTROL ? on_control : on_tunnel, .arg = run},
        };
        if (bus_router_bind(&run->sockets[i], run->bus, &router, error) != 0) {
            bench_fail("%s", error);
        }
    }
}

/* ---- The program ----------------------------------------------------------------------------- */

static void write_settings(const struct node_run *run, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        bench_fail("%s: can't be written", path);
    }
    fprintf(file,
            "name: bench\n"
            "curve: {secret_file: %s/bench.key}\n"
            "orchestrators:\n"
            "  - {control: '%s', tunnel: '%s', key: '%s'}\n"
            "media: {ip: 127.0.0.1, port_base: %u, ports: %d, tcp: true}\n"
            "probes: {listen: 127.0.0.1, port: %u}\n"
            "log: {level: warn}\n",
            run->dir, bus_endpoint(run->sockets[CONTROL]), bus_endpoint(run->sockets[TUNNEL]),
            run->keys.public_key, run->port, NODE_RUN_PORTS, run->port + NODE_RUN_PORTS);
    fclose(file);
}

static void start_program(struct node_run *run, const char *program)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/node.yaml", run->dir);
    write_settings(run, path);
    run->pid = fork();
    if (run->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the bench fail */
        execl(program, "spillway-node", "--config", path, (char *)NULL);
        _exit(127);
    }
}

struct node_run *node_run_start(const char *program)
{
    struct node_run *run = mem_alloc(sizeof(*run));
    snprintf(run->dir, sizeof(run->dir), "%s/spillway-bench-XXXXXX", P_tmpdir);
    if (mkdtemp(run->dir) == NULL || uv_loop_init(&run->loop) != 0) {
        bench_fail("%s: can't be made", run->dir);
    }
    open_bus(run);
    run->port = bench_free_ports(NODE_RUN_PORTS + 1);
    start_program(run, program);
    for (int ms = 0; run->node[0] == '\0'; ms++) {
        if (ms == WAIT_MS || waitpid(run->pid, NULL, WNOHANG) != 0) {
            bench_fail("%s does not start", program);
        }
        node_run_wait(run, 1);
    }
    return run;
}

static void remove_files(const struct node_run *run)
{
    static const char *const names[] = {"node.yaml", "bench.key", "bench.pub"};
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", run->dir, names[i]);
        unlink(path);
    }
    rmdir(run->dir);
}

void node_run_stop(struct node_run *run)
{
    kill(run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
    bus_free(run->bus);
    uv_run(&run->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&run->loop);
    remove_files(run);
    free(run);
}

/* ---- Use ------------------------------------------------------------------------------------- */

pid_t node_run_pid(const struct node_run *run)
{
    return run->pid;
}

struct sockaddr_in node_run_addr(const struct node_run *run, size_t port)
{
    assert(port < NODE_RUN_PORTS);
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(run->port + port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void node_run_step(struct node_run *run)
{
    uv_run(&run->loop, UV_RUN_NOWAIT);
}

void node_run_wait(struct node_run *run, int ms)
{
    for (int i = 0; i < ms; i++) {
        node_run_step(run);
        bench_sleep_ms(1);
    }
}

void node_run_spec(struct node_run *run, struct room_spec *spec)
{
    size_t len;
    size_t applied = run->applied;
    uint8_t *bytes = room_spec_pack(spec, &len);
    if (bus_send(run->sockets[CONTROL], run->node, (struct bytes){bytes, len}) != 0) {
        bench_fail("the node is gone");
    }
    free(bytes);
    room_spec_fini(spec);
    for (int ms = 0; run->applied == applied; ms++) {
        if (ms == WAIT_MS) {
            bench_fail("a spec is not applied");
        }
        node_run_wait(run, 1);
    }
}
