/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what 10,000 receivers cost one node for whom nothing flows: its memory for each, alone and
 * with a subscription to a camera and a microphone, and once something flowed; and the CPU time
 * that all of them take.
 *
 *     bench_receivers [--flow | --signs] SPILLWAY_NODE [RECEIVERS]
 *
 * With --flow, which takes a minute more: what they cost when a lot flowed, what of that is left
 * after a rest, and what once all rooms have ended. With --signs: what each report and each check
 * costs, by how many come together.
 *
 * Rooms of a publisher and 25 receivers. The node is driven by its control protocol: keys come with
 * the spec, every client authenticates by a STUN check and repeats it, receivers send reports. What
 * rooms and publishers take is in the sum.
 */
#include "tests/bench/bench.h"
#include "tests/bench/node_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVERS 10000
#define ROOM      25 /* receivers of one */
#define VIDEO     1  /* tracks */
#define AUDIO     2
#define IDLE_MS   3000
#define KB_WANTED 20
#define SIGN_US   TIME_MS(700) /* with --signs: between two of a client */

/* Of each camera, until all that is remembered of a stream is full. */
#define FLOW_FRAMES  10
#define FLOW_PACKETS 30    /* of a frame */
#define FLOW_MS      3     /* for one to its room */
#define REST_MS      21000 /* 5 to 10 s until streams rest, up to 10 more until memory goes back */

struct crowd {
    struct node_run *run;
    struct node_client *clients; /* of a room: the publisher, and the receivers behind it */
    size_t rooms;
    size_t count;                  /* of clients */
    struct media_source **cameras; /* by room */
    struct node_client_turns turns;
    struct bench_memory empty;
};

static size_t receivers(const struct crowd *crowd)
{
    return crowd->rooms * ROOM;
}

/* ---- Rooms ----------------------------------------------------------------------------------- */

static void begin_spec(struct room_spec *spec, size_t room, uint64_t base, uint64_t version)
{
    char name[32];
    snprintf(name, sizeof(name), "RM_%zu", room);
    room_spec_init(spec, name, 1, base, version);
}

static void tell_transports(struct crowd *crowd, size_t room)
{
    struct room_spec spec;
    size_t first = room * (ROOM + 1);
    begin_spec(&spec, room, 0, 1);
    for (size_t i = first; i <= first + ROOM; i++) {
        room_spec_transport(&spec, node_client_id(i), crowd->clients[i].media, true);
    }
    node_run_spec(crowd->run, &spec);
}

static void tell_subscriptions(struct crowd *crowd, size_t room)
{
    struct room_spec spec;
    size_t first = room * (ROOM + 1);
    begin_spec(&spec, room, 1, 2);
    room_spec_video(&spec, VIDEO, node_client_id(first), "0", NULL);
    room_spec_audio(&spec, AUDIO, node_client_id(first), "1");
    for (size_t i = 1; i <= ROOM; i++) {
        uint32_t id = 2 * (uint32_t)i;
        const struct room_spec_want video = {.id = id,
                                             .track = VIDEO,
                                             .transport = node_client_id(first + i),
                                             .mid = "2",
                                             .ssrc = 10 * id};
        const struct room_spec_want audio = {.id = id + 1,
                                             .track = AUDIO,
                                             .transport = node_client_id(first + i),
                                             .mid = "3",
                                             .ssrc = 10 * id + 2,
                                             .audio = true};
        room_spec_subscription(&spec, &video);
        room_spec_subscription(&spec, &audio);
    }
    node_run_spec(crowd->run, &spec);
}

static void end_rooms(struct crowd *crowd)
{
    for (size_t room = 0; room < crowd->rooms; room++) {
        struct room_spec spec;
        begin_spec(&spec, room, 0, 3);
        spec.message.dropped = true;
        node_run_spec(crowd->run, &spec);
    }
}

/* ---- The crowd ------------------------------------------------------------------------------- */

/* What comes back to them is left in their sockets. */
static void keep(struct crowd *crowd, int ms)
{
    for (int i = 0; i < ms; i++) {
        node_clients_keep(&crowd->turns, crowd->clients, crowd->count);
        node_run_wait(crowd->run, 1);
    }
}

static void join(struct crowd *crowd, const char *program)
{
    crowd->run = node_run_start(program);
    node_run_wait(crowd->run, 500);
    crowd->empty = bench_process_memory(node_run_pid(crowd->run));
    crowd->clients = mem_array(crowd->count, sizeof(*crowd->clients));
    crowd->cameras = mem_array(crowd->rooms, sizeof(struct media_source *));
    for (size_t i = 0; i < crowd->count; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            bench_fail("no socket for client %zu", i);
        }
        node_client_init(&crowd->clients[i], crowd->run, i, fd);
    }
    for (size_t room = 0; room < crowd->rooms; room++) {
        tell_transports(crowd, room);
        node_clients_check(&crowd->clients[room * (ROOM + 1)], ROOM + 1, crowd->run);
    }
    crowd->turns.due_us = bench_now_us();
    keep(crowd, 500);
}

static void leave(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        node_client_fini(&crowd->clients[i]);
        close(crowd->clients[i].fd);
    }
    free(crowd->cameras);
    free(crowd->clients);
    node_run_stop(crowd->run);
}

/* A picture and a sound for everybody. */
static void play(struct crowd *crowd)
{
    const struct media_source video = {.mid = "0"};
    const struct media_source audio = {.mid = "1", .audio = true, .level = 20};
    for (size_t room = 0; room < crowd->rooms; room++) {
        uint8_t data[MEDIA_CLIENT_PACKET];
        struct node_client *publisher = &crowd->clients[room * (ROOM + 1)];
        crowd->cameras[room] = media_client_publish(publisher->media, &video);
        struct media_source *microphone = media_client_publish(publisher->media, &audio);
        node_client_frame(publisher, crowd->cameras[room], 1);
        node_client_send(publisher, data, media_client_send(publisher->media, microphone, data));
        keep(crowd, 1);
    }
}

static void flow(struct crowd *crowd)
{
    for (size_t frame = 0; frame < FLOW_FRAMES; frame++) {
        for (size_t room = 0; room < crowd->rooms; room++) {
            node_client_frame(&crowd->clients[room * (ROOM + 1)], crowd->cameras[room],
                              FLOW_PACKETS);
            keep(crowd, FLOW_MS);
        }
    }
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static void print_memory(const struct crowd *crowd, const char *what)
{
    struct bench_memory now = bench_process_memory(node_run_pid(crowd->run));
    printf("  %-46s %8.1f MB resident, %5.2f KB each (wanted at rest: under %d)\n", what,
           (double)now.total_kb / 1024,
           (double)(now.total_kb - crowd->empty.total_kb) / (double)receivers(crowd), KB_WANTED);
}

static void print_idle(struct crowd *crowd)
{
    pid_t pid = node_run_pid(crowd->run);
    int64_t cpu_us = bench_process_cpu_us(pid);
    int64_t wall_us = bench_now_us();
    keep(crowd, (int)bench_amount(IDLE_MS, 500));
    cpu_us = bench_process_cpu_us(pid) - cpu_us;
    wall_us = bench_now_us() - wall_us;
    printf("  idle, each with a report every 0.7 s and a check every 2.8 s: %.1f %% of a core\n",
           100 * (double)cpu_us / (double)wall_us);
}

/* ---- Signs of life --------------------------------------------------------------------------- */

/* Of the node, in a second. */
struct spending {
    double cpu_us;
    double wakes;
};

static void send_nothing(const struct node_client *client)
{
    (void)client;
}

/* What a browser says of its camera all the time. */
static void send_report(const struct node_client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct rtcp_report about = {.ssrc = 20};
    const struct media_feedback report = {.report = &about};
    node_client_send(client, data, media_client_rtcp(client->media, &report, data));
}

/* All clients in turn, so many of them at once. */
static struct spending spend(struct crowd *crowd, void (*send)(const struct node_client *client),
                             size_t at_once)
{
    pid_t pid = node_run_pid(crowd->run);
    const int64_t step_us = SIGN_US * (int64_t)at_once / (int64_t)crowd->count;
    const int64_t begin_us = bench_now_us();
    const int64_t end_us = begin_us + TIME_MS(bench_amount(IDLE_MS, 200));
    int64_t due_us = begin_us;
    int64_t cpu_us = bench_process_cpu_us(pid);
    uint64_t wakes = bench_process_wakes(pid);
    size_t next = 0;
    while (due_us < end_us) {
        for (; due_us <= bench_now_us(); due_us += step_us) {
            for (size_t i = 0; i < at_once; i++) {
                send(&crowd->clients[next]);
                next = (next + 1) % crowd->count;
            }
        }
        node_run_wait(crowd->run, 1);
    }
    cpu_us = bench_process_cpu_us(pid) - cpu_us;
    wakes = bench_process_wakes(pid) - wakes;
    double seconds = (double)(bench_now_us() - begin_us) / 1e6;
    return (struct spending){.cpu_us = (double)cpu_us / seconds, .wakes = (double)wakes / seconds};
}

static void run_signs(struct crowd *crowd)
{
    static const struct {
        const char *what;
        void (*send)(const struct node_client *client);
        size_t at_once;
    } signs[] = {{"reports, one by one", send_report, 1},
                 {"reports, 16 at once", send_report, 16},
                 {"checks, one by one", node_client_check, 1},
                 {"checks, 16 at once", node_client_check, 16}};
    const double rate = 1e6 / (double)SIGN_US * (double)crowd->count;
    const struct spending silent = spend(crowd, send_nothing, 1);
    printf("  silence: %.1f %% of a core, %.0f wakes a second\n", silent.cpu_us / 1e4,
           silent.wakes);
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        const struct spending spent = spend(crowd, signs[i].send, signs[i].at_once);
        printf("  %s: %.1f %%, %.0f wakes; of %.0f a second, %.1f us each beyond silence\n",
               signs[i].what, spent.cpu_us / 1e4, spent.wakes, rate,
               (spent.cpu_us - silent.cpu_us) / rate);
    }
}

static void run_idle(struct crowd *crowd, const char *program)
{
    join(crowd, program);
    printf("%zu receivers in %zu rooms, in one node (empty: %.1f MB resident)\n", receivers(crowd),
           crowd->rooms, (double)crowd->empty.total_kb / 1024);
    print_memory(crowd, "connected");
    for (size_t room = 0; room < crowd->rooms; room++) {
        tell_subscriptions(crowd, room);
    }
    keep(crowd, 500);
    print_memory(crowd, "each with a camera and a microphone that rest");
    print_idle(crowd);
    play(crowd);
    keep(crowd, 500);
    print_memory(crowd, "... that were seen and heard once");
}

static void run_flow(struct crowd *crowd)
{
    flow(crowd);
    keep(crowd, 500);
    print_memory(crowd, "... of which 300 packets of video came");
    keep(crowd, REST_MS);
    print_memory(crowd, "... and then nothing for 21 s");
    end_rooms(crowd);
    node_run_wait(crowd->run, REST_MS);
    print_memory(crowd, "when all rooms have ended");
}

int main(int argc, char **argv)
{
    struct crowd crowd = {0};
    bool flows = argc > 1 && strcmp(argv[1], "--flow") == 0;
    bool signs = argc > 1 && strcmp(argv[1], "--signs") == 0;
    argc -= flows || signs;
    argv += flows || signs;
    size_t wanted = argc < 3 ? bench_amount(RECEIVERS, 10 * ROOM) : strtoul(argv[2], NULL, 10);
    if (argc < 2 || argc > 3 || wanted == 0 || wanted % ROOM != 0) {
        bench_fail("usage: bench_receivers [--flow | --signs] SPILLWAY_NODE "
                   "[RECEIVERS (times %d)]",
                   ROOM);
    }
    crowd.rooms = wanted / ROOM;
    crowd.count = crowd.rooms * (ROOM + 1);
    bench_allow_files(crowd.count + 64);
    bench_go_first();
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_print_machine();
    run_idle(&crowd, argv[1]);
    if (flows) {
        run_flow(&crowd);
    }
    if (signs) {
        run_signs(&crowd);
    }
    leave(&crowd);
    return 0;
}
