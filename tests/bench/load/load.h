/* SPDX-License-Identifier: Apache-2.0
 *
 * A load run in one thread: publishers join a room, then receivers, at a given rate; when everybody
 * gets everything, packets are counted for a while, and what each receiver got is compared with
 * what was sent. Needs SIGPIPE ignored and enough open files (two a participant).
 */
#ifndef TESTS_BENCH_LOAD_LOAD_H
#define TESTS_BENCH_LOAD_LOAD_H

#include "tests/bench/load/scene.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/types.h>

#define LOAD_RECEIVERS_MAX 5000
#define LOAD_SERVERS_MAX   16
#define LOAD_PROCESSES_MAX 80
#define LOAD_FAILURES_MAX  20 /* kept as text; all are counted */
#define LOAD_FAILURE_MAX   512

struct load_process {
    char role[16];
    pid_t pid;
};

struct load_config {
    struct sockaddr_in servers[LOAD_SERVERS_MAX]; /* of signalling; taken in turn */
    size_t server_count;
    struct sockaddr_in publisher_servers[LOAD_SERVERS_MAX]; /* those of publishers, if others */
    size_t publisher_server_count;                          /* 0: the same */
    const char *key;                                        /* of the API, and its secret */
    const char *secret;
    const char *room;
    const char *prefix; /* of identities */
    size_t publishers;  /* 0: those of another run; continuity is checked, not completeness */
    size_t receivers;
    bool audio;          /* what publishers send and receivers expect */
    size_t layers;       /* of video; 0: none */
    int quality;         /* livekit.VideoQuality that receivers ask for */
    uint32_t tile_width; /* or the size they show videos in; 0: by quality */
    uint32_t tile_height;
    int64_t settle_us;      /* from when everybody gets everything until it is measured */
    int64_t tick_us;        /* see participant.h */
    unsigned loss_permille; /* of media packets, each way, by chance */
    int64_t measure_us;
    unsigned join_rate; /* participants a second */
    uint64_t lost_max;  /* packets of a track that a receiver may miss */
    int64_t gap_us_max; /* without a packet of a track, more is a failure; 0: any will do */
    struct load_process processes[LOAD_PROCESSES_MAX]; /* whose CPU time is read */
    size_t process_count;
    FILE *progress; /* a line for each stage of the run; NULL: none */
};

/* Of all receivers; packets are those sent while it was measured. */
struct load_kind {
    size_t tracks_expected;
    size_t tracks; /* that flowed */
    uint64_t expected;
    uint64_t received;
    uint64_t lost;
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t other_layers;
    struct histogram gap; /* longest time without a packet, of each track */
};

struct load_cpu {
    struct load_process process;
    int64_t used_us; /* while it was measured; -1: it ended */
};

struct load_result {
    size_t participants;
    size_t joined;
    size_t connected;
    int64_t measured_us;
    struct histogram join;    /* from the start of the WebSocket to `join` */
    struct histogram connect; /* ... to the end of the DTLS handshake */
    struct histogram first;   /* ... to the first media packet, of receivers */
    struct load_kind kinds[SCENE_KINDS];
    struct scene scene;
    uint64_t forwarded;       /* RTP packets receivers got while it was measured, all of them */
    uint64_t forwarded_bytes; /* of their payloads */
    uint64_t sent;            /* by publishers, in all */
    uint64_t key_frames;
    uint64_t repeated; /* by publishers, for a NACK */
    uint64_t repaired; /* at receivers, by RTX */
    uint64_t spare;    /* of these, not needed any more */
    uint64_t nacked;
    uint64_t plis;
    uint64_t strange; /* this and the next four are failures: see receiver.h, transport.h */
    uint64_t misrouted;
    uint64_t undecodable;
    uint64_t rejected;
    uint64_t replayed;
    uint64_t moves;
    struct load_cpu cpu[LOAD_PROCESSES_MAX];
    size_t cpu_count;
    int64_t own_cpu_us;
    size_t failed; /* participants with a failure */
    char failures[LOAD_FAILURES_MAX][LOAD_FAILURE_MAX];
    size_t failure_count; /* texts */
};

/* Returns when everybody has left. free() the result. */
struct load_result *load_run(const struct load_config *config);

/* Raises the limit of open files; ERR_FULL if so many participants still can't be. */
MUST_CHECK int load_raise_limits(size_t participants);

#endif
