/* SPDX-License-Identifier: Apache-2.0
 *
 * One loop, one thread, one core. Whatever comes in is stamped, fed, and drained:
 * packets to their sockets, messages to their links, one alarm at the core's deadline.
 *
 * The end: the first signal asks the orchestrators to move everybody away; the loop stops when the
 * last room is gone or the grace time is over, and at once on a second signal. Without any
 * orchestrator there is nobody to move people: then ALONE_MAX seconds are enough.
 */
#include "media-node/shell/parts.h"

#include "common/base/openssl.h"
#include "media-node/core/srtp/srtp.h"

#include <malloc.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND_MS   1000
#define PACKETS_MAX 512 /* polled at once: of these bursts are made */
#define PULSE_MS    100
#define ALONE_MAX   5 /* seconds */

int64_t shell_now(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

/* ---- In and out ------------------------------------------------------------------------------ */

static void send_packets(struct shell *shell)
{
    struct outbox_packet packets[PACKETS_MAX];
    size_t count;
    while ((count = node_poll_packets(shell->node, packets, PACKETS_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (packets[i].path.protocol == ICE_TCP) {
                tcp_send(shell->tcp, &packets[i]);
            } else {
                udp_send(shell->udp, &packets[i]);
            }
        }
        udp_flush(shell->udp);
    }
}

static void on_deadline(uv_timer_t *timer);

/* uv counts in milliseconds from its own idea of now: round up, and bring that up to date. */
static void set_alarm(struct shell *shell)
{
    int64_t at_us = node_deadline(shell->node);
    if (at_us == TIME_NEVER) {
        (void)uv_timer_stop(&shell->deadline);
        return;
    }
    int64_t wait_us = at_us - shell_now();
    uint64_t wait_ms = wait_us <= 0 ? 0 : (uint64_t)(wait_us + 999) / 1000;
    uv_update_time(&shell->loop);
    int err = uv_timer_start(&shell->deadline, on_deadline, wait_ms, 0);
    assert(err == 0);
}

static void send_messages(struct shell *shell)
{
    struct node_message message;
    while (node_poll_control(shell->node, &message)) {
        control_send(shell->control, &message);
    }
    while (node_poll_tunnel(shell->node, &message)) {
        tunnel_send(shell->tunnel, &message);
    }
}

void shell_drain(struct shell *shell)
{
    if (shell->stopping) {
        return;
    }
    send_packets(shell);
    send_messages(shell);
    set_alarm(shell);
}

void shell_feed(struct shell *shell, int64_t now_us, const struct node_datagram *batch,
                size_t count)
{
    size_t taken = 0;
    while (taken < count) {
        taken += node_datagrams(shell->node, now_us, batch + taken, count - taken);
        send_packets(shell);
    }
    shell_drain(shell);
}

static void on_deadline(uv_timer_t *timer)
{
    struct shell *shell = timer->data;
    node_expire(shell->node, shell_now());
    shell_drain(shell);
}

/* ---- The end --------------------------------------------------------------------------------- */

static void stop(struct shell *shell)
{
    shell->stopping = true;
    uv_stop(&shell->loop);
}

static bool registered_anywhere(const struct shell *shell)
{
    for (size_t i = 0; i < shell->config->orchestrator_count; i++) {
        if (node_registered(shell->node, i)) {
            return true;
        }
    }
    return false;
}

static void stop_if_empty(struct shell *shell)
{
    if (!shell->draining || shell->stopping) {
        return;
    }
    if (node_room_count(shell->node) == 0) {
        stop(shell);
    } else if (shell_now() >= shell->drain_end_us || shell->alone_s > ALONE_MAX) {
        log_write(shell->config->log, LOG_WARN, "drain_incomplete rooms=%zu transports=%zu",
                  node_room_count(shell->node), node_transport_count(shell->node));
        stop(shell);
    }
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct shell *shell = signal->data;
    if (shell->draining) {
        stop(shell);
        return;
    }
    log_write(shell->config->log, LOG_INFO, "draining signal=%d rooms=%zu", number,
              node_room_count(shell->node));
    shell->draining = true;
    shell->drain_end_us = shell_now() + shell->config->drain_grace_us;
    node_drain(shell->node, shell_now());
    shell_drain(shell);
    stop_if_empty(shell);
}

/* ---- Load ------------------------------------------------------------------------------------ */

static int64_t cpu_us(void)
{
    struct rusage usage;
    int err = getrusage(RUSAGE_SELF, &usage);
    assert(err == 0);
    return TIME_S(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static void give_memory_back(struct shell *shell)
{
    const struct counters *counters = node_counters(shell->node);
    if (heap_look(&shell->heap, counters->rtp_forwarded + counters->relay_out)) {
        (void)malloc_trim(HEAP_KEEP);
    }
}

static void on_second(uv_timer_t *timer)
{
    struct shell *shell = timer->data;
    int64_t now_us = shell_now();
    int64_t cpu = cpu_us();
    int64_t passed_us = MAX(now_us - shell->load_at_us, 1);
    shell->cpu_permille = (uint32_t)((cpu - shell->load_cpu_us) * 1000 / passed_us);
    shell->load_at_us = now_us;
    shell->load_cpu_us = cpu;
    shell->lag_us = shell->lag_us_max;
    shell->lag_us_max = 0;
    node_load(shell->node, shell->cpu_permille, shell->lag_us);
    give_memory_back(shell);
    shell->alone_s = registered_anywhere(shell) ? 0 : shell->alone_s + 1;
    stop_if_empty(shell);
}

static void on_pulse(uv_timer_t *timer)
{
    struct shell *shell = timer->data;
    int64_t late_us = MAX(shell_now() - shell->pulse_due_us, 0);
    shell->lag_us_max = MAX(shell->lag_us_max, (uint32_t)MIN(late_us, INT32_MAX));
    shell->pulse_due_us = shell_now() + TIME_MS(PULSE_MS);
    int err = uv_timer_start(timer, on_pulse, PULSE_MS, 0);
    assert(err == 0);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void fill_random(void *arg, void *out, size_t len)
{
    (void)arg;
    int done = RAND_bytes(out, (int)len);
    assert(done == 1); /* without randomness there are no safe keys: better to stop */
}

static void make_node(struct shell *shell)
{
    const struct shell_config *config = shell->config;
    const struct random_source random = {.fill = fill_random};
    struct node_endpoint endpoints[2 * SHELL_PORTS];
    size_t count = 0;
    for (int tcp = 0; tcp <= (config->tcp ? 1 : 0); tcp++) {
        for (uint16_t i = 0; i < config->ports; i++) {
            endpoints[count++] =
                (struct node_endpoint){.protocol = tcp != 0 ? NODE_TCP : NODE_UDP,
                                       .port = (uint16_t)(config->listen.port + i)};
        }
    }
    id_new(shell->id, "ND_", &random);
    const struct node_config node = {
        .id = shell->id,
        .name = config->name,
        .region = config->region,
        .zone = config->zone,
        .version = SPILLWAY_VERSION,
        .pid = (uint32_t)getpid(),
        .capacity = config->capacity,
        .endpoints = endpoints,
        .endpoint_count = count,
        .advertise = config->advertise,
        .advertise_count = config->advertise_count,
        .trunk = config->trunk,
        .link_count = config->orchestrator_count,
        .congestion_control = config->congestion_control,
        .random = random,
        .log = config->log,
    };
    shell->node = node_new(&node, shell_now());
}

static void start_timers(struct shell *shell)
{
    uv_timer_t *timers[] = {&shell->deadline, &shell->second, &shell->pulse};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        int err = uv_timer_init(&shell->loop, timers[i]);
        assert(err == 0);
        timers[i]->data = shell;
    }
    shell->load_at_us = shell_now();
    shell->load_cpu_us = cpu_us();
    shell->pulse_due_us = shell_now() + TIME_MS(PULSE_MS);
    int err = uv_timer_start(&shell->second, on_second, SECOND_MS, SECOND_MS);
    assert(err == 0);
    err = uv_timer_start(&shell->pulse, on_pulse, PULSE_MS, 0);
    assert(err == 0);
}

static void start_signals(struct shell *shell)
{
    uv_signal_t *signals[] = {&shell->terminate, &shell->interrupt};
    const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        int err = uv_signal_init(&shell->loop, signals[i]);
        assert(err == 0);
        signals[i]->data = shell;
        err = uv_signal_start(signals[i], on_signal, numbers[i]);
        assert(err == 0);
    }
}

MUST_CHECK static int open_all(struct shell *shell)
{
    const struct bus_config bus = {.loop = &shell->loop,
                                   .keys = shell->config->keys,
                                   .io_threads = 1,
                                   .log = shell->config->log};
    int err = udp_open(&shell->udp, shell);
    if (err == 0 && shell->config->tcp) {
        err = tcp_open(&shell->tcp, shell);
    }
    if (err == 0) {
        err = shell_probes_open(shell);
    }
    if (err == 0) {
        err = bus_new(&shell->bus, &bus);
    }
    if (err == 0) {
        err = control_open(&shell->control, shell);
    }
    if (err == 0) {
        err = tunnel_open(&shell->tunnel, shell);
    }
    return err;
}

/* In reverse. What was opened only half is closed by the same calls. */
static void close_all(struct shell *shell)
{
    shell->stopping = true;
    if (shell->tunnel != NULL) {
        tunnel_close(shell->tunnel);
    }
    if (shell->control != NULL) {
        control_close(shell->control);
    }
    if (shell->bus != NULL) {
        bus_free(shell->bus);
    }
    if (shell->probes_listener != NULL) {
        probes_close(shell->probes_listener);
    }
    if (shell->tcp != NULL) {
        tcp_close(shell->tcp);
    }
    udp_close(shell->udp);
    uv_handle_t *handles[] = {(uv_handle_t *)&shell->deadline, (uv_handle_t *)&shell->second,
                              (uv_handle_t *)&shell->pulse, (uv_handle_t *)&shell->terminate,
                              (uv_handle_t *)&shell->interrupt};
    for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
        uv_close(handles[i], NULL);
    }
    (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
}

int shell_run(const struct shell_config *config)
{
    assert(config->ports >= 1 && config->ports <= SHELL_PORTS);
    struct shell *shell = mem_alloc(sizeof(*shell));
    shell->config = config;
    int err = uv_loop_init(&shell->loop);
    assert(err == 0);
    make_node(shell);
    start_timers(shell);
    start_signals(shell);
    err = open_all(shell);
    if (err == 0) {
        char text[NET_TEXT_MAX];
        log_write(config->log, LOG_INFO,
                  "node_started id=%s name=%s pid=%d media=%s ports=%u tcp=%s", shell->id,
                  config->name, (int)getpid(), net_text(&config->listen, text), config->ports,
                  config->tcp ? "yes" : "no");
        (void)uv_run(&shell->loop, UV_RUN_DEFAULT);
        log_write(config->log, LOG_INFO, "node_stopped id=%s", shell->id);
    }
    close_all(shell);
    node_free(shell->node);
    int closed = uv_loop_close(&shell->loop);
    assert(closed == 0);
    free(shell);
    return err;
}
