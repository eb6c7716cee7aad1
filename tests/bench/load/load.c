/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/load.h"

#include "tests/bench/load/judge.h"
#include "tests/bench/load/participant.h"
#include "tests/bench/load/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS     64
#define TICK_US    TIME_MS(10)
#define SEND_US    500
#define IDLE_MS    5 /* waiting when nobody sends */
#define PUBLISH_US TIME_S(20)
#define SETTLE_US  TIME_S(15)   /* after the last one began to join */
#define FOREIGN_US TIME_S(3)    /* to settle, when publishers are not ours */
#define DOUBLES_US TIME_MS(500) /* behind what is measured */
#define DRAIN_US   TIME_S(3)    /* for what is still under way then */
#define LOOK_US    TIME_MS(50)  /* between two looks at everybody */
#define LEAVE_US   TIME_MS(300)
#define FD_SPARE   64

struct member {
    struct participant *participant;
    bool ws_watched;
    bool udp_watched;
    bool dropped; /* failed, and is not watched any more */
};

struct load {
    const struct load_config *config;
    struct load_result *result;
    struct prng prng;
    struct transport_batch *batch;
    int epoll;
    struct member *members; /* publishers first */
    size_t count;           /* of these have begun to join */
    int64_t tick_us;
    int64_t send_us;
};

static int64_t clock_us(clockid_t id)
{
    struct timespec now = {0};
    if (clock_gettime(id, &now) != 0) {
        return -1;
    }
    return TIME_S(now.tv_sec) + now.tv_nsec / 1000;
}

static int64_t monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* Exact, where /proc/PID/stat counts ticks of 10 ms; -1: it is gone. */
static int64_t cpu_us(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? clock_us(clock) : -1;
}

int load_raise_limits(size_t participants)
{
    struct rlimit files;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur < 2 * participants + FD_SPARE ? ERR_FULL : 0;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static void watch(struct load *load, int fd, uint32_t events, uint64_t number)
{
    struct epoll_event event = {.events = events, .data.u64 = number};
    int err = epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event);
    assert(err == 0); /* the limits were raised */
}

/* New sockets are watched, those of the failed no more. */
static void update_watches(struct load *load, size_t i)
{
    struct member *member = &load->members[i];
    int ws = participant_ws_fd(member->participant);
    int udp = participant_udp_fd(member->participant);
    if (participant_failure(member->participant) != NULL) {
        if (member->ws_watched) {
            (void)epoll_ctl(load->epoll, EPOLL_CTL_DEL, ws, NULL);
        }
        if (member->udp_watched) {
            (void)epoll_ctl(load->epoll, EPOLL_CTL_DEL, udp, NULL);
        }
        member->dropped = true;
        return;
    }
    if (!member->ws_watched && ws >= 0) {
        member->ws_watched = true;
        watch(load, ws, EPOLLIN | EPOLLOUT | EPOLLET, i << 1);
    }
    if (!member->udp_watched && udp >= 0) {
        member->udp_watched = true;
        watch(load, udp, EPOLLIN, i << 1 | 1);
    }
}

static void take_event(struct load *load, uint64_t number, int64_t now_us)
{
    struct member *member = &load->members[number >> 1];
    if (member->dropped) {
        return;
    }
    if (number & 1) {
        participant_on_udp(member->participant, now_us, load->batch);
    } else {
        participant_on_ws(member->participant, now_us);
    }
    update_watches(load, number >> 1);
}

/* Not more often than every SEND_US; returns the time. */
static int64_t send_media(struct load *load)
{
    int64_t now_us = monotonic_us();
    size_t count = MIN(load->count, load->config->publishers);
    if (now_us >= load->send_us) {
        load->send_us = now_us + SEND_US;
        for (size_t i = 0; i < count; i++) {
            participant_send(load->members[i].participant, monotonic_us());
        }
    }
    return now_us;
}

static void tick(struct load *load, int64_t now_us)
{
    for (size_t i = 0; i < load->count; i++) {
        if (!load->members[i].dropped) {
            participant_tick(load->members[i].participant, now_us);
            update_watches(load, i);
        }
    }
    load->tick_us = now_us + TICK_US;
}

static void step(struct load *load)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load->epoll, events, EVENTS, load->config->publishers > 0 ? 1 : IDLE_MS);
    int64_t now_us = send_media(load);
    for (int i = 0; i < count; i++) {
        take_event(load, events[i].data.u64, now_us);
        now_us = send_media(load); /* who has much to read is not late to send */
    }
    if (now_us >= load->tick_us) {
        tick(load, now_us);
    }
}

static bool all_dropped(const struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        if (!load->members[i].dropped) {
            return false;
        }
    }
    return load->count == load->result->participants;
}

/* Nobody left is the end, too. */
static void run_until(struct load *load, int64_t end_us)
{
    while (monotonic_us() < end_us && !all_dropped(load)) {
        step(load);
    }
}

/* ---- The course ------------------------------------------------------------------------------ */

static struct sockaddr_in server_of(const struct load_config *config, size_t i)
{
    if (i >= config->publishers) {
        return config->servers[(i - config->publishers) % config->server_count];
    }
    return config->publisher_server_count == 0
               ? config->servers[i % config->server_count]
               : config->publisher_servers[i % config->publisher_server_count];
}

static void add_member(struct load *load)
{
    const struct load_config *config = load->config;
    size_t i = load->count++;
    struct participant_config member = {
        .scene = &load->result->scene,
        .server = server_of(config, i),
        .key = config->key,
        .secret = config->secret,
        .room = config->room,
        .publisher = i < config->publishers ? (int)i : -1,
        .audio = config->audio,
        .layers = config->layers,
        .quality = config->quality,
        .tile_width = config->tile_width,
        .tile_height = config->tile_height,
        .tick_us = config->tick_us,
        .loss_permille = config->loss_permille,
    };
    bool publishes = i < config->publishers;
    snprintf(member.identity, sizeof(member.identity), "%s-%s-%zu", config->prefix,
             publishes ? "publisher" : "receiver", publishes ? i : i - config->publishers);
    load->members[i].participant = participant_new(&member, &load->prng);
    participant_join(load->members[i].participant, monotonic_us());
    update_watches(load, i);
}

static void join_up_to(struct load *load, size_t count)
{
    int64_t next_us = monotonic_us();
    while (load->count < count) {
        if (monotonic_us() >= next_us) {
            add_member(load);
            next_us += TIME_S(1) / load->config->join_rate;
        }
        step(load);
    }
}

static bool all_publish(const struct load *load)
{
    for (size_t i = 0; i < load->config->publishers; i++) {
        const struct member *member = &load->members[i];
        if (!member->dropped && !participant_publishing(member->participant)) {
            return false;
        }
    }
    return true;
}

static bool flows(const struct receiver *receiver, size_t publisher, enum scene_kind kind)
{
    const struct receiver_track *track = receiver_track(receiver, (uint16_t)publisher, kind);
    return track != NULL && track->flows;
}

static bool gets_everything(const struct load *load, const struct receiver *receiver)
{
    for (size_t i = 0; i < load->config->publishers; i++) {
        if (load->members[i].dropped) {
            continue;
        }
        if ((load->config->audio && !flows(receiver, i, SCENE_AUDIO)) ||
            (load->config->layers > 0 && !flows(receiver, i, SCENE_VIDEO))) {
            return false;
        }
    }
    return true;
}

static bool all_settled(const struct load *load)
{
    for (size_t i = load->config->publishers; i < load->count; i++) {
        const struct member *member = &load->members[i];
        if (!member->dropped && !gets_everything(load, participant_receiver(member->participant))) {
            return false;
        }
    }
    return true;
}

static bool has_counted(const struct load *load, const struct receiver *receiver, size_t i,
                        enum scene_kind kind)
{
    const struct receiver_track *track = receiver_track(receiver, (uint16_t)i, kind);
    const struct publisher *publisher = participant_publisher(load->members[i].participant);
    uint8_t stream = kind == SCENE_AUDIO ? 0 : load->result->scene.wanted;
    return track == NULL || track->account.received >= publisher_counted(publisher, stream);
}

/* Nothing is under way any more, as far as we know: of publishers that are not ours we don't. */
static bool all_arrived(const struct load *load)
{
    for (size_t i = load->config->publishers; i < load->count; i++) {
        const struct receiver *receiver = participant_receiver(load->members[i].participant);
        for (size_t j = 0; j < load->config->publishers; j++) {
            if (!has_counted(load, receiver, j, SCENE_AUDIO) ||
                !has_counted(load, receiver, j, SCENE_VIDEO)) {
                return false;
            }
        }
    }
    return true;
}

static void wait_for(struct load *load, bool (*done)(const struct load *), int64_t patience_us)
{
    int64_t end_us = monotonic_us() + patience_us;
    while (!done(load) && monotonic_us() < end_us && !all_dropped(load)) {
        run_until(load, monotonic_us() + LOOK_US);
    }
}

static uint64_t count_forwarded(const struct load *load, uint64_t *bytes)
{
    uint64_t packets = 0;
    *bytes = 0;
    for (size_t i = load->config->publishers; i < load->count; i++) {
        const struct receiver_stats *stats =
            receiver_stats(participant_receiver(load->members[i].participant));
        packets += stats->packets;
        *bytes += stats->bytes;
    }
    return packets;
}

/* CPU time and packets, relative to the last call. */
static void read_meters(struct load *load)
{
    struct load_result *result = load->result;
    uint64_t bytes;
    uint64_t packets = count_forwarded(load, &bytes);
    result->forwarded = packets - result->forwarded;
    result->forwarded_bytes = bytes - result->forwarded_bytes;
    result->own_cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID) - result->own_cpu_us;
    result->cpu_count = load->config->process_count;
    for (size_t i = 0; i < result->cpu_count; i++) {
        struct load_cpu *cpu = &result->cpu[i];
        int64_t used_us = cpu_us(load->config->processes[i].pid);
        cpu->process = load->config->processes[i];
        cpu->used_us = used_us < 0 || cpu->used_us < 0 ? -1 : used_us - cpu->used_us;
    }
}

static void tell(const struct load *load, const char *stage)
{
    if (load->config->progress != NULL) {
        fprintf(load->config->progress, "spillway-load: %s\n", stage);
        fflush(load->config->progress);
    }
}

/* NULL: it is nowhere, or there are too many. */
static struct scene_node *node_of(struct scene *scene, const struct participant *p)
{
    const struct sockaddr_in *addr = participant_node(p);
    for (size_t i = 0; i < scene->node_count && addr != NULL; i++) {
        if (memcmp(&scene->nodes[i].addr, addr, sizeof(*addr)) == 0) {
            return &scene->nodes[i];
        }
    }
    if (addr == NULL || scene->node_count == SCENE_NODES_MAX) {
        return NULL;
    }
    struct scene_node *node = &scene->nodes[scene->node_count++];
    node->addr = *addr;
    return node;
}

static void begin_receiver(struct scene *scene, const struct participant *p)
{
    struct scene_node *node = node_of(scene, p);
    if (node != NULL) {
        node->receivers++;
    }
    receiver_begin(participant_receiver(p), node);
}

static void measure(struct load *load)
{
    struct scene *scene = &load->result->scene;
    scene->begin_us = monotonic_us();
    scene->end_us = scene->begin_us + load->config->measure_us;
    for (size_t i = load->config->publishers; i < load->count; i++) {
        begin_receiver(scene, load->members[i].participant);
    }
    read_meters(load);
    run_until(load, scene->end_us);
    read_meters(load);
    load->result->measured_us = monotonic_us() - scene->begin_us;
    tell(load, "measured");
    run_until(load, scene->end_us + DOUBLES_US);
    wait_for(load, all_arrived, DRAIN_US);
    for (size_t i = load->config->publishers; i < load->count; i++) {
        receiver_end(participant_receiver(load->members[i].participant));
    }
}

static void judge(struct load *load)
{
    struct participant **all = mem_array(load->count, sizeof(struct participant *));
    for (size_t i = 0; i < load->count; i++) {
        all[i] = load->members[i].participant;
    }
    judge_run(load->config, all, load->result);
    free(all);
}

static void leave(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        if (!load->members[i].dropped) {
            participant_leave(load->members[i].participant);
        }
    }
    run_until(load, monotonic_us() + LEAVE_US);
    for (size_t i = 0; i < load->count; i++) {
        participant_free(load->members[i].participant);
    }
}

static uint8_t wanted_stream(const struct load_config *config)
{
    if (config->tile_width == 0 || config->layers == 0) {
        return (uint8_t)MIN((size_t)config->quality + 1, config->layers);
    }
    return source_covering(config->layers, config->tile_width, config->tile_height);
}

static struct load *load_new(const struct load_config *config)
{
    struct load *load = mem_alloc(sizeof(*load));
    load->config = config;
    load->result = mem_alloc(sizeof(*load->result));
    load->result->participants = config->publishers + config->receivers;
    load->result->scene.begin_us = load->result->scene.end_us = TIME_NEVER;
    load->result->scene.wanted = wanted_stream(config);
    load->result->scene.lossy = config->loss_permille > 0;
    load->batch = transport_batch_new();
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->members = mem_array(load->result->participants, sizeof(*load->members));
    prng_seed(&load->prng, (uint64_t)clock_us(CLOCK_REALTIME));
    assert(load->epoll >= 0);
    return load;
}

struct load_result *load_run(const struct load_config *config)
{
    struct load *load = load_new(config);
    struct load_result *result = load->result;
    tell(load, "publishers join");
    join_up_to(load, config->publishers);
    wait_for(load, all_publish, PUBLISH_US);
    tell(load, "receivers join");
    join_up_to(load, result->participants);
    wait_for(load, all_settled, SETTLE_US);
    if (config->publishers == 0) {
        run_until(load, monotonic_us() + FOREIGN_US);
    }
    tell(load, "settling");
    run_until(load, monotonic_us() + config->settle_us);
    tell(load, "measuring");
    measure(load);
    tell(load, "done");
    judge(load);
    leave(load);
    close(load->epoll);
    transport_batch_free(load->batch);
    free(load->members);
    free(load);
    return result;
}
